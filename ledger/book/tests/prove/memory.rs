//! A store in memory: tables, loaded by needs and written by effects, as the real ones do. Each way to break it loses,
//! doubles or mixes up one kind of effect.

use std::collections::BTreeMap;

use ledger_book::{
    Account, Attempt, Book, Budget, Claim, Effects, Entry, Generation, Needs, apply,
    book::{AddName, ClaimName},
};
use ledger_contract::{
    ApiKeyId, BudgetId, Credits, GenerationId, GenerationStatus, Timestamp,
    command::{Answer, Command},
    generation::EntryKind,
};

/// What a broken store gets wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    LosesEntries,
    DoublesEntries,
    SwapsEntries,
    LosesAccounts,
    DoublesRefunds,
    LosesNewGenerations,
    LosesChangedGenerations,
    KeepsRemovedGenerations,
    LosesNewAttempts,
    LosesChangedAttempts,
    LosesClaims,
    KeepsReleasedClaims,
    ForgetsAdds,
    LosesBudgets,
    MixesUpBudgetKeys,
    AppliesTwice,
}

impl Break {
    pub const ALL: &[Self] = &[
        Self::LosesEntries,
        Self::DoublesEntries,
        Self::SwapsEntries,
        Self::LosesAccounts,
        Self::DoublesRefunds,
        Self::LosesNewGenerations,
        Self::LosesChangedGenerations,
        Self::KeepsRemovedGenerations,
        Self::LosesNewAttempts,
        Self::LosesChangedAttempts,
        Self::LosesClaims,
        Self::KeepsReleasedClaims,
        Self::ForgetsAdds,
        Self::LosesBudgets,
        Self::MixesUpBudgetKeys,
        Self::AppliesTwice,
    ];
}

#[derive(Default)]
pub struct Memory {
    pub accounts: BTreeMap<ledger_contract::AccountId, Account>,
    /// Without their attempts.
    pub generations: BTreeMap<GenerationId, Generation>,
    pub attempts: BTreeMap<GenerationId, BTreeMap<u32, Attempt>>,
    pub claims: BTreeMap<ClaimName, Claim>,
    pub adds: BTreeMap<AddName, Credits>,
    pub budgets: BTreeMap<BudgetId, Budget>,
    pub budget_keys: BTreeMap<ApiKeyId, BudgetId>,
    pub entries: Vec<Entry>,
    pub broken: Option<Break>,
}

impl Memory {
    pub fn apply(&mut self, commands: &[Command], now: Timestamp) -> Vec<Answer> {
        let mut book = self.load(&Needs::of(commands));
        let answers = apply(&mut book, commands, now);
        let effects = book.into_effects();
        if self.broken == Some(Break::AppliesTwice) {
            self.write(effects.clone());
        }
        self.write(effects);
        answers
    }

    fn load(&self, needs: &Needs) -> Book {
        let mut book = Book::default();
        let mut names = needs.claims.clone();
        let mut ids = needs.generations.clone();
        ids.extend(names.iter().filter_map(|name| Some(self.claims.get(name)?.generation_id)));
        let mut account_ids = needs.accounts.clone();
        let mut keys = needs.keys.clone();
        for generation in ids.iter().filter_map(|id| self.whole(*id)) {
            account_ids.insert(generation.account_id);
            if let Some(record) = &generation.record {
                keys.insert(record.apikey_id);
                names.extend(record.claim_key.clone().map(|key| (generation.account_id, key)));
            }
            book.load_generation(generation);
        }
        account_ids.iter().filter_map(|id| self.accounts.get(id)).for_each(|found| book.load_account(found.clone()));
        names.iter().filter_map(|name| self.claims.get(name)).for_each(|claim| book.load_claim(claim.clone()));
        for name in &needs.adds {
            if let Some(amount) = self.adds.get(name).filter(|_| self.broken != Some(Break::ForgetsAdds)) {
                book.load_add(name.clone(), *amount);
            }
        }
        let of_accounts = account_ids.iter().map(|id| BudgetId(id.0));
        let of_keys = keys.iter().filter_map(|key| Some((*key, *self.budget_keys.get(key)?)));
        let mut budget_ids: Vec<_> = of_accounts.collect();
        for (key, budget_id) in of_keys {
            book.load_budget_key(key, budget_id);
            budget_ids.push(budget_id);
        }
        budget_ids.iter().filter_map(|id| self.budgets.get(id)).for_each(|found| book.load_budget(found.clone()));
        book
    }

