//! The event stream on the wire (api contract §1.4). What is said in it is decided in [`crate::wait`].

use bytes::Bytes;
use ledger_contract::ErrorCode;
use pingora::{Result, http::ResponseHeader, proxy::Session};
use tokio::sync::mpsc;

use super::{Visit, intake, write};
use crate::answer::{self, Reply};

/// Events that may wait for a client that reads slowly; then their maker waits too.
pub(super) const WAITING: usize = 4;

/// Writes events until there are no more of them.
pub(super) async fn write(session: &mut Session, visit: &Visit, mut events: mpsc::Receiver<Bytes>) -> Result<()> {
    if !intake::discard_body(session).await {
        session.set_keepalive(None);
    }
    let mut head = ResponseHeader::build(200, Some(12))?;
    head.insert_header("content-type", "text/event-stream; charset=utf-8")?;
    for (name, value) in answer::common_headers(&write::letterhead(visit)) {
        head.append_header(name, write::header_value(value)?)?;
    }
    // Proxies in front of us must not hold events back.
    head.insert_header("x-accel-buffering", "no")?;
    match session.req_header().version {
        http::Version::HTTP_11 => head.insert_header("transfer-encoding", "chunked")?,
        http::Version::HTTP_10 => session.set_keepalive(None),
        _ => {}
    }
    session.write_response_header(Box::new(head), false).await?;
    while let Some(event) = events.recv().await {
        session.write_response_body(Some(event), false).await?;
    }
    session.write_response_body(None, true).await
}

/// More streams and long polls than one account, or this process, may have.
pub(super) fn too_many() -> Reply {
    Reply::refuse(ErrorCode::RateLimitExceeded, "Too many requests wait for generations").retry_after(1)
}
