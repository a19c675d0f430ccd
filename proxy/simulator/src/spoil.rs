//! Spoils good answers to submissions on the wire: reset, truncated, dripping.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::Response;
use futures::stream;

use crate::behavior::Fault;
use crate::inbound::Inbound;

/// Most bytes of an answer that is read to be spoiled: ten large images in base64.
const LIMIT: usize = 256 << 20;
/// Wait before each byte of a dripping body: any deadline passes before the end.
const DRIP: Duration = Duration::from_millis(500);

/// The answer as it goes out; never returns for a connection that is reset.
pub async fn sent(inbound: &Inbound, fault: Option<Fault>, answer: Response) -> Response {
    match fault {
        Some(Fault::ResetAfterAccept) => {
            inbound.line.iter().for_each(crate::door::Line::cut);
            std::future::pending().await
        }
        Some(Fault::TruncatedJson) => with_body(answer, |whole| Body::from(whole.slice(..whole.len() / 2))).await,
        Some(Fault::SlowBody) => with_body(answer, drip).await,
        _ => answer,
    }
}

async fn with_body(answer: Response, spoil: impl FnOnce(Bytes) -> Body) -> Response {
    let (mut parts, body) = answer.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let whole = axum::body::to_bytes(body, LIMIT).await.unwrap_or_default();
    Response::from_parts(parts, spoil(whole))
}

fn drip(whole: Bytes) -> Body {
    Body::from_stream(stream::unfold(whole, |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(DRIP).await;
        let byte = rest.split_to(1);
        Some((Ok::<_, std::convert::Infallible>(byte), rest))
    }))
}
