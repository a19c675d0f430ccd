//! What any book must agree with: who has how much, what was reserved by whom and how it ended. It keeps no counters:
//! every sum is added up from the runs, so it shares no trick with the book.

use std::collections::BTreeMap;

use ledger_book::{Budget, CLAIM_LIFETIME_MS, book::ClaimName};
use ledger_contract::{
    AccountId, ApiKeyId, AttemptOutcome, BudgetId, Credits, GenerationId, GenerationStatus, Period, Timestamp,
    command::{
        Add, AddAnswer, Answer, AttemptAnswer, Cancel, CancelAnswer, Charge, ChargeAnswer, Command, Delete,
        DeleteAnswer, Refund, RefundAnswer, Reserve, ReserveAnswer,
    },
};

use crate::memory::Memory;

/// In flight on the starter plan.
const SLOTS: u32 = 5;

macro_rules! ensure {
    ($holds:expr, $($words:tt)+) => {
        if !$holds {
            return Err(format!($($words)+));
        }
    };
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Open,
    Charged,
    Refunded,
}

#[derive(Debug)]
struct Run {
    owner: AccountId,
    key: ApiKeyId,
    amount: i64,
    at: Timestamp,
    state: State,
    attempts: Vec<AttemptOutcome>,
    recorded: bool,
    claim: Option<ClaimName>,
}

#[derive(Debug)]
struct Held {
    print: String,
    by: GenerationId,
    answered: bool,
    until: Timestamp,
}

struct Limit {
    id: BudgetId,
    owner: AccountId,
    key: Option<ApiKeyId>,
    amount: i64,
    period: Period,
    since: Timestamp,
}

#[derive(Default)]
pub struct Model {
    /// What was added less what was charged, and the newest entry's time.
    purses: BTreeMap<AccountId, (i64, Timestamp)>,
    runs: BTreeMap<GenerationId, Run>,
    adds: BTreeMap<(AccountId, String), i64>,
    claims: BTreeMap<ClaimName, Held>,
    limits: Vec<Limit>,
}

impl Model {
    pub fn open_account(&mut self, owner: AccountId, at: Timestamp) {
        self.purses.insert(owner, (0, at));
    }

    pub fn limit(&mut self, key: Option<ApiKeyId>, budget: &Budget) {
        let Budget { budget_id: id, account_id: owner, amount, period, window_starts_at: since, .. } = *budget;
        self.limits.push(Limit { id, owner, key, amount: amount.0, period, since });
    }

    pub fn change_limit(&mut self, id: BudgetId, amount: Credits) {
        self.limits.iter_mut().filter(|limit| limit.id == id).for_each(|limit| limit.amount = amount.0);
    }

    fn open(&self, owner: AccountId) -> impl Iterator<Item = &Run> {
        self.runs.values().filter(move |run| run.owner == owner && run.state == State::Open)
    }

    fn reserved(&self, owner: AccountId) -> i64 {
        self.open(owner).map(|run| run.amount).sum()
    }

    fn balance(&self, owner: AccountId) -> Option<i64> {
        Some(self.purses.get(&owner)?.0 - self.reserved(owner))
    }

    /// What runs of the window of `at` took and did not get back.
    fn spent(&self, limit: &Limit, at: Timestamp) -> i64 {
        let since = limit.period.window_start(at).unwrap_or(limit.since);
        let mine = |run: &&Run| run.owner == limit.owner && limit.key.is_none_or(|key| key == run.key);
        let counts = |run: &&Run| mine(run) && run.at >= since && run.state != State::Refunded;
        self.runs.values().filter(counts).map(|run| run.amount).sum()
    }

    fn moment(&mut self, owner: AccountId, now: Timestamp) -> Timestamp {
        let newest = &mut self.purses.get_mut(&owner).unwrap().1;
        *newest = now.max(*newest);
        *newest
    }

