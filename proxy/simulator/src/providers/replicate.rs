//! replicate's wire format (`providers.md` §1): predictions, polling, cancelling, the list, signed webhooks,
//! `Prefer: wait` and `Cancel-After`. Deployments, streams and file uploads are not simulated.

mod models;
mod words;

use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use base64::Engine;
use rand::RngExt;
use serde_json::{Map, Value, json};

use super::check::{check, problem};
use super::wanted::Input;
use super::{Reading, answer, draft, judged, refused, take_on};
use crate::callbacks::{self, Envelope};
use crate::inbound::Inbound;
use crate::jobs::{Callback, Draft, Event, Job, Outcome};
use crate::provider::Provider;
use crate::signing;
use crate::spoil;
use crate::world::{Desk, Refusal, Ticket, now_ms};
use words::{prediction, refuse};

/// Most predictions of one page of the list.
const PAGE: usize = 100;
/// The keys of a submission; the schema is closed.
const KEYS: [&str; 5] = ["input", "webhook", "webhook_events_filter", "stream", "version"];

/// The provider's paths.
pub fn routes() -> Router<Desk> {
    Router::new()
        .route("/v1/models/{owner}/{name}/predictions", post(submit_model))
        .route("/v1/predictions", post(submit_version).get(list))
        .route("/v1/predictions/{id}", get(poll))
        .route("/v1/predictions/{id}/cancel", post(cancel))
        .route("/v1/webhooks/default/secret", get(secret))
        .fallback(|| async { refuse(&Refusal::NoSuchModel) })
}

async fn submit_model(State(desk): State<Desk>, Path(model): Path<(String, String)>, request: Request) -> Response {
    let inbound = Inbound::read(request).await;
    let model = format!("{}/{}", model.0, model.1);
    submit(&desk, &inbound, &model, false).await.unwrap_or_else(|refusal| refuse(&refusal))
}

async fn submit_version(State(desk): State<Desk>, request: Request) -> Response {
    let inbound = Inbound::read(request).await;
    let body = inbound.object().unwrap_or_default();
    let model = models::of_version(body.get("version").and_then(Value::as_str).unwrap_or_default());
    submit(&desk, &inbound, &model, true).await.unwrap_or_else(|refusal| refuse(&refusal))
}

fn has_key(inbound: &Inbound) -> bool {
    inbound.has_key(&["Bearer", "Token"])
}

async fn submit(desk: &Desk, inbound: &Inbound, model: &str, versioned: bool) -> Result<Response, Refusal> {
    let ticket = desk.admit(inbound, model, has_key(inbound)).await?;
    desk.within_active(&ticket)?;
    let body = inbound.object().ok_or(Refusal::Unreadable)?;
    let input = body.get("input").and_then(Value::as_object).cloned().unwrap_or_default();
    refused(desk, &ticket, judged(&ticket, problems(&body, model, &input, versioned), "prompt")).await?;
    let draft = read(desk, &ticket, inbound, &body, model, &input);
    let fault = draft.fault;
    let job = take_on(desk, &ticket, draft).await?;
    Ok(spoil::sent(inbound, fault, hold(desk, inbound, job).await).await)
}

fn problems(
    body: &Map<String, Value>,
    model: &str,
    input: &Map<String, Value>,
    versioned: bool,
) -> Vec<crate::jobs::Problem> {
    let known = |key: &str| KEYS.contains(&key) && (versioned || key != "version");
    let strange = body.keys().filter(|key| !known(key));
    let mut problems: Vec<_> = strange
        .map(|key| problem(key, "Additional property is not allowed", "additional_property_not_allowed"))
        .collect();
    if body.get("input").is_some_and(Value::is_object) {
        let (fields, required) = models::schema(model);
        problems.extend(check(&fields, &required, input));
    } else {
        problems.push(problem("input", "input is required", "required"));
    }
    problems
}

fn read(
    desk: &Desk,
    ticket: &Ticket,
    inbound: &Inbound,
    body: &Map<String, Value>,
    model: &str,
    input: &Map<String, Value>,
) -> Draft {
    let reading = Reading {
        id: new_id(),
        model,
        prompt: input.get("prompt").and_then(Value::as_str).unwrap_or_default(),
        seed: input.get("seed").and_then(Value::as_u64),
        wanted: Input::new(Provider::Replicate, model, input).wanted(),
        input: Value::Object(input.clone()),
    };
    let mut draft = draft(desk, ticket, reading);
    draft.callback = callback_of(body);
    draft.cancel_after_ms = inbound.header("cancel-after").and_then(duration_ms);
    draft
}

fn callback_of(body: &Map<String, Value>) -> Option<Callback> {
    let url = body.get("webhook")?.as_str()?.to_owned();
    let filter = body.get("webhook_events_filter").and_then(Value::as_array);
    let wanted = |name: &str| filter.is_none_or(|names| names.iter().any(|wanted| wanted == name));
    let events =
        [("start", Event::Started), ("logs", Event::Logs), ("output", Event::Output), ("completed", Event::Ended)];
    let events = events.into_iter().filter(|(name, _)| wanted(name)).map(|(_, event)| event).collect();
    Some(Callback { url, secret: None, events, delivered: false })
}

/// 26 characters of the alphabet the real ids use.
fn new_id() -> String {
    const ALPHABET: &[u8] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut rng = rand::rng();
    (0..26).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])).collect()
}

