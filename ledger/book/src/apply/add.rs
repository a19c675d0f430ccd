//! Grants credits. Knows no generation.

use ledger_contract::{
    Credits, Timestamp,
    command::{Add, AddAnswer},
    generation::EntryKind,
};

use crate::book::{Book, Movement};

pub(super) fn add(book: &mut Book, add: &Add, now: Timestamp) -> AddAnswer {
    let Some(account) = book.account(add.account_id) else { return AddAnswer::AccountMissing };
    if let Some(granted) = book.add_amount(&(add.account_id, add.key.clone())) {
        let balance = account.balance;
        return if granted == add.amount {
            AddAnswer::AlreadyAdded { balance }
        } else {
            AddAnswer::Conflict { granted }
        };
    }
    if !is_amount(add.amount) {
        return AddAnswer::OutOfRange;
    }
    // What is reserved may all come back, and a refund can't be refused: its room is kept.
    let most = account.balance.checked_add(account.reserved).and_then(|sum| sum.checked_add(add.amount));
    if most.is_none_or(|most| most > Credits::MAX) {
        return AddAnswer::OutOfRange;
    }
    let Some(account) = book.account_mut(add.account_id) else { return AddAnswer::AccountMissing };
    account.balance = plus(account.balance, add.amount);
    let balance = account.balance;
    book.push_entry(Movement {
        account_id: add.account_id,
        kind: EntryKind::Add,
        amount: add.amount,
        generation_id: None,
        add_key: Some(add.key.clone()),
        model: None,
        description: add.description.clone(),
        apikey_id: None,
        now,
    });
    AddAnswer::Added { balance }
}

/// Whether it can be moved at all: in 1 ..= [`Credits::MAX`].
pub(super) fn is_amount(amount: Credits) -> bool {
    amount > Credits::ZERO && amount <= Credits::MAX
}

/// Sum; saturates only where an invariant is broken already (see the parent's docs).
pub(super) fn plus(left: Credits, right: Credits) -> Credits {
    Credits(left.0.saturating_add(right.0))
}

/// Difference; saturates only where an invariant is broken already.
pub(super) fn minus(left: Credits, right: Credits) -> Credits {
    Credits(left.0.saturating_sub(right.0))
}
