//! One walk: a small world, commands one by one or a few together, the model beside them after every step.

use std::collections::BTreeMap;

use ledger_book::{Account, Budget, chain};
use ledger_contract::{
    AccountId, ApiKeyId, BudgetId, Credits, Period, Plan, Timestamp, budget::BudgetHolder, command::Command,
    wire::ChainPlace,
};

use crate::{
    commands::{NOW, account},
    dice::{Dice, apikey},
    memory::{Break, Memory},
    model::Model,
};

pub const COMMANDS_PER_WALK: u64 = 100;

/// Walks; what was wrong first, if anything was.
pub fn walk(seed: u64, broken: Option<Break>) -> Result<(), String> {
    let mut dice = Dice::new(seed);
    let (mut memory, mut model) = world(&mut dice, broken);
    let mut chains = BTreeMap::new();
    let mut now = NOW;
    let mut said = 0;
    while said < COMMANDS_PER_WALK {
        now = dice.later(now);
        let count = if dice.one_in(4) { 1 + dice.below(5) } else { 1 };
        let commands: Vec<Command> = (0..count).map(|_| dice.command()).collect();
        said += u64::from(count);
        let answers = memory.apply(&commands, now);
        for (command, answer) in commands.iter().zip(&answers) {
            let step = model.follow(command, answer, now);
            step.map_err(|wrong| format!("{command:?} was answered {answer:?}: {wrong}"))?;
        }
        check(&memory, &model, &mut chains, now).map_err(|wrong| format!("after {commands:?}: {wrong}"))?;
        if dice.one_in(4) {
            said += u64::from(count);
            say_again(&mut memory, &mut model, &commands, now)?;
            check(&memory, &model, &mut chains, now).map_err(|wrong| format!("after {commands:?} again: {wrong}"))?;
        }
        if dice.one_in(15) {
            change_a_budget(&mut dice, &mut memory, &mut model);
        }
    }
    Ok(())
}

/// A caller whose answer was lost asks again: whatever it is told, the model follows it, and done is done once.
fn say_again(memory: &mut Memory, model: &mut Model, commands: &[Command], now: Timestamp) -> Result<(), String> {
    let answers = memory.apply(commands, now);
    for (command, answer) in commands.iter().zip(&answers) {
        let step = model.follow(command, answer, now);
        step.map_err(|wrong| format!("{command:?}, said again, was answered {answer:?}: {wrong}"))?;
    }
    Ok(())
}

fn world(dice: &mut Dice, broken: Option<Break>) -> (Memory, Model) {
    let mut memory = Memory { broken, ..Memory::default() };
    let mut model = Model::default();
    for n in [1, 2] {
        // As the real stores have it: no entry is older than the beginning of a budget.
        let opened = Account { chain_at: NOW, ..Account::new(account(n), Plan::Starter) };
        memory.accounts.insert(account(n), opened);
        model.open_account(account(n), NOW);
    }
    let holders: [(AccountId, Option<ApiKeyId>); 5] = [
        (account(1), None),
        (account(2), None),
        (account(1), Some(apikey(0))),
        (account(1), Some(apikey(1))),
        (account(2), Some(apikey(2))),
    ];
    for (account_id, key) in holders {
        if dice.one_in(2) {
            let budget = budget(dice, account_id, key);
            if let Some(key) = key {
                let wrong = broken == Some(Break::MixesUpBudgetKeys);
                memory.budget_keys.insert(key, if wrong { BudgetId(account(2).0) } else { budget.budget_id });
            }
            model.limit(key, &budget);
            memory.budgets.insert(budget.budget_id, budget);
        }
    }
    (memory, model)
}

fn budget(dice: &mut Dice, account_id: AccountId, key: Option<ApiKeyId>) -> Budget {
    let period = dice.pick(Period::ALL);
    Budget {
        budget_id: BudgetId(key.map_or(account_id.0, |key| key.0)),
        account_id,
        holder: if key.is_some() { BudgetHolder::Key } else { BudgetHolder::Account },
        amount: Credits(dice.pick(&[19, 20, 45, 60, 100, 300])),
        period,
        window_starts_at: period.window_start(NOW).unwrap_or(NOW),
        spent: Credits::ZERO,
        archived: Credits::ZERO,
    }
}

fn change_a_budget(dice: &mut Dice, memory: &mut Memory, model: &mut Model) {
    let amount = Credits(dice.pick(&[1, 20, 60, 500]));
    if let Some((id, budget)) = memory.budgets.iter_mut().next() {
        budget.amount = amount;
        model.change_limit(*id, amount);
    }
}

/// Tables, model and chains agree.
fn check(
    memory: &Memory,
    model: &Model,
    chains: &mut BTreeMap<AccountId, (usize, ChainPlace)>,
    now: Timestamp,
) -> Result<(), String> {
    model.agrees_with(memory, now)?;
    for account in memory.accounts.values() {
        let start = (0, chain::start(account.account_id));
        let (seen, place) = chains.entry(account.account_id).or_insert(start);
        for entry in memory.entries.iter().skip(*seen).filter(|entry| entry.account_id == account.account_id) {
            let (next, broken) = chain::follow(place, &chain::row_of(entry));
            if let Some(broken) = broken.first() {
                return Err(broken.to_string());
            }
            *place = next;
        }
        *seen = memory.entries.len();
        let head = (account.chain_seq, account.chain_hash, account.balance);
        if head != (place.seq, place.hash, place.balance) || account.chain_at < place.at {
            return Err(format!("{account:?} does not end its chain, {place:?}"));
        }
    }
    Ok(())
}
