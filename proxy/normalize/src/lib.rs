//! Between what a customer says and what a provider hears. Reason to exist: **(p)** purity — no I/O, no clock, no
//! randomness; bytes in, bytes out, so that every mapping is tested against recorded provider answers.
//!
//! | room | holds |
//! |---|---|
//! | [`catalogue`] | models as TOML files, embedded and overridable, refused when inconsistent |
//! | `model`, `field`, `offer` | a model, its public fields, and what each provider can do of them |
//! | `request`, `capability`, `order` | a body becomes a [`Canonical`] request with its eligible providers |
//! | `issue` | why it does not: BSE2001, BSE2008, BSE2012 |
//! | `json` | strict reading, canonical writing |
//! | [`price`], [`estimate`] | one pure price function; what a request costs the customer, and us |
//! | `payload`, `transform` | canonical request → native JSON, generic over providers |
//! | [`providers`] | the providers' wire formats, one file each; bodies, regions, [`providers::callback`] |
//! | `failure` | how a try at a provider went wrong, in our terms |
//! | [`library`] | what `/v1/library` shows |
//! | [`table`] | the catalogue as one table for people |

mod capability;
pub mod catalogue;
pub mod estimate;
mod failure;
mod field;
mod issue;
mod json;
pub mod library;
mod model;
mod offer;
mod order;
mod payload;
pub mod price;
pub mod providers;
mod request;
pub mod table;
mod transform;

pub use catalogue::{Catalogue, CatalogueError};
pub use estimate::{Estimate, estimate};
pub use failure::{ProviderFailure, Standing};
pub use issue::{Issue, IssueCode, Rejection};
pub use json::canonical_json;
pub use library::{ProviderInfo, provider_info};
pub use model::{InputLimits, Model};
pub use order::OrderRequest;
pub use price::{Unpriced, price, provider_cost};
pub use providers::{
    Body, CallbackTarget, Encoded, Endpoint, FileAt, FormPart, JobHandle, JobResult, Lane, Method, OutputSource, Poll,
    ProviderRequest, ProviderResponse, Region, Submission, SubmitError, callback, can_submit, cancel, is_synchronous,
    job_count, lane, least_poll_ms, poll, poll_interval_ms, read_cancel, read_poll, read_result, read_submission,
    submissions,
};
pub use request::{Canonical, InputFile, canonical, canonical_fields, parse_body};