    /// A generation with its attempts.
    pub fn whole(&self, id: GenerationId) -> Option<Generation> {
        let attempts = self.attempts.get(&id).into_iter().flat_map(BTreeMap::values).cloned().collect();
        self.generations.get(&id).map(|found| Generation { attempts, ..found.clone() })
    }

    fn write(&mut self, mut effects: Effects) {
        if let Some(broken) = self.broken {
            sabotage(broken, &mut effects);
        }
        self.accounts.extend(effects.accounts.into_iter().map(|account| (account.account_id, account)));
        for generation in effects.new_generations.into_iter().chain(effects.changed_generations) {
            let id = generation.generation_id;
            self.generations.insert(id, Generation { attempts: Vec::new(), ..generation });
        }
        for of in effects.changed_attempts.into_iter().chain(effects.new_attempts) {
            self.attempts.entry(of.generation_id).or_default().insert(of.attempt.attempt_order, of.attempt);
        }
        for id in effects.removed_generations {
            self.generations.remove(&id);
        }
        for entry in effects.entries {
            if let Some(key) = &entry.add_key {
                self.adds.insert((entry.account_id, key.clone()), entry.amount);
            }
            self.entries.push(entry);
        }
        self.keep_remains();
        effects.released_claims.iter().for_each(|name| drop(self.claims.remove(name)));
        self.claims.extend(effects.claims.into_iter().map(|claim| ((claim.account_id, claim.key.clone()), claim)));
        self.budgets.extend(effects.budgets.into_iter().map(|budget| (budget.budget_id, budget)));
    }
}

/// What the entries say of a generation whose record is gone.
impl Memory {
    fn keep_remains(&mut self) {
        for entry in &self.entries {
            let Some(id) = entry.generation_id else { continue };
            let remains = self.generations.entry(id).or_insert_with(|| Generation {
                generation_id: id,
                account_id: entry.account_id,
                model: entry.model.clone().unwrap_or_default(),
                amount: entry.amount,
                status: GenerationStatus::Canceled,
                attempts: Vec::new(),
                record: None,
            });
            if remains.record.is_none() && entry.kind == EntryKind::Charge {
                remains.status = GenerationStatus::Succeeded;
            }
        }
    }
}

fn sabotage(broken: Break, effects: &mut Effects) {
    match broken {
        Break::LosesEntries => effects.entries.truncate(effects.entries.len().saturating_sub(1)),
        Break::DoublesEntries => effects.entries.extend(effects.entries.clone()),
        Break::SwapsEntries => effects.entries.reverse(),
        Break::LosesAccounts => effects.accounts.clear(),
        Break::DoublesRefunds => {
            for entry in effects.entries.iter().filter(|entry| entry.kind == EntryKind::Refund) {
                let account = effects.accounts.iter_mut().find(|account| account.account_id == entry.account_id);
                account.unwrap().balance.0 += entry.amount.0;
            }
        }
        Break::LosesNewGenerations => effects.new_generations.clear(),
        Break::LosesChangedGenerations => effects.changed_generations.clear(),
        Break::KeepsRemovedGenerations => effects.removed_generations.clear(),
        Break::LosesNewAttempts => effects.new_attempts.clear(),
        Break::LosesChangedAttempts => effects.changed_attempts.clear(),
        Break::LosesClaims => effects.claims.clear(),
        Break::KeepsReleasedClaims => effects.released_claims.clear(),
        Break::LosesBudgets => effects.budgets.clear(),
        // These are wrong where something is loaded or written, not in what is written.
        Break::ForgetsAdds | Break::MixesUpBudgetKeys | Break::AppliesTwice => {}
    }
}
