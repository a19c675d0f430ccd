//! Answered requests per account, endpoint and status, and when keys were used: gathered in memory, reported to the ledger
//! every two seconds.
//!
//! A report keeps its id until it lands, so a lost answer never counts twice. What a killed process had gathered is lost:
//! these are statistics, not money.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use ledger_contract::{
    AccountId, ApiKeyId, ErrorCode, Timestamp,
    wire::{RequestCount, RequestCounts},
};

use crate::clock;

/// How often a report is made.
pub const REPORT_EVERY: Duration = Duration::from_secs(2);

/// Most distinct rows gathered while the ledger is away; further ones are dropped.
const MOST_ROWS: usize = 20_000;
/// Most rows in one report.
const REPORT_ROWS: usize = 1_000;
const HOUR_MS: i64 = 3_600_000;
/// A key's use is reported at most this often.
const MINUTE_MS: i64 = 60_000;

/// One answered request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Counted {
    /// Whose.
    pub account_id: AccountId,
    /// `"<METHOD> <route template>"`.
    pub endpoint: &'static str,
    /// HTTP status.
    pub status: u16,
    /// When it was an error.
    pub code: Option<ErrorCode>,
}

/// Where reports go.
pub trait CountSink {
    /// Whether the report landed.
    fn report(&self, counts: &RequestCounts) -> impl Future<Output = bool> + Send;
}

/// What was not reported yet.
#[derive(Debug, Default)]
pub struct Counts {
    gathered: Mutex<HashMap<(Counted, i64), u64>>,
    uses: Mutex<HashMap<ApiKeyId, Use>>,
    unanswered: tokio::sync::Mutex<Option<RequestCounts>>,
}

/// When a key was used, and whether that is in a report.
#[derive(Clone, Copy, Debug)]
struct Use {
    at: Timestamp,
    reported: bool,
}

impl Counts {
    /// Counts one request; cheap, never waits for the ledger.
    pub fn add(&self, counted: Counted, now: Timestamp) {
        let hour = now.0 - now.0.rem_euclid(HOUR_MS);
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (counted, hour);
        if let Some(requests) = gathered.get_mut(&key) {
            *requests += 1;
        } else if gathered.len() < MOST_ROWS {
            gathered.insert(key, 1);
        }
    }

    /// Notes that a key authenticated.
    pub fn used(&self, apikey_id: ApiKeyId, now: Timestamp) {
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = Use { at: now, reported: false };
        if let Some(known) = uses.get_mut(&apikey_id) {
            if now.since_ms(known.at) >= MINUTE_MS {
                *known = fresh;
            }
        } else if uses.len() < MOST_ROWS {
            uses.insert(apikey_id, fresh);
        }
    }

    /// Reports what there is, the unanswered report first; says whether everything landed.
    pub async fn report(&self, sink: &impl CountSink) -> bool {
        let mut unanswered = self.unanswered.lock().await;
        // As many reports as full ones could be needed, plus the unanswered one.
        for _ in 0..=(MOST_ROWS / REPORT_ROWS + 1) {
            let Some(report) = unanswered.take().or_else(|| self.take(clock::now())) else { return true };
            if !sink.report(&report).await {
                *unanswered = Some(report);
                return false;
            }
        }
        false
    }

    fn take(&self, now: Timestamp) -> Option<RequestCounts> {
        let uses = self.take_uses(now);
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        let keys: Vec<_> = gathered.keys().take(REPORT_ROWS).cloned().collect();
        let rows: Vec<_> =
            keys.into_iter().filter_map(|key| gathered.remove(&key).map(|requests| row(key, requests))).collect();
        if rows.is_empty() && uses.is_empty() {
            return None;
        }
        Some(RequestCounts { report_id: uuid::Uuid::now_v7(), rows, uses })
    }

    /// Uses that no report has yet, as many as fit in one. Forgets keys whose minute is over.
    fn take_uses(&self, now: Timestamp) -> Vec<(ApiKeyId, Timestamp)> {
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        uses.retain(|_, known| !known.reported || now.since_ms(known.at) < MINUTE_MS);
        let unreported = uses.iter_mut().filter(|(_, known)| !known.reported).take(REPORT_ROWS);
        let report = unreported.map(|(apikey_id, known)| {
            known.reported = true;
            (*apikey_id, known.at)
        });
        report.collect()
    }
}

fn row((counted, hour): (Counted, i64), requests: u64) -> RequestCount {
    RequestCount {
        account_id: counted.account_id,
        hour: Timestamp(hour),
        endpoint: counted.endpoint.to_owned(),
        status: counted.status,
        error_code: counted.code.map(|code| code.code().to_owned()),
        requests,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    struct Ledger {
        away: Mutex<bool>,
        said: Mutex<Vec<RequestCounts>>,
    }

    impl CountSink for Ledger {
        async fn report(&self, counts: &RequestCounts) -> bool {
            self.said.lock().unwrap().push(counts.clone());
            !*self.away.lock().unwrap()
        }
    }

    fn counted(account: u128) -> Counted {
        Counted {
            account_id: uuid::Uuid::from_u128(account).into(),
            endpoint: "GET /v1/status",
            status: 200,
            code: None,
        }
    }

    #[tokio::test]
    async fn a_report_whose_answer_was_lost_is_said_again_under_its_id() {
        let ledger = Ledger { away: Mutex::new(true), said: Mutex::default() };
        let counts = Counts::default();
        counts.add(counted(1), Timestamp(HOUR_MS + 5));
        counts.add(counted(1), Timestamp(HOUR_MS + 6));
        assert!(!counts.report(&ledger).await);
        counts.add(counted(1), Timestamp(2 * HOUR_MS));
        *ledger.away.lock().unwrap() = false;
        assert!(counts.report(&ledger).await);
        let said = ledger.said.lock().unwrap();
        assert_eq!(said.len(), 3);
        assert_eq!(said[0], said[1]);
        assert_ne!(said[1].report_id, said[2].report_id);
        assert_eq!((said[0].rows[0].requests, said[0].rows[0].hour), (2, Timestamp(HOUR_MS)));
    }

    #[tokio::test]
    async fn a_key_is_reported_at_most_once_a_minute() {
        let ledger = Ledger { away: Mutex::new(false), said: Mutex::default() };
        let counts = Counts::default();
        let (key, now) = (ApiKeyId(uuid::Uuid::from_u128(1)), clock::now());
        for (after_ms, uses) in [(0, 1), (1, 0), (MINUTE_MS - 1, 0), (MINUTE_MS, 1)] {
            counts.used(key, now.plus_ms(after_ms));
            counts.report(&ledger).await;
            let said = std::mem::take(&mut *ledger.said.lock().unwrap());
            assert_eq!(said.iter().map(|report| report.uses.len()).sum::<usize>(), uses, "{after_ms}");
        }
    }

    #[tokio::test]
    async fn memory_is_bounded_while_the_ledger_is_away_and_reports_stay_small() {
        let ledger = Ledger { away: Mutex::new(false), said: Mutex::default() };
        let counts = Counts::default();
        for account in 0..30_000 {
            counts.add(counted(account), Timestamp(0));
        }
        assert!(counts.report(&ledger).await);
        let said = ledger.said.lock().unwrap();
        assert_eq!(said.iter().map(|report| report.rows.len()).sum::<usize>(), MOST_ROWS);
        assert!(said.iter().all(|report| report.rows.len() <= REPORT_ROWS));
    }
}
