//! What `DashScope`'s models take and give (`providers.md` §7.1–7.3).

use serde_json::{Map, Value};

use crate::jobs::Problem;
use crate::media::Format;
use crate::providers::check::{Field, Rule, check, problem};
use crate::providers::wanted::Wanted;
use crate::sizes::{self, Size};

const QWEN: &[&str] = &["1664*928", "1472*1104", "1472*1140", "1328*1328", "1104*1472", "928*1664"];
const WAN_480: &[&str] = &["832*480", "480*832", "624*624"];
const WAN_LARGE: &[&str] = &[
    "1280*720",
    "720*1280",
    "960*960",
    "1088*832",
    "832*1088",
    "1920*1080",
    "1080*1920",
    "1440*1440",
    "1632*1248",
    "1248*1632",
];
const PARAMETERS: &[Field] = &[
    Field("prompt_extend", Rule::Flag),
    Field("watermark", Rule::Flag),
    Field("seed", Rule::Whole(0, 2_147_483_647)),
    Field("shot_type", Rule::OneOf(&["single", "multi"])),
    Field("audio", Rule::Flag),
];
const ONE: &[Field] = &[Field("n", Rule::Whole(1, 1))];
const SIX: &[Field] = &[Field("n", Rule::Whole(1, 6))];
const FOUR: &[Field] = &[Field("n", Rule::Whole(1, 4))];
const NEGATIVE: &[Field] = &[Field("negative_prompt", Rule::Link)];
const CLIP: &[Field] = &[Field("prompt", Rule::Text(2_000)), Field("negative_prompt", Rule::Link)];
const FROM_IMAGE: &[Field] = &[Field("img_url", Rule::Link), Field("audio_url", Rule::Link)];

/// True for models of the synchronous path.
pub fn is_multimodal(model: &str) -> bool {
    model.starts_with("qwen-image") || matches!(model, "wan2.6-image" | "wan2.6-t2i")
}

/// What a path makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// Images.
    Stills,
    /// A video from a text or an image.
    Video,
    /// A video between two frames.
    Frames,
}

impl Path {
    /// Reads a path of the API.
    pub fn of(path: &str) -> Self {
        match path {
            _ if path.contains("text2image") => Self::Stills,
            _ if path.contains("image2video") => Self::Frames,
            _ => Self::Video,
        }
    }

    /// True when it offers the model.
    pub fn offers(self, model: &str) -> bool {
        match self {
            Self::Stills => model.starts_with("qwen-image") || model.ends_with("-t2i") || model.contains("-t2i-"),
            Self::Frames => model.contains("-kf2v"),
            Self::Video => model.starts_with("wan2.") && (model.contains("-t2v") || model.contains("-i2v")),
        }
    }
}

/// A submission's body.
#[derive(Clone, Debug)]
pub struct Input(pub Map<String, Value>);

impl Input {
    /// The model's name.
    pub fn model(&self) -> &str {
        self.0.get("model").and_then(Value::as_str).unwrap_or_default()
    }

    /// A value of `parameters`.
    pub fn parameter(&self, name: &str) -> Option<&Value> {
        self.0.get("parameters")?.get(name)
    }

