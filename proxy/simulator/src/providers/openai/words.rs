//! `OpenAI`'s answers: the generated images and the error object.

use axum::response::{IntoResponse, Response};
use base64::Engine;
use serde_json::{Map, Value, json};

use crate::inbound::Form;
use crate::jobs::Problem;
use crate::providers::{answer, malformed};
use crate::world::{Refusal, now_ms};

/// Output tokens of an image: square, otherwise; by quality.
const TOKENS: [(&str, u64, u64); 3] = [("low", 272, 408), ("medium", 1_056, 1_584), ("high", 4_160, 6_240)];

/// The answer to a call that went well.
pub fn generated(body: &Map<String, Value>, quality: &str, form: Option<&Form>, images: &[Vec<u8>]) -> Response {
    let text = |name, default| body.get(name).and_then(Value::as_str).filter(|text| *text != "auto").unwrap_or(default);
    let size = text("size", "1024x1024");
    let base64 = base64::engine::general_purpose::STANDARD;
    let data: Vec<Value> = images.iter().map(|image| json!({ "b64_json": base64.encode(image) })).collect();
    let each = TOKENS
        .iter()
        .find(|(name, ..)| *name == quality)
        .map_or(1_056, |&(_, square, other)| if size == "1024x1024" { square } else { other });
    let output = each * images.len() as u64;
    let words = text("prompt", "").split_whitespace().count() as u64 + 8;
    let seen = form.map_or(0, |form| form.files("image").count() as u64) * 323;
    answer(
        200,
        &json!({
            "created": now_ms() / 1_000, "background": text("background", "opaque"), "data": data,
            "output_format": text("output_format", "png"), "quality": quality, "size": size,
            "usage": { "input_tokens": words + seen, "input_tokens_details": { "text_tokens": words, "image_tokens": seen },
                "output_tokens": output, "total_tokens": words + seen + output },
        }),
    )
}

/// A refused call.
pub fn refuse(refusal: &Refusal, model: &str) -> Response {
    const INVALID: &str = "invalid_request_error";
    match refusal {
        Refusal::Unauthenticated => {
            let text = "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.";
            said(401, text, INVALID, None, Some("invalid_api_key"))
        }
        Refusal::Unreadable => said(400, "We could not parse the body of your request.", INVALID, None, None),
        Refusal::Invalid(problems) => problems.first().map_or_else(|| refuse(&Refusal::Unreadable, model), invalid),
        Refusal::Content => blocked(),
        Refusal::NoSuchModel => {
            let text = format!("The model '{model}' does not exist or you do not have access to it.");
            said(404, &text, INVALID, None, Some("model_not_found"))
        }
        Refusal::Throttled | Refusal::TooManyActive => {
            let text = "Rate limit reached for images per min. Please try again in 12s.";
            let limits =
                [("retry-after", "12"), ("x-ratelimit-limit-requests", "5"), ("x-ratelimit-remaining-requests", "0")];
            (limits, said(429, text, "requests", None, Some("rate_limit_exceeded"))).into_response()
        }
        Refusal::NoCredit => {
            let text = "You exceeded your current quota, please check your plan and billing details.";
            said(402, text, "insufficient_quota", None, Some("insufficient_quota"))
        }
        Refusal::Fault => {
            let text = "The server had an error while processing your request. Sorry about that!";
            said(500, text, "server_error", None, None)
        }
        Refusal::Malformed => malformed(200),
    }
}

fn said(status: u16, message: &str, kind: &str, param: Option<&str>, code: Option<&str>) -> Response {
    answer(status, &json!({ "error": { "message": message, "type": kind, "param": param, "code": code } }))
}

fn invalid(problem: &Problem) -> Response {
    let Problem { field, message, kind } = problem;
    let (text, code) = match kind.as_str() {
        "missing" => (format!("Missing required parameter: '{field}'."), "missing_required_parameter"),
        "unknown_parameter" => (format!("Unknown parameter: '{field}'."), "unknown_parameter"),
        "invalid_image_file" => (message.clone(), "invalid_image_file"),
        _ => (format!("Invalid value for '{field}': {message}."), "invalid_value"),
    };
    said(400, &text, "invalid_request_error", Some(field), Some(code))
}

fn blocked() -> Response {
    let message = "Your request was rejected by the safety system. If you believe this is an error, contact us at \
        help.openai.com and include the request ID. safety_violations=[sexual].";
    let details = json!({ "moderation_stage": "input", "categories": ["sexual"] });
    answer(
        400,
        &json!({ "error": { "message": message, "type": "image_generation_user_error", "param": null,
        "code": "moderation_blocked", "moderation_details": details } }),
    )
}
