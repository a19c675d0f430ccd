//! Whether a lease that ran out means that its holder is gone. Leases run only while they can be renewed: after an outage
//! of the ledger or its database every open lease runs anew before anybody acts on one (api contract §9 rule 8).

use std::sync::atomic::{AtomicBool, Ordering};

/// Suspended from the first sign of an outage until all leases were renewed after it.
#[derive(Default)]
pub(crate) struct Leases {
    suspended: AtomicBool,
}

impl Leases {
    /// Something could not be written: perhaps a renewal.
    pub(crate) fn suspend(&self) {
        if !self.suspended.swap(true, Ordering::Relaxed) {
            tracing::warn!("leases are suspended until the database answers");
        }
    }

    /// Every open lease runs anew.
    pub(crate) fn resume(&self) {
        self.suspended.store(false, Ordering::Relaxed);
        tracing::info!("leases run anew");
    }

    /// Whether nobody may be called gone.
    pub(crate) fn are_suspended(&self) -> bool {
        self.suspended.load(Ordering::Relaxed)
    }
}
