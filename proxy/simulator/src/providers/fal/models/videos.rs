//! The video endpoints.

use super::{Field, IMAGE_URL, NEGATIVE, Rule};

const END: Field = Field("end_image_url", Rule::Link);
const LINES: Field = Field("resolution", Rule::OneOf(&["480p", "720p", "1080p"]));
const EXPAND: Field = Field("enable_prompt_expansion", Rule::Flag);

const VEO_2: &[Field] = &[
    Field("aspect_ratio", Rule::OneOf(&["16:9", "9:16", "1:1", "auto"])),
    Field("duration", Rule::OneOf(&["5s", "6s", "7s", "8s"])),
    NEGATIVE,
    Field("enhance_prompt", Rule::Flag),
    Field("auto_fix", Rule::Flag),
    IMAGE_URL,
];
const VEO_3: &[Field] = &[
    Field("aspect_ratio", Rule::OneOf(&["16:9", "9:16", "auto"])),
    Field("duration", Rule::OneOf(&["4s", "6s", "8s"])),
    Field("resolution", Rule::OneOf(&["720p", "1080p", "4k"])),
    Field("generate_audio", Rule::Flag),
    NEGATIVE,
    Field("auto_fix", Rule::Flag),
    Field("safety_tolerance", Rule::OneOf(&["1", "2", "3", "4", "5", "6"])),
    IMAGE_URL,
    Field("first_frame_url", Rule::Link),
    Field("last_frame_url", Rule::Link),
];
const SEEDANCE: &[Field] = &[
    Field("aspect_ratio", Rule::OneOf(&["21:9", "16:9", "4:3", "1:1", "3:4", "9:16", "9:21", "auto"])),
    LINES,
    Field("camera_fixed", Rule::Flag),
    Field("num_frames", Rule::Whole(29, 289)),
    Field("generate_audio", Rule::Flag),
    IMAGE_URL,
    END,
];
const FROM_2: &[Field] = &[Field("duration", Rule::OneOf(&["2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"]))];
const FROM_4: &[Field] = &[Field("duration", Rule::OneOf(&["4", "5", "6", "7", "8", "9", "10", "11", "12"]))];
const KLING: &[Field] = &[
    Field("aspect_ratio", Rule::OneOf(&["16:9", "9:16", "1:1"])),
    Field("duration", Rule::OneOf(&["5", "10"])),
    Field("negative_prompt", Rule::Text(2_500)),
    Field("cfg_scale", Rule::Number(0.0, 1.0)),
    IMAGE_URL,
    Field("tail_image_url", Rule::Link),
];
const WAN_5: &[Field] = &[
    Field("aspect_ratio", Rule::OneOf(&["16:9", "9:16", "1:1"])),
    LINES,
    Field("duration", Rule::OneOf(&["5", "10"])),
    NEGATIVE,
    EXPAND,
    Field("audio_url", Rule::Link),
    IMAGE_URL,
];
const WAN_6: &[Field] = &[
    Field("aspect_ratio", Rule::OneOf(&["16:9", "9:16", "1:1", "4:3", "3:4"])),
    Field("resolution", Rule::OneOf(&["720p", "1080p"])),
    Field("duration", Rule::OneOf(&["5", "10", "15"])),
    NEGATIVE,
    EXPAND,
    Field("multi_shots", Rule::Flag),
    Field("audio_url", Rule::Link),
    IMAGE_URL,
];
const HAILUO: &[Field] = &[Field("prompt_optimizer", Rule::Flag), IMAGE_URL, END];
const STANDARD: &[Field] =
    &[Field("duration", Rule::OneOf(&["6", "10"])), Field("resolution", Rule::OneOf(&["512P", "768P"]))];
const LTX: &[Field] = &[
    NEGATIVE,
    Field("num_inference_steps", Rule::Whole(1, 50)),
    Field("guidance_scale", Rule::Number(1.0, 10.0)),
    IMAGE_URL,
];
const HUNYUAN: &[Field] = &[
    Field("aspect_ratio", Rule::OneOf(&["16:9", "9:16"])),
    Field("resolution", Rule::OneOf(&["480p", "580p", "720p"])),
    Field("num_frames", Rule::OneOf(&["85", "129"])),
    Field("num_inference_steps", Rule::Whole(2, 50)),
    Field("pro_mode", Rule::Flag),
];

/// Tables of a video endpoint.
pub fn fields(endpoint: &str) -> Option<Vec<&'static [Field]>> {
    let base = endpoint
        .trim_end_matches("/first-last-frame-to-video")
        .trim_end_matches("/image-to-video")
        .trim_end_matches("/text-to-video");
    Some(match base {
        "fal-ai/veo2" => vec![VEO_2],
        "fal-ai/veo3.1" | "fal-ai/veo3.1/fast" => vec![VEO_3],
        "fal-ai/bytedance/seedance/v1/pro" | "fal-ai/bytedance/seedance/v1/pro/fast" => vec![SEEDANCE, FROM_2],
        "fal-ai/bytedance/seedance/v1.5/pro" => vec![SEEDANCE, FROM_4],
        "fal-ai/kling-video/v1.5/pro" | "fal-ai/kling-video/v1.6/pro" | "fal-ai/kling-video/v2.5-turbo/pro" => {
            vec![KLING]
        }
        "fal-ai/wan-25-preview" => vec![WAN_5],
        "wan/v2.6" => vec![WAN_6],
        "fal-ai/minimax/hailuo-02/standard" => vec![HAILUO, STANDARD],
        "fal-ai/minimax/hailuo-02/pro" => vec![HAILUO],
        "fal-ai/ltx-video" => vec![LTX],
        "fal-ai/hunyuan-video" => vec![HUNYUAN],
        _ => return None,
    })
}
