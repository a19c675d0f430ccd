//! API keys: made, found, renamed, rotated, revoked, deleted (api contract §4). A plain key is in the answer that makes
//! it and nowhere else.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State, rejection::QueryRejection},
};
use ledger_contract::{
    AccountId, ApiKeyId, Scope, Timestamp,
    access::{ApiKey, KeyState},
    feed::KeyChange,
    wire::{Budgeted, CreatedKey, FindKeys, FoundKeys, KeyName, NewKey, RotateKey, SetBudget},
};
use ledger_store::Rotation;
use serde::Deserialize;
use uuid::Uuid;

use super::{Answered, check_budget, check_name, feed::announced, id};
use crate::{allowlist, app::App, clock, problem::Problem, request_log, routes::Body, secret::Secret};

/// Grace periods that a rotation may have (api contract §4.2).
const GRACE_HOURS: [u32; 7] = [1, 6, 12, 24, 48, 72, 168];

const HOUR_MS: i64 = 3_600_000;

/// Query of the list.
#[derive(Deserialize)]
pub(crate) struct KeysQuery {
    account_id: AccountId,
}

/// `POST /internal/keys/find`.
pub(crate) async fn find(State(app): State<Arc<App>>, Body(find): Body<FindKeys>) -> Answered<FoundKeys> {
    if find.region.is_some_and(|region| region != app.region) {
        return Ok(Json(FoundKeys { candidates: Vec::new() }));
    }
    Ok(Json(FoundKeys { candidates: app.store.find_keys(&find.prefix).await? }))
}

/// `GET /internal/keys?account_id=`.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    query: Result<Query<KeysQuery>, QueryRejection>,
) -> Answered<Vec<ApiKey>> {
    let Query(query) = query.map_err(|rejection| Problem::Malformed(rejection.body_text()))?;
    Ok(Json(app.store.keys(query.account_id).await?))
}

/// `POST /internal/keys`.
pub(crate) async fn create(State(app): State<Arc<App>>, Body(new): Body<NewKey>) -> Answered<CreatedKey> {
    check_name(&new.name)?;
    check_budget(new.budget)?;
    if new.scopes.is_empty() {
        return Err(Problem::Malformed("a key has at least one scope".to_owned()));
    }
    let now = clock::now();
    if new.expires_at.is_some_and(|end| end <= now) {
        return Err(Problem::Malformed("the expiry is not in the future".to_owned()));
    }
    let allow_ips = allowlist::check(&new.allow_ips).map_err(|error| Problem::Malformed(error.to_string()))?;
    app.store.account(new.account_id).await?.ok_or(Problem::Missing("account"))?;
    let drawn = draw(&app).await?;
    let key = ApiKey {
        account_id: new.account_id,
        name: new.name,
        // In the table's order and each once, however they were given.
        scopes: Scope::ALL.iter().copied().filter(|scope| new.scopes.contains(scope)).collect(),
        allow_ips,
        expires_at: new.expires_at,
        ..drawn.blank(new.account_id, now)
    };
    app.store.insert_key(&key, &drawn.hash).await?;
    if new.budget.is_some() {
        // A crash in between leaves a key without a budget whose secret nobody was told.
        app.store.set_key_budget(key.apikey_id, new.budget, now).await?;
    }
    Ok(Json(CreatedKey { api_key: drawn.secret.reveal(), key }))
}

/// `POST /internal/keys/{apikey_id}/rotate`. The new key has the old one's name, scopes and allowlist, and no expiry of
/// its own; the old one works until its grace or its own expiry ends, whichever is first.
pub(crate) async fn rotate(
    State(app): State<Arc<App>>,
    path: Path<String>,
    Body(rotate): Body<RotateKey>,
) -> Answered<CreatedKey> {
    if !GRACE_HOURS.contains(&rotate.grace_hours) {
        return Err(Problem::Malformed("grace_hours is one of 1, 6, 12, 24, 48, 72, 168".to_owned()));
    }
    let old = existing(&app, id(&path, "key")?).await?;
    let drawn = draw(&app).await?;
    let now = clock::now();
    let grace_ends_at = now.plus_ms(i64::from(rotate.grace_hours) * HOUR_MS);
    let key =
        ApiKey { name: old.name, scopes: old.scopes, allow_ips: old.allow_ips, ..drawn.blank(old.account_id, now) };
    let store = app.store.clone();
    let rotated = announced(&app, async move {
        match store.rotate_key(old.apikey_id, grace_ends_at, &key, &drawn.hash).await? {
            Rotation::Rotated => {
                Ok((CreatedKey { api_key: drawn.secret.reveal(), key }, Some(KeyChange::Prefix(old.prefix))))
            }
            Rotation::NotActive => Err(Problem::Conflict("only an active key can be rotated".to_owned())),
            Rotation::Missing => Err(Problem::Missing("key")),
        }
    });
    rotated.await.map(Json)
}

