//! The exact requests that reach each provider.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ledger_contract::Provider;
use proxy_normalize::{Canonical, Catalogue, Endpoint, Method, ProviderRequest, SubmitError, canonical, submissions};
use serde_json::{Value, json};

const IMAGE: &str = "https://example.com/a.png";

fn endpoint(provider: Provider) -> Endpoint {
    Endpoint { account_id: Some("acc".into()), ..Endpoint::official(provider, "secret") }
}

fn submit(model: &str, provider: Provider, body: &Value) -> Vec<ProviderRequest> {
    let catalogue = Catalogue::embedded().unwrap();
    let model = catalogue.model(model).unwrap();
    let mut whole = json!({"generation_prompt": "a cat"});
    whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    let request = canonical(model, whole.to_string().as_bytes()).unwrap();
    submissions(model, provider, &request, &endpoint(provider), None).unwrap()
}

fn body(request: &ProviderRequest) -> Value {
    serde_json::from_str(&text(request)).unwrap()
}

fn text(request: &ProviderRequest) -> String {
    let encoded = request.clone().encoded().unwrap();
    assert_eq!(encoded.content_type, "application/json");
    String::from_utf8(encoded.bytes).unwrap()
}

#[test]
fn replicate_gets_an_input_at_the_models_own_path() {
    let requests =
        submit("bfl/flux-schnell", Provider::Replicate, &json!({"generation_output_number": 2, "generation_seed": 7}));
    let [request] = &requests[..] else { panic!("one job") };
    assert_eq!(request.method, Method::Post);
    assert_eq!(request.url, "https://api.replicate.com/v1/models/black-forest-labs/flux-schnell/predictions");
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(request.headers, [header("authorization", "Bearer secret")]);
    assert_eq!(
        text(request),
        r#"{"input":{"prompt":"a cat","aspect_ratio":"1:1","output_format":"jpg","num_outputs":2,"seed":7,"num_inference_steps":4,"go_fast":true,"megapixels":"1","output_quality":80}}"#
    );
}

#[test]
fn replicate_runs_community_models_by_version() {
    let toml = include_str!("reference.toml").replace("a/model", "a/model:0123456789abcdef");
    let catalogue = Catalogue::from_files(&[("a.toml".into(), toml)]).unwrap();
    let model = catalogue.model("test/reference").unwrap();
    let request = canonical(model, br#"{"generation_prompt":"x"}"#).unwrap();
    let requests = submissions(model, Provider::Replicate, &request, &endpoint(Provider::Replicate), None).unwrap();
    assert_eq!(requests[0].url, "https://api.replicate.com/v1/predictions");
    assert_eq!(body(&requests[0])["version"], "a/model:0123456789abcdef");
}

#[test]
fn fal_gets_the_bare_input_and_pixels() {
    let requests = submit(
        "bfl/flux-schnell",
        Provider::Fal,
        &json!({"generation_ratio": "21:9", "generation_output_format": "jpg"}),
    );
    let [request] = &requests[..] else { panic!("one job") };
    assert_eq!(request.url, "https://queue.fal.run/fal-ai/flux/schnell");
    assert_eq!(request.headers[0], ("authorization".to_owned(), "Key secret".to_owned()));
    assert_eq!(
        text(request),
        r#"{"prompt":"a cat","image_size":{"width":1408,"height":608},"output_format":"jpeg","num_images":1,"num_inference_steps":4,"enable_safety_checker":true}"#
    );
}

#[test]
fn bfl_gets_width_and_height_and_one_job_per_image() {
    let requests = submit(
        "bfl/flux-1.1-pro",
        Provider::Bfl,
        &json!({"generation_ratio": "9:16", "generation_output_number": 3, "generation_seed": 2_147_483_646}),
    );
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[0].url, "https://api.bfl.ai/v1/flux-pro-1.1");
    assert_eq!(requests[0].headers[0], ("x-key".to_owned(), "secret".to_owned()));
    assert_eq!(
        text(&requests[0]),
        r#"{"prompt":"a cat","width":768,"height":1344,"output_format":"jpeg","prompt_upsampling":false,"seed":2147483646,"safety_tolerance":2}"#
    );
    let seeds: Vec<_> = requests.iter().map(|request| body(request)["seed"].clone()).collect();
    assert_eq!(seeds, [json!(2_147_483_646_i64), json!(2_147_483_647_i64), json!(0)], "no two jobs draw the same");
}

