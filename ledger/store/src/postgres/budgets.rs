//! Budgets: given, changed and taken away. What they count is moved by commands; here it is only read from the entries
//! when a window begins to be counted.

use ledger_book::Budget as Counted;
use ledger_contract::{
    AccountId, ApiKeyId, Budget, BudgetId, Credits, Timestamp,
    access::{Account, ApiKey},
    budget::{BudgetHolder, BudgetStatus},
    wire::{Budgeted, ChainEnds},
};
use sqlx::PgConnection;

use super::{
    Postgres, accounts, chain, commit, keys,
    rows::{Columns, Time},
};
use crate::error::StoreError;

const ONE: &str = "SELECT * FROM budgets WHERE budget_id = $1";
const OF_KEY: &str = "SELECT budget_id FROM budget_keys WHERE apikey_id = $1";
const PUT: &str = "INSERT INTO budgets (budget_id, account_id, holder, amount, period, window_starts_at, spent)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (budget_id) DO UPDATE SET amount = excluded.amount, period = excluded.period,
        window_starts_at = excluded.window_starts_at, spent = excluded.spent, archived = 0";
const LIMIT: &str = "UPDATE budgets SET amount = $2 WHERE budget_id = $1";
const DROP: &str = "DELETE FROM budgets WHERE budget_id = $1";
const NAME_KEY: &str = "INSERT INTO budget_keys (apikey_id, budget_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
const SUCCEED: &str = "INSERT INTO budget_keys (apikey_id, budget_id)
    SELECT $2, budget_id FROM budget_keys WHERE apikey_id = $1";
// From now on no entry of the account is older: the count begins here.
const NOT_BEFORE: &str = "UPDATE accounts SET chain_at = greatest(chain_at, $2) WHERE account_id = $1";
const SPENT: &str = "SELECT coalesce(sum(r.amount), 0)::bigint FROM entries AS r
    WHERE r.account_id = $1 AND r.type = 'reserve' AND r.created_at >= $2
        AND ($3::uuid IS NULL OR r.apikey_id = $3
            OR r.apikey_id IN (SELECT apikey_id FROM budget_keys WHERE budget_id = $4))
        AND NOT EXISTS (SELECT 1 FROM entries AS e WHERE e.generation_id = r.generation_id
            AND e.type IN ('charge', 'refund') AND e.type = 'refund')";

impl Postgres {
    pub(crate) async fn set_account_budget(
        &self,
        account_id: AccountId,
        budget: Option<Budget>,
        now: Timestamp,
    ) -> Result<Option<Budgeted<Account>>, StoreError> {
        let mut transaction = self.write().await?;
        let Some(of) = accounts::lock(&mut transaction, account_id).await? else { return Ok(None) };
        let of_account = Whose { budget: BudgetId(account_id.0), account: account_id, key: None };
        let budget = set(&mut transaction, &of_account, budget, now).await?;
        commit(transaction).await?;
        Ok(Some(Budgeted { of, budget }))
    }

    pub(crate) async fn set_key_budget(
        &self,
        apikey_id: ApiKeyId,
        budget: Option<Budget>,
        now: Timestamp,
    ) -> Result<Option<Budgeted<ApiKey>>, StoreError> {
        let mut transaction = self.write().await?;
        let Some(of) = keys::one(&mut transaction, apikey_id).await? else { return Ok(None) };
        accounts::lock(&mut transaction, of.account_id).await?;
        let named = sqlx::query(OF_KEY).bind(apikey_id.0).fetch_optional(&mut *transaction).await?;
        let named = named.map(|row| Columns(&row).id("budget_id")).transpose()?;
        let budget_id = named.unwrap_or(BudgetId(apikey_id.0));
        let of_key = Whose { budget: budget_id, account: of.account_id, key: Some(apikey_id) };
        let budget = set(&mut transaction, &of_key, budget, now).await?;
        commit(transaction).await?;
        Ok(Some(Budgeted { of, budget }))
    }

