//! Budgets (api contract §12.4): counted in the window of the reservation, given back to the window they were taken
//! from. Decided under the account's lock, so no number of parallel requests passes one.

use ledger_contract::{
    AccountId, ApiKeyId, BudgetId, Credits, GenerationId, Timestamp,
    command::{Reserve, ReserveAnswer},
};

use super::add::{minus, plus};
use crate::{book::Book, state::Budget};

/// The refusal, when the key's or the account's budget would be passed.
pub(super) fn exceeded(book: &Book, reserve: &Reserve, at: Timestamp) -> Option<ReserveAnswer> {
    let budgets = concerned(book, reserve.account_id, reserve.apikey_id).filter_map(|id| book.budget(id));
    let passed = |budget: &&Budget| plus(budget.spent_at(at), reserve.amount) > budget.amount;
    budgets.into_iter().find(passed).map(|budget| ReserveAnswer::BudgetExceeded {
        holder: budget.holder,
        budget: budget.amount,
        spent: budget.spent_at(at),
        required: reserve.amount,
        window_ends_at: budget.period.window_end(at),
    })
}

/// Counts a reservation, in a new window if the old one is over.
pub(super) fn count(book: &mut Book, reserve: &Reserve, at: Timestamp) {
    let ids: Vec<_> = concerned(book, reserve.account_id, reserve.apikey_id).collect();
    for id in ids {
        if let Some(budget) = book.budget_mut(id) {
            budget.enter_window_of(at);
            budget.spent = plus(budget.spent, reserve.amount);
        }
    }
}

/// Gives a reservation back, unless its window is over.
pub(super) fn give_back(book: &mut Book, generation_id: GenerationId) {
    let Some(generation) = book.generation(generation_id) else { return };
    let Some(record) = &generation.record else { return };
    let (amount, reserved_at) = (generation.amount, record.created_at);
    let ids: Vec<_> = concerned(book, generation.account_id, record.apikey_id).collect();
    for id in ids {
        if book.budget(id).is_some_and(|budget| reserved_at >= budget.window_starts_at)
            && let Some(budget) = book.budget_mut(id)
        {
            budget.spent = minus(budget.spent, amount).max(Credits::ZERO);
        }
    }
}

/// The key's budget, then the account's. A key's counts only for its own account.
fn concerned(book: &Book, account_id: AccountId, apikey_id: ApiKeyId) -> impl Iterator<Item = BudgetId> {
    let of_key = book.budget_of_key(apikey_id).filter(|budget| budget.account_id == account_id);
    let of_account = book.budget(BudgetId(account_id.0));
    of_key.into_iter().chain(of_account).map(|budget| budget.budget_id).collect::<Vec<_>>().into_iter()
}
