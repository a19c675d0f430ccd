//! Provider simulator: the providers' real wire formats on loopback, real media bytes, faults on request.
//!
//! A package of its own so that nothing of ours can leak into it: adapters meet here what they meet at the vendors.
//! It generates no images in earnest and is never part of a production image.
//!
//! | room | what it holds |
//! |---|---|
//! | [`app`](serve) | builds and ends everything |
//! | `control` | the `/_sim` routes |
//! | `behavior` | knobs and the draw per submission |
//! | `world` | what providers share; admission of submissions |
//! | `jobs`, `submissions`, `journal`, `ports` | what the folder keeps |
//! | `door` | a listener that can be shut |
//! | `providers` | one wire format each |
//! | `callbacks` | webhooks |
//! | `media`, `sizes`, `files` | the output files: bytes, dimensions, URLs |

mod app;
mod behavior;
mod callbacks;
mod control;
mod door;
mod files;
mod inbound;
mod jobs;
mod journal;
mod media;
mod paces;
mod ports;
mod provider;
mod providers;
mod sizes;
mod submissions;
mod world;

pub use app::{Config, Running, serve};
