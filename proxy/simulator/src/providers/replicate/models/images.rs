//! The image models.

use super::{FORMATS, Field, NEGATIVE, QUALITY, Rule, TWO_FORMATS};

const FLUX_RATIOS: Field = Field(
    "aspect_ratio",
    Rule::OneOf(&["1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21"]),
);
const FLUX: &[Field] = &[
    FLUX_RATIOS,
    Field("num_outputs", Rule::Whole(1, 4)),
    Field("output_format", FORMATS),
    QUALITY,
    Field("megapixels", Rule::OneOf(&["1", "0.25"])),
    Field("go_fast", Rule::Flag),
    Field("disable_safety_checker", Rule::Flag),
];
const SCHNELL: &[Field] = &[Field("num_inference_steps", Rule::Whole(1, 4))];
const DEV: &[Field] = &[
    Field("num_inference_steps", Rule::Whole(1, 50)),
    Field("guidance", Rule::Number(0.0, 10.0)),
    Field("image", Rule::Link),
    Field("prompt_strength", Rule::Number(0.0, 1.0)),
];
const PRO: &[Field] = &[
    Field("aspect_ratio", Rule::OneOf(&["custom", "1:1", "16:9", "3:2", "2:3", "4:5", "5:4", "9:16", "3:4", "4:3"])),
    Field("image_prompt", Rule::Link),
    Field("width", Rule::Step(256, 1_440, 32)),
    Field("height", Rule::Step(256, 1_440, 32)),
    Field("safety_tolerance", Rule::Whole(1, 6)),
    Field("prompt_upsampling", Rule::Flag),
    Field("output_format", FORMATS),
    QUALITY,
];
const ULTRA: &[Field] = &[
    FLUX_RATIOS,
    Field("image_prompt", Rule::Link),
    Field("image_prompt_strength", Rule::Number(0.0, 1.0)),
    Field("safety_tolerance", Rule::Whole(1, 6)),
    Field("raw", Rule::Flag),
    Field("output_format", TWO_FORMATS),
];
const FLUX_2: &[Field] = &[
    Field(
        "aspect_ratio",
        Rule::OneOf(&["match_input_image", "custom", "1:1", "16:9", "3:2", "2:3", "4:5", "5:4", "9:16", "3:4", "4:3"]),
    ),
    Field("resolution", Rule::OneOf(&["match_input_image", "0.5 MP", "1 MP", "2 MP", "4 MP"])),
    Field("safety_tolerance", Rule::Whole(1, 5)),
    Field("output_format", FORMATS),
    QUALITY,
];
const FLUX_2_PRO: &[Field] = &[
    Field("input_images", Rule::Links(8)),
    Field("width", Rule::Step(256, 2_048, 32)),
    Field("height", Rule::Step(256, 2_048, 32)),
];
const FLUX_2_MAX: &[Field] = &[
    Field("input_images", Rule::Links(8)),
    Field("width", Rule::Step(256, 2_048, 16)),
    Field("height", Rule::Step(256, 2_048, 16)),
];
const FLUX_2_FLEX: &[Field] = &[
    Field("input_images", Rule::Links(10)),
    Field("guidance", Rule::Number(1.5, 10.0)),
    Field("steps", Rule::Whole(1, 50)),
    Field("prompt_upsampling", Rule::Flag),
];
const SEEDREAM: &[Field] = &[
    Field(
        "aspect_ratio",
        Rule::OneOf(&["match_input_image", "1:1", "4:3", "3:4", "16:9", "9:16", "3:2", "2:3", "21:9"]),
    ),
    Field("width", Rule::Whole(1_024, 4_096)),
    Field("height", Rule::Whole(1_024, 4_096)),
    Field("sequential_image_generation", Rule::OneOf(&["disabled", "auto"])),
    Field("max_images", Rule::Whole(1, 15)),
];
const SEEDREAM_4: &[Field] = &[
    Field("image_input", Rule::Links(10)),
    Field("size", Rule::OneOf(&["1K", "2K", "4K", "custom"])),
    Field("enhance_prompt", Rule::Flag),
];
const SEEDREAM_LATER: &[Field] =
    &[Field("image_input", Rule::Links(14)), Field("size", Rule::OneOf(&["2K", "4K", "custom"]))];
const BANANA: &[Field] = &[
    Field(
        "aspect_ratio",
        Rule::OneOf(&["match_input_image", "1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"]),
    ),
    Field("image_input", Rule::Links(14)),
    Field("output_format", TWO_FORMATS),
];
const LEVEL: Field =
    Field("safety_filter_level", Rule::OneOf(&["block_low_and_above", "block_medium_and_above", "block_only_high"]));
