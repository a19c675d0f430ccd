//! The shape of the house, measured: which package may lean on which, how long files and functions may be, and that every
//! file says what it is. Refuses to judge taste: clippy and readers do that.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Every arrow between our packages. A new one is a diff that someone must defend.
const ARROWS: &[(&str, &[&str])] = &[
    // Floor 4. The command line speaks the ledger's wire, hence the contract.
    ("babysea", &["proxy", "ledger", "intelligence", "proxy-simulator", "ledger-contract"]),
    // Floor 3.
    (
        "proxy",
        &[
            "proxy-normalize",
            "proxy-route",
            "ledger-artifacts",
            "ledger-guard",
            "intelligence-hints",
            "ledger-contract",
        ],
    ),
    ("ledger", &["ledger-store", "ledger-artifacts", "ledger-book", "ledger-contract"]),
    ("intelligence", &["intelligence-hints", "ledger-contract"]),
    ("proxy-simulator", &[]),
    // Floor 2.
    ("proxy-normalize", &["ledger-contract"]),
    ("proxy-route", &["intelligence-hints", "ledger-contract"]),
    ("ledger-store", &["ledger-book", "ledger-contract"]),
    ("ledger-artifacts", &["ledger-contract"]),
    // Floor 1.
    ("ledger-book", &["ledger-contract"]),
    ("intelligence-hints", &["ledger-contract"]),
    // Floor 0.
    ("ledger-contract", &[]),
    ("ledger-guard", &[]),
    // Beside the house: measures it.
    ("benches", &[]),
];

/// Beyond this a file holds more than one thing; the plan is 60–200, and to think at 300.
const FILE_LINES: usize = 400;
/// Beyond this a function does more than one thing; the plan is 25, and to think at 50.
const FUNCTION_LINES: usize = 70;
/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["mod", "core", "common", "utils", "util", "helpers", "helper", "manager", "misc"];

