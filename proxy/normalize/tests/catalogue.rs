//! The embedded catalogue is what the contract says, and whatever is inconsistent is refused by file and field.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ledger_contract::Provider;
use proxy_normalize::{Catalogue, Model, library};
use serde_json::json;

const GOOD: &str = include_str!("reference.toml");

fn load(text: &str) -> Result<Catalogue, proxy_normalize::CatalogueError> {
    Catalogue::from_files(&[("lab/test.toml".to_owned(), text.to_owned())])
}

#[test]
fn the_embedded_catalogue_loads_in_public_order() {
    let catalogue = Catalogue::embedded().unwrap();
    let ids: Vec<_> = catalogue.models().map(Model::id).collect();
    assert_eq!(ids.len(), 42);
    assert_eq!(
        (ids[0], ids[23], ids[24], ids[41]),
        ("bfl/flux-1.1-pro", "stability/stable-diffusion-3.5-large", "bytedance/seedance-1-pro", "wan/2.6-t2v")
    );
    assert!(ids[..24].is_sorted() && ids[24..].is_sorted());
    for model in catalogue.models().filter(|model| model.kind() == ledger_contract::MediaKind::Image) {
        let mut formats: Vec<_> = model.schema_json()["generation_output_format"].as_array().unwrap().clone();
        formats.sort_by_key(ToString::to_string);
        assert_eq!(json!(formats), json!(["jpg", "png", "webp"]), "{}", model.id());
    }
}

#[test]
fn the_library_lists_a_model_as_the_contract_shows_it() {
    let catalogue = Catalogue::embedded().unwrap();
    let models = library::models_json(&catalogue);
    assert_eq!(models["models_total"], 42);
    let listed = |id: &str| {
        let all = models["models"].as_array().unwrap();
        all.iter().find(|model| model["model_identifier"] == id).unwrap().clone()
    };
    assert_eq!(
        listed("bfl/flux-schnell"),
        json!({
            "model_type": "image",
            "model_identifier": "bfl/flux-schnell",
            "model_pricing": 0.005,
            "model_pricing_dimensions": [],
            "model_supported_provider": ["replicate", "fal", "cloudflare"],
            "schema": {
                "generation_prompt": true,
                "generation_ratio": ["1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3", "5:4", "4:5", "21:9", "9:21"],
                "generation_output_format": ["jpg", "png", "webp"],
                "generation_output_number": 4,
                "generation_input_file": false,
            },
            "specific_schema": ["generation_seed", "generation_steps"],
        })
    );
    let veo = listed("google/veo-2");
    assert_eq!(veo["schema"]["generation_duration"], json!([5, 6, 7, 8]));
    assert_eq!(veo["schema"]["generation_resolution"], json!(["720p"]));
    assert_eq!(veo["schema"]["generation_input_file"], json!(true));
    assert_eq!(veo["model_pricing"], json!(0.625));
}

#[test]
fn the_library_lists_all_eight_providers() {
    let catalogue = Catalogue::embedded().unwrap();
    let providers = library::providers_json(&catalogue, |provider| provider != Provider::Fal);
    assert_eq!(providers["providers_total"], 8);
    let fal = &providers["providers"][1];
    assert_eq!((fal["provider_id"].as_str(), fal["provider_status"].as_str()), (Some("fal"), Some("disabled")));
    assert_eq!(
        fal["babysea_implementation"],
        json!({
            "delivery_method": "webhook_with_polling",
            "cancel_method": "queue_cancel_api",
            "webhook_verification": "ed25519",
            "error_mapping": "bse_error_codes",
            "cost_tracking": "per_generation_usd",
            "schema_conversion": "unified_to_native",
            "failover_strategy": "sequential_provider_chain",
            "health_monitoring": "circuit_breaker",
            "supported_media_types": ["image", "video"],
            "supported_models_total": 38,
        })
    );
}

#[test]
fn an_override_replaces_a_model_and_adds_another() {
    let text = GOOD.replace("test/reference", "bfl/flux-schnell").replace("0.01", "0.777");
    let files = [("a.toml".to_owned(), text), ("notes.md".to_owned(), "not toml".to_owned())];
    let catalogue = Catalogue::embedded().unwrap().with_overrides(&files).unwrap();
    assert_eq!(catalogue.models().count(), 42);
    assert_eq!(catalogue.model("bfl/flux-schnell").unwrap().pricing_json(), Some(json!(0.777)));
    let added = catalogue.with_overrides(&[("b.toml".to_owned(), GOOD.to_owned())]).unwrap();
    assert_eq!(added.models().count(), 43);
}

