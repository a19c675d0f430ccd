//! Providers and models as the catalogue has them, and which providers this proxy can call.

use ledger_contract::Provider;
use proxy_normalize::{
    Catalogue,
    library::{models_json, providers_json},
};

use crate::answer::Reply;

/// `GET /v1/library/providers`.
pub fn providers(catalogue: &Catalogue, is_configured: impl Fn(Provider) -> bool) -> Reply {
    Reply::success("Providers retrieved", providers_json(catalogue, is_configured))
}

/// `GET /v1/library/models`.
pub fn models(catalogue: &Catalogue) -> Reply {
    Reply::success("Models retrieved", models_json(catalogue))
}
