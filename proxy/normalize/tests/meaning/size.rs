//! What pixels stand for, by the providers' published tables.

use proxy_normalize::Model;
use serde_json::Value;

/// One megapixel in multiples of 32 (providers §9): too coarse to tell 4:3 from 5:4 by division.
const ONE_MEGAPIXEL: [(&str, u64, u64); 11] = [
    ("1:1", 1024, 1024),
    ("16:9", 1344, 768),
    ("9:16", 768, 1344),
    ("4:3", 1152, 896),
    ("3:4", 896, 1152),
    ("3:2", 1216, 832),
    ("2:3", 832, 1216),
    ("5:4", 1120, 896),
    ("4:5", 896, 1120),
    ("21:9", 1408, 608),
    ("9:21", 608, 1408),
];

/// The ratio that these pixels stand for: by the published table, else the nearest listed.
#[allow(clippy::cast_precision_loss)]
pub fn ratio(model: &Model, width: u64, height: u64) -> String {
    if let Some((name, ..)) = ONE_MEGAPIXEL.iter().find(|(_, w, h)| (*w, *h) == (width, height)) {
        return (*name).to_owned();
    }
    let distance = |listed: &Value| {
        let (w, h) = listed.as_str().unwrap().split_once(':').unwrap();
        (width as f64 / height as f64 * h.parse::<f64>().unwrap() / w.parse::<f64>().unwrap()).ln().abs()
    };
    let ratios = model.schema_json()["generation_ratio"].as_array().unwrap().clone();
    let nearest = ratios.into_iter().min_by(|one, other| distance(one).total_cmp(&distance(other))).unwrap();
    nearest.as_str().unwrap().to_owned()
}

/// Which of the model's resolutions these pixels are; nothing for models that have none.
pub fn resolution(model: &Model, width: u64, height: u64) -> Option<&'static str> {
    let pixels = width * height;
    let by_pixels =
        |rows: [(u64, &'static str); 3]| rows.iter().find(|(most, _)| pixels <= *most).map(|(_, name)| *name);
    match model.id().split_once('/')? {
        ("bytedance", _) if width.max(height) >= 4096 => Some("4K"),
        ("bytedance", _) => by_pixels([(1_500_000, "1K"), (8_000_000, "2K"), (u64::MAX, "4K")]),
        ("runway", "gen-4-image" | "gen-4-image-turbo") => {
            Some(if width.min(height) <= 720 { "720p" } else { "1080p" })
        }
        ("runway", _) => Some("720p"),
        ("google" | "wan" | "tencent", _) => by_pixels([(500_000, "480p"), (1_000_000, "720p"), (u64::MAX, "1080p")]),
        _ => None,
    }
}
