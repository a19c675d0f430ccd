//! The contract's arithmetic, by example and by property.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use proptest::prelude::*;

const NOW: i64 = 1_800_000_000 * SECOND_NS;

fn account() -> AccountId {
    uuid::Uuid::from_u128(7).into()
}

#[test]
fn an_idle_account_sends_one_full_burst_and_then_the_steady_rate() {
    let limits = AccountLimits::default();
    let rate = Rate::per_minute(30);
    for sent in 1..=30 {
        let decision = limits.draw(account(), Class::General, rate, NOW);
        assert!(decision.store.is_some());
        assert_eq!(decision.headers.remaining, 30 - sent);
        assert_eq!(decision.headers.reset_at_s, NOW / SECOND_NS + 2 * i64::from(sent));
    }
    let refused = limits.draw(account(), Class::General, rate, NOW);
    assert_eq!((refused.store, refused.retry_after_s, refused.headers.remaining), (None, 2, 0));
    assert!(limits.draw(account(), Class::General, rate, NOW + 2 * SECOND_NS).store.is_some());
    assert!(limits.draw(account(), Class::General, rate, NOW + 2 * SECOND_NS).store.is_none());
}

#[test]
fn classes_are_separate_and_peeking_draws_nothing() {
    let limits = AccountLimits::default();
    let rate = Rate::per_minute(10);
    limits.draw(account(), Class::Generation, rate, NOW);
    assert_eq!(limits.peek(account(), Class::Generation, rate, NOW).remaining, 9);
    assert_eq!(limits.peek(account(), Class::Generation, rate, NOW).remaining, 9);
    assert_eq!(limits.peek(account(), Class::General, rate, NOW).remaining, 10);
}

#[test]
fn a_plan_change_applies_at_the_next_request() {
    let limits = AccountLimits::default();
    for _ in 0..30 {
        limits.draw(account(), Class::General, Rate::per_minute(30), NOW);
    }
    let later = NOW + 10 * SECOND_NS;
    assert_eq!(limits.draw(account(), Class::General, Rate::per_minute(600), later).headers.remaining, 99);
}

#[test]
fn a_clock_that_was_set_back_locks_nobody_out_for_long() {
    let decision = Rate::per_minute(60).decide(Some(NOW + 3_600 * SECOND_NS), NOW);
    assert_eq!((decision.store, decision.retry_after_s), (None, 1));
}

#[test]
fn an_address_is_refused_after_its_failures_and_a_network_shares_them() {
    let failed = FailedLogins::new(30);
    let client: IpAddr = "2001:db8::1".parse().unwrap();
    let neighbour: IpAddr = "2001:db8::2".parse().unwrap();
    for _ in 0..30 {
        assert_eq!(failed.refusal(client, NOW), None);
        failed.record(client, NOW);
    }
    assert_eq!(failed.refusal(neighbour, NOW).unwrap().headers.limit, 30);
    assert_eq!(failed.refusal("2001:db9::1".parse().unwrap(), NOW), None);
    assert_eq!(failed.refusal(client, NOW + 2 * SECOND_NS), None);
}

#[test]
fn memory_is_bounded_and_old_entries_make_room() {
    let times: Times<u32> = Times::new(10);
    let rate = Rate::per_minute(60);
    for key in 0..100 {
        times.draw(key, rate, NOW);
    }
    assert_eq!(times.by_key.len(), 10);
    times.draw(200, rate, NOW + 2 * SECOND_NS);
    assert_eq!(times.by_key.len(), 1);
}

proptest! {
    #[test]
    fn never_more_than_the_burst_plus_the_steady_rate(
        per_minute in 1_u32..2_000,
        gaps in prop::collection::vec(0_i64..3 * SECOND_NS, 1..400),
    ) {
        let rate = Rate::per_minute(per_minute);
        let (mut tat, mut now, mut let_through) = (None, NOW, 0_i64);
        for gap in gaps {
            now += gap;
            let decision = rate.decide(tat, now);
            if let Some(new) = decision.store {
                tat = Some(new);
                let_through += 1;
            }
            let earned = (now - NOW) / rate.spacing_ns();
            prop_assert!(let_through <= i64::from(per_minute) + earned + 1);
            prop_assert!(decision.headers.remaining <= per_minute);
        }
    }

    #[test]
    fn remaining_is_exactly_what_can_be_sent_and_retry_after_is_enough(
        per_minute in 1_u32..1_000,
        ahead in 0_i64..WINDOW_NS,
    ) {
        let rate = Rate::per_minute(per_minute);
        let mut tat = Some(NOW + ahead);
        let promised = rate.peek(tat, NOW).remaining;
        let mut sent = 0;
        let refused = loop {
            let decision = rate.decide(tat, NOW);
            match decision.store {
                Some(new) => { tat = Some(new); sent += 1; }
                None => break decision,
            }
        };
        prop_assert_eq!(sent, promised);
        prop_assert!(rate.decide(tat, NOW + i64::from(refused.retry_after_s) * SECOND_NS).store.is_some());
    }

    #[test]
    fn no_stored_time_makes_the_arithmetic_panic(tat in any::<i64>(), per_minute in any::<u32>()) {
        Rate::per_minute(per_minute).decide(Some(tat), NOW);
        Rate::per_minute(per_minute).peek(Some(tat), NOW);
    }
}
