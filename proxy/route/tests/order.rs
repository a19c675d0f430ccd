//! Rules 1–6 of the resolution of an order, and what holds whatever is passed in.
#![allow(clippy::unwrap_used, missing_docs)]

use Provider::{Bfl, Cloudflare, Fal, Openai, Replicate};
use intelligence_hints::{Ranking, Scores};
use ledger_contract::{Provider, Timestamp};
use proptest::prelude::*;
use proxy_route::{BreakerState, Candidate, Exploration, Order, is_switched_off, resolve};

fn ranking(providers: &[&str]) -> Ranking {
    Ranking {
        providers_ranked: providers.iter().map(|name| (*name).to_owned()).collect(),
        scores: Scores(providers.iter().map(|name| ((*name).to_owned(), 0.5)).collect()),
        attempts_total: 9,
        window_hours: 24,
        computed_at: Timestamp(0),
    }
}

fn well(provider: Provider) -> Candidate {
    Candidate { provider, state: BreakerState::Closed, configured: true, degraded: false, attempts: 0 }
}

fn all_well() -> Vec<Candidate> {
    Provider::ALL.iter().copied().map(well).collect()
}

fn but(changed: Candidate) -> Vec<Candidate> {
    Provider::ALL.iter().map(|p| if *p == changed.provider { changed } else { well(*p) }).collect()
}

const EXPLORES: Option<Exploration> = Some(Exploration { draw: 0.019, share: 0.02 });
const STATIC: [Provider; 3] = [Bfl, Replicate, Fal];

#[test]
fn without_a_ranking_the_order_is_static() {
    assert_eq!(resolve(Order::Fastest, &STATIC, None, &all_well(), None), STATIC);
}

#[test]
fn ranked_providers_come_first_and_the_rest_follows_in_static_order() {
    let order = |names: &[&str]| resolve(Order::Fastest, &STATIC, Some(&ranking(names)), &all_well(), None);
    assert_eq!(order(&["fal", "bfl", "replicate"]), [Fal, Bfl, Replicate]);
    assert_eq!(order(&["fal"]), [Fal, Bfl, Replicate]);
    assert_eq!(order(&["openai", "replicate", "nobody"]), [Replicate, Bfl, Fal]);
    assert_eq!(order(&["nobody"]), STATIC);
}

#[test]
fn a_degraded_provider_goes_behind_the_others_and_a_recovering_one_goes_last() {
    let degraded = but(Candidate { degraded: true, ..well(Bfl) });
    assert_eq!(resolve(Order::Fastest, &STATIC, None, &degraded, None), [Replicate, Fal, Bfl]);
    let mut both = degraded;
    both[0].state = BreakerState::HalfOpen;
    assert_eq!(both[0].provider, Replicate);
    assert_eq!(resolve(Order::Fastest, &STATIC, Some(&ranking(&["replicate"])), &both, None), [Fal, Bfl, Replicate]);
}

#[test]
fn open_and_unconfigured_providers_are_out_of_every_order() {
    for order in [Order::Fastest, Order::Explicit] {
        let open = but(Candidate { state: BreakerState::Open, ..well(Bfl) });
        assert_eq!(resolve(order, &STATIC, None, &open, None), [Replicate, Fal]);
        let missing = but(Candidate { configured: false, ..well(Fal) });
        assert_eq!(resolve(order, &STATIC, None, &missing, None), [Bfl, Replicate]);
        assert_eq!(resolve(order, &STATIC, None, &[], None), []);
    }
}

#[test]
fn an_explicit_order_is_changed_by_nothing_but_removal() {
    let mut candidates = but(Candidate { state: BreakerState::HalfOpen, degraded: true, ..well(Bfl) });
    candidates[1].degraded = true;
    let best = ranking(&["fal", "replicate"]);
    assert_eq!(resolve(Order::Explicit, &STATIC, Some(&best), &candidates, EXPLORES), STATIC);
}

#[test]
fn exploration_puts_the_unranked_provider_first() {
    let order = |draw: f64| {
        let explore = Some(Exploration { draw, share: 0.02 });
        resolve(Order::Fastest, &STATIC, Some(&ranking(&["bfl", "fal"])), &all_well(), explore)
    };
    assert_eq!(order(0.0), [Replicate, Bfl, Fal]);
    assert_eq!(order(0.019_999), [Replicate, Bfl, Fal]);
    assert_eq!(order(0.02), [Bfl, Fal, Replicate]);
}

