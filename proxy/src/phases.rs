//! A request's way through the proxy, as Pingora calls it. The order of the checks is the contract's (api contract §3).

mod admit;
mod callback;
mod events;
mod handle;
mod intake;
mod shell;
mod write;

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::StatusCode;
use ledger_contract::{ErrorCode, Timestamp, wire::Caller};
use pingora::{
    Error, ErrorSource, ErrorType, Result,
    http::{RequestHeader, ResponseHeader},
    proxy::{FailToProxy, ProxyHttp, Session},
    upstreams::peer::HttpPeer,
};
use tracing::{debug, info};

use crate::{
    answer::{RateHeaders, Reply},
    clock,
    drain::Place,
    identify::KeyRecord,
    reads::{self, Question},
    routes::Route,
};

pub use shell::{LedgerKeys, Shell};

/// Idle connections are held longer than common clients hold them (api contract §1.1).
const KEEPALIVE_S: u64 = 75;
/// Most bytes of a body that a read may carry; they are thrown away.
const READ_BODY_LIMIT: usize = 1 << 20;

/// One request.
pub struct Visit {
    request_id: String,
    started: Instant,
    now: Timestamp,
    route: Option<&'static Route>,
    label: &'static str,
    parameter: String,
    /// Set once the key is verified.
    key: Option<Arc<KeyRecord>>,
    /// Where it came from, set with the key.
    client: Option<IpAddr>,
    rate: Option<RateHeaders>,
    code: Option<ErrorCode>,
    replayed: bool,
    read_status: Option<StatusCode>,
    discarded: usize,
    /// Held until the answer is flushed: Pingora drops the visit after that.
    place: Option<Place>,
}

impl Visit {
    fn new() -> Self {
        Self {
            request_id: format!("req_{}", uuid::Uuid::now_v7().simple()),
            started: Instant::now(),
            now: clock::now(),
            route: None,
            label: "none",
            parameter: String::new(),
            key: None,
            client: None,
            replayed: false,
            rate: None,
            code: None,
            read_status: None,
            discarded: 0,
            place: None,
        }
    }

    fn caller(&self) -> Option<Caller> {
        let key = &self.key.as_ref()?.key;
        Some(Caller { account_id: key.account_id, apikey_id: key.apikey_id })
    }
}

/// What a step leads to.
enum Next {
    /// The answer.
    Answer(Reply),
    /// The ledger answers.
    Forward,
    /// The answer was written.
    Written,
}

/// The proxy as Pingora runs it.
pub struct Phases(pub Arc<Shell>);

#[async_trait]
impl ProxyHttp for Phases {
    type CTX = Visit;

    fn new_ctx(&self) -> Visit {
        Visit::new()
    }

    async fn request_filter(&self, session: &mut Session, visit: &mut Visit) -> Result<bool> {
        if session.as_ref().get_keepalive().is_some() {
            session.set_keepalive(Some(KEEPALIVE_S));
        }
        session.as_mut().set_read_timeout(Some(Duration::from_secs(10)));
        session.as_mut().set_write_timeout(Some(Duration::from_secs(30)));
        session.as_mut().set_total_drain_timeout(Some(intake::DISCARD_TIME));
        match self.0.admit(session, visit).await? {
            Next::Forward => Ok(false),
            Next::Written => Ok(true),
            Next::Answer(reply) => {
                write::answer(session, visit, reply).await?;
                Ok(true)
            }
        }
    }

    async fn upstream_peer(&self, _: &mut Session, _: &mut Visit) -> Result<Box<HttpPeer>> {
        self.0.upstream.peer().await
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        upstream_request: &mut RequestHeader,
        visit: &mut Visit,
    ) -> Result<()> {
        let Some(caller) = visit.caller() else {
            return Error::e_explain(ErrorType::InternalError, "a read without a caller");
        };
        let (path, query) = (visit.path(), session.req_header().uri.query());
        let question = Question { path: &path, query, caller, request_id: &visit.request_id };
        *upstream_request = self.0.upstream.request(&question)?;
        Ok(())
    }

