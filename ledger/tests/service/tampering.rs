//! `ledger/TAMPER_EVIDENCE.md` says what is true: its example is ours, and its Python finds what ours finds.

use std::{fs, path::Path, process::Command as Process};

use ledger::chain_file::{self, ChainWriter};
use ledger_book::{Account, Book, apply, chain};
use ledger_contract::{
    AccountId, Credits, Plan, Timestamp,
    command::{Add, Command, Refund, Reserve},
    wire::Caller,
};

use crate::stack::{charge, reserve};

const DOCUMENT: &str = include_str!("../../TAMPER_EVIDENCE.md");

/// An add, two reserves, a charge and a refund of one account.
fn example() -> String {
    let account_id: AccountId = "aaaaaaaa-0000-4000-8000-000000000001".parse().unwrap();
    let caller = Caller { account_id, apikey_id: "bbbbbbbb-0000-4000-8000-000000000001".parse().unwrap() };
    let mut book = Book::default();
    book.load_account(Account::new(account_id, Plan::Pro));
    let reserve = |n: u32| Reserve {
        generation_id: format!("01999999-0000-7000-8000-{n:012}").parse().unwrap(),
        ..reserve(caller, Credits(100))
    };
    let error = ledger_contract::PublicError::new(ledger_contract::ErrorCode::ProviderTimeout, "Too late");
    let description = Some("A name that stays out of it".to_owned());
    let commands = [
        Command::Add(Add { account_id, amount: Credits(1_000), key: "order:1".to_owned(), description }),
        Command::Reserve(reserve(1)),
        Command::Reserve(Reserve { model: "lab/größe \"x\"\u{1}".to_owned(), ..reserve(2) }),
        charge(reserve(1).generation_id, "ab/cd.png"),
        Command::Refund(Refund { generation_id: reserve(2).generation_id, error, attempt: None }),
    ];
    for (n, command) in (0..).zip(commands) {
        apply(&mut book, &[command], Timestamp(1_779_874_860_000 + n));
    }
    let mut file = ChainWriter::new(Vec::new(), chain::start(account_id)).unwrap();
    book.entries().iter().for_each(|entry| file.push(&chain::row_of(entry)).unwrap());
    String::from_utf8(file.finish().unwrap().0).unwrap()
}

/// The first block of this language in the document.
fn block(language: &str) -> String {
    let (_, rest) = DOCUMENT.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// Whether the document's Python finds the file intact; `None` without Python.
fn python_says(folder: &Path, text: &str) -> Option<bool> {
    let (script, file) = (folder.join("verify.py"), folder.join("ledger.ndjson"));
    fs::write(&script, block("python")).unwrap();
    fs::write(&file, text).unwrap();
    Some(Process::new("python3").arg(&script).arg(&file).output().ok()?.status.success())
}

#[test]
fn the_documented_example_is_what_is_written() {
    assert_eq!(block("json"), example());
}

#[test]
fn an_independent_verifier_finds_what_ours_finds() {
    let folder = tempfile::tempdir().unwrap();
    let example = example();
    let lines: Vec<&str> = example.lines().collect();
    let of = |order: &[usize]| order.iter().flat_map(|n| [lines[*n], "\n"]).collect::<String>();
    let cases = [
        (example.clone(), true),
        (example.replace("\"amount\":100,", "\"amount\":101,"), false),
        (example.replace("lab/gr", "lab/Gr"), false),
        (example.replace("1779874860003", "1779874860004"), false),
        (of(&[0, 1, 2, 4, 5, 6]), false),
        (of(&[0, 1, 3, 2, 4, 5, 6]), false),
        (of(&[0, 1, 2, 3, 4, 6]), false),
        (of(&[0, 1, 2, 3, 3, 4, 5, 6]), false),
    ];
    for (text, intact) in cases {
        assert_eq!(chain_file::verify(text.as_bytes()).unwrap().problems.is_empty(), intact, "{text}");
        assert_eq!(python_says(folder.path(), &text).unwrap_or(intact), intact, "{text}");
    }
}

#[test]
fn nothing_personal_is_in_a_chain() {
    assert!(!example().contains("stays out of it") && !example().contains("order:1"));
}
