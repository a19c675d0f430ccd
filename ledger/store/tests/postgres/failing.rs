//! Postgres goes away, in the middle of a commit too: callers learn what is certain, and asking again tells the rest.

use ledger_contract::{
    Credits,
    command::{AddAnswer, Answer, Ask},
};
use ledger_store::{Store, StoreError};

use crate::{
    commands::{NOW, account, add},
    database::{Database, named},
    server::Server,
};

#[tokio::test]
async fn an_address_without_a_server_is_unavailable_and_a_password_stays_unsaid() {
    let refused = Store::open("postgres://me:secret@127.0.0.1:1/book").await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
    let malformed = Store::open("postgres://me:secret@[not an address").await.unwrap_err();
    assert!(matches!(malformed, StoreError::Address(_)), "{malformed:?}");
    for error in [refused, malformed] {
        assert!(!format!("{error:?}").contains("secret"));
    }
}

#[tokio::test]
async fn text_that_postgres_cannot_hold_is_refused_and_not_an_outage() {
    let database = Database::new().await;
    let refused = database.store.apply(&[add("a\0b", 1).into_command()], NOW).await;
    assert!(matches!(refused, Err(StoreError::Constraint { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_lost_connection_is_replaced_before_anything_is_said_over_it() {
    let database = Database::new().await;
    let raw = database.raw().await;
    for n in 0..3 {
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE application_name = 'babysea-ledger' AND datname = current_database()";
        sqlx::query(end).execute(&raw).await.unwrap();
        database.ask(add(&format!("order:{n}"), 1)).await;
    }
    database.assert_clean().await;
}

/// A trigger at the very end of the transaction ends its own session: the client sees a connection that breaks while it
/// waits for the commit.
#[tokio::test]
async fn a_commit_whose_connection_breaks_is_in_doubt_and_asking_again_settles_it() {
    let database = Database::new().await;
    let raw = database.raw().await;
    for sql in [
        "CREATE FUNCTION break_off() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'",
        "CREATE CONSTRAINT TRIGGER break_off AFTER INSERT ON entries DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW WHEN (NEW.add_key = 'order:1') EXECUTE FUNCTION break_off()",
    ] {
        sqlx::query(sql).execute(&raw).await.unwrap();
    }
    let commands = [add("order:1", 5).into_command()];
    let lost = database.store.apply(&commands, NOW).await;
    assert!(matches!(lost, Err(StoreError::InDoubt(_))), "{lost:?}");
    sqlx::query("DROP TRIGGER break_off ON entries").execute(&raw).await.unwrap();
    let answers = database.store.apply(&commands, NOW).await.unwrap();
    assert_eq!(answers, [Answer::Add(AddAnswer::Added { balance: Credits(5) })]);
    database.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_crashes_loses_nothing_that_was_answered() {
    let server = Server::start(&[]);
    let url = server.database();
    let store = Store::open(&url).await.unwrap();
    store.create_account(&named(1), NOW).await.unwrap();
    let mut granted = 0;
    for round in 0..3 {
        for n in 0..20 {
            store.apply(&[add(&format!("order:{round}:{n}"), 1).into_command()], NOW).await.unwrap();
            granted += 1;
        }
        server.kill();
        // A backend can outlive its server for a moment and still commit: what was answered counts either way.
        let late = [add(&format!("order:{round}:late"), 1).into_command()];
        let down = store.apply(&late, NOW).await;
        assert!(matches!(down, Ok(_) | Err(StoreError::Unavailable(_) | StoreError::InDoubt(_))), "{down:?}");
        server.restart();
        store.apply(&late, NOW).await.unwrap();
        granted += 1;
        let profile = store.account(account(1)).await.unwrap().unwrap();
        assert_eq!(profile.account.balance, Credits(granted));
    }
    assert_eq!(store.audit().await.unwrap().violations, Vec::<String>::new());
}
