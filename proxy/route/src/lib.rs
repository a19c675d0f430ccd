//! Who gets this attempt and who is next. Reason to exist: **(p)** purity: no clock, no randomness, no I/O; time and
//! draws are passed in, so every rule of the contract's §10 is a test.
//!
//! | room | decides |
//! |---|---|
//! | [`breaker`] | whether a provider may be tried at all |
//! | [`limit`] | whether it may hold one more job of ours |
//! | [`order`] | in which order the providers of one generation stand |
//! | [`plan`] | where one generation is on that order |

pub mod breaker;
pub mod limit;
pub mod order;
pub mod plan;
mod window;

pub use breaker::{Admission, Breaker, BreakerState, Heard, Report, Verdict, verdict};
pub use limit::{Limit, Place, Signal, signal};
pub use order::{Candidate, Exploration, Order, is_switched_off, resolve};
pub use plan::Plan;
pub use window::Window;
