//! Puts answers on the wire. What they look like is decided in [`crate::answer`].

use std::borrow::Cow;

use bytes::Bytes;
use http::HeaderValue;
use ledger_contract::ErrorCode;
use pingora::{ErrorType, OrErr, Result, http::ResponseHeader, proxy::Session};

use super::{Visit, intake};
use crate::{
    answer::{self, Letterhead, Reply},
    clock,
};

/// Writes `reply` and remembers its code.
pub(super) async fn answer(session: &mut Session, visit: &mut Visit, mut reply: Reply) -> Result<()> {
    if let Err(failure) = &mut reply.outcome
        && failure.error.code == ErrorCode::InternalError
        && session.req_header().method == http::Method::GET
    {
        // A read can always be repeated (api contract §6.1 rule 3).
        failure.error.retryable = true;
    }
    visit.code = reply.error_code();
    visit.replayed = reply.is_replayed();
    let written = answer::write(&reply, &letterhead(visit));
    let reusable = intake::discard_body(session).await;
    if written.close || !reusable {
        session.set_keepalive(None);
    }
    let mut head = ResponseHeader::build_no_case(written.status, Some(written.headers.len()))?;
    for (name, value) in written.headers {
        head.append_header(name, header_value(value)?)?;
    }
    send(session, head, written.body).await
}

/// The answer to a CORS preflight.
pub(super) async fn preflight(session: &mut Session, visit: &Visit) -> Result<()> {
    let mut head = ResponseHeader::build(204, Some(8))?;
    for (name, value) in answer::cors_headers().into_iter().chain(answer::preflight_headers()) {
        head.append_header(name, value)?;
    }
    head.append_header("x-request-id", &visit.request_id)?;
    send(session, head, Bytes::new()).await
}

/// The ledger wrote the body; everything around it is ours.
pub(super) fn dress_read(head: &mut ResponseHeader, visit: &Visit) -> Result<()> {
    head.insert_header("content-type", HeaderValue::from_static(answer::JSON))?;
    for (name, value) in answer::common_headers(&letterhead(visit)) {
        head.insert_header(name, header_value(value)?)?;
    }
    Ok(())
}

/// Without copying what is static.
pub(super) fn header_value(text: Cow<'static, str>) -> Result<HeaderValue> {
    match text {
        Cow::Borrowed(text) => Ok(HeaderValue::from_static(text)),
        Cow::Owned(text) => {
            HeaderValue::try_from(text).explain_err(ErrorType::InvalidHTTPHeader, |_| "a header of ours")
        }
    }
}

pub(super) fn letterhead(visit: &Visit) -> Letterhead<'_> {
    Letterhead { request_id: &visit.request_id, timestamp: clock::now(), rate: visit.rate }
}

/// A HEAD request's answer keeps its length and has no body.
async fn send(session: &mut Session, head: ResponseHeader, body: Bytes) -> Result<()> {
    let ends = body.is_empty() || session.req_header().method == http::Method::HEAD;
    session.write_response_header(Box::new(head), ends).await?;
    if ends { Ok(()) } else { session.write_response_body(Some(body), true).await }
}
