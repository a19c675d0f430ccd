//! A JSON body, parsed at the door: handlers hold checked types only.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
};
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// The body as `T`; the reason when it isn't one.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let bytes = Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|rejection| Problem::Malformed(rejection.body_text()))?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| Problem::Malformed(error.to_string()))
    }
}
