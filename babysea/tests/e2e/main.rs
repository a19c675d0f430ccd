//! End to end: the real binary, real HTTP between the houses, a real database, real files. Each test has a stack of its own,
//! which must leave nothing behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout)]

mod access;
mod apart;
mod calls;
mod chaos;
mod crash;
mod dashboard;
mod everywhere;
mod failover;
mod feed;
mod front_door;
mod money;
mod providers;
mod ranking;
mod redis_server;
mod stack;
mod walk;
