//! Nobody gets further than their key allows.

use reqwest::Method;
use serde_json::json;

use crate::{
    calls::Reply,
    stack::{Stack, within},
};

#[tokio::test]
async fn a_key_that_is_missing_malformed_unknown_or_revoked_opens_nothing() {
    within(120, async {
        let stack = Stack::start().await;
        let bare = stack.send(stack.request(Method::GET, "/v1/status")).await;
        assert_eq!((bare.status.as_u16(), bare.code()), (401, "BSE1001"));
        let unknown = format!("bye_{}", "x".repeat(38));
        for wrong in ["nonsense", "bye_short", &unknown] {
            let reply = ask(&stack, wrong, "/v1/status").await;
            assert_eq!((reply.status.as_u16(), reply.code()), (401, "BSE1002"), "{wrong}");
        }
        let (account, key) = stack.account("pro", "1");
        assert_eq!(ask(&stack, &key, "/v1/status").await.status, 200);
        let keys = stack.json(&["key", "list", "--account", &account]);
        let revoked = stack.json(&["key", "revoke", "--key", keys[0]["apikey_id"].as_str().unwrap()]);
        assert_eq!(revoked["state"], "revoked");
        crate::stack::eventually("the revoked key to be refused", std::time::Duration::from_secs(70), async || {
            (ask(&stack, &key, "/v1/status").await.code() == "BSE1002").then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn scopes_and_allowlists_hold_on_every_route() {
    within(120, async {
        let stack = Stack::start().await;
        let (account, _) = stack.account("pro", "1");
        let arguments = ["key", "create", "--account", &account, "--name", "monitor", "--preset", "monitor_only"];
        let monitor = stack.json(&arguments)["api_key"].as_str().unwrap().to_owned();
        assert_eq!(ask(&stack, &monitor, "/v1/health/storage").await.status, 200);
        for (method, path) in [
            (Method::GET, "/v1/status"),
            (Method::GET, "/v1/content/list"),
            (Method::GET, "/v1/content/00000000-0000-7000-8000-000000000000"),
            (Method::POST, "/v1/generate/image/bfl/flux-schnell"),
            (Method::POST, "/v1/content/generation/cancel/00000000-0000-7000-8000-000000000000"),
            (Method::DELETE, "/v1/content/00000000-0000-7000-8000-000000000000"),
        ] {
            let reply = stack.send(stack.request(method, path).bearer_auth(&monitor)).await;
            assert_eq!((reply.status.as_u16(), reply.code()), (403, "BSE1003"), "{path}");
            assert!(reply.body["error"]["details"]["required_scope"].is_string(), "{path}");
        }
        let arguments = ["key", "create", "--account", &account, "--name", "elsewhere", "--allow-ip", "203.0.113.0/24"];
        let elsewhere = stack.json(&arguments)["api_key"].as_str().unwrap().to_owned();
        let reply = ask(&stack, &elsewhere, "/v1/status").await;
        assert_eq!((reply.status.as_u16(), reply.code()), (403, "BSE1007"));
        let wrong = stack.run(&["key", "create", "--account", &account, "--name", "n", "--allow-ip", "10.0.0.1/8"]);
        assert_eq!(wrong.status.code(), Some(1), "host bits below the mask: {wrong:?}");
    })
    .await;
}

#[tokio::test]
async fn no_account_sees_or_stops_what_belongs_to_another() {
    within(120, async {
        let stack = Stack::start().await;
        let (_, stranger) = stack.account("pro", "1");
        let id = stack.image("fal").await.generation_id();
        stack.ended(&id).await;
        for (method, path) in [
            (Method::GET, format!("/v1/content/{id}")),
            (Method::POST, format!("/v1/content/generation/cancel/{id}")),
            (Method::DELETE, format!("/v1/content/{id}")),
        ] {
            let reply = stack.send(stack.request(method, &path).bearer_auth(&stranger)).await;
            assert_eq!((reply.status.as_u16(), reply.code()), (404, "BSE3001"), "{path}");
        }
        let spoofed = stack.request(Method::GET, &format!("/v1/content/{id}")).bearer_auth(&stranger);
        let account = stack.get("/v1/status").await.data()["account_id"].as_str().unwrap().to_owned();
        let reply = stack.send(spoofed.header("x-babysea-account-id", account)).await;
        assert_eq!(reply.code(), "BSE3001", "an identity header from outside means nothing");
    })
    .await;
}

#[tokio::test]
async fn no_id_of_one_account_is_in_any_answer_of_another() {
    within(120, async {
        let stack = Stack::start().await;
        let (account, stranger) = stack.account("enterprise", "1");
        let keyed = async |key: &str| {
            let request = stack.request(Method::POST, "/v1/generate/image/bfl/flux-schnell").bearer_auth(key);
            let body = json!({ "generation_prompt": "a seal", "generation_provider_order": "fal" });
            stack.send(request.header("idempotency-key", "shared").json(&body)).await.generation_id()
        };
        let (own, foreign) = (keyed(&stack.key).await, keyed(&stranger).await);
        assert_ne!(own, foreign, "an idempotency key belongs to its account");
        stack.ended(&own).await;
        let own_account = stack.get("/v1/status").await.data()["account_id"].as_str().unwrap().to_owned();
        assert_ne!(own_account, account);
        for route in proxy::routes::ROUTES.iter().filter(|route| route.method == "GET") {
            let path =
                route.template.replace("{model_identifier}", "bfl/flux-schnell").replace("{generation_id}", &own);
            let reply = stack.send(stack.request(Method::GET, &path).bearer_auth(&stranger)).await;
            let text = reply.body.to_string();
            for id in [&own, &own_account] {
                assert!(!text.contains(id.as_str()), "{path} shows {id}: {text}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_request_that_is_wrong_is_refused_before_anything_is_reserved() {
    within(120, async {
        let stack = Stack::start().await;
        for (route, body, status, code) in [
            ("image/no/such", json!({ "generation_prompt": "x" }), 404, "BSE2011"),
            ("image/kling/v1.5-pro", json!({ "generation_prompt": "x" }), 400, "BSE2013"),
            ("image/bfl/flux-schnell", json!({}), 400, "BSE2001"),
            ("image/bfl/flux-schnell", json!({ "generation_prompt": "x", "generation_unknown": 1 }), 400, "BSE2001"),
            ("image/bfl/flux-schnell", json!({ "generation_prompt": "x".repeat(6000) }), 422, "BSE2008"),
            (
                "image/bfl/flux-schnell",
                json!({ "generation_prompt": "x", "generation_provider_order": "openai" }),
                400,
                "BSE2012",
            ),
        ] {
            let reply = stack.create(route, body.clone()).await;
            assert_eq!((reply.status.as_u16(), reply.code()), (status, code), "{route} {body}: {reply:?}");
        }
        let text =
            stack.request(Method::POST, "/v1/generate/image/bfl/flux-schnell").bearer_auth(&stack.key).body("{}");
        assert_eq!(stack.send(text).await.code(), "BSE2014");
        let large = json!({ "generation_prompt": "x".repeat(200_000) });
        assert_eq!(stack.create("image/bfl/flux-schnell", large).await.code(), "BSE2010");
        assert!(stack.all_ended().await.is_empty());
        stack.assert_audit_is_clean();
    })
    .await;
}

async fn ask(stack: &Stack, key: &str, path: &str) -> Reply {
    stack.send(stack.request(Method::GET, path).bearer_auth(key)).await
}
