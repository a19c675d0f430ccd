//! What `ModelArk`'s models take and give (`providers.md` §6.1, §6.2).

use serde_json::{Map, Value};

use crate::jobs::Problem;
use crate::providers::check::{Field, Rule, check, problem};
use crate::sizes::{self, Size};

/// An image model.
#[derive(Debug)]
pub struct Image {
    name: &'static str,
    /// Sizes by name.
    names: &'static [&'static str],
    /// Fewest pixels.
    least: u32,
    /// Most input images.
    inputs: usize,
    own: &'static [Field],
}

/// A video model.
#[derive(Debug)]
pub struct Video {
    name: &'static str,
    /// Shortest and longest in seconds.
    seconds: (i64, i64),
    /// True when a last frame may be shown.
    last_frame: bool,
    /// True when it makes sound.
    audio: bool,
}

const IMAGE: &[Field] = &[
    Field("prompt", Rule::Text(16_000)),
    Field("sequential_image_generation", Rule::OneOf(&["disabled", "auto"])),
    Field("response_format", Rule::OneOf(&["url", "b64_json"])),
    Field("watermark", Rule::Flag),
];
const FAST: &[Field] = &[Field("optimize_prompt_options", Rule::Any)];
const FORMAT: &[Field] = &[Field("output_format", Rule::OneOf(&["jpeg", "png"]))];

/// The reference asks for 921,600 pixels at least, and its own catalogue sends 1408x608 for 21:9 at 1K: the smaller
/// number of the two holds here (conflict).
const LEAST_1K: u32 = 1_408 * 608;
const LEAST_2K: u32 = 2_560 * 1_440;
const MOST: u32 = 4_096 * 4_096;

const IMAGES: [Image; 4] = [
    Image { name: "seedream-4-0-250828", names: &["1K", "2K", "4K"], least: LEAST_1K, inputs: 10, own: FAST },
    Image { name: "seedream-4-5-251128", names: &["2K", "4K"], least: LEAST_2K, inputs: 14, own: &[] },
    Image { name: "seedream-5-0-260128", names: &["2K", "4K"], least: LEAST_2K, inputs: 14, own: FORMAT },
    Image { name: "seedream-5-0-lite-260128", names: &["2K", "4K"], least: LEAST_2K, inputs: 14, own: FORMAT },
];

const VIDEOS: [Video; 4] = [
    Video { name: "seedance-1-0-pro-250528", seconds: (2, 12), last_frame: true, audio: false },
    Video { name: "seedance-1-0-pro-fast-251015", seconds: (2, 12), last_frame: false, audio: false },
    Video { name: "seedance-1-5-pro-251215", seconds: (4, 12), last_frame: true, audio: true },
    Video { name: "dreamina-seedance-2-0-260128", seconds: (4, 15), last_frame: true, audio: true },
];
const TASK: &[Field] = &[
    Field("resolution", Rule::OneOf(&["480p", "720p", "1080p"])),
    Field("ratio", Rule::OneOf(&["16:9", "4:3", "1:1", "3:4", "9:16", "21:9", "adaptive"])),
    Field("seed", Rule::Whole(-1, 4_294_967_295)),
    Field("camera_fixed", Rule::Flag),
    Field("watermark", Rule::Flag),
    Field("return_last_frame", Rule::Flag),
    Field("service_tier", Rule::OneOf(&["default", "flex"])),
    Field("execution_expires_after", Rule::Whole(3_600, 259_200)),
    Field("callback_url", Rule::Text(2_048)),
    Field("priority", Rule::Whole(0, 9)),
    Field("frames", Rule::Whole(29, 289)),
];

/// Frames of the 1.0 models by resolution and ratio; 1.5 keeps to the round numbers at 16:9 and 9:16.
const FRAMES: [(&str, [(&str, Size); 6]); 3] = [
    (
        "480p",
        [
            ("16:9", (864, 480)),
            ("4:3", (736, 544)),
            ("1:1", (640, 640)),
            ("3:4", (544, 736)),
            ("9:16", (480, 864)),
            ("21:9", (960, 416)),
        ],
    ),
    (
        "720p",
        [
            ("16:9", (1_248, 704)),
            ("4:3", (1_120, 832)),
            ("1:1", (960, 960)),
            ("3:4", (832, 1_120)),
            ("9:16", (704, 1_248)),
            ("21:9", (1_504, 640)),
        ],
    ),
    (
        "1080p",
        [
            ("16:9", (1_920, 1_088)),
            ("4:3", (1_664, 1_248)),
            ("1:1", (1_440, 1_440)),
            ("3:4", (1_248, 1_664)),
            ("9:16", (1_088, 1_920)),
            ("21:9", (2_176, 928)),
        ],
    ),
];

/// The image model of that name.
pub fn image(name: &str) -> Option<&'static Image> {
    IMAGES.iter().find(|model| model.name == name)
}

/// The video model of that name.
pub fn video(name: &str) -> Option<&'static Video> {
    VIDEOS.iter().find(|model| model.name == name)
}

