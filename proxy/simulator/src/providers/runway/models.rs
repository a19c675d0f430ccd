//! What Runway's models take and give (`providers.md` §5.1).

use serde_json::{Map, Value};

use crate::jobs::Problem;
use crate::media::Format;
use crate::providers::check::{Field, Rule, check, problem};
use crate::providers::wanted::Wanted;
use crate::sizes;

/// Longest asset URL.
const URL_LENGTH: usize = 2_048;
/// Longest data URI, encoded.
const DATA_LENGTH: usize = 5 << 20;
/// Most reference images.
const REFERENCES: usize = 3;

/// A model at the endpoints that offer it.
#[derive(Debug)]
pub struct Model {
    name: &'static str,
    endpoints: &'static [&'static str],
    fields: &'static [Field],
    required: &'static [&'static str],
    credits: Credits,
}

/// What a task costs.
#[derive(Clone, Copy, Debug)]
pub enum Credits {
    /// Per image: up to 720 lines, above.
    Image(i64, i64),
    /// Per second: with audio, silent.
    Second(i64, i64),
}

const SEED: Field = Field("seed", Rule::Whole(0, 4_294_967_295));
const STILLS: Rule = Rule::OneOf(&[
    "1024:1024",
    "1080:1080",
    "1168:880",
    "1360:768",
    "1440:1080",
    "1080:1440",
    "1808:768",
    "1920:1080",
    "1080:1920",
    "2112:912",
    "1280:720",
    "720:1280",
    "720:720",
    "960:720",
    "720:960",
    "1680:720",
]);
const CLIPS: Rule = Rule::OneOf(&["1280:720", "720:1280", "1104:832", "832:1104", "960:960", "1584:672"]);
const WIDE: Rule = Rule::OneOf(&["1280:720", "720:1280", "1920:1080", "1080:1920"]);
const TEXT: Rule = Rule::Text(1_000);

const IMAGE: &[Field] =
    &[Field("promptText", TEXT), Field("ratio", STILLS), SEED, Field("referenceImages", Rule::Any), MODERATION];
const MODERATION: Field = Field("contentModeration", Rule::Any);
const ASSET: Field = Field("promptImage", Rule::Any);
const TURBO: &[Field] =
    &[Field("promptText", TEXT), Field("ratio", CLIPS), Field("duration", Rule::Whole(2, 10)), SEED, ASSET, MODERATION];
const GEN_4_5: &[Field] = &[
    Field("promptText", TEXT),
    Field("ratio", CLIPS),
    Field("duration", Rule::Whole(2, 10)),
    SEED,
    ASSET,
    MODERATION,
    Field("outputFormat", Rule::Link),
];
const VEO: &[Field] = &[
    Field("promptText", TEXT),
    Field("ratio", WIDE),
    Field("duration", Rule::WholeOneOf(&[4, 6, 8])),
    Field("audio", Rule::Flag),
    Field("negativePrompt", TEXT),
    SEED,
    ASSET,
];
const STILL: &[&str] = &["text_to_image"];
const FROM_IMAGE: &[&str] = &["image_to_video"];
const BOTH: &[&str] = &["text_to_video", "image_to_video"];

const MODELS: [Model; 6] = [
    Model {
        name: "gen4_image",
        endpoints: STILL,
        fields: IMAGE,
        required: &["promptText", "ratio"],
        credits: Credits::Image(5, 8),
    },
    Model {
        name: "gen4_image_turbo",
        endpoints: STILL,
        fields: IMAGE,
        required: &["promptText", "ratio", "referenceImages"],
        credits: Credits::Image(2, 2),
    },
    Model {
        name: "gen4_turbo",
        endpoints: FROM_IMAGE,
        fields: TURBO,
        required: &["ratio"],
        credits: Credits::Second(5, 5),
    },
    Model {
        name: "gen4.5",
        endpoints: BOTH,
        fields: GEN_4_5,
        required: &["promptText", "ratio", "duration"],
        credits: Credits::Second(12, 12),
    },
    Model { name: "veo3.1", endpoints: BOTH, fields: VEO, required: &["promptText"], credits: Credits::Second(40, 20) },
    Model {
        name: "veo3.1_fast",
        endpoints: BOTH,
        fields: VEO,
        required: &["promptText"],
        credits: Credits::Second(15, 10),
    },
];

/// All names.
pub fn names() -> impl Iterator<Item = &'static str> {
    MODELS.iter().map(|model| model.name)
}

