//! The proxy's only way to the book of record: typed questions in, typed answers out.
//!
//! Commands batch by themselves: while one call is in flight the next commands gather, so an idle system adds no delay and
//! a busy one shares calls. A command names what it is about, so one whose answer was lost is simply said again. Nothing
//! here decides what an answer means.

mod batch;
mod http;

use std::{sync::Arc, time::Duration};

use ledger_contract::{
    AccountId, GenerationId, HolderId,
    command::{Answer, Ask, Claim, Command},
    feed::{self, FollowKeys, KeyNews},
    request_log::{self, LoggedRequests},
    wire::{
        self, Balance, Caller, FindKeys, FindReplay, FoundKeys, RenewLease, ReplayAnswer, RequestCounts,
        RoutingSwitches, SyncRouting, TakeLeases, TakenLeases,
    },
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

use crate::{clock::jittered, metrics::Metrics};
use batch::Group;
use http::{CallError, Http};

/// Commands that may wait for the call in flight. Whoever comes after waits for a place.
const QUEUE: usize = 4_096;

/// How long [`LedgerClient::ask`] keeps asking: a route that is not create has 5 s in all.
const ASK_BUDGET: Duration = Duration::from_secs(2);

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The question certainly changed nothing.
    #[error("the ledger is not reachable")]
    Unavailable,
    /// The ledger understood the call and will not answer it: a wrong token or different versions.
    #[error("the ledger refused the call")]
    Refused,
    /// A command was sent and its answer was lost: it may have been carried out.
    #[error("the ledger's answer was lost")]
    InDoubt,
}

/// An answer, and whether it may be the echo of our own earlier saying.
#[derive(Clone, Debug, PartialEq)]
pub struct Landed<T> {
    /// What the ledger said.
    pub answer: T,
    /// Whether an earlier answer to the same command was lost: then "already done" may mean "by us".
    pub said_before: bool,
}

/// A public read of one record, for a verified caller.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// Who reads.
    pub caller: Caller,
    /// Which record.
    pub generation_id: GenerationId,
    /// `req_…`.
    pub request_id: &'a str,
    /// Base of output URLs.
    pub public_url: &'a str,
}

/// Asks the ledger. Cheap to clone; all clones share one queue.
#[derive(Clone, Debug)]
pub struct LedgerClient {
    queue: mpsc::Sender<Group>,
    http: Http,
}

