//! Valid requests of any model: every field in any combination, as a customer may send them.

use proptest::{collection::vec, option, prelude::*, sample::select};
use proxy_normalize::Model;
use serde_json::{Map, Value, json};

use super::CATALOGUE;

/// Least and most input files of a model.
fn input_files(model: &str) -> (usize, usize) {
    match model {
        "wan/2.5-i2v" | "wan/2.6-i2v" | "runway/gen-4-turbo" => (1, 1),
        "runway/gen-4-image-turbo" => (1, 3),
        "runway/gen-4-image" | "ideogram/v3" | "bfl/flux-2-pro" | "bfl/flux-2-max" | "bfl/flux-2-flex" => (0, 3),
        "bfl/flux-2-klein-4b" | "bfl/flux-2-klein-9b" => (0, 4),
        "bytedance/seedream-4.5" | "bytedance/seedream-5-lite" => (0, 14),
        "gpt/image-1" | "gpt/image-1.5" => (0, 16),
        "bytedance/seedream-4" | "google/nano-banana" | "google/nano-banana-pro" => (0, 10),
        _ => (0, 1),
    }
}

fn hundredths(range: std::ops::RangeInclusive<i32>) -> BoxedStrategy<Value> {
    range.prop_map(|n| Value::from(f64::from(n) / 100.0)).boxed()
}

fn words(list: &'static [&'static str]) -> BoxedStrategy<Value> {
    select(list).prop_map(Value::from).boxed()
}

/// A valid value of each field of the embedded models.
fn values(model: &Model, name: &str) -> BoxedStrategy<Value> {
    let schema = model.schema_json();
    let url = "https://example\\.com/[a-z]{1,8}\\.png";
    match (model.id(), name) {
        (_, "generation_prompt") => "[a-zé ]{1,40}".prop_map(Value::from).boxed(),
        (_, "generation_output_number") => (1..=schema[name].as_u64().unwrap()).prop_map(Value::from).boxed(),
        (id, "generation_input_file") => {
            let (least, most) = input_files(id);
            vec(url, least..=most).prop_map(Value::from).boxed()
        }
        (_, "generation_input_file_last_content") => url.prop_map(Value::from).boxed(),
        (_, "generation_seed") => (0..=2_147_483_647_i64).prop_map(Value::from).boxed(),
        (_, "generation_steps") => (1..=4_i64).prop_map(Value::from).boxed(),
        ("bytedance/seedream-4", "generation_enhance_prompt") => words(&["standard", "fast"]),
        (id, "generation_guidance") if id.starts_with("kling/") => hundredths(0..=100),
        (_, "generation_guidance") => hundredths(150..=500),
        (_, "generation_image_prompt_strength") => (0..=100).prop_map(|n| json!(f64::from(n) / 100.0)).boxed(),
        (_, "generation_negative_prompt") => "[a-z ]{0,40}".prop_map(Value::from).boxed(),
        (_, "generation_reference_tags") => vec("[A-Za-z][A-Za-z0-9]{2,14}", 0..=3).prop_map(Value::from).boxed(),
        (_, "generation_quality") => words(&["medium", "low", "high"]),
        (_, "generation_background") => words(&["auto", "transparent", "opaque"]),
        (_, "generation_speed") => words(&["balanced", "turbo", "quality"]),
        ("recraft/v3", "generation_style") => words(&["realistic_image", "any", "digital_illustration/grain"]),
        (_, "generation_style") => words(&["auto", "general", "realistic", "design"]),
        (
            _,
            "generation_enhance_prompt"
            | "generation_raw"
            | "generation_camera_fixed"
            | "generation_moderation"
            | "generation_generate_audio",
        ) => any::<bool>().prop_map(Value::from).boxed(),
        _ => select(schema[name].as_array().unwrap().clone()).boxed(),
    }
}

/// A model and a valid body for it, with any subset of the optional fields.
pub fn requests() -> impl Strategy<Value = (&'static Model, Map<String, Value>)> {
    let models: Vec<&'static Model> = CATALOGUE.models().collect();
    select(models).prop_flat_map(|model| {
        let mut names: Vec<String> = model.specific_schema().into_iter().map(str::to_owned).collect();
        let is_offered = |value: &Value| !matches!(value, Value::Bool(false)) && *value != json!([]);
        names.extend(model.schema_json().iter().filter(|(_, value)| is_offered(value)).map(|(name, _)| name.clone()));
        let entries: Vec<_> = names.into_iter().map(|name| entry(model, name)).collect();
        entries.prop_map(move |entries| (model, together(entries.into_iter().flatten().collect())))
    })
}

fn entry(model: &Model, name: String) -> BoxedStrategy<Option<(String, Value)>> {
    let value = values(model, &name);
    let is_required = match name.as_str() {
        "generation_prompt" | "generation_duration" => true,
        "generation_input_file" => input_files(model.id()).0 > 0,
        _ => false,
    };
    let value = if is_required { value.prop_map(Some).boxed() } else { option::of(value).boxed() };
    value.prop_map(move |value| value.map(|value| (name.clone(), value))).boxed()
}

/// What needs an input file gets one, and tags are no more than the files they name.
fn together(mut body: Map<String, Value>) -> Map<String, Value> {
    let files = body.get("generation_input_file").and_then(Value::as_array).map_or(0, Vec::len);
    if let Some(Value::Array(tags)) = body.get_mut("generation_reference_tags") {
        tags.truncate(files);
    }
    if body.contains_key("generation_input_file_last_content") && files == 0 {
        body.insert("generation_input_file".into(), json!(["https://example.com/first.png"]));
    }
    body
}
