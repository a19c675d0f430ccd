//! The ledger's client: batching, and what a failed call leaves certain.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use ledger_contract::{
    AccountId, GenerationId,
    command::{Answer, Cancel, CancelAnswer, Command},
    wire::{AnswerBatch, CommandBatch},
};
use proxy::{
    ledger::{LedgerClient, LedgerError},
    metrics::Metrics,
};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// A ledger that answers a call when the test lets it.
#[derive(Clone)]
struct Gate {
    calls: Arc<AtomicUsize>,
    open: Arc<Semaphore>,
    poison: Option<GenerationId>,
}

async fn answer(State(gate): State<Gate>, Json(batch): Json<CommandBatch>) -> Result<Json<AnswerBatch>, StatusCode> {
    gate.calls.fetch_add(1, Ordering::SeqCst);
    gate.open.acquire().await.unwrap().forget();
    let cancels = batch.commands.iter().map(|command| match command {
        Command::Cancel(cancel) if Some(cancel.generation_id) == gate.poison => Err(StatusCode::BAD_REQUEST),
        Command::Cancel(_) => Ok(Answer::Cancel(CancelAnswer::NotFound)),
        other => panic!("{other:?}"),
    });
    Ok(Json(AnswerBatch { answers: cancels.collect::<Result<_, _>>()? }))
}

async fn client(gate: Gate) -> LedgerClient {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let routes = Router::new().route("/internal/commands", post(answer)).with_state(gate);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    start(&url)
}

fn start(url: &str) -> LedgerClient {
    let metrics = Arc::new(Metrics::new(&prometheus::Registry::new()).unwrap());
    LedgerClient::start(url, "token", metrics).unwrap()
}

fn gate(poison: Option<GenerationId>, permits: usize) -> Gate {
    Gate { calls: Arc::default(), open: Arc::new(Semaphore::new(permits)), poison }
}

fn command(generation_id: GenerationId) -> Cancel {
    Cancel { account_id: AccountId(Uuid::now_v7()), generation_id }
}

fn any() -> Cancel {
    command(GenerationId(Uuid::now_v7()))
}

#[tokio::test]
async fn commands_gather_while_a_call_is_in_flight() {
    let gate = gate(None, 0);
    let client = client(gate.clone()).await;
    let first = tokio::spawn({
        let client = client.clone();
        async move { client.ask(any()).await }
    });
    while gate.calls.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let others = futures::future::join_all((0..100).map(|_| client.ask(any())));
    let open = async { gate.open.add_permits(2) };
    let (answers, ()) = tokio::join!(others, open);
    assert_eq!(first.await.unwrap(), Ok(CancelAnswer::NotFound));
    assert!(answers.iter().all(|answer| answer == &Ok(CancelAnswer::NotFound)));
    assert_eq!(gate.calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_refused_command_does_not_fail_its_neighbours() {
    let bad = GenerationId(Uuid::now_v7());
    let gate = gate(Some(bad), 100);
    let client = client(gate).await;
    let (first, poisoned, last) = tokio::join!(client.ask(any()), client.ask(command(bad)), client.ask(any()));
    assert_eq!(first, Ok(CancelAnswer::NotFound));
    assert_eq!(poisoned, Err(LedgerError::Refused));
    assert_eq!(last, Ok(CancelAnswer::NotFound));
}

#[tokio::test]
async fn a_ledger_that_is_not_there_certainly_did_nothing() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(start(&url).ask(any()).await, Err(LedgerError::Unavailable));
}

#[tokio::test]
async fn a_ledger_that_does_not_answer_in_time_leaves_doubt() {
    let client = client(gate(None, 0)).await;
    assert_eq!(client.ask(any()).await, Err(LedgerError::InDoubt));
}
