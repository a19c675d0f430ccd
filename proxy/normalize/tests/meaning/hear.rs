//! What a provider hears: a job read back to public fields by someone who knows only that provider's documentation. A native
//! field that this reader does not know is a failure.

use ledger_contract::Provider;
use proxy_normalize::{Body, FormPart, Model, ProviderRequest};
use serde_json::{Map, Value, json};

use super::size::{ratio, resolution};

/// Said instead of a ratio: the clip gets the ratio of its first frame.
pub const OF_THE_IMAGE: &str = "as the image";

type Fields = Map<String, Value>;

/// A job's native fields, with the URLs of files in place of their bytes.
fn native(request: &ProviderRequest) -> Fields {
    match request.body.as_ref().unwrap() {
        Body::Ready(encoded) => serde_json::from_slice(&encoded.bytes).unwrap(),
        Body::JsonWithFiles { json, files } => {
            let mut fields = json.clone();
            for file in files {
                fields.insert(file.at.clone(), file.url.as_str().into());
            }
            fields
        }
        Body::Form(parts) => {
            let mut fields = Fields::new();
            for part in parts {
                match part {
                    FormPart::Text { name, text } => {
                        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                        let value = if is_number { json!(text.parse::<u64>().unwrap()) } else { json!(text) };
                        fields.insert(name.clone(), value);
                    }
                    FormPart::File(file) => match fields.get_mut(&file.at) {
                        Some(Value::Array(files)) => files.push(file.url.as_str().into()),
                        _ => {
                            fields.insert(file.at.clone(), json!([file.url]));
                        }
                    },
                }
            }
            fields
        }
    }
}

/// The public fields that this job says.
pub fn hear(model: &Model, provider: Provider, request: &ProviderRequest) -> Fields {
    let mut native = native(request);
    let mut heard = Fields::new();
    match provider {
        Provider::Replicate => {
            if let Some(Value::Object(input)) = native.shift_remove("input") {
                native = input;
            }
        }
        Provider::Alibabacloud => unfold(&mut native, &["input", "parameters"]),
        Provider::Byteplus => unfold(&mut native, &["optimize_prompt_options"]),
        Provider::Runway => unfold(&mut native, &["contentModeration"]),
        _ => {}
    }
    by_url(model, &request.url, &mut heard);
    by_size(model, &mut native, &mut heard);
    for (key, value) in native {
        if !is_fixed(provider, &key) {
            let known = lists(&key, &value, &mut heard) || one(model, &key, &value, &mut heard);
            assert!(known, "{provider} is told {key}, which nobody asked for: {value}");
        }
    }
    heard
}

fn unfold(native: &mut Fields, keys: &[&str]) {
    for key in keys {
        if let Some(Value::Object(inner)) = native.shift_remove(*key) {
            native.extend(inner);
        }
    }
}

/// What is said by choosing an endpoint.
fn by_url(model: &Model, url: &str, heard: &mut Fields) {
    let mut say = |name: &str, value: Value| heard.insert(name.to_owned(), value);
    if model.id() == "ideogram/v3" {
        for speed in ["turbo", "balanced", "quality"] {
            if url.contains(&format!("ideogram-v3-{speed}/")) {
                say("generation_speed", speed.into());
            }
        }
    }
    if model.id() == "minimax/hailuo-02" && url.contains("/standard/") {
        say("generation_resolution", "768p".into());
    }
    if model.id() == "minimax/hailuo-02" && url.contains("/pro/") {
        say("generation_resolution", "1080p".into());
        say("generation_duration", 6.into());
    }
}

/// Pixels, in whatever shape, are a ratio, and a resolution where the model has more than one.
fn by_size(model: &Model, native: &mut Fields, heard: &mut Fields) {
    let text = |value: &Value| {
        let (width, height) = value.as_str()?.split_once(['x', '*', ':'])?;
        Some((width.parse::<u64>().ok()?, height.parse::<u64>().ok()?))
    };
    let object = |value: &Value| Some((value.get("width")?.as_u64()?, value.get("height")?.as_u64()?));
    let keys = ["image_size", "size", "ratio"];
    let found = keys.iter().find_map(|key| Some((*key, native.get(*key).and_then(|v| text(v).or_else(|| object(v)))?)));
    let (key, (width, height)) = match (found, object(&Value::from(native.clone()))) {
        // A ratio such as 16:9 is no pixels.
        (Some((_, (width, _))), _) if width < 100 => return,
        (Some(found), _) => found,
        (None, Some(sides)) => {
            native.shift_remove("height");
            ("width", sides)
        }
        (None, None) => return,
    };
    native.shift_remove(key);
    heard.insert("generation_ratio".to_owned(), ratio(model, width, height).into());
    if let Some(resolution) = resolution(model, width, height) {
        heard.insert("generation_resolution".to_owned(), resolution.into());
    }
}

/// Native fields that hold input files, or whole messages.
fn lists(key: &str, value: &Value, heard: &mut Fields) -> bool {
    let file = "generation_input_file".to_owned();
    match key {
        "image_input" | "image_urls" | "input_images" | "reference_images" | "style_reference_images" | "image[]" => {
            heard.insert(file, value.clone());
        }
        "image" if value.is_array() => {
            heard.insert(file, value.clone());
        }
        "image" | "image_url" | "start_image" | "first_frame_image" | "first_frame_url" | "image_prompt"
        | "img_url" => {
            heard.insert(file, json!([value]));
        }
        "promptImage" if value.is_string() => {
            heard.insert(file, json!([value]));
        }
        "last_frame" | "last_frame_image" | "last_frame_url" | "end_image_url" => {
            heard.insert("generation_input_file_last_content".to_owned(), value.clone());
        }
        "referenceImages" => {
            let items = value.as_array().unwrap();
            heard.insert(file, items.iter().map(|item| item["uri"].clone()).collect());
            let tags: Vec<_> = items.iter().filter_map(|item| item.get("tag").cloned()).collect();
            if !tags.is_empty() {
                heard.insert("generation_reference_tags".to_owned(), tags.into());
            }
        }
        "promptImage" | "content" | "messages" => {
            value.as_array().unwrap().iter().for_each(|item| message(item, heard));
        }
        _ if key.starts_with("input_image") => {
            let files = heard.entry(file).or_insert_with(|| json!([])).as_array_mut().unwrap();
            files.extend(value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]));
        }
        _ => return false,
    }
    true
}

