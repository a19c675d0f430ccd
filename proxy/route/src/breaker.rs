//! The circuit breaker of one provider (api contract §10): stops trying a provider that keeps failing, and finds out
//! carefully when it is back. It knows nothing of orders, and it doesn't know who failed: only how.

use ledger_contract::{ErrorCode, Timestamp};

use crate::window::{Results, Window};

/// Counted attempts in the window below which a breaker never opens.
const MIN_ATTEMPTS: u64 = 10;
/// How long an open breaker lets nothing through.
const OPEN_MS: i64 = 30_000;
/// Successful probes in a row that close it.
const PROBES_TO_CLOSE: u32 = 3;
/// A probe that said nothing for this long is taken as lost, so that a lost task can't keep a provider out for ever.
/// Longest life of a generation: 1,200 s.
const PROBE_LOST_MS: i64 = 1_200_000;

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Every attempt may go.
    Closed,
    /// No attempt may go.
    Open,
    /// Recovering: one probe at a time may go.
    HalfOpen,
}

/// What the end of an attempt says about the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It works.
    Success,
    /// It failed: BSE4001–BSE4005.
    Failure,
    /// Says nothing of the provider: the customer's input or wish ended it.
    Neutral,
}

/// Whether an attempt may go, and as what. Give it back with [`Breaker::record`], whatever happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a probe that is never recorded blocks the next one"]
pub enum Admission {
    /// An attempt as any other.
    Normal,
    /// This attempt is the one probe; record it as such.
    Probe,
    /// Not now: pass this provider over.
    Refused,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Closed,
    Open { until: Timestamp },
    HalfOpen { probe_since: Option<Timestamp>, successes: u32 },
}

/// What a process tells the others of its region about its breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// When it last opened or closed.
    pub changed_at: Timestamp,
    /// When it half-opens, or half-opened; `None`: closed.
    pub open_until: Option<Timestamp>,
    /// Its own counted attempts of the last 300 s.
    pub attempts: u64,
    /// Those of them that failed.
    pub failures: u64,
    /// Whether it would let a probe through: only one process may.
    pub wants_probe: bool,
}

/// What a process hears of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The latest opening or closing of any of them.
    pub changed_at: Timestamp,
    /// As in [`Report`].
    pub open_until: Option<Timestamp>,
    /// The others' counted attempts since that change.
    pub attempts: u64,
    /// Those of them that failed.
    pub failures: u64,
    /// Whether the probes are this process's to make.
    pub may_probe: bool,
}

/// One provider's breaker. All times are passed in.
#[derive(Clone, Debug)]
pub struct Breaker {
    phase: Phase,
    results: Results,
    changed_at: Timestamp,
    open_until: Timestamp,
    /// Attempts and failures of the other processes of our region.
    others: (u64, u64),
    may_probe: bool,
}

impl Default for Breaker {
    fn default() -> Self {
        Self::new()
    }
}

impl Breaker {
    /// Closed, with an empty window.
    pub fn new() -> Self {
        Self {
            phase: Phase::Closed,
            results: Results::default(),
            changed_at: Timestamp(0),
            open_until: Timestamp(0),
            others: (0, 0),
            may_probe: true,
        }
    }