#[test]
fn packages_lean_only_on_what_the_plan_of_the_house_allows() {
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        ARROWS.iter().map(|(from, to)| (*from, to.iter().copied().collect())).collect();
    let mut wrong = Vec::new();
    for (from, to) in arrows_in_the_workspace() {
        match allowed.get(from.as_str()) {
            None => wrong.push(format!("{from} is not on the plan")),
            Some(known) => wrong.extend(
                to.iter()
                    .filter(|to| !known.contains(to.as_str()))
                    .map(|to| format!("{from} → {to} is not on the plan")),
            ),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_source_file_begins_by_saying_what_it_is() {
    let silent = |file: &&Source| !file.text.starts_with("//!");
    assert_none(sources().iter().filter(silent).map(|file| format!("{} does not begin with //!", file.shown())));
}

#[test]
fn no_source_file_outside_tests_is_longer_than_the_limit() {
    let long = |file: &&Source| !file.is_test() && file.text.lines().count() > FILE_LINES;
    assert_none(
        sources().iter().filter(long).map(|file| format!("{}: {} lines", file.shown(), file.text.lines().count())),
    );
}

#[test]
fn no_function_is_longer_than_the_limit() {
    let (mut long, mut seen) = (Vec::new(), 0);
    for file in sources() {
        for (name, lines) in functions(&without_comments_and_strings(&file.text)) {
            seen += 1;
            if lines > FUNCTION_LINES {
                long.push(format!("{}: {name} has {lines} lines", file.shown()));
            }
        }
    }
    assert!(seen > 200, "the scan found only {seen} functions");
    assert_none(long.into_iter());
}

#[test]
fn no_file_or_folder_has_an_empty_name() {
    let named_so = |file: &&Source| {
        file.path.components().any(|part| {
            let name = Path::new(part.as_os_str()).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            EMPTY_NAMES.contains(&name)
        })
    };
    assert_none(sources().iter().filter(named_so).map(|file| format!("{} says nothing by its name", file.shown())));
}

#[test]
fn the_scan_measures_functions_and_is_not_fooled_by_text() {
    let text = "fn a() {\n  let s = \"}{\"; // }\n  let c = '{';\n}\nfn b<'x>(v: &'x str);\nfn c() { r#\"}\"#; }\n";
    let found = functions(&without_comments_and_strings(text));
    assert_eq!(found, [("a".to_owned(), 4), ("c".to_owned(), 1)]);
}

struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    fn shown(&self) -> String {
        self.path.display().to_string()
    }

    fn is_test(&self) -> bool {
        self.path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs")
    }
}

fn assert_none(found: impl Iterator<Item = String>) {
    let found: Vec<String> = found.collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every `.rs` file of the repository, by its path from the root.
fn sources() -> Vec<Source> {
    let root = root();
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if entry.file_type().unwrap().is_dir() {
                let foreign = name.starts_with('.') || name == "target" || name == "node_modules";
                folders.extend((!foreign).then_some(path));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push(Source { path: path.strip_prefix(&root).unwrap().to_owned(), text });
            }
        }
    }
    assert!(found.len() > 20, "the walk found only {} files", found.len());
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Our packages and what each of them, outside its tests, depends on among ours.
fn arrows_in_the_workspace() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"])
        .arg(root().join("Cargo.toml"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let ours: BTreeSet<&str> = packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
    let leans_on = |package: &serde_json::Value| {
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        let outside_tests = dependencies.filter(|dependency| dependency["kind"] != "dev");
        let names = outside_tests.map(|dependency| dependency["name"].as_str().unwrap());
        names.filter(|name| ours.contains(name)).map(str::to_owned).collect()
    };
    packages.iter().map(|package| (package["name"].as_str().unwrap().to_owned(), leans_on(package))).collect()
}

/// The text with the inside of comments, strings and character literals blanked, line by line as long as before.
fn without_comments_and_strings(text: &str) -> String {
    let mut rest = text;
    let mut kept = String::with_capacity(text.len());
    while let Some(next) = rest.chars().next() {
        let skipped = length_of_text_at(rest, kept.chars().next_back());
        if skipped == 0 {
            kept.push(next);
            rest = &rest[next.len_utf8()..];
        } else {
            kept.extend(rest[..skipped].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[skipped..];
        }
    }
    kept
}

/// Bytes of the comment, string or character literal that begins here; 0 if none does.
fn length_of_text_at(rest: &str, before: Option<char>) -> usize {
    let until = |from: usize, end: &str| rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len());
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return until(2, "*/");
    }
    let inside_a_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if rest.starts_with('r') && !inside_a_word {
        let hashes = rest[1..].chars().take_while(|c| *c == '#').count();
        if rest[1 + hashes..].starts_with('"') {
            return until(2 + hashes, &format!("\"{}", "#".repeat(hashes)));
        }
    }
    if rest.starts_with('"') {
        return length_of_quoted(rest, '"');
    }
    // A lifetime has no closing quote right after its first character.
    let is_char = rest.starts_with("'\\") || (rest.starts_with('\'') && rest.chars().nth(2) == Some('\''));
    if is_char { length_of_quoted(rest, '\'') } else { 0 }
}

fn length_of_quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// Name and length in lines of every function that has a body.
fn functions(code: &str) -> Vec<(String, usize)> {
    let starts = code.match_indices("fn ").filter(|(at, _)| {
        !code[..*at].chars().next_back().is_some_and(|before| before.is_alphanumeric() || before == '_')
    });
    starts.filter_map(|(at, _)| function_at(&code[at..])).collect()
}

fn function_at(code: &str) -> Option<(String, usize)> {
    let name: String = code[3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    if name.is_empty() {
        return None; // a function pointer type
    }
    let (mut braces, mut brackets) = (0_usize, 0_usize);
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets = brackets.checked_sub(1)?,
            ';' if braces == 0 && brackets == 0 => return None,
            '{' => braces += 1,
            '}' => {
                braces = braces.checked_sub(1)?;
                if braces == 0 {
                    return Some((name, code[..at].matches('\n').count() + 1));
                }
            }
            _ => {}
        }
    }
    None
}
