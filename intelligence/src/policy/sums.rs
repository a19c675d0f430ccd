//! The sums of [`crate::policy::evidence`] out of a frame: one row per model, region and provider. Only sums, so that
//! frames too large for one machine can be summed apart and added, in any engine (`sql/ours.sql` says the same).

use polars::prelude::{DataFrame, DataType, Expr, LazyFrame, NULL, PolarsResult, SortMultipleOptions, col, lit, when};

use crate::frame::{
    DURATION_S, ERROR_CODE, ESTIMATED_COST, LATENCY_MS, MODEL, OUTCOME, PROVIDER, REGION, RESOLUTION, RESOLVED_AT,
    SUBMITTED_AT, Window,
};
use crate::policy::evidence::{COUNTED_CODES, Evidence, SIDES, Sums};
use crate::policy::expected::Settings;

const ATTEMPTS: &str = "attempts";
const OPEN: &str = "open";
const OPEN_MS: &str = "open_ms";

/// Names of a horizon's five sums.
const RECENT: [&str; 5] = ["recent_attempts", "recent_used", "recent_ms", "recent_ms_squared", "recent_cost"];
const STEADY: [&str; 5] = ["steady_attempts", "steady_used", "steady_ms", "steady_ms_squared", "steady_cost"];

/// The evidence of one model in one region.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Public model id.
    pub model: String,
    /// Region label.
    pub region: String,
    /// Providers by name.
    pub providers: Vec<(String, Evidence)>,
}

/// One row per model, region and provider, in that order: the three names, `attempts`, five sums per horizon, `open` and
/// `open_ms`. A provider with nothing counted and nothing in flight has no row.
pub fn sums(facts: LazyFrame, window: Window, settings: &Settings) -> PolarsResult<LazyFrame> {
    let age_ms = (lit(window.now.0) - col(SUBMITTED_AT)).cast(DataType::Float64);
    let weight = |half_life_s: f64| lit(0.5).pow(age_ms.clone() / lit(half_life_s * 1000.0));
    let mut columns = vec![col("counted").cast(DataType::UInt64).sum().alias(ATTEMPTS)];
    for (names, weighted) in [(RECENT, "recent"), (STEADY, "steady")] {
        let counted = || col(weighted) * col("counted").cast(DataType::Float64);
        let values = [
            lit(1.0),
            col("used").cast(DataType::Float64),
            col("spent_ms"),
            col("spent_ms") * col("spent_ms"),
            col("cost"),
        ];
        columns.extend(names.into_iter().zip(values).map(|(name, value)| (counted() * value).sum().alias(name)));
    }
    let open = || col("open_now").cast(DataType::Float64);
    columns.push(col("open_now").cast(DataType::UInt64).sum().alias(OPEN));
    columns.push((open() * col("age_per_size")).sum().alias(OPEN_MS));
    Ok(facts
        .filter(in_window(window))
        .with_columns([counted().alias("counted"), open_now().alias("open_now"), size().alias("size")])
        .filter(col("counted").or(col("open_now")))
        .with_columns([
            is(OUTCOME, "used").alias("used"),
            (col(LATENCY_MS) / col("size")).fill_null(lit(0.0)).alias("spent_ms"),
            col(ESTIMATED_COST).cast(DataType::Float64).fill_null(lit(0.0)).alias("cost"),
            (age_ms.clone() / col("size")).alias("age_per_size"),
            weight(settings.recent_half_life_s).alias("recent"),
            weight(settings.steady_half_life_s).alias("steady"),
        ])
        .group_by([col(MODEL), col(REGION), col(PROVIDER)])
        .agg(columns)
        .sort([MODEL, REGION, PROVIDER], SortMultipleOptions::default()))
}

fn in_window(window: Window) -> Expr {
    col(SUBMITTED_AT).gt_eq(lit(window.start().0)).and(col(SUBMITTED_AT).lt_eq(lit(window.now.0)))
}

