//! Waiting for a generation to move: the long poll, the event stream and `Prefer: wait` (api contract §1.4). Whoever waits
//! reads what the ledger says; this only decides when to look.
//!
//! Woken at once by the follower in this process; a generation that another process follows is looked at every second. All
//! waits end when the process begins to stop.

pub mod hub;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use ledger_contract::{GenerationId, GenerationStatus, wire::Caller};
use serde_json::Value;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use crate::{
    answer::Reply,
    clock::jittered,
    engine::Engine,
    ledger::{LedgerError, Reading},
};
use hub::Waiter;

/// Longest wait that can be asked for, in seconds.
pub const LONGEST_WAIT_S: u64 = 25;
/// An answer leaves within 25 s of its request (api contract §1.4), reading it included.
const ANSWER_WITHIN: Duration = Duration::from_secs(24);
/// Between two looks at a generation that another process follows.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Between two looks at one that this process follows: only in case a move was missed.
const LOOK_ANYWAY: Duration = Duration::from_secs(5);
/// A stream says something at least so often, so that a client that left is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Whose generation is waited for, and for which request.
#[derive(Clone, Debug)]
pub struct Question {
    /// Verified.
    pub caller: Caller,
    /// Which one.
    pub generation_id: GenerationId,
    /// `req_…`.
    pub request_id: String,
    /// When the request came.
    pub received_at: Instant,
}

impl Question {
    /// When a wait of `wanted` ends.
    pub fn until(&self, wanted: Duration) -> Instant {
        self.received_at + wanted.min(ANSWER_WITHIN)
    }

    fn reading<'a>(&'a self, engine: &'a Engine) -> Reading<'a> {
        Reading {
            caller: self.caller,
            generation_id: self.generation_id,
            request_id: &self.request_id,
            public_url: &engine.public_url,
        }
    }
}

/// The record once it is terminal; `None` when it is not by `until`, is unknown, or too many wait already.
pub async fn until_terminal(engine: &Arc<Engine>, question: &Question, until: Instant) -> Option<Value> {
    let mut waiter = engine.hub.enter(question.caller.account_id, question.generation_id)?;
    loop {
        match engine.ledger.generation(&question.reading(engine)).await {
            Ok(Some(record)) if is_terminal(&record) => return Some(record),
            Ok(Some(_)) | Err(LedgerError::Unavailable) => {}
            Ok(None) | Err(LedgerError::Refused | LedgerError::InDoubt) => return None,
        }
        if !pause(engine, &mut waiter, until).await {
            return None;
        }
    }
}

/// The record as it is; an answer instead if there is none to show.
pub async fn current(engine: &Engine, question: &Question) -> Result<Value, Reply> {
    match engine.ledger.generation(&question.reading(engine)).await {
        Ok(Some(record)) => Ok(record),
        Ok(None) => Err(Reply::generation_not_found()),
        Err(_) => Err(Reply::ledger_unavailable()),
    }
}

/// One event now and one whenever the record changes, until it is terminal or the stream's time is over. Ends early when
/// nobody listens.
pub async fn stream(
    engine: Arc<Engine>,
    question: Question,
    mut waiter: Waiter,
    mut record: Value,
    events: mpsc::Sender<Bytes>,
) {
    let until = question.until(Duration::from_secs(LONGEST_WAIT_S));
    let mut number = 1_u32;
    let mut said_at = Instant::now();
    if events.send(event(number, &record)).await.is_err() {
        return;
    }
    while !is_terminal(&record) {
        pause(&engine, &mut waiter, until.min(said_at + KEEP_ALIVE)).await;
        if engine.closing.is_cancelled() || Instant::now() >= until {
            return;
        }
        let next = engine.ledger.generation(&question.reading(&engine)).await;
        let said = match next {
            // Deleted: there is nothing more to say.
            Ok(None) => return,
            Ok(Some(changed)) if changed != record => {
                record = changed;
                number = number.saturating_add(1);
                event(number, &record)
            }
            Ok(Some(_)) | Err(_) if said_at.elapsed() >= KEEP_ALIVE => Bytes::from_static(b": waiting\n\n"),
            Ok(Some(_)) | Err(_) => continue,
        };
        said_at = Instant::now();
        if events.send(said).await.is_err() {
            return;
        }
    }
}

fn event(number: u32, record: &Value) -> Bytes {
    Bytes::from(format!("id: {number}\nevent: generation\ndata: {record}\n\n"))
}

/// Until the generation moves or it is time to look; `false`: the time is up, or the process stops.
async fn pause(engine: &Engine, waiter: &mut Waiter, until: Instant) -> bool {
    let is_ours = engine.running.contains_key(&waiter.generation_id());
    let look_at = Instant::now() + jittered(if is_ours { LOOK_ANYWAY } else { LOOK_EVERY });
    tokio::select! {
        biased;
        () = engine.closing.cancelled() => return false,
        () = waiter.moved() => {}
        () = sleep_until(until.min(look_at)) => {}
    }
    Instant::now() < until
}

/// Whether nothing more can happen to this record.
pub fn is_terminal(record: &Value) -> bool {
    let status = record.get("generation_status").and_then(Value::as_str);
    status.and_then(|status| status.parse::<GenerationStatus>().ok()).is_some_and(GenerationStatus::is_terminal)
}

/// The seconds of `?wait=`: `Ok(None)` without it, `Err` when it is no integer from 0 to 25.
pub fn read_query(query: Option<&str>) -> Result<Option<Duration>, Reply> {
    let mut values =
        url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).filter(|(name, _)| name == "wait");
    let Some((_, text)) = values.next() else { return Ok(None) };
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = text.parse::<u64>().ok().filter(|seconds| is_plain && *seconds <= LONGEST_WAIT_S);
    match (seconds, values.next()) {
        (Some(seconds), None) => Ok(Some(Duration::from_secs(seconds))),
        _ => Err(Reply::invalid_field("wait", "invalid_value", "wait is an integer from 0 to 25")),
    }
}

/// The seconds of `Prefer: wait=n`, at most 25. A preference that cannot be read is none.
pub fn read_prefer<'a>(values: impl Iterator<Item = &'a [u8]>) -> Option<Duration> {
    let texts = values.filter_map(|value| std::str::from_utf8(value).ok());
    let seconds = texts.flat_map(|text| text.split(',')).find_map(|preference| {
        let (name, value) = preference.split(';').next()?.split_once('=')?;
        let value = value.trim().trim_matches('"');
        if name.trim().eq_ignore_ascii_case("wait") { value.parse::<u64>().ok() } else { None }
    });
    seconds.map(|seconds| Duration::from_secs(seconds.min(LONGEST_WAIT_S)))
}

#[cfg(test)]
#[path = "wait/tests.rs"]
mod tests;
