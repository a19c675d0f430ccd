//! Who reads, as the trusted headers say, and the envelope that they get.

use std::{str::FromStr, sync::Arc};

use axum::{
    Json,
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
    response::{IntoResponse, Response},
};
use ledger_contract::{
    Timestamp,
    wire::{Caller, HEADER_ACCOUNT_ID, HEADER_APIKEY_ID, HEADER_PUBLIC_URL, HEADER_REQUEST_ID},
};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    app::App,
    clock,
    problem::{self, Audience, PUBLIC_JSON, Problem},
};

/// A verified customer and their request.
#[derive(Debug)]
pub(crate) struct Reader {
    /// Account and key.
    pub(crate) caller: Caller,
    /// `req_…`.
    request_id: String,
    /// Base of output URLs, without a trailing slash.
    pub(crate) public_url: String,
    /// When the request came.
    pub(crate) now: Timestamp,
}

/// The part of a list that is answered.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Page {
    /// How many there are in all.
    pub(crate) total: u64,
    /// As applied.
    pub(crate) limit: u32,
    /// As applied.
    pub(crate) offset: u64,
}

/// The success envelope.
#[derive(Serialize)]
struct Envelope<'a, T> {
    status: &'static str,
    request_id: &'a str,
    message: &'static str,
    timestamp: String,
    data: T,
    #[serde(flatten)]
    page: Option<Page>,
}

impl Reader {
    /// The whole answer of a route that reads one thing.
    pub(crate) fn answer<T: Serialize>(&self, message: &'static str, result: Result<T, Problem>) -> Response {
        self.answer_page(message, result.map(|data| (data, None)))
    }

    /// The whole answer of a route that reads a list.
    pub(crate) fn answer_page<T: Serialize>(
        &self,
        message: &'static str,
        result: Result<(T, Option<Page>), Problem>,
    ) -> Response {
        let (data, page) = match result {
            Ok(found) => found,
            Err(problem) => return problem::face(problem, Audience::Customer(&self.request_id)),
        };
        let timestamp = self.now.to_string();
        let envelope = Envelope { status: "success", request_id: &self.request_id, message, timestamp, data, page };
        let mut response = Json(envelope).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, PUBLIC_JSON);
        response
    }
}

impl FromRequestParts<Arc<App>> for Reader {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Self::Rejection> {
        let now = clock::now();
        let Some(reader) = read(&parts.headers, now) else {
            // The proxy always names the caller: a customer must not be told about its mistake.
            let problem = Problem::Unexpected("a public read without its identity headers".to_owned());
            let request_id = format!("req_{}", Uuid::now_v7().simple());
            return Err(problem::face(problem, Audience::Customer(&request_id)));
        };
        app.touches.note(reader.caller.apikey_id, now);
        Ok(reader)
    }
}

fn read(headers: &HeaderMap, now: Timestamp) -> Option<Reader> {
    let caller =
        Caller { account_id: value(headers, HEADER_ACCOUNT_ID)?, apikey_id: value(headers, HEADER_APIKEY_ID)? };
    let request_id = value(headers, HEADER_REQUEST_ID)?;
    let public_url = value(headers, HEADER_PUBLIC_URL)?;
    Some(Reader { caller, request_id, public_url, now })
}

fn value<T: FromStr>(headers: &HeaderMap, name: &str) -> Option<T> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}
