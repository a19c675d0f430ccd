//! The image endpoints.

use super::{Field, IMAGE_URL, NEGATIVE, Rule};

const STILLS: Field = Field("output_format", Rule::OneOf(&["jpeg", "png"]));
const THREE: Field = Field("output_format", Rule::OneOf(&["jpeg", "png", "webp"]));
const FOUR: Field = Field("num_images", Rule::Whole(1, 4));
const SIZE: Field = Field("image_size", Rule::ImageSize(14_142));
const TOLERANCE: Field = Field("safety_tolerance", Rule::OneOf(&["1", "2", "3", "4", "5", "6"]));
const ACCELERATION: Field = Field("acceleration", Rule::OneOf(&["none", "regular", "high"]));
const STEPS: Field = Field("num_inference_steps", Rule::Whole(1, 50));
const GUIDANCE: Field = Field("guidance_scale", Rule::Number(0.0, 20.0));
const ENHANCE: Field = Field("enhance_prompt", Rule::Flag);

const SCHNELL: &[Field] =
    &[SIZE, Field("num_inference_steps", Rule::Whole(1, 12)), GUIDANCE, FOUR, STILLS, ACCELERATION];
const DEV: &[Field] = &[SIZE, STEPS, GUIDANCE, FOUR, STILLS, ACCELERATION];
const PRO: &[Field] = &[SIZE, FOUR, STILLS, TOLERANCE, ENHANCE];
const ULTRA: &[Field] = &[
    Field("aspect_ratio", Rule::Text(12)),
    IMAGE_URL,
    Field("image_prompt_strength", Rule::Number(0.0, 1.0)),
    Field("raw", Rule::Flag),
    FOUR,
    STILLS,
    TOLERANCE,
    ENHANCE,
];
const FLUX_2: &[Field] = &[
    SIZE,
    STILLS,
    Field("safety_tolerance", Rule::OneOf(&["1", "2", "3", "4", "5"])),
    Field("image_urls", Rule::Links(8)),
];
const FLEX: &[Field] = &[GUIDANCE, STEPS, Field("enable_prompt_expansion", Rule::Flag)];
const KLEIN: &[Field] = &[SIZE, STILLS, FOUR, Field("image_urls", Rule::Links(4)), STEPS];
const SEEDREAM: &[Field] = &[
    Field("image_size", Rule::ImageSize(4_096)),
    Field("num_images", Rule::Whole(1, 6)),
    Field("max_images", Rule::Whole(1, 6)),
    Field("image_urls", Rule::Links(10)),
];
const SEEDREAM_4: &[Field] = &[Field("enhance_prompt_mode", Rule::OneOf(&["standard", "fast"]))];
const BANANA: &[Field] = &[
    Field(
        "aspect_ratio",
        Rule::OneOf(&["auto", "21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16"]),
    ),
    FOUR,
    THREE,
    TOLERANCE,
    Field("limit_generations", Rule::Flag),
    Field("image_urls", Rule::Links(14)),
];
const BANANA_PRO: &[Field] = &[Field("resolution", Rule::OneOf(&["1K", "2K", "4K"]))];
const IMAGEN: &[Field] = &[
    Field("aspect_ratio", Rule::OneOf(&["1:1", "16:9", "9:16", "4:3", "3:4"])),
    FOUR,
    THREE,
    TOLERANCE,
    Field("resolution", Rule::OneOf(&["1K", "2K"])),
];
const QWEN: &[Field] = &[SIZE, STEPS, GUIDANCE, FOUR, NEGATIVE, STILLS, ACCELERATION];
const GPT: &[Field] = &[
    Field("image_size", Rule::OneOf(&["1024x1024", "1536x1024", "1024x1536", "auto"])),
    Field("background", Rule::OneOf(&["auto", "transparent", "opaque"])),
    Field("quality", Rule::OneOf(&["low", "medium", "high"])),
    FOUR,
    THREE,
    Field("image_urls", Rule::Links(16)),
    Field("input_fidelity", Rule::OneOf(&["low", "high"])),
];
const DIFFUSION: &[Field] = &[SIZE, NEGATIVE, STEPS, GUIDANCE, FOUR, STILLS];
const RECRAFT: &[Field] = &[SIZE, Field("style", Rule::Text(64)), Field("colors", Rule::Any)];
const IDEOGRAM: &[Field] = &[
    SIZE,
    Field("rendering_speed", Rule::OneOf(&["TURBO", "BALANCED", "QUALITY"])),
    Field("style", Rule::OneOf(&["AUTO", "GENERAL", "REALISTIC", "DESIGN"])),
    Field("image_urls", Rule::Links(3)),
    NEGATIVE,
    Field("expand_prompt", Rule::Flag),
    Field("num_images", Rule::Whole(1, 8)),
];

/// Tables of an image endpoint.
pub fn fields(endpoint: &str) -> Option<Vec<&'static [Field]>> {
    let base = endpoint.trim_end_matches("/edit-image").trim_end_matches("/edit").trim_end_matches("/text-to-image");
    Some(match base {
        "fal-ai/flux/schnell" => vec![SCHNELL],
        "fal-ai/flux/dev" => vec![DEV],
        "fal-ai/flux-pro/v1.1" => vec![PRO],
        "fal-ai/flux-pro/v1.1-ultra" => vec![ULTRA],
        "fal-ai/flux-2-pro" | "fal-ai/flux-2-max" => vec![FLUX_2],
        "fal-ai/flux-2-flex" => vec![FLUX_2, FLEX],
        "fal-ai/flux-2/klein/4b" | "fal-ai/flux-2/klein/9b" => vec![KLEIN],
        "fal-ai/bytedance/seedream/v4" => vec![SEEDREAM, SEEDREAM_4],
        "fal-ai/bytedance/seedream/v4.5" | "fal-ai/bytedance/seedream/v5/lite" => vec![SEEDREAM],
        "fal-ai/nano-banana" => vec![BANANA],
        "fal-ai/nano-banana-pro" => vec![BANANA, BANANA_PRO],
        "fal-ai/imagen4/preview" | "fal-ai/imagen4/preview/fast" | "fal-ai/imagen4/preview/ultra" => vec![IMAGEN],
        "fal-ai/qwen-image" => vec![QWEN],
        "fal-ai/gpt-image-1" | "fal-ai/gpt-image-1.5" => vec![GPT],
        "fal-ai/stable-diffusion-v35-large" => vec![DIFFUSION],
        "fal-ai/recraft/v3" => vec![RECRAFT],
        "fal-ai/ideogram/v3" => vec![IDEOGRAM],
        _ => return None,
    })
}
