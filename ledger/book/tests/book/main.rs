//! Every rule of the book, without a database.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod adding;
mod attempts;
mod commands;
mod endings;
mod random;
mod removal;
mod replays;
mod reserving;
mod world;
