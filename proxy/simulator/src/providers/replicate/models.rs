//! What replicate's models take and give (`providers.md` §1.7). A model without a table here takes any input with a
//! prompt; new models need no change of the simulator to be tried.

mod images;
mod videos;

use crate::providers::check::{Field, PROMPT, Rule, SEED};

/// Models whose output is a list of URLs; the others give one.
const LISTS: [&str; 6] = ["flux-schnell", "flux-dev", "seedream", "qwen-image", "gpt-image", "ltx-video"];
/// Models that can do without a prompt.
const PROMPTLESS: [&str; 1] = ["upscale"];

const EVERY: &[Field] = &[PROMPT, SEED];
const FORMATS: Rule = Rule::OneOf(&["webp", "jpg", "png"]);
const TWO_FORMATS: Rule = Rule::OneOf(&["jpg", "png"]);
const QUALITY: Field = Field("output_quality", Rule::Whole(0, 100));
const NEGATIVE: Field = Field("negative_prompt", Rule::Any);
const WIDE: Field = Field("aspect_ratio", Rule::OneOf(&["16:9", "9:16"]));
const FIVE_OR_TEN: Field = Field("duration", Rule::WholeOneOf(&[5, 10]));

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

/// Tables of fields, and required fields, of a model.
pub fn schema(model: &str) -> (Vec<&'static [Field]>, Vec<&'static str>) {
    let mut groups = images::fields(model).or_else(|| videos::fields(model)).unwrap_or_default();
    groups.push(EVERY);
    let mut required = vec!["prompt"];
    match model {
        "runwayml/gen4-turbo" | "wan-video/wan-2.5-i2v" | "wan-video/wan-2.6-i2v" => required.push("image"),
        "runwayml/gen4-image-turbo" => required.push("reference_images"),
        "openai/gpt-image-1" => required.push("openai_api_key"),
        _ if PROMPTLESS.iter().any(|part| model.contains(part)) => required.clear(),
        _ => {}
    }
    (groups, required)
}