    /// A read has no body; whatever came is not passed on.
    async fn request_body_filter(
        &self,
        _: &mut Session,
        body: &mut Option<Bytes>,
        _: bool,
        visit: &mut Visit,
    ) -> Result<()> {
        visit.discarded += body.take().map_or(0, |chunk| chunk.len());
        if visit.discarded > READ_BODY_LIMIT {
            return Err(Error::explain(ErrorType::ReadError, "a read with a large body").into_down());
        }
        Ok(())
    }

    async fn upstream_response_filter(
        &self,
        _: &mut Session,
        upstream_response: &mut ResponseHeader,
        _: &mut Visit,
    ) -> Result<()> {
        reads::check(upstream_response)
    }

    async fn response_filter(
        &self,
        _: &mut Session,
        upstream_response: &mut ResponseHeader,
        visit: &mut Visit,
    ) -> Result<()> {
        let mut head = reads::bare(upstream_response)?;
        write::dress_read(&mut head, visit)?;
        visit.read_status = Some(head.status);
        *upstream_response = head;
        Ok(())
    }

    fn response_body_filter(
        &self,
        _: &mut Session,
        body: &mut Option<Bytes>,
        _: bool,
        visit: &mut Visit,
    ) -> Result<Option<Duration>> {
        // Pingora calls this before it counts the head as written.
        let is_error = visit.read_status.is_some_and(|status| !status.is_success());
        if let (true, None, Some(chunk)) = (is_error, visit.code, body.as_ref()) {
            visit.code = reads::spot_code(chunk);
        }
        Ok(None)
    }

    async fn fail_to_proxy(&self, session: &mut Session, error: &Error, visit: &mut Visit) -> FailToProxy {
        let from_client = *error.esource() == ErrorSource::Downstream;
        if from_client || session.response_written().is_some() {
            return FailToProxy { error_code: 0, can_reuse_downstream: false };
        }
        let reply = match (error.esource(), error.etype()) {
            (_, ErrorType::HTTPStatus(500)) => Reply::internal_error(),
            (ErrorSource::Upstream, _) => Reply::ledger_unavailable(),
            _ => Reply::internal_error(),
        };
        tracing::warn!(request_id = visit.request_id, %error, "a request could not be answered");
        session.set_keepalive(None);
        let error_code = reply.status();
        let written = write::answer(session, visit, reply).await;
        FailToProxy { error_code: if written.is_ok() { error_code } else { 0 }, can_reuse_downstream: false }
    }

    /// [`ProxyHttp::fail_to_proxy`] logs what matters, once.
    fn suppress_error_log(&self, _: &Session, _: &Visit, _: &Error) -> bool {
        true
    }

    /// Pingora's own lines must not show paths with queries.
    fn request_summary(&self, _: &Session, visit: &Visit) -> String {
        format!("{} {}", visit.request_id, visit.label)
    }

    async fn logging(&self, session: &mut Session, _: Option<&Error>, visit: &mut Visit) {
        // Without a status nothing was written: the client had left.
        let status = session.response_written().map_or(0, |head| head.status.as_u16());
        let elapsed = visit.started.elapsed();
        log(session, visit, status, elapsed);
        let known = visit.route.map_or("other", |route| route.method);
        self.0.metrics.request_answered(known, visit.label, status, visit.code, elapsed.as_secs_f64());
        self.0.count(session, visit, status, elapsed);
    }
}

/// A line per request: what failed for operators to see, what went well only for those who look closer.
fn log(session: &Session, visit: &Visit, status: u16, elapsed: Duration) {
    macro_rules! line {
        ($level:ident) => {
            $level!(
                request_id = visit.request_id,
                account = visit.key.as_ref().map(|key| tracing::field::display(key.key.account_id)),
                method = session.req_header().method.as_str(),
                route = visit.label,
                status,
                code = visit.code.map(ErrorCode::code),
                ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
                "request"
            )
        };
    }
    if (200..400).contains(&status) {
        line!(debug);
    } else {
        line!(info);
    }
}
