//! A database of one's own on the private Postgres, with accounts 1 and 2 (starter: 5 in flight). Every clean test ends
//! with an audit.

use ledger_contract::{Credits, Plan, Timestamp, access::Account, command::Ask};
use ledger_store::Store;
use sqlx::PgPool;

use crate::{
    commands::{NOW, account, add},
    server::Server,
};

/// What has to go before anything can be planted.
pub const GUARDS: &[&str] = &[
    "ALTER TABLE entries DISABLE TRIGGER ALL",
    "DROP INDEX entries_of_an_account_form_one_chain",
    "DROP INDEX one_reserve_per_generation",
    "DROP INDEX one_charge_or_refund_per_generation",
    "DROP INDEX one_used_attempt_per_generation",
    "DO $$ DECLARE rule record; BEGIN
        FOR rule IN SELECT conrelid::regclass AS of, conname FROM pg_constraint
            WHERE contype = 'c' AND connamespace = 'public'::regnamespace LOOP
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', rule.of, rule.conname);
        END LOOP;
    END $$",
];

pub struct Database {
    pub store: Store,
    pub url: String,
}

impl Database {
    pub async fn new() -> Self {
        let url = Server::shared().database();
        let store = Store::open(&url).await.unwrap();
        for n in [1, 2] {
            store.create_account(&named(n), NOW).await.unwrap();
        }
        Self { store, url }
    }

    /// Account 1 has this many thousandths.
    pub async fn with_credits(amount: i64) -> Self {
        let database = Self::new().await;
        database.ask(add("welcome:1", amount)).await;
        database
    }

    pub async fn ask<C: Ask>(&self, command: C) -> C::Answer {
        self.ask_at(command, NOW).await
    }

    pub async fn ask_at<C: Ask>(&self, command: C, now: Timestamp) -> C::Answer {
        ask(&self.store, command, now).await
    }

    /// The same database, opened once more by another store.
    pub async fn reopened(&self) -> Store {
        Store::open(&self.url).await.unwrap()
    }

    /// The same database without us in between.
    pub async fn raw(&self) -> PgPool {
        PgPool::connect(&self.url).await.unwrap()
    }

    pub async fn assert_clean(&self) {
        assert_eq!(self.store.audit().await.unwrap().violations, Vec::<String>::new());
    }
}
pub async fn ask<C: Ask>(store: &Store, command: C, now: Timestamp) -> C::Answer {
    let answers = store.apply(&[command.into_command()], now).await.unwrap();
    C::from_answer(answers.into_iter().next().unwrap()).unwrap()
}

pub fn named(n: u32) -> Account {
    Account {
        account_id: account(n),
        name: format!("Account {n}"),
        plan: Plan::Starter,
        balance: Credits::ZERO,
        in_flight: 0,
        created_at: NOW.plus_ms(i64::from(n)),
    }
}
