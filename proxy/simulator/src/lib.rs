//! Provider simulator: the providers' real wire formats on loopback, real media bytes, faults on request.
//!
//! A package of its own so that nothing of ours can leak into it: adapters meet here what they meet at the vendors.
//! It generates no images in earnest and is never part of a production image.
//!
//! At eight thousand lines the package was asked again whether it should be two. It stays one: no other house shares its
//! wires, `media` is pure but decides nothing that anyone's money or promise hangs on, and the image encoders are at home
//! in the proxy too. What size brings in circles is kept away by direction instead: `providers` lean on `world`, `jobs`
//! and `callbacks`, which know no provider's format (callbacks are worded through a function they are handed).
//!
//! | room | what it holds |
//! |---|---|
//! | [`app`](serve) | builds and ends everything |
//! | `control` | the `/_sim` routes |
//! | `behavior` | knobs and the draw per submission |
//! | `world` | what providers share; admission of submissions |
//! | `jobs`, `submissions`, `journal`, `ports` | what the folder keeps |
//! | `door`, `inbound`, `spoil` | a listener that can be shut, a request that was read, an answer that goes wrong |
//! | `providers` | one wire format each, its tables of inputs beside it |
//! | `callbacks`, `signing` | webhooks and the keys they are signed with |
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
mod signing;
mod sizes;
mod spoil;
mod submissions;
mod world;

pub use app::{Config, Running, serve};
