//! What operators took out of routing. Decides nothing: proxies read it.

use ledger_contract::{Provider, wire::RoutingSwitch};

use super::{
    Postgres, commit,
    rows::{Columns, Time},
};
use crate::error::StoreError;

const ALL: &str = "SELECT * FROM routing_switches ORDER BY provider COLLATE \"C\", model COLLATE \"C\"";
const DISABLE: &str = "INSERT INTO routing_switches (provider, model, reason, created_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (provider, model) DO UPDATE SET reason = excluded.reason";
const ENABLE: &str = "DELETE FROM routing_switches WHERE provider = $1 AND model = $2";

impl Postgres {
    pub(crate) async fn routing_switches(&self) -> Result<Vec<RoutingSwitch>, StoreError> {
        let rows = sqlx::query(ALL).fetch_all(&self.pool).await?;
        rows.iter().map(|row| switch(&Columns(row))).collect()
    }

    pub(crate) async fn disable_routing(&self, switch: &RoutingSwitch) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        let query = sqlx::query(DISABLE).bind(name(switch.provider)).bind(switch.model.as_deref().unwrap_or_default());
        query.bind(&switch.reason).bind(Time(switch.created_at)).execute(&mut *transaction).await?;
        commit(transaction).await
    }

    pub(crate) async fn enable_routing(
        &self,
        provider: Option<Provider>,
        model: Option<&str>,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        let query = sqlx::query(ENABLE).bind(name(provider)).bind(model.unwrap_or_default());
        let removed = query.execute(&mut *transaction).await?.rows_affected();
        commit(transaction).await?;
        Ok(removed > 0)
    }
}

fn name(provider: Option<Provider>) -> &'static str {
    provider.map_or("", Provider::as_str)
}

fn switch(columns: &Columns<'_>) -> Result<RoutingSwitch, StoreError> {
    let model = columns.text("model")?;
    let provider = if columns.text("provider")?.is_empty() { None } else { Some(columns.parse("provider")?) };
    Ok(RoutingSwitch {
        provider,
        model: Some(model).filter(|model| !model.is_empty()),
        reason: columns.text("reason")?,
        created_at: columns.time("created_at")?,
    })
}
