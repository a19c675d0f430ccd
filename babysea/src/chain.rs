//! `babysea ledger export` and `ledger verify`: an account's hash chain as a file. Verifying asks nobody.

use std::{
    fs::File,
    io::{BufReader, BufWriter},
    path::Path,
};

use anyhow::{Context, anyhow};
use ledger::chain_file::{self, ChainVerdict, ChainWriter};
use ledger_contract::{
    AccountId,
    wire::{self, ChainEnds, ChainRow},
};
use reqwest::Method;
use serde_json::json;

use crate::{
    answer::{Answer, Failure, Outcome},
    operator::{Operator, path},
};

/// Entries per call.
const PAGE: u64 = 5_000;

/// Writes the whole chain as it stands now; the file appears when it is complete.
pub async fn export(operator: &Operator, account: AccountId, out: &Path) -> Outcome {
    let ChainEnds { opening, head } = operator.ask(Method::GET, &path(wire::CHAIN, account)?).await?;
    let mut partial = out.as_os_str().to_owned();
    partial.push(".partial");
    let partial = Path::new(&partial);
    let writing = || format!("writing {}", partial.display());
    let file = File::create(partial).with_context(writing)?;
    let mut chain = ChainWriter::new(BufWriter::new(file), opening).with_context(writing)?;
    while chain.place().seq < head.seq {
        let page = format!("{}?after={}&limit={PAGE}", path(wire::CHAIN_ENTRIES, account)?, chain.place().seq);
        let rows: Vec<ChainRow> = operator.ask(Method::GET, &page).await?;
        if rows.is_empty() {
            return Err(
                anyhow!("entries after {} are gone: archived meanwhile? run it again", chain.place().seq).into()
            );
        }
        for row in rows.iter().filter(|row| row.seq <= head.seq) {
            chain.push(row).with_context(writing)?;
        }
    }
    let end = chain.place();
    let (file, entries) = chain.finish().with_context(writing)?;
    file.into_inner().map_err(|error| anyhow!("writing: {error}"))?.sync_all().with_context(writing)?;
    std::fs::rename(partial, out).with_context(|| format!("writing {}", out.display()))?;
    let shown = json!({
        "account_id": account, "file": out, "entries": entries, "opening_seq": opening.seq, "seq": end.seq,
        "balance": end.balance.to_json(), "hash": end.hash,
    });
    let text = format!("{entries} entries up to {}, balance {}, hash {}", end.seq, end.balance, end.hash);
    Ok(Some(Answer::done(shown, text)))
}

/// Checks a file.
pub fn verify(file: &Path) -> Outcome {
    let reading = || format!("reading {}", file.display());
    let open = File::open(file).with_context(reading).map_err(Failure::Unchecked)?;
    let verdict = chain_file::verify(BufReader::new(open)).with_context(reading).map_err(Failure::Unchecked)?;
    let ChainVerdict { opening, closing, entries, problems } = &verdict;
    let intact = problems.is_empty();
    let text = match (closing, intact) {
        (Some(end), true) => {
            format!("intact: {entries} entries up to {}, balance {}, hash {}", end.seq, end.balance, end.hash)
        }
        _ => problems.join("\n"),
    };
    let shown = json!({
        "intact": intact, "account_id": opening.map(|place| place.account_id), "entries": entries,
        "opening_seq": opening.map(|place| place.seq), "seq": closing.map(|place| place.seq),
        "balance": closing.map(|place| place.balance.to_json()), "hash": closing.map(|place| place.hash),
        "problems": problems,
    });
    Ok(Some(Answer::verdict(shown, text, intact)))
}
