//! Public reads, for the identity that the proxy verified, in the public envelope (api contract §1.2, §5).
//!
//! Field order in the answers is the order of the contract's tables, so data is written as structs.

pub(crate) mod account;
pub(crate) mod billing;
pub(crate) mod content;
mod generation;
mod query;
mod reader;
pub(crate) mod status;
pub(crate) mod usage;

use reader::{Page, Reader};
