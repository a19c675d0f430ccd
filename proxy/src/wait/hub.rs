//! Who waits for which generation in this process, so that its follower can wake them. Bounded, in all and per account.

use std::sync::Arc;

use dashmap::{DashMap, mapref::entry::Entry};
use ledger_contract::{AccountId, GenerationId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Waits at once in this process.
const MOST: usize = 4_096;
/// And of one account.
const MOST_PER_ACCOUNT: u32 = 256;

/// Everybody who waits.
#[derive(Debug)]
pub struct Hub {
    places: Arc<Semaphore>,
    accounts: DashMap<AccountId, u32>,
    moves: DashMap<GenerationId, watch::Sender<()>>,
}

impl Default for Hub {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(MOST)), accounts: DashMap::new(), moves: DashMap::new() }
    }
}

impl Hub {
    /// A place to wait at; `None`: too many wait already.
    pub fn enter(self: &Arc<Self>, account_id: AccountId, generation_id: GenerationId) -> Option<Waiter> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let mut count = self.accounts.entry(account_id).or_default();
        if *count >= MOST_PER_ACCOUNT {
            return None;
        }
        *count += 1;
        drop(count);
        let moves = self.moves.entry(generation_id).or_insert_with(|| watch::Sender::new(())).subscribe();
        Some(Waiter { hub: Arc::clone(self), account_id, generation_id, moves, _place: place })
    }

    /// The generation moved: whoever waits for it looks again.
    pub fn moved(&self, generation_id: GenerationId) {
        if let Some(moves) = self.moves.get(&generation_id) {
            moves.send_replace(());
        }
    }
}

/// One who waits. Leaves when dropped.
#[derive(Debug)]
pub struct Waiter {
    hub: Arc<Hub>,
    account_id: AccountId,
    generation_id: GenerationId,
    moves: watch::Receiver<()>,
    _place: OwnedSemaphorePermit,
}

impl Waiter {
    /// What is waited for.
    pub fn generation_id(&self) -> GenerationId {
        self.generation_id
    }

    /// Ends when the generation moved since this was last asked.
    pub async fn moved(&mut self) {
        // The sender lives as long as somebody waits.
        let _ = self.moves.changed().await;
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if let Entry::Occupied(mut count) = self.hub.accounts.entry(self.account_id) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
        // Our own receiver still lives.
        self.hub.moves.remove_if(&self.generation_id, |_, moves| moves.receiver_count() <= 1);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn id<T: From<Uuid>>(number: u128) -> T {
        Uuid::from_u128(number).into()
    }

    #[tokio::test]
    async fn a_move_wakes_whoever_waits_for_that_generation_even_if_it_came_first() {
        let hub = Arc::new(Hub::default());
        let (mut one, mut other) = (hub.enter(id(1), id(7)).unwrap(), hub.enter(id(1), id(8)).unwrap());
        hub.moved(id(7));
        one.moved().await;
        let waiting = tokio::time::timeout(std::time::Duration::from_millis(1), other.moved()).await;
        assert!(waiting.is_err());
    }

    #[test]
    fn one_account_cannot_take_every_place_and_nothing_is_left_of_those_who_went() {
        let hub = Arc::new(Hub::default());
        let waiters: Vec<_> = std::iter::from_fn(|| hub.enter(id(1), id(7))).collect();
        assert_eq!(waiters.len(), 256);
        assert!(hub.enter(id(2), id(7)).is_some());
        drop(waiters);
        assert_eq!((hub.accounts.len(), hub.moves.len(), hub.places.available_permits()), (0, 0, MOST));
    }

    #[test]
    fn there_is_a_limit_in_all() {
        let hub = Arc::new(Hub::default());
        let waiters: Vec<_> = (0..5_000).filter_map(|number| hub.enter(id(number), id(number))).collect();
        assert_eq!(waiters.len(), MOST);
    }
}