    /// Checks the answer against what is known, then does the same.
    pub fn follow(&mut self, command: &Command, answer: &Answer, now: Timestamp) -> Result<(), String> {
        match (command, answer) {
            (Command::Reserve(reserve), Answer::Reserve(answer)) => self.follow_reserve(reserve, answer, now),
            (Command::Charge(charge), Answer::Charge(answer)) => self.follow_charge(charge, answer, now),
            (Command::Refund(refund), Answer::Refund(answer)) => self.follow_refund(refund, answer, now),
            (Command::Cancel(cancel), Answer::Cancel(answer)) => self.follow_cancel(cancel, answer, now),
            (Command::Delete(delete), Answer::Delete(answer)) => self.follow_delete(delete, answer, now),
            (Command::Add(add), Answer::Add(answer)) => self.follow_add(add, answer, now),
            (Command::StartAttempt(start), Answer::StartAttempt(AttemptAnswer::Done)) => {
                let run = self.runs.get_mut(&start.generation_id).ok_or("unknown")?;
                let next = run.attempts.len() + 1 == start.attempt_order as usize;
                let closed = !run.attempts.contains(&AttemptOutcome::Pending);
                ensure!(run.state == State::Open && next && closed, "it is {run:?}");
                run.attempts.push(AttemptOutcome::Pending);
                Ok(())
            }
            (Command::AcceptAttempt(accept), Answer::AcceptAttempt(AttemptAnswer::Done)) => {
                let run = self.runs.get(&accept.generation_id).ok_or("unknown")?;
                let open = run.attempts.get(accept.attempt_order as usize - 1) == Some(&AttemptOutcome::Pending);
                ensure!(run.state == State::Open && open, "it is {run:?}");
                self.answer_key(accept.generation_id, true);
                Ok(())
            }
            (Command::FinishAttempt(finish), Answer::FinishAttempt(AttemptAnswer::Done)) => {
                let run = self.runs.get_mut(&finish.generation_id).ok_or("unknown")?;
                let attempt = run.attempts.get_mut(finish.attempt_order as usize - 1).ok_or("no attempt")?;
                *attempt = finish.end.outcome;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn follow_cancel(&mut self, cancel: &Cancel, answer: &CancelAnswer, now: Timestamp) -> Result<(), String> {
        let run = self.owned(cancel.generation_id, cancel.account_id);
        match (answer, run) {
            (CancelAnswer::Canceled { .. }, Some(State::Open)) => {
                self.stop(cancel.generation_id, now);
                Ok(())
            }
            (CancelAnswer::NotCancelable { .. }, Some(State::Charged | State::Refunded))
            | (CancelAnswer::NotFound, None) => Ok(()),
            (_, run) => Err(format!("it is {run:?}")),
        }
    }

    fn follow_delete(&mut self, delete: &Delete, answer: &DeleteAnswer, now: Timestamp) -> Result<(), String> {
        let run = self.owned(delete.generation_id, delete.account_id);
        ensure!(run.is_some() == matches!(answer, DeleteAnswer::Deleted { .. }), "it is {run:?}");
        if run == Some(State::Open) {
            self.stop(delete.generation_id, now);
        }
        if run.is_some() {
            self.runs.get_mut(&delete.generation_id).unwrap().recorded = false;
        }
        Ok(())
    }

    fn follow_add(&mut self, add: &Add, answer: &AddAnswer, now: Timestamp) -> Result<(), String> {
        let name = (add.account_id, add.key.clone());
        let granted = self.adds.get(&name).copied();
        let held = self.purses.get(&add.account_id).map(|purse| purse.0);
        let fits =
            |held: i64| add.amount.0 > 0 && held.checked_add(add.amount.0).is_some_and(|sum| sum <= Credits::MAX.0);
        match (answer, held, granted) {
            (AddAnswer::AccountMissing, None, _) => Ok(()),
            (AddAnswer::AlreadyAdded { .. }, Some(_), Some(granted)) if granted == add.amount.0 => Ok(()),
            (AddAnswer::Conflict { granted }, Some(_), Some(known)) if granted.0 == known => Ok(()),
            (AddAnswer::OutOfRange, Some(held), None) if !fits(held) => Ok(()),
            (AddAnswer::Added { .. }, Some(held), None) if fits(held) => {
                self.moment(add.account_id, now);
                self.purses.get_mut(&add.account_id).unwrap().0 += add.amount.0;
                self.adds.insert(name, add.amount.0);
                Ok(())
            }
            _ => Err(format!("{held:?} are there and {granted:?} was granted")),
        }
    }

    fn owned(&self, id: GenerationId, owner: AccountId) -> Option<State> {
        self.runs.get(&id).filter(|run| run.owner == owner && run.recorded).map(|run| run.state)
    }

    fn follow_reserve(&mut self, reserve: &Reserve, answer: &ReserveAnswer, now: Timestamp) -> Result<(), String> {
        let expected = self.expected(reserve, now);
        let same = match (&expected, answer) {
            // What is stored is the unit tests' matter.
            (ReserveAnswer::IdempotencyInProgress, ReserveAnswer::Replay { .. }) => self.is_answered(reserve),
            (expected, answer) => {
                expected == answer && !(*answer == ReserveAnswer::IdempotencyInProgress && self.is_answered(reserve))
            }
        };
        ensure!(same, "expected {expected:?}");
        if matches!(answer, ReserveAnswer::Reserved { .. }) {
            let at = self.moment(reserve.account_id, now);
            let claim = reserve.claim.as_ref().map(|claim| (reserve.account_id, claim.key.clone()));
            if let (Some(name), Some(asked)) = (&claim, &reserve.claim) {
                let (print, until) = (asked.fingerprint.clone(), now.plus_ms(CLAIM_LIFETIME_MS));
                let held = Held { print, by: reserve.generation_id, answered: false, until };
                self.claims.insert(name.clone(), held);
            }
            let run = Run {
                owner: reserve.account_id,
                key: reserve.apikey_id,
                amount: reserve.amount.0,
                at,
                state: State::Open,
                attempts: reserve.first_attempt.iter().map(|_| AttemptOutcome::Pending).collect(),
                recorded: true,
                claim,
            };
            self.runs.insert(reserve.generation_id, run);
        }
        Ok(())
    }

    fn is_answered(&self, reserve: &Reserve) -> bool {
        let name = reserve.claim.as_ref().map(|claim| (reserve.account_id, claim.key.clone()));
        name.and_then(|name| self.claims.get(&name)).is_some_and(|held| held.answered)
    }

    /// The one answer that is right; a replay stands as in progress.
    fn expected(&self, reserve: &Reserve, now: Timestamp) -> ReserveAnswer {
        let (owner, required) = (reserve.account_id, reserve.amount);
        let balance = self.balance(owner);
        if let Some(run) = self.runs.get(&reserve.generation_id) {
            let same = run.owner == owner && run.amount == required.0;
            return balance.filter(|_| same).map_or(ReserveAnswer::Conflict, |balance| {
                ReserveAnswer::AlreadyReserved { balance: Credits(balance) }
            });
        }
        if required.0 <= 0 || required > Credits::MAX {
            return ReserveAnswer::Conflict;
        }
        let Some(balance) = balance else { return ReserveAnswer::AccountMissing };
        let claim = reserve.claim.as_ref();
        let held = claim.and_then(|claim| Some((claim, self.claims.get(&(owner, claim.key.clone()))?)));
        match held.filter(|(_, held)| now < held.until) {
            Some((claim, held)) if held.print != claim.fingerprint => return ReserveAnswer::IdempotencyConflict,
            Some(_) => return ReserveAnswer::IdempotencyInProgress,
            None => {}
        }
        let in_flight = u32::try_from(self.open(owner).count()).unwrap();
        if in_flight >= SLOTS {
            return ReserveAnswer::ConcurrencyLimit { limit: SLOTS, in_flight };
        }
        let at = now.max(self.purses[&owner].1);
        let mine = |limit: &&Limit| limit.owner == owner && limit.key.is_none_or(|key| key == reserve.apikey_id);
        let passed = |limit: &&Limit| self.spent(limit, at) + required.0 > limit.amount;
        // The key's comes first.
        let keys = self.limits.iter().filter(|limit| limit.key.is_some());
        let limits = keys.chain(self.limits.iter().filter(|limit| limit.key.is_none()));
        if let Some(limit) = limits.filter(mine).find(passed) {
            use ledger_contract::budget::BudgetHolder::{Account, Key};
            return ReserveAnswer::BudgetExceeded {
                holder: if limit.key.is_some() { Key } else { Account },
                budget: Credits(limit.amount),
                spent: Credits(self.spent(limit, at)),
                required,
                window_ends_at: limit.period.window_end(at),
            };
        }
        if balance < required.0 {
            return ReserveAnswer::Insufficient { required, balance: Credits(balance) };
        }
        ReserveAnswer::Reserved { balance: Credits(balance - required.0) }
    }

    fn follow_charge(&mut self, charge: &Charge, answer: &ChargeAnswer, now: Timestamp) -> Result<(), String> {
        let id = charge.generation_id;
        let Some(run) = self.runs.get_mut(&id) else {
            ensure!(*answer == ChargeAnswer::NoReservation, "it is unknown");
            return Ok(());
        };
        let attempt = charge.attempt_order.map(|order| order as usize - 1);
        let outcome = attempt.and_then(|attempt| run.attempts.get(attempt).copied());
        let chargeable = match attempt {
            None => run.attempts.is_empty(),
            Some(_) => outcome == Some(AttemptOutcome::Pending),
        };
        let expected = match run.state {
            State::Open if chargeable && !charge.outputs.is_empty() => "charged",
            State::Open => "conflict",
            State::Charged => "already_charged",
            State::Refunded => "ended",
        };
        let said = match answer {
            ChargeAnswer::Charged { .. } => "charged",
            ChargeAnswer::AlreadyCharged => "already_charged",
            ChargeAnswer::Ended { .. } => "ended",
            ChargeAnswer::Conflict => "conflict",
            ChargeAnswer::NoReservation => "no_reservation",
        };
        ensure!(said == expected, "{run:?} is {expected}");
        if expected == "charged" {
            run.state = State::Charged;
            if let Some(attempt) = attempt {
                run.attempts[attempt] = AttemptOutcome::Used;
            }
            let (owner, amount) = (run.owner, run.amount);
            self.moment(owner, now);
            self.purses.get_mut(&owner).unwrap().0 -= amount;
            self.answer_key(id, true);
        } else if run.state != State::Open || !charge.outputs.is_empty() {
            // The result came back and was not used.
            if let (Some(attempt), Some(AttemptOutcome::Failed | AttemptOutcome::Cancelled)) = (attempt, outcome) {
                run.attempts[attempt] = AttemptOutcome::Discarded;
            }
        }
        Ok(())
    }

    fn follow_refund(&mut self, refund: &Refund, answer: &RefundAnswer, now: Timestamp) -> Result<(), String> {
        let state = self.runs.get(&refund.generation_id).map(|run| run.state);
        match (answer, state) {
            (RefundAnswer::Refunded { .. }, Some(State::Open)) => {
                let told = refund.attempt.as_ref().map(|end| end.outcome);
                let told = told.filter(|told| !matches!(told, AttemptOutcome::Pending | AttemptOutcome::Used));
                self.end(refund.generation_id, told.unwrap_or(AttemptOutcome::Failed), now);
                self.answer_key(refund.generation_id, !refund.error.retryable);
                Ok(())
            }
            (RefundAnswer::AlreadyRefunded { .. }, Some(State::Refunded))
            | (RefundAnswer::AlreadyCharged, Some(State::Charged))
            | (RefundAnswer::NoReservation, None) => Ok(()),
            _ => Err(format!("it is {state:?}")),
        }
    }

    fn stop(&mut self, id: GenerationId, now: Timestamp) {
        self.end(id, AttemptOutcome::Cancelled, now);
        self.answer_key(id, true);
    }

    fn end(&mut self, id: GenerationId, outcome: AttemptOutcome, now: Timestamp) {
        let run = self.runs.get_mut(&id).unwrap();
        run.state = State::Refunded;
        if let Some(open) = run.attempts.iter_mut().find(|attempt| **attempt == AttemptOutcome::Pending) {
            *open = outcome;
        }
        let owner = run.owner;
        self.moment(owner, now);
    }

    /// The key's answer is kept, or the key released; only once, and only while the key is still this run's.
    fn answer_key(&mut self, id: GenerationId, keep: bool) {
        let Some(run) = self.runs.get(&id).filter(|run| run.recorded) else { return };
        let Some(name) = &run.claim else { return };
        let Some(held) = self.claims.get_mut(name).filter(|held| held.by == id && !held.answered) else { return };
        if keep {
            held.answered = true;
        } else {
            self.claims.remove(name);
        }
    }

    /// Whether the tables say the same.
    pub fn agrees_with(&self, memory: &Memory, now: Timestamp) -> Result<(), String> {
        for owner in self.purses.keys() {
            let account = memory.accounts.get(owner).ok_or("an account is gone")?;
            let said = (account.balance.0, account.reserved.0, account.in_flight as usize);
            let known = (self.balance(*owner).unwrap(), self.reserved(*owner), self.open(*owner).count());
            ensure!(said == known, "account {owner} says {said:?}, the model {known:?}");
            ensure!(known.0 >= 0 && known.0 + known.1 <= Credits::MAX.0, "account {owner} has {known:?}");
            let records = self.runs.values().filter(|run| run.owner == *owner && run.recorded).count();
            ensure!(account.generations_total == records as u64, "account {owner} counts other than {records} records");
        }
        ensure!(memory.generations.len() == self.runs.len(), "other than {} generations", self.runs.len());
        for (id, run) in &self.runs {
            let generation = memory.generations.get(id).ok_or_else(|| format!("generation {id} is gone"))?;
            let state = match generation.status {
                GenerationStatus::Pending | GenerationStatus::Processing => State::Open,
                GenerationStatus::Succeeded => State::Charged,
                GenerationStatus::Failed | GenerationStatus::Canceled => State::Refunded,
            };
            let same = state == run.state && generation.record.is_some() == run.recorded;
            ensure!(same, "generation {id} is {:?}, the model has {run:?}", generation.status);
            let attempts = memory.attempts.get(id);
            let outcomes = attempts.into_iter().flat_map(|of| of.values()).map(|attempt| attempt.outcome);
            ensure!(outcomes.eq(run.attempts.iter().copied()), "generation {id} has {attempts:?}, not {run:?}");
        }
        ensure!(memory.claims.len() == self.claims.len(), "other than {} claims", self.claims.len());
        for (name, held) in &self.claims {
            let claim = memory.claims.get(name).ok_or_else(|| format!("claim {name:?} is gone"))?;
            let same = claim.generation_id == held.by && claim.stored.is_some() == held.answered;
            ensure!(same, "{claim:?}, the model has {held:?}");
        }
        for limit in &self.limits {
            let budget = &memory.budgets[&limit.id];
            let at = now.max(self.purses[&limit.owner].1);
            let (said, known) = (budget.spent_at(at).0, self.spent(limit, at));
            ensure!(said == known, "budget {} has counted {said}, the model {known}", limit.id);
        }
        Ok(())
    }
}
