//! A ledger that decides nothing: it answers yes unless a test says otherwise, and remembers what it was asked.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use ledger_contract::{
    Credits,
    command::{
        Answer, AttemptAnswer, CancelAnswer, ChargeAnswer, Command, DeleteAnswer, Refund, RefundAnswer, ReserveAnswer,
    },
    generation::OpenGeneration,
    wire::{AnswerBatch, CommandBatch, ReplayAnswer, RoutingSwitch, RoutingSwitches, TakenLeases},
};
use serde_json::{Value, json};

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Carried out, and the answer is lost.
    Lost,
    /// Refused with 503, not carried out.
    Away,
}

#[derive(Default)]
struct Pages {
    commands: Vec<Command>,
    answers: HashMap<&'static str, VecDeque<Answer>>,
    faults: VecDeque<Fault>,
    taken: Vec<OpenGeneration>,
    replay: Option<ReplayAnswer>,
    switches: Vec<RoutingSwitch>,
}

/// The ledger's memory, shared with the test.
#[derive(Clone, Default)]
pub struct Book(Arc<Mutex<Pages>>);

impl Book {
    /// The next command of this name gets this answer.
    pub fn answer(&self, command: &'static str, answer: Answer) {
        self.0.lock().unwrap().answers.entry(command).or_default().push_back(answer);
    }

    /// The next call of commands fails like this.
    pub fn fail(&self, fault: Fault) {
        self.0.lock().unwrap().faults.push_back(fault);
    }

    /// Handed over to the next process that takes leases.
    pub fn hand_over(&self, generation: OpenGeneration) {
        self.0.lock().unwrap().taken.push(generation);
    }

    /// What lookups of idempotency keys say.
    pub fn replay(&self, answer: ReplayAnswer) {
        self.0.lock().unwrap().replay = Some(answer);
    }

    /// Takes a provider out of routing.
    pub fn switch_off(&self, provider: ledger_contract::Provider) {
        let (model, reason, created_at) = (None, String::new(), ledger_contract::Timestamp(0));
        let switch = RoutingSwitch { provider: Some(provider), model, reason, created_at };
        self.0.lock().unwrap().switches.push(switch);
    }

    /// What became of the one generation.
    fn status(&self) -> Option<&'static str> {
        let names = self.names();
        let said = |name| names.contains(&name);
        let status = if said("Charge") {
            "succeeded"
        } else if said("Refund") {
            "failed"
        } else {
            "processing"
        };
        said("Reserve").then_some(status)
    }

    /// Everything that was carried out, oldest first.
    pub fn commands(&self) -> Vec<Command> {
        self.0.lock().unwrap().commands.clone()
    }

    /// Names of [`Book::commands`].
    pub fn names(&self) -> Vec<&'static str> {
        self.commands().iter().map(Command::name).collect()
    }

    /// The last refund that was asked for, if one was.
    pub fn refund(&self) -> Option<Refund> {
        self.commands().into_iter().rev().find_map(|command| match command {
            Command::Refund(refund) => Some(refund),
            _ => None,
        })
    }

    fn carry_out(&self, commands: Vec<Command>) -> Vec<Answer> {
        let mut pages = self.0.lock().unwrap();
        let answers = commands.iter().map(|command| {
            let scripted = pages.answers.get_mut(command.name()).and_then(VecDeque::pop_front);
            scripted.unwrap_or_else(|| yes(command))
        });
        let answers = answers.collect();
        pages.commands.extend(commands);
        answers
    }
}

fn yes(command: &Command) -> Answer {
    let balance = Credits(1_000);
    match command {
        Command::Reserve(_) => Answer::Reserve(ReserveAnswer::Reserved { balance }),
        Command::StartAttempt(_) => Answer::StartAttempt(AttemptAnswer::Done),
        Command::AcceptAttempt(_) => Answer::AcceptAttempt(AttemptAnswer::Done),
        Command::FinishAttempt(_) => Answer::FinishAttempt(AttemptAnswer::Done),
        Command::Charge(_) => Answer::Charge(ChargeAnswer::Charged { balance }),
        Command::Refund(_) => Answer::Refund(RefundAnswer::Refunded { balance }),
        Command::Cancel(_) => Answer::Cancel(CancelAnswer::Canceled { open: None }),
        Command::Delete(_) => Answer::Delete(DeleteAnswer::Deleted { outputs: Vec::new(), open: None }),
        Command::Add(_) => panic!("the proxy grants nothing"),
    }
}

/// Its internal HTTP contract.
pub fn routes(book: Book) -> Router {
    Router::new()
        .route("/internal/commands", post(commands))
        .route("/internal/leases/renew", post(async || Json(json!({}))))
        .route("/internal/leases/take", post(take))
        .route("/internal/replays/find", post(replays))
        .route("/internal/routing/sync", post(switches))
        .route("/v1/content/{generation_id}", get(record))
        .with_state(book)
}

async fn commands(State(book): State<Book>, Json(batch): Json<CommandBatch>) -> Result<Json<AnswerBatch>, StatusCode> {
    let fault = {
        let mut pages = book.0.lock().unwrap();
        pages.faults.pop_front()
    };
    if fault == Some(Fault::Away) {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    let answers = book.carry_out(batch.commands);
    if fault == Some(Fault::Lost) {
        return Err(StatusCode::INTERNAL_SERVER_ERROR);
    }
    Ok(Json(AnswerBatch { answers }))
}

async fn take(State(book): State<Book>, Json(_): Json<Value>) -> Json<TakenLeases> {
    Json(TakenLeases { generations: std::mem::take(&mut book.0.lock().unwrap().taken) })
}

async fn replays(State(book): State<Book>, Json(_): Json<Value>) -> Json<ReplayAnswer> {
    Json(book.0.lock().unwrap().replay.clone().unwrap_or(ReplayAnswer::Unknown))
}

async fn switches(State(book): State<Book>, Json(_): Json<Value>) -> Json<RoutingSwitches> {
    let switches = book.0.lock().unwrap().switches.clone();
    Json(RoutingSwitches { version: switches.len().to_string(), switches })
}

async fn record(State(book): State<Book>, Path(id): Path<String>) -> Result<Json<Value>, StatusCode> {
    let status = book.status().ok_or(StatusCode::NOT_FOUND)?;
    Ok(Json(json!({ "data": { "generation_id": id, "generation_status": status } })))
}
