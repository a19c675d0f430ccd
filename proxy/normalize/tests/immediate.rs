//! What answers mean that are the output itself: `OpenAI`, `BytePlus` images, Qwen-Image.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ledger_contract::{ErrorCode, Provider};
use proxy_normalize::{
    Catalogue, Endpoint, JobResult, OutputSource, ProviderFailure, ProviderResponse, Standing, Submission,
    is_synchronous, read_submission,
};

use Provider::{Alibabacloud, Byteplus, Openai, Runway};

const TRANSIENT: Standing = Standing::Refused { transient: true };
const FINAL: Standing = Standing::Refused { transient: false };

fn read(provider: Provider, status: u16, body: &str) -> Submission {
    let response = ProviderResponse { status, headers: &[], body: body.as_bytes() };
    read_submission(&Endpoint::official(provider, "secret"), &response)
}

#[track_caller]
fn refused(provider: Provider, status: u16, body: &str) -> ProviderFailure {
    match read(provider, status, body) {
        Submission::Refused(failure) => failure,
        other => panic!("{other:?}"),
    }
}

fn finished(outputs: Vec<OutputSource>) -> Submission {
    Submission::Finished(JobResult { outputs, predict_time_ms: None })
}

#[test]
fn openai_answers_with_the_bytes_of_every_image() {
    let png = OutputSource::Bytes(b"\x89PNG\r\n\x1a\n".to_vec());
    assert_eq!(read(Openai, 200, include_str!("fixtures/openai_images.json")), finished(vec![png.clone(), png]));
    for body in [r#"{"data":[]}"#, r#"{"data":[{"b64_json":"!"}]}"#, r#"{"data":[{}]}"#] {
        assert!(refused(Openai, 200, body).is_in_doubt(), "{body}");
    }
}

