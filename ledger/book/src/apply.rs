//! Decides commands in order. A command that is refused changes nothing, and later ones see what earlier ones did.
//!
//! Every handler looks first and writes last, so nothing is ever rolled back. Said twice, a command finds its own
//! trace and says so.
//!
//! Sums saturate where the state's own invariants already bound them (a refund returns what a reserve took): were
//! those ever broken, the saturated value trips the table's constraint and the batch is refused, never the money bent.

mod add;
mod attempts;
mod budgets;
mod claims;
mod endings;
mod removal;
mod reserve;

use ledger_contract::{
    Timestamp,
    command::{Answer, Command},
};

use crate::book::Book;

/// Decides `commands` in order at `now`. One answer each, in the same order.
///
/// The book must hold what [`crate::Needs::of`] names.
pub fn apply(book: &mut Book, commands: &[Command], now: Timestamp) -> Vec<Answer> {
    commands.iter().map(|command| decide(book, command, now)).collect()
}

fn decide(book: &mut Book, command: &Command, now: Timestamp) -> Answer {
    match command {
        Command::Reserve(reserve) => Answer::Reserve(reserve::reserve(book, reserve, now)),
        Command::StartAttempt(start) => Answer::StartAttempt(attempts::start(book, start, now)),
        Command::AcceptAttempt(accept) => Answer::AcceptAttempt(attempts::accept(book, accept, now)),
        Command::FinishAttempt(finish) => Answer::FinishAttempt(attempts::finish(book, finish, now)),
        Command::Charge(charge) => Answer::Charge(endings::charge(book, charge, now)),
        Command::Refund(refund) => Answer::Refund(endings::refund(book, refund, now)),
        Command::Cancel(cancel) => Answer::Cancel(removal::cancel(book, cancel, now)),
        Command::Delete(delete) => Answer::Delete(removal::delete(book, delete, now)),
        Command::Add(add) => Answer::Add(add::add(book, add, now)),
    }
}
