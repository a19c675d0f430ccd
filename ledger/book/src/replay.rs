//! What an idempotency key answers (api contract §8).

use ledger_contract::{GenerationStatus, Timestamp, command, generation::StoredAnswer, wire::ReplayAnswer};

use crate::state::Claim;

/// How long a key is kept from its claim: 24 h (api contract §8).
pub const CLAIM_LIFETIME_MS: i64 = 24 * 3_600_000;

/// What the key's row answers to someone who asks with `asked` at `now`.
///
/// `status` is that of the row's generation while its record exists: a canceled one replays in canceled form, a
/// deleted one as it was stored.
pub fn replay(
    row: Option<&Claim>,
    asked: &command::Claim,
    status: Option<GenerationStatus>,
    now: Timestamp,
) -> ReplayAnswer {
    let Some(row) = row.filter(|row| now < row.expires_at) else { return ReplayAnswer::Unknown };
    if row.fingerprint != asked.fingerprint {
        return ReplayAnswer::Conflict;
    }
    match &row.stored {
        None => ReplayAnswer::InProgress,
        Some(_) if status == Some(GenerationStatus::Canceled) => {
            ReplayAnswer::Replay { stored: StoredAnswer::Canceled { generation_id: row.generation_id } }
        }
        Some(stored) => ReplayAnswer::Replay { stored: stored.clone() },
    }
}
