//! The table that people read is the catalogue that is served.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proxy_normalize::{Catalogue, table::table};

#[test]
fn the_table_is_up_to_date() {
    let written = include_str!("../CATALOG.md");
    assert!(table(&Catalogue::embedded().unwrap()) == written, "run `make catalog-table`");
}
