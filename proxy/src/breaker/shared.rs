//! The breakers of one region's processes, shared through Redis. Fails open: without Redis each process keeps its own state,
//! and no request ever waits for it.
//!
//! One hash per provider holds the latest opening or closing and each process's own counts; one lock per provider says who
//! may probe. The only place that spells these keys.

use std::{collections::BTreeMap, time::Duration};

use ledger_contract::{HolderId, Provider, Timestamp};
use proxy_route::{Heard, Report};
use redis::{Pipeline, aio::ConnectionManager};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::debug;

use super::Breakers;
use crate::clock::now;

const SHARE_EVERY: Duration = Duration::from_millis(500);
const BUDGET: Duration = Duration::from_millis(250);
const CONNECT_BUDGET: Duration = Duration::from_secs(1);
/// Everything is forgotten when no process has said anything for this long.
const TTL_S: u64 = 600;
/// The right to probe is lost when it was not renewed for this long.
const PROBE_LOCK_MS: u64 = 5_000;
/// Counts of a process that was not heard for this long are those of a process that is gone.
const HEARD_WITHIN_MS: i64 = 10_000;

/// Writes a change unless a later one is there: `changed_at`, `open_until` (empty: closed).
const CHANGE: &str = "local at = tonumber(redis.call('HGET', KEYS[1], 'changed_at') or '0')
if tonumber(ARGV[1]) > at then redis.call('HSET', KEYS[1], 'changed_at', ARGV[1], 'open_until', ARGV[2]) end
return 0";
/// Takes or keeps the lock for one holder.
const PROBE: &str = "local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1";

/// Shares for ever.
pub async fn share(breakers: Breakers, client: redis::Client, region: String, holder: HolderId) {
    let mut connection: Option<ConnectionManager> = None;
    let mut ticks = interval(SHARE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if connection.is_none() {
            let connected = timeout(CONNECT_BUDGET, ConnectionManager::new(client.clone())).await;
            connection = connected.ok().and_then(Result::ok);
        }
        let Some(connection) = &mut connection else {
            breakers.alone();
            continue;
        };
        if let Err(error) = exchange(&breakers, connection, &region, holder).await {
            debug!(%error, "breaker state could not be shared");
            breakers.alone();
        }
    }
}

/// Says ours and hears the others', once.
async fn exchange(
    breakers: &Breakers,
    connection: &mut ConnectionManager,
    region: &str,
    holder: HolderId,
) -> anyhow::Result<()> {
    for &provider in Provider::ALL {
        let now = now();
        let report = breakers.report(provider, now);
        let key = format!("babysea:breaker:{region}:{provider}");
        let mut said = redis::pipe();
        say(&mut said, &key, holder, now, &report);
        let (may_probe, fields): (u8, BTreeMap<String, String>) =
            timeout(BUDGET, said.query_async(connection)).await??;
        breakers.hear(provider, now, &read(&fields, holder, now, may_probe == 1));
    }
    Ok(())
}

fn say(pipe: &mut Pipeline, key: &str, holder: HolderId, now: Timestamp, report: &Report) {
    let until = report.open_until.map(|until| until.0.to_string()).unwrap_or_default();
    pipe.cmd("EVAL").arg(CHANGE).arg(1).arg(key).arg(report.changed_at.0).arg(until).ignore();
    let counts = format!("{} {} {}", now.0, report.attempts, report.failures);
    pipe.cmd("HSET").arg(key).arg(counts_field(holder)).arg(counts).ignore();
    pipe.cmd("EXPIRE").arg(key).arg(TTL_S).ignore();
    if report.wants_probe {
        pipe.cmd("EVAL").arg(PROBE).arg(1).arg(format!("{key}:probe")).arg(holder.to_string()).arg(PROBE_LOCK_MS);
    } else {
        // Whoever does not recover has no probe to make.
        pipe.cmd("EVAL").arg("return 0").arg(0);
    }
    pipe.cmd("HGETALL").arg(key);
}

fn counts_field(holder: HolderId) -> String {
    format!("counts:{holder}")
}

/// What is malformed is nothing.
fn read(fields: &BTreeMap<String, String>, holder: HolderId, now: Timestamp, may_probe: bool) -> Heard {
    let time = |name: &str| fields.get(name).and_then(|text| text.parse().ok()).map(Timestamp);
    let changed_at = time("changed_at").unwrap_or(Timestamp(0));
    let own = counts_field(holder);
    let mut heard = Heard { changed_at, open_until: time("open_until"), attempts: 0, failures: 0, may_probe };
    for (name, text) in fields.iter().filter(|(name, _)| name.starts_with("counts:") && **name != own) {
        let numbers: Option<Vec<i64>> = text.split(' ').map(|number| number.parse().ok()).collect();
        let Some([said_at, attempts, failures]) = numbers.as_deref() else {
            debug!(name, "counts of a breaker cannot be read");
            continue;
        };
        // Counts from before the last change are of another time.
        if *said_at > changed_at.0 && now.0 - said_at < HEARD_WITHIN_MS {
            heard.attempts = heard.attempts.saturating_add(u64::try_from(*attempts).unwrap_or(0));
            heard.failures = heard.failures.saturating_add(u64::try_from(*failures).unwrap_or(0));
        }
    }
    heard
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn counts_of_others_are_summed_unless_they_are_old_ours_or_no_counts() {
        let holder = |number| HolderId(Uuid::from_u128(number));
        let fields = [
            ("changed_at".to_owned(), "50000".to_owned()),
            ("open_until".to_owned(), String::new()),
            (counts_field(holder(1)), "99000 100 100".to_owned()),
            (counts_field(holder(2)), "99000 10 4".to_owned()),
            (counts_field(holder(3)), "95000 5 5".to_owned()),
            (counts_field(holder(4)), "50000 7 7".to_owned()),
            (counts_field(holder(5)), "99000 x".to_owned()),
        ];
        let heard = read(&fields.into(), holder(1), Timestamp(100_000), true);
        assert_eq!((heard.attempts, heard.failures, heard.open_until), (15, 9, None));
        assert_eq!(heard.changed_at, Timestamp(50_000));
    }
}
