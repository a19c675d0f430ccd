//! What bfl's models take and give (`providers.md` §3.2).

use serde_json::{Map, Value};

use crate::jobs::Problem;
use crate::media::Format;
use crate::providers::check::{Field, PROMPT, Rule, SEED, check, problem};
use crate::providers::wanted::Wanted;
use crate::sizes;

/// Most pixels of a FLUX.2 image.
const PIXELS: u64 = 4_194_304;

const EVERY: &[Field] = &[
    PROMPT,
    SEED,
    Field("output_format", Rule::OneOf(&["jpeg", "png", "webp"])),
    Field("prompt_upsampling", Rule::Flag),
    Field("webhook_url", Rule::Text(2_083)),
    Field("webhook_secret", Rule::Link),
];
const FLUX_1: &[Field] = &[
    Field("safety_tolerance", Rule::Whole(0, 6)),
    Field("width", Rule::Step(256, 1_440, 32)),
    Field("height", Rule::Step(256, 1_440, 32)),
    Field("image_prompt", Rule::Link),
];
const DEV: &[Field] = &[Field("guidance", Rule::Number(1.5, 5.0)), Field("steps", Rule::Whole(1, 50))];
const ULTRA: &[Field] = &[
    Field("safety_tolerance", Rule::Whole(0, 6)),
    Field("aspect_ratio", Rule::Text(12)),
    Field("raw", Rule::Flag),
    Field("image_prompt", Rule::Link),
    Field("image_prompt_strength", Rule::Number(0.0, 1.0)),
];
const FLUX_2: &[Field] = &[
    Field("safety_tolerance", Rule::Whole(0, 5)),
    Field("width", Rule::Step(0, 4_096, 16)),
    Field("height", Rule::Step(0, 4_096, 16)),
    Field("input_image", Rule::Link),
    Field("input_image_2", Rule::Link),
    Field("input_image_3", Rule::Link),
    Field("input_image_4", Rule::Link),
    Field("input_image_5", Rule::Link),
    Field("input_image_6", Rule::Link),
    Field("input_image_7", Rule::Link),
    Field("input_image_8", Rule::Link),
];
const FLEX: &[Field] = &[Field("guidance", Rule::Number(1.5, 10.0)), Field("steps", Rule::Whole(1, 50))];

/// All that is wrong with a submission.
pub fn problems(model: &str, body: &Map<String, Value>) -> Vec<Problem> {
    let mut groups = vec![EVERY];
    match model {
        _ if model.ends_with("ultra") || model.contains("kontext") => groups.push(ULTRA),
        _ if model.starts_with("flux-2") => groups.push(FLUX_2),
        _ => groups.push(FLUX_1),
    }
    match model {
        "flux-dev" => groups.push(DEV),
        "flux-2-flex" => groups.push(FLEX),
        _ => {}
    }
    let mut problems = check(&groups, &["prompt"], body);
    if model.starts_with("flux-2") {
        problems.extend(flux_2(model, body));
    } else if model.ends_with("ultra") {
        problems.extend(ratio(body));
    }
    problems
}

fn flux_2(model: &str, body: &Map<String, Value>) -> Option<Problem> {
    let side = |name| body.get(name).and_then(Value::as_u64).unwrap_or(0);
    let (width, height) = (side("width"), side("height"));
    if (1..64).contains(&width) || (1..64).contains(&height) {
        return Some(problem("width", "Input should be 0 or at least 64", "greater_than_equal"));
    }
    if width * height > PIXELS {
        return Some(problem("width", "The image should have at most 4 megapixels", "value_error"));
    }
    let fifth = body.contains_key("input_image_5") && model.contains("klein");
    fifth.then(|| problem("input_image_5", "At most 4 input images are supported", "value_error"))
}

fn ratio(body: &Map<String, Value>) -> Option<Problem> {
    let text = body.get("aspect_ratio")?.as_str()?;
    let share = text.split_once(':').and_then(|(w, h)| Some(w.parse::<f64>().ok()? / h.parse::<f64>().ok()?));
    let fits = share.is_some_and(|share| (9.0 / 21.0 - 1e-9..=21.0 / 9.0 + 1e-9).contains(&share));
    (!fits).then(|| problem("aspect_ratio", "Aspect ratio must be between 21:9 and 9:21", "value_error"))
}

/// The image a submission asks for.
pub fn wanted(model: &str, body: &Map<String, Value>) -> Wanted {
    let asked = |name, default| {
        let given = body.get(name).and_then(Value::as_u64).and_then(|side| u32::try_from(side).ok());
        given.filter(|side| *side > 0).unwrap_or(default)
    };
    let ratio = body.get("aspect_ratio").and_then(Value::as_str);
    let size = if model.ends_with("ultra") {
        sizes::of_area(1 << 22, ratio.unwrap_or("16:9"))
    } else if model.contains("kontext") {
        sizes::of_area(1 << 20, ratio.unwrap_or("1:1"))
    } else {
        let default = if model.starts_with("flux-2") { (1024, 1024) } else { (1024, 768) };
        sizes::bounded(asked("width", default.0), asked("height", default.1)).unwrap_or(default)
    };
    let format = body.get("output_format").and_then(Value::as_str).and_then(Format::from_name);
    Wanted::image(size, format.unwrap_or(Format::Jpeg))
}
