//! How long jobs take: one number per kind by default, the ranges the vendors' models really show when asked to be
//! realistic.

/// Image or video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Still images.
    Image,
    /// Video.
    Video,
}

/// (part of the native model name, shortest, longest) in milliseconds, first match wins; `providers.md` §1.6, §3.7, §4.4,
/// §5.5, §6.4, §7.5, §8.
const PACES: [(&str, u64, u64); 33] = [
    ("openai/low", 5_000, 15_000),
    ("openai/medium", 15_000, 30_000),
    ("openai/high", 30_000, 90_000),
    ("@cf/", 1_000, 4_000),
    ("schnell", 500, 2_000),
    ("klein", 1_000, 3_000),
    ("flux-2-flex", 10_000, 25_000),
    ("flux-2-max", 15_000, 30_000),
    ("flux-2-pro", 6_000, 12_000),
    ("ultra", 8_000, 12_000),
    ("flux-pro-1.1", 4_000, 6_000),
    ("flux", 3_000, 10_000),
    ("seedream-4-", 6_000, 15_000),
    ("seedream-5-0", 6_000, 15_000),
    ("seedream", 8_000, 15_000),
    ("nano-banana", 5_000, 10_000),
    ("gpt-image", 40_000, 52_000),
    ("gen4-image-turbo", 14_000, 18_000),
    ("gen4-image", 32_000, 42_000),
    ("gen4_image_turbo", 14_000, 18_000),
    ("gen4_image", 20_000, 40_000),
    ("qwen-image", 10_000, 30_000),
    ("gen4-turbo", 20_000, 60_000),
    ("gen4_turbo", 20_000, 60_000),
    ("seedance-1-0-pro-fast", 20_000, 40_000),
    ("seedance-1-pro-fast", 20_000, 40_000),
    ("seedance/v1/pro/fast", 20_000, 40_000),
    ("seedance", 60_000, 120_000),
    ("veo", 60_000, 180_000),
    ("gen4.5", 30_000, 90_000),
    ("wan", 60_000, 300_000),
    ("kling", 90_000, 300_000),
    ("hailuo", 60_000, 300_000),
];

/// Names that mark a video model.
const VIDEO: [&str; 15] = [
    "veo",
    "kling",
    "seedance",
    "hailuo",
    "wan-",
    "wan/",
    "wan2.5",
    "wan2.6",
    "ltx",
    "hunyuan-video",
    "gen4-turbo",
    "gen4_turbo",
    "gen-4.5",
    "gen4.5",
    "video",
];

impl Kind {
    /// What a provider's model makes, by its native name.
    pub fn of(native_model: &str) -> Self {
        if VIDEO.iter().any(|part| native_model.contains(part)) { Self::Video } else { Self::Image }
    }
}

/// Run latency in milliseconds when none was set. `draw` picks a place in a realistic range.
pub fn run_latency_ms(native_model: &str, kind: Kind, realistic: bool, draw: u64) -> u64 {
    let (shortest, longest) = match (kind, realistic) {
        (Kind::Image, false) => (300, 300),
        (Kind::Video, false) => (1_000, 1_000),
        (kind, true) => range(native_model, kind),
    };
    shortest + draw % (longest - shortest + 1)
}

fn range(native_model: &str, kind: Kind) -> (u64, u64) {
    let found = PACES.iter().find(|(part, _, _)| native_model.contains(part));
    found.map_or(if kind == Kind::Video { (30_000, 300_000) } else { (5_000, 15_000) }, |&(_, from, to)| (from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_told_apart_by_their_native_names() {
        for video in ["google/veo-2", "fal-ai/kling-video/v1.5/pro/text-to-video", "wan/v2.6/text-to-video"] {
            assert_eq!(Kind::of(video), Kind::Video, "{video}");
        }
        for image in ["runwayml/gen4-image-turbo", "fal-ai/qwen-image", "/v1/flux-pro-1.1", "google/nano-banana"] {
            assert_eq!(Kind::of(image), Kind::Image, "{image}");
        }
    }

    #[test]
    fn realistic_paces_stay_in_their_range() {
        for draw in [0, 1, 777, u64::MAX] {
            assert!((4_000..=6_000).contains(&run_latency_ms("/v1/flux-pro-1.1", Kind::Image, true, draw)));
        }
        assert_eq!(run_latency_ms("anything", Kind::Image, false, 9), 300);
    }
}
