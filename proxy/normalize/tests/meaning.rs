//! Failover never changes what a request means: for every model and any valid request, each eligible provider's jobs are
//! read back, by someone who knows only that provider's documentation, to what was asked for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::cast_precision_loss)]

use std::sync::LazyLock;

use ledger_contract::Provider;
use proptest::{collection::vec, option, prelude::*, sample::select};
use proxy_normalize::{Canonical, Catalogue, Endpoint, Model, canonical, canonical_json, estimate, price, submissions};
use serde_json::{Map, Value, json};

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::embedded().unwrap());

/// A valid value of each field of the embedded models.
fn values(model: &Model, name: &str) -> BoxedStrategy<Value> {
    let schema = model.schema_json();
    let listed = |name: &str| select(schema[name].as_array().unwrap().clone()).boxed();
    match name {
        "generation_prompt" => "[a-zé ]{1,40}".prop_map(Value::from).boxed(),
        "generation_output_number" => (1..=schema[name].as_u64().unwrap()).prop_map(Value::from).boxed(),
        "generation_input_file" => {
            let most = if model.kind().as_str() == "image" { 10 } else { 1 };
            vec("https://example\\.com/[a-z]{1,8}\\.png", 0..=most).prop_map(Value::from).boxed()
        }
        "generation_seed" => (0..=2_147_483_647_i64).prop_map(Value::from).boxed(),
        "generation_steps" => (1..=4_i64).prop_map(Value::from).boxed(),
        "generation_enhance_prompt" if model.id().starts_with("bytedance/") => {
            select(vec![json!("standard"), json!("fast")]).boxed()
        }
        "generation_enhance_prompt" => any::<bool>().prop_map(Value::from).boxed(),
        "generation_guidance" => (0..=100).prop_map(|n| Value::from(f64::from(n) / 100.0)).boxed(),
        "generation_negative_prompt" => "[a-z ]{0,40}".prop_map(Value::from).boxed(),
        _ => listed(name),
    }
}

/// A model and a valid body for it, with any subset of the optional fields.
fn requests() -> impl Strategy<Value = (&'static Model, Map<String, Value>)> {
    let models: Vec<&'static Model> = CATALOGUE.models().collect();
    select(models).prop_flat_map(|model| {
        let mut names: Vec<String> = model.specific_schema().into_iter().map(str::to_owned).collect();
        let is_offered = |value: &Value| *value != Value::Bool(false);
        names.extend(model.schema_json().iter().filter(|(_, value)| is_offered(value)).map(|(name, _)| name.clone()));
        let entries: Vec<_> = names
            .into_iter()
            .map(|name| {
                let value = values(model, &name);
                let is_required = matches!(name.as_str(), "generation_prompt" | "generation_duration");
                let value = if is_required { value.prop_map(Some).boxed() } else { option::of(value).boxed() };
                value.prop_map(move |value| value.map(|value| (name.clone(), value)))
            })
            .collect();
        entries.prop_map(move |entries| (model, entries.into_iter().flatten().collect()))
    })
}

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
fn ratio(model: &Model, width: u64, height: u64) -> String {
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

/// Which of Seedream's resolutions these pixels are.
fn resolution(width: u64, height: u64) -> &'static str {
    if width.max(height) >= 4096 {
        "4K"
    } else if width * height > 3_000_000 {
        "2K"
    } else {
        "1K"
    }
}

/// A job's native input, said in public fields again.
fn read_back(model: &Model, input: &Map<String, Value>) -> Map<String, Value> {
    let mut read = Map::new();
    for (key, value) in input {
        let number = |name: &str| value[name].as_u64().unwrap();
        let (name, meant) = match key.as_str() {
            "prompt" => ("generation_prompt", value.clone()),
            "aspect_ratio" => ("generation_ratio", value.clone()),
            "image_size" => {
                let (width, height) = (number("width"), number("height"));
                if model.id().starts_with("bytedance/") {
                    read.insert("generation_resolution".into(), resolution(width, height).into());
                }
                ("generation_ratio", ratio(model, width, height).into())
            }
            "width" => {
                let height = input["height"].as_u64().unwrap();
                ("generation_ratio", ratio(model, value.as_u64().unwrap(), height).into())
            }
            "size" => ("generation_resolution", value.clone()),
            "num_outputs" | "num_images" => ("generation_output_number", value.clone()),
            "seed" => ("generation_seed", value.clone()),
            "num_inference_steps" | "steps" => ("generation_steps", value.clone()),
            "prompt_upsampling" | "enhance_prompt_mode" => ("generation_enhance_prompt", value.clone()),
            "enhance_prompt" if model.id().starts_with("bytedance/") => {
                let mode = if value == &json!(true) { "standard" } else { "fast" };
                ("generation_enhance_prompt", mode.into())
            }
            "enhance_prompt" if model.id().starts_with("bfl/") => ("generation_enhance_prompt", value.clone()),
            "cfg_scale" => ("generation_guidance", value.clone()),
            "negative_prompt" => ("generation_negative_prompt", value.clone()),
            "duration" => {
                let seconds = value.as_str().map(|text| text.trim_end_matches('s').parse().unwrap());
                ("generation_duration", seconds.unwrap_or_else(|| value.clone()))
            }
            "image_input" | "image_urls" => ("generation_input_file", value.clone()),
            "image" | "image_url" | "start_image" => ("generation_input_file", json!([value])),
            "output_format" => {
                let format = value.as_str().unwrap().replace("jpeg", "jpg");
                ("generation_output_format", format.into())
            }
            _ => continue,
        };
        read.insert(name.into(), meant);
    }
    read
}

