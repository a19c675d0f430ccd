//! The commands of several calls in one row, and which of them are whose. No I/O.

use std::sync::Arc;

use ledger_contract::command::{Answer, Command};
use ledger_store::StoreError;
use tokio::sync::oneshot;

use super::{Call, CommitError};

/// Calls that are committed together.
#[derive(Default)]
pub(super) struct Batch {
    commands: Vec<Command>,
    waiting: Vec<Waiting>,
}

/// The next `count` answers go there.
struct Waiting {
    count: usize,
    reply: oneshot::Sender<Result<Vec<Answer>, CommitError>>,
}

impl Batch {
    /// Adds a call.
    pub(super) fn push(&mut self, call: Call) {
        self.waiting.push(Waiting { count: call.commands.len(), reply: call.reply });
        self.commands.extend(call.commands);
    }

    /// Commands in it.
    pub(super) fn len(&self) -> usize {
        self.commands.len()
    }

    /// All commands, in the order they came.
    pub(super) fn commands(&self) -> &[Command] {
        &self.commands
    }

    /// Gives every call its answers. Who left in the meantime asks again and gets the same.
    pub(super) fn answer(self, answers: Vec<Answer>) {
        let mut answers = answers.into_iter();
        for waiting in self.waiting {
            let own = answers.by_ref().take(waiting.count).collect();
            let _ = waiting.reply.send(Ok(own));
        }
    }

    /// Tells every call that it failed.
    pub(super) fn fail(self, error: StoreError) {
        let error = Arc::new(error);
        for waiting in self.waiting {
            let _ = waiting.reply.send(Err(CommitError::Store(Arc::clone(&error))));
        }
    }

    /// Two halves of the calls, in order; itself when it is a single call.
    pub(super) fn split(mut self) -> Result<(Self, Self), Self> {
        if self.waiting.len() < 2 {
            return Err(self);
        }
        let later = self.waiting.split_off(self.waiting.len() / 2);
        let first_commands = self.waiting.iter().map(|waiting| waiting.count).sum();
        let later_commands = self.commands.split_off(first_commands);
        Ok((self, Self { commands: later_commands, waiting: later }))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use ledger_contract::{AccountId, Credits, command::Add};

    use super::*;

    fn add(key: &str) -> Command {
        let account_id = AccountId(uuid::Uuid::nil());
        Command::Add(Add { account_id, amount: Credits(1), key: key.to_owned(), description: None })
    }

    fn call(keys: &[&str]) -> (Call, oneshot::Receiver<Result<Vec<Answer>, CommitError>>) {
        let (reply, answer) = oneshot::channel();
        (Call { commands: keys.iter().map(|key| add(key)).collect(), reply }, answer)
    }

    #[test]
    fn halves_keep_the_order_and_every_call_whole() {
        let mut batch = Batch::default();
        let _answers: Vec<_> = [&["a"][..], &["b", "c", "d"], &["e"]]
            .into_iter()
            .map(|keys| {
                let (call, answer) = call(keys);
                batch.push(call);
                answer
            })
            .collect();
        let (first, second) = batch.split().ok().unwrap();
        assert_eq!(first.commands(), [add("a")]);
        assert_eq!(second.commands(), [add("b"), add("c"), add("d"), add("e")]);
        let (second, third) = second.split().ok().unwrap();
        assert_eq!((second.len(), third.len()), (3, 1));
        assert!(second.split().is_err(), "a call is never split");
    }

    #[test]
    fn every_call_gets_its_own_answers() {
        use ledger_contract::command::AddAnswer;
        let mut batch = Batch::default();
        let (call_a, mut answer_a) = call(&["a"]);
        let (call_b, mut answer_b) = call(&["b", "c"]);
        batch.push(call_a);
        batch.push(call_b);
        let answer = |balance| Answer::Add(AddAnswer::Added { balance: Credits(balance) });
        batch.answer(vec![answer(1), answer(2), answer(3)]);
        assert_eq!(answer_a.try_recv().unwrap().unwrap(), [answer(1)]);
        assert_eq!(answer_b.try_recv().unwrap().unwrap(), [answer(2), answer(3)]);
    }
}