/// What stands there, what stands there instead, and what the error names.
const MISTAKES: &[(&str, &str, &str)] = &[
    (r#"id = "test/reference""#, r#"id = "reference""#, "id"),
    (r#"price = "0.01""#, r#"price = "0.0001""#, "price"),
    (r#"price = "0.01""#, "price = 0.01", "price"),
    (r#"price = "0.01""#, "price = \"1\"\nprice_by = [\"generation_ratio\"]", "price"),
    (r#"price = "0.01""#, "price_by = [\"generation_ratio\"]\nprice = { \"1:1\" = \"1\" }", "16:9"),
    (r#"price = "0.01""#, "price = { x = \"1\" }", "price_by"),
    ("max_length = 2000", "max_length = 5001", "fields.generation_prompt: max_length"),
    ("max_length = 2000", "max_lenght = 2000", "max_lenght"),
    (r#"values = ["1:1", "16:9"]"#, "values = []", "fields.generation_ratio: values"),
    (r#"values = ["1:1", "16:9"]"#, r#"values = ["1:1", "1:1"]"#, "fields.generation_ratio: values"),
    (r#"values = ["1:1", "16:9"]"#, r#"values = ["1:1"], max = 3"#, "fields.generation_ratio: max"),
    (r#"values = ["png", "jpg"] }"#, r#"values = ["png", "gif"] }"#, "fields.generation_output_format: values"),
    ("generation_output_number = {}", "", "fields.generation_output_number"),
    ("generation_output_number = {}", "generation_output_number = { max = 101 }", "generation_output_number: max"),
    (
        "generation_output_number = {}",
        "generation_output_number = {}\ngeneration_duration = { values = [5] }",
        "generation_duration",
    ),
    (
        "generation_output_number = {}",
        "generation_output_number = {}\ngeneration_width = { type = \"integer\", min = 1, max = 2 }",
        "generation_width",
    ),
    (
        "generation_output_number = {}",
        "generation_output_number = {}\ngenerationSeed = { type = \"boolean\" }",
        "generationSeed",
    ),
    (
        "generation_output_number = {}",
        "generation_output_number = {}\ngeneration_seed = { min = 1, max = 2 }",
        "generation_seed: type",
    ),
    (
        "generation_output_number = {}",
        "generation_output_number = {}\ngeneration_seed = { type = \"boolean\" }",
        "fields.generation_seed",
    ),
    ("max_items = 1, default = []", "max_items = 0", "generation_input_file: max_items"),
    (r#"type = "boolean", default = true"#, r#"type = "boolean", default = 1"#, "generation_moderation: default"),
    (r#"id = "replicate""#, r#"id = "openai""#, "provider openai: path"),
    (r#"id = "replicate""#, "id = \"runway\"\npath = \"x\"", "provider runway: path"),
    (r#"id = "replicate""#, "id = \"byteplus\"\npath = \"/images/generations\"", "provider byteplus: synchronous"),
    (r#"id = "replicate""#, "id = \"replicate\"\npath = \"/x\"", "provider replicate: path"),
    (r#"id = "replicate""#, "id = \"replicate\"\nregions = [\"eu\"]", "provider replicate: regions"),
    (r#"native_id = "a/model""#, r#"native_id = { "1:1" = "a" }"#, "provider replicate: native_id"),
    (
        r#"native_id = "a/model""#,
        "native_id_by = \"generation_ratio\"\nnative_id = { \"1:1\" = \"a\" }",
        "provider replicate: native_id: 16:9",
    ),
    (
        r#"generation_moderation = { to = "safety_enabled" }"#,
        "generation_moderation = {}",
        "fields.generation_moderation: is never said",
    ),
    (
        r#"generation_input_file = { to = "assets" }"#,
        r#"generation_input_file = { to = "a", write = "files" }"#,
        "form",
    ),
    (r#"{ to = "safety_enabled" }"#, r#"{ to = "x", write = "zip" }"#, "fields.generation_moderation: write"),
    (r#"{ to = "safety_enabled" }"#, r#"{ to = "x", item = "$" }"#, "fields.generation_moderation: item"),
    (
        r#"{ to = "safety_enabled" }"#,
        r#"{ to = "x", unless = { generation_ratio = "9:16" } }"#,
        "fields.generation_moderation: unless",
    ),
    (
        r#"type = "boolean", default = true"#,
        r#"type = "url", requires = "generation_nothing""#,
        "generation_moderation: requires",
    ),
    ("price = \"0.01\"", "price = \"0.01\"\nattempt_ms = 5", "attempt_ms"),
    ("price = \"0.01\"", "price = \"0.01\"\npoll_ms = 5", "poll_ms"),
    (r#"id = "replicate""#, r#"id = "nobody""#, "line 15"),
    (r#"id = "replicate""#, r#"id = "fal""#, "provider fal"),
    (r#"id = "replicate""#, r#"id = "cloudflare""#, "provider cloudflare: synchronous"),
    (r#"native_id = "a/model""#, r#"native_id = """#, "provider replicate: native_id"),
    (r#"native_id = "a/model""#, "native_id = \"a\"\ncost = \"free\"", "provider replicate: cost"),
    (
        r#"native_id = "a/model""#,
        "native_id = \"a\"\nfixed = { prompt = \"x\" }",
        "provider replicate: fields.generation_prompt",
    ),
    (r#"generation_prompt = { to = "prompt" }"#, "", "provider replicate: fields.generation_prompt"),
    (r#"{ to = "aspect_ratio" }"#, r#"{ to = "prompt" }"#, "provider replicate: fields.generation_ratio"),
    (r#"{ to = "aspect_ratio" }"#, r#"{ to = "x", values = ["9:16"] }"#, "fields.generation_ratio: values"),
    (r#"{ to = "aspect_ratio" }"#, r#"{ to = "x", sizes = "none" }"#, "fields.generation_ratio: sizes"),
    (r#"{ to = "aspect_ratio" }"#, r#"{ to = "x", write = "wh_object" }"#, "fields.generation_ratio: write"),
    (r#"{ to = "aspect_ratio" }"#, r#"{ to = ["w", "h"] }"#, "fields.generation_ratio: to"),
    (r#"{ to = "aspect_ratio" }"#, r#"{ to = "x", max_items = 1 }"#, "fields.generation_ratio: max_items"),
    (
        r#"{ to = "safety_enabled" }"#,
        r#"{ to = "x", values = { true = 1, false = 1 } }"#,
        "fields.generation_moderation: values",
    ),
    (r#"{ to = "safety_enabled" }"#, r#"{ to = "x", write = "str" }"#, "fields.generation_moderation: write"),
    (
        "generation_moderation = { to = \"safety_enabled\" }",
        "generation_unknown = { to = \"x\" }",
        "generation_unknown",
    ),
    (
        r#"price = "0.01""#,
        "constraint = [{ if = { generation_ratio = \"9:16\" }, then = { generation_moderation = [true] } }]",
        "constraint",
    ),
];

#[test]
fn every_inconsistency_is_refused_by_file_and_field() {
    for (from, to, named) in MISTAKES {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD, "{from}");
        let error = load(&text).expect_err(to);
        assert_eq!(error.file, "lab/test.toml");
        assert!(error.to_string().contains(named), "{to}\n  says: {error}\n  not: {named}");
    }
}

#[test]
fn defaults_that_nobody_serves_together_are_refused() {
    let text = GOOD
        .replacen(r#"{ to = "aspect_ratio" }"#, r#"{ to = "aspect_ratio", values = ["16:9"] }"#, 1)
        .replacen(r#"values = { true = "enabled", false = "disabled" } }"#, r#"values = { false = "disabled" } }"#, 1);
    let error = load(&text).expect_err("refused");
    assert!(error.problem.contains("defaults"), "{error}");
    assert!(error.field.contains("generation_ratio") && error.field.contains("generation_moderation"), "{error}");
}

#[test]
fn a_value_that_nobody_supports_is_refused() {
    let text = GOOD.replace(
        r#"generation_ratio = { to = "aspect" }"#,
        r#"generation_ratio = { to = "aspect", values = ["1:1"] }"#,
    );
    assert!(load(&text).is_ok(), "one provider is enough");
    let text = text.replace(r#"{ to = "aspect_ratio" }"#, r#"{ to = "aspect_ratio", values = ["1:1"] }"#);
    let error = load(&text).expect_err("refused");
    assert_eq!(error.field, "fields.generation_ratio");
    assert!(error.problem.contains("16:9"), "{error}");
}

#[test]
fn a_model_said_twice_is_refused() {
    let files = [("a.toml".to_owned(), GOOD.to_owned()), ("b.toml".to_owned(), GOOD.to_owned())];
    let error = Catalogue::from_files(&files).expect_err("refused");
    assert_eq!((error.file.as_str(), error.field.as_str()), ("b.toml", "id"));
}
