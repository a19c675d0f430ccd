//! A store that loads and persists for every batch answers like a book that never leaves memory.

use ledger_book::{Account, Book, apply};
use ledger_contract::Plan;
use proptest::prelude::*;

use crate::{
    commands::{NOW, account, any_command},
    database::Database,
};

fn book_in_memory() -> Book {
    let mut book = Book::default();
    for n in [1, 2] {
        book.load_account(Account::new(account(n), Plan::Starter));
    }
    book
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_store_answers_like_the_book_and_stays_clean(
        batches in proptest::collection::vec(proptest::collection::vec(any_command(), 1..8), 1..25)
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let database = Database::new().await;
            let mut book = book_in_memory();
            for (step, batch) in batches.iter().enumerate() {
                let now = NOW.plus_ms(i64::try_from(step).unwrap());
                let answers = database.store.apply(batch, now).await.unwrap();
                assert_eq!(answers, apply(&mut book, batch, now));
            }
            database.assert_clean().await;
        });
    }
}