    /// A text of `input`.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get("input")?.get(name)?.as_str()
    }

    fn object(&self, name: &str) -> Map<String, Value> {
        self.0.get(name).and_then(Value::as_object).cloned().unwrap_or_default()
    }

    fn content(&self) -> Option<&Vec<Value>> {
        self.0.get("input")?.get("messages")?.get(0)?.get("content")?.as_array()
    }

    /// The text of the message.
    pub fn message_text(&self) -> &str {
        let mut items = self.content().into_iter().flatten();
        items.find_map(|item| item.get("text")?.as_str()).unwrap_or_default()
    }

    /// All that is wrong with a synchronous call.
    pub fn message_problems(&self) -> Vec<Problem> {
        let model = self.model();
        let edits = model.contains("edit") || model.starts_with("qwen-image-2");
        let several = ["-edit-plus", "-edit-max", "qwen-image-2"].iter().any(|part| model.contains(part));
        let parameters = self.object("parameters");
        let mut problems = check(&[PARAMETERS, NEGATIVE, if several { SIX } else { ONE }], &[], &parameters);
        let length = self.message_text().chars().count();
        if length == 0 {
            problems.push(problem("input.messages", "Required: a text", "missing"));
        } else if length > 800 {
            problems.push(problem("input.messages", "the text should have at most 800 characters", "value_error"));
        }
        let images = self.content().into_iter().flatten().filter(|item| item.get("image").is_some()).count();
        if (images > 0) != edits && (images > 0 || !model.starts_with("qwen-image-2")) {
            let text = if edits { "an image is required" } else { "images are not supported by this model" };
            problems.push(problem("input.messages", text, "value_error"));
        }
        problems.extend(self.size_problem(&[QWEN], edits));
        problems
    }

    /// All that is wrong with a task.
    pub fn task_problems(&self, path: Path) -> Vec<Problem> {
        let (input, parameters) = (self.object("input"), self.object("parameters"));
        let model = self.model();
        if path == Path::Stills {
            let mut problems = check(&[CLIP], &["prompt"], &input);
            problems.extend(check(&[PARAMETERS, FOUR], &[], &parameters));
            problems.extend(self.size_problem(&[QWEN], !model.starts_with("qwen")));
            return problems;
        }
        let newer = !model.starts_with("wan2.5");
        let seconds: &[Field] = &[Field("duration", Rule::WholeOneOf(&[5, 10]))];
        let any: &[Field] = &[Field("duration", Rule::Whole(2, 15))];
        let required: &[&str] = match path {
            Path::Frames => &["first_frame_url"],
            _ if model.contains("-i2v") => &["img_url"],
            _ => &["prompt"],
        };
        let mut problems = check(&[CLIP, FROM_IMAGE], required, &input);
        problems.extend(check(&[PARAMETERS, if newer { any } else { seconds }], &[], &parameters));
        let small: &[&str] = if model.starts_with("wan2.6") { &[] } else { WAN_480 };
        problems.extend(self.size_problem(&[small, WAN_LARGE], false));
        problems.extend(self.resolution_problem(small.is_empty()));
        problems
    }

    fn size_problem(&self, known: &[&[&str]], free: bool) -> Option<Problem> {
        let size = self.parameter("size")?.as_str()?;
        let fits = known.iter().any(|sizes| sizes.contains(&size)) || (free && sizes::pair(size).is_some());
        (!fits).then(|| problem("parameters.size", "size is not supported by this model", "value_error"))
    }

    fn resolution_problem(&self, no_480: bool) -> Option<Problem> {
        let resolution = self.parameter("resolution")?.as_str().unwrap_or_default();
        let fits = matches!(resolution, "720P" | "1080P") || (resolution == "480P" && !no_480);
        (!fits).then(|| problem("parameters.resolution", "resolution is not supported by this model", "value_error"))
    }

    /// The images a call asks for; edits without a size keep to a square.
    pub fn image(&self) -> Wanted {
        let default = if self.model().contains("edit") { (1_328, 1_328) } else { (1_664, 928) };
        let size = self.size().unwrap_or(default);
        let count = self.parameter("n").and_then(Value::as_u64).and_then(|count| usize::try_from(count).ok());
        Wanted { size, format: Format::Png, count: count.unwrap_or(1).clamp(1, 6), duration_ms: 0 }
    }

    /// The video a task asks for. One made from an image has its aspect; images are not fetched here, so it is 16:9.
    pub fn video(&self) -> Wanted {
        let resolution = self.parameter("resolution").and_then(Value::as_str).unwrap_or("1080P");
        let wide = match resolution {
            "480P" => (832, 480),
            "720P" => (1_280, 720),
            _ => (1_920, 1_080),
        };
        let seconds =
            self.parameter("duration").and_then(Value::as_u64).and_then(|seconds| u32::try_from(seconds).ok());
        let duration_ms = seconds.unwrap_or(5).clamp(1, 60) * 1_000;
        Wanted { size: self.size().unwrap_or(wide), format: Format::Mp4, count: 1, duration_ms }
    }

    fn size(&self) -> Option<Size> {
        self.parameter("size")?.as_str().and_then(sizes::pair)
    }
}
