//! `OpenAI`'s images (`providers.md` §4): generations in JSON, edits in a form, both synchronous with base64 in the
//! answer; closing the connection is the cancellation. `stream` and the dall-e models are not simulated.

mod words;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Map, Value, json};

use super::check::{Field, PROMPT, Rule, check, problem};
use super::wanted::Wanted;
use super::{answer, held, judged};
use crate::inbound::{Form, Inbound};
use crate::jobs::Problem;
use crate::media::Format;
use crate::sizes;
use crate::spoil;
use crate::world::{Desk, Refusal};
use words::{generated, refuse};

/// Models by the vendor's names.
const MODELS: [&str; 6] = [
    "gpt-image-1",
    "gpt-image-1-mini",
    "gpt-image-1.5",
    "gpt-image-2",
    "gpt-image-2-2026-04-21",
    "chatgpt-image-latest",
];
/// Most images of an edit.
const IMAGES: usize = 16;
/// Most bytes of one of them.
const IMAGE_BYTES: usize = 50_000_000;
/// Fields of a form that are numbers.
const NUMBERS: [&str; 3] = ["n", "output_compression", "partial_images"];

const FIELDS: &[Field] = &[
    PROMPT,
    Field("n", Rule::Whole(1, 10)),
    Field("quality", Rule::OneOf(&["low", "medium", "high", "auto"])),
    Field("background", Rule::OneOf(&["transparent", "opaque", "auto"])),
    Field("output_format", Rule::OneOf(&["png", "jpeg", "webp"])),
    Field("output_compression", Rule::Whole(0, 100)),
    Field("user", Rule::Text(1_000)),
];
const GENERATION: &[Field] = &[Field("moderation", Rule::OneOf(&["auto", "low"]))];
const EDIT: &[Field] = &[Field("input_fidelity", Rule::OneOf(&["high", "low"]))];
const SIZE: &[Field] = &[Field("size", Rule::OneOf(&["1024x1024", "1536x1024", "1024x1536", "auto"]))];

/// The provider's paths.
pub fn routes() -> Router<Desk> {
    Router::new()
        .route("/v1/images/generations", post(generate))
        .route("/v1/images/edits", post(edit))
        .route("/v1/models", get(models))
        .fallback(|| async { named(refuse(&Refusal::NoSuchModel, "")) })
}

async fn generate(State(desk): State<Desk>, request: Request) -> Response {
    let inbound = Inbound::read(request).await;
    let body = inbound.object();
    let model = model_of(body.as_ref());
    let answered = match body {
        Some(body) => call(&desk, &inbound, &model, body, None).await,
        None => unreadable(&desk, &inbound).await,
    };
    named(answered.unwrap_or_else(|refusal| refuse(&refusal, &model)))
}

async fn edit(State(desk): State<Desk>, request: Request) -> Response {
    let inbound = Inbound::read(request).await;
    let form = inbound.form();
    let body = form.as_ref().map(|form| form.fields(&NUMBERS));
    let model = model_of(body.as_ref());
    let answered = match body {
        Some(body) => call(&desk, &inbound, &model, body, form.as_ref()).await,
        None => unreadable(&desk, &inbound).await,
    };
    named(answered.unwrap_or_else(|refusal| refuse(&refusal, &model)))
}

fn model_of(body: Option<&Map<String, Value>>) -> String {
    body.and_then(|body| body.get("model")?.as_str()).unwrap_or_default().to_owned()
}

async fn unreadable(desk: &Desk, inbound: &Inbound) -> Result<Response, Refusal> {
    desk.admit(inbound, "", inbound.has_key(&["Bearer"])).await?;
    Err(Refusal::Unreadable)
}

async fn call(
    desk: &Desk,
    inbound: &Inbound,
    model: &str,
    body: Map<String, Value>,
    form: Option<&Form>,
) -> Result<Response, Refusal> {
    let ticket = desk.admit(inbound, model, inbound.has_key(&["Bearer"])).await?;
    if !model.is_empty() && !MODELS.contains(&model) {
        return Err(Refusal::NoSuchModel);
    }
    let problems = judged(&ticket, problems(model, &body, form), "prompt");
    let text = |name| body.get(name).and_then(Value::as_str);
    let quality = text("quality").filter(|quality| *quality != "auto").unwrap_or("medium");
    let open = held::hold(desk, &ticket, &format!("openai/{quality}"), problems).await?;
    let prompt = text("prompt").unwrap_or_default();
    let artworks = wanted(&body).artworks(prompt, ticket.drawn_seed());
    let images = held::bytes(desk, &ticket, artworks).await;
    let answered = match images {
        Ok(images) => Ok(spoil::sent(inbound, ticket.draw.fault, generated(&body, quality, form, &images)).await),
        Err(refusal) => Err(refusal),
    };
    open.answered();
    answered
}

