//! How a file is opened.

use ledger_store::{Store, StoreError};

#[tokio::test]
async fn an_address_that_is_not_ours_is_refused() {
    for url in ["", "sqlite://", "mysql://localhost/book", "/var/book.db"] {
        assert!(matches!(Store::open(url).await, Err(StoreError::Address(_))), "{url}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_corrupt_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("book.db");
    let text = "not a database, however long it is".repeat(100);
    std::fs::write(&path, &text).unwrap();
    let opened = Store::open(&format!("sqlite://{}", path.display())).await;
    assert!(matches!(opened, Err(StoreError::Corrupt(_))), "{opened:?}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}
