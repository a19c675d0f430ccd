//! Records, pages, replays, usage.

use ledger_contract::{
    AttemptOutcome::{Failed, Pending, Used},
    Credits, GenerationStatus, MicroUsd, Provider,
    command::Reserve,
    generation::StoredAnswer,
    wire::{ReplayAnswer, RequestCount, RequestCounts},
};
use ledger_store::{EndpointUsage, ProviderUsage};

use crate::{
    commands::{
        NOW, accept, account, add, cancel, charge, claim, delete, finish, generation, refund, reserve, reserve_under,
        start,
    },
    database::Database,
};

const HOUR_MS: i64 = 3_600_000;

#[tokio::test]
async fn a_record_is_read_by_its_owner_only() {
    let database = Database::with_credits(1_000).await;
    database.ask(reserve(1)).await;
    let row = database.store.generation(account(1), generation(1)).await.unwrap().unwrap();
    assert_eq!((row.status, row.amount, row.created_at), (GenerationStatus::Pending, Credits(100), NOW));
    assert_eq!((row.outputs, row.outputs_expire_at, row.error_code), (None, None, None));
    assert_eq!(database.store.generation(account(2), generation(1)).await.unwrap(), None);
    assert_eq!(database.store.generation(account(1), generation(2)).await.unwrap(), None);
}

#[tokio::test]
async fn a_failed_record_says_why() {
    let database = Database::with_credits(1_000).await;
    database.ask(reserve(1)).await;
    database.ask(refund(1, false)).await;
    let row = database.store.generation(account(1), generation(1)).await.unwrap().unwrap();
    assert_eq!((row.error_code, row.error_message), (Some(refund(1, false).error.code), Some("Too late".into())));
}

#[tokio::test]
async fn pages_are_newest_first_with_ties_by_id_and_the_total_counts_all() {
    let database = Database::with_credits(1_000).await;
    database.ask(reserve(3)).await;
    database.ask_at(reserve(1), NOW.plus_ms(5)).await;
    database.ask_at(reserve(2), NOW.plus_ms(5)).await;
    let page = database.store.generations(account(1), 2, 0).await.unwrap();
    let ids: Vec<_> = page.generations.iter().map(|row| row.generation_id).collect();
    assert_eq!((ids, page.total), (vec![generation(2), generation(1)], 3));
    let page = database.store.generations(account(1), 2, 2).await.unwrap();
    assert_eq!(page.generations[0].generation_id, generation(3));
    database.ask(delete(3)).await;
    let page = database.store.generations(account(1), 2, u64::MAX).await.unwrap();
    assert_eq!((page.generations.len(), page.total), (0, 2));
    assert_eq!(database.store.generations(account(9), 2, 0).await.unwrap().total, 0);
}

#[tokio::test]
async fn a_replay_is_found_without_claiming_the_key() {
    let database = Database::with_credits(1_000).await;
    let asked = claim("key", "print");
    let find = || database.store.find_replay(account(1), &asked, NOW);
    assert_eq!(find().await.unwrap(), ReplayAnswer::Unknown);
    database.ask(reserve_under(1, "key", "print")).await;
    assert_eq!(find().await.unwrap(), ReplayAnswer::InProgress);
    let other = claim("key", "other");
    assert_eq!(database.store.find_replay(account(1), &other, NOW).await.unwrap(), ReplayAnswer::Conflict);
    assert_eq!(database.store.find_replay(account(2), &asked, NOW).await.unwrap(), ReplayAnswer::Unknown);
    database.ask(accept(1, 1)).await;
    assert!(matches!(find().await.unwrap(), ReplayAnswer::Replay { stored: StoredAnswer::Created(_) }));
    database.ask(cancel(1)).await;
    let canceled = StoredAnswer::Canceled { generation_id: generation(1) };
    assert_eq!(find().await.unwrap(), ReplayAnswer::Replay { stored: canceled });
    let later = NOW.plus_ms(24 * HOUR_MS);
    assert_eq!(database.store.find_replay(account(1), &asked, later).await.unwrap(), ReplayAnswer::Unknown);
}