impl Image {
    /// All that is wrong with a call.
    pub fn problems(&self, body: &Map<String, Value>) -> Vec<Problem> {
        let mut problems = check(&[IMAGE, self.own], &["prompt"], body);
        let size = body.get("size").and_then(Value::as_str);
        if let Some(size) = size.filter(|size| !self.fits(size)) {
            problems.push(problem("size", &format!("size {size} is not supported by this model"), "value_error"));
        }
        let inputs = match body.get("image") {
            None | Some(Value::Null) => 0,
            Some(Value::String(_)) => 1,
            Some(Value::Array(images)) if images.iter().all(Value::is_string) => images.len(),
            Some(_) => usize::MAX,
        };
        if inputs > self.inputs {
            let text = format!("at most {} images as URL or base64 are supported", self.inputs);
            problems.push(problem("image", &text, "value_error"));
        }
        let options = body.get("sequential_image_generation_options").and_then(|options| options.get("max_images"));
        if options.is_some_and(|most| !most.as_u64().is_some_and(|most| (1..=15).contains(&most))) {
            problems.push(problem(
                "sequential_image_generation_options",
                "max_images is between 1 and 15",
                "value_error",
            ));
        }
        let mode = body.get("optimize_prompt_options").map(|options| options.get("mode").and_then(Value::as_str));
        let fast = self.name.contains("4-0");
        if mode.is_some_and(|mode| mode != Some("standard") && (mode != Some("fast") || !fast)) {
            problems.push(problem("optimize_prompt_options", "mode is not supported by this model", "value_error"));
        }
        problems
    }

    fn fits(&self, size: &str) -> bool {
        let free = |(width, height): Size| {
            (self.least..=MOST).contains(&(width * height)) && width <= 16 * height && height <= 16 * width
        };
        self.names.contains(&size) || sizes::pair(size).is_some_and(free)
    }
}

impl Video {
    /// All that is wrong with a submission.
    pub fn problems(&self, body: &Map<String, Value>) -> Vec<Problem> {
        let (from, to) = self.seconds;
        let (duration, audio) = ([Field("duration", Rule::Whole(from, to))], [Field("generate_audio", Rule::Flag)]);
        let duration: &[Field] =
            if self.audio && body.get("duration") == Some(&Value::from(-1)) { &[] } else { &duration };
        let mut problems = check(&[TASK, duration, &audio], &["content"], body);
        if !self.audio && body.get("generate_audio") == Some(&Value::Bool(true)) {
            problems.push(problem("generate_audio", "audio is not supported by this model", "value_error"));
        }
        if body.get("frames").and_then(Value::as_i64).is_some_and(|frames| (frames - 25) % 4 != 0) {
            problems.push(problem("frames", "frames is 25 + 4n", "value_error"));
        }
        problems.extend(body.get("content").and_then(|content| self.content(content)));
        problems
    }

    /// One text at most, and images in the roles the model knows.
    fn content(&self, content: &Value) -> Option<Problem> {
        let wrong = |text: &str| Some(problem("content", text, "value_error"));
        let Some(items) = content.as_array().filter(|items| !items.is_empty()) else {
            return wrong("content is empty");
        };
        let (mut texts, mut first, mut last) = (0, 0, 0);
        for item in items {
            let url = item.get("image_url").and_then(|image| image.get("url")?.as_str());
            match (item["type"].as_str(), item.get("role").and_then(Value::as_str)) {
                (Some("text"), _) if item["text"].as_str().is_some_and(|text| !text.is_empty()) => texts += 1,
                (Some("image_url"), None | Some("first_frame")) if url.is_some() => first += 1,
                (Some("image_url"), Some("last_frame")) if url.is_some() && self.last_frame => last += 1,
                _ => return wrong("an item of content is not supported by this model"),
            }
        }
        let fits = texts <= 1 && first <= 1 && last <= first && texts + first > 0;
        if fits { None } else { wrong("content has too many items, or a last frame without a first") }
    }

    /// Pixels a task asks for; `adaptive` follows an image that is not fetched here.
    pub fn size(&self, body: &Map<String, Value>) -> Size {
        let text = |field, default| body.get(field).and_then(Value::as_str).unwrap_or(default);
        let resolution = text("resolution", if self.audio { "720p" } else { "1080p" });
        let ratio = Some(text("ratio", "16:9")).filter(|ratio| *ratio != "adaptive").unwrap_or("16:9");
        if self.audio && matches!(ratio, "16:9" | "9:16") && resolution != "480p" {
            return sizes::video(resolution, ratio);
        }
        let row = FRAMES.iter().find(|(name, _)| *name == resolution).map(|(_, row)| row);
        let found = row.and_then(|row| row.iter().find(|(name, _)| *name == ratio));
        found.map_or((1_248, 704), |(_, size)| *size)
    }
}

/// Pixels a call asks for.
pub fn image_size(body: &Map<String, Value>) -> Size {
    let size = body.get("size").and_then(Value::as_str).unwrap_or("2K");
    sizes::pair(size).unwrap_or_else(|| sizes::seedream(size, "1:1"))
}

/// Seconds a task asks for; -1 leaves it to the model.
pub fn seconds(body: &Map<String, Value>) -> u32 {
    let frames = body.get("frames").and_then(Value::as_i64).map(|frames| frames / 24);
    let asked = body.get("duration").and_then(Value::as_i64).filter(|seconds| *seconds > 0);
    u32::try_from(frames.or(asked).unwrap_or(5)).unwrap_or(5).clamp(1, 60)
}
