//! The documented ranking policy (primitives §2.3), a pure function of a frame. Weights and orders are fixed here on
//! purpose: this is the reference that any other policy is measured against. It knows no cost and no censoring.

use intelligence_hints::{Ranking, Scores};
use ledger_contract::AttemptOutcome;
use polars::prelude::{
    DataFrame, DataType, Expr, LazyFrame, PolarsResult, QuantileMethod, RoundMode, SortMultipleOptions, col, len, lit,
    when,
};

use crate::frame::{LATENCY_MS, MODEL, OUTCOME, PROVIDER, REGION, RESOLVED_AT, SUBMITTED_AT, Window};
use crate::policy::RankedModel;

const SUCCESS_WEIGHT: f64 = 1.0;
const WASTE_WEIGHT: f64 = 0.5;
const LATENCY_WEIGHT: f64 = 0.3;

const ATTEMPTS: &str = "attempts";
const USED: &str = "used";
const P95: &str = "p95";
const P95_NORM: &str = "p95_norm";
const SCORE: &str = "score";

/// One row per model, region and provider, best provider first: the three names, `attempts`, `used`, `p95`, `p95_norm`,
/// `score`. Scores have full precision.
pub fn scores(facts: LazyFrame, window: Window) -> PolarsResult<LazyFrame> {
    let slowest = col(P95).max().over([col(MODEL), col(REGION)])?;
    let p95_norm = when(slowest.clone().gt(lit(0.0))).then(col(P95) / slowest).otherwise(lit(0.0));
    // Integers would divide as integers.
    let (attempts, used) = (col(ATTEMPTS).cast(DataType::Float64), col(USED).cast(DataType::Float64));
    let success_rate = used.clone() / attempts.clone();
    let wasted_rate = (attempts.clone() - used) / attempts;
    let score =
        lit(SUCCESS_WEIGHT) * success_rate - lit(WASTE_WEIGHT) * wasted_rate - lit(LATENCY_WEIGHT) * col(P95_NORM);
    Ok(facts
        .filter(counted(window))
        .group_by([col(MODEL), col(REGION), col(PROVIDER)])
        .agg([
            len().cast(DataType::UInt64).alias(ATTEMPTS),
            ended(AttemptOutcome::Used).cast(DataType::UInt64).sum().alias(USED),
            // Equiprobable is nearest rank: sorted[ceil(0.95 n) − 1].
            col(LATENCY_MS).quantile(lit(0.95), QuantileMethod::Equiprobable).alias(P95),
        ])
        .with_column(p95_norm.alias(P95_NORM))
        .with_column(score.alias(SCORE))
        .sort_by_exprs(
            // Scores that are equal on paper differ in the last bits; such noise must not decide before p95 does.
            [col(MODEL), col(REGION), col(SCORE).round(12, RoundMode::HalfToEven), col(P95), col(PROVIDER)],
            SortMultipleOptions::default().with_order_descending_multi([false, false, true, false, false]),
        ))
}

/// The same formula for one provider whose attempts were counted elsewhere; `slowest` is the largest p95 of its model.
pub fn score(attempts: u64, used: u64, p95: f64, slowest: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    let (attempts, used) = (attempts as f64, used as f64);
    let p95_norm = if slowest > 0.0 { p95 / slowest } else { 0.0 };
    SUCCESS_WEIGHT * used / attempts - WASTE_WEIGHT * (attempts - used) / attempts - LATENCY_WEIGHT * p95_norm
}

/// Resolved, submitted in the window, not from disagreeing clocks. `pending` says nothing yet.
fn counted(window: Window) -> Expr {
    let outcomes = ended(AttemptOutcome::Used)
        .or(ended(AttemptOutcome::Failed))
        .or(ended(AttemptOutcome::Discarded))
        .or(ended(AttemptOutcome::Cancelled));
    outcomes
        .and(col(RESOLVED_AT).is_not_null())
        .and(col(LATENCY_MS).gt_eq(lit(0.0)))
        .and(col(SUBMITTED_AT).gt_eq(lit(window.start().0)))
        .and(col(SUBMITTED_AT).lt_eq(lit(window.now.0)))
}

fn ended(outcome: AttemptOutcome) -> Expr {
    col(OUTCOME).eq(lit(outcome.as_str()))
}

/// The rows of [`scores`] as rankings.
pub(super) fn read(rows: &DataFrame, window: Window) -> PolarsResult<Vec<RankedModel>> {
    let (models, regions, providers) =
        (rows.column(MODEL)?.str()?, rows.column(REGION)?.str()?, rows.column(PROVIDER)?.str()?);
    let (attempts, scores) = (rows.column(ATTEMPTS)?.u64()?, rows.column(SCORE)?.f64()?);
    let mut ranked: Vec<RankedModel> = Vec::new();
    for row in 0..rows.height() {
        let (Some(model), Some(region), Some(provider)) = (models.get(row), regions.get(row), providers.get(row))
        else {
            continue;
        };
        if ranked.last().is_none_or(|last| last.model != model || last.region != region) {
            ranked.push(unranked(model, region, window));
        }
        if let Some(RankedModel { ranking, .. }) = ranked.last_mut() {
            ranking.providers_ranked.push(provider.to_owned());
            ranking.scores.0.push((provider.to_owned(), scores.get(row).unwrap_or_default()));
            ranking.attempts_total += attempts.get(row).unwrap_or_default();
        }
    }
    Ok(ranked)
}

fn unranked(model: &str, region: &str, window: Window) -> RankedModel {
    let ranking = Ranking {
        providers_ranked: Vec::new(),
        scores: Scores::default(),
        attempts_total: 0,
        window_hours: window.hours,
        computed_at: window.now,
    };
    RankedModel { model: model.to_owned(), region: region.to_owned(), ranking, standings: Vec::new() }
}
