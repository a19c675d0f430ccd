//! The route table, as data: matching, scopes, rate classes, endpoint names and the tests' matrix are read from it.
//!
//! Pure. Knows no handler: what a route does is a [`Kind`].

use std::borrow::Cow;

use ledger_contract::{MediaKind, Plan, Scope};

/// Which budget of requests a route draws from (api contract §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Everything but create.
    General,
    /// The two create routes.
    Generation,
}

impl Class {
    /// Requests per minute that `plan` has of it.
    pub fn per_minute(self, plan: Plan) -> u32 {
        let limits = plan.limits();
        match self {
            Self::General => limits.general_per_minute,
            Self::Generation => limits.generation_per_minute,
        }
    }

    /// Its name in logs and keys.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::General => "general",
            Self::Generation => "generation",
        }
    }
}

/// What answers a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The ledger, under the same path.
    Read,
    /// What the ledger says of one generation, as it changes.
    Events,
    /// The price function and the balance.
    Estimate,
    /// The engine: a generation of this media type.
    Create(MediaKind),
    /// The engine.
    Cancel,
    /// The engine.
    Delete,
    /// What the breakers know.
    HealthProviders,
    /// What catalogue and breakers know.
    HealthModels,
    /// A probe of the artifact store.
    HealthStorage,
    /// A probe of the cache.
    HealthCache,
    /// The provider table.
    LibraryProviders,
    /// The catalogue.
    LibraryModels,
}

/// One operation of the API.
#[derive(Debug, PartialEq, Eq)]
pub struct Route {
    /// The only method it has.
    pub method: &'static str,
    /// `{generation_id}` is one segment, and more may follow; `{model_identifier}` is the whole rest, slashes included.
    pub template: &'static str,
    /// `"<METHOD> <route template>"`, as usage reports it.
    pub endpoint: &'static str,
    /// What a key needs for it.
    pub scope: Scope,
    /// What it draws from.
    pub class: Class,
    /// What answers it.
    pub kind: Kind,
}

macro_rules! route {
    ($method:literal, $template:literal, $scope:ident, $kind:expr) => {
        Route {
            method: $method,
            template: $template,
            endpoint: concat!($method, " ", $template),
            scope: Scope::$scope,
            class: if matches!($kind, Kind::Create(_)) { Class::Generation } else { Class::General },
            kind: $kind,
        }
    };
}

/// Every operation (api contract §5). A literal path stands before a template that would match it too.
pub static ROUTES: &[Route] = &[
    route!("GET", "/v1/status", AccountRead, Kind::Read),
    route!("GET", "/v1/usage", AccountRead, Kind::Read),
    route!("GET", "/v1/user/account", AccountRead, Kind::Read),
    route!("GET", "/v1/user/billing", AccountRead, Kind::Read),
    route!("GET", "/v1/estimate/{model_identifier}", LibraryRead, Kind::Estimate),
    route!("POST", "/v1/generate/image/{model_identifier}", GenerationWrite, Kind::Create(MediaKind::Image)),
    route!("POST", "/v1/generate/video/{model_identifier}", GenerationWrite, Kind::Create(MediaKind::Video)),
    route!("GET", "/v1/content/list", GenerationRead, Kind::Read),
    route!("GET", "/v1/content/{generation_id}", GenerationRead, Kind::Read),
    route!("GET", "/v1/content/{generation_id}/events", GenerationRead, Kind::Events),
    route!("POST", "/v1/content/generation/cancel/{generation_id}", GenerationDelete, Kind::Cancel),
    route!("DELETE", "/v1/content/{generation_id}", GenerationDelete, Kind::Delete),
    route!("GET", "/v1/health/inference/providers", HealthRead, Kind::HealthProviders),
    route!("GET", "/v1/health/inference/models", HealthRead, Kind::HealthModels),
    route!("GET", "/v1/health/storage", HealthRead, Kind::HealthStorage),
    route!("GET", "/v1/health/cache", HealthRead, Kind::HealthCache),
    route!("GET", "/v1/library/providers", LibraryRead, Kind::LibraryProviders),
    route!("GET", "/v1/library/models", LibraryRead, Kind::LibraryModels),
];

/// What a method and a path lead to.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// An operation, with the value of its parameter (empty without one).
    Route(&'static Route, Cow<'a, str>),
    /// An output file, by its key; GET and HEAD only.
    File(Cow<'a, str>),
    /// A provider's word about a job: its name and the job's token; POST only.
    Callback(Cow<'a, str>, Cow<'a, str>),
    /// The path exists, with these methods.
    WrongMethod(Vec<&'static str>),
    /// There is no such path.
    Nothing,
}

/// Methods of output files.
const FILE_METHODS: [&str; 2] = ["GET", "HEAD"];

/// Matches path first, then method. Case-sensitive; one trailing slash is ignored; `path` has no query.
pub fn find<'a>(method: &str, path: &'a str) -> Found<'a> {
    let path = path.strip_suffix('/').unwrap_or(path);
    if let Some(key) = path.strip_prefix("/files/").filter(|key| !key.is_empty()) {
        let right = FILE_METHODS.contains(&method);
        return if right { Found::File(decode(key)) } else { Found::WrongMethod(FILE_METHODS.to_vec()) };
    }
    if let Some((provider, token)) = path.strip_prefix("/callbacks/").and_then(|rest| rest.split_once('/')) {
        let right = method == "POST";
        return if right { Found::Callback(decode(provider), decode(token)) } else { Found::WrongMethod(vec!["POST"]) };
    }
    let Some(template) = ROUTES.iter().find(|route| parameter(route.template, path).is_some()).map(|r| r.template)
    else {
        return Found::Nothing;
    };
    let same_path = || ROUTES.iter().filter(|route| route.template == template);
    match same_path().find(|route| route.method == method) {
        Some(route) => Found::Route(route, parameter(template, path).map(decode).unwrap_or_default()),
        None => Found::WrongMethod(same_path().map(|route| route.method).collect()),
    }
}

/// The raw value of the template's parameter if `path` fits (empty for a template without one).
fn parameter<'a>(template: &str, path: &'a str) -> Option<&'a str> {
    let Some((literal, name, tail)) = parts(template) else {
        return (template == path).then_some("");
    };
    let value = path.strip_prefix(literal)?.strip_suffix(tail).filter(|value| !value.is_empty())?;
    let is_tail = name == "model_identifier";
    (is_tail || !value.contains('/')).then_some(value)
}

/// What stands before the template's parameter, its name, and what stands behind it.
pub fn parts(template: &str) -> Option<(&str, &str, &str)> {
    let (literal, rest) = template.split_once('{')?;
    let (name, tail) = rest.split_once('}')?;
    Some((literal, name, tail))
}

/// Percent-decodes, so that `%2F` is a slash; what is not UTF-8 afterwards becomes a name that nothing has.
fn decode(raw: &str) -> Cow<'_, str> {
    if !raw.contains('%') {
        return Cow::Borrowed(raw);
    }
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let pair = if first == b'%' { tail.get(..2).and_then(hex_pair) } else { None };
        bytes.push(pair.unwrap_or(first));
        rest = if pair.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

fn hex_pair(pair: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(pair).ok().filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u8::from_str_radix(text, 16).ok()
}

#[cfg(test)]
#[path = "routes/tests.rs"]
mod tests;
