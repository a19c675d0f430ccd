//! Public reads about the account: exact shapes, in the public envelope.

use ledger_contract::{
    Credits, Timestamp,
    command::Command,
    wire::{self, RequestCount, RequestCounts},
};
use serde_json::{Value, json};

use crate::stack::{REQUEST_ID, Stack, accept, charge, names, now, reserve};

#[tokio::test]
async fn the_envelope_and_status_have_their_shape() {
    let stack = Stack::start().await;
    let tenant = stack.tenant(Credits::ZERO).await;
    let (status, body) = stack.read(tenant.caller, "/v1/status").await;
    assert_eq!(status, 200);
    assert_eq!(names(&body), ["status", "request_id", "message", "timestamp", "data"]);
    assert_eq!(body["status"], "success");
    assert_eq!(body["request_id"], REQUEST_ID);
    assert_eq!(body["message"], "API connected successfully");
    let timestamp = body["timestamp"].as_str().unwrap();
    assert!(timestamp.len() == 24 && timestamp.ends_with('Z') && Timestamp::parse(timestamp).is_some());
    assert_eq!(
        body["data"],
        json!({
            "account_id": tenant.caller.account_id,
            "apikey_id": tenant.caller.apikey_id,
            "apikey_name": "main",
            "apikey_prefix": tenant.key.key.prefix,
            "apikey_created_at": tenant.key.key.created_at.to_string(),
            "apikey_last_used_at": null,
            "apikey_expires_at": null,
        })
    );
    stack.end().await;
}

#[tokio::test]
async fn account_and_billing_have_their_shape() {
    let stack = Stack::start().await;
    let tenant = stack.tenant(Credits(12_480)).await;
    let account = stack.data(tenant.caller, "/v1/user/account").await;
    assert_eq!(
        names(&account),
        [
            "account_id",
            "account_name",
            "account_email",
            "account_is_personal",
            "account_picture_url",
            "account_created_at"
        ]
    );
    assert_eq!((&account["account_name"], &account["account_is_personal"]), (&json!("Test"), &json!(false)));
    let (_, billing) = stack.read(tenant.caller, "/v1/user/billing").await;
    assert_eq!(billing["message"], "Billing retrieved");
    assert_eq!(
        billing["data"].to_string(),
        format!(
            r#"{{"account_id":"{}","billing_credit_balance":12.48,"billing_plan":null,"billing_subscription_status":null,"billing_cancel_at_period_end":null,"billing_currency":null,"billing_period_starts_at":null,"billing_period_ends_at":null,"billing_created_at":null,"billing_updated_at":null}}"#,
            tenant.caller.account_id
        )
    );
    stack.end().await;
}

fn row(tenant: &crate::stack::Tenant, endpoint: &str, status: u16, code: Option<&str>, requests: u64) -> RequestCount {
    RequestCount {
        account_id: tenant.caller.account_id,
        hour: Timestamp(now().0 / 3_600_000 * 3_600_000),
        endpoint: endpoint.to_owned(),
        status,
        error_code: code.map(str::to_owned),
        requests,
    }
}

