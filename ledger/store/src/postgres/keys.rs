//! API keys: stored by hash, found by prefix. Never sees a secret.

use ledger_contract::{
    AccountId, ApiKeyId, Timestamp,
    access::{ApiKey, KeyCandidate, KeyState},
};
use sqlx::{PgConnection, types::Json};

use super::{
    Postgres, budgets, commit,
    rows::{Columns, Time, column},
};
use crate::{error::StoreError, read::Rotation};

const INSERT: &str = "INSERT INTO api_keys (
        apikey_id, account_id, name, prefix, hash, scopes, allow_ips, state, expires_at, created_at, last_used_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
const OF_ACCOUNT: &str = "SELECT * FROM api_keys WHERE account_id = $1 ORDER BY created_at, apikey_id";
const ONE: &str = "SELECT * FROM api_keys WHERE apikey_id = $1";
const ONE_LOCKED: &str = "SELECT * FROM api_keys WHERE apikey_id = $1 FOR UPDATE";
const BY_PREFIX: &str = "SELECT k.*, a.plan FROM api_keys AS k LEFT JOIN accounts AS a USING (account_id)
    WHERE k.prefix = $1";
const RENAME: &str = "UPDATE api_keys SET name = $2 WHERE apikey_id = $1 RETURNING *";
const REVOKE: &str = "UPDATE api_keys SET state = 'revoked' WHERE apikey_id = $1 RETURNING *";
const DELETE: &str = "DELETE FROM api_keys WHERE apikey_id = $1 RETURNING *";
const ROTATE: &str = "UPDATE api_keys SET state = 'rotated', expires_at = least(expires_at, $2) WHERE apikey_id = $1";
// Locked in id order, since other processes touch the same keys.
const TOUCH: &str = "UPDATE api_keys AS k SET last_used_at = greatest(k.last_used_at, n.used_at)
    FROM (SELECT id, max(used_at) AS used_at FROM unnest($1::uuid[], $2::timestamptz[]) AS n (id, used_at)
        GROUP BY id) AS n
    WHERE k.apikey_id = n.id AND k.apikey_id IN (
        SELECT apikey_id FROM api_keys WHERE apikey_id = ANY ($1) ORDER BY apikey_id FOR NO KEY UPDATE)";

impl Postgres {
    pub(crate) async fn insert_key(&self, key: &ApiKey, hash: &str) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        insert(&mut transaction, key, hash).await?;
        commit(transaction).await
    }

    pub(crate) async fn keys(&self, account_id: AccountId) -> Result<Vec<ApiKey>, StoreError> {
        let rows = sqlx::query(OF_ACCOUNT).bind(account_id.0).fetch_all(&self.pool).await?;
        rows.iter().map(|row| api_key(&Columns(row))).collect()
    }

    pub(crate) async fn key(&self, apikey_id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        let row = sqlx::query(ONE).bind(apikey_id.0).fetch_optional(&self.pool).await?;
        row.map(|row| api_key(&Columns(&row))).transpose()
    }

    pub(crate) async fn find_keys(&self, prefix: &str) -> Result<Vec<KeyCandidate>, StoreError> {
        let rows = sqlx::query(BY_PREFIX).bind(prefix).fetch_all(&self.pool).await?;
        rows.iter().map(|row| candidate(&Columns(row))).collect()
    }

    pub(crate) async fn rename_key(&self, apikey_id: ApiKeyId, name: &str) -> Result<Option<ApiKey>, StoreError> {
        let row = sqlx::query(RENAME).bind(apikey_id.0).bind(name).fetch_optional(&self.pool).await?;
        row.map(|row| api_key(&Columns(&row))).transpose()
    }

    pub(crate) async fn revoke_key(&self, apikey_id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        let row = sqlx::query(REVOKE).bind(apikey_id.0).fetch_optional(&self.pool).await?;
        row.map(|row| api_key(&Columns(&row))).transpose()
    }

    pub(crate) async fn delete_key(&self, apikey_id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        let row = sqlx::query(DELETE).bind(apikey_id.0).fetch_optional(&self.pool).await?;
        row.map(|row| api_key(&Columns(&row))).transpose()
    }

    pub(crate) async fn rotate_key(
        &self,
        old: ApiKeyId,
        grace_ends_at: Timestamp,
        new: &ApiKey,
        hash: &str,
    ) -> Result<Rotation, StoreError> {
        let mut transaction = self.write().await?;
        let row = sqlx::query(ONE_LOCKED).bind(old.0).fetch_optional(&mut *transaction).await?;
        let Some(row) = row else { return Ok(Rotation::Missing) };
        let key = api_key(&Columns(&row))?;
        if key.state != KeyState::Active || !key.is_usable(new.created_at) {
            return Ok(Rotation::NotActive);
        }
        sqlx::query(ROTATE).bind(old.0).bind(Time(grace_ends_at)).execute(&mut *transaction).await?;
        insert(&mut transaction, new, hash).await?;
        budgets::succeed(&mut transaction, old, new.apikey_id).await?;
        commit(transaction).await?;
        Ok(Rotation::Rotated)
    }

    pub(crate) async fn touch_keys(&self, uses: &[(ApiKeyId, Timestamp)]) -> Result<(), StoreError> {
        if !uses.is_empty() {
            let ids = column(uses, |(apikey_id, _)| apikey_id.0);
            let times = column(uses, |(_, used_at)| Time(*used_at));
            sqlx::query(TOUCH).bind(ids).bind(times).execute(&self.pool).await?;
        }
        Ok(())
    }
}

/// One key, inside a transaction.
pub(super) async fn one(connection: &mut PgConnection, apikey_id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
    let row = sqlx::query(ONE).bind(apikey_id.0).fetch_optional(connection).await?;
    row.map(|row| api_key(&Columns(&row))).transpose()
}

async fn insert(connection: &mut PgConnection, key: &ApiKey, hash: &str) -> Result<(), StoreError> {
    sqlx::query(INSERT)
        .bind(key.apikey_id.0)
        .bind(key.account_id.0)
        .bind(&key.name)
        .bind(&key.prefix)
        .bind(hash)
        .bind(Json(&key.scopes))
        .bind(Json(&key.allow_ips))
        .bind(key.state.as_str())
        .bind(key.expires_at.map(Time))
        .bind(Time(key.created_at))
        .bind(key.last_used_at.map(Time))
        .execute(connection)
        .await?;
    Ok(())
}

fn api_key(columns: &Columns<'_>) -> Result<ApiKey, StoreError> {
    Ok(ApiKey {
        apikey_id: columns.id("apikey_id")?,
        account_id: columns.id("account_id")?,
        name: columns.text("name")?,
        prefix: columns.text("prefix")?,
        scopes: columns.json("scopes")?,
        allow_ips: columns.json("allow_ips")?,
        state: columns.parse("state")?,
        expires_at: columns.opt_time("expires_at")?,
        created_at: columns.time("created_at")?,
        last_used_at: columns.opt_time("last_used_at")?,
    })
}

fn candidate(columns: &Columns<'_>) -> Result<KeyCandidate, StoreError> {
    Ok(KeyCandidate { key: api_key(columns)?, hash: columns.text("hash")?, plan: columns.opt_parse("plan")? })
}
