//! The API's error table, as data: every failure that a customer can see, and the body it is sent in.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Provider;

/// When the official client may repeat a request that was answered with this code (api contract §6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Never: the answer would be the same, or something may still run.
    No,
    /// Always: nothing was started, or it was undone before the answer.
    Yes,
    /// Decided where the failure happened: whether a provider may have accepted something.
    ByRule,
}

macro_rules! error_table {
    ($($variant:ident = ($code:literal, $kind:literal, $http:literal, $retry:ident),)*) => {
        /// A row of the error table. Serialised as its code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum ErrorCode {
            $(#[doc = concat!("`", $kind, "`, HTTP ", $http)] #[serde(rename = $code)] $variant,)*
        }

        impl ErrorCode {
            /// The whole table, in the order of the contract.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// `BSE` and four digits.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The `type` field: the code in words.
            pub fn kind(self) -> &'static str {
                match self { $(Self::$variant => $kind,)* }
            }

            /// HTTP status of an answer with this code.
            pub fn http_status(self) -> u16 {
                match self { $(Self::$variant => $http,)* }
            }

            /// Whether an answer with this code may be repeated.
            pub fn retry(self) -> Retry {
                match self { $(Self::$variant => Retry::$retry,)* }
            }
        }
    };
}

error_table! {
    AuthenticationRequired = ("BSE1001", "authentication_required", 401, No),
    AuthenticationFailed = ("BSE1002", "authentication_failed", 401, No),
    InsufficientPermissions = ("BSE1003", "insufficient_permissions", 403, No),
    InsufficientCredits = ("BSE1004", "insufficient_credits", 402, No),
    RateLimitExceeded = ("BSE1005", "rate_limit_exceeded", 429, Yes),
    AuthRateLimited = ("BSE1006", "auth_rate_limited", 429, Yes),
    IpNotAllowed = ("BSE1007", "ip_not_allowed", 403, No),
    AccountNotFound = ("BSE1008", "account_not_found", 404, No),
    ConcurrencyLimitExceeded = ("BSE1009", "concurrency_limit_exceeded", 429, Yes),
    BudgetExceeded = ("BSE1010", "budget_exceeded", 402, No),
    InvalidInput = ("BSE2001", "invalid_input", 400, No),
    FileTooLarge = ("BSE2002", "file_too_large", 422, No),
    FileTooSmall = ("BSE2003", "file_too_small", 422, No),
    UnsupportedFileFormat = ("BSE2004", "unsupported_file_format", 422, No),
    FileLoadError = ("BSE2005", "file_load_error", 422, No),
    ContentPolicyViolation = ("BSE2006", "content_policy_violation", 422, No),
    FileSizeExceeded = ("BSE2007", "file_size_exceeded", 422, No),
    ParameterOutOfRange = ("BSE2008", "parameter_out_of_range", 422, No),
    FileDownloadError = ("BSE2009", "file_download_error", 422, No),
    PayloadTooLarge = ("BSE2010", "payload_too_large", 413, No),
    ModelNotFound = ("BSE2011", "model_not_found", 404, No),
    UnsupportedProviderOrder = ("BSE2012", "unsupported_provider_order", 400, No),
    WrongMediaRoute = ("BSE2013", "wrong_media_route", 400, No),
    UnsupportedMediaType = ("BSE2014", "unsupported_media_type", 415, No),
    IdempotencyConflict = ("BSE2015", "idempotency_conflict", 409, No),
    IdempotencyInProgress = ("BSE2016", "idempotency_in_progress", 409, Yes),
    RouteNotFound = ("BSE2017", "route_not_found", 404, No),
    MethodNotAllowed = ("BSE2018", "method_not_allowed", 405, No),
    GenerationNotFound = ("BSE3001", "generation_not_found", 404, No),
    GenerationNotCancelable = ("BSE3002", "generation_not_cancelable", 409, No),
    ProviderError = ("BSE4001", "provider_error", 502, ByRule),
    ProviderTimeout = ("BSE4002", "provider_timeout", 504, ByRule),
    ProviderRateLimited = ("BSE4003", "provider_rate_limited", 503, Yes),
    ProviderUnavailable = ("BSE4004", "provider_unavailable", 503, Yes),
    ProviderCreditsExhausted = ("BSE4005", "provider_credits_exhausted", 503, No),
    ProviderContentRejected = ("BSE4006", "provider_content_rejected", 422, No),
    ProviderRejectedInput = ("BSE4007", "provider_rejected_input", 422, No),
    AllProvidersFailed = ("BSE4008", "all_providers_failed", 502, ByRule),
    NoProviderAvailable = ("BSE4009", "no_provider_available", 503, Yes),
    InternalError = ("BSE5001", "internal_error", 500, ByRule),
    LedgerUnavailable = ("BSE5002", "ledger_unavailable", 503, Yes),
    ShuttingDown = ("BSE5003", "shutting_down", 503, Yes),
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The `error` object of an error answer. Field order is the order on the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PublicError {
    /// Row of the table.
    pub code: ErrorCode,
    /// The code in words.
    #[serde(rename = "type")]
    pub kind: String,
    /// Human text; never keys, prompts or upstream bodies.
    pub message: String,
    /// Whether the client may repeat the request.
    pub retryable: bool,
    /// Facts a program can act on; an object when present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<serde_json::Map<String, serde_json::Value>>,
    /// One item per attempt, in attempt order, when providers were tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_errors: Option<Vec<ProviderError>>,
}

/// What one attempt at a provider ended with, as the customer sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderError {
    /// Who was tried.
    pub provider: Provider,
    /// BSE4001–BSE4007.
    pub code: ErrorCode,
    /// The code in words.
    #[serde(rename = "type")]
    pub kind: String,
    /// Our words, not the provider's.
    pub message: String,
    /// Whether the provider certainly accepted nothing and the cause is transient.
    pub retryable: bool,
}

impl PublicError {
    /// An error whose retryability the table fixes; a by-rule code starts as final.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            kind: code.kind().to_owned(),
            message: message.into(),
            retryable: code.retry() == Retry::Yes,
            details: None,
            provider_errors: None,
        }
    }

    /// Adds one fact to `details`.
    #[must_use]
    pub fn with_detail(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.details.get_or_insert_default().insert(name.to_owned(), value.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole_and_its_codes_are_unique() {
        let mut codes: Vec<_> = ErrorCode::ALL.iter().map(|code| code.code()).collect();
        assert_eq!(codes.len(), 42);
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), 42);
    }

    #[test]
    fn an_error_body_has_the_shape_the_client_parses() {
        let error =
            PublicError::new(ErrorCode::InsufficientPermissions, "no").with_detail("required_scope", "account:read");
        assert_eq!(
            serde_json::to_string(&error).ok().as_deref(),
            Some(
                r#"{"code":"BSE1003","type":"insufficient_permissions","message":"no","retryable":false,"details":{"required_scope":"account:read"}}"#
            )
        );
    }
}
