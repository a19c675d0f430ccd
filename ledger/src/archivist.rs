//! Moves entries older than their plan's window into files (product requirements R6): file first, then checkpoint and
//! removal in one transaction. A crash in between leaves a file that the next run writes again.

use ledger_artifacts::Artifacts;
use ledger_contract::{AccountId, Timestamp, wire::Archived};
use ledger_store::{ArchivePlan, Store};

use crate::chain_file::ChainWriter;

/// Entries per file and transaction: a few megabytes.
const ENTRIES_PER_FILE: u32 = 10_000;
/// Accounts looked up at once.
const ACCOUNTS_PER_PAGE: u32 = 100;
/// Files that one run writes; what is left waits for the next.
const FILES_PER_RUN: usize = 1_000;

/// Takes from the one and puts into the other.
#[derive(Clone, Debug)]
pub(crate) struct Archivist {
    pub(crate) store: Store,
    pub(crate) artifacts: Artifacts,
}

impl Archivist {
    /// Archives what is due at `now`.
    pub(crate) async fn run(&self, now: Timestamp) -> anyhow::Result<Archived> {
        let mut done = Archived::default();
        let mut after = None;
        loop {
            let accounts = self.store.archivable(after, ACCOUNTS_PER_PAGE, now).await?;
            let Some(last) = accounts.last() else { return Ok(done) };
            after = Some(*last);
            for account_id in accounts {
                let before = done.files.len();
                self.archive_account(account_id, now, &mut done).await?;
                done.accounts += u64::from(done.files.len() > before);
                if done.files.len() >= FILES_PER_RUN {
                    return Ok(done);
                }
            }
        }
    }

    async fn archive_account(&self, account_id: AccountId, now: Timestamp, done: &mut Archived) -> anyhow::Result<()> {
        while done.files.len() < FILES_PER_RUN {
            let Some(plan) = self.store.archive_plan(account_id, ENTRIES_PER_FILE, now).await? else { return Ok(()) };
            let file = self.artifacts.keep_archive(&name(&plan), bytes(&plan)?.into()).await?;
            if !self.store.archive(&plan, &file, now).await? {
                // Another process was faster; the next run sees what it left.
                return Ok(());
            }
            done.entries += plan.rows.len() as u64;
            done.files.push(file);
        }
        Ok(())
    }
}

/// Says whose and which entries; the same plan gets the same name.
fn name(plan: &ArchivePlan) -> String {
    let ArchivePlan { opening, checkpoint, .. } = plan;
    format!("{}/{:012}-{:012}.ndjson", opening.account_id, opening.seq.saturating_add(1), checkpoint.seq)
}

/// A broken chain is not archived: the audit shall find it where it stands.
fn bytes(plan: &ArchivePlan) -> std::io::Result<Vec<u8>> {
    let mut file = ChainWriter::new(Vec::new(), plan.opening)?;
    for row in &plan.rows {
        file.push(row)?;
    }
    Ok(file.finish()?.0)
}
