//! What a create answers once a record exists. The first answer has the form in which it is stored.

use std::{sync::Arc, time::Duration};

use ledger_contract::{
    GenerationId, GenerationStatus,
    generation::{CreatedData, StoredAnswer},
};

use serde_json::Value;
use tokio::time::Instant;

use super::CreateRequest;
use crate::{
    answer::Reply,
    dispatch::job::Job,
    engine::Engine,
    run::Run,
    wait::{self, Question},
};

/// Accepted by a provider.
pub fn created(run: &Run, job: &Job) -> Reply {
    Reply::stored(StoredAnswer::Created(CreatedData {
        model_identifier: run.model.clone(),
        generation_provider_order: run.chain.order().to_vec(),
        generation_prediction_id: job.prediction_id.clone(),
        generation_id: run.generation_id,
        generation_initialized: true,
    }))
}

/// Ended by somebody else before it could be answered: canceled by its owner, or failed by recovery.
pub fn ended(generation_id: GenerationId, status: GenerationStatus) -> Reply {
    match status {
        GenerationStatus::Canceled => Reply::stored(StoredAnswer::Canceled { generation_id }),
        GenerationStatus::Failed => Reply::stored(StoredAnswer::Failed(ledger_contract::command::in_doubt_error())),
        GenerationStatus::Pending | GenerationStatus::Processing | GenerationStatus::Succeeded => {
            Reply::internal_error()
        }
    }
}

/// `Prefer: wait=n`: adds the record when it is terminal in time. Never part of the stored answer.
pub async fn add_generation(engine: &Arc<Engine>, request: &CreateRequest, reply: &mut Reply, wait: Duration) {
    let Ok(success) = &mut reply.outcome else { return };
    let id = success.data.get("generation_id").and_then(Value::as_str).and_then(|id| id.parse().ok());
    let (Some(generation_id), Some(data)) = (id, success.data.as_object_mut()) else { return };
    let question = Question {
        caller: request.caller,
        generation_id,
        request_id: request.request_id.clone(),
        received_at: Instant::from_std(request.received_at),
    };
    if let Some(record) = wait::until_terminal(engine, &question, question.until(wait)).await {
        data.insert("generation".to_owned(), record);
    }
}