impl LedgerClient {
    /// Starts the task that sends batches, on the current runtime. `url` has no trailing slash.
    pub fn start(url: &str, token: &str, metrics: Arc<Metrics>) -> Result<Self, reqwest::Error> {
        let http = Http::new(url, token, metrics)?;
        let (queue, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(batch::send_batches(waiting, http.clone()));
        Ok(Self { queue, http })
    }

    /// Asks for at most 2 s.
    pub async fn ask<C: Ask>(&self, command: C) -> Result<C::Answer, LedgerError> {
        self.ask_until(command, Instant::now() + ASK_BUDGET).await.map(|landed| landed.answer)
    }

    /// Asks until `until`: again when an answer is lost, not again when the ledger certainly did nothing.
    pub async fn ask_until<C: Ask>(&self, command: C, until: Instant) -> Result<Landed<C::Answer>, LedgerError> {
        let said = self.insist([command.into_command()].into(), Some(until)).await?;
        typed::<C>(said)
    }

    /// Says a command until it lands, however long that takes.
    ///
    /// # Errors
    /// Only [`LedgerError::Refused`], when the ledger answered another command than it was asked.
    pub async fn land<C: Ask>(&self, command: C) -> Result<Landed<C::Answer>, LedgerError> {
        let said = self.insist([command.into_command()].into(), None).await?;
        typed::<C>(said)
    }

    /// Lands two commands in this order, in one batch, and answers the second.
    pub async fn land_both<A: Ask, B: Ask>(&self, first: A, second: B) -> Result<Landed<B::Answer>, LedgerError> {
        let said = self.insist([first.into_command(), second.into_command()].into(), None).await?;
        typed::<B>(said)
    }

    /// Keys of this region's stack that begin like the presented one.
    pub async fn find_keys(&self, prefix: String, region: String) -> Result<FoundKeys, LedgerError> {
        self.http.post(wire::KEYS_FIND, &FindKeys { prefix, region: Some(region) }).await.map_err(harmless)
    }

    /// What changed about keys and plans; held open for a moment when nothing did.
    pub async fn follow_keys(&self, question: &FollowKeys) -> Result<KeyNews, LedgerError> {
        self.http.post(feed::KEYS_FEED, question).await.map_err(harmless)
    }

    /// Reports rows of the request log; said twice, they are kept once.
    pub async fn log_requests(&self, logged: &LoggedRequests) -> Result<(), LedgerError> {
        let _: serde_json::Value = self.http.post(request_log::REQUEST_LOG, logged).await.map_err(harmless)?;
        Ok(())
    }

    /// What is known about an idempotency key.
    pub async fn find_replay(&self, account_id: AccountId, claim: Claim) -> Result<ReplayAnswer, LedgerError> {
        self.http.post(wire::REPLAYS_FIND, &FindReplay { account_id, claim }).await.map_err(harmless)
    }

    /// What the account can still reserve.
    pub async fn balance(&self, account_id: AccountId) -> Result<Balance, LedgerError> {
        self.http.get(wire::BALANCES, &format!("/{account_id}")).await.map_err(harmless)
    }

    /// The record as its owner sees it (api contract §5.9); `None`: they have none of that id.
    pub async fn generation(&self, reading: &Reading<'_>) -> Result<Option<serde_json::Value>, LedgerError> {
        let (account_id, apikey_id) = (reading.caller.account_id.to_string(), reading.caller.apikey_id.to_string());
        let headers = [
            (wire::HEADER_ACCOUNT_ID, account_id.as_str()),
            (wire::HEADER_APIKEY_ID, apikey_id.as_str()),
            (wire::HEADER_REQUEST_ID, reading.request_id),
            (wire::HEADER_PUBLIC_URL, reading.public_url),
        ];
        let read = self.http.read("/v1/content/", &reading.generation_id.to_string(), &headers).await;
        let envelope: Option<serde_json::Value> = read.map_err(harmless)?;
        Ok(envelope.and_then(|mut envelope| envelope.get_mut("data").map(serde_json::Value::take)))
    }

    /// Says that this process lives.
    pub async fn renew_lease(&self, holder: HolderId) -> Result<(), LedgerError> {
        let _: serde_json::Value =
            self.http.post(wire::LEASES_RENEW, &RenewLease { holder }).await.map_err(harmless)?;
        Ok(())
    }

    /// Takes over at most `limit` generations of processes that are gone.
    pub async fn take_leases(&self, holder: HolderId, limit: u32) -> Result<TakenLeases, LedgerError> {
        self.http.post(wire::LEASES_TAKE, &TakeLeases { holder, limit }).await.map_err(harmless)
    }

    /// Reports answered requests; said twice under one report id, they count once.
    pub async fn count_requests(&self, counts: &RequestCounts) -> Result<(), LedgerError> {
        let _: serde_json::Value = self.http.post(wire::REQUEST_COUNTS, counts).await.map_err(harmless)?;
        Ok(())
    }

    /// What is out of routing; says which list is applied.
    pub async fn sync_routing(&self, holder: HolderId, version: String) -> Result<RoutingSwitches, LedgerError> {
        self.http.post(wire::ROUTING_SYNC, &SyncRouting { holder, version }).await.map_err(harmless)
    }

    /// Whether the ledger and its database answer.
    pub async fn ready(&self) -> Result<(), LedgerError> {
        let _: serde_json::Value = self.http.get(wire::READY, "").await.map_err(harmless)?;
        Ok(())
    }

    async fn insist(&self, commands: Arc<[Command]>, until: Option<Instant>) -> Result<Said, LedgerError> {
        let mut said_before = false;
        let mut pause = FIRST_PAUSE;
        loop {
            match self.say(Arc::clone(&commands), until).await {
                Ok(answers) => return Ok(Said { answers, said_before }),
                Err(CallError::Lost) => said_before = true,
                Err(CallError::Unsent) if until.is_some() && !said_before => return Err(LedgerError::Unavailable),
                Err(CallError::Refused | CallError::Missing) if until.is_some() && !said_before => {
                    return Err(LedgerError::Refused);
                }
                Err(CallError::Unsent | CallError::Refused | CallError::Missing) => {}
            }
            let next = Instant::now() + jittered(pause);
            if until.is_some_and(|until| next >= until) {
                return Err(if said_before { LedgerError::InDoubt } else { LedgerError::Unavailable });
            }
            tokio::time::sleep_until(next).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// One saying. Not answered by `until` counts as lost.
    async fn say(&self, commands: Arc<[Command]>, until: Option<Instant>) -> Result<Vec<Answer>, CallError> {
        let (reply, answered) = oneshot::channel();
        let saying = async {
            self.queue.send(Group { commands, reply }).await.map_err(|_| CallError::Unsent)?;
            answered.await.unwrap_or(Err(CallError::Lost))
        };
        match until {
            Some(until) => timeout_at(until, saying).await.unwrap_or(Err(CallError::Lost)),
            None => saying.await,
        }
    }
}

struct Said {
    answers: Vec<Answer>,
    said_before: bool,
}

/// The last answer, as the type that belongs to `C`.
fn typed<C: Ask>(mut said: Said) -> Result<Landed<C::Answer>, LedgerError> {
    let answer = said.answers.pop().and_then(C::from_answer).ok_or(LedgerError::Refused)?;
    Ok(Landed { answer, said_before: said.said_before })
}

/// A lost answer to a question that changes nothing, or nothing that matters twice, is only unavailability.
fn harmless(error: CallError) -> LedgerError {
    match error {
        CallError::Unsent | CallError::Lost => LedgerError::Unavailable,
        CallError::Refused | CallError::Missing => LedgerError::Refused,
    }
}
