//! Reads that the ledger answers under the same path: who it is asked for, and how it is asked. Pingora forwards.
//!
//! Nothing of the caller's request goes on but the path and the query: not one header. Nothing of the ledger's answer
//! comes back but the status, the body and its length.

use std::{
    borrow::Cow,
    net::{SocketAddr, ToSocketAddrs},
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use http::{HeaderValue, Method, StatusCode};
use ledger_contract::wire::{self, Caller};
use pingora::{
    Error, ErrorType, Result,
    http::{RequestHeader, ResponseHeader},
    upstreams::peer::HttpPeer,
};

/// A route has 5 s in all.
const ANSWER_LIMIT: Duration = Duration::from_secs(4);
const CONNECT_LIMIT: Duration = Duration::from_secs(1);
const IDLE_LIMIT: Duration = Duration::from_secs(30);
/// How long a resolved name is used.
const NAME_LIFE: Duration = Duration::from_secs(10);

/// Where the ledger is.
#[derive(Debug)]
pub struct Upstream {
    host: String,
    port: u16,
    tls: bool,
    prefix: String,
    /// Header values that are the same for every question.
    authority: HeaderValue,
    bearer: HeaderValue,
    public_url: HeaderValue,
    resolved: ArcSwapOption<(SocketAddr, Instant)>,
}

/// What the ledger is asked for, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Without its query.
    pub path: &'a str,
    /// As sent.
    pub query: Option<&'a str>,
    /// Verified.
    pub caller: Caller,
    /// `req_…`.
    pub request_id: &'a str,
}

impl Upstream {
    /// `ledger_url` and `public_url` have no trailing slash.
    pub fn new(ledger_url: &str, token: &str, public_url: &str) -> anyhow::Result<Self> {
        let url = url::Url::parse(ledger_url)?;
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            anyhow::bail!("{ledger_url} names no host");
        };
        Ok(Self {
            host: host.to_owned(),
            port,
            tls: url.scheme() == "https",
            prefix: url.path().trim_end_matches('/').to_owned(),
            authority: HeaderValue::from_str(&format!("{host}:{port}"))?,
            bearer: HeaderValue::from_str(&format!("Bearer {token}"))?,
            public_url: HeaderValue::from_str(public_url)?,
            resolved: ArcSwapOption::empty(),
        })
    }

    /// The ledger as a peer.
    pub async fn peer(&self) -> Result<Box<HttpPeer>> {
        let address = self.resolve().await?;
        let mut peer = HttpPeer::new(address, self.tls, self.host.clone());
        peer.options.connection_timeout = Some(CONNECT_LIMIT);
        peer.options.total_connection_timeout = Some(CONNECT_LIMIT);
        peer.options.read_timeout = Some(ANSWER_LIMIT);
        peer.options.write_timeout = Some(ANSWER_LIMIT);
        peer.options.idle_timeout = Some(IDLE_LIMIT);
        Ok(Box::new(peer))
    }

    async fn resolve(&self) -> Result<SocketAddr> {
        if let Some(known) = self.resolved.load().as_ref().filter(|known| known.1.elapsed() < NAME_LIFE) {
            return Ok(known.0);
        }
        let target = (self.host.trim_matches(['[', ']']).to_owned(), self.port);
        let asking = tokio::task::spawn_blocking(move || target.to_socket_addrs());
        let answered = tokio::time::timeout(CONNECT_LIMIT, asking).await;
        let address = answered.ok().and_then(Result::ok).and_then(Result::ok).and_then(|mut found| found.next());
        let address =
            address.ok_or_else(|| Error::explain(ErrorType::ConnectError, "the ledger has no address").into_up())?;
        self.resolved.store(Some(std::sync::Arc::new((address, Instant::now()))));
        Ok(address)
    }

    /// The request as the ledger gets it.
    pub fn request(&self, question: &Question<'_>) -> Result<RequestHeader> {
        let path = match question.query {
            Some(query) => Cow::Owned(format!("{}{}?{query}", self.prefix, question.path)),
            None if self.prefix.is_empty() => Cow::Borrowed(question.path),
            None => Cow::Owned(format!("{}{}", self.prefix, question.path)),
        };
        let mut request = RequestHeader::build_no_case(Method::GET, path.as_bytes(), Some(8))?;
        let mut id = uuid::Uuid::encode_buffer();
        request.insert_header("host", self.authority.clone())?;
        request.insert_header("authorization", self.bearer.clone())?;
        request.insert_header("accept", HeaderValue::from_static("application/json"))?;
        let Caller { account_id, apikey_id } = question.caller;
        request.insert_header(wire::HEADER_ACCOUNT_ID, &*account_id.0.hyphenated().encode_lower(&mut id))?;
        request.insert_header(wire::HEADER_APIKEY_ID, &*apikey_id.0.hyphenated().encode_lower(&mut id))?;
        request.insert_header(wire::HEADER_REQUEST_ID, question.request_id)?;
        request.insert_header(wire::HEADER_PUBLIC_URL, self.public_url.clone())?;
        Ok(request)
    }
}

