//! What providers say unasked: that a job is over. Believed when it is signed, and even then only a reason to ask: the
//! follower that it wakes reads the state itself (api contract §9). Polling goes on beside it, at a slower pace.

mod keys;
mod token;

use std::sync::Arc;

use bytes::Bytes;
use dashmap::DashMap;
use ledger_contract::{ErrorCode, GenerationId, Provider};
use proxy_normalize::{
    CallbackTarget, Endpoint,
    callback::{self, Callback, CallbackKeys, CallbackRefused},
};
use serde_json::json;
use tokio::sync::watch;
use tracing::{debug, info};

use crate::{answer::Reply, clock::now, engine::Engine};
use keys::Keys;
use token::Tokens;

/// Providers that report the end of a job.
const REPORTING: [Provider; 4] = [Provider::Replicate, Provider::Fal, Provider::Bfl, Provider::Byteplus];

/// Callbacks of all providers.
#[derive(Debug)]
pub struct Callbacks {
    tokens: Tokens,
    keys: Keys,
    base: String,
    wakes: Arc<DashMap<GenerationId, watch::Sender<u64>>>,
}

/// The job that a token names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    provider: Provider,
    generation_id: GenerationId,
    attempt_order: u32,
    token: String,
}

/// A callback as it came.
#[derive(Clone, Debug)]
pub struct Received {
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Bounded, every byte of it.
    pub body: Bytes,
}

impl Callbacks {
    /// Proxies that share `secret` know each other's tokens. `public_url` has no trailing slash.
    pub fn new(public_url: &str, secret: &str) -> Self {
        let base = format!("{public_url}/callbacks");
        Self { tokens: Tokens::new(secret), keys: Keys::default(), base, wakes: Arc::default() }
    }

    /// Where the jobs of this attempt are reported; `None`: nowhere. Real providers are given https addresses only.
    pub fn target(
        &self,
        endpoint: &Endpoint,
        generation_id: GenerationId,
        attempt_order: u32,
    ) -> Option<CallbackTarget> {
        let provider = endpoint.provider;
        if !REPORTING.contains(&provider) || !(endpoint.simulated || self.base.starts_with("https://")) {
            return None;
        }
        let token = self.tokens.make(provider, generation_id, attempt_order);
        Some(CallbackTarget { url: format!("{}/{provider}/{token}", self.base), secret: self.tokens.secret(&token) })
    }

    /// The job of ours that a path names.
    pub fn find(&self, provider: &str, token: &str) -> Option<Job> {
        let provider = provider.parse().ok().filter(|provider| REPORTING.contains(provider))?;
        let (generation_id, attempt_order) = self.tokens.read(provider, token)?;
        Some(Job { provider, generation_id, attempt_order, token: token.to_owned() })
    }

    /// Registers whoever follows this generation. Before anything is submitted, so that no callback comes too early.
    pub fn listen(&self, generation_id: GenerationId) -> Wake {
        let heard = self.wakes.entry(generation_id).or_insert_with(|| watch::Sender::new(0)).subscribe();
        Wake { wakes: Arc::clone(&self.wakes), generation_id, heard }
    }

    fn wake(&self, generation_id: GenerationId) -> bool {
        let follower = self.wakes.get(&generation_id);
        follower.is_some_and(|follower| {
            follower.send_modify(|count| *count = count.wrapping_add(1));
            true
        })
    }

    async fn keys(&self, engine: &Engine, job: &Job, is_refused: bool) -> Option<CallbackKeys> {
        match job.provider {
            Provider::Bfl => Some(CallbackKeys::Bfl { secret: self.tokens.secret(&job.token) }),
            Provider::Byteplus => Some(CallbackKeys::Token),
            provider => self.keys.get(engine, provider, is_refused).await,
        }
    }
}

/// A follower's ear. Its place is given up when it is dropped.
#[derive(Debug)]
pub struct Wake {
    wakes: Arc<DashMap<GenerationId, watch::Sender<u64>>>,
    generation_id: GenerationId,
    heard: watch::Receiver<u64>,
}

impl Wake {
    /// Hears what was said since this was registered, and what will be.
    pub fn receiver(&self) -> watch::Receiver<u64> {
        self.heard.clone()
    }
}

impl Drop for Wake {
    fn drop(&mut self) {
        self.wakes.remove(&self.generation_id);
    }
}

/// Judges a callback and wakes the job's follower, if it is here.
pub async fn receive(engine: &Arc<Engine>, job: Job, received: Received) -> Reply {
    if let Err(reply) = verify(engine, &job, &received).await {
        return reply;
    }
    let notice = callback::read(job.provider, &received.body);
    if notice.as_ref().is_some_and(|notice| notice.is_over) {
        let is_followed = engine.callbacks.wake(job.generation_id);
        info!(
            generation_id = %job.generation_id, attempt = job.attempt_order, provider = %job.provider, is_followed,
            "called back"
        );
    } else {
        debug!(generation_id = %job.generation_id, provider = %job.provider, "a callback says nothing of an end");
    }
    Reply::success("Callback received", json!({}))
}

/// Keys are fetched anew, now and then, for a callback that the known ones do not fit: they may have changed.
async fn verify(engine: &Engine, job: &Job, received: &Received) -> Result<(), Reply> {
    let callback = Callback { headers: &received.headers, body: &received.body };
    let mut is_refused = false;
    loop {
        let Some(keys) = engine.callbacks.keys(engine, job, is_refused).await else {
            return Err(Reply::refuse(ErrorCode::ProviderUnavailable, "This callback cannot be checked at the moment"));
        };
        match callback::verify(&callback, now(), &keys) {
            Ok(()) => return Ok(()),
            Err(CallbackRefused::Forged) if !is_refused => is_refused = true,
            Err(refused) => {
                info!(generation_id = %job.generation_id, provider = %job.provider, %refused, "a callback was refused");
                return Err(Reply::refuse(
                    ErrorCode::AuthenticationFailed,
                    "This callback is not signed as it must be",
                ));
            }
        }
    }
}

/// What is said to a callback about no job of ours.
pub fn unknown() -> Reply {
    Reply::refuse(ErrorCode::RouteNotFound, "No such route")
}

#[cfg(test)]
#[path = "callbacks/tests.rs"]
mod tests;
