//! Callbacks of providers: whether one is genuine, and which job it is about. Never what became of the job: a callback is a
//! reason to ask, and the provider's answer to the question is what counts. Pure: the clock and the keys are handed in.

mod bfl;
mod fal;
mod fetch;
mod replicate;

use ledger_contract::{Provider, Timestamp};
use serde_json::Value;

pub use fal::{KeysUnreadable, read_keys};
pub use fetch::{keys_request, read_keys_answer};

/// How far the clock of a signed callback may be from ours, in milliseconds (api contract §9).
const WINDOW_MS: i64 = 300_000;

/// A callback as it came.
#[derive(Clone, Copy, Debug)]
pub struct Callback<'a> {
    /// Names in any case.
    pub headers: &'a [(String, String)],
    /// Every byte of it: signatures are over bytes.
    pub body: &'a [u8],
}

/// What a provider's callbacks are checked with.
#[derive(Clone)]
pub enum CallbackKeys {
    /// The account's signing secret, `whsec_…`.
    Replicate {
        /// Secret.
        secret: String,
    },
    /// Every key that is published at the moment; see [`read_keys`].
    Fal {
        /// Ed25519 public keys.
        keys: Vec<[u8; 32]>,
    },
    /// The secret that went along with the submission.
    Bfl {
        /// Secret.
        secret: String,
    },
    /// The provider signs nothing: the caller found the job's own secret in the path that was called.
    Token,
}

/// Why a callback is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallbackRefused {
    /// A header that signs it is missing or is no signature.
    #[error("not signed")]
    Unsigned,
    /// Too old, or from the future.
    #[error("outside the time window")]
    Stale,
    /// Signed by nobody we know.
    #[error("the signature is wrong")]
    Forged,
    /// Our own secret cannot be used.
    #[error("the signing secret cannot be used")]
    BadSecret,
}

/// What a callback says: which job to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The provider's own id of the job.
    pub prediction_id: String,
    /// Whether it says that the job is over.
    pub is_over: bool,
}

/// Whether a callback is genuine and fresh.
pub fn verify(callback: &Callback<'_>, now: Timestamp, keys: &CallbackKeys) -> Result<(), CallbackRefused> {
    match keys {
        CallbackKeys::Replicate { secret } => replicate::verify(callback, now, secret),
        CallbackKeys::Fal { keys } => fal::verify(callback, now, keys),
        CallbackKeys::Bfl { secret } => bfl::verify(callback, secret),
        CallbackKeys::Token => Ok(()),
    }
}

/// What a verified callback is about; `None`: nothing that we could have submitted.
pub fn read(provider: Provider, body: &[u8]) -> Option<Notice> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let (id, status) = match provider {
        Provider::Fal => ("request_id", "status"),
        Provider::Replicate | Provider::Bfl | Provider::Byteplus => ("id", "status"),
        Provider::Openai | Provider::Runway | Provider::Alibabacloud | Provider::Cloudflare => return None,
    };
    let prediction_id = body.get(id)?.as_str().filter(|id| !id.is_empty())?.to_owned();
    let is_over = !matches!(
        body.get(status).and_then(Value::as_str)?,
        "starting" | "processing" | "Pending" | "queued" | "running" | "IN_QUEUE" | "IN_PROGRESS"
    );
    Some(Notice { prediction_id, is_over })
}

impl Callback<'_> {
    /// A header that is there once; said twice it means nothing.
    fn header(&self, name: &str) -> Result<&str, CallbackRefused> {
        let mut found = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Ok(value),
            _ => Err(CallbackRefused::Unsigned),
        }
    }
}

/// Unix seconds, as they are signed.
fn check_time(seconds: &str, now: Timestamp) -> Result<(), CallbackRefused> {
    let seconds: i64 = seconds.parse().map_err(|_| CallbackRefused::Unsigned)?;
    let apart = seconds.checked_mul(1000).and_then(|ms| now.0.checked_sub(ms)).and_then(i64::checked_abs);
    if apart.is_some_and(|apart| apart <= WINDOW_MS) { Ok(()) } else { Err(CallbackRefused::Stale) }
}
