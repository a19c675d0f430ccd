//! `GET /v1/usage` (api contract 5.2): sums of what the store counted.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use axum::{
    extract::{Query, State},
    response::Response,
};
use ledger_contract::{AccountId, AttemptOutcome, MicroUsd, Provider};
use ledger_store::{EndpointUsage, ProviderUsage};
use serde::Serialize;
use serde_json::Value;

use super::{
    Reader,
    query::{self, Parameters},
};
use crate::{app::App, problem::Problem};

const DAY_MS: i64 = 24 * 3_600_000;

#[derive(Serialize)]
struct UsageData {
    account_id: AccountId,
    usage_period_days: u64,
    usage_credit_balance: Value,
    usage_total_requests: u64,
    usage_total_success: u64,
    usage_total_client_errors: u64,
    usage_total_server_errors: u64,
    usage_total_generations: u64,
    usage_total_provider_submissions: u64,
    usage_total_estimated_cost: Value,
    usage_endpoints: Vec<Endpoint>,
    usage_providers: Vec<ProviderData>,
}

#[derive(Default, Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the contract")]
struct Endpoint {
    endpoint: String,
    total_requests: u64,
    success_count: u64,
    client_error_count: u64,
    server_error_count: u64,
    error_codes: BTreeMap<String, u64>,
}

#[derive(Serialize)]
struct ProviderData {
    provider: Provider,
    total_submissions: u64,
    used_count: u64,
    cancelled_count: u64,
    discarded_count: u64,
    failed_count: u64,
    total_estimated_cost: Value,
    wasted_estimated_cost: Value,
}

/// The handler.
pub(crate) async fn get(State(app): State<Arc<App>>, reader: Reader, Query(parameters): Query<Parameters>) -> Response {
    reader.answer("Usage retrieved", read(&app, &reader, &parameters).await)
}

async fn read(app: &App, reader: &Reader, parameters: &Parameters) -> Result<UsageData, Problem> {
    let days = query::integer(parameters, "days", 1..=90, 30)?;
    let since = reader.now.plus_ms(-DAY_MS * i64::try_from(days).unwrap_or(90));
    let account_id = reader.caller.account_id;
    let profile = app.store.account(account_id).await?.ok_or(Problem::Missing("account"))?;
    let usage = app.store.usage(account_id, since).await?;
    let endpoints = endpoints(usage.requests);
    let sum = |count: fn(&Endpoint) -> u64| endpoints.iter().map(count).sum();
    Ok(UsageData {
        account_id,
        usage_period_days: days,
        usage_credit_balance: profile.account.balance.to_json(),
        usage_total_requests: sum(|endpoint| endpoint.total_requests),
        usage_total_success: sum(|endpoint| endpoint.success_count),
        usage_total_client_errors: sum(|endpoint| endpoint.client_error_count),
        usage_total_server_errors: sum(|endpoint| endpoint.server_error_count),
        usage_total_generations: usage.generations,
        usage_total_provider_submissions: usage.attempts.iter().map(|row| row.attempts).sum(),
        usage_total_estimated_cost: cost(&usage.attempts, |_| true),
        usage_endpoints: endpoints,
        usage_providers: providers(&usage.attempts),
    })
}

/// One item per endpoint, the busiest first. Only answers from 200 up are counted by the proxy.
fn endpoints(rows: Vec<EndpointUsage>) -> Vec<Endpoint> {
    let mut by_name: BTreeMap<String, Endpoint> = BTreeMap::new();
    for row in rows {
        let endpoint = by_name.entry(row.endpoint).or_default();
        let count = match row.status {
            ..400 => &mut endpoint.success_count,
            400..500 => &mut endpoint.client_error_count,
            _ => &mut endpoint.server_error_count,
        };
        *count += row.requests;
        endpoint.total_requests += row.requests;
        if let Some(code) = row.error_code {
            *endpoint.error_codes.entry(code).or_default() += row.requests;
        }
    }
    let mut endpoints: Vec<_> =
        by_name.into_iter().map(|(name, endpoint)| Endpoint { endpoint: name, ..endpoint }).collect();
    endpoints.sort_by_key(|endpoint| Reverse(endpoint.total_requests));
    endpoints
}

/// One item per provider that was tried, the most tried first.
fn providers(rows: &[ProviderUsage]) -> Vec<ProviderData> {
    let mut by_provider: BTreeMap<Provider, Vec<ProviderUsage>> = BTreeMap::new();
    for row in rows {
        by_provider.entry(row.provider).or_default().push(*row);
    }
    let mut providers: Vec<_> = by_provider.into_iter().map(|(provider, rows)| summed(provider, &rows)).collect();
    providers.sort_by_key(|provider| Reverse(provider.total_submissions));
    providers
}

fn summed(provider: Provider, rows: &[ProviderUsage]) -> ProviderData {
    let count = |outcome| rows.iter().filter(|row| row.outcome == outcome).map(|row| row.attempts).sum();
    ProviderData {
        provider,
        total_submissions: rows.iter().map(|row| row.attempts).sum(),
        used_count: count(AttemptOutcome::Used),
        cancelled_count: count(AttemptOutcome::Cancelled),
        discarded_count: count(AttemptOutcome::Discarded),
        failed_count: count(AttemptOutcome::Failed),
        total_estimated_cost: cost(rows, |_| true),
        wasted_estimated_cost: cost(rows, |outcome| {
            matches!(outcome, AttemptOutcome::Cancelled | AttemptOutcome::Discarded | AttemptOutcome::Failed)
        }),
    }
}

fn cost(rows: &[ProviderUsage], counts: impl Fn(AttemptOutcome) -> bool) -> Value {
    let counted = rows.iter().filter(|row| counts(row.outcome));
    let total = counted.fold(MicroUsd(0), |sum, row| MicroUsd(sum.0.saturating_add(row.estimated_cost.0)));
    total.to_json()
}
