//! Downloads outputs from the providers' own hosts. Their URLs come from a provider that we called, so this is a plain client;
//! it is bounded in size and time all the same.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::Stream;
use tokio::time::{Instant, timeout_at};

/// A connection that takes longer is tried again.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two pieces of a body.
const READ_TIMEOUT: Duration = Duration::from_secs(20);
/// Providers' hosts redirect to their storage.
const MAX_REDIRECTS: usize = 3;

/// Why a file is not here.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Worth another try.
    #[error("the download broke off")]
    Broken,
    /// The provider's host says that there is none.
    #[error("the host answered {0}")]
    Status(u16),
    /// Longer than an output may be.
    #[error("more than {0} bytes")]
    TooLarge(u64),
}

/// The client for downloads. The process must have installed a rustls provider.
pub fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .user_agent("BabySea/1")
        .no_proxy()
        .redirect(reqwest::redirect::Policy::limited(MAX_REDIRECTS))
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .build()
}

/// Begins a download.
pub async fn open(http: &reqwest::Client, url: &str, deadline: Instant) -> Result<reqwest::Response, LoadError> {
    let response = timeout_at(deadline, http.get(url).send()).await.map_err(|_| LoadError::Broken)?;
    let response = response.map_err(|_| LoadError::Broken)?;
    match response.status().as_u16() {
        200 => Ok(response),
        status @ (408 | 429 | 500..=599) => {
            tracing::debug!(status, "an output is not served at the moment");
            Err(LoadError::Broken)
        }
        status => Err(LoadError::Status(status)),
    }
}

/// At least `least` bytes from the start of the body, unless it is shorter.
pub async fn first_bytes(response: &mut reqwest::Response, least: usize) -> Result<Bytes, LoadError> {
    let mut start = BytesMut::new();
    while start.len() < least {
        match response.chunk().await.map_err(|_| LoadError::Broken)? {
            Some(piece) => start.extend_from_slice(&piece),
            None => break,
        }
    }
    Ok(start.freeze())
}

/// `start` and the rest of the body, piece by piece.
pub fn rest(
    start: Bytes,
    response: reqwest::Response,
) -> impl Stream<Item = Result<Bytes, reqwest::Error>> + Send + Unpin {
    let pieces = futures::stream::unfold(response, |mut response| async move {
        response.chunk().await.transpose().map(|piece| (piece, response))
    });
    futures::StreamExt::chain(futures::stream::iter([Ok(start)]), Box::pin(pieces))
}

/// The whole body, at most `limit` bytes of it.
pub async fn whole(start: Bytes, mut response: reqwest::Response, limit: u64) -> Result<Bytes, LoadError> {
    let mut body = BytesMut::from(&start[..]);
    while let Some(piece) = response.chunk().await.map_err(|_| LoadError::Broken)? {
        if (body.len() + piece.len()) as u64 > limit {
            return Err(LoadError::TooLarge(limit));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}
