//! The client: checks an address, follows few redirects, reads within limits.

use std::{error::Error as StdError, net::IpAddr, time::Duration};

use bytes::{Bytes, BytesMut};
use reqwest::{StatusCode, dns::Resolve, header};
use url::{Host, Url};

use crate::{
    is_public,
    resolver::{CheckedResolver, NotPublic},
};

/// Longest URL that is looked at.
const MAX_URL_LENGTH: usize = 4_096;

/// What is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Lets private addresses through: for development only.
    pub allow_private: bool,
    /// Largest body, in bytes.
    pub max_bytes: u64,
    /// For the whole fetch, redirects included.
    pub timeout_ms: u64,
    /// Redirects that are followed.
    pub max_redirects: u32,
}

/// A body that was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// All of it.
    pub bytes: Bytes,
    /// Where it was in the end.
    pub final_url: String,
}

/// Why there is no body. No text of these names an address that a name resolved to.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// Not an absolute http or https URL without credentials.
    #[error("the URL is refused: {0}")]
    BadUrl(&'static str),
    /// It is, or resolves to, an address that is not public.
    #[error("the address is not public")]
    NotPublic,
    /// More redirects than allowed.
    #[error("too many redirects")]
    TooManyRedirects,
    /// The other side answered something else than 200 or a redirect.
    #[error("the server answered {0}")]
    Status(u16),
    /// The body is longer than allowed.
    #[error("more than {0} bytes")]
    TooLarge(u64),
    /// The time was up.
    #[error("timed out")]
    TimedOut,
    /// Name, connection, TLS or HTTP failed.
    #[error("unreachable")]
    Unreachable(#[source] reqwest::Error),
}

/// Fetches URLs that strangers chose. Cheap to clone; build one and keep it.
#[derive(Clone, Debug)]
pub struct GuardedClient {
    http: reqwest::Client,
    policy: Policy,
}

impl GuardedClient {
    /// Builds the client. The process must have installed a rustls provider.
    pub fn new(policy: Policy) -> Result<Self, GuardError> {
        Self::with_resolver(policy, CheckedResolver { allow_private: policy.allow_private })
    }

    fn with_resolver(policy: Policy, resolver: impl Resolve + 'static) -> Result<Self, GuardError> {
        let http = reqwest::Client::builder()
            .user_agent("BabySea/1")
            // A proxy from the environment would resolve names by itself, past our check.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .dns_resolver(resolver)
            .build()
            .map_err(GuardError::Unreachable)?;
        Ok(Self { http, policy })
    }

    /// The body behind `url`, if everything on the way to it is allowed.
    pub async fn fetch(&self, url: &str) -> Result<Fetched, GuardError> {
        let limit = Duration::from_millis(self.policy.timeout_ms);
        tokio::time::timeout(limit, self.follow(url)).await.unwrap_or(Err(GuardError::TimedOut))
    }

    async fn follow(&self, url: &str) -> Result<Fetched, GuardError> {
        if url.len() > MAX_URL_LENGTH {
            return Err(GuardError::BadUrl("too long"));
        }
        let mut url = Url::parse(url).map_err(|_| GuardError::BadUrl("not a URL"))?;
        for _ in 0..=self.policy.max_redirects {
            self.check(&url)?;
            let answer = self.http.get(url.clone()).send().await.map_err(face)?;
            match answer.status() {
                StatusCode::OK => return self.read(answer, &url).await,
                status if is_redirect(status) => url = target(&url, answer.headers())?,
                status => return Err(GuardError::Status(status.as_u16())),
            }
        }
        Err(GuardError::TooManyRedirects)
    }

    /// What can be said before any name is resolved. A literal address never reaches the resolver, so it is checked here.
    fn check(&self, url: &Url) -> Result<(), GuardError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(GuardError::BadUrl("neither http nor https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(GuardError::BadUrl("credentials in it"));
        }
        let literal = match url.host() {
            None => return Err(GuardError::BadUrl("no host")),
            Some(Host::Domain(_)) => return Ok(()),
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
        };
        if self.policy.allow_private || is_public(literal) { Ok(()) } else { Err(GuardError::NotPublic) }
    }

    async fn read(&self, mut answer: reqwest::Response, url: &Url) -> Result<Fetched, GuardError> {
        let limit = self.policy.max_bytes;
        if answer.content_length().is_some_and(|length| length > limit) {
            return Err(GuardError::TooLarge(limit));
        }
        let mut bytes = BytesMut::new();
        while let Some(piece) = answer.chunk().await.map_err(face)? {
            if (bytes.len() + piece.len()) as u64 > limit {
                return Err(GuardError::TooLarge(limit));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(Fetched { bytes: bytes.freeze(), final_url: url.to_string() })
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    )
}

fn target(from: &Url, headers: &header::HeaderMap) -> Result<Url, GuardError> {
    let location = headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
    let location = location.filter(|text| text.len() <= MAX_URL_LENGTH);
    location.and_then(|text| from.join(text).ok()).ok_or(GuardError::BadUrl("redirect to nowhere"))
}

/// Our resolver's refusal comes back wrapped several times.
fn face(error: reqwest::Error) -> GuardError {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if inner.is::<NotPublic>() {
            return GuardError::NotPublic;
        }
        cause = inner.source();
    }
    // The URL may carry a signature: it never reaches a log.
    GuardError::Unreachable(error.without_url())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use axum::{Router, http, routing::get};
    use reqwest::dns::{Addrs, Name, Resolving};

    use super::*;

    /// Pretends that one name leads to a public host; asks the real resolver for every other.
    struct Pretend(CheckedResolver);

    impl Resolve for Pretend {
        fn resolve(&self, name: Name) -> Resolving {
            if name.as_str() != "public.test" {
                return self.0.resolve(name);
            }
            let loopback = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
            Box::pin(async move { Ok(Box::new(std::iter::once(loopback)) as Addrs) })
        }
    }

    #[tokio::test]
    async fn a_public_host_cannot_redirect_us_to_a_private_one() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut routes = Router::new().route("/secret", get(|| async { "secret" }));
        let targets = ["localhost", "127.0.0.1", "[::1]", "169.254.169.254"];
        for (index, host) in targets.into_iter().enumerate() {
            let to = format!("http://{host}:{port}/secret");
            let answer = (http::StatusCode::FOUND, [(http::header::LOCATION, to)]);
            routes = routes.route(&format!("/{index}"), get(|| async { answer }));
        }
        tokio::spawn(async move { axum::serve(listener, routes).await });

        let policy = Policy { allow_private: false, max_bytes: 100, timeout_ms: 5_000, max_redirects: 3 };
        let resolver = Pretend(CheckedResolver { allow_private: false });
        let client = GuardedClient::with_resolver(policy, resolver).unwrap();
        let secret = client.fetch(&format!("http://public.test:{port}/secret")).await.unwrap();
        assert_eq!(&secret.bytes[..], b"secret", "the pretended host is reached");
        for (index, host) in targets.into_iter().enumerate() {
            let result = client.fetch(&format!("http://public.test:{port}/{index}")).await;
            assert!(matches!(result, Err(GuardError::NotPublic)), "{host}: {result:?}");
        }
    }
}
