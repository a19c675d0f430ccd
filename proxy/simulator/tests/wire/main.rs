//! The simulator over real HTTP: what an adapter, an operator and a restart meet. No internals are reached.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod behaviors;
mod bfl;
mod cloudflare;
mod control;
mod fal;
mod lasting;
mod replicate;
mod rig;