const BANANA_PRO: &[Field] = &[Field("resolution", Rule::OneOf(&["1K", "2K", "4K"])), LEVEL];
const IMAGEN: &[Field] = &[
    Field("aspect_ratio", Rule::OneOf(&["1:1", "9:16", "16:9", "3:4", "4:3"])),
    Field("output_format", TWO_FORMATS),
    Field("image_size", Rule::OneOf(&["1K", "2K"])),
    LEVEL,
];
const QWEN: &[Field] = &[
    Field("aspect_ratio", Rule::OneOf(&["1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3"])),
    NEGATIVE,
    Field("image", Rule::Link),
    Field("strength", Rule::Number(0.0, 1.0)),
    Field("guidance", Rule::Number(0.0, 10.0)),
    Field("num_inference_steps", Rule::Whole(1, 50)),
    Field("go_fast", Rule::Flag),
    Field("output_format", FORMATS),
    QUALITY,
];
const GPT: &[Field] = &[
    Field("openai_api_key", Rule::Link),
    Field("aspect_ratio", Rule::OneOf(&["1:1", "3:2", "2:3"])),
    Field("input_images", Rule::Links(10)),
    Field("input_fidelity", Rule::OneOf(&["low", "high"])),
    Field("number_of_images", Rule::Whole(1, 10)),
    Field("quality", Rule::OneOf(&["low", "medium", "high", "auto"])),
    Field("background", Rule::OneOf(&["auto", "transparent", "opaque"])),
    Field("output_compression", Rule::Whole(0, 100)),
    Field("output_format", Rule::OneOf(&["png", "jpeg", "webp"])),
    Field("moderation", Rule::OneOf(&["auto", "low"])),
];
const GEN_4: &[Field] = &[
    Field("aspect_ratio", Rule::OneOf(&["16:9", "9:16", "4:3", "3:4", "1:1", "21:9"])),
    Field("resolution", Rule::OneOf(&["720p", "1080p"])),
    Field("reference_images", Rule::Links(3)),
    Field("reference_tags", Rule::Links(3)),
];
const DIFFUSION: &[Field] = &[
    Field("aspect_ratio", Rule::OneOf(&["1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "9:16", "9:21"])),
    NEGATIVE,
    Field("cfg", Rule::Number(1.0, 10.0)),
    Field("image", Rule::Link),
    Field("prompt_strength", Rule::Number(0.0, 1.0)),
    Field("output_format", FORMATS),
];
const RECRAFT: &[Field] = &[
    Field(
        "size",
        Rule::OneOf(&[
            "1024x1024",
            "1365x1024",
            "1024x1365",
            "1536x1024",
            "1024x1536",
            "1820x1024",
            "1024x1820",
            "1024x2048",
            "2048x1024",
            "1434x1024",
            "1024x1434",
            "1024x1280",
            "1280x1024",
            "1024x1707",
            "1707x1024",
        ]),
    ),
    Field("style", Rule::Text(64)),
];
const IDEOGRAM: &[Field] = &[
    Field(
        "aspect_ratio",
        Rule::OneOf(&[
            "1:3", "3:1", "1:2", "2:1", "9:16", "16:9", "10:16", "16:10", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4",
            "1:1",
        ]),
    ),
    Field("resolution", Rule::Link),
    Field("magic_prompt_option", Rule::OneOf(&["Auto", "On", "Off"])),
    Field("style_type", Rule::OneOf(&["None", "Auto", "General", "Realistic", "Design"])),
    Field("style_reference_images", Rule::Links(3)),
];

/// Tables of an image model.
pub fn fields(model: &str) -> Option<Vec<&'static [Field]>> {
    Some(match model {
        "black-forest-labs/flux-schnell" => vec![FLUX, SCHNELL],
        "black-forest-labs/flux-dev" => vec![FLUX, DEV],
        "black-forest-labs/flux-1.1-pro" => vec![PRO],
        "black-forest-labs/flux-1.1-pro-ultra" => vec![ULTRA],
        "black-forest-labs/flux-2-pro" => vec![FLUX_2, FLUX_2_PRO],
        "black-forest-labs/flux-2-max" => vec![FLUX_2, FLUX_2_MAX],
        "black-forest-labs/flux-2-flex" => vec![FLUX_2, FLUX_2_FLEX],
        "bytedance/seedream-4" => vec![SEEDREAM, SEEDREAM_4],
        "bytedance/seedream-4.5" | "bytedance/seedream-5-lite" => vec![SEEDREAM, SEEDREAM_LATER],
        "google/nano-banana" => vec![BANANA],
        "google/nano-banana-pro" => vec![BANANA, BANANA_PRO],
        "google/imagen-4" | "google/imagen-4-fast" => vec![IMAGEN],
        "qwen/qwen-image" => vec![QWEN],
        "openai/gpt-image-1" | "openai/gpt-image-1.5" => vec![GPT],
        "runwayml/gen4-image" | "runwayml/gen4-image-turbo" => vec![GEN_4],
        "stability-ai/stable-diffusion-3.5-large" => vec![DIFFUSION],
        "recraft-ai/recraft-v3" => vec![RECRAFT],
        "ideogram-ai/ideogram-v3-turbo" | "ideogram-ai/ideogram-v3-balanced" | "ideogram-ai/ideogram-v3-quality" => {
            vec![IDEOGRAM]
        }
        _ => return None,
    })
}
