//! The limit falls on pressure only, never below one, and comes back (api contract §10 rule 6).
#![allow(clippy::unwrap_used, missing_docs)]

use ledger_contract::{ErrorCode, Timestamp};
use proptest::prelude::*;
use proxy_route::{Limit, Place, Signal, signal};

const NOW: Timestamp = Timestamp(1_000_000);

fn fill(limit: &mut Limit, most: usize) -> Vec<Place> {
    std::iter::from_fn(|| limit.take(NOW, 1)).take(most).collect()
}

#[test]
fn a_documented_limit_is_kept_from_the_start() {
    let mut limit = Limit::new(Some(24));
    assert_eq!(fill(&mut limit, 100).len(), 24);
    assert_eq!((limit.in_flight(), limit.limit(NOW)), (24, Some(24)));
}

#[test]
fn a_provider_that_documents_none_has_none_until_it_complains() {
    let mut limit = Limit::new(None);
    let mut places = fill(&mut limit, 100);
    assert_eq!(places.len(), 100);
    limit.give_back(NOW, places.pop().unwrap(), Signal::Pressure);
    assert_eq!(limit.limit(NOW), Some(50));
    assert!(limit.take(NOW, 1).is_none(), "99 are open");
}

#[test]
fn one_burst_of_refusals_halves_once() {
    let mut limit = Limit::new(Some(24));
    for place in fill(&mut limit, 24) {
        limit.give_back(NOW, place, Signal::Pressure);
    }
    assert_eq!((limit.limit(NOW), limit.in_flight()), (Some(12), 0));
}

#[test]
fn it_never_falls_below_one_and_an_idle_provider_is_always_tried() {
    let mut limit = Limit::new(Some(2));
    for _ in 0..10 {
        let place = limit.take(NOW, 4).unwrap();
        assert!(limit.take(NOW, 1).is_none());
        limit.give_back(NOW, place, Signal::Pressure);
    }
    assert_eq!(limit.limit(NOW), Some(1));
}

#[test]
fn it_grows_by_one_per_round_of_full_use_up_to_what_is_documented() {
    let mut limit = Limit::new(Some(4));
    let mut places = fill(&mut limit, 4);
    limit.give_back(NOW, places.pop().unwrap(), Signal::Pressure);
    for place in places {
        limit.give_back(NOW, place, Signal::Silence);
    }
    assert_eq!(limit.limit(NOW), Some(2));
    for expected in [3, 4, 4, 4] {
        for _ in 0..4 {
            for place in fill(&mut limit, 4) {
                limit.give_back(NOW, place, Signal::Room);
            }
        }
        assert!(limit.limit(NOW).unwrap() >= expected.min(4));
    }
    assert_eq!(limit.limit(NOW), Some(4));
}

#[test]
fn a_limit_that_nobody_documented_is_forgotten_when_the_provider_is_quiet() {
    let mut limit = Limit::new(None);
    let place = fill(&mut limit, 1).pop().unwrap();
    limit.give_back(NOW, place, Signal::Pressure);
    assert_eq!(limit.limit(NOW.plus_ms(299_999)), Some(1));
    assert_eq!(limit.limit(NOW.plus_ms(300_000)), None);
    let mut documented = Limit::new(Some(2));
    let place = fill(&mut documented, 1).pop().unwrap();
    documented.give_back(NOW, place, Signal::Pressure);
    assert_eq!(documented.limit(NOW.plus_ms(300_000)), Some(1));
}

#[test]
fn jobs_of_another_process_count_although_nobody_asked_for_their_place() {
    let mut limit = Limit::new(Some(2));
    let _taken = limit.take_anyway(5);
    assert_eq!(limit.in_flight(), 5);
    assert!(limit.take(NOW, 1).is_none());
}

#[test]
fn only_429_and_overload_are_pressure() {
    for code in ErrorCode::ALL {
        let is_pressure = matches!(code, ErrorCode::ProviderRateLimited | ErrorCode::ProviderUnavailable);
        assert_eq!(signal(*code) == Signal::Pressure, is_pressure, "{code}");
    }
}

proptest! {
    #[test]
    fn whatever_happens_there_is_a_place_for_somebody_and_none_is_lost(
        documented in proptest::option::of(0_u32..30),
        steps in prop::collection::vec((0_u8..4, 1_u32..5, 0_i64..400_000), 0..200),
    ) {
        let mut limit = Limit::new(documented);
        let mut open = Vec::new();
        let mut now = NOW;
        for (what, units, later) in steps {
            now = now.plus_ms(later);
            if what == 0 {
                open.extend(limit.take(now, units));
            } else if let Some(place) = open.pop() {
                let signal = [Signal::Room, Signal::Pressure, Signal::Silence][usize::from(what) - 1];
                limit.give_back(now, place, signal);
            }
            prop_assert!(limit.limit(now).is_none_or(|now| now >= 1));
            prop_assert!(limit.limit(now).is_none() || documented.is_none_or(|most| limit.limit(now) <= Some(most.max(1))));
        }
        for place in open.drain(..) {
            limit.give_back(now, place, Signal::Silence);
        }
        prop_assert_eq!(limit.in_flight(), 0);
        prop_assert!(limit.take(now, 3).is_some());
    }
}
