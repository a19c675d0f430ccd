//! How many open submissions one provider may hold for us at once (api contract §10 rule 6): what it documents, and less as
//! soon as it says that this is too much. Additive increase, multiplicative decrease; a number per provider and lane.

use ledger_contract::{ErrorCode, Timestamp};

/// An undocumented limit is forgotten when the provider has not complained for this long: the breaker's window.
const FORGET_MS: i64 = 300_000;

/// A place that was taken. Give it back with [`Limit::give_back`], whatever happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a place that is not given back is lost"]
pub struct Place {
    /// Jobs that the submission makes.
    units: u32,
    /// How often the limit had fallen when it was taken.
    fall: u64,
}

/// What the end of a submission says about how much the provider takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// It did the work: there may be room for more.
    Room,
    /// It has too much to do.
    Pressure,
    /// Nothing of the kind.
    Silence,
}

/// What a failure's code says: 429 and overload are pressure before they are sickness.
pub fn signal(code: ErrorCode) -> Signal {
    match code {
        ErrorCode::ProviderRateLimited | ErrorCode::ProviderUnavailable => Signal::Pressure,
        _ => Signal::Silence,
    }
}

/// One lane's limit and what is open in it. All times are passed in.
#[derive(Clone, Debug)]
pub struct Limit {
    documented: Option<u32>,
    /// In thousandths, so that it can grow by parts; `None`: no limit.
    now_milli: Option<u64>,
    in_flight: u32,
    falls: u64,
    fell_at: Timestamp,
}

impl Limit {
    /// Nothing open, and as many as the provider documents; `None`: it documents nothing, or queues the excess.
    pub fn new(documented: Option<u32>) -> Self {
        let documented = documented.map(|limit| limit.max(1));
        Self {
            documented,
            now_milli: documented.map(|limit| u64::from(limit) * 1_000),
            in_flight: 0,
            falls: 0,
            fell_at: Timestamp(0),
        }
    }

    /// Jobs that are open.
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Jobs that may be open at once at `now`, at least 1; `None`: any number.
    pub fn limit(&self, now: Timestamp) -> Option<u32> {
        let is_forgotten = self.documented.is_none() && now.since_ms(self.fell_at) >= FORGET_MS;
        let milli = self.now_milli.filter(|_| !is_forgotten)?;
        Some(u32::try_from(milli / 1_000).unwrap_or(u32::MAX).max(1))
    }

    /// Takes a place for `units` jobs; `None`: the lane is full. One with nothing open always has a place, however many
    /// jobs a submission makes.
    pub fn take(&mut self, now: Timestamp, units: u32) -> Option<Place> {
        let wanted = self.in_flight.saturating_add(units);
        let has_room = self.in_flight == 0 || self.limit(now).is_none_or(|limit| wanted <= limit);
        has_room.then(|| self.take_anyway(units))
    }

    /// Takes a place for jobs that run already: another process submitted them.
    pub fn take_anyway(&mut self, units: u32) -> Place {
        self.in_flight = self.in_flight.saturating_add(units);
        Place { units, fall: self.falls }
    }

    /// Gives a place back and learns from how the submission ended.
    pub fn give_back(&mut self, now: Timestamp, place: Place, signal: Signal) {
        let open = self.in_flight;
        self.in_flight = open.saturating_sub(place.units);
        match signal {
            // Submissions that were under way when the limit fell complain about the old one.
            Signal::Pressure if place.fall == self.falls => self.fall(now, open),
            Signal::Room => self.grow(now, open),
            Signal::Pressure | Signal::Silence => {}
        }
    }

    /// To half of what was open or allowed, whichever is less: a limit far above what is open would not be felt.
    fn fall(&mut self, now: Timestamp, open: u32) {
        let allowed = self.limit(now).map_or(open, |limit| limit.min(open));
        self.now_milli = Some((u64::from(allowed) * 500).max(1_000));
        self.falls += 1;
        self.fell_at = now;
    }

    /// By one per round of full use, up to what is documented.
    fn grow(&mut self, now: Timestamp, open: u32) {
        let Some(limit) = self.limit(now) else {
            self.now_milli = None;
            return;
        };
        // A limit that is not used has not been tried.
        if open.saturating_mul(2) < limit {
            return;
        }
        let most = self.documented.map_or(u64::MAX, |documented| u64::from(documented) * 1_000);
        let step = 1_000 / u64::from(limit.max(1));
        self.now_milli = self.now_milli.map(|milli| milli.saturating_add(step.max(1)).min(most));
    }
}
