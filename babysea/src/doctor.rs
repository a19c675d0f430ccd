//! `babysea doctor`: looks at configuration and every dependency and says what to do. It changes nothing.

pub mod checks;

use serde_json::json;

use crate::{
    answer::{Answer, Outcome},
    config::Places,
    up::settings::Settings,
};

/// One thing looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found.
    pub detail: String,
    /// What to do, unless nothing.
    pub advice: Option<String>,
}

impl Finding {
    /// As it should be.
    pub fn fine(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, ok: true, detail: detail.into(), advice: None }
    }

    /// Not as it should be.
    pub fn wrong(check: &'static str, detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, ok: false, detail: detail.into(), advice: Some(advice.into()) }
    }
}

/// Looks at everything.
pub async fn run(places: &Places) -> Outcome {
    let settings = match Settings::load(places) {
        Ok(settings) => settings,
        Err(problem) => return unreadable(&problem),
    };
    let source = places.file.as_ref().map_or("defaults and variables".to_owned(), |file| file.display().to_string());
    let mut findings = vec![Finding::fine("configuration", source), checks::data_folder(places)];
    let running = checks::is_running(places);
    findings.extend(checks::ports(&settings, running));
    findings.push(checks::ledger(places, running).await);
    findings.push(checks::redis(settings.proxy.redis_url.as_deref()).await);
    findings.push(checks::artifacts(&settings.proxy.artifacts_url));
    findings.extend(checks::providers(&settings.proxy));
    Ok(Some(report(&findings)))
}

/// All that can be said when the configuration cannot be read.
pub fn unreadable(problem: &anyhow::Error) -> Outcome {
    let advice = "correct what is named; `defaults.toml` of each house lists every key";
    Ok(Some(report(&[Finding::wrong("configuration", format!("{problem:#}"), advice)])))
}

fn report(findings: &[Finding]) -> Answer {
    let holds = findings.iter().all(|finding| finding.ok);
    let lines: Vec<String> = findings.iter().map(line).collect();
    let shown: Vec<_> = findings
        .iter()
        .map(|Finding { check, ok, detail, advice }| {
            json!({ "check": check, "ok": ok, "detail": detail, "advice": advice })
        })
        .collect();
    Answer::verdict(json!({ "healthy": holds, "checks": shown }), lines.join("\n"), holds)
}

fn line(finding: &Finding) -> String {
    let Finding { check, ok, detail, advice } = finding;
    let mark = if *ok { "ok   " } else { "WRONG" };
    let advice = advice.as_ref().map(|advice| format!("\n                      → {advice}")).unwrap_or_default();
    format!("{mark} {check:14} {detail}{advice}")
}