    /// Where it stands at `now`.
    pub fn state(&self, now: Timestamp) -> BreakerState {
        match self.phase {
            Phase::Closed => BreakerState::Closed,
            Phase::Open { until } if now < until => BreakerState::Open,
            Phase::Open { .. } | Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// Whether an attempt would be let through at `now`; takes nothing.
    pub fn would_admit(&self, now: Timestamp) -> bool {
        match self.phase {
            Phase::Closed => true,
            Phase::Open { until } => self.may_probe && now >= until,
            Phase::HalfOpen { probe_since, .. } => {
                self.may_probe && probe_since.is_none_or(|since| is_lost(since, now))
            }
        }
    }

    /// Asks for an attempt at `now`; takes the probe when the breaker is half open.
    pub fn admit(&mut self, now: Timestamp) -> Admission {
        if !self.would_admit(now) {
            return Admission::Refused;
        }
        let successes = match self.phase {
            Phase::Closed => return Admission::Normal,
            Phase::Open { .. } => 0,
            Phase::HalfOpen { successes, .. } => successes,
        };
        self.phase = Phase::HalfOpen { probe_since: Some(now), successes };
        Admission::Probe
    }

    /// Says how an admitted attempt ended. Only a probe moves a half-open breaker; an attempt from before the breaker
    /// opened is counted and moves nothing.
    pub fn record(&mut self, now: Timestamp, verdict: Verdict, was_probe: bool) {
        if verdict != Verdict::Neutral {
            self.results.add(now, verdict == Verdict::Failure);
        }
        match self.phase {
            Phase::Closed if verdict != Verdict::Neutral => self.open_if_failing(now),
            Phase::HalfOpen { successes, .. } if was_probe => self.end_probe(now, verdict, successes),
            Phase::Closed | Phase::Open { .. } | Phase::HalfOpen { .. } => {}
        }
    }

    /// The counted attempts of the last 300 s, those of the other processes included.
    pub fn window(&self, now: Timestamp) -> Window {
        let own = self.results.sum(now);
        let (attempts, failures) = self.others;
        Window {
            total_attempts: own.total_attempts + attempts,
            failures: own.failures + failures,
            successes: own.successes + attempts.saturating_sub(failures),
            ..own
        }
    }

    /// What the other processes of our region are to know.
    pub fn report(&self, now: Timestamp) -> Report {
        let own = self.results.sum(now);
        Report {
            changed_at: self.changed_at,
            open_until: (!matches!(self.phase, Phase::Closed)).then_some(self.open_until),
            attempts: own.total_attempts,
            failures: own.failures,
            wants_probe: self.state(now) == BreakerState::HalfOpen,
        }
    }

    /// Takes over what the others did since our last change, and counts their attempts beside ours.
    pub fn hear(&mut self, now: Timestamp, heard: &Heard) {
        self.others = (heard.attempts, heard.failures.min(heard.attempts));
        self.may_probe = heard.may_probe;
        if heard.changed_at > self.changed_at {
            self.changed_at = heard.changed_at;
            match heard.open_until {
                Some(until) => {
                    self.open_until = until;
                    self.phase = Phase::Open { until };
                }
                None if !matches!(self.phase, Phase::Closed) => {
                    self.phase = Phase::Closed;
                    self.start_over(now);
                }
                None => {}
            }
        }
        if matches!(self.phase, Phase::Closed) {
            self.open_if_failing(now);
        }
    }

    /// Nobody is heard any more: from now on it judges by itself.
    pub fn alone(&mut self) {
        self.others = (0, 0);
        self.may_probe = true;
    }

    fn open_if_failing(&mut self, now: Timestamp) {
        let Window { total_attempts, failures, .. } = self.window(now);
        if total_attempts >= MIN_ATTEMPTS && failures * 2 >= total_attempts {
            self.phase = self.opened(now);
        }
    }

    fn opened(&mut self, now: Timestamp) -> Phase {
        self.open_until = now.plus_ms(OPEN_MS);
        self.changed_at = now;
        Phase::Open { until: self.open_until }
    }

    fn end_probe(&mut self, now: Timestamp, verdict: Verdict, successes: u32) {
        self.phase = match verdict {
            Verdict::Neutral => Phase::HalfOpen { probe_since: None, successes },
            Verdict::Failure => self.opened(now),
            Verdict::Success if successes + 1 < PROBES_TO_CLOSE => {
                Phase::HalfOpen { probe_since: None, successes: successes + 1 }
            }
            Verdict::Success => Phase::Closed,
        };
        if matches!(self.phase, Phase::Closed) {
            self.changed_at = now;
            self.others = (0, 0);
            self.start_over(now);
        }
    }

    /// A provider that is back is judged by what it does from now on; old failures would open it again at once.
    fn start_over(&mut self, now: Timestamp) {
        self.results.clear();
        for _ in 0..PROBES_TO_CLOSE {
            self.results.add(now, false);
        }
    }
}

/// The clock may step back: a probe from the future isn't lost.
fn is_lost(since: Timestamp, now: Timestamp) -> bool {
    now.since_ms(since) >= PROBE_LOST_MS
}

/// What a failed attempt's code says about its provider: BSE4001–BSE4005 count, everything else is neutral.
pub fn verdict(code: ErrorCode) -> Verdict {
    match code {
        ErrorCode::ProviderError
        | ErrorCode::ProviderTimeout
        | ErrorCode::ProviderRateLimited
        | ErrorCode::ProviderUnavailable
        | ErrorCode::ProviderCreditsExhausted => Verdict::Failure,
        _ => Verdict::Neutral,
    }
}
