//! When a key was last used, kept at most once a minute per key and written off the request path (api contract §4.1).
//!
//! The sources are the proxies' reports, which name every key that authenticated, and every internal call that names one:
//! public reads (their header) and `Reserve` commands, which are sooner.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use ledger_contract::{ApiKeyId, Timestamp};

/// A key is written at most this often.
const MINUTE_MS: i64 = 60_000;

/// Keys that are remembered; beyond them a use may be written more than once a minute, or wait for the next one.
const MAX_KEYS: usize = 100_000;

/// Uses since the last writing, and when each key was last written.
#[derive(Default)]
pub(crate) struct Touches {
    keys: Mutex<HashMap<ApiKeyId, Touch>>,
}

struct Touch {
    at: Timestamp,
    written: bool,
}

impl Touches {
    /// The key was used.
    pub(crate) fn note(&self, key: ApiKeyId, now: Timestamp) {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let known = keys.get(&key).is_some_and(|touch| now.since_ms(touch.at) < MINUTE_MS);
        if !known && (keys.len() < MAX_KEYS || keys.contains_key(&key)) {
            keys.insert(key, Touch { at: now, written: false });
        }
    }

    /// What is to be written now. Forgets keys whose minute is over.
    pub(crate) fn take(&self, now: Timestamp) -> Vec<(ApiKeyId, Timestamp)> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.retain(|_, touch| !touch.written || now.since_ms(touch.at) < MINUTE_MS);
        let unwritten = keys.iter_mut().filter(|(_, touch)| !touch.written);
        unwritten
            .map(|(key, touch)| {
                touch.written = true;
                (*key, touch.at)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_at_most_once_a_minute() {
        let touches = Touches::default();
        let key = ApiKeyId(uuid::Uuid::nil());
        touches.note(key, Timestamp(1_000));
        touches.note(key, Timestamp(2_000));
        assert_eq!(touches.take(Timestamp(2_000)), [(key, Timestamp(1_000))]);
        touches.note(key, Timestamp(60_999));
        assert_eq!(touches.take(Timestamp(60_999)), []);
        touches.note(key, Timestamp(61_000));
        assert_eq!(touches.take(Timestamp(61_000)), [(key, Timestamp(61_000))]);
    }

    #[test]
    fn a_key_that_rests_is_forgotten() {
        let touches = Touches::default();
        touches.note(ApiKeyId(uuid::Uuid::nil()), Timestamp(0));
        touches.take(Timestamp(0));
        touches.take(Timestamp(60_000));
        assert!(touches.keys.lock().is_ok_and(|keys| keys.is_empty()));
    }
}
