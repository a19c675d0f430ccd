//! Sums of archive files, each computed once: files never change, and a file's sums seen at one moment are its sums seen
//! at another, faded. So a ranking costs what is new, not what there is. Only hours that the window cuts through are
//! summed again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;

use ledger_contract::Timestamp;
use polars::prelude::{IntoLazy, LazyFrame, PolarsResult};

use crate::apart::apart;
use crate::archive::{Archive, ArchiveError, read_file};
use crate::frame::{Fact, Window, frame};
use crate::policy::evidence::Evidence;
use crate::policy::expected::Settings;
use crate::policy::sums::{Group, read, sums};

/// What is known of files; forgetting it only costs time.
#[derive(Debug, Default)]
pub struct Summed {
    /// Each seen at the end of its hour.
    files: HashMap<PathBuf, Vec<Group>>,
}

impl Summed {
    /// The evidence of the window: the archive's attempts, and `open` ones in flight.
    pub fn groups(
        &mut self,
        archive: &Archive,
        open: &[Fact],
        window: Window,
        settings: &Settings,
    ) -> Result<Vec<Group>, ArchiveError> {
        let files = archive.files(window)?;
        let present: HashSet<&PathBuf> = files.iter().map(|(_, path)| path).collect();
        self.files.retain(|path, _| present.contains(path));
        let mut total = Total::default();
        for (hour, path) in &files {
            if hour.start() < window.start() || hour.end() > window.now.plus_ms(3_600_000) {
                total.add(&summed(|| read_file(path), window, settings)?, 0, settings);
                continue;
            }
            if !self.files.contains_key(path) {
                let whole = Window { now: hour.end(), hours: 1 };
                self.files.insert(path.clone(), summed(|| read_file(path), whole, settings)?);
            }
            if let Some(groups) = self.files.get(path) {
                total.add(groups, since(window.now, hour.end()), settings);
            }
        }
        total.add(&summed(|| Ok(frame(open.iter())?.lazy()), window, settings)?, 0, settings);
        Ok(total.groups())
    }
}

fn summed(
    facts: impl FnOnce() -> PolarsResult<LazyFrame> + Send,
    window: Window,
    settings: &Settings,
) -> PolarsResult<Vec<Group>> {
    apart(|| read(&sums(facts()?, window, settings)?.collect()?))?
}

fn since(now: Timestamp, then: Timestamp) -> i64 {
    now.since_ms(then)
}

/// Evidence by model and region, then provider.
#[derive(Default)]
struct Total(BTreeMap<(String, String), BTreeMap<String, Evidence>>);

impl Total {
    fn add(&mut self, groups: &[Group], faded_by_ms: i64, settings: &Settings) {
        for Group { model, region, providers } in groups {
            let group = self.0.entry((model.clone(), region.clone())).or_default();
            for (provider, evidence) in providers {
                group.entry(provider.clone()).or_default().add(&evidence.faded(faded_by_ms, settings));
            }
        }
    }

    fn groups(self) -> Vec<Group> {
        let group = |((model, region), providers): ((String, String), BTreeMap<String, Evidence>)| Group {
            model,
            region,
            providers: providers.into_iter().collect(),
        };
        self.0.into_iter().map(group).collect()
    }
}
