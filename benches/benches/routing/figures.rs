//! How a policy reacts when its leader goes bad and comes back, and whether it goes on learning about everyone.

use intelligence::replay::{Nature, Served};
use intelligence::scenario::World;

const MINUTE_MS: i64 = 60_000;
/// Within this long a policy should have noticed.
const NOTICE_MS: i64 = 15_000;
/// Within this long the leader should lead again.
const REGAIN_MS: i64 = 10 * MINUTE_MS;

/// How a policy treats the leader of a brown-out; shares of requests that try it first.
#[derive(Clone, Copy, Debug)]
pub struct Reaction {
    /// In the ten minutes before.
    pub before: f64,
    /// From 15 s after it began until its end.
    pub during: f64,
    /// From 15 s to 60 s after it began.
    pub at_once: f64,
    /// From ten minutes after its end for five more.
    pub after: f64,
}

/// Of a world whose leader goes bad.
pub fn reaction(world: &World, served: &[Served]) -> Option<Reaction> {
    let (from_ms, until_ms) = world.trouble?;
    let index = |offer: &usize| Nature::index_ms(world, 0, *offer, 0).unwrap_or(f64::INFINITY);
    let leader = (0..world.offers(0)).min_by(|a, b| index(a).total_cmp(&index(b)))?;
    let share = |from_ms: i64, until_ms: i64| {
        let there = served.iter().filter(|served| served.model == 0 && (from_ms..until_ms).contains(&served.at_ms));
        let (all, first) = there.fold((0_u32, 0_u32), |(all, first), served| {
            (all + 1, first + u32::from(served.tried.first() == Some(&leader)))
        });
        f64::from(first) / f64::from(all.max(1))
    };
    Some(Reaction {
        before: share(from_ms - 10 * MINUTE_MS, from_ms),
        during: share(from_ms + NOTICE_MS, until_ms),
        at_once: share(from_ms + NOTICE_MS, from_ms + MINUTE_MS),
        after: share(until_ms + REGAIN_MS, until_ms + REGAIN_MS + 5 * MINUTE_MS),
    })
}

/// Fewest attempts, over all models, that any provider had in any ten minutes in which it was there.
pub fn fewest_probes(world: &World, served: &[Served]) -> usize {
    let slices = usize::try_from(world.duration_ms / (10 * MINUTE_MS)).unwrap_or(0);
    let mut attempts = std::collections::BTreeMap::new();
    for (model, demand) in world.demands.iter().enumerate() {
        for offer in 0..demand.offers.len() {
            for slice in 0..slices {
                let from_ms = i64::try_from(slice).unwrap_or(0) * 10 * MINUTE_MS;
                if world.is_there(model, offer, from_ms) {
                    attempts.entry((Nature::provider(world, model, offer), slice)).or_insert(0_usize);
                }
            }
        }
    }
    for served in served {
        let slice = usize::try_from(served.at_ms / (10 * MINUTE_MS)).unwrap_or(0);
        for offer in &served.tried {
            if let Some(count) = attempts.get_mut(&(Nature::provider(world, served.model, *offer), slice)) {
                *count += 1;
            }
        }
    }
    attempts.into_values().min().unwrap_or(0)
}
