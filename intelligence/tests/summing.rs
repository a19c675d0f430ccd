//! Sums kept per file: the same standings as from all attempts at once, whenever they are looked at.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "fixture/book.rs"]
mod book;

use book::Book;
use intelligence::Policy;
use intelligence::frame::Window;
use intelligence::policy::expected::Settings;
use intelligence::policy::summed::Summed;
use intelligence::policy::{rank, ranked};
use intelligence::source::Source;
use ledger_contract::Timestamp;

const NOW: Timestamp = Timestamp(1_779_874_860_000);

#[tokio::test]
async fn sums_kept_per_file_give_what_all_attempts_at_once_give() {
    let mut book = Book::new().await;
    for minute in 0..180 {
        let at = NOW.plus_ms(-minute * 600_000);
        book.attempt("m/m", "fal", "used", at, Some(2_000 + minute * 7)).await;
        book.attempt("m/m", "bfl", if minute % 4 == 0 { "failed" } else { "used" }, at, Some(1_500)).await;
    }
    book.attempt("m/m", "fal", "pending", NOW.plus_ms(-9_000), None).await;
    let settings = Settings::default();
    let mut source = Source::new(&book.url(), "us", &book.attempts(), 24).unwrap();
    let mut summed = Summed::default();
    for later_ms in [0, 1_000, 90_000, 4_000_000] {
        let window = Window { now: NOW.plus_ms(later_ms), hours: 24 };
        book.attempt("m/m", "bfl", "used", window.now.plus_ms(-800), Some(700)).await;
        source.refresh(window).await.unwrap();
        let (open, archive) = (source.in_flight(window).await.unwrap(), source.take().unwrap());
        let kept = ranked(summed.groups(&archive, &open, window, &settings).unwrap().remove(0), window, &settings);
        let facts = archive.facts(window, &open).unwrap();
        let whole = rank(Policy::Ours, facts, window, &settings).unwrap().remove(0);
        for (kept, whole) in kept.standings.iter().zip(&whole.standings) {
            assert_eq!((&kept.provider, kept.attempts), (&whole.provider, whole.attempts), "{later_ms}");
            assert_eq!(kept.in_flight, whole.in_flight);
            assert!((kept.score - whole.score).abs() < 1e-9, "{later_ms}: {kept:?} {whole:?}");
        }
        source.restore(archive);
    }
}