/// What a provider does without being told.
fn is_implied(provider: Provider, name: &str, value: &Value) -> bool {
    match name {
        "generation_ratio" => provider == Provider::Cloudflare && value == "1:1",
        "generation_resolution" => value == "720p",
        "generation_input_file" => value == &json!([]),
        // Transcoded by us, joined by us.
        "generation_output_format" | "generation_output_number" => true,
        _ => false,
    }
}

fn check(model: &Model, provider: Provider, request: &Canonical) {
    let endpoint = Endpoint {
        provider,
        base_url: "http://127.0.0.1:1".into(),
        api_key: "k".into(),
        account_id: Some("a".into()),
        simulated: true,
    };
    let mut count = 0;
    for (job, sent) in submissions(model, provider, request, &endpoint).unwrap().iter().enumerate() {
        let body: Value = serde_json::from_slice(sent.body.as_ref().unwrap()).unwrap();
        let input = body.get("input").unwrap_or(&body).as_object().unwrap();
        let read = read_back(model, input);
        count += read.get("generation_output_number").map_or(1, |count| count.as_u64().unwrap());
        for (name, asked) in &request.fields {
            match (name.as_str(), read.get(name)) {
                ("generation_output_number" | "generation_output_format", Some(_)) => {}
                ("generation_seed", Some(seed)) => {
                    let expected = (asked.as_i64().unwrap() + i64::try_from(job).unwrap()) % 2_147_483_648;
                    assert_eq!(seed, expected, "{provider}");
                }
                (_, Some(meant)) => assert_eq!(meant, asked, "{provider} {name}"),
                (_, None) => assert!(is_implied(provider, name, asked), "{provider} does not hear {name}"),
            }
        }
        let unasked =
            read.keys().find(|name| !request.fields.contains_key(*name) && *name != "generation_output_number");
        assert_eq!(unasked, None, "{provider} hears what nobody said");
    }
    assert_eq!(count, u64::from(request.output_count), "{provider}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn every_eligible_provider_hears_what_was_asked((model, body) in requests()) {
        let request = canonical(model, Value::from(body).to_string().as_bytes()).unwrap();
        prop_assert!(!request.eligible.is_empty());
        for provider in &request.eligible {
            check(model, *provider, &request);
        }
    }

    #[test]
    fn a_canonical_request_is_its_own_canonical_form((model, body) in requests()) {
        let request = canonical(model, Value::from(body).to_string().as_bytes()).unwrap();
        let again = canonical(model, Value::from(request.fields.clone()).to_string().as_bytes()).unwrap();
        prop_assert_eq!(&again.fields, &request.fields);
        prop_assert_eq!(price(model, &again), price(model, &request));
    }

    #[test]
    fn any_request_costs_what_its_estimate_said((model, body) in requests()) {
        let request = canonical(model, Value::from(body).to_string().as_bytes()).unwrap();
        let mut query = vec![("count".to_owned(), request.output_count.to_string())];
        if let Some(duration) = request.fields.get("generation_duration") {
            query.push(("duration".to_owned(), duration.to_string()));
        }
        prop_assert_eq!(estimate(model, &query).unwrap().total, price(model, &request).unwrap());
    }

    #[test]
    fn no_body_makes_it_panic(bytes in vec(any::<u8>(), 0..200), text in "\\PC{0,80}") {
        for model in CATALOGUE.models() {
            prop_assert!(canonical(model, &bytes).is_err());
            let body = json!({"generation_prompt": text, "generation_ratio": text, text.clone(): [text]});
            let answer = canonical(model, body.to_string().as_bytes()).map_err(|rejection| rejection.error());
            prop_assert!(answer.is_err());
        }
    }

    #[test]
    fn a_wrong_value_of_any_type_is_refused_without_panic((model, body) in requests(), wrong in wrong_values()) {
        for name in body.keys() {
            let mut broken = body.clone();
            broken.insert(name.clone(), wrong.clone());
            let text = canonical_json(&Value::from(broken));
            let answer = canonical(model, text.as_bytes()).map(|request| request.fields.get(name).cloned());
            if let Ok(kept) = answer {
                let kept = kept.map(|kept| canonical_json(&kept));
                prop_assert_eq!(kept, Some(canonical_json(&wrong)), "never coerced");
            }
        }
    }
}

fn wrong_values() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1_000_000..1_000_000).prop_map(|n| Value::from(f64::from(n) / 1_000.0)),
        "\\PC{0,8}".prop_map(Value::from),
        Just(json!({"a": {}})),
        Just(json!(["x", 1, null])),
        Just(json!([[]])),
    ]
}
