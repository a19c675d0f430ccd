//! The simulator over real HTTP: what an adapter, an operator and a restart meet. No internals are reached.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod alibabacloud;
mod behaviors;
mod bfl;
mod byteplus;
mod catalogue;
mod cloudflare;
mod control;
mod fal;
mod faults;
mod lasting;
mod openai;
mod replicate;
mod rig;
mod runway;
