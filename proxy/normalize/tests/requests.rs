//! What a request body becomes: the reference cases, strictness, defaults, provider order, eligibility.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ledger_contract::{ErrorCode, Provider, PublicError};
use proxy_normalize::{Canonical, Catalogue, Endpoint, Model, canonical, submissions};
use serde_json::{Value, json};

fn reference() -> Catalogue {
    Catalogue::from_files(&[("reference.toml".into(), include_str!("reference.toml").into())]).unwrap()
}

fn normalise(model: &Model, body: &Value) -> Result<Canonical, PublicError> {
    canonical(model, body.to_string().as_bytes()).map_err(|rejection| rejection.error())
}

/// The code, and the (field, code) of each issue.
fn issues(model: &Model, body: &Value) -> (ErrorCode, Vec<(String, String)>) {
    let error = normalise(model, body).expect_err("refused");
    let details = error.details.unwrap();
    let issues = details["issues"].as_array().unwrap();
    assert_eq!(details["field"], issues[0]["field"]);
    let text = |issue: &Value, key: &str| issue[key].as_str().unwrap().to_owned();
    assert!(issues.iter().all(|issue| !text(issue, "message").is_empty()));
    (error.code, issues.iter().map(|issue| (text(issue, "field"), text(issue, "code"))).collect())
}

fn one(field: &str, code: &str) -> Vec<(String, String)> {
    vec![(field.to_owned(), code.to_owned())]
}

fn native(model: &Model, provider: Provider, request: &Canonical) -> Value {
    let endpoint = Endpoint::official(provider, "k");
    let mut requests = submissions(model, provider, request, &endpoint, None).unwrap();
    assert_eq!(requests.len(), 1);
    serde_json::from_slice(&requests[0].encoded().unwrap().bytes).unwrap()
}

#[test]
fn reference_case_a_prompt_alone_gets_every_default() {
    let catalogue = reference();
    let request =
        normalise(catalogue.model("test/reference").unwrap(), &json!({"generation_prompt": "a cat"})).unwrap();
    assert_eq!(
        Value::from(request.fields),
        json!({
            "generation_prompt": "a cat",
            "generation_ratio": "1:1",
            "generation_output_format": "png",
            "generation_output_number": 1,
            "generation_input_file": [],
            "generation_moderation": true,
        })
    );
}

#[test]
fn reference_cases_both_providers_hear_the_same_in_their_own_words() {
    let catalogue = reference();
    let model = catalogue.model("test/reference").unwrap();
    let body = json!({"generation_prompt": "a cat", "generation_ratio": "16:9", "generation_output_format": "jpg"});
    let request = normalise(model, &body).unwrap();
    assert_eq!(
        native(model, Provider::Replicate, &request),
        json!({"input": {"prompt": "a cat", "aspect_ratio": "16:9", "format": "jpg", "safety_enabled": true}})
    );
    assert_eq!(
        native(model, Provider::Fal, &request),
        json!({"text": "a cat", "aspect": "16:9", "output_format": "jpeg", "moderation": "enabled"})
    );
}

#[test]
fn reference_cases_that_are_refused() {
    let catalogue = reference();
    let model = catalogue.model("test/reference").unwrap();
    for (field, value, code) in [
        ("safety_enabled", json!(true), "unknown_field"),
        ("generation_input_file", json!(["not-a-url"]), "invalid_type"),
        ("generation_output_format", json!("webp"), "unsupported_value"),
    ] {
        let body = json!({"generation_prompt": "a cat", field: value});
        assert_eq!(issues(model, &body), (ErrorCode::InvalidInput, one(field, code)));
    }
}

#[test]
fn normalising_twice_gives_the_same_request() {
    let catalogue = Catalogue::embedded().unwrap();
    for model in catalogue.models() {
        let mut body = json!({"generation_prompt": "a cat"});
        if let Some(durations) = model.schema_json().get("generation_duration") {
            body["generation_duration"] = durations[0].clone();
        }
        if ["wan/2.5-i2v", "wan/2.6-i2v", "runway/gen-4-turbo", "runway/gen-4-image-turbo"].contains(&model.id()) {
            body["generation_input_file"] = json!(["https://example.com/a.png"]);
        }
        let once = normalise(model, &body).unwrap();
        let twice = normalise(model, &Value::from(once.fields.clone())).unwrap();
        assert_eq!(twice.fields, once.fields, "{}", model.id());
        assert_eq!(Canonical::from_record(model, &once.fields).fields, once.fields);
    }
}

#[test]
fn nothing_is_coerced_and_every_problem_is_reported() {
    let catalogue = Catalogue::embedded().unwrap();
    let model = catalogue.model("bfl/flux-schnell").unwrap();
    let body = json!({
        "generation_ratio": 1,
        "generation_output_number": "1",
        "generation_steps": 2.5,
        "generation_seed": null,
        "generation_webhook_url": "https://example.com",
        "generation_provider_order": ["fal"],
    });
    let (code, found) = issues(model, &body);
    assert_eq!(code, ErrorCode::InvalidInput);
    let expected = [
        ("generation_prompt", "missing_required"),
        ("generation_ratio", "invalid_type"),
        ("generation_output_number", "invalid_type"),
        ("generation_seed", "invalid_type"),
        ("generation_steps", "invalid_type"),
        ("generation_provider_order", "invalid_type"),
        ("generation_webhook_url", "unknown_field"),
    ];
    assert_eq!(found, expected.map(|(field, code)| (field.to_owned(), code.to_owned())));
}

