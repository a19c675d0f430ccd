//! The loaded part of the book, and what became of it. Knows what changed; decides nothing.

use std::collections::BTreeMap;

use ledger_contract::{AccountId, ApiKeyId, BudgetId, Credits, GenerationId, Timestamp, generation::EntryKind};

use crate::{
    chain,
    state::{Account, Attempt, Budget, Claim, Entry, Generation},
};

/// Names a claim: whose, and which key.
pub type ClaimName = (AccountId, String);
/// Names an add: whose, and which key.
pub type AddName = (AccountId, String);

/// State that commands are decided against. What it does not hold does not exist.
#[derive(Clone, Debug, Default)]
pub struct Book {
    accounts: BTreeMap<AccountId, Slot<Account>>,
    generations: BTreeMap<GenerationId, GenerationSlot>,
    claims: BTreeMap<ClaimName, Slot<Option<Claim>>>,
    adds: BTreeMap<AddName, Credits>,
    budgets: BTreeMap<BudgetId, Slot<Budget>>,
    budget_keys: BTreeMap<ApiKeyId, BudgetId>,
    entries: Vec<Entry>,
}

/// What to write, grouped as the tables are. Entries stand in the order they were decided.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// Accounts whose numbers changed.
    pub accounts: Vec<Account>,
    /// Generations that are new and have a record.
    pub new_generations: Vec<Generation>,
    /// Generations that were loaded and whose record changed.
    pub changed_generations: Vec<Generation>,
    /// Generations that were loaded and whose record is to go.
    pub removed_generations: Vec<GenerationId>,
    /// Attempts that are new, in order within their generation.
    pub new_attempts: Vec<AttemptOf>,
    /// Attempts that were loaded and changed. Written before the new ones: only one may be open at a time.
    pub changed_attempts: Vec<AttemptOf>,
    /// New entries.
    pub entries: Vec<Entry>,
    /// Claims that are new or changed.
    pub claims: Vec<Claim>,
    /// Claims that are released.
    pub released_claims: Vec<ClaimName>,
    /// Budgets whose count changed.
    pub budgets: Vec<Budget>,
}

/// An attempt with what it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptOf {
    /// Which generation.
    pub generation_id: GenerationId,
    /// Whose.
    pub account_id: AccountId,
    /// Public model id.
    pub model: String,
    /// Seconds that were asked for, if the model has such a choice.
    pub duration: Option<serde_json::Number>,
    /// Resolution that was asked for, if the model has such a choice.
    pub resolution: Option<String>,
    /// The attempt.
    pub attempt: Attempt,
}

/// A movement of an account's credits before it is a row of its chain.
pub(crate) struct Movement {
    pub account_id: AccountId,
    pub kind: EntryKind,
    pub amount: Credits,
    pub generation_id: Option<GenerationId>,
    pub add_key: Option<String>,
    pub model: Option<String>,
    pub description: Option<String>,
    pub apikey_id: Option<ApiKeyId>,
    pub now: Timestamp,
}

#[derive(Clone, Debug)]
struct Slot<T> {
    value: T,
    changed: bool,
}

#[derive(Clone, Debug)]
struct GenerationSlot {
    now: Generation,
    /// As it was loaded; `None` for one that is new.
    was: Option<Generation>,
}

impl Book {
    /// Takes in an account as stored.
    pub fn load_account(&mut self, account: Account) {
        self.accounts.insert(account.account_id, Slot { value: account, changed: false });
    }

    /// Takes in a generation as stored.
    pub fn load_generation(&mut self, generation: Generation) {
        let slot = GenerationSlot { was: Some(generation.clone()), now: generation };
        self.generations.insert(slot.now.generation_id, slot);
    }

    /// Takes in a claim as stored.
    pub fn load_claim(&mut self, claim: Claim) {
        let name = (claim.account_id, claim.key.clone());
        self.claims.insert(name, Slot { value: Some(claim), changed: false });
    }

    /// Takes in the amount of an add that was granted.
    pub fn load_add(&mut self, name: AddName, amount: Credits) {
        self.adds.insert(name, amount);
    }

    /// Takes in a budget as stored.
    pub fn load_budget(&mut self, budget: Budget) {
        self.budgets.insert(budget.budget_id, Slot { value: budget, changed: false });
    }

    /// Takes in which budget a key counts to.
    pub fn load_budget_key(&mut self, apikey_id: ApiKeyId, budget_id: BudgetId) {
        self.budget_keys.insert(apikey_id, budget_id);
    }