/// What a model's tasks cost.
pub fn credits(name: &str) -> Credits {
    MODELS.iter().find(|model| model.name == name).map_or(Credits::Image(0, 0), |model| model.credits)
}

impl Model {
    /// The model by its name, where that endpoint offers it.
    pub fn find(endpoint: &str, name: &str) -> Option<&'static Self> {
        MODELS.iter().find(|model| model.name == name && model.endpoints.contains(&endpoint))
    }

    /// All that is wrong with a submission; the schema is closed.
    pub fn problems(&self, endpoint: &str, body: &Map<String, Value>) -> Vec<Problem> {
        let mut problems = check(&[self.fields], self.required, body);
        let from_image = endpoint == "image_to_video";
        if from_image {
            problems.extend(missing(body, "promptImage"));
        }
        let known = |name: &str| {
            let named = self.fields.iter().any(|Field(field, _)| *field == name);
            name == "model" || named && (from_image || name != "promptImage")
        };
        let strange = body.keys().filter(|name| !known(name));
        problems.extend(strange.map(|name| problem(name, "Unrecognized key(s) in object", "unrecognized_keys")));
        problems.extend(body.get("promptImage").into_iter().filter_map(prompt_image));
        problems.extend(body.get("referenceImages").into_iter().filter_map(references));
        problems
    }

    /// The file a submission asks for.
    pub fn wanted(&self, body: &Map<String, Value>) -> Wanted {
        let ratio = body.get("ratio").and_then(Value::as_str).unwrap_or("1280:720");
        let size = sizes::pair(&ratio.replace(':', "x")).unwrap_or((1280, 720));
        if self.endpoints == STILL {
            return Wanted::image(size, Format::Png);
        }
        let default = if self.name.starts_with("veo") { 8 } else { 10 };
        let seconds = body.get("duration").and_then(Value::as_u64).and_then(|seconds| u32::try_from(seconds).ok());
        Wanted { size, format: Format::Mp4, count: 1, duration_ms: seconds.unwrap_or(default).clamp(1, 60) * 1_000 }
    }
}

fn missing(body: &Map<String, Value>, name: &str) -> Option<Problem> {
    body.get(name).is_none_or(Value::is_null).then(|| problem(name, "Required", "missing"))
}

/// A URI, or a list of URIs with positions.
fn prompt_image(value: &Value) -> Option<Problem> {
    match value {
        Value::Null => None,
        Value::String(uri) => asset("promptImage", uri),
        Value::Array(images) if (1..=2).contains(&images.len()) => images.iter().find_map(|image| {
            let position = image.get("position").and_then(Value::as_str);
            if !matches!(position, Some("first" | "last")) {
                return Some(problem("promptImage", "Invalid position: first or last", "invalid_enum_value"));
            }
            uri_of("promptImage", image)
        }),
        _ => Some(problem("promptImage", "Invalid input", "invalid_union")),
    }
}

fn references(value: &Value) -> Option<Problem> {
    let Some(images) = value.as_array().filter(|images| (1..=REFERENCES).contains(&images.len())) else {
        return Some(problem("referenceImages", "Array must contain between 1 and 3 elements", "too_big"));
    };
    images.iter().find_map(|image| {
        let tag = image.get("tag").filter(|tag| !tag.is_null());
        let wrong = tag.is_some_and(|tag| !tag.as_str().is_some_and(is_tag));
        let told =
            || problem("referenceImages", "Invalid tag: 3 to 16 letters, digits or underscores", "invalid_string");
        wrong.then(told).or_else(|| uri_of("referenceImages", image))
    })
}

fn is_tag(tag: &str) -> bool {
    let plain = tag.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    (3..=16).contains(&tag.len()) && plain && tag.starts_with(|letter: char| letter.is_ascii_alphabetic())
}

fn uri_of(field: &str, image: &Value) -> Option<Problem> {
    match image.get("uri").and_then(Value::as_str) {
        Some(uri) => asset(field, uri),
        None => Some(problem(field, "Required: uri", "invalid_type")),
    }
}

fn asset(field: &str, uri: &str) -> Option<Problem> {
    let fits = match uri.split_once(':').map(|(scheme, _)| scheme) {
        Some("data") => uri.starts_with("data:image/") && uri.len() <= DATA_LENGTH,
        Some("https" | "http" | "runway") => uri.len() <= URL_LENGTH,
        _ => false,
    };
    (!fits)
        .then(|| problem(field, "Invalid asset: an HTTPS URL, a data URI or an upload URI is needed", "invalid_string"))
}
