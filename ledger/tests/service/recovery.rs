//! What a gone process leaves behind ends by itself, and nobody is called gone too early.

use std::time::Duration;

use ledger_contract::{
    Credits, GenerationId, HolderId,
    command::{Command, Reserve},
    wire::{self, RenewLease, TakeLeases, TakenLeases},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stack::{Bed, Stack, Tenant, accept, eventually, now, reserve};

/// Recovery every 20 ms; leases of `lease`.
fn quick(lease: Duration) -> Bed {
    let mut bed = Bed::new();
    bed.config.timing.lease = lease;
    bed.config.timing.recovery_interval = Duration::from_millis(20);
    bed
}

const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_hours(1);

/// Ten minutes ago: a reservation's own lease is long over.
async fn long_ago(stack: &Stack, commands: Vec<Command>) {
    let path = stack.folder.path().join("book.db");
    let store = ledger_store::Store::open(&format!("sqlite://{}", path.display())).await.unwrap();
    store.apply(&commands, now().plus_ms(-600_000)).await.unwrap();
}

fn wish(tenant: &Tenant) -> (Reserve, GenerationId) {
    let wish = reserve(tenant.caller, Credits(1_000));
    let id = wish.generation_id;
    (wish, id)
}

async fn record(stack: &Stack, tenant: &Tenant, id: GenerationId) -> Value {
    stack.data(tenant.caller, &format!("/v1/content/{id}")).await
}

#[tokio::test]
async fn a_pending_record_of_a_gone_process_is_failed_and_refunded() {
    let stack = quick(SHORT).start().await;
    let tenant = stack.tenant(Credits(10_000)).await;
    let (wish, id) = wish(&tenant);
    long_ago(&stack, vec![Command::Reserve(wish)]).await;
    eventually("it fails", async || record(&stack, &tenant, id).await["generation_status"] == "failed").await;
    assert_eq!(record(&stack, &tenant, id).await["generation_error_code"], "BSE4001");
    assert_eq!(stack.balance(tenant.caller.account_id).await, Credits(10_000));
    let usage = stack.data(tenant.caller, "/v1/usage").await;
    assert_eq!(usage["usage_providers"][0]["failed_count"], 1, "the attempt is resolved, too");
    eventually("it is counted", async || {
        stack.metric("babysea_ledger_recovered_total{why=\"abandoned\"}") == Some(1.0)
    })
    .await;
    stack.end().await;
}

#[tokio::test]
async fn a_processing_record_past_its_deadline_is_failed_and_refunded() {
    let stack = quick(SHORT).start().await;
    let tenant = stack.tenant(Credits(10_000)).await;
    let (mut wish, id) = wish(&tenant);
    wish.deadline_at = now().plus_ms(-31_000);
    long_ago(&stack, vec![Command::Reserve(wish), accept(id)]).await;
    eventually("it fails", async || record(&stack, &tenant, id).await["generation_status"] == "failed").await;
    assert_eq!(record(&stack, &tenant, id).await["generation_error_code"], "BSE4002");
    assert_eq!(stack.balance(tenant.caller.account_id).await, Credits(10_000));
    stack.end().await;
}

#[tokio::test]
async fn a_processing_record_of_a_gone_process_is_taken_over_and_not_refunded() {
    let stack = quick(SHORT).start().await;
    let tenant = stack.tenant(Credits(10_000)).await;
    let (wish, id) = wish(&tenant);
    long_ago(&stack, vec![Command::Reserve(wish), accept(id)]).await;
    let take = TakeLeases { holder: HolderId(Uuid::now_v7()), limit: 10 };
    let mut taken = Vec::new();
    eventually("it is handed over", async || {
        taken = stack.post::<TakenLeases>(wire::LEASES_TAKE, &take).await.generations;
        !taken.is_empty()
    })
    .await;
    assert_eq!((taken[0].generation_id, taken.len()), (id, 1));
    assert_eq!(taken[0].open.as_ref().unwrap().handle, Some(json!({"prediction_id": "p-1"})));
    let other = TakeLeases { holder: HolderId(Uuid::now_v7()), limit: 10 };
    assert_eq!(stack.post::<TakenLeases>(wire::LEASES_TAKE, &other).await.generations, []);
    assert_eq!(record(&stack, &tenant, id).await["generation_status"], "processing");
    assert_eq!(stack.balance(tenant.caller.account_id).await, Credits(9_000));
    stack.end().await;
}

#[tokio::test]
async fn a_living_holder_keeps_its_records() {
    let stack = quick(LONG).start().await;
    let tenant = stack.tenant(Credits(10_000)).await;
    let (wish, id) = wish(&tenant);
    let renew = RenewLease { holder: wish.holder };
    assert_eq!(stack.post::<Value>(wire::LEASES_RENEW, &renew).await, json!({}));
    let (gone, gone_id) = self::wish(&tenant);
    long_ago(&stack, vec![Command::Reserve(wish), Command::Reserve(gone)]).await;
    eventually("the other one fails", async || record(&stack, &tenant, gone_id).await["generation_status"] == "failed")
        .await;
    assert_eq!(record(&stack, &tenant, id).await["generation_status"], "pending");
    stack.end().await;
}

#[tokio::test]
async fn after_a_start_every_open_lease_runs_anew() {
    let stack = quick(LONG).start().await;
    let tenant = stack.tenant(Credits(10_000)).await;
    let ((pending, pending_id), (processing, processing_id)) = (wish(&tenant), wish(&tenant));
    // Stopped before recovery sees them, started again: their holders may only have been kept from renewing.
    let commands = vec![Command::Reserve(pending), Command::Reserve(processing), accept(processing_id)];
    let stack = stack.restart_with(quick(LONG), commands).await;
    let (fresh, fresh_id) = wish(&tenant);
    long_ago(&stack, vec![Command::Reserve(fresh)]).await;
    eventually("recovery acts", async || record(&stack, &tenant, fresh_id).await["generation_status"] == "failed")
        .await;
    assert_eq!(record(&stack, &tenant, pending_id).await["generation_status"], "pending");
    let take = TakeLeases { holder: HolderId(Uuid::now_v7()), limit: 10 };
    assert_eq!(stack.post::<TakenLeases>(wire::LEASES_TAKE, &take).await.generations, []);
    stack.end().await;
}
