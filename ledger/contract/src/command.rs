//! What changes the book, and every answer it can give.
//!
//! A command names what it is about (a generation, an attempt, an add key), so saying it twice is recognised and gets
//! the same answer: a caller whose answer was lost simply asks again.

mod reserve;

use serde::{Deserialize, Serialize};

pub use reserve::{Claim, Reserve, ReserveAnswer};

use crate::{
    AccountId, AttemptOutcome, Credits, ErrorCode, GenerationId, GenerationStatus, PublicError,
    generation::{AttemptStart, OpenAttempt, Output},
};

/// Writes a further attempt as started, ahead of its submission.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StartAttempt {
    /// Which generation.
    pub generation_id: GenerationId,
    /// One more than the last attempt's.
    pub attempt_order: u32,
    /// What is started.
    pub start: AttemptStart,
}

/// Records that the provider runs the job. The first acceptance moves the generation to `processing` and writes the
/// answer stored under its idempotency key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AcceptAttempt {
    /// Which generation.
    pub generation_id: GenerationId,
    /// Which attempt.
    pub attempt_order: u32,
    /// Id of the job at the provider.
    pub prediction_id: String,
    /// Where and how to ask for it.
    pub handle: serde_json::Value,
}

/// Ends an attempt that did not produce the output; the generation stays open. A failed or cancelled attempt becomes
/// `discarded` when its result comes back after all, also after the generation's end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FinishAttempt {
    /// Which generation.
    pub generation_id: GenerationId,
    /// Which attempt.
    pub attempt_order: u32,
    /// How it ended.
    pub end: AttemptEnd,
}

/// How an attempt ended without being used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptEnd {
    /// `failed`, `discarded` or `cancelled`.
    pub outcome: AttemptOutcome,
    /// What the customer is told about it, when it failed.
    pub error: Option<crate::ProviderError>,
    /// Whether the provider may run, or have run, the job all the same.
    pub in_doubt: bool,
}

/// Answers to [`StartAttempt`], [`AcceptAttempt`] and [`FinishAttempt`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum AttemptAnswer {
    /// Written.
    Done,
    /// Was so already: nothing changed.
    AlreadyDone,
    /// The generation is terminal: whatever runs upstream is no longer wanted.
    Ended {
        /// Its final state.
        status: GenerationStatus,
    },
    /// The attempt is resolved otherwise, or another one is open.
    Conflict,
    /// No such generation or attempt.
    Missing,
}

/// Ends a generation as succeeded: confirms its reservation, resolves the attempt as used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Charge {
    /// Which generation.
    pub generation_id: GenerationId,
    /// The attempt that made the outputs; `None` for a generation without attempts.
    pub attempt_order: Option<u32>,
    /// The stored files, at least one.
    pub outputs: Vec<Output>,
    /// The provider's own inference time, milliseconds.
    pub predict_time_ms: Option<i64>,
}

/// Answers to [`Charge`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum ChargeAnswer {
    /// Succeeded and charged.
    Charged {
        /// Balance (unchanged by a charge).
        balance: Credits,
    },
    /// It was charged before: nothing changed.
    AlreadyCharged,
    /// It ended otherwise; the attempt is now `discarded` and nothing is charged.
    Ended {
        /// Its final state.
        status: GenerationStatus,
    },
    /// The generation is open and nothing is charged: no output was given, or the attempt is not the open one. If that
    /// attempt had failed, it is now `discarded`.
    Conflict,
    /// Nothing was ever reserved for it.
    NoReservation,
}

/// Ends a generation as failed and gives its credits back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refund {
    /// Which generation.
    pub generation_id: GenerationId,
    /// What the customer is told; `code` and `message` stand on the record. If the idempotency key has no stored
    /// answer yet, a final error is stored under it and a retryable one releases it.
    pub error: PublicError,
    /// How the open attempt ended, if one is open; `None` fails an open one as in doubt, with the code of `error`.
    pub attempt: Option<AttemptEnd>,
}

/// Answers to [`Refund`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum RefundAnswer {
    /// Failed and refunded.
    Refunded {
        /// Balance afterwards.
        balance: Credits,
    },
    /// It was refunded before: nothing changed.
    AlreadyRefunded {
        /// `failed` or `canceled`.
        status: GenerationStatus,
    },
    /// It succeeded: nothing changed.
    AlreadyCharged,
    /// Nothing was ever reserved for it.
    NoReservation,
}

