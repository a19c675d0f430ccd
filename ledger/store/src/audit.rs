//! The part of the audit that every database shares: the invariants, and the walk along each account's chain. Repairs
//! nothing.

pub(crate) mod checks;

use ledger_book::chain::follow;
use ledger_contract::{
    generation::EntryKind,
    wire::{ChainPlace, ChainRow},
};

/// Lines in a report. A book with more wounds than this is not mended line by line.
const MOST_VIOLATIONS: usize = 1_000;

/// The violations found so far.
#[derive(Default)]
pub(crate) struct Findings {
    violations: Vec<String>,
    is_cut: bool,
}

impl Findings {
    pub(crate) fn push(&mut self, violation: String) {
        if self.violations.len() < MOST_VIOLATIONS {
            self.violations.push(violation);
        } else {
            self.is_cut = true;
        }
    }

    /// Whether nothing more is taken in.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// A line each, and one that says so when there were more.
    pub(crate) fn into_lines(self) -> Vec<String> {
        let Self { mut violations, is_cut } = self;
        if is_cut {
            violations.push(format!("and more: only the first {MOST_VIOLATIONS} are listed"));
        }
        violations
    }
}

/// One account on the way through its entries.
pub(crate) struct Walk {
    place: ChainPlace,
    head: ChainPlace,
    /// The opening balance and Σ add − Σ reserve + Σ refund so far. Wide, so that no planted amount can overflow it.
    sum: i128,
}

impl Walk {
    /// From the account's opening to where its row says the chain ends.
    pub(crate) fn new(opening: ChainPlace, head: ChainPlace) -> Self {
        Self { place: opening, head, sum: i128::from(opening.balance.0) }
    }

    pub(crate) fn account_id(&self) -> ledger_contract::AccountId {
        self.place.account_id
    }

    /// The next row, oldest first.
    pub(crate) fn step(&mut self, row: &ChainRow, findings: &mut Findings) {
        let (next, broken) = follow(&self.place, row);
        for broken in broken {
            findings.push(format!("account {}: {broken}", self.place.account_id));
        }
        let amount = i128::from(row.amount.0);
        self.sum += match row.kind {
            EntryKind::Reserve => -amount,
            EntryKind::Charge => 0,
            EntryKind::Refund | EntryKind::Add => amount,
        };
        self.place = next;
    }

    /// Compares where the rows end with what the account says.
    pub(crate) fn end(self, findings: &mut Findings) {
        let Self { place, head, sum } = self;
        let ChainPlace { account_id, balance, .. } = head;
        if i128::from(balance.0) != sum {
            findings.push(format!(
                "account {account_id}: balance is {balance}, but its opening plus adds less reserves plus refunds are \
                 {sum} thousandths"
            ));
        }
        if balance != place.balance {
            findings.push(format!(
                "account {account_id}: balance is {balance}, but its newest entry leaves {}",
                place.balance
            ));
        }
        if (head.seq, head.hash) != (place.seq, place.hash) || head.at < place.at {
            findings.push(format!(
                "account {account_id}: its chain ends with entry {} ({}), but its newest entry is {} ({})",
                head.seq, head.hash, place.seq, place.hash
            ));
        }
    }
}
