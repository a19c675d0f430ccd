//! A chain file is checked line by line, and whatever happens to it is found.

use ledger_book::{Account, Book, apply};
use ledger_contract::{
    AccountId, Credits, Plan, Timestamp,
    command::{Add, Command},
};

use super::*;

/// Entries 1..=4 of one account as a file.
fn file() -> String {
    let account_id: AccountId = "aaaaaaaa-0000-4000-8000-000000000001".parse().unwrap();
    let mut book = Book::default();
    book.load_account(Account::new(account_id, Plan::Pro));
    for n in 1..=4 {
        let add = Add { account_id, amount: Credits(n), key: format!("order:{n}"), description: None };
        apply(&mut book, &[Command::Add(add)], Timestamp(1_000 + n));
    }
    let mut chain = ChainWriter::new(Vec::new(), chain::start(account_id)).unwrap();
    for entry in book.entries() {
        chain.push(&chain::row_of(entry)).unwrap();
    }
    let (bytes, entries) = chain.finish().unwrap();
    assert_eq!(entries, 4);
    String::from_utf8(bytes).unwrap()
}

fn problems(file: &str) -> Vec<String> {
    verify(file.as_bytes()).unwrap().problems
}

/// The file with its lines in another order or number.
fn lines(order: &[usize]) -> String {
    let file = file();
    let lines: Vec<_> = file.lines().collect();
    order.iter().flat_map(|n| [lines[*n], "\n"]).collect()
}

#[test]
fn what_was_written_is_intact() {
    let verdict = verify(file().as_bytes()).unwrap();
    assert_eq!((verdict.entries, verdict.problems), (4, Vec::<String>::new()));
    assert_eq!(verdict.closing.unwrap().balance, Credits(10));
}

#[test]
fn every_changed_character_is_found() {
    let file = file();
    for (place, old) in file.char_indices().filter(|(_, old)| old.is_ascii_alphanumeric()) {
        let new = if old == '7' { '8' } else { '7' };
        let mut changed = file.clone();
        changed.replace_range(place..=place, &new.to_string());
        assert!(!problems(&changed).is_empty(), "{old} at {place} became {new}");
    }
}

#[test]
fn missing_doubled_and_exchanged_entries_are_found() {
    assert_eq!(problems(&lines(&[0, 1, 2, 3, 4, 5])), Vec::<String>::new());
    for order in [
        &[0, 2, 3, 4, 5][..],
        &[0, 1, 3, 4, 5],
        &[0, 1, 2, 3, 5],
        &[0, 1, 2, 2, 3, 4, 5],
        &[0, 1, 3, 2, 4, 5],
        &[0, 1, 2, 3, 4],
        &[1, 2, 3, 4, 5],
        &[0, 1, 2, 3, 4, 5, 4],
        &[0, 5],
        &[0],
        &[],
    ] {
        assert!(!problems(&lines(order)).is_empty(), "{order:?}");
    }
}

#[test]
fn a_file_without_shape_is_judged_in_bounded_memory_and_a_bounded_report() {
    assert_eq!(problems("hello"), ["line 1: not an opening line"]);
    let long = format!("{}{}", lines(&[0]), "x".repeat(300_000));
    assert!(problems(&long)[0].contains("line 2: not an entry"));
    let many = format!("{}{}", lines(&[0]), "{}\n".repeat(1_000));
    assert_eq!(problems(&many).len(), MOST_PROBLEMS + 1);
}

#[test]
fn a_broken_chain_is_not_written() {
    let file = file();
    let row: ChainRow = serde_json::from_str(file.lines().nth(2).unwrap()).unwrap();
    let mut chain = ChainWriter::new(Vec::new(), chain::start(row.account_id)).unwrap();
    assert_eq!(chain.push(&row).unwrap_err().kind(), io::ErrorKind::InvalidData);
}
