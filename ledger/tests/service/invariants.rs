//! `ledger/INVARIANTS.md` names tests that exist. Whether they test what it says is for readers.

use std::{collections::BTreeSet, fs, path::Path};

/// Names of all functions in the Rust files under a folder.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let names = text.split("fn ").skip(1).filter_map(|rest| rest.split(['(', '<']).next());
            found.extend(names.map(str::to_owned));
        }
    }
}

#[test]
fn every_test_that_an_invariant_names_exists() {
    let mut known = BTreeSet::new();
    functions(Path::new(env!("CARGO_MANIFEST_DIR")), &mut known);
    let rows = include_str!("../../INVARIANTS.md").lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    let mut named = 0;
    for row in rows {
        let tests = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let listed: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!listed.is_empty(), "no test: {row}");
        for name in listed {
            assert!(known.contains(name), "no such test: {name}");
            named += 1;
        }
    }
    assert!(named > 40, "{named}");
}
