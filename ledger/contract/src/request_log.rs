//! The request log (product requirements §3.4): one row per request whose key and account were resolved.
//!
//! No bodies and no keys. The client's address travels to the ledger and is kept there only as a keyed hash.

use std::{borrow::Cow, net::IpAddr};

use serde::{Deserialize, Serialize};

use crate::{AccountId, ApiKeyId, Timestamp};

/// `POST` [`LoggedRequests`] → `{}`; `GET ?account_id=&before=&limit=` → [`RequestPage`], newest first.
pub const REQUEST_LOG: &str = "/internal/request-log";

/// Most rows in one report.
pub const MAX_LOGGED: usize = 1_000;

/// Requests that a proxy answered. Said twice they are kept once: a request's id is the row's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedRequests {
    /// At most [`MAX_LOGGED`].
    pub rows: Vec<LoggedRequest>,
}

/// One answered request as the proxy reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedRequest {
    /// `req_…`.
    pub request_id: String,
    /// Whose.
    pub account_id: AccountId,
    /// With which key.
    pub apikey_id: ApiKeyId,
    /// The key's name at that time.
    pub key_name: String,
    /// What the key begins with.
    pub key_prefix: String,
    /// HTTP method.
    pub method: Cow<'static, str>,
    /// Route template.
    pub endpoint: Cow<'static, str>,
    /// Query, sanitised; empty without one.
    pub query: String,
    /// HTTP status.
    pub status: u16,
    /// `BSE…`, when it was an error.
    pub error_code: Option<Cow<'static, str>>,
    /// Whether the answer repeats a stored one.
    pub replayed: bool,
    /// The client's address. Never stored.
    pub client: IpAddr,
    /// As sent, cut.
    pub user_agent: String,
    /// Time to the answer, in milliseconds.
    pub duration_ms: u32,
    /// When it came.
    pub at: Timestamp,
}

/// One row as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRow {
    /// `req_…`.
    pub request_id: String,
    /// With which key.
    pub apikey_id: ApiKeyId,
    /// The key's name at that time.
    pub key_name: String,
    /// What the key begins with.
    pub key_prefix: String,
    /// HTTP method.
    pub method: String,
    /// Route template.
    pub endpoint: String,
    /// Query, sanitised; empty without one.
    pub query: String,
    /// HTTP status.
    pub status: u16,
    /// `BSE…`, when it was an error.
    pub error_code: Option<String>,
    /// Whether the answer repeats a stored one.
    pub replayed: bool,
    /// HMAC-SHA256 of the address under the deployment's secret, 64 hex digits.
    pub ip_hash: String,
    /// As sent, cut.
    pub user_agent: String,
    /// Time to the answer, in milliseconds.
    pub duration_ms: u32,
    /// When it came.
    pub at: Timestamp,
}

/// A part of an account's log, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestPage {
    /// At most as many as were asked for.
    pub rows: Vec<RequestRow>,
    /// To be sent as `before` for the next page; `None`: this was the last.
    pub next: Option<String>,
}
