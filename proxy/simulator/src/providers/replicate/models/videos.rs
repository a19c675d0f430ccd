//! The video models.

use super::{FIVE_OR_TEN, Field, NEGATIVE, Rule, WIDE};

const VEO_2: &[Field] = &[WIDE, Field("duration", Rule::WholeOneOf(&[5, 6, 7, 8])), Field("image", Rule::Link)];
const VEO_3: &[Field] = &[
    WIDE,
    Field("duration", Rule::WholeOneOf(&[4, 6, 8])),
    Field("resolution", Rule::OneOf(&["720p", "1080p"])),
    Field("generate_audio", Rule::Flag),
    Field("image", Rule::Link),
    Field("last_frame", Rule::Link),
    Field("reference_images", Rule::Links(3)),
    NEGATIVE,
];
const SEEDANCE: &[Field] = &[
    Field("image", Rule::Link),
    Field("last_frame_image", Rule::Link),
    Field("duration", Rule::Whole(2, 12)),
    Field("resolution", Rule::OneOf(&["480p", "720p", "1080p"])),
    Field("aspect_ratio", Rule::OneOf(&["16:9", "4:3", "1:1", "3:4", "9:16", "21:9", "9:21"])),
    Field("fps", Rule::WholeOneOf(&[24])),
    Field("camera_fixed", Rule::Flag),
    Field("generate_audio", Rule::Flag),
];
const KLING: &[Field] = &[
    Field("aspect_ratio", Rule::OneOf(&["16:9", "9:16", "1:1"])),
    FIVE_OR_TEN,
    NEGATIVE,
    Field("cfg_scale", Rule::Number(0.0, 1.0)),
    Field("start_image", Rule::Link),
    Field("end_image", Rule::Link),
    Field("reference_images", Rule::Links(4)),
];
const WAN: &[Field] = &[
    Field("image", Rule::Link),
    Field("audio", Rule::Link),
    NEGATIVE,
    Field("resolution", Rule::OneOf(&["480p", "720p", "1080p"])),
    Field("size", Rule::OneOf(&["832*480", "480*832", "1280*720", "720*1280", "1920*1080", "1080*1920"])),
    Field("enable_prompt_expansion", Rule::Flag),
];
const WAN_5: &[Field] = &[FIVE_OR_TEN];
const WAN_6: &[Field] = &[Field("duration", Rule::WholeOneOf(&[5, 10, 15]))];
const GEN_4: &[Field] = &[
    Field("aspect_ratio", Rule::OneOf(&["16:9", "9:16", "4:3", "3:4", "1:1", "21:9"])),
    FIVE_OR_TEN,
    Field("image", Rule::Link),
];
const HAILUO: &[Field] = &[
    Field("first_frame_image", Rule::Link),
    Field("last_frame_image", Rule::Link),
    Field("duration", Rule::WholeOneOf(&[6, 10])),
    Field("resolution", Rule::OneOf(&["512p", "768p", "1080p"])),
    Field("prompt_optimizer", Rule::Flag),
];
const LTX: &[Field] = &[
    NEGATIVE,
    Field("image", Rule::Link),
    Field("image_noise_scale", Rule::Number(0.0, 1.0)),
    Field(
        "aspect_ratio",
        Rule::OneOf(&["1:1", "1:2", "2:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "9:21", "21:9"]),
    ),
    Field("target_size", Rule::WholeOneOf(&[512, 576, 640, 704, 768, 832, 896, 960, 1_024])),
    Field("length", Rule::WholeOneOf(&[97, 129, 161, 193, 225, 257])),
    Field("cfg", Rule::Number(1.0, 20.0)),
    Field("steps", Rule::Whole(1, 50)),
];
const HUNYUAN: &[Field] = &[
    Field("width", Rule::Step(16, 1_280, 16)),
    Field("height", Rule::Step(16, 1_280, 16)),
    Field("video_length", Rule::Whole(1, 200)),
    Field("infer_steps", Rule::Whole(1, 100)),
    Field("embedded_guidance_scale", Rule::Number(1.0, 10.0)),
    Field("fps", Rule::Whole(1, 60)),
];

/// Tables of a video model.
pub fn fields(model: &str) -> Option<Vec<&'static [Field]>> {
    Some(match model {
        "google/veo-2" => vec![VEO_2],
        "google/veo-3.1" | "google/veo-3.1-fast" => vec![VEO_3],
        "bytedance/seedance-1-pro" | "bytedance/seedance-1-pro-fast" | "bytedance/seedance-1.5-pro" => vec![SEEDANCE],
        "kwaivgi/kling-v1.5-pro" | "kwaivgi/kling-v1.6-pro" | "kwaivgi/kling-v2.5-turbo-pro" => vec![KLING],
        "wan-video/wan-2.5-t2v" | "wan-video/wan-2.5-i2v" => vec![WAN, WAN_5],
        "wan-video/wan-2.6-t2v" | "wan-video/wan-2.6-i2v" => vec![WAN, WAN_6],
        "runwayml/gen4-turbo" | "runwayml/gen-4.5" => vec![GEN_4],
        "minimax/hailuo-02" => vec![HAILUO],
        "lightricks/ltx-video" => vec![LTX],
        "tencent/hunyuan-video" => vec![HUNYUAN],
        _ => return None,
    })
}
