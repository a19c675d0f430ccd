//! Cloudflare Workers AI's wire format (`providers.md` §8): one synchronous call, base64 in the answer, closing the
//! connection is the cancellation. Models that take multipart forms (FLUX.2) are not simulated.

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine;
use serde_json::{Map, Value, json};

use super::check::{Field, Rule, SEED, check, problem};
use super::wanted::Wanted;
use super::{answer, malformed};
use crate::behavior::Behavior;
use crate::files;
use crate::inbound::Inbound;
use crate::jobs::Problem;
use crate::media::{Artwork, Format};
use crate::paces::{Kind, run_latency_ms};
use crate::sizes;
use crate::world::{Desk, Refusal, Ticket, sleep_until_ms};

const SCHNELL: &str = "@cf/black-forest-labs/flux-1-schnell";
const LUCID: &str = "@cf/leonardo/lucid-origin";

/// The provider's paths.
pub fn routes() -> Router<Desk> {
    Router::new().route("/client/v4/accounts/{account}/ai/run/{*model}", post(run)).fallback(no_route)
}

async fn no_route() -> Response {
    failed(404, 7003, "Could not route to the requested path, perhaps your object identifier is invalid?")
}

async fn run(State(desk): State<Desk>, Path((_, model)): Path<(String, String)>, request: Request) -> Response {
    let inbound = Inbound::read(request).await;
    let answered = call(&desk, &inbound, &model).await.unwrap_or_else(|refusal| refuse(&refusal));
    let ray = format!("{}-SIM", hex::encode(rand::random::<[u8; 8]>()));
    ([("cf-ray", ray)], answered).into_response()
}

async fn call(desk: &Desk, inbound: &Inbound, model: &str) -> Result<Response, Refusal> {
    let ticket = desk.admit(inbound, model, inbound.has_key(&["Bearer"])).await?;
    if ![SCHNELL, LUCID].contains(&model) {
        return Err(Refusal::NoSuchModel);
    }
    let body = inbound.object().ok_or(Refusal::Unreadable)?;
    let mut problems = problems(model, &body);
    if ticket.draw.behavior == Behavior::RejectInput && problems.is_empty() {
        problems.push(problem("prompt", "Input is not acceptable to this model", "value_error"));
    }
    let open = desk.open_call(&ticket)?;
    desk.pause(&ticket).await;
    let ended = if !problems.is_empty() {
        Err(Refusal::Invalid(problems))
    } else if ticket.draw.behavior == Behavior::RejectContent {
        Err(Refusal::Content)
    } else {
        wait(desk, &ticket, model).await;
        match ticket.draw.behavior {
            Behavior::AcceptThenFail => Err(Refusal::Fault),
            _ => image(desk, &ticket, model, &body).await,
        }
    };
    open.answered();
    ended
}

/// The run itself; never returns for a job that never finishes.
async fn wait(desk: &Desk, ticket: &Ticket, model: &str) {
    if ticket.draw.behavior == Behavior::NeverFinish {
        std::future::pending::<()>().await;
    }
    let paced = || run_latency_ms(model, Kind::Image, desk.world.realistic, ticket.draw.number);
    let latency_ms = ticket.settings.run_latency_ms.unwrap_or_else(paced) + ticket.settings.submit_latency_ms;
    sleep_until_ms(ticket.now_ms + i64::try_from(latency_ms).unwrap_or(i64::MAX / 2)).await;
}

fn problems(model: &str, body: &Map<String, Value>) -> Vec<Problem> {
    let prompt = Field("prompt", Rule::Text(2_048));
    let sides = ["width", "height"].map(|side| Field(side, Rule::Whole(256, 2_500)));
    let mut fields = vec![prompt, SEED, Field("steps", Rule::Whole(1, if model == SCHNELL { 8 } else { 40 }))];
    fields.extend(sides);
    let mut problems = check(&fields, &["prompt"], body);
    if model == SCHNELL {
        let strange = body.keys().filter(|key| !["prompt", "steps", "seed"].contains(&key.as_str()));
        problems.extend(strange.map(|key| problem(key, "must NOT have additional properties", "additional")));
    }
    problems
}

async fn image(desk: &Desk, ticket: &Ticket, model: &str, body: &Map<String, Value>) -> Result<Response, Refusal> {
    let pixels = |name| body.get(name).and_then(Value::as_u64).and_then(|side| u32::try_from(side).ok());
    let asked = pixels("width").zip(pixels("height")).filter(|_| model == LUCID);
    let size = asked.and_then(|(width, height)| sizes::bounded(width, height)).unwrap_or((1024, 1024));
    let prompt = body.get("prompt").and_then(Value::as_str).unwrap_or_default();
    let seed = body.get("seed").and_then(Value::as_u64).unwrap_or_else(|| ticket.drawn_seed());
    let artwork: Option<Artwork> = Wanted::image(size, Format::Jpeg).artworks(prompt, seed).pop();
    let bytes = files::render(&desk.world, artwork.ok_or(Refusal::Fault)?).await.map_err(|error| {
        tracing::error!(%error, "making an image");
        Refusal::Fault
    })?;
    let image = base64::engine::general_purpose::STANDARD.encode(bytes);
    let body = json!({ "result": { "image": image }, "success": true, "errors": [], "messages": [] });
    Ok(answer(200, &body))
}

fn failed(status: u16, code: u32, message: &str) -> Response {
    let errors = json!([{ "code": code, "message": message }]);
    answer(status, &json!({ "result": null, "success": false, "errors": errors, "messages": [] }))
}

/// A refused call.
fn refuse(refusal: &Refusal) -> Response {
    match refusal {
        Refusal::Unauthenticated => failed(401, 10_000, "Authentication error"),
        Refusal::Unreadable => failed(400, 3003, "AiError: The request body is not valid JSON"),
        Refusal::Invalid(problems) => {
            let said: Vec<String> =
                problems.iter().map(|problem| format!("'/{}' {}", problem.field, problem.message)).collect();
            failed(400, 5004, &format!("AiError: Invalid data: {}", said.join(", ")))
        }
        Refusal::Content => failed(400, 3030, "AiError: Input prompt contains NSFW content"),
        Refusal::NoSuchModel => failed(400, 5007, "AiError: No such model or task"),
        Refusal::Throttled => failed(429, 10_429, "AiError: Too many requests"),
        Refusal::TooManyActive => failed(429, 3040, "AiError: No more data centers to forward the request to"),
        Refusal::NoCredit => {
            let text = "AiError: you have used up your daily free allocation of 10,000 neurons";
            failed(402, 3036, text)
        }
        Refusal::Fault => failed(500, 3043, "AiError: Internal server error"),
        Refusal::Malformed => malformed(200),
    }
}
