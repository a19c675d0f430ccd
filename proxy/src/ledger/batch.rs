//! Gathers the commands that wait while a call is in flight and sends them as one batch. Never reorders, never retries.

use std::sync::Arc;

use ledger_contract::{
    command::{Answer, Command},
    wire::{self, AnswerBatch, MAX_BATCH},
};
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use super::http::{CallError, Http};

/// Groups in one call. Each is one or two commands with a request of at most 100 KiB, so a call stays below 30 MiB.
const MAX_GROUPS: usize = 256;
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

/// Runs until the last client is gone.
pub(super) async fn send_batches(mut waiting: mpsc::Receiver<Group>, http: Http) {
    let mut groups = Vec::new();
    while waiting.recv_many(&mut groups, MAX_GROUPS).await > 0 {
        // Whoever stopped waiting before anything was sent has not asked.
        groups.retain(|group| !group.reply.is_closed());
        send(&http, std::mem::take(&mut groups)).await;
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
