//! Random commands against the invariants and against a model that fits on a page.

use std::collections::BTreeMap;

use ledger_book::{Book, apply};
use ledger_contract::{
    AccountId, Credits, GenerationId, GenerationStatus, Plan,
    command::{
        AddAnswer, Answer, CancelAnswer, ChargeAnswer, Command, DeleteAnswer, RefundAnswer, Reserve, ReserveAnswer,
    },
    generation::EntryKind,
};
use proptest::prelude::*;

use crate::{
    commands::{NOW, account, any_command},
    world::World,
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Open,
    Charged,
    Refunded,
}

/// What any book must agree with: who has how much, what was reserved and how it ended.
#[derive(Default)]
struct Model {
    balances: BTreeMap<AccountId, i64>,
    generations: BTreeMap<GenerationId, (AccountId, i64, State)>,
    adds: BTreeMap<(AccountId, String), i64>,
}

impl Model {
    fn state(&self, id: GenerationId) -> Option<State> {
        self.generations.get(&id).map(|(_, _, state)| *state)
    }

    fn open(&self, owner: AccountId) -> impl Iterator<Item = i64> {
        let open = self.generations.values().filter(move |(of, _, state)| *of == owner && *state == State::Open);
        open.map(|(_, amount, _)| *amount)
    }

    fn end(&mut self, id: GenerationId, state: State) {
        let (owner, amount, now) = self.generations.get_mut(&id).expect("only reserved generations end");
        assert_eq!(*now, State::Open, "{id} ends twice");
        *now = state;
        if state == State::Refunded {
            *self.balances.get_mut(owner).unwrap() += *amount;
        }
    }

    /// Checks the answer against what the model knows, then does the same.
    fn follow(&mut self, command: &Command, answer: &Answer) {
        match (command, answer) {
            (Command::Reserve(command), Answer::Reserve(answer)) => self.follow_reserve(command, answer),
            (Command::Charge(command), Answer::Charge(answer)) => {
                let state = self.state(command.generation_id);
                match answer {
                    ChargeAnswer::Charged { .. } => self.end(command.generation_id, State::Charged),
                    ChargeAnswer::AlreadyCharged => assert_eq!(state, Some(State::Charged)),
                    ChargeAnswer::Ended { .. } => assert_eq!(state, Some(State::Refunded)),
                    ChargeAnswer::Conflict => assert_eq!(state, Some(State::Open)),
                    ChargeAnswer::NoReservation => assert_eq!(state, None),
                }
            }
            (Command::Refund(command), Answer::Refund(answer)) => {
                let state = self.state(command.generation_id);
                match answer {
                    RefundAnswer::Refunded { .. } => self.end(command.generation_id, State::Refunded),
                    RefundAnswer::AlreadyRefunded { .. } => assert_eq!(state, Some(State::Refunded)),
                    RefundAnswer::AlreadyCharged => assert_eq!(state, Some(State::Charged)),
                    RefundAnswer::NoReservation => assert_eq!(state, None),
                }
            }
            (Command::Cancel(command), Answer::Cancel(CancelAnswer::Canceled { .. })) => {
                self.end(command.generation_id, State::Refunded);
            }
            (Command::Delete(command), Answer::Delete(DeleteAnswer::Deleted { .. }))
                if self.state(command.generation_id) == Some(State::Open) =>
            {
                self.end(command.generation_id, State::Refunded);
            }
            (Command::Add(command), Answer::Add(answer)) => {
                let name = (command.account_id, command.key.clone());
                match answer {
                    AddAnswer::Added { .. } => {
                        *self.balances.get_mut(&command.account_id).unwrap() += command.amount.0;
                        assert_eq!(self.adds.insert(name, command.amount.0), None);
                    }
                    AddAnswer::AlreadyAdded { .. } => assert_eq!(self.adds.get(&name), Some(&command.amount.0)),
                    AddAnswer::Conflict { granted } => assert_eq!(self.adds.get(&name), Some(&granted.0)),
                    AddAnswer::OutOfRange | AddAnswer::AccountMissing => {}
                }
            }
            _ => {}
        }
    }

    fn follow_reserve(&mut self, command: &Reserve, answer: &ReserveAnswer) {
        let (owner, amount) = (command.account_id, command.amount.0);
        let balance = self.balances.get(&owner).copied();
        let running = self.open(owner).count();
        match answer {
            ReserveAnswer::Reserved { .. } => {
                assert!(running < 5 && balance.unwrap() >= amount && amount > 0);
                self.balances.insert(owner, balance.unwrap() - amount);
                let new = (owner, amount, State::Open);
                assert_eq!(self.generations.insert(command.generation_id, new), None);
            }
            ReserveAnswer::Insufficient { .. } => assert!(running < 5 && balance.unwrap() < amount),
            ReserveAnswer::ConcurrencyLimit { .. } => assert_eq!(running, 5),
            ReserveAnswer::AccountMissing => assert_eq!(balance, None),
            _ => {}
        }
    }

