//! Attempts of a world that doesn't exist, as a book would hold them. Every request is given to the providers in an order
//! drawn for it alone, until one delivers: so every provider is known at every moment, and whoever replays the file can
//! say what any of them would have done.

use std::fmt::Write;

use ledger_contract::{AttemptOutcome, ErrorCode, Timestamp};

use crate::replay::{Attempt, Nature};
use crate::scenario::{HISTORY_MS, Scenario, World};

/// When what is measured begins: 2026-05-27T00:00:00Z.
pub const EPOCH_MS: i64 = 1_779_840_000_000;
/// The day before is told in no more detail than this, to keep a file small: mean time between two requests of a model.
const HISTORY_EVERY_MS: f64 = 10_000.0;
/// The region of a file.
const REGION: &str = "us";

/// The header of a file of attempts.
pub const HEADER: &str = "generation_id,attempt_order,model,region,provider,outcome,error_code,latency_ms,estimated_cost,\
submitted_at,resolved_at";

/// One attempt of a generation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// Number of the generation.
    pub generation: u64,
    /// Place in its chain, from 1.
    pub order: u32,
    /// The attempt.
    pub attempt: Attempt,
}

/// The day before what is measured, in order of resolution.
pub fn history(world: &World) -> Vec<Line> {
    let busiest_ms = world.demands.iter().map(|demand| demand.every_ms).fold(f64::INFINITY, f64::min);
    lines(world, HISTORY_MS, 0, (HISTORY_EVERY_MS / busiest_ms).max(1.0))
}

/// The attempts of a story, as CSV with a header, in order of resolution: the day before and what is measured.
pub fn csv(scenario: Scenario, seed: u64) -> String {
    let world = World::new(scenario, seed);
    let mut text = format!("{HEADER}\n");
    for line in history(&world).iter().chain(&lines(&world, 0, world.duration_ms, 1.0)) {
        write_line(&mut text, &world, line);
    }
    text
}

fn lines(world: &World, from_ms: i64, until_ms: i64, rarer: f64) -> Vec<Line> {
    let mut lines = Vec::new();
    for request in world.requests(from_ms, until_ms, rarer) {
        let leaves_ms = request.patience_ms.map_or(i64::MAX, |patience| request.at_ms + patience);
        let (mut at_ms, mut order) = (request.at_ms, 0);
        let draws = world.draws().of(request.at_ms.unsigned_abs()).of(u64::from(request.at_ms < 0));
        for offer in draws.shuffled(world.offers(request.model)) {
            let Some(trial) = world.trial(&request, offer, at_ms) else { continue };
            let ends_ms = at_ms + trial.took_ms;
            let cancelled = leaves_ms < ends_ms;
            order += 1;
            let attempt = Attempt {
                model: request.model,
                offer,
                provider: Nature::provider(world, request.model, offer),
                submitted_ms: at_ms,
                resolved_ms: ends_ms.min(leaves_ms).max(at_ms),
                outcome: if cancelled { AttemptOutcome::Cancelled } else { trial.outcome },
                error: trial.error.filter(|_| !cancelled),
                cost: trial.cost,
            };
            lines.push(Line { generation: request.id, order, attempt });
            at_ms = attempt.resolved_ms;
            if attempt.outcome != AttemptOutcome::Failed {
                break;
            }
        }
    }
    lines.sort_by_key(|line| (line.attempt.resolved_ms, line.generation, line.order));
    lines
}

fn write_line(text: &mut String, world: &World, line: &Line) {
    let Line { generation, order, attempt } = line;
    let demand = &world.demands[attempt.model];
    let side = u8::from(attempt.submitted_ms >= 0);
    // Writing to a string can't fail.
    let _ = writeln!(
        text,
        "{side}{generation:09},{order},{},{REGION},{},{},{},{},{:.6},{},{}",
        demand.model,
        demand.offers[attempt.offer].provider,
        attempt.outcome,
        attempt.error.map_or("", ErrorCode::code),
        attempt.resolved_ms - attempt.submitted_ms,
        attempt.cost,
        Timestamp(EPOCH_MS + attempt.submitted_ms),
        Timestamp(EPOCH_MS + attempt.resolved_ms),
    );
}
