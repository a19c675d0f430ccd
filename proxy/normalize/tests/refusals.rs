//! Every class of refused and doubtful submission (providers §10), at every provider.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ledger_contract::{ErrorCode, Provider};
use proxy_normalize::{Endpoint, ProviderFailure, ProviderResponse, Standing, Submission, read_submission};

use Provider::{Bfl, Cloudflare, Fal, Replicate};

const TRANSIENT: Standing = Standing::Refused { transient: true };
const FINAL: Standing = Standing::Refused { transient: false };

fn answer(status: u16, body: &str) -> ProviderResponse<'_> {
    ProviderResponse { status, headers: &[], body: body.as_bytes() }
}

#[track_caller]
fn refused(provider: Provider, status: u16, body: &str) -> ProviderFailure {
    match read_submission(&Endpoint::official(provider, "secret"), &answer(status, body)) {
        Submission::Refused(failure) => failure,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_same_statuses_mean_the_same_at_every_provider() {
    for provider in Provider::ALL.iter().copied() {
        for (status, code, standing) in [
            (401, ErrorCode::ProviderError, FINAL),
            (402, ErrorCode::ProviderCreditsExhausted, FINAL),
            (404, ErrorCode::ProviderError, FINAL),
            (422, ErrorCode::ProviderRejectedInput, FINAL),
            (400, ErrorCode::ProviderRejectedInput, FINAL),
            (429, ErrorCode::ProviderRateLimited, TRANSIENT),
            (500, ErrorCode::ProviderError, TRANSIENT),
            (501, ErrorCode::ProviderError, TRANSIENT),
            (503, ErrorCode::ProviderUnavailable, TRANSIENT),
            (408, ErrorCode::ProviderTimeout, Standing::InDoubt),
            (502, ErrorCode::ProviderError, Standing::InDoubt),
            (504, ErrorCode::ProviderTimeout, Standing::InDoubt),
            (301, ErrorCode::ProviderError, FINAL),
            (405, ErrorCode::ProviderError, FINAL),
        ] {
            for body in ["", "<html>", "{}", r#"{"detail":"x"}"#] {
                let failure = refused(provider, status, body);
                assert_eq!((failure.code, failure.standing), (code, standing), "{provider} {status} {body}");
            }
        }
        for body in [
            "",
            "{",
            "{}",
            "[]",
            "null",
            r#"{"id":1}"#,
            r#"{"id":"","request_id":"","result":{"image":"!"},"success":true}"#,
        ] {
            let failure = refused(provider, 200, body);
            assert_eq!(
                (failure.code, failure.standing),
                (ErrorCode::ProviderError, Standing::InDoubt),
                "{provider} {body}"
            );
        }
        for status in [401, 402, 404, 301] {
            assert!(refused(provider, status, "").alert, "{provider} {status}");
        }
    }
}

#[test]
fn providers_say_more_than_their_status() {
    let fal =
        |kind: &str| format!(r#"{{"detail":[{{"msg":"m","type":"greater_than"}},{{"msg":"m","type":"{kind}"}}]}}"#);
    let cloudflare =
        |code: u32| format!(r#"{{"result":null,"success":false,"errors":[{{"code":{code},"message":"AiError"}}]}}"#);
    let locked =
        r#"{"detail":"User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing."}"#;
    for (provider, status, body, code, standing) in [
        (Fal, 403, locked.to_owned(), ErrorCode::ProviderCreditsExhausted, FINAL),
        (Fal, 403, r#"{"detail":"User is locked. Reason: Admin lock."}"#.to_owned(), ErrorCode::ProviderError, FINAL),
        (Fal, 422, fal("content_policy_violation"), ErrorCode::ProviderContentRejected, FINAL),
        (Fal, 422, fal("missing"), ErrorCode::ProviderRejectedInput, FINAL),
        (Fal, 503, fal("runner_scheduling_failure"), ErrorCode::ProviderUnavailable, TRANSIENT),
        (Fal, 504, fal("request_timeout"), ErrorCode::ProviderTimeout, Standing::InDoubt),
        (Fal, 502, fal("runner_incomplete_response"), ErrorCode::ProviderError, Standing::InDoubt),
        (
            Replicate,
            422,
            r#"{"title":"Invalid version or not permitted","detail":"x"}"#.to_owned(),
            ErrorCode::ProviderError,
            FINAL,
        ),
        (
            Replicate,
            422,
            r#"{"title":"Invalid version or not permitted","status":422}"#.to_owned(),
            ErrorCode::ProviderError,
            FINAL,
        ),
        (Bfl, 403, r#"{"detail":"Not authenticated"}"#.to_owned(), ErrorCode::ProviderError, FINAL),
        (Bfl, 402, r#"{"error":"insufficient_credits"}"#.to_owned(), ErrorCode::ProviderCreditsExhausted, FINAL),
        (Cloudflare, 400, cloudflare(3030), ErrorCode::ProviderContentRejected, FINAL),
        (Cloudflare, 400, cloudflare(3003), ErrorCode::ProviderRejectedInput, FINAL),
        (Cloudflare, 400, cloudflare(5004), ErrorCode::ProviderRejectedInput, FINAL),
        (Cloudflare, 400, cloudflare(5007), ErrorCode::ProviderError, FINAL),
        (Cloudflare, 401, cloudflare(10_000), ErrorCode::ProviderError, FINAL),
        (Cloudflare, 403, cloudflare(5018), ErrorCode::ProviderError, FINAL),
        (Cloudflare, 404, cloudflare(3042), ErrorCode::ProviderError, FINAL),
        (Cloudflare, 408, cloudflare(3007), ErrorCode::ProviderTimeout, Standing::InDoubt),
        (Cloudflare, 413, cloudflare(3006), ErrorCode::ProviderRejectedInput, FINAL),
        (Cloudflare, 429, cloudflare(3036), ErrorCode::ProviderCreditsExhausted, FINAL),
        (Cloudflare, 429, cloudflare(3040), ErrorCode::ProviderUnavailable, TRANSIENT),
        (Cloudflare, 429, cloudflare(10_429), ErrorCode::ProviderRateLimited, TRANSIENT),
        (Cloudflare, 502, cloudflare(3040), ErrorCode::ProviderError, Standing::InDoubt),
    ] {
        let failure = refused(provider, status, &body);
        assert_eq!((failure.code, failure.standing), (code, standing), "{provider} {status} {body}");
    }
}

#[test]
fn messages_are_ours_and_never_the_providers() {
    let body = r#"{"detail":"the-secret-prompt","title":"the-secret-prompt","error":"the-secret-prompt"}"#;
    for provider in Provider::ALL.iter().copied() {
        for status in [400, 401, 402, 403, 404, 408, 422, 429, 500, 502, 503, 504, 200] {
            let message = refused(provider, status, body).to_error(provider).message;
            assert!(!message.contains("secret") && !message.is_empty());
        }
    }
}
