//! The synchronous image call: URLs or base64, one slot per image, an error in the slot of one that failed.

use axum::response::Response;
use base64::Engine;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{has_key, models};
use crate::behavior::Fault;
use crate::files;
use crate::inbound::Inbound;
use crate::jobs::Job;
use crate::media::{Artwork, Format};
use crate::providers::wanted::Wanted;
use crate::providers::{Reading, answer, held, judged};
use crate::spoil;
use crate::world::{Desk, Refusal, Ticket, now_ms};

/// One call, from the request to the answer.
pub async fn call(desk: &Desk, inbound: &Inbound) -> Result<Response, Refusal> {
    let body = inbound.object();
    let name = body.as_ref().and_then(|body| body.get("model")?.as_str()).unwrap_or_default().to_owned();
    let ticket = desk.admit(inbound, &name, has_key(inbound)).await?;
    let body = body.ok_or(Refusal::Unreadable)?;
    let model = models::image(&name).ok_or(Refusal::NoSuchModel)?;
    let problems = judged(&ticket, model.problems(&body), "prompt");
    let open = held::hold(desk, &ticket, &name, problems).await?;
    let answered = match generated(desk, &ticket, &name, &body, models::image_size(&body)).await {
        Ok(generated) => Ok(spoil::sent(inbound, ticket.draw.fault, answer(200, &generated)).await),
        Err(refusal) => Err(refusal),
    };
    open.answered();
    answered
}

async fn generated(
    desk: &Desk,
    ticket: &Ticket,
    name: &str,
    body: &Map<String, Value>,
    size: crate::sizes::Size,
) -> Result<Value, Refusal> {
    let text = |field| body.get(field).and_then(Value::as_str);
    let format = text("output_format").and_then(Format::from_name).unwrap_or(Format::Jpeg);
    let wanted = Wanted { size, format, count: count(body), duration_ms: 0 };
    let mut slots = if text("response_format") == Some("b64_json") {
        let artworks = wanted.artworks(text("prompt").unwrap_or_default(), ticket.drawn_seed());
        inline(&artworks, &held::bytes(desk, ticket, artworks.clone()).await?)
    } else {
        let reading = Reading {
            id: format!("img-{}", Uuid::new_v4().simple()),
            model: name,
            prompt: text("prompt").unwrap_or_default(),
            seed: None,
            wanted,
            input: Value::Object(body.clone()),
        };
        linked(desk, &held::keep(desk, ticket, reading)?)
    };
    if ticket.draw.fault == Some(Fault::PartialError)
        && let Some(last) = slots.last_mut()
    {
        let message = "The request failed because the output image may contain sensitive information.";
        *last = json!({ "error": { "code": "OutputImageSensitiveContentDetected", "message": message } });
    }
    let made = slots.iter().filter(|slot| slot.get("error").is_none()).count();
    let tokens = u64::from(size.0) * u64::from(size.1) / 256 * made as u64;
    let usage = json!({ "generated_images": made, "output_tokens": tokens, "total_tokens": tokens });
    Ok(json!({ "model": name, "created": now_ms() / 1_000, "data": slots, "usage": usage }))
}

/// Groups are made on request only.
fn count(body: &Map<String, Value>) -> usize {
    if body.get("sequential_image_generation").and_then(Value::as_str) != Some("auto") {
        return 1;
    }
    let most = body.get("sequential_image_generation_options").and_then(|options| options.get("max_images")?.as_u64());
    usize::try_from(most.unwrap_or(15).clamp(1, 15)).unwrap_or(1)
}

fn size_of(artwork: &Artwork) -> String {
    format!("{}x{}", artwork.width, artwork.height)
}

fn inline(artworks: &[Artwork], files: &[Vec<u8>]) -> Vec<Value> {
    let base64 = base64::engine::general_purpose::STANDARD;
    let slot = |(art, file)| json!({ "b64_json": base64.encode(file), "size": size_of(art) });
    artworks.iter().zip(files).map(slot).collect()
}

fn linked(desk: &Desk, job: &Job) -> Vec<Value> {
    let slot = |(art, url)| json!({ "url": url, "size": size_of(art) });
    job.artworks.iter().zip(files::urls(desk, job)).map(slot).collect()
}
