//! The eight stories. Who is fast, who fails, who stands first in static order and how bad it gets is drawn anew for
//! every seed; only the plot is fixed.

use ledger_contract::Provider;

use super::{Behaviour, Course, Demand, Offer, Scenario, Turn, World};
use crate::draw::Draws;

const MINUTE_MS: i64 = 60_000;
/// Time between two requests of a busy model: two in a second.
const BUSY_MS: f64 = 500.0;
/// Four providers offer each model, as the busiest of the catalogue have.
const PROVIDERS: [Provider; 4] = [Provider::Replicate, Provider::Fal, Provider::Bfl, Provider::Cloudflare];
const MEASURED: &str = "lab/measured";
const BESIDE: &str = "lab/beside";

pub(super) fn tell(scenario: Scenario, draws: Draws) -> World {
    let mut world = World {
        demands: vec![demand(MEASURED, BUSY_MS, draws.of(10))],
        duration_ms: 90 * MINUTE_MS,
        trouble: None,
        draws,
    };
    let (from_ms, until_ms) = (20 * MINUTE_MS, 40 * MINUTE_MS);
    match scenario {
        Scenario::Steady => {}
        Scenario::BrownOut => {
            world.trouble = Some((from_ms, until_ms));
            turn_leader(&mut world, |usual| Turn::Spell { from_ms, until_ms, then: browned(usual, draws) });
        }
        Scenario::SlowDrift => turn_leader(&mut world, |usual| {
            let into = Behaviour { median_ms: usual.median_ms * draws.between(20, 2.5, 5.0), ..usual };
            Turn::Drift { from_ms: 10 * MINUTE_MS, until_ms: 80 * MINUTE_MS, into }
        }),
        Scenario::Flapping => turn_leader(&mut world, |usual| Turn::Flap {
            from_ms: 10 * MINUTE_MS,
            until_ms: 80 * MINUTE_MS,
            period_ms: 10 * MINUTE_MS,
            down_ms: 3 * MINUTE_MS,
            then: browned(usual, draws),
        }),
        Scenario::NewProvider => turn_leader(&mut world, |_| Turn::Arrival { at_ms: 15 * MINUTE_MS }),
        Scenario::RareModel => rare(&mut world, draws),
        Scenario::PriceChange => price_change(&mut world, draws),
        Scenario::TotalOutage => {
            for offer in &mut world.demands[0].offers {
                let then = Behaviour { refused: 0.97, ..offer.course.usual };
                offer.course.turn = Turn::Spell { from_ms: 30 * MINUTE_MS, until_ms: 40 * MINUTE_MS, then };
            }
        }
    }
    world
}

/// Most providers of a model lie within a factor of three, and one in four fails often.
fn demand(model: &'static str, every_ms: f64, draws: Draws) -> Demand {
    let base_ms = draws.between(0, 1_800.0, 4_500.0);
    let order = draws.of(1).shuffled(PROVIDERS.len());
    let offers = order.into_iter().map(|index| {
        let own = draws.of(100 + u64::try_from(index).unwrap_or(0));
        let shaky = if own.unit(1) < 0.25 { own.between(2, 0.08, 0.25) } else { own.between(2, 0.005, 0.04) };
        let usual = Behaviour {
            median_ms: base_ms * 3.0_f64.powf(own.unit(0)),
            spread: own.between(3, 0.15, 0.45),
            refused: shaky * own.between(4, 0.2, 0.8),
            failed: shaky * 0.2,
            timed_out: own.between(5, 0.0, 0.002),
            unit_cost: own.between(6, 0.02, 0.06),
        };
        Offer { provider: PROVIDERS[index], course: Course { usual, turn: Turn::None } }
    });
    Demand { model, every_ms, offers: offers.collect() }
}

/// Fails most of the time, mostly at once, and is slow when it doesn't.
fn browned(usual: Behaviour, draws: Draws) -> Behaviour {
    let draws = draws.of(30);
    Behaviour {
        median_ms: usual.median_ms * draws.between(0, 1.5, 4.0),
        refused: draws.between(1, 0.35, 0.6),
        failed: draws.between(2, 0.05, 0.15),
        timed_out: draws.between(3, 0.05, 0.12),
        ..usual
    }
}

/// The provider that does best as a rule.
fn leader(demand: &mut Demand) -> Option<&mut Offer> {
    demand.offers.iter_mut().min_by(|a, b| a.course.usual.index_ms().total_cmp(&b.course.usual.index_ms()))
}

fn turn_leader(world: &mut World, turn: impl Fn(Behaviour) -> Turn) {
    if let Some(offer) = leader(&mut world.demands[0]) {
        offer.course.turn = turn(offer.course.usual);
    }
}

/// The busy model's providers are the rare one's too, and do differently there.
fn rare(world: &mut World, draws: Draws) {
    world.demands[0].every_ms = draws.between(40, 60_000.0, 120_000.0);
    world.demands.push(demand(BESIDE, 2.0 * BUSY_MS, draws.of(11)));
    world.duration_ms = 6 * 60 * MINUTE_MS;
}

/// The best has a twin in everything but the price.
fn price_change(world: &mut World, draws: Draws) {
    let Some(usual) = leader(&mut world.demands[0]).map(|offer| offer.course.usual) else { return };
    let offers = &mut world.demands[0].offers;
    let place = offers.iter().position(|offer| offer.course.usual == usual).unwrap_or(0);
    let twin = (place + 1) % offers.len();
    offers[twin].course.usual = usual;
    let then = Behaviour { unit_cost: usual.unit_cost * draws.between(41, 2.0, 4.0), ..usual };
    offers[place].course.turn = Turn::Spell { from_ms: 20 * MINUTE_MS, until_ms: i64::MAX, then };
}