/// `30s`, `5m`, `1h30m45s`, or seconds alone; at least five seconds.
fn duration_ms(text: &str) -> Option<i64> {
    let (mut total, mut number) = (0_i64, String::new());
    for character in text.chars().take(32) {
        let unit = match character {
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            digit => {
                number.push(digit);
                continue;
            }
        };
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(unit)?)?;
        number.clear();
    }
    if !number.is_empty() {
        total = total.checked_add(number.parse().ok()?)?;
    }
    (total >= 5).then(|| total.checked_mul(1_000)).flatten()
}

/// Answers at once, or holds the request open for `Prefer: wait`: 201 when the job ended meanwhile, else 202.
async fn hold(desk: &Desk, inbound: &Inbound, job: Job) -> Response {
    let Some(wait_s) = inbound.header("prefer").and_then(wait_s) else {
        return answer(201, &prediction(desk, &job, job.accepted_at_ms));
    };
    let over = tokio::time::timeout(Duration::from_secs(wait_s), callbacks::over(desk, &job)).await;
    let (status, job) = match over {
        Ok(ended) => (201, ended.unwrap_or(job)),
        Err(_) => (202, job),
    };
    answer(status, &prediction(desk, &job, now_ms()))
}

fn wait_s(prefer: &str) -> Option<u64> {
    match prefer.strip_prefix("wait")? {
        "" => Some(60),
        rest => rest.strip_prefix('=')?.parse().ok().filter(|seconds| (1..=60).contains(seconds)),
    }
}

async fn poll(State(desk): State<Desk>, Path(id): Path<String>, request: Request) -> Response {
    let inbound = Inbound::read(request).await;
    if !has_key(&inbound) {
        return refuse(&Refusal::Unauthenticated);
    }
    match desk.world.jobs.get(desk.provider, &id) {
        Some(job) => answer(200, &prediction(&desk, &job, now_ms())),
        None => refuse(&Refusal::NoSuchModel),
    }
}

async fn cancel(State(desk): State<Desk>, Path(id): Path<String>, request: Request) -> Response {
    let inbound = Inbound::read(request).await;
    if !has_key(&inbound) {
        return refuse(&Refusal::Unauthenticated);
    }
    match desk.cancel(&id) {
        Ok(Some(job)) => answer(200, &prediction(&desk, &job, now_ms())),
        Ok(None) => refuse(&Refusal::NoSuchModel),
        Err(refusal) => refuse(&refusal),
    }
}

/// Newest first; the cursor is the number of the page's last job.
async fn list(State(desk): State<Desk>, request: Request) -> Response {
    let inbound = Inbound::read(request).await;
    if !has_key(&inbound) {
        return refuse(&Refusal::Unauthenticated);
    }
    let time = |name| {
        let text = inbound.parameter(name)?;
        chrono::DateTime::parse_from_rfc3339(&text).ok().map(|at| at.timestamp_millis())
    };
    let (after, before) = (time("created_after"), time("created_before"));
    let cursor = inbound.parameter("cursor").and_then(|cursor| cursor.parse().ok()).unwrap_or(u64::MAX);
    let page = desk.world.jobs.list(desk.provider, cursor, PAGE);
    let next = page.last().filter(|_| page.len() == PAGE);
    let next = next.map(|job| format!("{}/v1/predictions?cursor={}", desk.origin(), job.number));
    let fits =
        |job: &&Job| after.is_none_or(|at| job.accepted_at_ms >= at) && before.is_none_or(|at| job.accepted_at_ms < at);
    let results: Vec<Value> = page.iter().filter(fits).map(|job| prediction(&desk, job, now_ms())).collect();
    answer(200, &json!({ "previous": null, "next": next, "results": results }))
}

async fn secret(State(desk): State<Desk>, request: Request) -> Response {
    if !has_key(&Inbound::read(request).await) {
        return refuse(&Refusal::Unauthenticated);
    }
    answer(200, &json!({ "key": desk.world.signing.secret }))
}

/// The callback of a job as it stands now, signed as Standard Webhooks are. The output is told of while the job still
/// counts as running.
pub fn callback(desk: &Desk, job: &Job, _: &Callback, event: Event) -> Envelope {
    let mut body = prediction(desk, job, now_ms());
    if event == Event::Output && job.outcome == Outcome::Succeed {
        body["status"] = "processing".into();
        body["completed_at"] = Value::Null;
    }
    let body = body.to_string();
    let id = format!("msg_{}", new_id());
    let timestamp = (now_ms() / 1_000).to_string();
    let base64 = base64::engine::general_purpose::STANDARD;
    let key = base64.decode(desk.world.signing.secret.trim_start_matches("whsec_")).unwrap_or_default();
    let signature = base64.encode(signing::hmac(&key, &format!("{id}.{timestamp}.{body}")));
    let headers = vec![
        ("content-type", "application/json".to_owned()),
        ("webhook-id", id),
        ("webhook-timestamp", timestamp),
        ("webhook-signature", format!("v1,{signature}")),
    ];
    Envelope { headers, body }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cancel_after_is_read_in_all_its_forms() {
        let read = ["30s", "5m", "1h30m45s", "7", "4s", "", "x", "99999999999999999999h"].map(duration_ms);
        assert_eq!(read, [Some(30_000), Some(300_000), Some(5_445_000), Some(7_000), None, None, None, None]);
    }

    #[test]
    fn prefer_wait_is_read_within_its_bounds() {
        let read = ["wait", "wait=5", "wait=0", "wait=61", "respond-async"].map(wait_s);
        assert_eq!(read, [Some(60), Some(5), None, None, None]);
    }
}
