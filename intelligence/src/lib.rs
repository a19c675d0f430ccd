//! The observatory: reads attempt facts, ranks providers, publishes hints. It commands nobody, and nobody waits for it:
//! when it is away, rankings age out to the static order. Reason to exist: **(h)** it keeps Polars in.
//!
//! | room | does |
//! |---|---|
//! | [`config`] | what the operator decides |
//! | [`source`] | attempts out of the book, incrementally |
//! | [`archive`] | our own copy of them: a folder of Parquet |
//! | [`csv`] | the same facts from a file |
//! | [`frame`] | names and types of the columns, the window they are read in |
//! | [`policy`] | how providers are scored: the documented formula and ours, pure functions of a frame |
//! | [`health`] | who does badly right now |
//! | [`publish`], [`lease`], [`redis_link`] | hints out: Redis (one server or a cluster) or one file, one job at a time |
//! | [`run`] | rankings and looks at health in a circle, or one of each |
//! | [`explain`] | why the last order was what it was |
//! | [`scenario`], [`simulate`] | providers that don't exist, over time, and the attempts they would leave |
//! | [`replay`], [`backtest`] | policies meet a world, or what was recorded, in simulated time |
//! | [`draw`], [`histogram`] | draws that repeat; quantiles without a sort |
//! | [`metrics`], [`operator`] | what an operator sees |
//!
//! Simulated attempts count like all others: a stack that simulates everything shows the same circle as a real one, and
//! a stack with real providers simulates only what its operator names.

mod apart;
pub mod archive;
pub mod backtest;
pub mod config;
pub mod csv;
pub mod draw;
pub mod explain;
pub mod frame;
pub mod health;
pub mod histogram;
pub mod lease;
pub mod metrics;
pub mod operator;
mod pass;
pub mod policy;
pub mod publish;
pub mod redis_link;
pub mod replay;
pub mod run;
pub mod scenario;
pub mod simulate;
pub mod source;

pub use config::Config;
pub use pass::{Explanation, explain};
pub use policy::{Policy, RankedModel};
pub use run::{facts_of, rank_file, run_once, serve};