#[test]
fn exploration_among_ranked_providers_takes_the_fewest_attempts() {
    let mut candidates = all_well();
    for candidate in &mut candidates {
        candidate.attempts = if candidate.provider == Fal { 3 } else { 40 };
    }
    let ranked = ranking(&["bfl", "replicate", "fal"]);
    assert_eq!(resolve(Order::Fastest, &STATIC, Some(&ranked), &candidates, EXPLORES), [Fal, Bfl, Replicate]);
}

#[test]
fn half_of_exploration_asks_providers_in_trouble_and_half_asks_the_others() {
    let mut candidates = vec![
        Candidate { attempts: 40, ..well(Bfl) },
        Candidate { attempts: 20, ..well(Replicate) },
        Candidate { degraded: true, attempts: 30, ..well(Fal) },
    ];
    let ranked = ranking(&["bfl", "replicate", "fal"]);
    let first = |candidates: &[Candidate], draw: f64| {
        let explore = Some(Exploration { draw, share: 0.02 });
        resolve(Order::Fastest, &STATIC, Some(&ranked), candidates, explore)[0]
    };
    assert_eq!(first(&candidates, 0.009), Fal);
    assert_eq!(first(&candidates, 0.011), Replicate);
    candidates[1].state = BreakerState::HalfOpen;
    assert_eq!(first(&candidates, 0.009), Replicate, "in trouble too, with fewer attempts");
    assert_eq!(first(&candidates, 0.011), Bfl);
    assert_eq!(first(&candidates, 0.021), Bfl);
}

#[test]
fn the_draw_of_a_request_is_stable_and_spreads_evenly() {
    let draw = |id: &str| Exploration::from_request_id(id, 0.02).draw;
    assert!((draw("req_1") - draw("req_1")).abs() < f64::EPSILON);
    let explored = (0..10_000).filter(|n| draw(&format!("0197-{n:012x}")) < 0.02).count();
    assert!((120..=280).contains(&explored), "{explored} of 10000");
}

#[test]
fn adaptive_routing_is_switched_off_by_these_words_only() {
    for off in ["false", "0", "off", "disabled", " OFF ", "False"] {
        assert!(is_switched_off(off), "{off}");
    }
    for on in ["true", "1", "on", "", "no"] {
        assert!(!is_switched_off(on), "{on}");
    }
}

fn any_provider() -> impl Strategy<Value = Provider> {
    proptest::sample::select(Provider::ALL)
}

fn any_candidate() -> impl Strategy<Value = Candidate> {
    let state = prop_oneof![Just(BreakerState::Closed), Just(BreakerState::Open), Just(BreakerState::HalfOpen)];
    (any_provider(), state, any::<bool>(), any::<bool>(), 0_u64..50).prop_map(
        |(provider, state, configured, degraded, attempts)| Candidate {
            provider,
            state,
            configured,
            degraded,
            attempts,
        },
    )
}

fn any_ranking() -> impl Strategy<Value = Option<Ranking>> {
    let names = proptest::sample::select(vec!["bfl", "fal", "replicate", "openai", "cloudflare", "nobody"]);
    proptest::option::of(proptest::collection::vec(names, 1..8).prop_map(|names| ranking(&names)))
}

proptest! {
    #[test]
    fn an_order_loses_exactly_the_unavailable_and_repeats_nobody(
        eligible in proptest::collection::vec(any_provider(), 0..8),
        candidates in proptest::collection::vec(any_candidate(), 0..10),
        ranking in any_ranking(),
        draw in 0.0_f64..1.0,
        share in 0.0_f64..1.0,
    ) {
        let explore = Some(Exploration { draw, share });
        let mut expected: Vec<Provider> = Vec::new();
        for provider in &eligible {
            let known = candidates.iter().find(|candidate| candidate.provider == *provider);
            let usable = known.is_some_and(|c| c.configured && c.state != BreakerState::Open);
            if usable && !expected.contains(provider) { expected.push(*provider); }
        }
        let explicit = resolve(Order::Explicit, &eligible, ranking.as_ref(), &candidates, explore);
        prop_assert_eq!(&explicit, &expected);
        let mut fastest = resolve(Order::Fastest, &eligible, ranking.as_ref(), &candidates, explore);
        prop_assert_eq!(fastest.is_empty(), expected.is_empty());
        fastest.sort_unstable();
        expected.sort_unstable();
        prop_assert_eq!(fastest, expected);
    }
}

#[test]
fn providers_outside_the_eligible_list_are_never_added() {
    let ranked = ranking(&["openai", "cloudflare", "bfl"]);
    let order = resolve(Order::Fastest, &[Bfl, Fal], Some(&ranked), &all_well(), EXPLORES);
    assert!(!order.contains(&Openai) && !order.contains(&Cloudflare));
    assert_eq!(order.len(), 2);
}