fn wanted(body: &Map<String, Value>) -> Wanted {
    let text = |name| body.get(name).and_then(Value::as_str);
    let size = text("size").and_then(sizes::pair).unwrap_or((1024, 1024));
    let format = text("output_format").and_then(Format::from_name).unwrap_or(Format::Png);
    let count = body.get("n").and_then(Value::as_u64).and_then(|count| usize::try_from(count).ok()).unwrap_or(1);
    Wanted { size, format, count, duration_ms: 0 }
}

fn problems(model: &str, body: &Map<String, Value>, form: Option<&Form>) -> Vec<Problem> {
    let own = if form.is_some() { EDIT } else { GENERATION };
    let mut groups = vec![FIELDS, own];
    let any_size = model.starts_with("gpt-image-2");
    if !any_size {
        groups.push(SIZE);
    }
    let mut problems = check(&groups, &["model", "prompt"], body);
    let named = |name: &str| {
        let known = groups.iter().copied().flatten().any(|Field(field, _)| *field == name);
        known || ["model", "size", "stream", "partial_images"].contains(&name)
    };
    let strange = body.keys().filter(|name| !named(name));
    problems.extend(strange.map(|name| problem(name, "Unknown parameter", "unknown_parameter")));
    let streams = body.get("stream").is_some_and(|stream| stream == true || stream == "true");
    problems.extend(streams.then(|| problem("stream", "Streaming is not simulated", "invalid_value")));
    let clear = body.get("background").and_then(Value::as_str) == Some("transparent");
    let format = body.get("output_format").and_then(Value::as_str);
    if clear && (any_size || format == Some("jpeg")) {
        let text = "Transparent background is not supported for this model and output format.";
        problems.push(problem("background", text, "invalid_value"));
    }
    if any_size && let Some(size) = body.get("size").and_then(Value::as_str).filter(|size| *size != "auto") {
        problems.extend((!free_size(size)).then(|| problem("size", "Invalid size", "invalid_value")));
    }
    problems.extend(form.map(pictures).unwrap_or_default());
    problems
}

/// gpt-image-2 takes any size in multiples of 16 between 1:3 and 3:1.
fn free_size(size: &str) -> bool {
    sizes::pair(size).is_some_and(|(width, height)| {
        width % 16 == 0
            && height % 16 == 0
            && width <= 3 * height
            && height <= 3 * width
            && width * height <= 3840 * 2160
    })
}

fn pictures(form: &Form) -> Vec<Problem> {
    let count = form.files("image").count();
    if !(1..=IMAGES).contains(&count) {
        let text = format!("Between 1 and {IMAGES} images are required");
        let kind = if count == 0 { "missing" } else { "invalid_value" };
        return vec![problem("image", &text, kind)];
    }
    let known = [image::ImageFormat::Png, image::ImageFormat::Jpeg, image::ImageFormat::WebP];
    let fits = |bytes: &[u8]| {
        bytes.len() < IMAGE_BYTES && image::guess_format(bytes).is_ok_and(|format| known.contains(&format))
    };
    let wrong = form.files("image").enumerate().filter(|(_, part)| !fits(&part.bytes));
    let text = |number| format!("Invalid image file or mode for image {number}, please check your image file.");
    wrong.map(|(index, _)| problem("image", &text(index + 1), "invalid_image_file")).collect()
}

async fn models(request: Request) -> Response {
    if !Inbound::read(request).await.has_key(&["Bearer"]) {
        return named(refuse(&Refusal::Unauthenticated, ""));
    }
    let model = |id| json!({ "id": id, "object": "model", "created": 1_745_517_030, "owned_by": "system" });
    named(answer(200, &json!({ "object": "list", "data": MODELS.map(model) })))
}

/// With the headers of every answer.
fn named(answered: Response) -> Response {
    let id = format!("req_{}", hex::encode(rand::random::<[u8; 16]>()));
    ([("x-request-id", id), ("openai-version", "2020-10-01".to_owned())], answered).into_response()
}
