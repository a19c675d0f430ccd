//! The documented policy over archive files too many to sort: counts and a histogram per provider, straight from the
//! columns of each file, files in parallel, a file at a time in memory. Each p95 is within 0.4% of exact; order and score
//! are [`documented`]'s. What was counted of a file is kept, so a ranking costs what is new.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use intelligence_hints::{Ranking, Scores};
use polars::prelude::{DataFrame, ParallelStrategy, ParquetReader, PolarsResult, SerReader};

use crate::archive::{Archive, ArchiveError, Hour};
use crate::frame::{LATENCY_MS, MODEL, OUTCOME, PROVIDER, REGION, RESOLVED_AT, SUBMITTED_AT, Window};
use crate::histogram::{Histogram, Share};
use crate::policy::RankedModel;
use crate::policy::documented::score;

/// Model, region, provider.
type Name = (String, String, String);

/// What is counted of one provider of one model in one region.
#[derive(Clone, Debug, Default)]
struct Count {
    used: u64,
    latencies: Histogram,
}

type Counts = BTreeMap<Name, Count>;

/// Provider, attempts, used, p95.
type Row<'a> = (&'a str, u64, u64, f64);

/// What is known of files; forgetting it only costs time.
#[derive(Debug, Default)]
pub struct Counted {
    files: HashMap<PathBuf, Counts>,
    /// Of the last ranking.
    p95s: BTreeMap<String, f64>,
}

impl Counted {
    /// Ranks the archive's attempts of a window. Files whose hour the window cuts through are counted anew each time.
    pub fn rank(&mut self, archive: &Archive, window: Window) -> Result<Vec<RankedModel>, ArchiveError> {
        let files = archive.files(window)?;
        let present: HashSet<&PathBuf> = files.iter().map(|(_, path)| path).collect();
        self.files.retain(|path, _| present.contains(path));
        let is_cut = |hour: Hour| hour.start() < window.start() || hour.start() > window.now;
        let unknown = files.iter().filter(|(hour, path)| is_cut(*hour) || !self.files.contains_key(path));
        let unknown: Vec<&Path> = unknown.map(|(_, path)| path.as_path()).collect();
        let mut total = Counts::new();
        for (path, counts) in counted(&unknown, window)? {
            self.files.insert(path.to_owned(), counts);
        }
        for counts in self.files.values() {
            for (name, count) in counts {
                let sum = total.entry(name.clone()).or_default();
                sum.used += count.used;
                sum.latencies.merge(&count.latencies);
            }
        }
        // The window moves on, so what it cut is worth nothing next time.
        for (_, path) in files.iter().filter(|(hour, _)| is_cut(*hour)) {
            self.files.remove(path);
        }
        let p95 = |(name, count): (&Name, &Count)| {
            let (model, _, provider) = name;
            Some((format!("{model} {provider}"), count.latencies.nearest_rank(Share(95))?))
        };
        self.p95s = total.iter().filter_map(p95).collect();
        Ok(ranked(&total, window))
    }

    /// The quantiles of the last ranking, by model and provider, for whoever compares them with exact ones.
    pub fn p95s(&self) -> BTreeMap<String, f64> {
        self.p95s.clone()
    }
}

/// Counts files on all cores, each on one.
fn counted<'a>(files: &[&'a Path], window: Window) -> PolarsResult<Vec<(&'a Path, Counts)>> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(files.len())));
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(files.len());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let counts = read(path).and_then(|rows| count(&rows, window));
                    // A panic elsewhere leaves a list that is still a list.
                    done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(counts.map(|c| (*path, c)));
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).into_iter().collect()
}

fn read(path: &Path) -> PolarsResult<DataFrame> {
    let columns = [MODEL, REGION, PROVIDER, OUTCOME, LATENCY_MS, SUBMITTED_AT, RESOLVED_AT];
    ParquetReader::new(File::open(path)?)
        .with_columns(Some(columns.map(str::to_owned).to_vec()))
        .read_parallel(ParallelStrategy::None)
        .finish()
}

/// Files are sorted by model and provider, so a name is looked up once in a long run of rows.
fn count(rows: &DataFrame, window: Window) -> PolarsResult<Counts> {
    let text = |name| rows.column(name).and_then(|column| column.str());
    let (models, regions, providers, outcomes) = (text(MODEL)?, text(REGION)?, text(PROVIDER)?, text(OUTCOME)?);
    let latencies = rows.column(LATENCY_MS)?.f64()?;
    let (submitted, resolved) = (rows.column(SUBMITTED_AT)?.i64()?, rows.column(RESOLVED_AT)?.i64()?);
    let names = models.iter().zip(regions.iter()).zip(providers.iter());
    let values = outcomes.iter().zip(latencies.iter()).zip(submitted.iter().zip(resolved.iter()));
    let (mut groups, mut places) = (Vec::<(Name, Count)>::new(), HashMap::new());
    let mut run: Option<((&str, &str, &str), usize)> = None;
    for (((model, region), provider), ((outcome, latency), (submitted, resolved))) in names.zip(values) {
        let (Some(model), Some(region), Some(provider)) = (model, region, provider) else { continue };
        let (Some(outcome), Some(latency), Some(submitted), Some(_)) = (outcome, latency, submitted, resolved) else {
            continue;
        };
        let used = outcome == "used";
        let ended = used || matches!(outcome, "failed" | "discarded" | "cancelled");
        if !ended || latency < 0.0 || submitted < window.start().0 || submitted > window.now.0 {
            continue;
        }
        let name = (model, region, provider);
        let place = match run {
            Some((same, place)) if same == name => place,
            _ => *places.entry(name).or_insert_with(|| {
                groups.push(((model.to_owned(), region.to_owned(), provider.to_owned()), Count::default()));
                groups.len() - 1
            }),
        };
        run = Some((name, place));
        let count = &mut groups[place].1;
        count.used += u64::from(used);
        count.latencies.add(latency);
    }
    Ok(groups.into_iter().collect())
}

/// Best first within each model and region; ties by lower p95, then by name, as the documented order has it.
fn ranked(total: &Counts, window: Window) -> Vec<RankedModel> {
    let mut models: BTreeMap<(&str, &str), Vec<Row<'_>>> = BTreeMap::new();
    for ((model, region, provider), count) in total {
        let Some(p95) = count.latencies.nearest_rank(Share(95)) else { continue };
        models.entry((model, region)).or_default().push((provider, count.latencies.total(), count.used, p95));
    }
    let ranked = models.into_iter().map(|((model, region), providers)| {
        let slowest = providers.iter().map(|(.., p95)| *p95).fold(0.0, f64::max);
        let scored = providers.iter().map(|(name, all, used, p95)| (*name, score(*all, *used, *p95, slowest), *p95));
        let mut scored: Vec<(&str, f64, f64)> = scored.collect();
        let noise = |score: f64| (score * 1e12).round();
        scored.sort_by(|a, b| (noise(b.1).total_cmp(&noise(a.1))).then(a.2.total_cmp(&b.2)).then_with(|| a.0.cmp(b.0)));
        let ranking = Ranking {
            providers_ranked: scored.iter().map(|(name, ..)| (*name).to_owned()).collect(),
            scores: Scores(scored.iter().map(|(name, score, _)| ((*name).to_owned(), *score)).collect()),
            attempts_total: providers.iter().map(|(_, all, ..)| all).sum(),
            window_hours: window.hours,
            computed_at: window.now,
        };
        RankedModel { model: model.to_owned(), region: region.to_owned(), ranking, standings: Vec::new() }
    });
    ranked.collect()
}
