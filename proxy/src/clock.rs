//! The one reading of the wall clock for the engine. Waiting and measuring use tokio's clock instead, which tests can pause.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ledger_contract::Timestamp;
use tokio::time::Instant;

/// Now, in Unix milliseconds.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The instant at which the wall clock will show `moment`; now, if it is past.
pub fn instant_of(moment: Timestamp) -> Instant {
    Instant::now() + millis(moment.since_ms(now()))
}

/// A wait of `ms`; nothing, if it is negative.
pub fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

/// `wait` ± 20 %, so that equal waits of many tasks spread.
pub fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(rand::random_range(0.8..1.2))
}