/// `PUT /internal/keys/{apikey_id}`.
pub(crate) async fn rename(
    State(app): State<Arc<App>>,
    path: Path<String>,
    Body(name): Body<KeyName>,
) -> Answered<ApiKey> {
    check_name(&name.name)?;
    let (apikey_id, store) = (id(&path, "key")?, app.store.clone());
    let renamed = announced(&app, async move { found(store.rename_key(apikey_id, &name.name).await?) });
    renamed.await.map(Json)
}

/// `PUT /internal/keys/{apikey_id}/budget`. Acts on the next request.
pub(crate) async fn set_budget(
    State(app): State<Arc<App>>,
    path: Path<String>,
    Body(set): Body<SetBudget>,
) -> Answered<Budgeted<ApiKey>> {
    check_budget(set.budget)?;
    let key = app.store.set_key_budget(id(&path, "key")?, set.budget, clock::now()).await?;
    key.map(Json).ok_or(Problem::Missing("key"))
}

/// `POST /internal/keys/{apikey_id}/revoke`.
pub(crate) async fn revoke(State(app): State<Arc<App>>, path: Path<String>) -> Answered<ApiKey> {
    let (apikey_id, store) = (id(&path, "key")?, app.store.clone());
    let revoked = announced(&app, async move { found(store.revoke_key(apikey_id).await?) });
    revoked.await.map(Json)
}

/// `DELETE /internal/keys/{apikey_id}`.
pub(crate) async fn delete(State(app): State<Arc<App>>, path: Path<String>) -> Answered<ApiKey> {
    let (apikey_id, store) = (id(&path, "key")?, app.store.clone());
    let deleted = announced(&app, async move { found(store.delete_key(apikey_id).await?) }).await?;
    if let Err(error) = request_log::forget_key(&app.store, apikey_id).await {
        // The key is gone all the same; the hourly sweep finds what is left.
        tracing::warn!(%error, "log rows of a deleted key are still there");
    }
    Ok(Json(deleted))
}

async fn existing(app: &App, apikey_id: ApiKeyId) -> Result<ApiKey, Problem> {
    app.store.key(apikey_id).await?.ok_or(Problem::Missing("key"))
}

/// The key as it is now, and what proxies have to hear of it.
fn found(key: Option<ApiKey>) -> Result<(ApiKey, Option<KeyChange>), Problem> {
    let key = key.ok_or(Problem::Missing("key"))?;
    let change = KeyChange::Prefix(key.prefix.clone());
    Ok((key, Some(change)))
}

/// A new secret and what is kept of it.
struct Drawn {
    secret: Secret,
    hash: String,
}

impl Drawn {
    /// An active key of this account without name, scopes and allowlist.
    fn blank(&self, account_id: AccountId, now: Timestamp) -> ApiKey {
        ApiKey {
            apikey_id: ApiKeyId(Uuid::now_v7()),
            account_id,
            name: String::new(),
            prefix: self.secret.prefix(),
            scopes: Vec::new(),
            allow_ips: Vec::new(),
            state: KeyState::Active,
            expires_at: None,
            created_at: now,
            last_used_at: None,
        }
    }
}

/// Hashing blocks a thread for a while: never one that serves, and never more at once than there are cores.
async fn draw(app: &App) -> Result<Drawn, Problem> {
    let unexpected = |error: &dyn std::fmt::Display| Problem::Unexpected(format!("no key could be made: {error}"));
    let _permit = app.hashing.acquire().await.map_err(|error| unexpected(&error))?;
    let secret = Secret::from_random(rand::random());
    let hashed = tokio::task::spawn_blocking(move || secret.hash().map(|hash| Drawn { secret, hash })).await;
    hashed.map_err(|error| unexpected(&error))?.map_err(|error| unexpected(&error))
}