fn message(item: &Value, heard: &mut Fields) {
    let role = item.get("role").or_else(|| item.get("position")).and_then(Value::as_str).unwrap_or_default();
    let url = item.pointer("/image_url/url").or_else(|| item.get("uri"));
    match (role, url) {
        ("user", _) => {
            heard.insert("generation_prompt".to_owned(), item["content"][0]["text"].clone());
        }
        ("first_frame" | "first", Some(url)) => {
            heard.insert("generation_input_file".to_owned(), json!([url]));
        }
        ("last_frame" | "last", Some(url)) => {
            heard.insert("generation_input_file_last_content".to_owned(), url.clone());
        }
        _ => {
            heard.insert("generation_prompt".to_owned(), item["text"].clone());
        }
    }
}

/// Native fields that hold one value.
fn one(model: &Model, key: &str, value: &Value, heard: &mut Fields) -> bool {
    let lower = || json!(value.as_str().unwrap_or_default().to_lowercase());
    let seedream_mode = || if value == &json!(true) { json!("standard") } else { json!("fast") };
    let (name, meant) = match key {
        "prompt" | "promptText" => ("prompt", value.clone()),
        "aspect_ratio" | "ratio" if value == "auto" || value == "adaptive" => ("ratio", OF_THE_IMAGE.into()),
        "aspect_ratio" | "ratio" => ("ratio", value.clone()),
        // Its sizes are named, not measured.
        "size" => ("resolution", value.clone()),
        "resolution" => ("resolution", lower_p(value)),
        "num_outputs" | "num_images" | "number_of_images" | "n" => ("output_number", value.clone()),
        "seed" => ("seed", value.clone()),
        "num_inference_steps" | "steps" => ("steps", value.clone()),
        "guidance" | "guidance_scale" | "cfg" | "cfg_scale" => ("guidance", value.clone()),
        "enhance_prompt" if model.id() == "bytedance/seedream-4" => ("enhance_prompt", seedream_mode()),
        "enhance_prompt_mode"
        | "mode"
        | "prompt_upsampling"
        | "enhance_prompt"
        | "enable_prompt_expansion"
        | "prompt_optimizer"
        | "expand_prompt"
        | "prompt_extend" => ("enhance_prompt", value.clone()),
        "magic_prompt_option" => ("enhance_prompt", json!(value == "On")),
        "negative_prompt" | "negativePrompt" => ("negative_prompt", value.clone()),
        "duration" => ("duration", seconds(value)),
        "length" => ("duration", json!(value.as_u64().unwrap() / 24)),
        "video_length" | "num_frames" => ("duration", json!(seconds(value).as_u64().unwrap() / 24)),
        "generate_audio" | "audio" => ("generate_audio", value.clone()),
        "camera_fixed" => ("camera_fixed", value.clone()),
        "raw" => ("raw", value.clone()),
        "image_prompt_strength" => ("image_prompt_strength", value.clone()),
        "quality" => ("quality", value.clone()),
        "background" => ("background", value.clone()),
        "moderation" | "publicFigureThreshold" => ("moderation", json!(value == "auto")),
        "reference_tags" => ("reference_tags", value.clone()),
        "rendering_speed" => ("speed", lower()),
        "style_type" | "style" => ("style", lower()),
        "output_format" => ("output_format", value.as_str().unwrap().replace("jpeg", "jpg").into()),
        _ => return false,
    };
    heard.insert(format!("generation_{name}"), meant);
    true
}

fn lower_p(value: &Value) -> Value {
    value.as_str().unwrap().replace('P', "p").into()
}

fn seconds(value: &Value) -> Value {
    let text = value.as_str().map(|text| text.trim_end_matches('s').parse().unwrap());
    text.unwrap_or_else(|| value.clone())
}

/// What is always said, whatever was asked: the same meaning for every request.
fn is_fixed(provider: Provider, key: &str) -> bool {
    const REPLICATE: &[&str] = &[
        "version",
        "go_fast",
        "megapixels",
        "output_quality",
        "safety_tolerance",
        "safety_filter_level",
        "fps",
        "sequential_image_generation",
        "max_images",
        "embedded_guidance_scale",
        "infer_steps",
        "target_size",
        "openai_api_key",
    ];
    const FAL: &[&str] =
        &["enable_safety_checker", "safety_tolerance", "max_images", "auto_fix", "acceleration", "multi_shots"];
    const BYTEPLUS: &[&str] =
        &["model", "sequential_image_generation", "response_format", "watermark", "stream", "service_tier"];
    match provider {
        Provider::Replicate => REPLICATE.contains(&key),
        Provider::Fal => FAL.contains(&key),
        Provider::Bfl => key == "safety_tolerance",
        Provider::Byteplus => BYTEPLUS.contains(&key),
        Provider::Alibabacloud => matches!(key, "model" | "watermark" | "shot_type") || key == "n",
        Provider::Openai | Provider::Runway => key == "model",
        Provider::Cloudflare => false,
    }
}
