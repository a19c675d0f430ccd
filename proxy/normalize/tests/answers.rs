//! What each provider's answers mean: acceptance, progress, output, and how accepted jobs end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ledger_contract::{ErrorCode, Provider};
use proxy_normalize::{
    Endpoint, JobHandle, JobResult, Method, OutputSource, Poll, ProviderResponse, Standing, Submission, cancel, poll,
    read_cancel, read_poll, read_result, read_submission,
};

use Provider::{Bfl, Cloudflare, Fal, Replicate};

fn answer(status: u16, body: &str) -> ProviderResponse<'_> {
    ProviderResponse { status, headers: &[], body: body.as_bytes() }
}

fn endpoint(provider: Provider) -> Endpoint {
    Endpoint { account_id: Some("acc".into()), ..Endpoint::official(provider, "secret") }
}

fn accepted(provider: Provider, status: u16, body: &str) -> JobHandle {
    match read_submission(&endpoint(provider), &answer(status, body)) {
        Submission::Accepted(handle) => handle,
        other => panic!("{other:?}"),
    }
}

fn handle(provider: Provider) -> JobHandle {
    match provider {
        Replicate => accepted(provider, 201, include_str!("fixtures/replicate_submitted.json")),
        Fal => accepted(provider, 200, include_str!("fixtures/fal_submitted.json")),
        _ => accepted(provider, 200, include_str!("fixtures/bfl_submitted.json")),
    }
}

fn polled(provider: Provider, status: u16, body: &str) -> Poll {
    read_poll(provider, &handle(provider), &endpoint(provider), &answer(status, body))
}

fn done(urls: &[&str], predict_time_ms: Option<i64>) -> Poll {
    let outputs = urls.iter().map(|url| OutputSource::Url((*url).to_owned())).collect();
    Poll::Done(JobResult { outputs, predict_time_ms })
}

#[track_caller]
fn failed(poll: Poll) -> (ErrorCode, Standing) {
    match poll {
        Poll::Failed(failure) => (failure.code, failure.standing),
        other => panic!("{other:?}"),
    }
}

