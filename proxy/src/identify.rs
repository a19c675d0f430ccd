//! Whose key is this? (api contract §4)
//!
//! A revoked key stops with the next request: remembered records are used only while the ledger's feed is live, otherwise
//! the ledger is asked. Hashes a key only once in a while; counts failures per client address. Speed fails open for 60 s
//! while the ledger is away, and never turns that into a 401.

mod bearer;
mod follow;
mod lookup;
mod memory;
mod verify;

use std::{future::Future, net::IpAddr, sync::Arc};

use ledger_contract::{Timestamp, access::KeyCandidate};

use crate::{
    limits::{Decision, FailedLogins},
    metrics::{KeyCheck, Metrics},
};

pub use bearer::{Bearer, Secret, read_bearer};
pub use follow::follow;
use lookup::Lookups;
pub use memory::{KeyRecord, Memory};
use verify::{Verifier, Wrong};

/// Most keys remembered at once.
const REMEMBERED_KEYS: u64 = 100_000;
/// How often a key is looked at again when another request spoilt a shared check.
const TRIES: usize = 3;

/// Where key records come from.
pub trait KeySource: Send + Sync + 'static {
    /// Every key that begins with `prefix`.
    fn find(&self, prefix: &str) -> impl Future<Output = Result<Vec<KeyCandidate>, LedgerAway>> + Send;
}

/// The ledger could not be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ledger is not reachable")]
pub struct LedgerAway;

/// Why nobody was identified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No bearer token: BSE1001.
    #[error("no key was sent")]
    Missing,
    /// Not a key that authenticates: BSE1002.
    #[error("the key does not authenticate")]
    Invalid,
    /// Too many failures from this address: BSE1006.
    #[error("too many failed authentications from this address")]
    Limited(Decision),
    /// The ledger can't be asked and the key was not seen lately: BSE5002.
    #[error("the ledger is not reachable")]
    LedgerAway,
    /// More keys wait to be verified than this machine can verify in time: BSE5001.
    #[error("too many keys are being verified")]
    Busy,
}

/// Finds and verifies keys.
pub struct Identifier<S> {
    lookups: Lookups<S>,
    verifier: Verifier,
    memory: Arc<Memory>,
    failed: FailedLogins,
    metrics: Arc<Metrics>,
}

/// When a request came, and from whom.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// The client's address, behind trusted proxies.
    pub client: IpAddr,
    /// Wall clock.
    pub now: Timestamp,
}

impl Arrival {
    /// Unix nanoseconds, as limits count.
    pub fn now_ns(&self) -> i64 {
        self.now.0.saturating_mul(1_000_000)
    }
}

impl<S: KeySource> Identifier<S> {
    /// At most `verifications` keys are hashed at once.
    pub fn new(source: S, verifications: usize, failed_per_minute: u32, metrics: Arc<Metrics>) -> Self {
        Self {
            lookups: Lookups::new(source),
            verifier: Verifier::new(verifications, REMEMBERED_KEYS),
            memory: Arc::default(),
            failed: FailedLogins::new(failed_per_minute),
            metrics,
        }
    }

    /// What the ledger's feed has to keep up to date.
    pub fn memory(&self) -> Arc<Memory> {
        Arc::clone(&self.memory)
    }

    /// Steps 3 to 5 of the order of checks. The candidate's account may be gone, and its allowlist is not checked yet.
    pub async fn identify(&self, bearer: &Bearer, arrival: Arrival) -> Result<Arc<KeyRecord>, Refused> {
        if let Bearer::Key(secret) = bearer
            && let Some(record) = self.memory.current(secret.digest(), arrival.now)
        {
            self.metrics.key_checked(KeyCheck::Remembered);
            return Ok(record);
        }
        let decided = self.decide(bearer, arrival).await;
        if matches!(decided, Err(Refused::Missing | Refused::Invalid)) {
            self.failed.record(arrival.client, arrival.now_ns());
            self.metrics.key_checked(KeyCheck::Refused);
        }
        decided
    }

    async fn decide(&self, bearer: &Bearer, arrival: Arrival) -> Result<Arc<KeyRecord>, Refused> {
        let remembered = match bearer {
            Bearer::Key(secret) => self.verifier.remembers(secret, arrival.now).await,
            Bearer::Missing | Bearer::Malformed => false,
        };
        if !remembered && let Some(decision) = self.failed.refusal(arrival.client, arrival.now_ns()) {
            return Err(Refused::Limited(decision));
        }
        match bearer {
            Bearer::Missing => Err(Refused::Missing),
            Bearer::Malformed => Err(Refused::Invalid),
            Bearer::Key(secret) => {
                self.metrics.key_checked(if remembered { KeyCheck::Asked } else { KeyCheck::Hashed });
                self.authenticate(secret, arrival).await
            }
        }
    }

    async fn authenticate(&self, secret: &Secret, arrival: Arrival) -> Result<Arc<KeyRecord>, Refused> {
        let mark = self.memory.mark();
        let digest = secret.digest();
        let Ok(candidates) = self.lookups.find(secret.prefix()).await else {
            self.metrics.key_checked(KeyCheck::LedgerAway);
            return self.memory.lately(digest, arrival.now).ok_or(Refused::LedgerAway);
        };
        match self.verify(secret, &candidates, arrival).await {
            Ok((candidate, verified_at)) if candidate.key.is_usable(arrival.now) => {
                let record = Arc::new(KeyRecord::new(candidate));
                self.memory.keep(*digest, Arc::clone(&record), verified_at, arrival.now, mark);
                Ok(record)
            }
            Ok(_) | Err(Refused::Invalid) => {
                self.memory.forget(digest);
                Err(Refused::Invalid)
            }
            Err(other) => Err(other),
        }
    }

    /// Checks of equal keys are shared; one that another address's limit cut short is repeated for this one.
    async fn verify(
        &self,
        secret: &Secret,
        candidates: &Arc<Vec<KeyCandidate>>,
        arrival: Arrival,
    ) -> Result<(KeyCandidate, Timestamp), Refused> {
        let refusal = || self.failed.refusal(arrival.client, arrival.now_ns());
        for _ in 0..TRIES {
            match self.verifier.verify(secret, candidates, arrival.now, || refusal().is_some()).await {
                Ok(verified) => return Ok(verified),
                Err(Wrong::Key) => return Err(Refused::Invalid),
                Err(Wrong::Busy) => return Err(Refused::Busy),
                Err(Wrong::Limited) => {
                    if let Some(decision) = refusal() {
                        return Err(Refused::Limited(decision));
                    }
                }
            }
        }
        Err(Refused::Busy)
    }
}

#[cfg(test)]
#[path = "identify/tests.rs"]
mod tests;
