//! Whose key is this? (api contract §4)
//!
//! Asks the ledger on every request, so a revoked key stops with the next one; hashes a key only once in a while; counts
//! failures per client address. Speed fails open for 60 s while the ledger is away, and never turns that into a 401.

mod bearer;
mod lookup;
mod verify;

use std::{future::Future, net::IpAddr, sync::Arc};

use ledger_contract::{Timestamp, access::KeyCandidate};
use moka::future::Cache;

use crate::{
    limits::{Decision, FailedLogins},
    metrics::Metrics,
};

pub use bearer::{Bearer, Secret, read_bearer};
use lookup::Lookups;
use verify::{Verifier, Wrong};

/// How long a record seen before the ledger went away still authenticates, in milliseconds.
const SEEN_MS: i64 = 60_000;
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
    seen: Cache<[u8; 32], (KeyCandidate, Timestamp)>,
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
            seen: Cache::builder()
                .max_capacity(REMEMBERED_KEYS)
                .time_to_live(std::time::Duration::from_millis(SEEN_MS.unsigned_abs()))
                .build(),
            failed: FailedLogins::new(failed_per_minute),
            metrics,
        }
    }

    /// Steps 3 to 5 of the order of checks. The candidate's account may be gone, and its allowlist is not checked yet.
    pub async fn identify(&self, bearer: &Bearer, arrival: Arrival) -> Result<KeyCandidate, Refused> {
        let decided = self.decide(bearer, arrival).await;
        if matches!(decided, Err(Refused::Missing | Refused::Invalid)) {
            self.failed.record(arrival.client, arrival.now_ns());
            self.metrics.key_checked("refused");
        }
        decided
    }

    async fn decide(&self, bearer: &Bearer, arrival: Arrival) -> Result<KeyCandidate, Refused> {
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
                self.metrics.key_checked(if remembered { "remembered" } else { "hashed" });
                self.authenticate(secret, arrival).await
            }
        }
    }

    async fn authenticate(&self, secret: &Secret, arrival: Arrival) -> Result<KeyCandidate, Refused> {
        let Ok(candidates) = self.lookups.find(secret.prefix()).await else {
            return self.seen_lately(secret, arrival.now).await;
        };
        let digest = secret.digest();
        let usable = match self.verify(secret, &candidates, arrival).await {
            Ok(candidate) if candidate.key.is_usable(arrival.now) => candidate,
            Ok(_) | Err(Refused::Invalid) => {
                self.seen.invalidate(&digest).await;
                return Err(Refused::Invalid);
            }
            Err(other) => return Err(other),
        };
        self.seen.insert(digest, (usable.clone(), arrival.now)).await;
        Ok(usable)
    }

    /// Checks of equal keys are shared; one that another address's limit cut short is repeated for this one.
    async fn verify(
        &self,
        secret: &Secret,
        candidates: &Arc<Vec<KeyCandidate>>,
        arrival: Arrival,
    ) -> Result<KeyCandidate, Refused> {
        let refusal = || self.failed.refusal(arrival.client, arrival.now_ns());
        for _ in 0..TRIES {
            match self.verifier.verify(secret, candidates, arrival.now, || refusal().is_some()).await {
                Ok(candidate) => return Ok(candidate),
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

    async fn seen_lately(&self, secret: &Secret, now: Timestamp) -> Result<KeyCandidate, Refused> {
        self.metrics.key_checked("ledger_away");
        let seen = self.seen.get(&secret.digest()).await;
        let fresh =
            seen.filter(|(candidate, seen_at)| now.since_ms(*seen_at) <= SEEN_MS && candidate.key.is_usable(now));
        fresh.map(|(candidate, _)| candidate).ok_or(Refused::LedgerAway)
    }
}

#[cfg(test)]
#[path = "identify/tests.rs"]
mod tests;
