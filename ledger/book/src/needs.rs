//! What a batch of commands must see before it can be decided.

use std::collections::BTreeSet;

use ledger_contract::{AccountId, ApiKeyId, GenerationId, command::Command};

use crate::book::{AddName, ClaimName};

/// Names of everything to load. Beyond these, a loader adds by itself: the accounts of the generations named, the
/// claims those generations hold, the generations that the claims named belong to, and the budgets of every account and
/// key in sight.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Accounts named.
    pub accounts: BTreeSet<AccountId>,
    /// Generations named.
    pub generations: BTreeSet<GenerationId>,
    /// Idempotency keys named.
    pub claims: BTreeSet<ClaimName>,
    /// Adds named.
    pub adds: BTreeSet<AddName>,
    /// Keys that reserve.
    pub keys: BTreeSet<ApiKeyId>,
}

impl Needs {
    /// What these commands name.
    pub fn of(commands: &[Command]) -> Self {
        let mut needs = Self::default();
        for command in commands {
            needs.take(command);
        }
        needs
    }

    fn take(&mut self, command: &Command) {
        match command {
            Command::Reserve(reserve) => {
                self.accounts.insert(reserve.account_id);
                self.generations.insert(reserve.generation_id);
                self.keys.insert(reserve.apikey_id);
                if let Some(claim) = &reserve.claim {
                    self.claims.insert((reserve.account_id, claim.key.clone()));
                }
            }
            Command::Add(add) => {
                self.accounts.insert(add.account_id);
                self.adds.insert((add.account_id, add.key.clone()));
            }
            Command::StartAttempt(start) => self.generation(start.generation_id),
            Command::AcceptAttempt(accept) => self.generation(accept.generation_id),
            Command::FinishAttempt(finish) => self.generation(finish.generation_id),
            Command::Charge(charge) => self.generation(charge.generation_id),
            Command::Refund(refund) => self.generation(refund.generation_id),
            Command::Cancel(cancel) => self.generation(cancel.generation_id),
            Command::Delete(delete) => self.generation(delete.generation_id),
        }
    }

    fn generation(&mut self, generation_id: GenerationId) {
        self.generations.insert(generation_id);
    }
}
