//! `up`, its folder, its ports and its signals, and the commands that need no generation.

use std::{net::TcpListener, os::unix::fs::PermissionsExt, time::Duration};

use serde_json::json;

use crate::stack::{Stack, within};

#[tokio::test]
async fn a_second_stack_on_the_same_folder_or_a_taken_port_is_one_clear_line() {
    within(120, async {
        let stack = Stack::start().await;
        let second = stack.run(&["up"]);
        assert_one_line(&second, "another stack runs on");

        let elsewhere = stack.folder().join("elsewhere").display().to_string();
        let third = stack.run(&["up", "--data-dir", &elsewhere]);
        assert_eq!(third.status.code(), Some(1));
        let lines = String::from_utf8_lossy(&third.stderr).into_owned();
        assert!(lines.contains("BABYSEA_PROXY_LISTEN") && lines.contains("is taken"), "{lines}");
        assert_eq!(stack.get("/v1/status").await.status, 200, "the first is unharmed");

        let other = Stack::prepared(&[]);
        let port = other.base.trim_start_matches("http://");
        let taken = TcpListener::bind(port).unwrap();
        assert_one_line(&other.run(&["up"]), "BABYSEA_PROXY_LISTEN");
        drop(taken);
    })
    .await;
}

#[tokio::test]
async fn an_idle_stack_ends_quickly_and_keeps_its_secrets_for_its_owner() {
    within(120, async {
        let mut stack = Stack::start().await;
        let mode = |name: &str| {
            let path = if name.is_empty() { stack.data_dir() } else { stack.data_dir().join(name) };
            std::fs::metadata(path).unwrap().permissions().mode() & 0o777
        };
        assert_eq!((mode(""), mode("dev-key"), mode("ledger-token")), (0o700, 0o600, 0o600));
        let took = stack.stop();
        assert!(took < Duration::from_secs(2), "{took:?}");

        let key = std::mem::take(&mut stack.key);
        stack.start_again().await;
        assert_eq!(stack.key, key, "the key outlives a restart");
        stack.stop();
        std::fs::remove_file(stack.data_dir().join("dev-key")).unwrap();
        stack.start_again().await;
        assert_ne!(stack.key, key, "a folder without the key gets a new one");
        assert_eq!(stack.get("/v1/user/account").await.data()["account_name"], "dev");
        assert_eq!(stack.json(&["account", "list"]).as_array().unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_request_that_runs_when_the_stack_is_told_to_end_still_gets_its_answer() {
    within(120, async {
        let mut stack = Stack::start().await;
        stack.provider("replicate", json!({ "submit_latency_ms": 1500 })).await;
        let submitted = crate::stack::eventually("the submission", Duration::from_secs(10), async || {
            (!stack.submissions("replicate").await.is_empty()).then(|| stack.terminate())
        });
        let (reply, ()) = tokio::join!(stack.image("replicate"), submitted);
        assert_eq!(reply.status, 200, "{reply:?}");
        stack.wait_for_the_end();
        stack.start_again().await;
        let record = stack.ended(&reply.generation_id()).await;
        assert_eq!(record["generation_status"], "succeeded", "taken over: {record}");
        stack.assert_audit_is_clean();
    })
    .await;
}

#[tokio::test]
async fn a_second_signal_ends_at_once_whatever_runs() {
    within(120, async {
        let mut stack = Stack::start().await;
        stack.provider("replicate", json!({ "behavior": "hang_submit" })).await;
        let ended = async {
            crate::stack::eventually("the submission", Duration::from_secs(10), async || {
                (!stack.submissions("replicate").await.is_empty()).then_some(())
            })
            .await;
            stack.terminate();
            crate::stack::eventually("new requests to be refused", Duration::from_secs(10), async || {
                let request = stack.request(reqwest::Method::GET, "/v1/status").bearer_auth(&stack.key);
                let refused = match request.send().await {
                    Ok(response) => response.status() == 503,
                    Err(_) => true,
                };
                refused.then_some(())
            })
            .await;
            stack.terminate();
        };
        let body = json!({ "generation_prompt": "a seal", "generation_provider_order": "replicate" });
        let (cut_off, ()) = tokio::join!(stack.try_create("image/bfl/flux-schnell", body), ended);
        assert!(cut_off.is_none(), "{cut_off:?}");
        let (status, took) = stack.wait_for_any_end();
        assert_eq!(status.code(), Some(130));
        assert!(took < Duration::from_secs(2), "{took:?}");
    })
    .await;
}

#[tokio::test]
async fn a_configuration_file_is_read_by_every_role_and_the_command_line_beats_it() {
    within(120, async {
        let stack = Stack::start().await;
        let file = stack.folder().join("other.toml");
        std::fs::write(&file, "data_dir = \"nowhere\"\nregion = \"eu\"\n[proxy]\nthreads = 0\nlisteen = \"x\"\n")
            .unwrap();
        let doctor = stack.run(&["doctor", "--config", "other.toml"]);
        assert_eq!(doctor.status.code(), Some(1), "{doctor:?}");
        assert!(String::from_utf8_lossy(&doctor.stdout).contains("proxy.listeen"), "{doctor:?}");
        assert_eq!(stack.run(&["up", "--config", "missing.toml"]).status.code(), Some(1));
        let elsewhere = stack.run(&["account", "list", "--data-dir", "nowhere"]);
        assert!(String::from_utf8_lossy(&elsewhere.stderr).contains("no stack runs on nowhere"), "{elsewhere:?}");
    })
    .await;
}

#[tokio::test]
async fn every_mistake_in_the_configuration_is_named_before_anything_starts() {
    let stack = Stack::prepared(&[("BABYSEA_REGION", "mars"), ("BABYSEA_PROXY_PUBLIC_URL", "nonsense")]);
    let output = stack.run(&["up"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("region") && said.contains("public_url"), "{said}");
    assert!(!stack.data_dir().exists(), "nothing was made");
    let doctor = stack.run(&["doctor", "--json"]);
    assert_eq!(doctor.status.code(), Some(1));
}

#[tokio::test]
async fn operators_commands_answer_in_json_and_end_with_the_right_code() {
    within(120, async {
        let stack = Stack::start().await;
        let account = stack.json(&["account", "create", "--name", "acme", "--plan", "starter", "--credits", "10.000"]);
        assert_eq!((&account["plan"], &account["balance"]), (&json!("starter"), &json!(10)));
        let id = account["account_id"].as_str().unwrap();
        let account = stack.json(&["account", "set-plan", "--account", id, "--plan", "scale"]);
        assert_eq!(account["plan"], "scale");

        let key = stack.json(&["key", "create", "--account", id, "--name", "one", "--scope", "health:read"]);
        let secret = key["api_key"].as_str().unwrap();
        assert_eq!((secret.len(), &secret[..9]), (42, key["apikey_prefix"].as_str().unwrap()));
        let key_id = key["apikey_id"].as_str().unwrap();
        assert_eq!(stack.json(&["key", "update", "--key", key_id, "--name", "two"])["apikey_name"], "two");
        let rotated = stack.json(&["key", "rotate", "--key", key_id, "--grace-hours", "1"]);
        assert_ne!(rotated["api_key"], key["api_key"]);
        assert_eq!(rotated["scopes"], json!(["health:read"]));
        assert_eq!(stack.run(&["key", "rotate", "--key", key_id]).status.code(), Some(1), "rotated already");
        assert_eq!(stack.json(&["key", "list", "--account", id]).as_array().unwrap().len(), 2);
        stack.json(&["key", "delete", "--key", key_id]);
        assert_eq!(stack.json(&["key", "list", "--account", id]).as_array().unwrap().len(), 1);

        assert_eq!(stack.run(&["account", "create", "--name", "x", "--plan", "gold"]).status.code(), Some(2));
        assert_eq!(stack.run(&["no-such-command"]).status.code(), Some(2));
        assert_eq!(stack.json(&["doctor"])["healthy"], true);
        stack.assert_audit_is_clean();
    })
    .await;
}

#[tokio::test]
async fn commands_that_find_no_stack_say_so() {
    let stack = Stack::prepared(&[]);
    let audit = stack.run(&["ledger", "audit", "--json"]);
    assert_eq!(audit.status.code(), Some(3), "could not check: {audit:?}");
    assert_eq!(stack.run(&["account", "list"]).status.code(), Some(1));
    assert_eq!(stack.run(&["generate", "bfl/flux-schnell", "a seal"]).status.code(), Some(2));
    assert_eq!(stack.json(&["catalog", "check"])["valid"], true);
    assert_eq!(stack.run(&["catalog", "check", "/nowhere/at/all"]).status.code(), Some(3));
    assert_eq!(stack.json(&["doctor"])["healthy"], true);
}

fn assert_one_line(output: &std::process::Output, words: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(words), "{said}");
    assert_eq!(said.trim().lines().count(), 1, "{said}");
}
