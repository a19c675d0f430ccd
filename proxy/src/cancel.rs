//! Cancel and delete (api contract §5.10, §5.11): the ledger's commit first, then, as far as it goes, the provider and the
//! files. Nothing that happens upstream can undo them.

use std::{sync::Arc, time::Duration};

use ledger_contract::{
    AttemptOutcome, ErrorCode, GenerationId, GenerationStatus, PublicError,
    command::{Cancel, CancelAnswer, Delete, DeleteAnswer},
    generation::OpenAttempt,
    wire::Caller,
};
use serde_json::json;
use tokio::time::{Instant, timeout};
use tracing::{Instrument, info, info_span};

use crate::{
    answer::Reply,
    dispatch::{
        job::jobs_of,
        late::{CANCEL_BUDGET, cancel_upstream},
    },
    engine::Engine,
    ledger::LedgerError,
    outputs,
};

/// For the ledger; with the upstream cancel it fills the route's 5 s.
const LEDGER_BUDGET: Duration = Duration::from_millis(1_500);
/// For removing files of a deleted generation.
const FILES_BUDGET: Duration = Duration::from_secs(3);

/// Stops an open generation and gives its credits back.
pub async fn cancel(engine: &Arc<Engine>, caller: Caller, id: &str) -> Reply {
    let Ok(generation_id) = id.parse() else { return Reply::generation_not_found() };
    let span = info_span!("cancel", %generation_id, account_id = %caller.account_id);
    on_work_runtime(engine, cancel_known(Arc::clone(engine), caller, generation_id).instrument(span)).await
}

/// Removes a generation and its files for good, canceling it first.
pub async fn delete(engine: &Arc<Engine>, caller: Caller, id: &str) -> Reply {
    let Ok(generation_id) = id.parse() else { return Reply::generation_not_found() };
    let span = info_span!("delete", %generation_id, account_id = %caller.account_id);
    on_work_runtime(engine, delete_known(Arc::clone(engine), caller, generation_id).instrument(span)).await
}

/// Tracked, so that a client that leaves does not leave the upstream job running.
async fn on_work_runtime(engine: &Engine, work: impl Future<Output = Reply> + Send + 'static) -> Reply {
    engine.tracker.spawn_on(work, &engine.runtime).await.unwrap_or_else(|_| Reply::internal_error())
}

async fn cancel_known(engine: Arc<Engine>, caller: Caller, generation_id: GenerationId) -> Reply {
    let command = Cancel { account_id: caller.account_id, generation_id };
    let landed = match engine.ledger.ask_until(command, Instant::now() + LEDGER_BUDGET).await {
        Ok(landed) => landed,
        Err(error) => return unanswered(error),
    };
    let open = match landed.answer {
        CancelAnswer::Canceled { open } => open,
        // The echo of our own first saying, whose answer was lost.
        CancelAnswer::NotCancelable { status: GenerationStatus::Canceled } if landed.said_before => None,
        CancelAnswer::NotCancelable { status } => return not_cancelable(status),
        CancelAnswer::NotFound => return Reply::generation_not_found(),
    };
    engine.hub.moved(generation_id);
    let provider_cancel_sent = stop(&engine, generation_id, open).await;
    info!(provider_cancel_sent, "generation canceled");
    Reply::success(
        "Generation canceled",
        json!({
            "generation_id": generation_id,
            "generation_status": GenerationStatus::Canceled,
            "provider_cancel_sent": provider_cancel_sent,
            "credits_refunded": true,
        }),
    )
}

async fn delete_known(engine: Arc<Engine>, caller: Caller, generation_id: GenerationId) -> Reply {
    let command = Delete { account_id: caller.account_id, generation_id };
    let landed = match engine.ledger.ask_until(command, Instant::now() + LEDGER_BUDGET).await {
        Ok(landed) => landed,
        Err(error) => return unanswered(error),
    };
    let (files, open) = match landed.answer {
        DeleteAnswer::Deleted { outputs, open } => (outputs, open),
        // The echo again: the record is gone; its files are orphans now, and swept as such.
        DeleteAnswer::NotFound if landed.said_before => (Vec::new(), None),
        DeleteAnswer::NotFound => return Reply::generation_not_found(),
    };
    engine.hub.moved(generation_id);
    let removing = async { timeout(FILES_BUDGET, outputs::remove(&engine, &files)).await.unwrap_or(0) };
    let (files_deleted, _) = tokio::join!(removing, stop(&engine, generation_id, open));
    info!(files_deleted, "generation deleted");
    Reply::success("Generation deleted", json!({ "generation_id": generation_id, "files_deleted": files_deleted }))
}

/// Stops following it here, and asks the provider to stop; `true`: the provider took every cancellation.
async fn stop(engine: &Engine, generation_id: GenerationId, open: Option<OpenAttempt>) -> bool {
    if let Some(following) = engine.running.get(&generation_id) {
        following.cancel();
    }
    let Some(open) = open else { return false };
    let provider = open.start.provider;
    engine.metrics.attempt_ended(provider, AttemptOutcome::Cancelled, None);
    let Some(handle) = open.handle else { return false };
    let jobs = jobs_of(&handle);
    let cancels = futures::future::join_all(jobs.iter().map(|job| cancel_upstream(engine, provider, job)));
    let taken = timeout(CANCEL_BUDGET, cancels).await.unwrap_or_default();
    !taken.is_empty() && taken.into_iter().all(|taken| taken)
}

fn not_cancelable(status: GenerationStatus) -> Reply {
    Reply::failure(
        PublicError::new(ErrorCode::GenerationNotCancelable, "The generation has already ended")
            .with_detail("generation_status", status.as_str()),
    )
}

/// A lost answer may hide a cancellation that happened: final, unlike one that certainly did not.
fn unanswered(error: LedgerError) -> Reply {
    match error {
        LedgerError::Unavailable => Reply::ledger_unavailable(),
        LedgerError::Refused | LedgerError::InDoubt => Reply::internal_error(),
    }
}
