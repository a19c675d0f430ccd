//! The documented policy by histograms kept per file, against the same in a frame.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use intelligence::archive::{Archive, Kept, Read};
use intelligence::csv;
use intelligence::frame::{Fact, Window};
use intelligence::policy::counted::Counted;
use intelligence::policy::expected::Settings;
use intelligence::policy::{Policy, RankedModel, rank};
use intelligence::scenario::Scenario;
use intelligence::simulate::{self, EPOCH_MS};
use ledger_contract::Timestamp;

fn window(minutes: i64) -> Window {
    Window { now: Timestamp(EPOCH_MS + minutes * 60_000), hours: 24 }
}

fn keep(root: &Path, facts: &[Fact]) -> Archive {
    let mut archive = Archive::open(root, "us").unwrap();
    let names = (0_i64..).map(|index| Kept::name("a generation", index));
    let kept = names.zip(facts).map(|(attempt, fact)| Kept { attempt, fact: fact.clone() }).collect();
    let newest_ms = facts.iter().filter_map(|fact| fact.resolved_at).map(|end| end.0).max().unwrap();
    archive.keep(kept, Read { newest_ms, covers_from_ms: 0 }).unwrap();
    archive
}

fn assert_alike(counted: &[RankedModel], framed: &[RankedModel]) {
    assert_eq!(counted.len(), framed.len());
    for (counted, framed) in counted.iter().zip(framed) {
        assert_eq!(counted.ranking.attempts_total, framed.ranking.attempts_total);
        assert_eq!(counted.ranking.providers_ranked, framed.ranking.providers_ranked, "{}", counted.model);
        for (provider, score) in &framed.ranking.scores.0 {
            let found = counted.ranking.scores.get(provider).unwrap();
            assert!((found - score).abs() < 0.3 * 0.01, "{provider}: {found} for {score}");
        }
    }
}

#[test]
fn what_is_counted_per_file_ranks_as_a_frame_does_and_only_new_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let facts = csv::read(simulate::csv(Scenario::RareModel, 4).as_bytes()).unwrap();
    let (early, _) = facts.split_at(facts.partition_point(|fact| fact.resolved_at.unwrap().0 < EPOCH_MS));
    let archive = keep(folder.path(), early);
    let mut counted = Counted::default();
    let settings = Settings::default();
    let framed = |archive: &Archive, window: Window| {
        rank(Policy::Documented, archive.facts(window, &[]).unwrap(), window, &settings).unwrap()
    };
    assert_alike(&counted.rank(&archive, window(0)).unwrap(), &framed(&archive, window(0)));
    let archive = keep(folder.path(), &facts);
    let later = window(5 * 60 + 30);
    let again = counted.rank(&archive, later).unwrap();
    assert_alike(&again, &framed(&archive, later));
    assert_eq!(again, Counted::default().rank(&archive, later).unwrap(), "what was kept changes nothing");
}
