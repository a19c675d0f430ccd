//! Callers that work on a few accounts and keep every answer they got. Who gets none goes on with something else: what
//! became of it is the audit's to say.

use std::{
    sync::{Arc, atomic::AtomicBool, atomic::Ordering},
    time::Duration,
};

use ledger_contract::{
    AccountId, ApiKeyId, Credits, ErrorCode, GenerationId, HolderId, MediaKind, MicroUsd, Provider, PublicError,
    Timestamp,
    command::{
        Add, AddAnswer, Answer, Cancel, CancelAnswer, Charge, ChargeAnswer, Claim, Command, Refund, RefundAnswer,
        Reserve, ReserveAnswer,
    },
    generation::{AttemptStart, Output},
    wire::{self, AnswerBatch, CommandBatch},
};
use uuid::Uuid;

use crate::{Dice, process::TOKEN};

pub const ACCOUNTS: u64 = 5;

pub fn account(n: u64) -> AccountId {
    AccountId(Uuid::from_u128(0xACC0_0000 + u128::from(n)))
}

/// A command that changed the book, as its caller was told.
pub struct Said {
    pub command: Command,
}

pub struct Caller {
    http: reqwest::Client,
    url: String,
    dice: Dice,
    said: Vec<Said>,
}

/// Whether the answer says that the command was carried out before.
pub fn is_echo(answer: &Answer) -> bool {
    matches!(
        answer,
        Answer::Reserve(ReserveAnswer::AlreadyReserved { .. })
            | Answer::Charge(ChargeAnswer::AlreadyCharged)
            | Answer::Refund(RefundAnswer::AlreadyRefunded { .. })
            | Answer::Cancel(CancelAnswer::NotCancelable { .. })
            | Answer::Add(AddAnswer::AlreadyAdded { .. })
    )
}

fn is_done(answer: &Answer) -> bool {
    matches!(
        answer,
        Answer::Reserve(ReserveAnswer::Reserved { .. })
            | Answer::Charge(ChargeAnswer::Charged { .. })
            | Answer::Refund(RefundAnswer::Refunded { .. })
            | Answer::Cancel(CancelAnswer::Canceled { .. })
            | Answer::Add(AddAnswer::Added { .. })
    )
}

impl Caller {
    pub fn new(url: &str, seed: u64) -> Self {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().unwrap();
        Self { http, url: format!("{url}{}", wire::COMMANDS), dice: Dice::new(seed), said: Vec::new() }
    }

    /// Works until `stop`; what it was told.
    pub async fn work(mut self, stop: Arc<AtomicBool>) -> Vec<Said> {
        while !stop.load(Ordering::Relaxed) {
            let account_id = account(self.dice.below(ACCOUNTS));
            let key = format!("order:{}", Uuid::now_v7());
            self.ask(vec![Command::Add(Add { account_id, amount: Credits(50), key, description: None })]).await;
            let id = GenerationId(Uuid::now_v7());
            self.ask(vec![reserve(account_id, id)]).await;
            let end = self.end(account_id, id);
            // Sometimes two at once, which exclude each other.
            let rival = (self.dice.below(4) == 0).then(|| self.end(account_id, id));
            self.ask([Some(end), rival].into_iter().flatten().collect()).await;
        }
        self.said
    }

    fn end(&mut self, account_id: AccountId, generation_id: GenerationId) -> Command {
        match self.dice.below(3) {
            0 => {
                let output = Output { key: "ab/c.png".into(), content_type: "image/png".into(), bytes: 1 };
                let outputs = vec![output];
                Command::Charge(Charge { generation_id, attempt_order: Some(1), outputs, predict_time_ms: None })
            }
            1 => {
                let error = PublicError::new(ErrorCode::ProviderTimeout, "Too late");
                Command::Refund(Refund { generation_id, error, attempt: None })
            }
            _ => Command::Cancel(Cancel { account_id, generation_id }),
        }
    }

    async fn ask(&mut self, commands: Vec<Command>) {
        let batch = CommandBatch { commands };
        let asked = self.http.post(&self.url).bearer_auth(TOKEN).json(&batch).send().await;
        let Ok(response) = asked else { return };
        if !response.status().is_success() {
            return;
        }
        let Ok(AnswerBatch { answers }) = response.json().await else { return };
        let done = batch.commands.into_iter().zip(answers).filter(|(_, answer)| is_done(answer));
        self.said.extend(done.map(|(command, _)| Said { command }));
    }
}

fn reserve(account_id: AccountId, generation_id: GenerationId) -> Command {
    let start = AttemptStart {
        provider: Provider::Replicate,
        native_model: "n".into(),
        estimated_cost: MicroUsd(1),
        simulated: true,
    };
    Command::Reserve(Reserve {
        account_id,
        apikey_id: ApiKeyId(Uuid::from_u128(7)),
        generation_id,
        amount: Credits(20),
        model: "lab/model".into(),
        kind: MediaKind::Image,
        request: serde_json::Map::new(),
        provider_order: vec![Provider::Replicate],
        deadline_at: Timestamp(4_000_000_000_000),
        claim: Some(Claim { key: generation_id.to_string(), fingerprint: "f".into() }),
        first_attempt: Some(start),
        holder: HolderId(Uuid::from_u128(9)),
    })
}