#[tokio::test]
async fn entries_of_an_account_are_paged_newest_first() {
    let database = Database::with_credits(1_000).await;
    database.ask(add("order:1", 5)).await;
    database.ask(reserve(1)).await;
    let entries = database.store.entries(account(1), 1, 1).await.unwrap();
    assert_eq!((entries.len(), entries[0].amount), (1, Credits(5)));
    assert_eq!(entries[0].description.as_deref(), Some("Credit pack"));
    assert_eq!(database.store.entries(account(2), 10, 0).await.unwrap(), []);
}

#[tokio::test]
async fn usage_counts_attempts_and_generations_since_then_deleted_ones_included() {
    let database = Database::with_credits(1_000).await;
    database.ask(reserve(3)).await;
    let since = NOW.plus_ms(10);
    database.ask_at(reserve(1), since).await;
    database.ask_at(finish(1, 1, Failed), since).await;
    database.ask_at(start(1, 2), since).await;
    database.ask_at(charge(1, 2), since).await;
    database.ask_at(delete(1), since).await;
    database.ask_at(reserve(2), since).await;
    let other = Reserve { account_id: account(2), ..reserve(4) };
    database.ask_at(other, since).await;
    let usage = database.store.usage(account(1), since).await.unwrap();
    assert_eq!(usage.generations, 2);
    let attempts =
        |provider, outcome| ProviderUsage { provider, outcome, attempts: 1, estimated_cost: MicroUsd(3_000) };
    let (fal, replicate) = (Provider::Fal, Provider::Replicate);
    assert_eq!(usage.attempts, [attempts(fal, Used), attempts(replicate, Failed), attempts(replicate, Pending)]);
}

#[tokio::test]
async fn a_request_report_counts_once() {
    let database = Database::new().await;
    let hour = ledger_contract::Timestamp(NOW.0 - NOW.0 % HOUR_MS);
    let row = |status, error_code: Option<&str>, requests| RequestCount {
        account_id: account(1),
        hour,
        endpoint: "GET /v1/status".into(),
        status,
        error_code: error_code.map(Into::into),
        requests,
    };
    let report = |n: u128| RequestCounts {
        report_id: uuid::Uuid::from_u128(n),
        rows: vec![row(200, None, 3), row(429, Some("BSE1005"), 1)],
        uses: Vec::new(),
    };
    for n in [1, 1, 2] {
        database.store.count_requests(&report(n), NOW).await.unwrap();
    }
    let used = |status, error_code: Option<&str>, requests| EndpointUsage {
        endpoint: "GET /v1/status".into(),
        status,
        error_code: error_code.map(Into::into),
        requests,
    };
    let usage = database.store.usage(account(1), NOW).await.unwrap();
    assert_eq!(usage.requests, [used(200, None, 6), used(429, Some("BSE1005"), 2)]);
    let later = database.store.usage(account(1), hour.plus_ms(HOUR_MS)).await.unwrap();
    assert_eq!(later.requests, []);
    let flood = RequestCounts {
        report_id: uuid::Uuid::from_u128(3),
        rows: vec![row(200, None, u64::MAX); 2],
        uses: Vec::new(),
    };
    database.store.count_requests(&flood, NOW).await.unwrap();
}

#[tokio::test]
async fn an_attempt_keeps_the_size_that_was_asked_for_when_its_record_is_gone() {
    let database = Database::with_credits(1_000).await;
    let mut video = reserve(1);
    video.request.insert("generation_duration".into(), 10.into());
    video.request.insert("generation_resolution".into(), "1080p".into());
    database.ask(video).await;
    database.ask(refund(1, false)).await;
    database.ask(delete(1)).await;
    let facts = sqlx::query_as::<_, (f64, String)>("SELECT duration_s, resolution FROM attempt_facts");
    assert_eq!(facts.fetch_all(&database.raw().await).await.unwrap(), [(10.0, "1080p".to_owned())]);
}