#[test]
fn values_out_of_range_are_2008_and_any_2001_beside_them_wins() {
    let catalogue = Catalogue::embedded().unwrap();
    let model = catalogue.model("bfl/flux-schnell").unwrap();
    for (field, value, code) in [
        ("generation_prompt", json!(""), "min_length"),
        ("generation_prompt", json!("ü".repeat(5001)), "max_length"),
        ("generation_output_number", json!(0), "min_value"),
        ("generation_output_number", json!(5), "max_value"),
        ("generation_seed", json!(1e300), "max_value"),
        ("generation_seed", json!(u64::MAX), "max_value"),
        ("generation_seed", json!(-1), "min_value"),
    ] {
        let mut body = json!({"generation_prompt": "a cat"});
        body[field] = value;
        assert_eq!(issues(model, &body), (ErrorCode::ParameterOutOfRange, one(field, code)));
        body["extra"] = json!(1);
        assert_eq!(issues(model, &body).0, ErrorCode::InvalidInput);
    }
    let full = json!({"generation_prompt": "ü".repeat(5000)});
    assert!(normalise(model, &full).is_ok(), "characters, not bytes");
}

#[test]
fn a_whole_number_is_an_integer_however_it_is_written() {
    let catalogue = Catalogue::embedded().unwrap();
    let model = catalogue.model("bfl/flux-schnell").unwrap();
    for steps in ["2", "2.0", "2e0", "20e-1"] {
        let body = format!(r#"{{"generation_prompt":"x","generation_steps":{steps}}}"#);
        let request = canonical(model, body.as_bytes()).unwrap();
        assert_eq!(request.fields["generation_steps"].to_string(), "2", "{steps}");
    }
}

#[test]
fn bodies_that_are_not_one_object_are_2001() {
    let catalogue = Catalogue::embedded().unwrap();
    let model = catalogue.model("bfl/flux-schnell").unwrap();
    let deep = format!(r#"{{"generation_prompt":{}1{}}}"#, "[".repeat(60_000), "]".repeat(40_000));
    for body in [
        "",
        "null",
        "[]",
        "\"x\"",
        "{",
        r#"{"generation_prompt":"x"} trailing"#,
        r#"{"generation_prompt":"x","generation_prompt":"y"}"#,
        r#"{"generation_prompt":"x","generation_seed":1e999}"#,
        r#"{"generation_prompt":"\ud800"}"#,
        &deep,
    ] {
        let error = canonical(model, body.as_bytes()).expect_err(body).error();
        assert_eq!(error.code, ErrorCode::InvalidInput, "{body:.40}");
        assert!(!error.retryable);
    }
    assert!(canonical(model, b"{\"generation_prompt\":\"\xff\"}").is_err());
}

#[test]
fn a_nul_in_any_string_is_2001() {
    let catalogue = Catalogue::embedded().unwrap();
    let kling = catalogue.model("kling/v1.5-pro").unwrap();
    for (field, value) in [
        ("generation_prompt", json!("a\0b")),
        ("generation_negative_prompt", json!("\0")),
        ("generation_input_file", json!(["https://example.com/\0"])),
        ("generation_provider_order", json!("fal\0")),
    ] {
        let mut body = json!({"generation_prompt": "a cat", "generation_duration": 5});
        body[field] = value;
        assert_eq!(issues(kling, &body), (ErrorCode::InvalidInput, one(field, "pattern_mismatch")));
    }
}

#[test]
fn an_answer_never_repeats_values_and_stays_small() {
    let catalogue = Catalogue::embedded().unwrap();
    let model = catalogue.model("bfl/flux-schnell").unwrap();
    let mut body = json!({"generation_prompt": "the-secret-prompt", "generation_ratio": "the-secret-prompt"});
    for index in 0..5_000 {
        body[format!("x{index}")] = json!("the-secret-prompt");
    }
    body["y".repeat(20_000)] = json!(1);
    let error = serde_json::to_string(&normalise(model, &body).expect_err("refused")).unwrap();
    assert!(!error.contains("the-secret-prompt"));
    assert!(error.len() < 20_000, "{}", error.len());
}

#[test]
fn a_video_needs_one_of_its_durations() {
    let catalogue = Catalogue::embedded().unwrap();
    let veo = catalogue.model("google/veo-2").unwrap();
    let with = |duration: Value| json!({"generation_prompt": "x", "generation_duration": duration});
    let field = "generation_duration";
    assert_eq!(
        issues(veo, &json!({"generation_prompt": "x"})),
        (ErrorCode::InvalidInput, one(field, "missing_required"))
    );
    assert_eq!(issues(veo, &with(json!("5"))), (ErrorCode::InvalidInput, one(field, "invalid_type")));
    assert_eq!(issues(veo, &with(json!(4))), (ErrorCode::ParameterOutOfRange, one(field, "unsupported_value")));
    assert_eq!(normalise(veo, &with(json!(5.0))).unwrap().fields[field].to_string(), "5");
}

#[test]
fn explicit_falsehoods_are_kept() {
    let catalogue = reference();
    let model = catalogue.model("test/reference").unwrap();
    let body = json!({"generation_prompt": "x", "generation_moderation": false, "generation_input_file": []});
    let request = normalise(model, &body).unwrap();
    assert_eq!(request.fields["generation_moderation"], json!(false));
    assert_eq!(request.fields["generation_input_file"], json!([]));
    assert!(!request.has_input_file());
    let files = json!({"generation_prompt": "x", "generation_input_file": ["https://example.com/a.png"]});
    let request = normalise(model, &files).unwrap();
    assert_eq!(request.input_files()[0].url, "https://example.com/a.png");
    assert_eq!(native(model, Provider::Fal, &request)["assets"], json!(["https://example.com/a.png"]));
}
