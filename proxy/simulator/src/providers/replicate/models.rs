//! What replicate's models take and give (`providers.md` §1.7). A model without a table here takes any input with a
//! prompt; new models need no change of the simulator to be tried.

use crate::providers::check::{Field, PROMPT, Rule, SEED};

/// Models whose output is a list of URLs; the others give one.
const LISTS: [&str; 6] = ["flux-schnell", "flux-dev", "seedream", "qwen-image", "gpt-image", "ltx-video"];
/// Models that can do without a prompt.
const PROMPTLESS: [&str; 2] = ["hunyuan-video", "upscale"];

const RATIOS: Rule = Rule::OneOf(&["1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21"]);
const FORMATS: Rule = Rule::OneOf(&["webp", "jpg", "png"]);

/// True when the model's output is a list.
pub fn is_list(model: &str) -> bool {
    LISTS.iter().any(|part| model.contains(part))
}

/// The model behind a `version`: `owner/name`, `owner/name:hash`, or one of the known hashes.
pub fn of_version(version: &str) -> String {
    let known = match version {
        "8c47da666861d081eeb4d1261853087de23923a268a69b63febdf5dc1dee08e4" => "lightricks/ltx-video",
        "6c9132aee14409cd6568d030453f1ba50f5f3412b844fe67f78a9eb62d55664f" => "tencent/hunyuan-video",
        other => other.split(':').next().unwrap_or(other),
    };
    known.to_owned()
}

/// Fields and required fields of a model.
pub fn schema(model: &str) -> (Vec<Field>, Vec<&'static str>) {
    let mut fields = match model {
        "black-forest-labs/flux-schnell" => flux_schnell(),
        "black-forest-labs/flux-1.1-pro" => flux_pro(),
        "bytedance/seedream-4" => seedream(),
        "google/nano-banana" => nano_banana(),
        "google/veo-2" => veo(),
        "kwaivgi/kling-v1.5-pro" | "kwaivgi/kling-v1.6-pro" => kling(),
        _ => Vec::new(),
    };
    fields.extend([PROMPT, SEED]);
    let promptless = PROMPTLESS.iter().any(|part| model.contains(part));
    (fields, if promptless { Vec::new() } else { vec!["prompt"] })
}

fn flux_schnell() -> Vec<Field> {
    vec![
        Field("aspect_ratio", RATIOS),
        Field("num_outputs", Rule::Whole(1, 4)),
        Field("num_inference_steps", Rule::Whole(1, 4)),
        Field("output_format", FORMATS),
        Field("output_quality", Rule::Whole(0, 100)),
        Field("megapixels", Rule::OneOf(&["1", "0.25"])),
        Field("go_fast", Rule::Flag),
        Field("disable_safety_checker", Rule::Flag),
    ]
}

fn flux_pro() -> Vec<Field> {
    let ratios = Rule::OneOf(&["custom", "1:1", "16:9", "3:2", "2:3", "4:5", "5:4", "9:16", "3:4", "4:3"]);
    vec![
        Field("aspect_ratio", ratios),
        Field("image_prompt", Rule::Link),
        Field("width", Rule::Step(256, 1_440, 32)),
        Field("height", Rule::Step(256, 1_440, 32)),
        Field("safety_tolerance", Rule::Whole(1, 6)),
        Field("prompt_upsampling", Rule::Flag),
        Field("output_format", FORMATS),
        Field("output_quality", Rule::Whole(0, 100)),
    ]
}

fn seedream() -> Vec<Field> {
    let ratios = Rule::OneOf(&["match_input_image", "1:1", "4:3", "3:4", "16:9", "9:16", "3:2", "2:3", "21:9"]);
    vec![
        Field("aspect_ratio", ratios),
        Field("image_input", Rule::Links(10)),
        Field("size", Rule::OneOf(&["1K", "2K", "4K", "custom"])),
        Field("width", Rule::Whole(1_024, 4_096)),
        Field("height", Rule::Whole(1_024, 4_096)),
        Field("sequential_image_generation", Rule::OneOf(&["disabled", "auto"])),
        Field("max_images", Rule::Whole(1, 15)),
        Field("enhance_prompt", Rule::Flag),
    ]
}

fn nano_banana() -> Vec<Field> {
    let ratios =
        Rule::OneOf(&["match_input_image", "1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"]);
    vec![
        Field("aspect_ratio", ratios),
        Field("image_input", Rule::Links(14)),
        Field("output_format", Rule::OneOf(&["jpg", "png"])),
    ]
}

fn veo() -> Vec<Field> {
    vec![
        Field("aspect_ratio", Rule::OneOf(&["16:9", "9:16"])),
        Field("duration", Rule::WholeOneOf(&[5, 6, 7, 8])),
        Field("image", Rule::Link),
    ]
}

fn kling() -> Vec<Field> {
    vec![
        Field("aspect_ratio", Rule::OneOf(&["16:9", "9:16", "1:1"])),
        Field("duration", Rule::WholeOneOf(&[5, 10])),
        Field("negative_prompt", Rule::Text(2_500)),
        Field("cfg_scale", Rule::Number(0.0, 1.0)),
        Field("start_image", Rule::Link),
        Field("end_image", Rule::Link),
        Field("reference_images", Rule::Links(4)),
    ]
}
