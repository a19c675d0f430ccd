//! Failover never changes what a request means: for every model and any valid request, each eligible provider's jobs are
//! read back, by someone who knows only that provider's documentation, to what was asked for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "meaning/ask.rs"]
mod ask;
#[path = "meaning/hear.rs"]
mod hear;
#[path = "meaning/size.rs"]
mod size;

use std::{collections::BTreeMap, sync::LazyLock};

use ask::requests;
use hear::{OF_THE_IMAGE, hear};
use ledger_contract::{ErrorCode, Provider};
use proptest::{collection::vec, prelude::*};
use proxy_normalize::{Canonical, Catalogue, Endpoint, Model, canonical, canonical_json, estimate, price, submissions};
use serde_json::{Map, Value, json};

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::embedded().unwrap());

/// What a provider does without being told. `is_sent`: the customer named the field.
fn is_implied(model: &Model, provider: Provider, name: &str, value: &Value, is_sent: bool) -> bool {
    match name {
        "generation_ratio" => {
            provider == Provider::Cloudflare && value == "1:1" || model.id() == "lightricks/ltx-video"
        }
        "generation_resolution" => {
            let only = model.schema_json()[name].as_array().unwrap().len() == 1;
            only || (model.id() == "bytedance/seedance-1.5-pro" && provider == Provider::Replicate && value == "720p")
        }
        "generation_duration" => model.id() == "lightricks/ltx-video" && value == 4,
        "generation_input_file" | "generation_reference_tags" => value == &json!([]),
        // Transcoded by us, joined by us.
        "generation_output_format" | "generation_output_number" => true,
        // The default, which a provider without the field has anyway.
        "generation_moderation" => !is_sent || value == &json!(true),
        "generation_enhance_prompt" | "generation_steps" => !is_sent,
        _ => false,
    }
}

fn is_same(name: &str, asked: &Value, meant: &Value, request: &Canonical, job: i64) -> bool {
    match name {
        "generation_output_number" | "generation_output_format" => true,
        // Jobs of one fan-out count up, so that no two draw the same.
        "generation_seed" => meant.as_i64() == asked.as_i64().map(|seed| (seed + job) % 2_147_483_648),
        "generation_ratio" if meant == OF_THE_IMAGE => request.has_input_file(),
        _ => canonical_json(meant) == canonical_json(asked),
    }
}

fn check(model: &Model, provider: Provider, request: &Canonical, body: &Map<String, Value>) {
    let lent_keys = BTreeMap::from([(Provider::Openai, "lent".to_owned())]);
    let endpoint = Endpoint { account_id: Some("a".into()), lent_keys, ..Endpoint::official(provider, "k") };
    let mut count = 0;
    for (job, sent) in (0_i64..).zip(submissions(model, provider, request, &endpoint, None).unwrap()) {
        let heard = hear(model, provider, &sent);
        count += heard.get("generation_output_number").map_or(1, |count| count.as_u64().unwrap());
        for (name, asked) in &request.fields {
            let (id, is_sent) = (model.id(), body.contains_key(name));
            if let Some(meant) = heard.get(name) {
                let same = is_same(name, asked, meant, request, job);
                assert!(same, "{id} at {provider}: {name} {asked} is heard as {meant}");
            } else {
                let implied = is_implied(model, provider, name, asked, is_sent);
                assert!(implied, "{id}: {provider} does not hear {name} {asked}");
            }
        }
        // What is said without being asked is the same for every request of the model.
        let is_fact = |name: &str| model.schema_json().get(name).is_none() && !model.specific_schema().contains(&name);
        let unasked = heard.keys().find(|name| !request.fields.contains_key(*name) && !is_fact(name));
        assert_eq!(unasked, None, "{}: {provider} hears what nobody said", model.id());
    }
    assert_eq!(count, u64::from(request.output_count), "{} at {provider}", model.id());
}

/// The canonical request, unless the values are a combination that no provider serves.
fn served(model: &Model, body: &Map<String, Value>) -> Option<Canonical> {
    match canonical(model, Value::from(body.clone()).to_string().as_bytes()) {
        Ok(request) => Some(request),
        Err(rejection) => {
            let error = rejection.error();
            assert_eq!(error.code, ErrorCode::ParameterOutOfRange, "{}: {error:?}", model.id());
            None
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1024) })]

    #[test]
    fn every_eligible_provider_hears_what_was_asked((model, body) in requests()) {
        let Some(request) = served(model, &body) else { return Ok(()) };
        prop_assert!(!request.eligible.is_empty());
        for provider in &request.eligible {
            check(model, *provider, &request, &body);
        }
    }

    #[test]
    fn a_canonical_request_is_its_own_canonical_form((model, body) in requests()) {
        let Some(request) = served(model, &body) else { return Ok(()) };
        let again = canonical(model, Value::from(request.fields.clone()).to_string().as_bytes()).unwrap();
        prop_assert_eq!(&again.fields, &request.fields);
        prop_assert_eq!(price(model, &again), price(model, &request));
    }

    #[test]
    fn any_request_costs_what_its_estimate_said((model, body) in requests()) {
        let Some(request) = served(model, &body) else { return Ok(()) };
        let mut query = vec![("count".to_owned(), request.output_count.to_string())];
        for name in model.pricing_dimensions().into_iter().chain(["generation_duration"]) {
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            query.extend(match (name, request.fields.get(name)) {
                ("generation_input_file", _) if request.has_input_file() => Some(("input".into(), "image".into())),
                ("generation_input_file", _) | (_, None) => None,
                ("generation_generate_audio", Some(audio)) => Some(("audio".into(), audio.to_string())),
                (name, Some(value)) => Some((name.replace("generation_", ""), text(value))),
            });
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
