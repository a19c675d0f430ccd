//! `babysea intelligence explain`: the numbers behind a model's order, the hints in force, and the breakers of the proxy
//! that answers on this machine. It changes nothing.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use anyhow::Context;
use intelligence::{Explanation, policy::expected::Standing};
use serde_json::json;

use crate::{
    answer::{Answer, Outcome},
    config::Places,
};

/// A proxy on this machine answers at once or isn't there.
const METRICS_WAIT: Duration = Duration::from_secs(1);
/// The gauge of a provider's breaker, as the proxy spells it.
const BREAKER: &str = "babysea_proxy_breaker_state{provider=\"";

/// Explains one model.
pub fn explain(places: &Places, model: &str) -> Outcome {
    let config = intelligence::Config::load_in(places.file.as_deref(), Some(&places.data_dir));
    let config = config.map_err(anyhow::Error::new)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting a runtime")?;
    let (found, breakers) = runtime.block_on(async {
        let found = intelligence::explain(&config, model).await?;
        let breakers = match config.metrics_listen {
            Some(address) => breakers(&format!("http://{address}/metrics")).await,
            None => None,
        };
        anyhow::Ok((found, breakers))
    })?;
    let mut shown = json!(found);
    shown["breakers"] = json!(breakers);
    Ok(Some(Answer::done(shown, text(model, &found, breakers.as_ref()))))
}

/// Provider and position of every breaker; `None` when no proxy answers there.
async fn breakers(url: &str) -> Option<BTreeMap<String, &'static str>> {
    let client = reqwest::Client::builder().no_proxy().timeout(METRICS_WAIT).build().ok()?;
    let exposition = client.get(url).send().await.ok()?.text().await.ok()?;
    let read: BTreeMap<String, &'static str> = exposition.lines().filter_map(position).collect();
    Some(read).filter(|read| !read.is_empty())
}

fn position(line: &str) -> Option<(String, &'static str)> {
    let (provider, value) = line.strip_prefix(BREAKER)?.split_once("\"} ")?;
    let position = match value {
        "0" => "closed",
        "1" => "half-open",
        _ => "open",
    };
    Some((provider.to_owned(), position))
}

fn text(model: &str, found: &Explanation, breakers: Option<&BTreeMap<String, &'static str>>) -> String {
    let Explanation { now, ranking, health } = found;
    let mut lines = String::new();
    let published = ranking.as_ref().map_or_else(
        || "none: the static order".to_owned(),
        |ranking| format!("{} ({})", ranking.providers_ranked.join(", "), ranking.computed_at),
    );
    // Writing into a string doesn't fail.
    let _ = writeln!(lines, "{model}\nranking in force: {published}");
    match now {
        None => lines.push_str("no attempts in the window\n"),
        Some(now) => {
            let _ = writeln!(lines, "attempts say now: {} (policy {})", now.providers_ranked.join(", "), now.policy);
            let _ = writeln!(
                lines,
                "{:<12} {:>9} {:>8} {:>8} {:>8} {:>9} {:>8} {:>8} {:>9}",
                "provider", "expected", "±", "success", "attempt", "usually", "cost", "attempts", "in flight"
            );
            for standing in &now.providers {
                lines.push_str(&row(standing, now.degraded.contains(&standing.provider), breakers));
            }
        }
    }
    let degraded = health.as_ref().map_or_else(
        || "no snapshot".to_owned(),
        |health| format!("degraded: {} ({})", names(&health.degraded), health.computed_at),
    );
    let _ = write!(lines, "health in force: {degraded}");
    if breakers.is_none() {
        lines.push_str("\nbreakers: no proxy answers on this machine's metrics address");
    }
    lines
}

fn row(standing: &Standing, degraded: bool, breakers: Option<&BTreeMap<String, &'static str>>) -> String {
    let Standing { provider, expected_ms, uncertainty_ms, success, attempt_ms, usual_ms, cost_usd, .. } = standing;
    let seconds = |ms: &f64| ms / 1000.0;
    let mut row = format!(
        "{provider:<12} {:>8.2}s {:>7.2}s {:>7.1}% {:>7.2}s {:>8.2}s {cost_usd:>8.4} {:>8} {:>9}",
        seconds(expected_ms),
        seconds(uncertainty_ms),
        success * 100.0,
        seconds(attempt_ms),
        seconds(usual_ms),
        standing.attempts,
        standing.in_flight
    );
    let breaker = breakers.and_then(|all| all.get(provider)).filter(|position| **position != "closed");
    let notes = [
        (!standing.may_lead).then(|| "too little evidence to lead".to_owned()),
        degraded.then(|| "degraded".to_owned()),
        breaker.map(|position| format!("breaker {position}")),
    ];
    for note in notes.into_iter().flatten() {
        let _ = write!(row, "  {note}");
    }
    row.push('\n');
    row
}

fn names(names: &[String]) -> String {
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_breakers_position_is_read_off_the_exposition() {
        assert_eq!(position("babysea_proxy_breaker_state{provider=\"fal\"} 2"), Some(("fal".to_owned(), "open")));
        assert_eq!(position("babysea_proxy_breaker_state{provider=\"fal\"} 0"), Some(("fal".to_owned(), "closed")));
        assert_eq!(position("# HELP babysea_proxy_breaker_state 0 closed"), None);
    }
}
