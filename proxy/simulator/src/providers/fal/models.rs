//! What fal's endpoints take (`providers.md` §2.7). An endpoint without a table here takes any input with a prompt.

use crate::providers::check::{Field, PROMPT, Rule, SEED};

const STILLS: Rule = Rule::OneOf(&["jpeg", "png"]);

/// Fields and required fields of an endpoint.
pub fn schema(endpoint: &str) -> (Vec<Field>, Vec<&'static str>) {
    let mut required = vec!["prompt"];
    let mut fields = match endpoint {
        "fal-ai/flux/schnell" => flux_schnell(),
        "fal-ai/flux-pro/v1.1" => flux_pro(),
        "fal-ai/bytedance/seedream/v4/text-to-image" | "fal-ai/bytedance/seedream/v4/edit" => seedream(),
        "fal-ai/nano-banana" | "fal-ai/nano-banana/edit" => nano_banana(),
        "fal-ai/veo2" | "fal-ai/veo2/image-to-video" => veo(),
        "fal-ai/kling-video/v1.5/pro/text-to-video" | "fal-ai/kling-video/v1.5/pro/image-to-video" => kling(),
        _ => Vec::new(),
    };
    if !fields.is_empty() {
        match endpoint.rsplit('/').next() {
            Some("edit") => required.push("image_urls"),
            Some("image-to-video") => required.push("image_url"),
            _ => {}
        }
    }
    fields.extend([PROMPT, SEED]);
    (fields, required)
}

fn flux_schnell() -> Vec<Field> {
    vec![
        Field("image_size", Rule::ImageSize(14_142)),
        Field("num_inference_steps", Rule::Whole(1, 12)),
        Field("guidance_scale", Rule::Number(1.0, 20.0)),
        Field("num_images", Rule::Whole(1, 4)),
        Field("enable_safety_checker", Rule::Flag),
        Field("output_format", STILLS),
        Field("acceleration", Rule::OneOf(&["none", "regular", "high"])),
        Field("sync_mode", Rule::Flag),
    ]
}

fn flux_pro() -> Vec<Field> {
    vec![
        Field("image_size", Rule::ImageSize(14_142)),
        Field("num_images", Rule::Whole(1, 4)),
        Field("output_format", STILLS),
        Field("safety_tolerance", Rule::OneOf(&["1", "2", "3", "4", "5", "6"])),
        Field("enhance_prompt", Rule::Flag),
        Field("sync_mode", Rule::Flag),
    ]
}

fn seedream() -> Vec<Field> {
    vec![
        Field("image_size", Rule::ImageSize(4_096)),
        Field("num_images", Rule::Whole(1, 6)),
        Field("max_images", Rule::Whole(1, 6)),
        Field("enhance_prompt_mode", Rule::OneOf(&["standard", "fast"])),
        Field("enable_safety_checker", Rule::Flag),
        Field("image_urls", Rule::Links(10)),
        Field("sync_mode", Rule::Flag),
    ]
}

fn nano_banana() -> Vec<Field> {
    let ratios = Rule::OneOf(&["auto", "21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16"]);
    vec![
        Field("aspect_ratio", ratios),
        Field("num_images", Rule::Whole(1, 4)),
        Field("output_format", Rule::OneOf(&["jpeg", "png", "webp"])),
        Field("safety_tolerance", Rule::OneOf(&["1", "2", "3", "4", "5", "6"])),
        Field("image_urls", Rule::Links(10)),
        Field("limit_generations", Rule::Flag),
        Field("sync_mode", Rule::Flag),
    ]
}

fn veo() -> Vec<Field> {
    vec![
        Field("aspect_ratio", Rule::OneOf(&["16:9", "9:16", "1:1"])),
        Field("duration", Rule::OneOf(&["5s", "6s", "7s", "8s"])),
        Field("negative_prompt", Rule::Link),
        Field("enhance_prompt", Rule::Flag),
        Field("auto_fix", Rule::Flag),
        Field("image_url", Rule::Link),
    ]
}

fn kling() -> Vec<Field> {
    vec![
        Field("aspect_ratio", Rule::OneOf(&["16:9", "9:16", "1:1"])),
        Field("duration", Rule::OneOf(&["5", "10"])),
        Field("negative_prompt", Rule::Text(2_500)),
        Field("cfg_scale", Rule::Number(0.0, 1.0)),
        Field("image_url", Rule::Link),
        Field("tail_image_url", Rule::Link),
    ]
}
