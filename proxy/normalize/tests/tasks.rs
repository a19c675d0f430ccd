//! What the answers of Runway, `BytePlus` and Alibaba Cloud mean: tasks that are polled by id.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ledger_contract::{ErrorCode, MediaKind, Provider};
use proxy_normalize::{
    Endpoint, JobHandle, JobResult, Method, OutputSource, Poll, ProviderResponse, Standing, Submission, cancel, poll,
    poll_interval_ms, read_cancel, read_poll, read_submission,
};

use Provider::{Alibabacloud, Byteplus, Runway};

fn answer(status: u16, body: &str) -> ProviderResponse<'_> {
    ProviderResponse { status, headers: &[], body: body.as_bytes() }
}

fn endpoint(provider: Provider) -> Endpoint {
    Endpoint::official(provider, "secret")
}

fn handle(provider: Provider) -> JobHandle {
    let body = match provider {
        Runway => r#"{"id":"d2e3d1f4-1b3c-4b5c-8d46-1c1d7ee86892","estimatedCost":{"credits":25}}"#,
        Byteplus => r#"{"id":"cgt-20261120080000-4x7kq"}"#,
        _ => r#"{"output":{"task_status":"PENDING","task_id":"966cebcd-dedc-4962"},"request_id":"c1"}"#,
    };
    match read_submission(&endpoint(provider), &answer(200, body)) {
        Submission::Accepted(handle) => handle,
        other => panic!("{other:?}"),
    }
}

fn polled(provider: Provider, status: u16, body: &str) -> Poll {
    read_poll(provider, &handle(provider), &endpoint(provider), &answer(status, body))
}

fn done(url: &str) -> Poll {
    Poll::Done(JobResult { outputs: vec![OutputSource::Url(url.to_owned())], predict_time_ms: None })
}

#[track_caller]
fn failed(poll: Poll) -> (ErrorCode, Standing) {
    match poll {
        Poll::Failed(failure) => (failure.code, failure.standing),
        other => panic!("{other:?}"),
    }
}

