//! What a file of attempts may look like, and what is said when it doesn't.
#![allow(clippy::unwrap_used, missing_docs)]

use intelligence::csv::{CsvError, read};
use intelligence::{Policy, rank_file};
use ledger_contract::AttemptOutcome;

const HEADER: &str = "model,region,provider,outcome,latency_ms,estimated_cost,submitted_at,resolved_at";
const ROW: &str = "lab/m,us,fal,used,1500,0.004,2026-05-06T00:00:00Z,2026-05-06T00:00:01.5Z";

fn complaint(text: &str) -> String {
    read(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn a_plain_file_reads() {
    let facts = read(format!("{HEADER}\n{ROW}\n").as_bytes()).unwrap();
    assert_eq!(facts.len(), 1);
    assert_eq!((&*facts[0].model, &*facts[0].provider, facts[0].outcome), ("lab/m", "fal", AttemptOutcome::Used));
    assert_eq!(facts[0].latency_ms, Some(1_500.0));
}

#[test]
fn column_order_extra_columns_quotes_and_line_ends_do_not_matter() {
    let text = "note,resolved_at,submitted_at,estimated_cost,latency_ms,outcome,provider,region,model,error_code\r\n\
                \"a,\"\"b\"\"\",2026-05-06T02:00:01+02:00,2026-05-06T00:00:00Z,,,failed,\"fal\",jp,lab/m,BSE4001\r\n";
    let facts = read(text.as_bytes()).unwrap();
    assert_eq!(&*facts[0].region, "apac");
    assert_eq!(facts[0].latency_ms, Some(1_000.0), "an empty latency is derived");
}

#[test]
fn pending_rows_need_no_end() {
    let facts = read(format!("{HEADER}\nlab/m,us,fal,pending,,,2026-05-06T00:00:00Z,\n").as_bytes()).unwrap();
    assert_eq!((facts[0].resolved_at, facts[0].latency_ms), (None, None));
    assert!(read(format!("{HEADER}\n").as_bytes()).unwrap().is_empty());
}

#[test]
fn every_wrong_cell_is_named_by_row_and_column() {
    for (cell, wrong, column) in [
        ("lab/m", "", "model"),
        ("fal", "", "provider"),
        ("used", "won", "outcome"),
        ("used", "", "outcome"),
        ("1500", "fast", "latency_ms"),
        ("1500", "NaN", "latency_ms"),
        ("1500", "inf", "latency_ms"),
        ("0.004", "-1", "estimated_cost"),
        ("0.004", "cheap", "estimated_cost"),
        ("2026-05-06T00:00:00Z", "2026-05-06 00:00:00", "submitted_at"),
        ("2026-05-06T00:00:00Z", "", "submitted_at"),
        ("2026-05-06T00:00:01.5Z", "1778025601", "resolved_at"),
    ] {
        let told = complaint(&format!("{HEADER}\n{ROW}\n{}\n", ROW.replacen(cell, wrong, 1)));
        assert!(told.starts_with(&format!("row 3, column `{column}`: ")), "{told}");
    }
}

#[test]
fn a_missing_column_is_named() {
    for column in HEADER.split(',') {
        let text = format!("{}\n{ROW}\n", HEADER.replacen(column, "other", 1));
        assert_eq!(complaint(&text), format!("column `{column}` is missing"));
    }
}

#[test]
fn rows_with_too_many_or_too_few_cells_are_named() {
    assert_eq!(complaint(&format!("{HEADER}\n{ROW}\n{ROW},more\n")), "row 3: more cells than the header's 8");
    let short = complaint(&format!("{HEADER}\n{ROW}\nlab/m,us,fal\n"));
    assert!(short.starts_with("row 3, column `"), "{short}");
}

#[test]
fn what_is_no_csv_is_refused_and_never_panics() {
    for bytes in [&b""[..], b"\n", b"\xff\xfe\x00", b"\"", b"a\"b,c\n\"", b"{}", b"\0\0\0\0"] {
        assert!(read(bytes).is_err(), "{bytes:?}");
    }
    let not_utf8 = [format!("{HEADER}\n").as_bytes(), b"lab/m,us,\xff,used,1,0,x,y\n"].concat();
    assert!(matches!(read(&not_utf8), Err(CsvError::NotCsv(_) | CsvError::Cell { .. })));
}

#[test]
fn other_files_are_refused_clearly() {
    let told = |path: &str| rank_file(Policy::Documented, path.as_ref(), "us", 24, None).unwrap_err().to_string();
    assert!(told("nowhere.parquet").contains("nowhere.parquet"));
    assert!(told("attempts.txt").contains("neither a .csv nor a .parquet file"));
    assert!(told("/nowhere/attempts.csv").contains("/nowhere/attempts.csv"));
}
