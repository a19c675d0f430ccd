//! What things cost, and that the estimate and the reservation cannot disagree.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ledger_contract::{Credits, ErrorCode, MicroUsd, Provider};
use proxy_normalize::{Catalogue, Estimate, Model, canonical, estimate, price, provider_cost};
use serde_json::{Value, json};

const PRICED_BY_EVERYTHING: &str = r#"
id = "test/video"
kind = "video"
price_by = ["generation_input_file", "generation_speed", "generation_resolution", "generation_generate_audio"]

[price]
text_slow_720p_audio = "0.1"
text_slow_720p_noaudio = "0.05"
text_slow_1080p_audio = "0.2"
text_slow_1080p_noaudio = "0.15"
text_fast_720p_audio = "0.3"
text_fast_720p_noaudio = "0.25"
text_fast_1080p_audio = "0.4"
text_fast_1080p_noaudio = "0.35"
image_slow_720p_audio = "0.5"
image_slow_720p_noaudio = "0.45"
image_slow_1080p_audio = "0.6"
image_slow_1080p_noaudio = "0.55"
image_fast_720p_audio = "0.7"
image_fast_720p_noaudio = "0.65"
image_fast_1080p_audio = "0.8"
image_fast_1080p_noaudio = "0.013"

[fields]
generation_prompt = {}
generation_output_format = { values = ["mp4"] }
generation_output_number = { max = 2 }
generation_input_file = { max_items = 1 }
generation_duration = { values = [6, 2.5, 10] }
generation_resolution = { values = ["720p", "1080p"] }
generation_generate_audio = {}
generation_speed = { type = "string", values = ["slow", "fast"] }

[[constraint]]
if = { generation_resolution = "1080p" }
then = { generation_duration = [6, 2.5] }

[[provider]]
id = "fal"
native_id = "fal-ai/x"
cost = { "720p" = "0.01", "1080p" = "0.0200005" }
cost_by = ["generation_resolution"]

[provider.fields]
generation_prompt = { to = "prompt" }
generation_input_file = { to = "image_url", write = "first" }
generation_duration = { to = "duration", write = "str" }
generation_resolution = { to = "resolution" }
generation_generate_audio = { to = "audio" }
generation_speed = { to = "speed" }
"#;

fn video() -> Catalogue {
    let text = PRICED_BY_EVERYTHING.replace("0.0200005", "0.020001");
    Catalogue::from_files(&[("video.toml".into(), text)]).unwrap()
}

fn ask(model: &Model, query: &str) -> Result<Estimate, (ErrorCode, Value)> {
    let pairs: Vec<_> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap())
        .collect();
    estimate(model, &pairs).map_err(|error| (error.code, Value::from(error.details.unwrap_or_default())))
}

#[test]
fn the_examples_of_the_contract() {
    let catalogue = Catalogue::embedded().unwrap();
    let pro = ask(catalogue.model("bfl/flux-1.1-pro").unwrap(), "").unwrap();
    assert_eq!(pro.to_json(Some(Credits(12_480)))["credit_balance_max_affordable"], 240);
    let schnell = ask(catalogue.model("bfl/flux-schnell").unwrap(), "count=5").unwrap();
    assert_eq!(
        Value::from(schnell.to_json(Some(Credits(10_000)))),
        json!({
            "model_identifier": "bfl/flux-schnell",
            "model_type": "image",
            "assets_count": 5,
            "cost_per_generation": 0.005,
            "cost_total_consumed": 0.025,
            "credit_balance": 10,
            "credit_balance_can_afford": true,
            "credit_balance_max_affordable": 2000,
        })
    );
    let unread = schnell.to_json(None);
    for field in ["credit_balance", "credit_balance_can_afford", "credit_balance_max_affordable"] {
        assert_eq!(unread[field], Value::Null);
    }
}

#[test]
fn a_video_says_its_rate_and_seconds() {
    let catalogue = Catalogue::embedded().unwrap();
    let veo = ask(catalogue.model("google/veo-2").unwrap(), "duration=8&resolution=9999p").unwrap();
    let data = veo.to_json(Some(Credits(9_999)));
    assert_eq!(data["cost_per_second"], json!(0.625));
    assert_eq!(data["duration_seconds"], json!(8));
    assert_eq!(data["cost_total_consumed"], json!(5));
    assert_eq!(data["credit_balance_max_affordable"], json!(1));
    assert!(!data.contains_key("resolution"), "not a pricing dimension, so ignored");
}

#[test]
fn counts_are_clamped_and_other_texts_refused() {
    let catalogue = Catalogue::embedded().unwrap();
    let model = catalogue.model("bfl/flux-schnell").unwrap();
    for (text, count) in [("0", 1), ("-3", 1), ("7", 7), ("101", 100), ("99999999999999999999999", 100), ("007", 7)] {
        assert_eq!(ask(model, &format!("count={text}")).unwrap().count, count, "{text}");
    }
    for text in ["", "x", "1.5", "+1", "-", "1e2", "１"] {
        let (code, details) = ask(model, &format!("count={text}")).expect_err(text);
        assert_eq!((code, details["field"].as_str()), (ErrorCode::InvalidInput, Some("count")));
    }
    assert_eq!(ask(model, "count=1&count=2").expect_err("twice").0, ErrorCode::InvalidInput);
    assert!(ask(model, "duration=5&audio=maybe&input=x&quality=y&z=1").is_ok(), "what does not apply is ignored");
}

