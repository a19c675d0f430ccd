//! Accounts and their plans. Their numbers are moved by commands only.

use ledger_contract::{AccountId, Credits, Plan, Timestamp, access::Account};

use sqlx::PgConnection;

use super::{
    Postgres,
    rows::{Columns, Time},
};
use crate::{error::StoreError, read::AccountProfile};

const CREATE: &str =
    "INSERT INTO accounts (account_id, name, plan, created_at, updated_at) VALUES ($1, $2, $3, $4, $5)";
const ALL: &str = "SELECT * FROM accounts ORDER BY created_at, account_id";
const ONE: &str = "SELECT * FROM accounts WHERE account_id = $1";
const ONE_LOCKED: &str = "SELECT * FROM accounts WHERE account_id = $1 FOR NO KEY UPDATE";
const SET_PLAN: &str = "UPDATE accounts SET plan = $2, updated_at = $3 WHERE account_id = $1 RETURNING *";

impl Postgres {
    pub(crate) async fn create_account(&self, account: &Account, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query(CREATE)
            .bind(account.account_id.0)
            .bind(&account.name)
            .bind(account.plan.as_str())
            .bind(Time(account.created_at))
            .bind(Time(now))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    pub(crate) async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let rows = sqlx::query(ALL).fetch_all(&self.pool).await?;
        rows.iter().map(|row| account(&Columns(row))).collect()
    }

    pub(crate) async fn account(&self, account_id: AccountId) -> Result<Option<AccountProfile>, StoreError> {
        let row = sqlx::query(ONE).bind(account_id.0).fetch_optional(&self.pool).await?;
        row.map(|row| profile(&Columns(&row))).transpose()
    }

    pub(crate) async fn set_plan(
        &self,
        account_id: AccountId,
        plan: Plan,
        now: Timestamp,
    ) -> Result<Option<Account>, StoreError> {
        let query = sqlx::query(SET_PLAN).bind(account_id.0).bind(plan.as_str()).bind(Time(now));
        let row = query.fetch_optional(&self.pool).await?;
        row.map(|row| account(&Columns(&row))).transpose()
    }
}
/// One account, locked until the transaction ends.
pub(super) async fn lock(connection: &mut PgConnection, account_id: AccountId) -> Result<Option<Account>, StoreError> {
    let row = sqlx::query(ONE_LOCKED).bind(account_id.0).fetch_optional(connection).await?;
    row.map(|row| account(&Columns(&row))).transpose()
}

fn account(columns: &Columns<'_>) -> Result<Account, StoreError> {
    Ok(Account {
        account_id: columns.id("account_id")?,
        name: columns.text("name")?,
        plan: columns.parse("plan")?,
        balance: Credits(columns.int("balance")?),
        in_flight: columns.number("in_flight")?,
        created_at: columns.time("created_at")?,
    })
}

fn profile(columns: &Columns<'_>) -> Result<AccountProfile, StoreError> {
    Ok(AccountProfile {
        account: account(columns)?,
        email: columns.opt_text("email")?,
        is_personal: columns.flag("is_personal")?,
        picture_url: columns.opt_text("picture_url")?,
        generations_total: columns.number("generations_total")?,
        generations_ever: columns.number("generations_ever")?,
    })
}
