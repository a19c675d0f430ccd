//! A book with accounts 1 and 2 in it, and a clock that stands still unless moved.

use ledger_book::{Account, Book, Generation, apply, state::Attempt};
use ledger_contract::{Plan, Timestamp, command::Ask};

use crate::commands::{NOW, account, add, generation};

pub struct World {
    pub book: Book,
    pub now: Timestamp,
}

impl World {
    /// Two starter accounts (5 in flight), both without credits.
    pub fn new() -> Self {
        let mut book = Book::default();
        for n in [1, 2] {
            book.load_account(Account::new(account(n), Plan::Starter));
        }
        Self { book, now: NOW }
    }

    /// Account 1 has this many thousandths.
    pub fn with_credits(amount: i64) -> Self {
        let mut world = Self::new();
        world.ask(add("welcome:1", amount));
        world
    }

    pub fn ask<C: Ask>(&mut self, command: C) -> C::Answer {
        let mut answers = apply(&mut self.book, &[command.into_command()], self.now);
        C::from_answer(answers.pop().expect("one answer per command")).expect("the answer to this command")
    }

    /// Account 1.
    pub fn account(&self) -> &Account {
        self.book.account(account(1)).unwrap()
    }

    pub fn generation(&self, n: u32) -> &Generation {
        self.book.generation(generation(n)).unwrap()
    }

    pub fn attempt(&self, n: u32, attempt_order: u32) -> &Attempt {
        self.generation(n).attempt(attempt_order).unwrap()
    }
}
