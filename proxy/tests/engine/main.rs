//! The engine between a fake ledger and fake providers. The whole product end to end is tested in `babysea`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod callbacks;
mod create;
mod files;
mod follow;
mod ledger;
mod places;
mod provider;
mod sharing;
mod waiting;
mod world;