#[test]
fn cloudflare_gets_prompt_and_steps_and_one_job_per_image() {
    let requests = submit("bfl/flux-schnell", Provider::Cloudflare, &json!({"generation_output_number": 4}));
    assert_eq!(requests.len(), 4);
    assert_eq!(
        requests[0].url,
        "https://api.cloudflare.com/client/v4/accounts/acc/ai/run/@cf/black-forest-labs/flux-1-schnell"
    );
    for request in &requests {
        assert_eq!(text(request), r#"{"prompt":"a cat","steps":4}"#);
    }
}

#[test]
fn cloudflare_without_an_account_is_our_mistake() {
    let catalogue = Catalogue::embedded().unwrap();
    let model = catalogue.model("bfl/flux-schnell").unwrap();
    let request = canonical(model, br#"{"generation_prompt":"x"}"#).unwrap();
    let endpoint = Endpoint { account_id: None, ..endpoint(Provider::Cloudflare) };
    let missing = submissions(model, Provider::Cloudflare, &request, &endpoint, None);
    assert_eq!(missing, Err(SubmitError::AccountMissing(Provider::Cloudflare)));
    let never = submissions(model, Provider::Runway, &request, &endpoint, None);
    assert!(matches!(never, Err(SubmitError::NotOffered { .. })));
}

#[test]
fn a_format_that_a_provider_lacks_is_made_from_one_that_it_has() {
    let asked = |provider, format: &str| {
        let requests = submit("bfl/flux-schnell", provider, &json!({"generation_output_format": format}));
        let body = body(&requests[0]);
        body.get("output_format").or_else(|| body["input"].get("output_format")).cloned()
    };
    assert_eq!(asked(Provider::Fal, "webp"), Some(json!("png")), "lossless, to be transcoded");
    assert_eq!(asked(Provider::Replicate, "webp"), Some(json!("webp")));
    assert_eq!(asked(Provider::Cloudflare, "webp"), None, "makes JPEG whatever is asked");
}

#[test]
fn seedream_joins_resolution_and_ratio_and_edits_input_files() {
    let asked = json!({
        "generation_ratio": "16:9",
        "generation_resolution": "4K",
        "generation_enhance_prompt": "fast",
        "generation_output_number": 6,
        "generation_input_file": [IMAGE],
    });
    let requests = submit("bytedance/seedream-4", Provider::Fal, &asked);
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].url, "https://queue.fal.run/fal-ai/bytedance/seedream/v4/edit");
    assert_eq!(
        body(&requests[0]),
        json!({
            "prompt": "a cat",
            "image_size": {"width": 4096, "height": 2304},
            "num_images": 6,
            "image_urls": [IMAGE],
            "enhance_prompt_mode": "fast",
            "max_images": 1,
            "enable_safety_checker": true,
        })
    );
    let requests = submit("bytedance/seedream-4", Provider::Replicate, &asked);
    assert_eq!(requests.len(), 6);
    assert_eq!(
        body(&requests[5]),
        json!({"input": {
            "prompt": "a cat",
            "aspect_ratio": "16:9",
            "size": "4K",
            "image_input": [IMAGE],
            "enhance_prompt": false,
            "sequential_image_generation": "disabled",
            "max_images": 1,
        }})
    );
}

#[test]
fn nano_banana_without_input_files_uses_the_text_endpoint() {
    let requests = submit("google/nano-banana", Provider::Fal, &json!({"generation_input_file": []}));
    assert_eq!(requests[0].url, "https://queue.fal.run/fal-ai/nano-banana");
    assert_eq!(
        body(&requests[0]),
        json!({"prompt": "a cat", "aspect_ratio": "1:1", "output_format": "png", "num_images": 1, "safety_tolerance": "4"})
    );
}

#[test]
fn durations_are_said_as_each_provider_wants_them() {
    let veo = json!({"generation_duration": 6, "generation_input_file": [IMAGE]});
    let requests = submit("google/veo-2", Provider::Fal, &veo);
    assert_eq!(requests[0].url, "https://queue.fal.run/fal-ai/veo2/image-to-video");
    assert_eq!(
        body(&requests[0]),
        json!({
            "prompt": "a cat", "aspect_ratio": "16:9", "image_url": IMAGE, "duration": "6s",
            "enhance_prompt": true, "auto_fix": true,
        })
    );
    assert_eq!(
        body(&submit("google/veo-2", Provider::Replicate, &veo)[0]),
        json!({"input": {"prompt": "a cat", "aspect_ratio": "16:9", "image": IMAGE, "duration": 6}})
    );
    let kling = json!({"generation_duration": 10, "generation_negative_prompt": ""});
    assert_eq!(
        body(&submit("kling/v1.5-pro", Provider::Fal, &kling)[0]),
        json!({"prompt": "a cat", "aspect_ratio": "16:9", "duration": "10", "cfg_scale": 0.5, "negative_prompt": ""})
    );
    assert_eq!(
        body(&submit("kling/v1.5-pro", Provider::Replicate, &kling)[0]),
        json!({"input": {"prompt": "a cat", "aspect_ratio": "16:9", "duration": 10, "cfg_scale": 0.5, "negative_prompt": ""}})
    );
}

#[test]
fn a_resumed_request_says_the_same_as_the_first() {
    let catalogue = Catalogue::embedded().unwrap();
    let model = catalogue.model("bfl/flux-1.1-pro").unwrap();
    let body = json!({"generation_prompt": "x", "generation_ratio": "3:2", "generation_output_number": 2});
    let first = canonical(model, body.to_string().as_bytes()).unwrap();
    let resumed = Canonical::from_record(model, &first.fields);
    for provider in model.providers() {
        let endpoint = endpoint(provider);
        let said = |request| submissions(model, provider, request, &endpoint, None).unwrap();
        assert!(said(&resumed) == said(&first), "{provider}");
    }
}

#[test]
fn a_record_of_another_catalogue_never_makes_a_flood_of_jobs() {
    let catalogue = Catalogue::embedded().unwrap();
    let model = catalogue.model("bfl/flux-1.1-pro").unwrap();
    let record = json!({"generation_output_number": 4_000_000_000_u32, "generation_ratio": 7});
    let resumed = Canonical::from_record(model, record.as_object().unwrap());
    assert_eq!(submissions(model, Provider::Bfl, &resumed, &endpoint(Provider::Bfl), None).unwrap().len(), 100);
}

#[test]
fn credentials_and_prompts_are_not_in_debug_texts() {
    let requests = submit("bfl/flux-schnell", Provider::Fal, &json!({}));
    let shown = format!("{requests:?} {:?}", endpoint(Provider::Fal));
    assert!(!shown.contains("secret") && !shown.contains("cat"), "{shown}");
}
