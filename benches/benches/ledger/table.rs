//! What is measured, and how it is told.

use std::time::Duration;

use ledger_contract::{
    Credits, Plan, Timestamp,
    access::Account,
    command::{Add, Answer, ChargeAnswer, Command, ReserveAnswer},
};
use ledger_store::Store;
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    callers::{Run, flat_out, paced},
    client::Client,
    commands::{accept, account, charge, new_id, reserve},
    plain::Plain,
    process::Ledger,
    server::Server,
};

const ACCOUNTS: usize = 1_000;

/// A plan has a cap on open generations, and a run of reserves alone never ends one: here every batch begins without any
/// open. The trigger costs ours a little per account and batch.
const NO_CAP: &str =
    "CREATE FUNCTION no_cap() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.in_flight := 0; RETURN NEW; END';
    CREATE TRIGGER no_cap BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION no_cap()";
const NO_CAP_SQLITE: &str = "CREATE TRIGGER no_cap AFTER UPDATE OF in_flight ON accounts WHEN NEW.in_flight > 0
    BEGIN UPDATE accounts SET in_flight = 0 WHERE account_id = NEW.account_id; END";

/// How long and how often.
struct Effort {
    length: Duration,
    rounds: usize,
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

pub async fn measure() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let effort = Effort {
        length: Duration::from_secs(number("BABYSEA_BENCH_SECONDS", 5)),
        rounds: usize::try_from(number("BABYSEA_BENCH_ROUNDS", 3)).unwrap(),
    };
    let server = Server::start(&["-c", "max_wal_size=8GB", "-c", "shared_buffers=256MB", "-c", "max_connections=100"]);
    let url = server.database();
    let store = Store::open(&url).await.unwrap();
    fill(&store).await;
    sqlx::raw_sql(NO_CAP).execute(&PgPool::connect(&url).await.unwrap()).await.unwrap();
    let ledger = Ledger::start(&url);
    let client = Client::new(&ledger.url);
    let accounts: Vec<Uuid> = (0..ACCOUNTS).map(|n| account(n).0).collect();
    let plain = Plain::new(&server.database(), &accounts).await;

    println!("| what | accounts | callers | ours /s | p50 ms | p99 ms | one statement per call /s | ours is |");
    println!("|---|---|---|---|---|---|---|---|");
    for spread in [1, ACCOUNTS] {
        for callers in [64, 512] {
            row("reserve", spread, callers, &effort, &client, &plain).await;
            row("lifecycle", spread, callers, &effort, &client, &plain).await;
        }
    }
    full_records(&effort, &client).await;
    half_load(&effort, &client).await;
    alone(&effort, &client, &plain).await;
    println!("\nmemory of the ledger's process after all of it: {} MB", ledger.memory_mb());
    sqlite(&effort).await;
}

async fn fill(store: &Store) {
    let now = Timestamp(1_779_874_860_000);
    for n in 0..ACCOUNTS {
        let made = Account {
            account_id: account(n),
            name: format!("Account {n}"),
            plan: Plan::Enterprise,
            balance: Credits::ZERO,
            in_flight: 0,
            created_at: now,
        };
        store.create_account(&made, now).await.unwrap();
    }
    let add = |n| {
        let key = "bench".to_owned();
        Command::Add(Add { account_id: account(n), amount: Credits(9_000_000_000), key, description: None })
    };
    store.apply(&(0..ACCOUNTS).map(add).collect::<Vec<_>>(), now).await.unwrap();
}

async fn row(what: &'static str, spread: usize, callers: usize, effort: &Effort, client: &Client, plain: &Plain) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        ours.push(run_ours(what, spread, callers, effort, client, None).await);
        theirs.push(run_plain(what, spread, callers, effort, plain).await);
    }
    let (ours, theirs) = (median(ours), median(theirs));
    println!(
        "| {what} | {spread} | {callers} | {:.0} | {:.1} | {:.1} | {:.0} | {:.1}× |",
        ours.per_second,
        ours.percentile(50),
        ours.percentile(99),
        theirs.per_second,
        ours.per_second / theirs.per_second
    );
}