#[test]
fn byteplus_keeps_the_images_that_were_made() {
    let first = "https://ark-content-generation-v2-ap-southeast-1.tos-ap-southeast-1.bytepluses.com/seedream-4-0/1.jpeg?X-Tos-Expires=86400";
    assert_eq!(
        read(Byteplus, 200, include_str!("fixtures/byteplus_images.json")),
        finished(vec![OutputSource::Url(first.to_owned())])
    );
    let none = |code: &str| {
        let failure = refused(Byteplus, 200, &format!(r#"{{"data":[{{"error":{{"code":"{code}","message":"m"}}}}]}}"#));
        (failure.code, failure.standing)
    };
    assert_eq!(none("OutputImageSensitiveContentDetected"), (ErrorCode::ProviderContentRejected, Standing::Ended));
    assert_eq!(none("InternalServiceError"), (ErrorCode::ProviderError, Standing::Ended));
    assert_eq!(none("Anything"), (ErrorCode::ProviderError, Standing::Ended));
    assert!(refused(Byteplus, 200, r#"{"data":[{}]}"#).is_in_doubt());
}

#[test]
fn qwen_image_comes_as_a_message() {
    let url = "https://dashscope-result-sgp.oss-ap-southeast-1.aliyuncs.com/7d/q.png?Expires=1795248000";
    assert_eq!(
        read(Alibabacloud, 200, include_str!("fixtures/alibabacloud_images.json")),
        finished(vec![OutputSource::Url(url.to_owned())])
    );
    assert!(refused(Alibabacloud, 200, r#"{"output":{"choices":[]}}"#).is_in_doubt());
}

#[test]
fn the_four_say_more_than_their_status() {
    let openai = |kind: &str, code: &str| format!(r#"{{"error":{{"message":"m","type":"{kind}","code":"{code}"}}}}"#);
    let byteplus = |code: &str| format!(r#"{{"error":{{"code":"{code}","message":"m. Request id: 1","type":"t"}}}}"#);
    let alibaba = |code: &str| format!(r#"{{"code":"{code}","message":"m","request_id":"r"}}"#);
    let credits = r#"{"error":"You do not have enough credits to run this task."}"#;
    let about = |path: &str| format!(r#"{{"error":"Validation of body failed","issues":[{{"path":["{path}"]}}]}}"#);
    let (policy, input) = (ErrorCode::ProviderContentRejected, ErrorCode::ProviderRejectedInput);
    let (credit, fault) = (ErrorCode::ProviderCreditsExhausted, ErrorCode::ProviderError);
    let (rate, busy) = (ErrorCode::ProviderRateLimited, ErrorCode::ProviderUnavailable);
    for (provider, status, body, code, standing) in [
        (Openai, 400, include_str!("fixtures/openai_moderated.json").to_owned(), policy, FINAL),
        (Openai, 400, openai("invalid_request_error", "invalid_value"), input, FINAL),
        (Openai, 400, openai("invalid_request_error", "billing_hard_limit_reached"), credit, FINAL),
        (Openai, 401, openai("invalid_request_error", "invalid_api_key"), fault, FINAL),
        (Openai, 403, openai("invalid_request_error", ""), fault, FINAL),
        (Openai, 404, openai("invalid_request_error", "model_not_found"), fault, FINAL),
        (Openai, 429, openai("insufficient_quota", "insufficient_quota"), credit, FINAL),
        (Openai, 429, openai("requests", "rate_limit_exceeded"), rate, TRANSIENT),
        (Openai, 500, openai("server_error", ""), fault, TRANSIENT),
        (Openai, 503, openai("server_error", "overloaded"), busy, TRANSIENT),
        (Runway, 400, credits.to_owned(), credit, FINAL),
        (Runway, 400, about("model"), fault, FINAL),
        (Runway, 400, about("promptText"), input, FINAL),
        (Runway, 429, r#"{"error":"daily"}"#.to_owned(), rate, TRANSIENT),
        (Byteplus, 400, byteplus("InputTextSensitiveContentDetected"), policy, FINAL),
        (Byteplus, 400, byteplus("InvalidParameter.size"), input, FINAL),
        (Byteplus, 400, byteplus("InvalidEndpoint.ClosedEndpoint"), fault, FINAL),
        (Byteplus, 401, byteplus("AuthenticationError"), fault, FINAL),
        (Byteplus, 403, byteplus("AccountOverdueError"), credit, FINAL),
        (Byteplus, 403, byteplus("AccessDenied"), fault, FINAL),
        (Byteplus, 404, byteplus("InvalidEndpointOrModel.NotFound"), fault, FINAL),
        (Byteplus, 404, byteplus("ModelNotOpen"), fault, FINAL),
        (Byteplus, 429, byteplus("RateLimitExceeded.EndpointRPMExceeded"), rate, TRANSIENT),
        (Byteplus, 429, byteplus("ServerOverloaded"), busy, TRANSIENT),
        (Byteplus, 500, byteplus("InternalServiceError"), fault, TRANSIENT),
        (Byteplus, 502, byteplus("ServerOverloaded"), fault, Standing::InDoubt),
        (Alibabacloud, 400, alibaba("DataInspectionFailed"), policy, FINAL),
        (Alibabacloud, 400, alibaba("IPInfringementSuspect"), policy, FINAL),
        (Alibabacloud, 400, alibaba("InvalidParameter"), input, FINAL),
        (Alibabacloud, 400, alibaba("InvalidParameter.DataInspection"), input, FINAL),
        (Alibabacloud, 400, alibaba("BadRequest.EmptyInput"), input, FINAL),
        (Alibabacloud, 400, alibaba("BadRequest.EmptyModel"), fault, FINAL),
        (Alibabacloud, 400, alibaba("Arrearage"), credit, FINAL),
        (Alibabacloud, 401, alibaba("InvalidApiKey"), fault, FINAL),
        (Alibabacloud, 403, alibaba("AccessDenied"), fault, FINAL),
        (Alibabacloud, 403, alibaba("AllocationQuota.FreeTierOnly"), credit, FINAL),
        (Alibabacloud, 404, alibaba("ModelNotFound"), fault, FINAL),
        (Alibabacloud, 429, alibaba("Throttling.RateQuota"), rate, TRANSIENT),
        (Alibabacloud, 429, alibaba("PrepaidBillOverdue"), credit, FINAL),
        (Alibabacloud, 500, alibaba("InternalError.Timeout"), fault, TRANSIENT),
        (Alibabacloud, 503, alibaba("ModelServingError"), busy, TRANSIENT),
        (Alibabacloud, 504, alibaba("InternalError"), ErrorCode::ProviderTimeout, Standing::InDoubt),
    ] {
        let failure = refused(provider, status, &body);
        assert_eq!((failure.code, failure.standing), (code, standing), "{provider} {status} {body}");
    }
}

#[test]
fn one_provider_can_answer_at_once_for_one_model_and_with_a_task_for_another() {
    let catalogue = Catalogue::embedded().unwrap();
    for (model, provider, synchronous) in [
        ("bytedance/seedream-4", Byteplus, true),
        ("bytedance/seedance-1-pro", Byteplus, false),
        ("qwen/image", Alibabacloud, true),
        ("wan/2.6-t2v", Alibabacloud, false),
        ("gpt/image-1", Openai, true),
        ("runway/gen-4-image", Runway, false),
    ] {
        assert_eq!(is_synchronous(catalogue.model(model).unwrap(), provider), synchronous, "{model}");
    }
}
