//! HTTP GET of addresses that strangers choose. Reason to exist: **(h)** the one place that connects to a customer's URL.
//!
//! Every address that a name resolves to must be public, the connection goes to exactly the addresses that were checked,
//! every redirect is checked like the first address, and the answer is read up to a limit. It refuses to know what the
//! bytes are for. It does not protect from a public host that proxies into somebody's private network.

mod address;
mod client;
mod resolver;

pub use address::is_public;
pub use client::{Fetched, GuardError, GuardedClient, Policy};
