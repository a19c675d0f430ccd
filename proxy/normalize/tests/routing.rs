//! Who may serve a request: capabilities, explicit orders, and combinations that nobody serves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ledger_contract::{ErrorCode, Provider, PublicError};
use proxy_normalize::{Canonical, Catalogue, Model, OrderRequest, canonical};
use serde_json::{Value, json};

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

#[test]
fn only_providers_that_serve_every_value_are_eligible() {
    use Provider::{Cloudflare, Fal, Replicate};
    let catalogue = Catalogue::embedded().unwrap();
    let model = catalogue.model("bfl/flux-schnell").unwrap();
    for (body, expected) in [
        (json!({}), vec![Replicate, Fal, Cloudflare]),
        (json!({"generation_ratio": "16:9"}), vec![Replicate, Fal]),
        (json!({"generation_seed": 7}), vec![Replicate, Fal]),
        (json!({"generation_steps": 2}), vec![Replicate, Fal, Cloudflare]),
        // Neither the format nor the count is a capability.
        (json!({"generation_output_format": "webp"}), vec![Replicate, Fal, Cloudflare]),
        (json!({"generation_output_number": 4}), vec![Replicate, Fal, Cloudflare]),
        (json!({"generation_prompt": "x".repeat(2048)}), vec![Replicate, Fal, Cloudflare]),
        (json!({"generation_prompt": "x".repeat(2049)}), vec![Replicate, Fal]),
    ] {
        let mut whole = json!({"generation_prompt": "x"});
        whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        let request = normalise(model, &whole).unwrap();
        assert_eq!((request.order, request.eligible), (OrderRequest::Fastest, expected));
    }
}

#[test]
fn an_explicit_order_is_exact() {
    use Provider::{Cloudflare, Fal, Replicate};
    let catalogue = Catalogue::embedded().unwrap();
    let model = catalogue.model("bfl/flux-schnell").unwrap();
    let with = |order: &str| normalise(model, &json!({"generation_prompt": "x", "generation_provider_order": order}));
    for (text, expected) in [
        ("fal", vec![Fal]),
        ("replicate, fal", vec![Replicate, Fal]),
        (" cloudflare,replicate ,  fal ", vec![Cloudflare, Replicate, Fal]),
    ] {
        let request = with(text).unwrap();
        assert_eq!((request.order, request.eligible), (OrderRequest::Explicit(expected.clone()), expected));
    }
    assert_eq!(with("fastest").unwrap().order, OrderRequest::Fastest);
    for text in
        ["", " ", ",", "fal,", "fal,fal", "fal replicate", "bfl", "nobody", "fastest,fal", "Fal", "fal;replicate"]
    {
        let error = with(text).expect_err(text);
        assert_eq!(error.code, ErrorCode::UnsupportedProviderOrder, "{text}");
        assert_eq!(
            Value::from(error.details.unwrap()),
            json!({"field": "generation_provider_order", "supported": ["replicate", "fal", "cloudflare"]})
        );
    }
}

#[test]
fn naming_a_provider_that_cannot_serve_the_request_says_what_it_lacks() {
    let catalogue = Catalogue::embedded().unwrap();
    let model = catalogue.model("bfl/flux-schnell").unwrap();
    let body = json!({
        "generation_prompt": "x",
        "generation_ratio": "16:9",
        "generation_seed": 1,
        "generation_provider_order": "fal, cloudflare",
    });
    let error = normalise(model, &body).expect_err("refused");
    assert_eq!(error.code, ErrorCode::UnsupportedProviderOrder);
    assert_eq!(
        Value::from(error.details.unwrap()),
        json!({
            "field": "generation_provider_order",
            "provider": "cloudflare",
            "unsupported": ["generation_ratio", "generation_seed"],
        })
    );
}

#[test]
fn a_combination_that_nobody_serves_is_2008() {
    let text = include_str!("reference.toml")
        .replacen(
            r#"generation_ratio = { to = "aspect_ratio" }"#,
            r#"generation_ratio = { to = "aspect_ratio", values = ["1:1"] }"#,
            1,
        )
        .replacen(
            r#"generation_moderation = { to = "moderation", values = { true = "enabled", false = "disabled" } }"#,
            "generation_moderation = { values = [true] }",
            1,
        );
    let catalogue = Catalogue::from_files(&[("reference.toml".into(), text)]).unwrap();
    let model = catalogue.model("test/reference").unwrap();
    let body = json!({
        "generation_prompt": "x",
        "generation_ratio": "16:9",
        "generation_moderation": false,
        "generation_provider_order": "fal",
    });
    let (code, found) = issues(model, &body);
    assert_eq!(code, ErrorCode::ParameterOutOfRange);
    assert_eq!(
        found.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>(),
        ["generation_ratio", "generation_moderation"]
    );
}
