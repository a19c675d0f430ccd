//! What operators ask: `/metrics`, `/healthz` (the process lives), `/readyz` (it can serve). Never on the customers' address.

use std::sync::Arc;

use async_trait::async_trait;
use http::{Response, StatusCode};
use pingora::{apps::http_app::ServeHttp, protocols::http::ServerSession};
use prometheus::{Encoder, Registry, TextEncoder};
use tokio::runtime::Handle;

use crate::{drain::Drain, engine::Engine, metrics::Metrics};

/// The operator endpoint.
pub struct Operator {
    /// What `/metrics` shows; other roles of the process may have registered theirs too.
    pub registry: Registry,
    /// Whose numbers are taken when they are asked for.
    pub metrics: Arc<Metrics>,
    /// Not ready while draining.
    pub drain: Arc<Drain>,
    /// Whose ledger is asked.
    pub engine: Arc<Engine>,
    /// Where it is asked from.
    pub work: Handle,
}

#[async_trait]
impl ServeHttp for Operator {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        match session.req_header().uri.path() {
            "/metrics" => self.show_metrics(),
            "/healthz" => text(StatusCode::OK, "ok\n"),
            "/readyz" => self.ready().await,
            _ => text(StatusCode::NOT_FOUND, "not found\n"),
        }
    }
}

impl Operator {
    fn show_metrics(&self) -> Response<Vec<u8>> {
        self.metrics.set_in_flight(self.drain.running());
        let mut page = Vec::new();
        match TextEncoder::new().encode(&self.registry.gather(), &mut page) {
            Ok(()) => body(StatusCode::OK, prometheus::TEXT_FORMAT, page),
            Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "metrics could not be encoded\n"),
        }
    }

    async fn ready(&self) -> Response<Vec<u8>> {
        if self.drain.is_draining() {
            return text(StatusCode::SERVICE_UNAVAILABLE, "draining\n");
        }
        let engine = Arc::clone(&self.engine);
        let asked = self.work.spawn(async move { engine.ledger.ready().await.is_ok() });
        if asked.await.unwrap_or(false) {
            text(StatusCode::OK, "ready\n")
        } else {
            text(StatusCode::SERVICE_UNAVAILABLE, "the ledger is not reachable\n")
        }
    }
}

fn text(status: StatusCode, message: &str) -> Response<Vec<u8>> {
    body(status, "text/plain; charset=utf-8", message.as_bytes().to_vec())
}

fn body(status: StatusCode, content_type: &'static str, bytes: Vec<u8>) -> Response<Vec<u8>> {
    let length = bytes.len();
    let mut response = Response::new(bytes);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert("content-type", http::HeaderValue::from_static(content_type));
    headers.insert("content-length", http::HeaderValue::from(length));
    response
}