/// Used or wasted, and from clocks that agree; see [`crate::policy::evidence::class`].
fn counted() -> Expr {
    let theirs = COUNTED_CODES.iter().fold(col(ERROR_CODE).is_null(), |any, code| any.or(is(ERROR_CODE, code)));
    let ended = is(OUTCOME, "used").or(is(OUTCOME, "discarded")).or(is(OUTCOME, "failed").and(theirs));
    let counted = ended.and(col(RESOLVED_AT).is_not_null()).and(col(LATENCY_MS).gt_eq(lit(0.0)));
    counted.fill_null(lit(false))
}

fn open_now() -> Expr {
    is(OUTCOME, "pending").and(col(RESOLVED_AT).is_null()).fill_null(lit(false))
}

/// See [`crate::policy::evidence::size`].
fn size() -> Expr {
    let side = SIDES
        .iter()
        .fold(lit(1.0), |others, (name, side)| when(is(RESOLUTION, name)).then(lit(*side)).otherwise(others));
    when(col(DURATION_S).gt(lit(0.0)))
        .then(col(DURATION_S).cast(DataType::Float64) / lit(5.0) * side)
        .otherwise(lit(1.0))
}

fn is(column: &str, text: &str) -> Expr {
    col(column).eq(lit(text.to_owned()))
}

/// The two columns a file of attempts may lack, so that it can be read as any other.
pub fn with_missing(facts: LazyFrame, has: impl Fn(&str) -> bool) -> LazyFrame {
    let wanted = [
        (ERROR_CODE, DataType::String),
        (ESTIMATED_COST, DataType::Float64),
        (DURATION_S, DataType::Float64),
        (RESOLUTION, DataType::String),
    ];
    let missing: Vec<Expr> = wanted
        .into_iter()
        .filter(|(name, _)| !has(name))
        .map(|(name, kind)| lit(NULL).cast(kind).alias(name))
        .collect();
    if missing.is_empty() { facts } else { facts.with_columns(missing) }
}

/// The rows of [`sums`] as evidence.
pub fn read(rows: &DataFrame) -> PolarsResult<Vec<Group>> {
    let (models, regions, providers) =
        (rows.column(MODEL)?.str()?, rows.column(REGION)?.str()?, rows.column(PROVIDER)?.str()?);
    let (attempts, open, open_ms) =
        (rows.column(ATTEMPTS)?.u64()?, rows.column(OPEN)?.u64()?, rows.column(OPEN_MS)?.f64()?);
    let mut groups: Vec<Group> = Vec::new();
    for row in 0..rows.height() {
        let (Some(model), Some(region), Some(provider)) = (models.get(row), regions.get(row), providers.get(row))
        else {
            continue;
        };
        if groups.last().is_none_or(|last| last.model != model || last.region != region) {
            groups.push(Group { model: model.to_owned(), region: region.to_owned(), providers: Vec::new() });
        }
        let evidence = Evidence {
            attempts: attempts.get(row).unwrap_or_default(),
            recent: horizon(rows, RECENT, row)?,
            steady: horizon(rows, STEADY, row)?,
            open: open.get(row).unwrap_or_default(),
            open_ms: open_ms.get(row).unwrap_or_default(),
        };
        if let Some(group) = groups.last_mut() {
            group.providers.push((provider.to_owned(), evidence));
        }
    }
    Ok(groups)
}

fn horizon(rows: &DataFrame, [attempts, used, ms, squared, cost]: [&str; 5], row: usize) -> PolarsResult<Sums> {
    let at = |name| Ok::<f64, polars::prelude::PolarsError>(rows.column(name)?.f64()?.get(row).unwrap_or_default());
    Ok(Sums {
        attempts: at(attempts)?,
        used: at(used)?,
        spent_ms: at(ms)?,
        spent_squared: at(squared)?,
        cost_usd: at(cost)?,
    })
}