#[test]
fn runway_is_polled_with_the_version_it_speaks() {
    let handle = handle(Runway);
    let ask = poll(Runway, &handle, &endpoint(Runway));
    assert_eq!(ask.url, "https://api.dev.runwayml.com/v1/tasks/d2e3d1f4-1b3c-4b5c-8d46-1c1d7ee86892");
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(ask.headers, [header("authorization", "Bearer secret"), header("x-runway-version", "2024-11-06")]);
    for status in ["PENDING", "THROTTLED", "RUNNING"] {
        assert_eq!(polled(Runway, 200, &format!(r#"{{"id":"x","status":"{status}"}}"#)), Poll::Running);
    }
    let url = "https://dnznrvs05pmza.cloudfront.net/d2e3d1f4.mp4?_jwt=abc";
    assert_eq!(polled(Runway, 200, include_str!("fixtures/runway_succeeded.json")), done(url));
    let stop = cancel(Runway, &handle, &endpoint(Runway)).unwrap();
    assert_eq!((stop.method, &stop.url, &stop.headers), (Method::Delete, &ask.url, &ask.headers));
    assert!(read_cancel(Runway, &answer(204, "")));
}

#[test]
fn runway_is_not_asked_more_often_than_it_wants() {
    let real = endpoint(Runway);
    assert_eq!(poll_interval_ms(&real, MediaKind::Image), 5_000);
    assert_eq!(poll_interval_ms(&Endpoint { simulated: true, ..real }, MediaKind::Image), 500);
    assert_eq!(poll_interval_ms(&endpoint(Byteplus), MediaKind::Video), 2_000);
}

#[test]
fn runway_tasks_end_badly_in_known_ways() {
    let says = |code: &str| {
        let body = serde_json::json!({"status": "FAILED", "failure": "x", "failureCode": code}).to_string();
        failed(polled(Runway, 200, &body))
    };
    for code in ["SAFETY.INPUT.TEXT", "SAFETY.INPUT.IMAGE", "SAFETY.OUTPUT.VIDEO", "INPUT_PREPROCESSING.SAFETY.TEXT"] {
        assert_eq!(says(code), (ErrorCode::ProviderContentRejected, Standing::Ended), "{code}");
    }
    assert_eq!(says("ASSET.INVALID"), (ErrorCode::ProviderRejectedInput, Standing::Ended));
    for code in
        ["INTERNAL.BAD_OUTPUT.CODE01", "INPUT_PREPROCESSING.INTERNAL", "INTERNAL", "THIRD_PARTY.UNAVAILABLE", ""]
    {
        assert_eq!(says(code), (ErrorCode::ProviderError, Standing::Ended), "{code}");
    }
    for body in [r#"{"status":"CANCELLED"}"#, r#"{"status":"SUCCEEDED","output":[]}"#, r#"{"status":"SUCCEEDED"}"#] {
        assert_eq!(failed(polled(Runway, 200, body)), (ErrorCode::ProviderError, Standing::Ended), "{body}");
    }
}

#[test]
fn byteplus_tasks_are_polled_and_deleted_by_id() {
    let handle = handle(Byteplus);
    assert_eq!(handle.prediction_id, "cgt-20261120080000-4x7kq");
    let ask = poll(Byteplus, &handle, &endpoint(Byteplus));
    let url = "https://ark.ap-southeast.bytepluses.com/api/v3/contents/generations/tasks/cgt-20261120080000-4x7kq";
    assert_eq!((ask.method, ask.url.as_str()), (Method::Get, url));
    for status in ["queued", "running"] {
        assert_eq!(polled(Byteplus, 200, &format!(r#"{{"id":"x","status":"{status}"}}"#)), Poll::Running);
    }
    let video = "https://ark-content-generation-ap-southeast-1.tos-ap-southeast-1.volces.com/seedance-1-0-pro/v.mp4?X-Tos-Expires=86400";
    assert_eq!(polled(Byteplus, 200, include_str!("fixtures/byteplus_task.json")), done(video));
    let stop = cancel(Byteplus, &handle, &endpoint(Byteplus)).unwrap();
    assert_eq!((stop.method, stop.url.as_str()), (Method::Delete, url));
    assert!(read_cancel(Byteplus, &answer(200, "{}")));
    assert!(!read_cancel(Byteplus, &answer(409, r#"{"error":{"code":"InvalidAction.RunningTaskDeletion"}}"#)));
}

#[test]
fn byteplus_tasks_end_badly_in_known_ways() {
    let says = |code: &str| {
        let body = serde_json::json!({"status": "failed", "error": {"code": code, "message": "m"}}).to_string();
        failed(polled(Byteplus, 200, &body))
    };
    for code in ["OutputVideoSensitiveContentDetected", "InputTextSensitiveContentDetected.PolicyViolation"] {
        assert_eq!(says(code), (ErrorCode::ProviderContentRejected, Standing::Ended), "{code}");
    }
    assert_eq!(says("InvalidParameter.Image"), (ErrorCode::ProviderRejectedInput, Standing::Ended));
    assert_eq!(says("ServerOverloaded"), (ErrorCode::ProviderUnavailable, Standing::Ended));
    for code in ["InternalServiceError", "SomethingNew", ""] {
        assert_eq!(says(code), (ErrorCode::ProviderError, Standing::Ended), "{code}");
    }
    let ends = |status: &str| failed(polled(Byteplus, 200, &format!(r#"{{"status":"{status}"}}"#)));
    assert_eq!(ends("cancelled"), (ErrorCode::ProviderError, Standing::Ended));
    assert_eq!(ends("expired"), (ErrorCode::ProviderTimeout, Standing::Ended));
    assert_eq!(ends("succeeded"), (ErrorCode::ProviderError, Standing::Ended), "without a video");
}

#[test]
fn alibabacloud_tasks_are_polled_and_cancelled_by_id() {
    let handle = handle(Alibabacloud);
    let ask = poll(Alibabacloud, &handle, &endpoint(Alibabacloud));
    assert_eq!(ask.url, "https://dashscope-intl.aliyuncs.com/api/v1/tasks/966cebcd-dedc-4962");
    assert_eq!(ask.headers, [("authorization".to_owned(), "Bearer secret".to_owned())]);
    for status in ["PENDING", "RUNNING", "SUSPENDED"] {
        assert_eq!(polled(Alibabacloud, 200, &format!(r#"{{"output":{{"task_status":"{status}"}}}}"#)), Poll::Running);
    }
    let url = "https://dashscope-result-sgp.oss-ap-southeast-1.aliyuncs.com/1d/v.mp4?Expires=1795248000";
    assert_eq!(polled(Alibabacloud, 200, include_str!("fixtures/alibabacloud_task.json")), done(url));
    let images =
        r#"{"output":{"task_status":"SUCCEEDED","results":[{"url":"https://x/1.png"},{"code":"x","message":"y"}]}}"#;
    assert_eq!(polled(Alibabacloud, 200, images), done("https://x/1.png"));
    let stop = cancel(Alibabacloud, &handle, &endpoint(Alibabacloud)).unwrap();
    assert_eq!((stop.method, stop.url), (Method::Post, format!("{}/cancel", ask.url)));
    assert!(read_cancel(Alibabacloud, &answer(200, r#"{"request_id":"x"}"#)));
    assert!(!read_cancel(Alibabacloud, &answer(400, r#"{"code":"UnsupportedOperation"}"#)), "it runs already");
}

#[test]
fn alibabacloud_tasks_end_badly_in_known_ways() {
    let says = |code: &str| {
        let body = serde_json::json!({"output": {"task_status": "FAILED", "code": code}}).to_string();
        failed(polled(Alibabacloud, 200, &body))
    };
    assert_eq!(says("DataInspectionFailed"), (ErrorCode::ProviderContentRejected, Standing::Ended));
    assert_eq!(says("InvalidParameter"), (ErrorCode::ProviderRejectedInput, Standing::Ended));
    for code in ["InternalError.Algo", "InternalError.Timeout", "SomethingNew"] {
        assert_eq!(says(code), (ErrorCode::ProviderError, Standing::Ended), "{code}");
    }
    let ends =
        |status: &str| failed(polled(Alibabacloud, 200, &format!(r#"{{"output":{{"task_status":"{status}"}}}}"#)));
    assert_eq!(ends("CANCELED"), (ErrorCode::ProviderError, Standing::Ended));
    assert_eq!(ends("UNKNOWN"), (ErrorCode::ProviderTimeout, Standing::Ended));
    assert_eq!(ends("SUCCEEDED"), (ErrorCode::ProviderError, Standing::Ended), "without an output");
}

#[test]
fn a_poll_that_says_nothing_about_the_task_is_asked_again() {
    for provider in [Runway, Byteplus, Alibabacloud] {
        for (status, body) in
            [(429, "{}"), (500, "<html>"), (502, ""), (503, ""), (401, "{}"), (200, "{\"sta"), (200, "[]"), (302, "")]
        {
            assert_eq!(polled(provider, status, body), Poll::Unreadable, "{provider} {status} {body}");
        }
        assert_eq!(failed(polled(provider, 404, "{}")), (ErrorCode::ProviderError, Standing::Ended));
        let stored = serde_json::to_value(handle(provider)).unwrap();
        assert_eq!(serde_json::from_value::<JobHandle>(stored).unwrap(), handle(provider));
    }
}

#[test]
fn an_id_that_leads_elsewhere_is_no_id() {
    for id in ["../../admin", "x?y=z", "a/b", "", "ü", &"x".repeat(200)] {
        for (provider, body) in [
            (Runway, serde_json::json!({"id": id})),
            (Byteplus, serde_json::json!({"id": id})),
            (Alibabacloud, serde_json::json!({"output": {"task_id": id}})),
        ] {
            let read = read_submission(&endpoint(provider), &answer(200, &body.to_string()));
            assert!(matches!(&read, Submission::Refused(failure) if failure.is_in_doubt()), "{provider} {id}");
        }
    }
}