    pub(crate) async fn budget(&self, budget_id: BudgetId, now: Timestamp) -> Result<Option<BudgetStatus>, StoreError> {
        let row = sqlx::query(ONE).bind(budget_id.0).fetch_optional(&self.pool).await?;
        Ok(row.map(|row| counted(&Columns(&row))).transpose()?.map(|counted| status(&counted, now)))
    }
}

/// Whose budget is meant.
struct Whose {
    budget: BudgetId,
    account: AccountId,
    /// `None`: the account's own.
    key: Option<ApiKeyId>,
}

async fn set(
    connection: &mut PgConnection,
    of: &Whose,
    budget: Option<Budget>,
    now: Timestamp,
) -> Result<Option<BudgetStatus>, StoreError> {
    let Some(budget) = budget else {
        sqlx::query(DROP).bind(of.budget.0).execute(connection).await?;
        return Ok(None);
    };
    let Some(ChainEnds { head, .. }) = chain::ends(connection, of.account).await? else { return Ok(None) };
    let at = now.max(head.at);
    let held = sqlx::query(ONE).bind(of.budget.0).fetch_optional(&mut *connection).await?;
    let held = held.map(|row| counted(&Columns(&row))).transpose()?;
    let counts_on = held.as_ref().filter(|held| {
        held.period == budget.period
            && budget.period.window_start(at).is_none_or(|start| start <= held.window_starts_at)
    });
    if counts_on.is_some() {
        let limit = sqlx::query(LIMIT).bind(of.budget.0).bind(budget.amount.0);
        limit.execute(&mut *connection).await?;
    } else {
        begin(connection, of, budget, at).await?;
    }
    let row = sqlx::query(ONE).bind(of.budget.0).fetch_one(connection).await?;
    Ok(Some(status(&counted(&Columns(&row))?, at)))
}

/// Begins to count: what its window holds already counts too.
async fn begin(connection: &mut PgConnection, of: &Whose, budget: Budget, at: Timestamp) -> Result<(), StoreError> {
    let starts_at = budget.period.window_start(at).unwrap_or(at);
    let account_id = of.account.0;
    sqlx::query(NOT_BEFORE).bind(account_id).bind(Time(at)).execute(&mut *connection).await?;
    let apikey_id = of.key.map(|id| id.0);
    let spent = sqlx::query_scalar(SPENT).bind(account_id).bind(Time(starts_at)).bind(apikey_id).bind(of.budget.0);
    let spent: i64 = spent.fetch_one(&mut *connection).await?;
    let holder = if of.key.is_some() { BudgetHolder::Key } else { BudgetHolder::Account };
    sqlx::query(PUT)
        .bind(of.budget.0)
        .bind(account_id)
        .bind(holder.as_str())
        .bind(budget.amount.0)
        .bind(budget.period.as_str())
        .bind(Time(starts_at))
        .bind(spent)
        .execute(&mut *connection)
        .await?;
    if let Some(apikey_id) = apikey_id {
        sqlx::query(NAME_KEY).bind(apikey_id).bind(of.budget.0).execute(connection).await?;
    }
    Ok(())
}

/// A key that replaces another counts to the same budget.
pub(super) async fn succeed(connection: &mut PgConnection, old: ApiKeyId, new: ApiKeyId) -> Result<(), StoreError> {
    sqlx::query(SUCCEED).bind(old.0).bind(new.0).execute(connection).await?;
    Ok(())
}

fn status(counted: &Counted, at: Timestamp) -> BudgetStatus {
    BudgetStatus {
        budget: Budget { amount: counted.amount, period: counted.period },
        spent: counted.spent_at(at),
        window_ends_at: counted.period.window_end(at),
    }
}

/// A row of `budgets`.
pub(super) fn counted(columns: &Columns<'_>) -> Result<Counted, StoreError> {
    Ok(Counted {
        budget_id: columns.id("budget_id")?,
        account_id: columns.id("account_id")?,
        holder: columns.parse("holder")?,
        amount: Credits(columns.int("amount")?),
        period: columns.parse("period")?,
        window_starts_at: columns.time("window_starts_at")?,
        spent: Credits(columns.int("spent")?),
        archived: Credits(columns.int("archived")?),
    })
}