    fn agrees_with(&self, book: &Book) {
        for (owner, balance) in &self.balances {
            let account = book.account(*owner).unwrap();
            assert_eq!((account.balance, account.plan), (Credits(*balance), Plan::Starter));
            assert_eq!(account.in_flight as usize, self.open(*owner).count());
            assert_eq!(account.reserved.0, self.open(*owner).sum::<i64>());
            assert!(account.balance >= Credits::ZERO && account.balance.0 + account.reserved.0 <= Credits::MAX.0);
            let records = book.generations().filter(|generation| generation.account_id == *owner);
            let records = records.filter(|generation| generation.record.is_some()).count();
            assert_eq!(account.generations_total, records as u64);
        }
        for (id, (_, _, state)) in &self.generations {
            let status = book.generation(*id).unwrap().status;
            assert_eq!(*state == State::Open, !status.is_terminal());
            assert_eq!(*state == State::Charged, status == GenerationStatus::Succeeded);
        }
    }
}

/// Entries alone give the balances, chain without a gap, and end every generation at most once.
fn entries_hold(book: &Book) {
    let mut balances: BTreeMap<AccountId, i64> = BTreeMap::new();
    let mut seen: Vec<(GenerationId, bool)> = Vec::new();
    for entry in book.entries() {
        let balance = balances.entry(entry.account_id).or_default();
        *balance += match entry.kind {
            EntryKind::Reserve => -entry.amount.0,
            EntryKind::Charge => 0,
            EntryKind::Refund | EntryKind::Add => entry.amount.0,
        };
        assert_eq!(entry.balance_after.0, *balance);
        if let Some(id) = entry.generation_id {
            let name = (id, entry.kind == EntryKind::Reserve);
            assert!(!seen.contains(&name), "{id} has two of a kind");
            seen.push(name);
        }
    }
    for (owner, balance) in balances {
        assert_eq!(book.account(owner).unwrap().balance.0, balance);
    }
}

fn attempts_hold(book: &Book) {
    for generation in book.generations() {
        let open = generation.attempts.iter().filter(|attempt| attempt.is_open()).count();
        assert!(open <= usize::from(!generation.status.is_terminal()));
        let used = generation.attempts.iter().filter(|attempt| attempt.outcome.as_str() == "used").count();
        assert_eq!(used, usize::from(generation.status == GenerationStatus::Succeeded));
        let orders: Vec<_> = generation.attempts.iter().map(|attempt| attempt.attempt_order as usize).collect();
        assert_eq!(orders, (1..=orders.len()).collect::<Vec<_>>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn every_invariant_holds_after_every_command(commands in proptest::collection::vec(any_command(), 1..120)) {
        let mut book = World::new().book;
        let mut model = Model { balances: [(account(1), 0), (account(2), 0)].into(), ..Model::default() };
        for (step, command) in commands.iter().enumerate() {
            let now = NOW.plus_ms(i64::try_from(step).unwrap());
            let answer = apply(&mut book, std::slice::from_ref(command), now).pop().unwrap();
            model.follow(command, &answer);
            model.agrees_with(&book);
            entries_hold(&book);
            attempts_hold(&book);
        }
    }

    #[test]
    fn a_command_said_twice_changes_nothing_more(commands in proptest::collection::vec(any_command(), 1..60)) {
        let mut book = World::new().book;
        for command in &commands {
            apply(&mut book, std::slice::from_ref(command), NOW);
            let once = book.clone().into_effects();
            apply(&mut book, std::slice::from_ref(command), NOW.plus_ms(1));
            prop_assert_eq!(book.clone().into_effects(), once);
        }
    }

    #[test]
    fn a_batch_answers_like_its_commands_one_by_one(commands in proptest::collection::vec(any_command(), 1..60)) {
        let mut together = World::new().book;
        let mut apart = World::new().book;
        let answers = apply(&mut together, &commands, NOW);
        for (command, answer) in commands.iter().zip(answers) {
            prop_assert_eq!(apply(&mut apart, std::slice::from_ref(command), NOW).pop(), Some(answer));
        }
        prop_assert_eq!(together.into_effects(), apart.into_effects());
    }
}
