//! What a create request must look like before anybody thinks about its meaning (step 10 of api contract §3).

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ledger_contract::{ErrorCode, PublicError};
use pingora::{Result, proxy::Session};

use crate::answer::Reply;

/// Largest body of a create, in bytes (api contract §5.6).
pub const BODY_LIMIT: usize = 102_400;
/// So much of a body that nobody wants is read and thrown away, so that its sender gets the answer.
const DISCARD_LIMIT: usize = 1 << 20;
/// And for so long.
pub const DISCARD_TIME: Duration = Duration::from_secs(1);
/// How long a wanted body may take to arrive: a create has 25 s in all.
const BODY_TIME: Duration = Duration::from_secs(10);

/// The accepted parts of a create request.
#[derive(Debug)]
pub struct Intake {
    /// The body: one JSON object.
    pub body: Bytes,
    /// As sent, checked.
    pub idempotency_key: Option<String>,
}

/// Reads and checks, in the contract's order: media type, size, JSON, key.
pub async fn take_in(session: &mut Session) -> Result<Intake, Reply> {
    let headers = &session.req_header().headers;
    if !is_json(headers.get_all("content-type").iter().map(http::HeaderValue::as_bytes)) {
        return Err(Reply::refuse(ErrorCode::UnsupportedMediaType, "The request body must be application/json"));
    }
    let body = read_body(session, BODY_LIMIT).await?;
    proxy_normalize::parse_body(&body).map_err(|rejection| Reply::failure(rejection.error()))?;
    let keys = session.req_header().headers.get_all("idempotency-key");
    let idempotency_key = read_key(keys.iter().map(http::HeaderValue::as_bytes)).map_err(Reply::failure)?;
    Ok(Intake { body, idempotency_key })
}

/// Throws away what is left of a body, within limits; says whether the connection can be used again.
pub async fn discard_body(session: &mut Session) -> bool {
    if session.as_mut().is_body_done() {
        return true;
    }
    if expects_continue(session) {
        // Its sender waits for our word before it sends anything.
        return false;
    }
    tokio::time::timeout(DISCARD_TIME, async {
        let mut thrown_away = 0;
        while let Ok(Some(chunk)) = session.as_mut().read_request_body().await {
            thrown_away += chunk.len();
            if thrown_away > DISCARD_LIMIT {
                break;
            }
        }
        session.as_mut().is_body_done()
    })
    .await
    .unwrap_or(false)
}

/// A body of at most `limit` bytes.
pub async fn read_body(session: &mut Session, limit: usize) -> Result<Bytes, Reply> {
    if declared_length(session).is_some_and(|length| length > limit as u64) {
        return Err(too_large(limit));
    }
    if expects_continue(session) && session.as_mut().write_continue_response().await.is_err() {
        return Err(not_received());
    }
    let reading = async {
        let mut body = BytesMut::new();
        loop {
            match session.as_mut().read_request_body().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > limit => return Err(too_large(limit)),
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => return Ok(body.freeze()),
                Err(_) => return Err(not_received()),
            }
        }
    };
    tokio::time::timeout(BODY_TIME, reading).await.unwrap_or_else(|_| Err(not_received()))
}

fn declared_length(session: &Session) -> Option<u64> {
    session.req_header().headers.get("content-length")?.to_str().ok()?.trim().parse().ok()
}

fn expects_continue(session: &Session) -> bool {
    let expect = session.req_header().headers.get("expect");
    expect.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

fn too_large(limit: usize) -> Reply {
    let error = PublicError::new(ErrorCode::PayloadTooLarge, format!("The request body exceeds {limit} bytes"));
    Reply::failure(error.with_detail("limit_bytes", limit))
}

fn not_received() -> Reply {
    Reply::failure(invalid("body", "invalid_json", "The request body did not arrive"))
}

fn invalid(field: &str, code: &str, message: &str) -> PublicError {
    let issue = serde_json::json!([{ "field": field, "code": code, "message": message }]);
    PublicError::new(ErrorCode::InvalidInput, message).with_detail("field", field).with_detail("issues", issue)
}

/// `application/json`, with no other parameter than `charset=utf-8`.
fn is_json<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> bool {
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let Ok(text) = std::str::from_utf8(value) else { return false };
    let mut parts = text.split(';').map(str::trim);
    let is_media_type = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    is_media_type && parts.all(|part| part.is_empty() || is_utf8_charset(part))
}

fn is_utf8_charset(parameter: &str) -> bool {
    parameter.split_once('=').is_some_and(|(name, value)| {
        name.trim().eq_ignore_ascii_case("charset") && value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
    })
}

/// The `Idempotency-Key` header: at most once, 1–255 characters of `[A-Za-z0-9_\-:.]`.
fn read_key<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Result<Option<String>, PublicError> {
    const FIELD: &str = "Idempotency-Key";
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(invalid(FIELD, "invalid_type", "The Idempotency-Key header is sent more than once"));
    }
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-:.".contains(byte);
    if !(1..=255).contains(&value.len()) || !value.iter().all(allowed) {
        return Err(invalid(
            FIELD,
            "invalid_type",
            "An Idempotency-Key is 1 to 255 characters of A-Z, a-z, 0-9, _, -, : and .",
        ));
    }
    Ok(Some(String::from_utf8_lossy(value).into_owned()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_json_in_utf_8_is_taken() {
        let takes = |text: &str| is_json([text.as_bytes()].into_iter());
        for right in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
            "application/json;",
        ] {
            assert!(takes(right), "{right}");
        }
        for wrong in
            ["", "text/plain", "application/json; charset=latin1", "application/json; x=1", "application/jsonp", "json"]
        {
            assert!(!takes(wrong), "{wrong}");
        }
        assert!(!is_json(std::iter::empty()));
        assert!(!is_json([b"application/json".as_slice(), b"application/json"].into_iter()));
    }

    #[test]
    fn an_idempotency_key_is_sent_once_and_well_formed() {
        let read = |values: &[&str]| read_key(values.iter().map(|value| value.as_bytes()));
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["aZ9_-:."]), Ok(Some("aZ9_-:.".to_owned())));
        assert!(read(&[&"a".repeat(255)]).is_ok());
        for wrong in [&[""][..], &["a b"], &["ü"], &["a", "a"], &[&"a".repeat(256)]] {
            let error = read(wrong).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidInput);
            assert_eq!(error.details.unwrap()["field"], "Idempotency-Key");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_the_readers_panic(value in prop::collection::vec(any::<u8>(), 0..300)) {
            is_json([value.as_slice()].into_iter());
            let _ = read_key([value.as_slice()].into_iter());
        }
    }
}
