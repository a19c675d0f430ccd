//! The data folder: made for its owner alone, locked by the operating system for as long as the process lives. There is no
//! pid file, so nothing is left behind by a process that was killed.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use anyhow::{Context, anyhow};
use uuid::Uuid;

use crate::config::Places;

/// A claimed folder; dropping it gives it back.
#[derive(Debug)]
#[must_use]
pub struct Folder {
    _lock: File,
}

impl Folder {
    /// Makes the folder if needed and claims it; says who is in the way in one line.
    pub fn claim(path: &Path) -> anyhow::Result<Self> {
        make(path)?;
        let file = path.join("lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&file);
        let lock = lock.with_context(|| format!("opening {}", file.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(anyhow!(
                "another stack runs on {}; stop it, or set BABYSEA_DATA_DIR to another folder",
                path.display()
            )),
            Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("locking {}", file.display())),
        }
    }

    /// The ledger's token: configured, else kept in the folder, else made now.
    pub fn ledger_token(&self, places: &Places) -> anyhow::Result<String> {
        if let Some(token) = &places.ledger_token {
            write_secret(&places.token_file(), token)?;
            return Ok(token.clone());
        }
        kept_or_new_token(places)
    }
}

/// Makes a folder that only its owner can enter; leaves one that exists as it is.
pub fn make(path: &Path) -> anyhow::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("making the data folder {}", path.display()))
}

/// The token kept in the folder, else a new one.
pub fn kept_or_new_token(places: &Places) -> anyhow::Result<String> {
    let file = places.token_file();
    let kept = fs::read_to_string(&file).map(|text| text.trim().to_owned()).unwrap_or_default();
    if !kept.is_empty() {
        return Ok(kept);
    }
    // Two version 4 ids: 244 random bits from the operating system.
    let token = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    write_secret(&file, &token)?;
    Ok(token)
}

/// Writes a one-line file that only its owner can read, whole or not at all.
pub fn write_secret(path: &Path, line: &str) -> anyhow::Result<()> {
    let partial = path.with_extension("part");
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&partial)?;
        writeln!(file, "{line}")?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    write().with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_is_claimed_once_and_again_after_it_is_given_back() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("deep/data");
        let first = Folder::claim(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let problem = Folder::claim(&path).unwrap_err().to_string();
        assert!(problem.starts_with("another stack runs on "), "{problem}");
        drop(first);
        drop(Folder::claim(&path).unwrap());
    }

    #[test]
    fn a_secret_is_for_its_owner_alone() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("secret");
        write_secret(&file, "s3cret").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "s3cret\n");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
