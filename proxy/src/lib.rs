//! The front house: authenticates, limits, normalises, dispatches, follows.
//!
//! Reason to exist: **(h)** it keeps Pingora in. It owns no truth and knows no SQL: what must not be lost is said to the
//! ledger, and said again until it is answered.
//!
//! | room | does |
//! |---|---|
//! | [`app`] | builds everything in dependency order and runs it until the stop |
//! | [`phases`] | a request's way through the checks, in the order of the contract |
//! | [`routes`] | the route table: everything else about routes is read from it |
//! | [`identify`] | whose key is this |
//! | [`limits`] | how often |
//! | [`address`] | from where |
//! | [`answer`] | the face of success and failure |
//! | [`reads`] | reads that the ledger answers |
//! | [`estimate`], [`library`], [`health`] | answers from what the proxy knows |
//! | [`files`] | output files |
//! | [`counts`], [`request_log`] | request counts and log rows, reported to the ledger |
//! | [`engine`] | everything that talks to the ledger and to providers |
//! | [`ledger`], [`provider`] | the clients of both |
//! | [`create`], [`cancel`] | what a customer starts and stops |
//! | [`dispatch`], [`follow`], [`run`], [`chain`] | a generation's way through its providers |
//! | [`callbacks`], [`wait`] | who wakes a follower, whom a follower wakes |
//! | [`inputs`], [`outputs`] | files that come in, files that are kept |
//! | [`content`] | prompts that the operator refuses |
//! | [`breaker`], [`routing`], [`hints`] | who may be tried, and who first |
//! | [`config`], [`metrics`], [`drain`], [`operator`] | running it |

pub mod address;
pub mod answer;
pub mod app;
pub mod breaker;
pub mod callbacks;
pub mod cancel;
pub mod chain;
pub mod clock;
pub mod config;
pub mod content;
pub mod counts;
pub mod create;
pub mod dispatch;
pub mod drain;
pub mod engine;
pub mod estimate;
pub mod files;
pub mod follow;
pub mod health;
pub mod hints;
pub mod identify;
pub mod inputs;
pub mod ledger;
pub mod library;
pub mod limits;
pub mod metrics;
pub mod operator;
pub mod outputs;
pub mod phases;
pub mod provider;
pub mod reads;
pub mod request_log;
pub mod routes;
pub mod routing;
pub mod run;
pub mod wait;

pub use app::run;
pub use config::Config;
pub use drain::Stop;
pub use proxy_normalize::{Catalogue, Model};