fn median(mut runs: Vec<Run>) -> Run {
    runs.sort_by(|left, right| left.per_second.total_cmp(&right.per_second));
    let middle = runs.len() / 2;
    runs.swap_remove(middle)
}

async fn run_ours(
    what: &'static str,
    spread: usize,
    callers: usize,
    effort: &Effort,
    client: &Client,
    per_second: Option<f64>,
) -> Run {
    let client = client.clone();
    paced(callers, effort.length, per_second, move |caller, step| {
        let client = client.clone();
        async move { life(&client, what, (caller * 7_919 + step) % spread).await }
    })
    .await
}

async fn life(client: &Client, what: &str, n: usize) {
    let (id, full) = (new_id(), what == "full");
    loop {
        match client.ask(reserve(account(n), id, full)).await {
            Answer::Reserve(ReserveAnswer::Reserved { .. }) => break,
            // More than the cap within one batch: refused as a customer would be, and asked again as one would.
            Answer::Reserve(ReserveAnswer::ConcurrencyLimit { .. }) => {}
            answer => panic!("{answer:?}"),
        }
    }
    if full {
        client.ask(accept(id)).await;
    }
    if what != "reserve" {
        let answer = client.ask(charge(id, full)).await;
        assert!(matches!(answer, Answer::Charge(ChargeAnswer::Charged { .. })), "{answer:?}");
    }
}

async fn run_plain(what: &'static str, spread: usize, callers: usize, effort: &Effort, plain: &Plain) -> Run {
    let plain = plain.clone();
    flat_out(callers, effort.length, move |caller, step| {
        let plain = plain.clone();
        async move {
            let (account_id, id) = (account((caller * 7_919 + step) % spread).0, new_id().0);
            plain.reserve(account_id, id).await;
            if what == "lifecycle" {
                plain.charge(account_id, id).await;
            }
        }
    })
    .await
}

async fn full_records(effort: &Effort, client: &Client) {
    println!();
    for spread in [1, ACCOUNTS] {
        let run = run_ours("full", spread, 512, effort, client, None).await;
        println!(
            "full records (attempt, acceptance, key), {spread} account(s), 512 callers: {:.0} lifecycles/s, p99 {:.1} ms",
            run.per_second,
            run.percentile(99)
        );
    }
}

async fn half_load(effort: &Effort, client: &Client) {
    for spread in [1, ACCOUNTS] {
        let most = run_ours("lifecycle", spread, 512, effort, client, None).await.per_second;
        let run = run_ours("lifecycle", spread, 512, effort, client, Some(most / 2.0)).await;
        println!(
            "half load, {spread} account(s): {:.0} of {most:.0} lifecycles/s, p50 {:.1} ms, p99 {:.1} ms for both commands",
            run.per_second,
            run.percentile(50),
            run.percentile(99)
        );
    }
}

async fn alone(effort: &Effort, client: &Client, plain: &Plain) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        ours.push(run_ours("reserve", 1, 1, effort, client, None).await.percentile(50));
        theirs.push(run_plain("reserve", 1, 1, effort, plain).await.percentile(50));
    }
    ours.sort_by(f64::total_cmp);
    theirs.sort_by(f64::total_cmp);
    let (ours, theirs) = (ours[ours.len() / 2], theirs[theirs.len() / 2]);
    println!("a single caller: {ours:.2} ms a reserve, one plain transaction {theirs:.2} ms: {:.2}×", ours / theirs);
}

async fn sqlite(effort: &Effort) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("book.db").display());
    let store = Store::open(&url).await.unwrap();
    fill(&store).await;
    let raw = sqlx::SqlitePool::connect(&url).await.unwrap();
    sqlx::raw_sql(NO_CAP_SQLITE).execute(&raw).await.unwrap();
    raw.close().await;
    store.close().await;
    let ledger = Ledger::start(&url);
    let client = Client::new(&ledger.url);
    for spread in [1, ACCOUNTS] {
        let mut runs = Vec::new();
        for _ in 0..effort.rounds {
            runs.push(run_ours("lifecycle", spread, 512, effort, &client, None).await);
        }
        let run = median(runs);
        println!(
            "SQLite, {spread} account(s), 512 callers: {:.0} lifecycles/s, p99 {:.1} ms",
            run.per_second,
            run.percentile(99)
        );
    }
}