/// Whether the ledger's answer may be shown: its own failures are ours to dress.
pub fn check(answer: &ResponseHeader) -> Result<()> {
    let status = answer.status;
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        return Err(Error::explain(ErrorType::HTTPStatus(500), "the ledger failed").into_up());
    }
    let shown = status == StatusCode::OK
        || matches!(status, StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY);
    if shown {
        return Ok(());
    }
    Err(Error::explain(ErrorType::HTTPStatus(503), format!("the ledger answered {status}")).into_up())
}

/// A new head for the ledger's answer with only its status and length; everything else is ours.
pub fn bare(answer: &ResponseHeader) -> Result<ResponseHeader> {
    let mut bare = ResponseHeader::build_no_case(answer.status, Some(12))?;
    for framing in ["content-length", "transfer-encoding"] {
        if let Some(value) = answer.headers.get(framing) {
            bare.insert_header(framing, value.clone())?;
        }
    }
    Ok(bare)
}

/// The error code in the first bytes of an error envelope, for the counters.
pub fn spot_code(body: &[u8]) -> Option<ledger_contract::ErrorCode> {
    let start = body.windows(4).position(|four| four == b"\"BSE")? + 1;
    let text = std::str::from_utf8(body.get(start..start + 7)?).ok()?;
    ledger_contract::ErrorCode::ALL.iter().copied().find(|code| code.code() == text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn the_ledger_is_asked_with_our_identity_and_nothing_else() {
        let upstream = Upstream::new("http://ledger.internal:8081/base", "secret", "https://api.example").unwrap();
        let caller = Caller { account_id: uuid::Uuid::nil().into(), apikey_id: uuid::Uuid::nil().into() };
        let question = Question { path: "/v1/usage", query: Some("days=7"), caller, request_id: "req_1" };
        let request = upstream.request(&question).unwrap();
        assert_eq!(request.uri.path_and_query().unwrap(), "/base/v1/usage?days=7");
        assert_eq!(request.headers.len(), 7);
        assert_eq!(request.headers[wire::HEADER_PUBLIC_URL], "https://api.example");
        assert_eq!(request.headers["authorization"], "Bearer secret");
    }

    #[test]
    fn only_answers_meant_for_customers_are_shown() {
        for (status, shown) in
            [(200, true), (400, true), (404, true), (422, true), (401, false), (500, false), (503, false)]
        {
            assert_eq!(check(&ResponseHeader::build(status, None).unwrap()).is_ok(), shown, "{status}");
        }
    }

    #[test]
    fn the_code_of_an_error_envelope_is_found() {
        let body = br#"{"status":"error","request_id":"req_0","error":{"code":"BSE3001","type":"x"}}"#;
        assert_eq!(spot_code(body), Some(ledger_contract::ErrorCode::GenerationNotFound));
        assert_eq!(spot_code(b"\"BSE"), None);
        assert_eq!(spot_code(b"{}"), None);
    }
}
