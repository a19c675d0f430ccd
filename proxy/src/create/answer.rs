//! What a create answers once a record exists. The first answer has the form in which it is stored.

use ledger_contract::{
    GenerationId, GenerationStatus,
    generation::{CreatedData, StoredAnswer},
};

use crate::{answer::Reply, dispatch::job::Job, run::Run};

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
