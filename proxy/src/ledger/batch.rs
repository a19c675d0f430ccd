//! Gathers the commands that wait while calls are in flight and sends them as one batch. Never retries.

use std::sync::Arc;

use ledger_contract::{
    command::{Answer, Command},
    wire::{self, AnswerBatch, MAX_BATCH},
};
use serde::Serialize;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::http::{CallError, Http};

/// Groups in one call. Each is one or two commands with a request of at most 100 KiB, so a call stays below 30 MiB.
const MAX_GROUPS: usize = 256;
/// Calls in flight: while the ledger commits one, it reads the other.
const CALLS: usize = 2;
const _: () = assert!(MAX_GROUPS * 2 <= MAX_BATCH, "two commands a group");

/// Commands that belong together: sent in one batch, next to each other, in this order.
#[derive(Debug)]
pub(super) struct Group {
    pub commands: Arc<[Command]>,
    pub reply: oneshot::Sender<Result<Vec<Answer>, CallError>>,
}

/// The wire's `CommandBatch`, without owning the commands: whoever waits may have to say them again.
#[derive(Serialize)]
struct Batch<'a> {
    commands: Vec<&'a Command>,
}

/// Runs until the last client is gone. While calls are in flight the next groups gather; a caller hears its answer before
/// it says its next command, so two calls at once reorder nothing that anybody said in order.
pub(super) async fn send_batches(mut waiting: mpsc::Receiver<Group>, http: Http) {
    let calls = Arc::new(Semaphore::new(CALLS));
    let mut groups = Vec::new();
    while let Ok(call) = Arc::clone(&calls).acquire_owned().await {
        if waiting.recv_many(&mut groups, MAX_GROUPS).await == 0 {
            return;
        }
        // Whoever stopped waiting before anything was sent has not asked.
        groups.retain(|group| !group.reply.is_closed());
        let (http, groups) = (http.clone(), std::mem::take(&mut groups));
        tokio::spawn(async move {
            send(&http, groups).await;
            drop(call);
        });
    }
}

/// A batch that is refused as a whole is sent group by group, so that one bad command never fails its neighbours.
async fn send(http: &Http, groups: Vec<Group>) {
    if groups.is_empty() {
        return;
    }
    match call(http, groups.iter().flat_map(|group| group.commands.iter())).await {
        Ok(answers) => hand_out(groups, answers),
        Err(CallError::Refused | CallError::Missing) if groups.len() > 1 => {
            for group in groups {
                let answers = call(http, group.commands.iter()).await;
                let _ = group.reply.send(answers);
            }
        }
        Err(error) => {
            for group in groups {
                let _ = group.reply.send(Err(error));
            }
        }
    }
}

async fn call<'a>(http: &Http, commands: impl Iterator<Item = &'a Command>) -> Result<Vec<Answer>, CallError> {
    let asked = Batch { commands: commands.collect() };
    http.batch_begins(asked.commands.len());
    let batch: AnswerBatch = http.post(wire::COMMANDS, &asked).await?;
    if batch.answers.len() == asked.commands.len() { Ok(batch.answers) } else { Err(CallError::Lost) }
}

fn hand_out(groups: Vec<Group>, answers: Vec<Answer>) {
    let mut answers = answers.into_iter();
    for group in groups {
        let own = answers.by_ref().take(group.commands.len()).collect();
        let _ = group.reply.send(Ok(own));
    }
}
