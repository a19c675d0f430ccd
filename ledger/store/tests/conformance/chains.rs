//! Every account's entries form one chain, whoever writes them.

use ledger_book::chain;
use ledger_contract::{command::Ask, wire::ChainEnds};
use tokio::task::JoinSet;

use crate::{
    commands::{NOW, account, add, charge, reserve},
    database::Database,
};

/// Follows the whole chain in pages of `limit`; how many entries it has.
async fn follow(database: &Database, n: u32, limit: u32) -> u64 {
    let ChainEnds { opening, head } = database.store.chain(account(n)).await.unwrap().unwrap();
    let mut place = opening;
    loop {
        let rows = database.store.chain_entries(account(n), place.seq, limit).await.unwrap();
        for row in &rows {
            let (next, broken) = chain::follow(&place, row);
            assert_eq!(broken, []);
            place = next;
        }
        if rows.is_empty() {
            assert_eq!((place.seq, place.hash, place.balance), (head.seq, head.hash, head.balance));
            return place.seq - opening.seq;
        }
    }
}

#[tokio::test]
async fn a_chain_begins_at_the_accounts_own_genesis() {
    let database = Database::with_credits(1_000).await;
    database.ask(reserve(1)).await;
    database.ask(charge(1, 1)).await;
    assert_eq!(follow(&database, 1, 2).await, 3);
    assert_eq!(follow(&database, 2, 2).await, 0);
    assert_ne!(chain::genesis(account(1)), chain::genesis(account(2)));
    assert_eq!(database.store.chain(account(9)).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_write_one_chain() {
    let database = Database::new().await;
    let stores = [database.store.clone(), database.reopened().await];
    let mut tasks = JoinSet::new();
    for n in 0..60_u32 {
        let store = stores[n as usize % 2].clone();
        // Their clocks differ.
        let now = NOW.plus_ms(if n % 2 == 0 { 0 } else { -40 } + i64::from(n));
        tasks.spawn(async move { store.apply(&[add(&format!("order:{n}"), 1).into_command()], now).await.unwrap() });
    }
    tasks.join_all().await;
    assert_eq!(follow(&database, 1, 7).await, 60);
    database.assert_clean().await;
}
