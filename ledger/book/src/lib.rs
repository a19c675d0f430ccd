//! Decides about money and lifecycle. Reason to exist: **(p)** purity. No I/O, no clock, no randomness, no floats.
//!
//! [`Needs::of`] says what a batch of commands must see, the store loads that into a [`Book`], [`apply`] decides every
//! command in order against what the ones before it left, and [`Book::into_effects`] says what to write.
//!
//! | room | says |
//! |---|---|
//! | [`state`] | accounts, generations, attempts, claims and entries as the book sees them |
//! | [`book`] | what is loaded, and what became of it |
//! | [`needs`] | what a batch must see |
//! | [`mod@apply`] | every rule, a file per kind of command |
//! | [`chain`] | the hash chain of an account's entries |
//! | [`replay`] | what an idempotency key answers |

pub mod apply;
pub mod book;
pub mod chain;
pub mod needs;
pub mod replay;
pub mod state;

pub use apply::apply;
pub use book::{Book, Effects};
pub use needs::Needs;
pub use replay::{CLAIM_LIFETIME_MS, replay};
pub use state::{Account, Attempt, Budget, Claim, Entry, Generation, Record};
