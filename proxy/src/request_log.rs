//! The request log on the proxy's side (product requirements §3.4): rows gather in memory, bounded, and are reported to the
//! ledger every two seconds or when a report is full. Never waits on a request's way.
//!
//! No bodies, no keys; a query keeps only what is plain and cannot be a secret or a prompt.

use std::sync::{Mutex, PoisonError};

use ledger_contract::request_log::{LoggedRequest, LoggedRequests, MAX_LOGGED};
use tokio::sync::Notify;

use crate::{ledger::LedgerClient, metrics::Metrics};

/// Most rows that wait; further ones are dropped and counted. About 10 MB.
const MOST_ROWS: usize = 20_000;
/// Longest query that is kept, in bytes.
const QUERY_LENGTH: usize = 512;
/// Longest name and value in it.
const WORD_LENGTH: usize = 64;
/// Longest user agent that is kept, in characters.
const AGENT_LENGTH: usize = 256;
/// Names whose values are never kept.
const PRIVATE_NAMES: [&str; 6] = ["key", "token", "secret", "password", "auth", "prompt"];
/// What our own secrets begin with.
const SECRET_STARTS: [&str; 2] = ["bye_", "whsec_"];

/// Rows that were not reported yet.
#[derive(Debug, Default)]
pub struct RequestLog {
    waiting: Mutex<Vec<LoggedRequest>>,
    unanswered: tokio::sync::Mutex<Vec<LoggedRequest>>,
    full: Notify,
}

impl RequestLog {
    /// Keeps a row for the next report.
    pub fn add(&self, row: LoggedRequest, metrics: &Metrics) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= MOST_ROWS {
            drop(waiting);
            metrics.log_rows_dropped(1);
            return;
        }
        waiting.push(row);
        let is_full = waiting.len() == MAX_LOGGED;
        drop(waiting);
        if is_full {
            self.full.notify_one();
        }
    }

    /// Ends when a report is full.
    pub async fn filled(&self) {
        self.full.notified().await;
    }

    /// Reports what there is, an unanswered report first; says whether everything landed.
    pub async fn report(&self, ledger: &LedgerClient) -> bool {
        let mut unanswered = self.unanswered.lock().await;
        // As many reports as full ones could be needed, plus the unanswered one.
        for _ in 0..=(MOST_ROWS / MAX_LOGGED + 1) {
            if unanswered.is_empty() {
                *unanswered = self.take();
            }
            if unanswered.is_empty() {
                return true;
            }
            let report = LoggedRequests { rows: std::mem::take(&mut unanswered) };
            if ledger.log_requests(&report).await.is_err() {
                *unanswered = report.rows;
                return false;
            }
        }
        false
    }

    fn take(&self) -> Vec<LoggedRequest> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let report = waiting.len().min(MAX_LOGGED);
        waiting.drain(..report).collect()
    }
}

/// A query without what could be private: `name=value` pairs of plain short words, `*` for every other value.
pub fn sanitized_query(query: Option<&str>) -> String {
    let mut kept = String::new();
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let is_secret = SECRET_STARTS.iter().any(|start| name.contains(start));
        let name = if is_plain(name) && !is_secret { name } else { "*" };
        let value = if is_plain(value) && !is_private(name, value) { value } else { "*" };
        if kept.len() + name.len() + value.len() + 2 > QUERY_LENGTH {
            break;
        }
        if !kept.is_empty() {
            kept.push('&');
        }
        kept.extend([name, "=", value]);
    }
    kept
}

fn is_plain(word: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:,/".contains(&byte);
    word.len() <= WORD_LENGTH && word.bytes().all(plain)
}

fn is_private(name: &str, value: &str) -> bool {
    let name = name.to_ascii_lowercase();
    PRIVATE_NAMES.iter().any(|private| name.contains(private))
        || SECRET_STARTS.iter().any(|start| value.contains(start))
}

/// A user agent in printable characters, cut.
pub fn printable_agent(value: Option<&http::HeaderValue>) -> String {
    let text = value.and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.chars().filter(|character| !character.is_control()).take(AGENT_LENGTH).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_query_keeps_plain_words_and_nothing_private() {
        for (query, kept) in [
            (None, ""),
            (Some("limit=10&offset=20"), "limit=10&offset=20"),
            (Some("days=7&api_key=abc"), "days=7&api_key=*"),
            (Some("x=bye_abc"), "x=*"),
            (Some("bye_abc"), "*="),
            (Some("generation_prompt=sea"), "generation_prompt=*"),
            (Some("a=%20b&c"), "a=*&c="),
            (Some("ratio=16:9&&"), "ratio=16:9"),
        ] {
            assert_eq!(sanitized_query(query), kept, "{query:?}");
        }
        assert!(sanitized_query(Some(&"a=b&".repeat(1_000))).len() <= QUERY_LENGTH);
    }

    proptest! {
        #[test]
        fn no_query_and_no_agent_make_it_panic_or_grow(text in ".{0,2000}") {
            prop_assert!(sanitized_query(Some(&text)).len() <= QUERY_LENGTH);
            let agent = http::HeaderValue::from_str(&text).ok();
            prop_assert!(printable_agent(agent.as_ref()).chars().count() <= AGENT_LENGTH);
        }
    }
}
