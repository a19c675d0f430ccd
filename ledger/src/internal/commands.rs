//! Command batches, and the lookup of an idempotency key.

use std::sync::Arc;

use axum::{Json, extract::State};
use ledger_contract::{
    command::Command,
    wire::{AnswerBatch, CommandBatch, FindReplay, MAX_BATCH, ReplayAnswer},
};

use super::Answered;
use crate::{app::App, clock, problem::Problem, routes::Body};

/// `POST /internal/commands`.
pub(crate) async fn commit(State(app): State<Arc<App>>, Body(batch): Body<CommandBatch>) -> Answered<AnswerBatch> {
    if batch.commands.len() > MAX_BATCH {
        return Err(Problem::Malformed(format!("more than {MAX_BATCH} commands")));
    }
    note_keys(&app, &batch.commands);
    let answers = app.committer.commit(batch.commands).await?;
    Ok(Json(AnswerBatch { answers }))
}

/// A reservation is made with a key that was just verified.
fn note_keys(app: &App, commands: &[Command]) {
    let now = clock::now();
    for command in commands {
        if let Command::Reserve(reserve) = command {
            app.touches.note(reserve.apikey_id, now);
        }
    }
}

/// `POST /internal/replays/find`.
pub(crate) async fn find_replay(State(app): State<Arc<App>>, Body(find): Body<FindReplay>) -> Answered<ReplayAnswer> {
    Ok(Json(app.store.find_replay(find.account_id, &find.claim, clock::now()).await?))
}
