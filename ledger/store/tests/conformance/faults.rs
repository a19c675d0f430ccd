//! A seeded fault simulator: whoever commits dies between any two statements, the database is opened again, and the
//! same commands are said again. Whatever was answered is there, and nothing is there twice.
//!
//! Dying is being dropped between two polls: every statement is at least one. What the operating system does to a whole
//! process is another test's matter.

use std::{future::poll_fn, pin::pin, task::Poll};

use ledger_book::{Account, Book, apply};
use ledger_contract::{BudgetId, Credits, Plan, budget::BudgetHolder};

use crate::{
    commands::{NOW, account},
    database::Database,
    dice::Dice,
};

const SEEDS: u64 = 6;
const STEPS: u32 = 60;

/// Polls at most so many times, then drops: `None` if it did not end by then.
async fn die_after<T>(polls: u32, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        work.as_mut().poll(context).map(Some)
    })
    .await
}

/// What never leaves memory and never dies.
fn memory() -> Book {
    let mut book = Book::default();
    for n in [1, 2] {
        book.load_account(Account { chain_at: NOW, ..Account::new(account(n), Plan::Starter) });
    }
    book.load_budget(ledger_book::Budget {
        budget_id: BudgetId(account(1).0),
        account_id: account(1),
        holder: BudgetHolder::Account,
        amount: Credits(120),
        period: ledger_contract::Period::Day,
        window_starts_at: NOW.day_start(),
        spent: Credits::ZERO,
        archived: Credits::ZERO,
    });
    book
}

/// Walks with this seed; how often somebody died, and how often the commit was there all the same.
async fn walk(seed: u64) -> (u32, u32) {
    let database = Database::new().await;
    let budget = "0.120/day".parse().unwrap();
    database.store.set_account_budget(account(1), Some(budget), NOW).await.unwrap();
    let (mut book, mut dice) = (memory(), Dice::new(seed));
    let (mut store, mut deaths, mut landed) = (database.store.clone(), 0, 0);
    for step in 0..STEPS {
        let now = NOW.plus_ms(i64::from(step));
        let batch: Vec<_> = (0..=dice.below(4)).map(|_| dice.command()).collect();
        let polls = if dice.one_in(3) { u32::MAX } else { dice.below(12) };
        if let Some(answered) = die_after(polls, store.apply(&batch, now)).await {
            assert_eq!(answered.unwrap(), apply(&mut book, &batch, now), "seed {seed}, step {step}");
            continue;
        }
        deaths += 1;
        store = database.reopened().await;
        let answers = store.apply(&batch, now).await.unwrap();
        let once = apply(&mut book, &batch, now);
        if answers != once {
            landed += 1;
            assert_eq!(answers, apply(&mut book, &batch, now), "seed {seed}, step {step}, after {once:?}");
        }
    }
    for n in [1, 2] {
        let kept = database.store.account(account(n)).await.unwrap().unwrap().account;
        let known = book.account(account(n)).unwrap();
        assert_eq!((kept.balance, kept.in_flight), (known.balance, known.in_flight), "seed {seed}");
    }
    database.assert_clean().await;
    (deaths, landed)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_committer_that_dies_between_any_two_statements_loses_and_doubles_nothing() {
    let first = std::env::var("BABYSEA_FAULT_SEED").ok().map_or(1, |seed| seed.parse().unwrap());
    let seeds = std::env::var("BABYSEA_FAULT_SEEDS").ok().map_or(SEEDS, |seeds| seeds.parse().unwrap());
    let (mut deaths, mut landed) = (0, 0);
    for seed in first..first + seeds {
        let (died, was_there) = walk(seed).await;
        deaths += died;
        landed += was_there;
    }
    println!("{deaths} deaths in {seeds} walks from seed {first}, {landed} after the commit was there");
    assert!(deaths > 20);
}
