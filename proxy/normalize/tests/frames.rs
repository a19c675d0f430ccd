//! The exact requests of the providers that frame a job in their own way: paths, versions, forms, messages, files, regions,
//! callbacks.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use ledger_contract::Provider;
use proxy_normalize::{
    CallbackTarget, Catalogue, Endpoint, ProviderRequest, Region, Submission, SubmitError, can_submit, canonical, poll,
    read_submission, submissions,
};
use serde_json::{Value, json};

const IMAGE: &str = "https://example.com/a.png";
const LAST: &str = "https://example.com/z.png";

fn endpoint(provider: Provider) -> Endpoint {
    Endpoint { account_id: Some("acc".into()), ..Endpoint::official(provider, "secret") }
}

fn try_submit(
    model: &str,
    endpoint: &Endpoint,
    body: &Value,
    callback: Option<&CallbackTarget>,
) -> Result<Vec<ProviderRequest>, SubmitError> {
    let catalogue = Catalogue::embedded().unwrap();
    let model = catalogue.model(model).unwrap();
    let mut whole = json!({"generation_prompt": "a cat"});
    whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    let request = canonical(model, whole.to_string().as_bytes()).unwrap();
    submissions(model, endpoint.provider, &request, &endpoint.serving(model), callback)
}

fn submit(model: &str, provider: Provider, body: &Value) -> ProviderRequest {
    let requests = try_submit(model, &endpoint(provider), body, None).unwrap();
    let [request] = &requests[..] else { panic!("one job") };
    request.clone()
}

fn text(request: &ProviderRequest, files: &[&[u8]]) -> (String, String) {
    let mut request = request.clone();
    assert!(request.fill(files));
    let encoded = request.encoded().unwrap();
    (encoded.content_type, String::from_utf8_lossy(&encoded.bytes).into_owned())
}

fn body(request: &ProviderRequest) -> Value {
    let (content_type, text) = text(request, &[]);
    assert_eq!(content_type, "application/json");
    serde_json::from_str(&text).unwrap()
}

fn header<'a>(request: &'a ProviderRequest, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

#[test]
fn openai_generates_from_json_and_edits_from_a_form() {
    let request = submit("gpt/image-1", Provider::Openai, &json!({"generation_output_number": 2}));
    assert_eq!(request.url, "https://api.openai.com/v1/images/generations");
    assert_eq!(
        body(&request),
        json!({
            "model": "gpt-image-1", "prompt": "a cat", "size": "1024x1024", "output_format": "png", "n": 2,
            "background": "auto", "moderation": "auto", "quality": "medium",
        })
    );
    let edit = submit("gpt/image-1", Provider::Openai, &json!({"generation_input_file": [IMAGE, LAST]}));
    assert_eq!(edit.url, "https://api.openai.com/v1/images/edits");
    assert_eq!(edit.input_urls(), [IMAGE, LAST]);
    let (content_type, form) = text(&edit, &[b"\x89PNG-one", b"\xff\xd8-two"]);
    assert!(!form.contains("moderation"), "edits have no such field");
    assert!(content_type.starts_with("multipart/form-data; boundary="));
    for part in [
        "name=\"model\"\r\n\r\ngpt-image-1\r\n",
        "name=\"n\"\r\n\r\n1\r\n",
        "name=\"image[]\"; filename=\"input.png\"\r\nContent-Type: image/png\r\n",
        "name=\"image[]\"; filename=\"input.jpg\"\r\nContent-Type: image/jpeg\r\n",
    ] {
        assert!(form.contains(part), "{part}\n{form}");
    }
}

#[test]
fn cloudflares_klein_is_always_a_form() {
    let asked = json!({"generation_ratio": "16:9", "generation_input_file": [IMAGE, LAST]});
    let request = submit("bfl/flux-2-klein-4b", Provider::Cloudflare, &asked);
    assert_eq!(request.input_urls(), [IMAGE, LAST]);
    let (_, form) = text(&request, &[b"RIFF", b"RIFF"]);
    for part in ["name=\"width\"\r\n\r\n1344\r\n", "name=\"input_image_0\"; file", "name=\"input_image_1\"; file"] {
        assert!(form.contains(part), "{part}\n{form}");
    }
    let (content_type, _) = text(&submit("bfl/flux-2-klein-4b", Provider::Cloudflare, &json!({})), &[]);
    assert!(content_type.starts_with("multipart/form-data"), "without files too");
}