#[test]
fn replicate_accepts_runs_and_delivers() {
    let handle = handle(Replicate);
    assert_eq!(handle.prediction_id, "gm3qorzdhgbfurvjtvhg6dckhu");
    let ask = poll(Replicate, &handle, &endpoint(Replicate));
    assert_eq!(
        (ask.method, ask.url.as_str()),
        (Method::Get, "https://api.replicate.com/v1/predictions/gm3qorzdhgbfurvjtvhg6dckhu")
    );
    assert_eq!(ask.headers, [("authorization".to_owned(), "Bearer secret".to_owned())]);
    for status in ["starting", "processing"] {
        assert_eq!(polled(Replicate, 200, &format!(r#"{{"id":"x","status":"{status}"}}"#)), Poll::Running);
    }
    assert_eq!(
        polled(Replicate, 200, include_str!("fixtures/replicate_succeeded.json")),
        done(&["https://replicate.delivery/a/out-0.jpg", "https://replicate.delivery/a/out-1.jpg"], Some(1_235))
    );
    let single = r#"{"status":"succeeded","output":"https://replicate.delivery/v.mp4","metrics":{}}"#;
    assert_eq!(polled(Replicate, 200, single), done(&["https://replicate.delivery/v.mp4"], None));
    // A submission held open until the end is read by the next poll.
    accepted(Replicate, 202, include_str!("fixtures/replicate_succeeded.json"));
}

#[test]
fn replicate_jobs_end_badly_in_known_ways() {
    let says = |error: &str| {
        let body = serde_json::json!({"status": "failed", "error": error}).to_string();
        failed(polled(Replicate, 200, &body))
    };
    for text in ["NSFW content detected. Try again", "The input was flagged as sensitive. (E005)", "nsfw"] {
        assert_eq!(says(text), (ErrorCode::ProviderContentRejected, Standing::Ended), "{text}");
    }
    assert_eq!(says("Timeout starting prediction (E6716)"), (ErrorCode::ProviderUnavailable, Standing::Ended));
    for text in ["Out of memory (E1001)", "E1000", "", "Prediction failed"] {
        assert_eq!(says(text), (ErrorCode::ProviderError, Standing::Ended), "{text}");
    }
    for (body, code) in [
        (r#"{"status":"canceled"}"#, ErrorCode::ProviderError),
        (r#"{"status":"aborted"}"#, ErrorCode::ProviderTimeout),
        (r#"{"status":"succeeded","output":null}"#, ErrorCode::ProviderError),
        (r#"{"status":"succeeded","output":[]}"#, ErrorCode::ProviderError),
        (r#"{"status":"succeeded","output":[1]}"#, ErrorCode::ProviderError),
    ] {
        assert_eq!(failed(polled(Replicate, 200, body)), (code, Standing::Ended), "{body}");
    }
}

#[test]
fn fal_accepts_queues_and_delivers_by_its_own_urls() {
    let handle = handle(Fal);
    assert_eq!(handle.prediction_id, "764cabcf-b745-4b3e-ae38-1200304cf45b");
    let ask = poll(Fal, &handle, &endpoint(Fal));
    assert_eq!(ask.url, "https://queue.fal.run/fal-ai/flux/requests/764cabcf-b745-4b3e-ae38-1200304cf45b/status");
    assert_eq!(ask.headers, [("authorization".to_owned(), "Key secret".to_owned())]);
    assert_eq!(polled(Fal, 202, r#"{"status":"IN_QUEUE","queue_position":3}"#), Poll::Running);
    assert_eq!(polled(Fal, 202, r#"{"status":"IN_PROGRESS","logs":null}"#), Poll::Running);
    let Poll::Fetch { request, predict_time_ms } =
        polled(Fal, 200, r#"{"status":"COMPLETED","metrics":{"inference_time":0.42}}"#)
    else {
        panic!("the output is one call away")
    };
    assert_eq!(request.url, "https://queue.fal.run/fal-ai/flux/requests/764cabcf-b745-4b3e-ae38-1200304cf45b");
    assert_eq!(request.headers.len(), 1);
    assert_eq!(predict_time_ms, Some(420));
    let result = |status, body: &str| read_result(Fal, &handle, &answer(status, body));
    assert_eq!(
        result(200, include_str!("fixtures/fal_images.json")),
        done(&["https://v3.fal.media/files/a.jpeg"], Some(310))
    );
    assert_eq!(
        result(200, r#"{"video":{"url":"https://v3.fal.media/v.mp4"},"seed":1}"#),
        done(&["https://v3.fal.media/v.mp4"], None)
    );
    assert_eq!(result(400, r#"{"detail":"Request is still in progress"}"#), Poll::Running);
}

#[test]
fn fal_results_can_be_errors_with_their_own_status() {
    let result = |status, body: &str| read_result(Fal, &handle(Fal), &answer(status, body));
    let typed = |kind: &str| format!(r#"{{"detail":[{{"loc":["body","prompt"],"msg":"no","type":"{kind}"}}]}}"#);
    for (status, body, code) in [
        (
            200,
            r#"{"images":[{"url":"https://x/black.png"}],"has_nsfw_concepts":[true]}"#.to_owned(),
            ErrorCode::ProviderContentRejected,
        ),
        (
            200,
            r#"{"images":[{"url":"https://x/1"},{"url":"https://x/2"}],"has_nsfw_concepts":[false,true]}"#.to_owned(),
            ErrorCode::ProviderContentRejected,
        ),
        (200, r#"{"images":[]}"#.to_owned(), ErrorCode::ProviderError),
        (422, typed("content_policy_violation"), ErrorCode::ProviderContentRejected),
        (422, typed("image_too_large"), ErrorCode::ProviderRejectedInput),
        (422, r#"{"detail":"old style"}"#.to_owned(), ErrorCode::ProviderRejectedInput),
        (400, typed("downstream_service_error"), ErrorCode::ProviderError),
        (500, typed("downstream_service_unavailable"), ErrorCode::ProviderError),
        (500, r#"{"detail":"boom"}"#.to_owned(), ErrorCode::ProviderError),
        (504, typed("generation_timeout"), ErrorCode::ProviderTimeout),
        (503, r#"{"detail":"x","error_type":"runner_disconnected"}"#.to_owned(), ErrorCode::ProviderUnavailable),
        (499, r#"{"detail":"x","error_type":"client_cancelled"}"#.to_owned(), ErrorCode::ProviderError),
        (404, String::new(), ErrorCode::ProviderError),
    ] {
        assert_eq!(failed(result(status, &body)), (code, Standing::Ended), "{status} {body}");
    }
    for (status, body) in
        [(502, "<html>"), (503, ""), (504, "<html>"), (500, "<html>"), (429, "{}"), (401, "{}"), (200, "{\"ima")]
    {
        assert_eq!(result(status, body), Poll::Unreadable, "{status}");
    }
    let in_status =
        r#"{"status":"COMPLETED","error":"Invalid status code: 422","error_type":"content_policy_violation"}"#;
    assert_eq!(failed(polled(Fal, 200, in_status)), (ErrorCode::ProviderContentRejected, Standing::Ended));
    let unknown = r#"{"status":"COMPLETED","error":"Invalid status code: 422"}"#;
    assert!(matches!(polled(Fal, 200, unknown), Poll::Fetch { .. }), "the result says more");
    let headers = [("X-Fal-Error-Type".to_owned(), "generation_timeout".to_owned())];
    let response = ProviderResponse { status: 504, headers: &headers, body: b"" };
    assert_eq!(failed(read_result(Fal, &handle(Fal), &response)), (ErrorCode::ProviderTimeout, Standing::Ended));
}

#[test]
fn bfl_is_polled_at_the_url_of_the_region_that_owns_the_task() {
    let handle = handle(Bfl);
    let ask = poll(Bfl, &handle, &endpoint(Bfl));
    assert_eq!(ask.url, "https://api.eu4.bfl.ai/v1/get_result?id=8f2c1a3e-6a0e-4d5b-9d2e-2f1d8f0f7c11");
    assert_eq!(ask.headers, [("x-key".to_owned(), "secret".to_owned())]);
    assert_eq!(polled(Bfl, 200, r#"{"id":"x","status":"Pending","progress":0.4}"#), Poll::Running);
    assert_eq!(
        polled(Bfl, 200, include_str!("fixtures/bfl_ready.json")),
        done(&["https://delivery-eu4.bfl.ai/results/a/sample.jpeg?se=1&sig=2"], Some(4_210))
    );
    for (status, body, code) in [
        (200, r#"{"status":"Request Moderated","result":null}"#, ErrorCode::ProviderContentRejected),
        (
            200,
            r#"{"status":"Content Moderated","details":{"Moderation Reasons":["x"]}}"#,
            ErrorCode::ProviderContentRejected,
        ),
        (200, r#"{"status":"Error"}"#, ErrorCode::ProviderError),
        (200, r#"{"status":"Task not found"}"#, ErrorCode::ProviderError),
        (404, "", ErrorCode::ProviderError),
        (200, r#"{"status":"Ready","result":{}}"#, ErrorCode::ProviderError),
    ] {
        assert_eq!(failed(polled(Bfl, status, body)), (code, Standing::Ended), "{body}");
    }
    let elsewhere = accepted(Bfl, 200, r#"{"id":"x","polling_url":"https://evil.example/v1/get_result?id=x"}"#);
    assert!(poll(Bfl, &elsewhere, &endpoint(Bfl)).headers.is_empty(), "our key stays with the provider");
}

#[test]
fn cloudflare_answers_with_the_image_itself() {
    let body = r#"{"result":{"image":"/9j/4AAQ"},"success":true,"errors":[],"messages":[]}"#;
    let Submission::Finished(result) = read_submission(&endpoint(Cloudflare), &answer(200, body)) else {
        panic!("finished")
    };
    assert_eq!(result.outputs, [OutputSource::Bytes(vec![0xff, 0xd8, 0xff, 0xe0, 0x00, 0x10])]);
}

#[test]
fn a_poll_that_says_nothing_about_the_job_is_asked_again() {
    for provider in [Replicate, Fal, Bfl] {
        for (status, body) in [
            (429, "{}"),
            (500, "<html>"),
            (502, ""),
            (503, ""),
            (504, ""),
            (401, "{}"),
            (200, "{\"status\":\"succ"),
            (200, r#"{"status":"a new word"}"#),
            (200, "[]"),
            (302, ""),
        ] {
            assert_eq!(polled(provider, status, body), Poll::Unreadable, "{provider} {status} {body}");
        }
        assert_eq!(failed(polled(provider, 404, "{}")), (ErrorCode::ProviderError, Standing::Ended));
    }
}

#[test]
fn jobs_are_stopped_where_the_provider_can() {
    let request = cancel(Replicate, &handle(Replicate), &endpoint(Replicate)).unwrap();
    assert_eq!(
        (request.method, request.url.as_str()),
        (Method::Post, "https://api.replicate.com/v1/predictions/gm3qorzdhgbfurvjtvhg6dckhu/cancel")
    );
    let request = cancel(Fal, &handle(Fal), &endpoint(Fal)).unwrap();
    assert_eq!(
        (request.method, request.url.as_str()),
        (Method::Put, "https://queue.fal.run/fal-ai/flux/requests/764cabcf-b745-4b3e-ae38-1200304cf45b/cancel")
    );
    assert_eq!(cancel(Bfl, &handle(Bfl), &endpoint(Bfl)), None);
    assert!(read_cancel(Replicate, &answer(200, r#"{"status":"canceled"}"#)));
    assert!(!read_cancel(Replicate, &answer(200, r#"{"status":"succeeded"}"#)));
    assert!(!read_cancel(Replicate, &answer(404, "{}")));
    assert!(read_cancel(Fal, &answer(202, r#"{"status":"CANCELLATION_REQUESTED"}"#)));
    assert!(!read_cancel(Fal, &answer(400, r#"{"status":"ALREADY_COMPLETED"}"#)));
}

#[test]
fn a_handle_survives_being_stored() {
    for provider in [Replicate, Fal, Bfl] {
        let stored = serde_json::to_value(handle(provider)).unwrap();
        assert_eq!(serde_json::from_value::<JobHandle>(stored).unwrap(), handle(provider));
    }
}
