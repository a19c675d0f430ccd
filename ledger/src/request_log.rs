//! The request log on the ledger's side: addresses become keyed hashes here, and rows leave with their time or their key.

use std::{net::IpAddr, time::Duration};

use hmac::{Hmac, KeyInit, Mac};
use ledger_contract::{ApiKeyId, Plan, request_log::LoggedRequest};
use ledger_store::{Store, StoreError};
use sha2::Sha256;
use tokio_util::sync::CancellationToken;

use crate::clock;

/// What the deployment keeps its secret under.
const SECRET: &str = "request_log_address_secret";
/// Rows are removed hourly (product requirements R4).
const SWEEP_EVERY: Duration = Duration::from_hours(1);
/// Statements per plan and sweep; what is left waits for the next one.
const STATEMENTS_PER_SWEEP: usize = 200;
/// Deleted keys that one sweep looks after.
const KEYS_PER_SWEEP: u32 = 1_000;

/// Hashes addresses under a secret of this deployment: equal addresses look equal, and nobody without the database can
/// try all addresses.
pub(crate) struct RequestLog {
    keyed: Hmac<Sha256>,
}

impl RequestLog {
    /// With the secret that the database keeps; the first process draws it.
    pub(crate) async fn open(store: &Store) -> anyhow::Result<Self> {
        let fresh = hex::encode(rand::random::<[u8; 32]>());
        let secret = hex::decode(store.deployment_value(SECRET, &fresh).await?)?;
        Ok(Self { keyed: Hmac::new_from_slice(&secret)? })
    }

    /// 64 hex digits. An IPv4-mapped IPv6 address is the IPv4 address.
    pub(crate) fn hash(&self, address: IpAddr) -> String {
        let mut keyed = self.keyed.clone();
        keyed.update(address.to_canonical().to_string().as_bytes());
        hex::encode(keyed.finalize().into_bytes())
    }

    /// The rows with the hashes of their addresses.
    pub(crate) fn hashed(&self, rows: Vec<LoggedRequest>) -> Vec<(LoggedRequest, String)> {
        rows.into_iter().map(|row| (self.hash(row.client), row)).map(|(hash, row)| (row, hash)).collect()
    }
}

/// Removes every row of a deleted key, in small steps.
pub(crate) async fn forget_key(store: &Store, apikey_id: ApiKeyId) -> Result<(), StoreError> {
    for _ in 0..STATEMENTS_PER_SWEEP {
        if !store.forget_requests_of_key(apikey_id).await? {
            break;
        }
    }
    Ok(())
}

/// The background task.
pub(crate) struct RequestLogSweeper {
    pub(crate) store: Store,
}

impl RequestLogSweeper {
    /// A sweep at once and every hour until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        loop {
            if let Some(Err(error)) = stop.run_until_cancelled(self.sweep()).await {
                tracing::warn!(%error, cause = ?error, "the request log was not swept; the next sweep goes on");
            }
            if stop.run_until_cancelled(tokio::time::sleep(SWEEP_EVERY)).await.is_none() {
                return;
            }
        }
    }

    async fn sweep(&self) -> Result<(), StoreError> {
        let now = clock::now();
        for &plan in Plan::ALL {
            let until = now.plus_ms(-plan.limits().log_retention_ms);
            for _ in 0..STATEMENTS_PER_SWEEP {
                if !self.store.sweep_request_log(plan, until).await? {
                    break;
                }
            }
        }
        for key in self.store.keyless_requests(KEYS_PER_SWEEP).await? {
            forget_key(&self.store, key).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn log(secret: &[u8]) -> RequestLog {
        RequestLog { keyed: Hmac::new_from_slice(secret).unwrap() }
    }

    #[test]
    fn an_address_is_hashed_under_the_secret_and_in_its_plain_form() {
        let hash = |secret: &[u8], address: &str| log(secret).hash(address.parse().unwrap());
        assert_eq!(hash(b"a", "192.0.2.1").len(), 64);
        assert_eq!(hash(b"a", "192.0.2.1"), hash(b"a", "::ffff:192.0.2.1"));
        assert_ne!(hash(b"a", "192.0.2.1"), hash(b"b", "192.0.2.1"));
        assert_ne!(hash(b"a", "192.0.2.1"), hash(b"a", "192.0.2.2"));
    }
}