    /// The budget, if there is one.
    pub fn budget(&self, budget_id: BudgetId) -> Option<&Budget> {
        self.budgets.get(&budget_id).map(|slot| &slot.value)
    }

    /// The budget that a key counts to, if it has one.
    pub fn budget_of_key(&self, apikey_id: ApiKeyId) -> Option<&Budget> {
        self.budget(*self.budget_keys.get(&apikey_id)?)
    }

    /// The account, if it exists.
    pub fn account(&self, account_id: AccountId) -> Option<&Account> {
        self.accounts.get(&account_id).map(|slot| &slot.value)
    }

    /// The generation, if it ever existed.
    pub fn generation(&self, generation_id: GenerationId) -> Option<&Generation> {
        self.generations.get(&generation_id).map(|slot| &slot.now)
    }

    /// The claim, if the key is in use.
    pub fn claim(&self, name: &ClaimName) -> Option<&Claim> {
        self.claims.get(name).and_then(|slot| slot.value.as_ref())
    }

    /// Every generation it holds, in id order.
    pub fn generations(&self) -> impl Iterator<Item = &Generation> {
        self.generations.values().map(|slot| &slot.now)
    }

    /// Every entry decided so far.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn add_amount(&self, name: &AddName) -> Option<Credits> {
        self.adds.get(name).copied()
    }

    pub(crate) fn account_mut(&mut self, account_id: AccountId) -> Option<&mut Account> {
        let slot = self.accounts.get_mut(&account_id)?;
        slot.changed = true;
        Some(&mut slot.value)
    }

    pub(crate) fn generation_mut(&mut self, generation_id: GenerationId) -> Option<&mut Generation> {
        self.generations.get_mut(&generation_id).map(|slot| &mut slot.now)
    }

    pub(crate) fn insert_generation(&mut self, generation: Generation) {
        self.generations.insert(generation.generation_id, GenerationSlot { now: generation, was: None });
    }

    pub(crate) fn set_claim(&mut self, name: ClaimName, claim: Option<Claim>) {
        self.claims.insert(name, Slot { value: claim, changed: true });
    }

    pub(crate) fn budget_mut(&mut self, budget_id: BudgetId) -> Option<&mut Budget> {
        let slot = self.budgets.get_mut(&budget_id)?;
        slot.changed = true;
        Some(&mut slot.value)
    }

    /// Appends to the account's chain. The balance it leaves is the account's.
    pub(crate) fn push_entry(&mut self, movement: Movement) {
        let Some(account) = self.account_mut(movement.account_id) else { return };
        let entry = chain::append(account, movement);
        if let Some(key) = &entry.add_key {
            self.adds.insert((entry.account_id, key.clone()), entry.amount);
        }
        self.entries.push(entry);
    }

    /// What changed since everything was loaded.
    pub fn into_effects(self) -> Effects {
        let mut effects = Effects { entries: self.entries, ..Effects::default() };
        effects.accounts = self.accounts.into_values().filter(|slot| slot.changed).map(|slot| slot.value).collect();
        for slot in self.generations.into_values() {
            effects.take_generation(slot);
        }
        for (name, slot) in self.claims {
            match slot.value {
                Some(claim) if slot.changed => effects.claims.push(claim),
                None if slot.changed => effects.released_claims.push(name),
                _ => {}
            }
        }
        let budgets = self.budgets.into_values().filter(|slot| slot.changed);
        effects.budgets = budgets.map(|slot| slot.value).collect();
        effects
    }
}

impl Effects {
    fn take_generation(&mut self, GenerationSlot { now, was }: GenerationSlot) {
        let asked = |field: &str| now.record.as_ref().and_then(|record| record.request.get(field));
        for attempt in &now.attempts {
            let of = |attempt: &Attempt| AttemptOf {
                generation_id: now.generation_id,
                account_id: now.account_id,
                model: now.model.clone(),
                duration: asked("generation_duration").and_then(|value| value.as_number()).cloned(),
                resolution: asked("generation_resolution").and_then(|value| value.as_str()).map(str::to_owned),
                attempt: attempt.clone(),
            };
            match was.as_ref().and_then(|was| was.attempt(attempt.attempt_order)) {
                None => self.new_attempts.push(of(attempt)),
                Some(before) if before != attempt => self.changed_attempts.push(of(attempt)),
                Some(_) => {}
            }
        }
        match (was, now.record.is_some()) {
            (None, true) => self.new_generations.push(now),
            (Some(was), true) if was.record != now.record || was.status != now.status => {
                self.changed_generations.push(now);
            }
            (Some(was), false) if was.record.is_some() => self.removed_generations.push(now.generation_id),
            _ => {}
        }
    }
}
