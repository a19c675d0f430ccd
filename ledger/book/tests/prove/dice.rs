//! Seeded dice and the commands they throw: few names, so that they meet, and now and then a wrong one.

use ledger_contract::{
    AccountId, ApiKeyId, AttemptOutcome, Credits, Timestamp,
    command::{Add, Cancel, Charge, Command, Delete, Refund, Reserve},
};

use crate::commands::{accept, account, add, cancel, charge, claim, delete, end, finish, refund, reserve, start};

/// `SplitMix64`: the same numbers for the same seed, everywhere.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_F491_4F6C_DD1D) ^ 0x9E37_79B9_7F4A_7C15)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// In 0 .. `sides`.
    pub fn below(&mut self, sides: u32) -> u32 {
        u32::try_from(self.next() % u64::from(sides)).unwrap()
    }

    pub fn one_in(&mut self, sides: u32) -> bool {
        self.below(sides) == 0
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(u32::try_from(from.len()).unwrap()) as usize]
    }

    /// Mostly a little later; sometimes a day or a month, sometimes a clock that stepped back.
    pub fn later(&mut self, now: Timestamp) -> Timestamp {
        let hour = 3_600_000;
        let steps = [0, 0, 0, 1, 1, 1_000, 60_000, hour, 7 * hour, 25 * hour, 20 * 24 * hour, -5];
        now.plus_ms(self.pick(&steps))
    }

    pub fn command(&mut self) -> Command {
        let n = 1 + self.below(8);
        let order = 1 + self.below(3);
        let owner = account(1 + self.below(2));
        let outcome = self.pick(AttemptOutcome::ALL);
        match self.below(20) {
            0..=6 => Command::Reserve(self.reserve(n)),
            7 | 8 => Command::StartAttempt(start(n, order)),
            9 | 10 => Command::AcceptAttempt(accept(n, order)),
            11 => Command::FinishAttempt(finish(n, order, outcome)),
            12 | 13 => {
                let attempt_order = (!self.one_in(6)).then_some(order);
                let mut charge = Charge { attempt_order, ..charge(n, 1) };
                charge.outputs.truncate(usize::from(!self.one_in(8)));
                Command::Charge(charge)
            }
            14 | 15 => {
                let attempt = self.one_in(2).then(|| end(outcome));
                Command::Refund(Refund { attempt, ..refund(n, self.one_in(2)) })
            }
            16 => Command::Cancel(Cancel { account_id: owner, ..cancel(n) }),
            17 => Command::Delete(Delete { account_id: owner, ..delete(n) }),
            _ => Command::Add(self.add()),
        }
    }

    fn reserve(&mut self, n: u32) -> Reserve {
        let amount = self.pick(&[1, 5, 20, 20, 50, 100, 0, -3, i64::MIN, i64::MAX, Credits::MAX.0, Credits::MAX.0 + 1]);
        let key = self.one_in(3).then(|| (self.below(3), self.below(2)));
        let known = reserve(n);
        Reserve {
            account_id: self.owner(),
            apikey_id: apikey(self.below(4)),
            amount: Credits(if self.one_in(3) { amount } else { 20 }),
            claim: key.map(|(key, print)| claim(&format!("key-{key}"), &format!("print-{print}"))),
            first_attempt: known.first_attempt.clone().filter(|_| !self.one_in(4)),
            ..known
        }
    }

    fn add(&mut self) -> Add {
        let amount = self.pick(&[1, 40, 90, 200, 0, -1, i64::MIN, i64::MAX, Credits::MAX.0 - 150, Credits::MAX.0]);
        let key = format!("order:{}", self.below(9));
        Add { account_id: self.owner(), ..add(&key, if self.one_in(4) { amount } else { 90 }) }
    }

    /// Account 3 does not exist.
    fn owner(&mut self) -> AccountId {
        account(if self.one_in(20) { 3 } else { 1 + self.below(2) })
    }
}

/// Keys 0 and 1 are account 1's, 2 is account 2's, 3 is nobody's.
pub fn apikey(n: u32) -> ApiKeyId {
    format!("bbbbbbbb-0000-4000-8000-{n:012}").parse().unwrap()
}
