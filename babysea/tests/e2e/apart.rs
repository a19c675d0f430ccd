//! The roles in processes of their own, as production runs them, and what holds while the ledger is away.

use std::{process::Child, time::Duration};

use reqwest::Method;
use serde_json::json;

use crate::stack::{Stack, eventually, within};

/// Processes that end with the test, whatever becomes of it.
struct Roles {
    stack: Stack,
    ledger: Child,
    others: Vec<Child>,
}

impl Roles {
    async fn start() -> Self {
        let [ledger, simulator] = crate::stack::free_ports().map(|port: u16| format!("127.0.0.1:{port}"));
        let urls = [format!("http://{ledger}"), format!("http://{simulator}")];
        let mut stack = Stack::prepared(&[
            ("BABYSEA_LEDGER_LISTEN", &ledger),
            ("BABYSEA_LEDGER_URL", &urls[0]),
            ("BABYSEA_LEDGER_TOKEN", "a token of the operator's"),
            ("BABYSEA_SIMULATOR_LISTEN", &simulator),
            ("BABYSEA_SIMULATOR_URL", &urls[1]),
        ]);
        stack.simulator.clone_from(&urls[1]);
        let simulator = stack.role(&["simulator"], &[]).await;
        let ledger = start_ledger(&stack).await;
        (_, stack.key) = stack.account("pro", "10");
        let proxy = stack.role(&["proxy"], &[]).await;
        Self { stack, ledger, others: vec![simulator, proxy] }
    }

    fn kill_ledger(&mut self) {
        self.ledger.kill().unwrap();
        self.ledger.wait().unwrap();
    }
}

impl Drop for Roles {
    fn drop(&mut self) {
        for child in self.others.iter_mut().chain([&mut self.ledger]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

async fn start_ledger(stack: &Stack) -> Child {
    // The proxy has the metrics address.
    stack.role(&["ledger"], &[("BABYSEA_METRICS_LISTEN", "off")]).await
}

#[tokio::test]
async fn without_the_ledger_nothing_starts_and_what_needs_no_money_still_answers() {
    within(180, async {
        let mut roles = Roles::start().await;
        let before = roles.stack.image("fal").await.generation_id();
        assert_eq!(roles.stack.ended(&before).await["generation_status"], "succeeded");
        let submissions = roles.stack.submissions("fal").await.len();

        roles.kill_ledger();
        let stack = &roles.stack;
        let refused = eventually("a refusal", Duration::from_mins(1), async || {
            let refused = stack.image("fal").await;
            // A reservation that was sent on a connection whose end was not noticed yet is in doubt, and says so.
            assert!(matches!(refused.code(), "BSE5001" | "BSE5002"), "{refused:?}");
            (refused.code() == "BSE5002").then_some(refused)
        })
        .await;
        assert_eq!((refused.status.as_u16(), &refused.headers["retry-after"]), (503, &"1".parse().unwrap()));
        assert_eq!(stack.submissions("fal").await.len(), submissions, "nothing reached a provider");
        assert_eq!(
            stack.get("/v1/library/models").await.status,
            200,
            "a key that was just seen still opens the library"
        );
        assert_eq!(stack.get("/v1/content/list").await.code(), "BSE5002");
        let estimate = stack.get("/v1/estimate/bfl/flux-schnell").await;
        assert_eq!(estimate.data()["credit_balance"], json!(null));
        let unknown = format!("bye_{}", "y".repeat(38));
        let stranger = stack.send(stack.request(Method::GET, "/v1/status").bearer_auth(unknown)).await;
        assert_eq!((stranger.status.as_u16(), stranger.code()), (503, "BSE5002"), "never 401 without having looked");

        roles.ledger = start_ledger(&roles.stack).await;
        let stack = &roles.stack;
        let after = eventually("creates to work again", Duration::from_secs(20), async || {
            let reply = stack.image("fal").await;
            reply.status.is_success().then(|| reply.generation_id())
        })
        .await;
        assert_eq!(stack.ended(&after).await["generation_status"], "succeeded");
        stack.assert_audit_is_clean();
    })
    .await;
}

#[tokio::test]
async fn a_generation_that_a_provider_accepted_survives_an_outage_of_the_ledger() {
    within(180, async {
        let mut roles = Roles::start().await;
        roles.stack.provider("fal", json!({ "run_latency_ms": 1500 })).await;
        let id = roles.stack.image("fal").await.generation_id();
        roles.kill_ledger();
        let metrics = format!("{}/readyz", roles.stack.metrics);
        eventually("the proxy to call itself not ready", Duration::from_secs(20), async || {
            (roles.stack.http().get(&metrics).send().await.unwrap().status() == 503).then_some(())
        })
        .await;
        roles.ledger = start_ledger(&roles.stack).await;
        let record = eventually("the end of the generation", Duration::from_mins(1), async || {
            let reply = roles.stack.get(&format!("/v1/content/{id}")).await;
            let record = reply.body["data"].clone();
            crate::calls::is_terminal(&record).then_some(record)
        })
        .await;
        assert_eq!(record["generation_status"], "succeeded", "{record}");
        assert_eq!(roles.stack.submissions("fal").await.len(), 1, "and was not submitted again");
        roles.stack.assert_audit_is_clean();
    })
    .await;
}
