//! Cloudflare Workers AI's wire format (`providers.md` §8): one synchronous call, closing the connection is the
//! cancellation. Most models answer base64 in JSON, some the image itself; FLUX.2 takes a form.

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use serde_json::{Map, Value, json};

use super::check::{Field, Rule, SEED, check, problem};
use super::wanted::Wanted;
use super::{answer, held, judged, malformed};
use crate::inbound::{Form, Inbound};
use crate::jobs::Problem;
use crate::media::Format;
use crate::sizes;
use crate::spoil;
use crate::world::{Desk, Refusal, Ticket};

/// What a model takes and gives.
struct Model {
    name: &'static str,
    fields: &'static [Field],
    /// True when other fields are refused.
    closed: bool,
    /// True when the input is a form.
    form: bool,
    /// How the image comes.
    gives: Gives,
}

enum Gives {
    /// `result.image`, base64 JPEG.
    Json,
    /// The bytes themselves.
    Bytes(Format),
}

const TEXT: Field = Field("prompt", Rule::Text(2_048));
const WIDTH: Field = Field("width", Rule::Whole(256, 2_500));
const HEIGHT: Field = Field("height", Rule::Whole(256, 2_500));
const GUIDANCE: Field = Field("guidance", Rule::Number(0.0, 10.0));
const SCHNELL: &[Field] = &[TEXT, SEED, Field("steps", Rule::Whole(1, 8))];
const LEONARDO: &[Field] =
    &[TEXT, SEED, WIDTH, HEIGHT, GUIDANCE, Field("steps", Rule::Whole(1, 40)), Field("num_steps", Rule::Whole(1, 50))];
const DIFFUSION: &[Field] =
    &[TEXT, SEED, WIDTH, HEIGHT, Field("num_steps", Rule::Whole(1, 20)), Field("negative_prompt", Rule::Link)];
const FLUX_2: &[Field] = &[TEXT, SEED, WIDTH, HEIGHT, Field("steps", Rule::Whole(1, 50))];
/// Fields of a form that are numbers.
const NUMBERS: [&str; 5] = ["width", "height", "steps", "seed", "guidance"];
/// Pictures a FLUX.2 call may show: `input_image_0` to `input_image_3`.
const PICTURES: usize = 4;

const MODELS: [Model; 7] = [
    Model {
        name: "@cf/black-forest-labs/flux-1-schnell",
        fields: SCHNELL,
        closed: true,
        form: false,
        gives: Gives::Json,
    },
    Model { name: "@cf/leonardo/lucid-origin", fields: LEONARDO, closed: false, form: false, gives: Gives::Json },
    Model {
        name: "@cf/leonardo/phoenix-1.0",
        fields: LEONARDO,
        closed: false,
        form: false,
        gives: Gives::Bytes(Format::Jpeg),
    },
    Model {
        name: "@cf/stabilityai/stable-diffusion-xl-base-1.0",
        fields: DIFFUSION,
        closed: false,
        form: false,
        gives: Gives::Bytes(Format::Png),
    },
    flux_2("@cf/black-forest-labs/flux-2-klein-4b"),
    flux_2("@cf/black-forest-labs/flux-2-klein-9b"),
    flux_2("@cf/black-forest-labs/flux-2-dev"),
];

const fn flux_2(name: &'static str) -> Model {
    Model { name, fields: FLUX_2, closed: false, form: true, gives: Gives::Json }
}

/// The provider's paths.
pub fn routes() -> Router<Desk> {
    Router::new()
        .route("/client/v4/accounts/{account}/ai/run/{*model}", post(run))
        .route("/client/v4/user/tokens/verify", get(verify))
        .route("/client/v4/accounts/{account}/tokens/verify", get(verify))
        .fallback(no_route)
}

async fn no_route() -> Response {
    failed(404, 7003, "Could not route to the requested path, perhaps your object identifier is invalid?")
}

async fn verify(request: Request) -> Response {
    if !Inbound::read(request).await.has_key(&["Bearer"]) {
        return refuse(&Refusal::Unauthenticated);
    }
    let result = json!({ "id": "5117a8f9d1f2ae6f4d7a0a0a6b6c3d11", "status": "active" });
    answer(200, &json!({ "result": result, "success": true, "errors": [], "messages": [] }))
}

async fn run(State(desk): State<Desk>, Path((_, model)): Path<(String, String)>, request: Request) -> Response {
    let inbound = Inbound::read(request).await;
    let answered = call(&desk, &inbound, &model).await.unwrap_or_else(|refusal| refuse(&refusal));
    let ray = format!("{}-SIM", hex::encode(rand::random::<[u8; 8]>()));
    ([("cf-ray", ray)], answered).into_response()
}

async fn call(desk: &Desk, inbound: &Inbound, model: &str) -> Result<Response, Refusal> {
    let ticket = desk.admit(inbound, model, inbound.has_key(&["Bearer"])).await?;
    let model = MODELS.iter().find(|known| known.name == model).ok_or(Refusal::NoSuchModel)?;
    let form = if model.form { inbound.form() } else { None };
    let body = if model.form { form.as_ref().map(|form| form.fields(&NUMBERS)) } else { inbound.object() };
    let body = body.ok_or(Refusal::Unreadable)?;
    let problems = judged(&ticket, problems(model, &body, form.as_ref()), "prompt");
    let open = held::hold(desk, &ticket, model.name, problems).await?;
    let answered = match image(desk, &ticket, model, &body).await {
        Ok(image) => Ok(spoil::sent(inbound, ticket.draw.fault, image).await),
        Err(refusal) => Err(refusal),
    };
    open.answered();
    answered
}

fn problems(model: &Model, body: &Map<String, Value>, form: Option<&Form>) -> Vec<Problem> {
    let mut problems = check(&[model.fields], &["prompt"], body);
    if model.closed {
        let known = |name: &str| model.fields.iter().any(|Field(field, _)| *field == name);
        let strange = body.keys().filter(|key| !known(key));
        problems.extend(strange.map(|key| problem(key, "must NOT have additional properties", "additional")));
    }
    let pictures = form.into_iter().flat_map(|form| &form.0).filter(|part| part.file_name.is_some());
    let wrong = pictures.filter(|part| {
        let named = (0..PICTURES).any(|number| part.name == format!("input_image_{number}"));
        !named || image::guess_format(&part.bytes).is_err()
    });
    problems
        .extend(wrong.map(|part| problem(&part.name, "must be an image in input_image_0 to input_image_3", "image")));
    problems
}

async fn image(desk: &Desk, ticket: &Ticket, model: &Model, body: &Map<String, Value>) -> Result<Response, Refusal> {
    let pixels = |name| body.get(name).and_then(Value::as_u64).and_then(|side| u32::try_from(side).ok());
    let asked = pixels("width").zip(pixels("height")).filter(|_| !model.closed);
    let size = asked.and_then(|(width, height)| sizes::bounded(width, height)).unwrap_or((1024, 1024));
    let prompt = body.get("prompt").and_then(Value::as_str).unwrap_or_default();
    let seed = body.get("seed").and_then(Value::as_u64).unwrap_or_else(|| ticket.drawn_seed());
    let format = if let Gives::Bytes(format) = model.gives { format } else { Format::Jpeg };
    let artworks = Wanted::image(size, format).artworks(prompt, seed);
    let bytes = held::bytes(desk, ticket, artworks).await?.pop().unwrap_or_default();
    if let Gives::Bytes(format) = model.gives {
        return Ok(([(header::CONTENT_TYPE, format.content_type())], bytes).into_response());
    }
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