#[tokio::test]
async fn usage_sums_requests_and_attempts_and_a_report_said_twice_counts_once() {
    let stack = Stack::start().await;
    let tenant = stack.tenant(Credits(10_000)).await;
    let (create, list) = ("POST /v1/generate/image/{model_identifier}", "GET /v1/content/list");
    let rows = vec![
        row(&tenant, create, 200, None, 3),
        row(&tenant, create, 402, Some("BSE1004"), 2),
        row(&tenant, list, 200, None, 1),
        row(&tenant, list, 503, Some("BSE5002"), 5),
    ];
    let report = RequestCounts { report_id: uuid::Uuid::now_v7(), rows, uses: Vec::new() };
    for _ in 0..2 {
        assert_eq!(stack.post::<Value>(wire::REQUEST_COUNTS, &report).await, json!({}));
    }
    let (done, open) = (reserve(tenant.caller, Credits(1_000)), reserve(tenant.caller, Credits(500)));
    let id = done.generation_id;
    stack.commit(vec![Command::Reserve(done), accept(id), charge(id, "a/b.png"), Command::Reserve(open)]).await;

    let usage = stack.data(tenant.caller, "/v1/usage?days=1&unknown=x").await;
    assert_eq!(
        usage,
        json!({
            "account_id": tenant.caller.account_id,
            "usage_period_days": 1,
            "usage_credit_balance": 8.5,
            "usage_total_requests": 11,
            "usage_total_success": 4,
            "usage_total_client_errors": 2,
            "usage_total_server_errors": 5,
            "usage_total_generations": 2,
            "usage_total_provider_submissions": 2,
            "usage_total_estimated_cost": 0.006,
            "usage_endpoints": [
                {"endpoint": list, "total_requests": 6, "success_count": 1, "client_error_count": 0,
                 "server_error_count": 5, "error_codes": {"BSE5002": 5}},
                {"endpoint": create, "total_requests": 5, "success_count": 3, "client_error_count": 2,
                 "server_error_count": 0, "error_codes": {"BSE1004": 2}},
            ],
            "usage_providers": [
                {"provider": "replicate", "total_submissions": 2, "used_count": 1, "cancelled_count": 0,
                 "discarded_count": 0, "failed_count": 0, "total_estimated_cost": 0.006,
                 "wasted_estimated_cost": 0},
            ],
        })
    );
    stack.end().await;
}

#[tokio::test]
async fn an_account_without_any_use_has_empty_lists() {
    let stack = Stack::start().await;
    let tenant = stack.tenant(Credits::ZERO).await;
    let usage = stack.data(tenant.caller, "/v1/usage").await;
    assert_eq!(usage["usage_period_days"], 30);
    assert_eq!((&usage["usage_endpoints"], &usage["usage_providers"]), (&json!([]), &json!([])));
    stack.end().await;
}

#[tokio::test]
async fn wrong_query_parameters_are_named() {
    let stack = Stack::start().await;
    let tenant = stack.tenant(Credits::ZERO).await;
    for (path, status, code, field) in [
        ("/v1/usage?days=0", 422, "BSE2008", "days"),
        ("/v1/usage?days=91", 422, "BSE2008", "days"),
        ("/v1/usage?days=x", 400, "BSE2001", "days"),
        ("/v1/usage?days=", 400, "BSE2001", "days"),
        ("/v1/content/list?limit=101", 422, "BSE2008", "limit"),
        ("/v1/content/list?limit=1.5", 400, "BSE2001", "limit"),
        ("/v1/content/list?offset=-1", 422, "BSE2008", "offset"),
        ("/v1/content/list?offset=99999999999999999999", 422, "BSE2008", "offset"),
        ("/v1/content/list?offset=%ff", 400, "BSE2001", "offset"),
    ] {
        let (got, body) = stack.read(tenant.caller, path).await;
        assert_eq!((got, &body["error"]["code"]), (status, &json!(code)), "{path}: {body}");
        assert_eq!(names(&body), ["status", "request_id", "error"]);
        assert_eq!(body["error"]["details"], json!({"field": field}));
        assert_eq!((&body["status"], &body["request_id"]), (&json!("error"), &json!(REQUEST_ID)));
    }
    stack.end().await;
}

#[tokio::test]
async fn a_missing_account_is_its_own_error() {
    let stack = Stack::start().await;
    let caller = wire::Caller {
        account_id: ledger_contract::AccountId(uuid::Uuid::now_v7()),
        apikey_id: ledger_contract::ApiKeyId(uuid::Uuid::now_v7()),
    };
    for path in ["/v1/usage", "/v1/user/account", "/v1/user/billing"] {
        let (status, body) = stack.read(caller, path).await;
        assert_eq!((status, &body["error"]["code"]), (404, &json!("BSE1008")), "{path}");
    }
    stack.end().await;
}