/// Stops an open generation for its owner and gives the credits back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    /// Who asks.
    pub account_id: AccountId,
    /// Which generation.
    pub generation_id: GenerationId,
}

/// Answers to [`Cancel`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum CancelAnswer {
    /// Canceled and refunded.
    Canceled {
        /// What may still run upstream.
        open: Option<OpenAttempt>,
    },
    /// It is terminal.
    NotCancelable {
        /// Its final state.
        status: GenerationStatus,
    },
    /// Unknown, deleted, or another account's.
    NotFound,
}

/// Removes a record for good, canceling it first when it is open. Entries and attempts stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delete {
    /// Who asks.
    pub account_id: AccountId,
    /// Which generation.
    pub generation_id: GenerationId,
}

/// Answers to [`Delete`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum DeleteAnswer {
    /// Gone.
    Deleted {
        /// Files to remove from the artifact store.
        outputs: Vec<Output>,
        /// What may still run upstream.
        open: Option<OpenAttempt>,
    },
    /// Unknown, deleted, or another account's.
    NotFound,
}

/// Grants credits, once per (account, key).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Add {
    /// Who gets them.
    pub account_id: AccountId,
    /// In 1 ..= [`Credits::MAX`].
    pub amount: Credits,
    /// Names the grant: `invoice:<id>`, `order:<id>`, `welcome:<user id>` or an operator's own.
    pub key: String,
    /// Shown in the ledger.
    pub description: Option<String>,
}

/// Answers to [`Add`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum AddAnswer {
    /// Granted.
    Added {
        /// Balance afterwards.
        balance: Credits,
    },
    /// The key was granted before with the same amount: nothing changed.
    AlreadyAdded {
        /// Balance now.
        balance: Credits,
    },
    /// The key was granted before with another amount.
    Conflict {
        /// That amount.
        granted: Credits,
    },
    /// The amount is not in 1 ..= [`Credits::MAX`], or balance and reserved credits together would pass
    /// [`Credits::MAX`]: a refund is never refused, so its room is kept.
    OutOfRange,
    /// No such account.
    AccountMissing,
}

/// A command with a known answer type, so that a client can ask and get that type back.
pub trait Ask: Sized {
    /// What the ledger answers.
    type Answer;

    /// Wraps it for the wire.
    fn into_command(self) -> Command;

    /// Unwraps the answer; `None` if the ledger answered another command.
    fn from_answer(answer: Answer) -> Option<Self::Answer>;
}

macro_rules! commands {
    ($($(#[$doc:meta])* $command:ident => $answer:ident,)*) => {
        /// Any command.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "command", rename_all = "snake_case")]
        pub enum Command { $($(#[$doc])* $command($command),)* }

        /// The answer to the command of the same name.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "to", rename_all = "snake_case")]
        pub enum Answer { $($(#[$doc])* $command($answer),)* }

        impl Command {
            /// Its name, for metrics and logs.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$command(_) => stringify!($command),)* }
            }
        }

        $(impl Ask for $command {
            type Answer = $answer;

            fn into_command(self) -> Command {
                Command::$command(self)
            }

            fn from_answer(answer: Answer) -> Option<$answer> {
                if let Answer::$command(answer) = answer { Some(answer) } else { None }
            }
        })*
    };
}

commands! {
    /// See [`Reserve`](struct@Reserve).
    Reserve => ReserveAnswer,
    /// See [`StartAttempt`](struct@StartAttempt).
    StartAttempt => AttemptAnswer,
    /// See [`AcceptAttempt`](struct@AcceptAttempt).
    AcceptAttempt => AttemptAnswer,
    /// See [`FinishAttempt`](struct@FinishAttempt).
    FinishAttempt => AttemptAnswer,
    /// See [`Charge`](struct@Charge).
    Charge => ChargeAnswer,
    /// See [`Refund`](struct@Refund).
    Refund => RefundAnswer,
    /// See [`Cancel`](struct@Cancel).
    Cancel => CancelAnswer,
    /// See [`Delete`](struct@Delete).
    Delete => DeleteAnswer,
    /// See [`Add`](struct@Add).
    Add => AddAnswer,
}

/// The error a process leaves behind when it dies before any provider accepted (api contract §9 rule 8).
pub fn in_doubt_error() -> PublicError {
    PublicError::new(ErrorCode::ProviderError, "The generation was interrupted before a provider confirmed it")
}