#[test]
fn bfl_ultra_takes_its_image_as_base64_and_flux_2_by_url() {
    let request = submit("bfl/flux-1.1-pro-ultra", Provider::Bfl, &json!({"generation_input_file": [IMAGE]}));
    assert_eq!(request.input_urls(), [IMAGE]);
    let (content_type, json) = text(&request, &[b"abc"]);
    assert_eq!(content_type, "application/json");
    assert!(json.contains(r#""image_prompt":"YWJj""#), "{json}");
    let request = submit("bfl/flux-2-pro", Provider::Bfl, &json!({"generation_input_file": [IMAGE, LAST]}));
    assert_eq!((&body(&request)["input_image"], &body(&request)["input_image_2"]), (&json!(IMAGE), &json!(LAST)));
}

#[test]
fn runway_gets_its_version_pixels_and_positions() {
    let asked = json!({
        "generation_duration": 6, "generation_resolution": "1080p", "generation_ratio": "9:16",
        "generation_generate_audio": true, "generation_input_file": [IMAGE],
        "generation_input_file_last_content": LAST,
    });
    let request = submit("google/veo-3.1", Provider::Runway, &asked);
    assert_eq!(request.url, "https://api.dev.runwayml.com/v1/image_to_video");
    assert_eq!(header(&request, "x-runway-version"), Some("2024-11-06"));
    assert_eq!(
        body(&request),
        json!({
            "model": "veo3.1", "promptText": "a cat", "ratio": "1080:1920", "duration": 6, "audio": true,
            "promptImage": [{"uri": IMAGE, "position": "first"}, {"uri": LAST, "position": "last"}],
        })
    );
    let text_only = submit("google/veo-3.1", Provider::Runway, &json!({"generation_duration": 4}));
    assert_eq!(text_only.url, "https://api.dev.runwayml.com/v1/text_to_video");
    let tagged = json!({"generation_input_file": [IMAGE, LAST], "generation_reference_tags": ["Cat1"]});
    let request = submit("runway/gen-4-image", Provider::Runway, &tagged);
    assert_eq!(request.url, "https://api.dev.runwayml.com/v1/text_to_image");
    assert_eq!(
        body(&request),
        json!({
            "model": "gen4_image", "promptText": "a cat", "ratio": "1920:1080",
            "referenceImages": [{"uri": IMAGE, "tag": "Cat1"}, {"uri": LAST}],
            "contentModeration": {"publicFigureThreshold": "auto"},
        })
    );
}

#[test]
fn fal_has_an_endpoint_for_each_kind_of_veo() {
    let at = |body: &Value| submit("google/veo-3.1", Provider::Fal, body);
    let base = "https://queue.fal.run/fal-ai/veo3.1";
    assert_eq!(at(&json!({"generation_duration": 8})).url, base);
    let first = at(&json!({"generation_duration": 8, "generation_input_file": [IMAGE]}));
    assert_eq!(
        (first.url.clone(), body(&first)["image_url"].clone()),
        (format!("{base}/image-to-video"), json!(IMAGE))
    );
    let both = json!({
        "generation_duration": 8, "generation_input_file": [IMAGE], "generation_input_file_last_content": LAST,
    });
    let both = at(&both);
    assert_eq!(both.url, format!("{base}/first-last-frame-to-video"));
    assert_eq!(body(&both)["first_frame_url"], IMAGE);
    assert_eq!(body(&both)["last_frame_url"], LAST);
    assert_eq!(body(&both).get("image_url"), None);
}

#[test]
fn a_value_can_choose_the_native_id() {
    let at = |resolution: &str, duration: u32| {
        submit(
            "minimax/hailuo-02",
            Provider::Fal,
            &json!({"generation_resolution": resolution, "generation_duration": duration, "generation_input_file": [IMAGE]}),
        )
    };
    let standard = at("768p", 10);
    assert_eq!(standard.url, "https://queue.fal.run/fal-ai/minimax/hailuo-02/standard/image-to-video");
    assert_eq!(body(&standard)["duration"], "10");
    let pro = at("1080p", 6);
    assert_eq!(pro.url, "https://queue.fal.run/fal-ai/minimax/hailuo-02/pro/image-to-video");
    assert_eq!(body(&pro).get("duration"), None, "it has no such field");
    let quality = submit("ideogram/v3", Provider::Replicate, &json!({"generation_speed": "quality"}));
    assert!(quality.url.ends_with("/models/ideogram-ai/ideogram-v3-quality/predictions"), "{}", quality.url);
}

#[test]
fn byteplus_gets_pixels_for_images_and_messages_for_videos() {
    let asked =
        json!({"generation_ratio": "16:9", "generation_input_file": [IMAGE], "generation_enhance_prompt": "fast"});
    let request = submit("bytedance/seedream-4", Provider::Byteplus, &asked);
    assert_eq!(request.url, "https://ark.ap-southeast.bytepluses.com/api/v3/images/generations");
    assert_eq!(
        body(&request),
        json!({
            "model": "seedream-4-0-250828", "prompt": "a cat", "size": "2560x1440", "image": [IMAGE],
            "optimize_prompt_options": {"mode": "fast"}, "sequential_image_generation": "disabled",
            "response_format": "url", "watermark": false, "stream": false,
        })
    );
    let asked = json!({
        "generation_duration": 5, "generation_input_file": [IMAGE], "generation_input_file_last_content": LAST,
    });
    let request = submit("bytedance/seedance-1-pro", Provider::Byteplus, &asked);
    assert_eq!(request.url, "https://ark.ap-southeast.bytepluses.com/api/v3/contents/generations/tasks");
    let frame = |url: &str, role: &str| json!({"type": "image_url", "image_url": {"url": url}, "role": role});
    assert_eq!(
        body(&request),
        json!({
            "model": "seedance-1-0-pro-250528",
            "content": [
                {"type": "text", "text": "a cat"}, frame(IMAGE, "first_frame"), frame(LAST, "last_frame")
            ],
            "ratio": "adaptive", "duration": 5, "resolution": "1080p", "camera_fixed": false, "watermark": false,
            "service_tier": "default",
        })
    );
}

#[test]
fn alibabacloud_runs_images_at_once_and_videos_as_tasks() {
    let request = submit("qwen/image", Provider::Alibabacloud, &json!({"generation_negative_prompt": "dogs"}));
    assert_eq!(
        request.url,
        "https://dashscope-intl.aliyuncs.com/api/v1/services/aigc/multimodal-generation/generation"
    );
    assert_eq!(header(&request, "x-dashscope-async"), None);
    assert_eq!(
        body(&request),
        json!({
            "model": "qwen-image",
            "input": {"messages": [{"role": "user", "content": [{"text": "a cat"}]}]},
            "parameters": {
                "size": "1328*1328", "negative_prompt": "dogs", "prompt_extend": false, "n": 1, "watermark": false,
            },
        })
    );
    let asked = json!({"generation_duration": 5, "generation_input_file": [IMAGE]});
    let request = submit("wan/2.6-i2v", Provider::Alibabacloud, &asked);
    assert_eq!(header(&request, "x-dashscope-async"), Some("enable"));
    assert_eq!(
        body(&request),
        json!({
            "model": "wan2.6-i2v",
            "input": {"prompt": "a cat", "img_url": IMAGE},
            "parameters": {
                "duration": 5, "resolution": "720P", "prompt_extend": false, "watermark": false, "shot_type": "single",
            },
        })
    );
}

#[test]
fn a_model_is_run_in_our_region_where_the_provider_does_that() {
    let catalogue = Catalogue::embedded().unwrap();
    let in_region = |provider, region| {
        let base_url = Endpoint::regional_base_url(provider, region)?;
        Some(Endpoint { regional: Some((region, base_url.to_owned())), ..endpoint(provider) })
    };
    let flux = catalogue.model("bfl/flux-dev").unwrap();
    let eu = in_region(Provider::Bfl, Region::Eu).unwrap();
    assert_eq!(eu.serving(flux).base_url, "https://api.eu.bfl.ai");
    assert!(in_region(Provider::Bfl, Region::Apac).is_none(), "the global one is used");
    let seedream = catalogue.model("bytedance/seedream-4").unwrap();
    let eu = in_region(Provider::Byteplus, Region::Eu).unwrap();
    assert_eq!(eu.serving(seedream).base_url, "https://ark.ap-southeast.bytepluses.com/api/v3", "not marked for it");
    assert_eq!(seedream.regions(Provider::Byteplus), [Region::Apac]);
    assert!(seedream.regions(Provider::Fal).is_empty());
    assert_eq!(Region::of_label("eu"), Some(Region::Eu));
    assert_eq!(Region::of_label("mars"), None);
}

#[test]
fn replicate_is_lent_our_key_at_openai_where_it_asks_for_it() {
    let catalogue = Catalogue::embedded().unwrap();
    let model = catalogue.model("gpt/image-1").unwrap();
    let without = endpoint(Provider::Replicate);
    assert!(!can_submit(model, &without));
    let missing = SubmitError::KeyMissing { provider: Provider::Replicate, lender: Provider::Openai };
    assert!(matches!(try_submit("gpt/image-1", &without, &json!({}), None), Err(error) if error == missing));
    let with = Endpoint { lent_keys: BTreeMap::from([(Provider::Openai, "lent".to_owned())]), ..without };
    assert!(can_submit(model, &with));
    let requests = try_submit("gpt/image-1", &with, &json!({}), None).unwrap();
    assert_eq!(body(&requests[0])["input"]["openai_api_key"], "lent");
    assert!(!format!("{requests:?} {with:?}").contains("lent\""), "and is printed nowhere");
}

#[test]
fn a_callback_is_named_in_each_providers_own_way() {
    let target = CallbackTarget { url: "https://api.example/callbacks/x?y=1".into(), secret: "hush".into() };
    let of = |model: &str, provider| {
        let asked = if model.contains("seedance") { json!({"generation_duration": 5}) } else { json!({}) };
        try_submit(model, &endpoint(provider), &asked, Some(&target)).unwrap().remove(0)
    };
    let replicate = body(&of("bfl/flux-dev", Provider::Replicate));
    assert_eq!(
        (&replicate["webhook"], &replicate["webhook_events_filter"]),
        (&json!(target.url), &json!(["completed"]))
    );
    let fal = of("bfl/flux-dev", Provider::Fal);
    assert!(fal.url.ends_with("/fal-ai/flux/dev?fal_webhook=https%3A%2F%2Fapi.example%2Fcallbacks%2Fx%3Fy%3D1"));
    let bfl = body(&of("bfl/flux-dev", Provider::Bfl));
    assert_eq!((&bfl["webhook_url"], &bfl["webhook_secret"]), (&json!(target.url), &json!("hush")));
    assert_eq!(body(&of("bytedance/seedance-1-pro", Provider::Byteplus))["callback_url"], json!(target.url));
    assert_eq!(body(&of("bytedance/seedream-4", Provider::Byteplus)).get("callback_url"), None, "answered at once");
    // With a webhook, bfl names no URL to poll: the host that took the task is asked.
    let answer = br#"{"id":"t1","status":"Pending","webhook_url":"https://api.example/callbacks/x?y=1"}"#;
    let response = proxy_normalize::ProviderResponse { status: 200, headers: &[], body: answer };
    let eu = Endpoint { base_url: "https://api.eu.bfl.ai".into(), ..endpoint(Provider::Bfl) };
    let Submission::Accepted(handle) = read_submission(&eu, &response) else { panic!("accepted") };
    assert_eq!(poll(Provider::Bfl, &handle, &eu).url, "https://api.eu.bfl.ai/v1/get_result?id=t1");
}
