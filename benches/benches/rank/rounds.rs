//! One ranking in a process of its own: how long, how much memory, and the same again with one percent more.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use intelligence::Policy;
use intelligence::archive::Archive;
use intelligence::policy::counted::Counted;
use intelligence::policy::expected::{Settings, standings};
use intelligence::policy::rank;
use intelligence::policy::summed::Summed;
use serde::{Deserialize, Serialize};

use crate::attempts::{REGION, add, window};

/// Our rankings: the documented policy by histograms kept per file, the same in plain Polars with exact quantiles, and
/// ours by sums kept per file.
pub const OURS: [&str; 3] = ["documented-counted", "documented-exact", "ours-summed"];

/// What a round says.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Measured {
    pub seconds: f64,
    /// With one percent more, having ranked before; 0 for those that keep nothing.
    #[serde(default)]
    pub incremental_seconds: f64,
    #[serde(default)]
    pub peak_bytes: f64,
    /// By model and provider.
    #[serde(default)]
    pub p95: BTreeMap<String, f64>,
}

pub fn measure(kind: &str, folder: &Path) -> Measured {
    let rows: u64 = std::fs::read_to_string(folder.join("made")).unwrap().parse().unwrap();
    let mut archive = Archive::open(folder, REGION).unwrap();
    let (mut counted, mut summed, settings) = (Counted::default(), Summed::default(), Settings::default());
    let once = |counted: &mut Counted, summed: &mut Summed, archive: &Archive| match kind {
        "documented-counted" => counted.rank(archive, window()).unwrap().len(),
        "documented-exact" => {
            let facts = archive.facts(window(), &[]).unwrap();
            rank(Policy::Documented, facts, window(), &settings).unwrap().len()
        }
        "ours-summed" => {
            let groups = summed.groups(archive, &[], window(), &settings).unwrap();
            groups.iter().map(|group| standings(&group.providers, &settings).len()).filter(|len| *len > 0).count()
        }
        _ => panic!("no ranking is called {kind}"),
    };
    let started = Instant::now();
    let models = once(&mut counted, &mut summed, &archive);
    let seconds = started.elapsed().as_secs_f64();
    assert_eq!(models, 40);
    let p95 = if kind == "documented-counted" { counted.p95s() } else { BTreeMap::new() };
    let before = files(folder);
    let peak_bytes = peak_bytes();
    let mut incremental_seconds = 0.0;
    if kind != "documented-exact" {
        add(&mut archive, rows);
        let started = Instant::now();
        once(&mut counted, &mut summed, &archive);
        incremental_seconds = started.elapsed().as_secs_f64();
        for new in files(folder).into_iter().filter(|file| !before.contains(file)) {
            std::fs::remove_file(new).unwrap();
        }
    }
    Measured { seconds, incremental_seconds, peak_bytes, p95 }
}

/// Every Parquet file below.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(files(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "parquet") {
            found.push(entry);
        }
    }
    found
}

/// The most memory this process has had.
fn peak_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0
}
