//! Why a request is not accepted, and the public error that says so. Messages name fields and limits, never values.

use ledger_contract::{ErrorCode, Provider, PublicError};
use serde_json::{Value, json};

/// Most issues that one answer lists; a body can hold thousands.
const MAX_ISSUES_SHOWN: usize = 100;
/// Longest field name that is repeated to the caller, in characters.
const MAX_NAME_SHOWN: usize = 128;

/// What is wrong with one field (primitives §3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueCode {
    /// Not of the field's type; a malformed URL and `null` included.
    InvalidType,
    /// Required and absent.
    MissingRequired,
    /// Not a field of this model.
    UnknownField,
    /// Not in the field's list.
    UnsupportedValue,
    /// Holds a character that no text may hold.
    PatternMismatch,
    /// Too few items.
    MinItems,
    /// Too many items.
    MaxItems,
    /// Too short.
    MinLength,
    /// Too long.
    MaxLength,
    /// Too small.
    MinValue,
    /// Too large.
    MaxValue,
}

impl IssueCode {
    /// As in `details.issues[].code`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidType => "invalid_type",
            Self::MissingRequired => "missing_required",
            Self::UnknownField => "unknown_field",
            Self::UnsupportedValue => "unsupported_value",
            Self::PatternMismatch => "pattern_mismatch",
            Self::MinItems => "min_items",
            Self::MaxItems => "max_items",
            Self::MinLength => "min_length",
            Self::MaxLength => "max_length",
            Self::MinValue => "min_value",
            Self::MaxValue => "max_value",
        }
    }
}

/// One problem of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Public name.
    pub field: String,
    /// What is wrong.
    pub code: IssueCode,
    /// For a person.
    pub message: String,
    /// Whether it is BSE2008 rather than BSE2001: the value is well formed and out of what is offered.
    pub is_range: bool,
}

impl Issue {
    /// A problem whose code alone decides between BSE2001 and BSE2008.
    pub(crate) fn new(field: &str, code: IssueCode, message: impl Into<String>) -> Self {
        use IssueCode::{MaxItems, MaxLength, MaxValue, MinItems, MinLength, MinValue};
        let is_range = matches!(code, MaxItems | MaxLength | MaxValue | MinItems | MinLength | MinValue);
        let field = field.chars().take(MAX_NAME_SHOWN).collect();
        Self { field, code, message: message.into(), is_range }
    }

    /// A value that exists but is not offered here: a duration, or a part of a combination.
    pub(crate) fn not_offered(field: &str, message: impl Into<String>) -> Self {
        Self { is_range: true, ..Self::new(field, IssueCode::UnsupportedValue, message) }
    }
}

/// Why a request has no canonical form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Not one JSON object that can be read in one way.
    #[error("{0}")]
    NotAnObject(String),
    /// Fields that break the public schema, or that no provider serves together. Never empty.
    #[error("{} problem(s) in the request", .0.len())]
    Issues(Vec<Issue>),
    /// The provider order is not an order over this model's providers.
    #[error("unsupported provider order")]
    Order {
        /// What the model has, in static order.
        supported: Vec<Provider>,
    },
    /// A provider that was asked for by name cannot serve these values.
    #[error("{provider} cannot serve this request")]
    Incapable {
        /// Who.
        provider: Provider,
        /// Public names of what it cannot do.
        unsupported: Vec<String>,
    },
}

/// The request field that names providers.
pub(crate) const ORDER_FIELD: &str = "generation_provider_order";

impl Rejection {
    /// The answer to the customer (api contract §5.6, §10).
    pub fn error(&self) -> PublicError {
        match self {
            Self::NotAnObject(message) => PublicError::new(ErrorCode::InvalidInput, message.as_str()),
            Self::Issues(issues) => issues_error(issues),
            Self::Order { supported } => {
                let names: Vec<_> = supported.iter().map(|provider| provider.as_str()).collect();
                let message =
                    format!("{ORDER_FIELD} must be `fastest` or a list without repetition of: {}", names.join(", "));
                PublicError::new(ErrorCode::UnsupportedProviderOrder, message)
                    .with_detail("field", ORDER_FIELD)
                    .with_detail("supported", names)
            }
            Self::Incapable { provider, unsupported } => {
                let message = format!("{provider} does not support this request's {}", unsupported.join(", "));
                PublicError::new(ErrorCode::UnsupportedProviderOrder, message)
                    .with_detail("field", ORDER_FIELD)
                    .with_detail("provider", provider.as_str())
                    .with_detail("unsupported", unsupported.clone())
            }
        }
    }
}

fn issues_error(issues: &[Issue]) -> PublicError {
    let all_range = issues.iter().all(|issue| issue.is_range);
    let code = if all_range { ErrorCode::ParameterOutOfRange } else { ErrorCode::InvalidInput };
    let first = issues.first();
    let message = match (first, issues.len()) {
        (Some(issue), 1) => format!("{}: {}", issue.field, issue.message),
        (Some(issue), count) => format!("{}: {} (and {} more)", issue.field, issue.message, count - 1),
        (None, _) => String::new(),
    };
    let shown: Vec<Value> = issues
        .iter()
        .take(MAX_ISSUES_SHOWN)
        .map(|issue| json!({ "field": issue.field, "code": issue.code.as_str(), "message": issue.message }))
        .collect();
    PublicError::new(code, message)
        .with_detail("field", first.map_or("", |issue| issue.field.as_str()))
        .with_detail("issues", shown)
}