#[test]
fn every_dimension_selects_the_price() {
    let catalogue = video();
    let model = catalogue.model("test/video").unwrap();
    for (query, unit, rate) in [
        ("", 300, 50),
        ("audio=true", 600, 100),
        ("resolution=1080p", 900, 150),
        ("speed=fast&input=image&audio=true&resolution=1080p", 4_800, 800),
        ("duration=2.5&speed=fast&input=image&resolution=1080p", 33, 13),
        ("duration=10", 500, 50),
    ] {
        let found = ask(model, query).unwrap();
        assert_eq!((found.unit, found.per_second), (Credits(unit), Some(Credits(rate))), "{query}");
        assert_eq!(found.to_json(None)["resolution"], if query.contains("1080p") { "1080p" } else { "720p" });
    }
    for (query, code, field) in [
        ("resolution=4k", ErrorCode::InvalidInput, "resolution"),
        ("speed=warp", ErrorCode::InvalidInput, "speed"),
        ("input=video", ErrorCode::InvalidInput, "input"),
        ("audio=1", ErrorCode::InvalidInput, "audio"),
        ("duration=x", ErrorCode::InvalidInput, "duration"),
        ("duration=7", ErrorCode::ParameterOutOfRange, "duration"),
        ("duration=10&resolution=1080p", ErrorCode::ParameterOutOfRange, "duration"),
    ] {
        let (found, details) = ask(model, query).expect_err(query);
        assert_eq!((found, details["field"].as_str()), (code, Some(field)), "{query}");
    }
}

#[test]
fn the_estimate_and_the_reservation_of_the_same_request_agree() {
    let catalogue = video();
    let model = catalogue.model("test/video").unwrap();
    for count in [1, 2] {
        for (duration, resolution) in [("6", "720p"), ("2.5", "720p"), ("10", "720p"), ("6", "1080p"), ("2.5", "1080p")]
        {
            for speed in ["slow", "fast"] {
                for audio in [true, false] {
                    for input in ["text", "image"] {
                        let query = format!(
                            "count={count}&duration={duration}&resolution={resolution}&speed={speed}&audio={audio}&input={input}"
                        );
                        let mut body = json!({
                            "generation_prompt": "x",
                            "generation_output_number": count,
                            "generation_duration": duration.parse::<f64>().unwrap(),
                            "generation_resolution": resolution,
                            "generation_speed": speed,
                            "generation_generate_audio": audio,
                        });
                        if input == "image" {
                            body["generation_input_file"] = json!(["https://example.com/a.png"]);
                        }
                        let request = canonical(model, body.to_string().as_bytes()).unwrap();
                        assert_eq!(price(model, &request), Ok(ask(model, &query).unwrap().total), "{query}");
                    }
                }
            }
        }
    }
}

#[test]
fn what_a_provider_bills_is_micro_dollars_of_its_own_tariff() {
    let catalogue = Catalogue::embedded().unwrap();
    let model = catalogue.model("bfl/flux-schnell").unwrap();
    let body = json!({"generation_prompt": "x", "generation_output_number": 3});
    let request = canonical(model, body.to_string().as_bytes()).unwrap();
    assert_eq!(price(model, &request), Ok(Credits(15)));
    assert_eq!(provider_cost(model, Provider::Cloudflare, &request), MicroUsd(1_890));
    assert_eq!(provider_cost(model, Provider::Fal, &request), MicroUsd(9_000));
    assert_eq!(provider_cost(model, Provider::Bfl, &request), MicroUsd(0), "does not offer it");

    let catalogue = video();
    let model = catalogue.model("test/video").unwrap();
    let body = json!({"generation_prompt": "x", "generation_duration": 2.5, "generation_resolution": "1080p"});
    let request = canonical(model, body.to_string().as_bytes()).unwrap();
    assert_eq!(provider_cost(model, Provider::Fal, &request), MicroUsd(50_003), "50,002.5 half-up");
}

#[test]
fn a_model_without_a_price_is_listed_and_cannot_be_generated() {
    let text = include_str!("reference.toml").replace("price = \"0.01\"", "");
    let catalogue = Catalogue::from_files(&[("a.toml".into(), text)]).unwrap();
    let model = catalogue.model("test/reference").unwrap();
    assert!(!model.is_priced());
    assert_eq!(model.pricing_json(), None);
    let request = canonical(model, br#"{"generation_prompt":"x"}"#).unwrap();
    let unpriced = price(model, &request).expect_err("no price");
    assert_eq!(unpriced.error(model).code, ErrorCode::ModelNotFound);
    assert_eq!(ask(model, "").expect_err("no price").0, ErrorCode::ModelNotFound);
}
