//! `babysea catalog check`: the built-in model files, and a folder's laid over them, read exactly as the proxy reads them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Subcommand;
use serde_json::json;

use crate::answer::{Answer, Failure, Outcome};

/// What can be done with model files.
#[derive(Debug, Subcommand)]
pub enum CatalogCommand {
    /// Validates model files; ends with 1 when one is wrong.
    Check {
        /// Files that override the built-in ones; none: only those.
        folder: Option<PathBuf>,
    },
}

/// Runs it.
pub fn run(command: &CatalogCommand) -> Outcome {
    let CatalogCommand::Check { folder } = command;
    let files = match folder {
        Some(folder) => read(folder).map_err(Failure::Unchecked)?,
        None => Vec::new(),
    };
    Ok(Some(check(&files)))
}

fn check(files: &[(String, String)]) -> Answer {
    match proxy::Catalogue::embedded().and_then(|built_in| built_in.with_overrides(files)) {
        Ok(catalogue) => {
            let models: Vec<&str> = catalogue.models().map(proxy::Model::id).collect();
            let text = format!("{} models are right: {}", models.len(), models.join(", "));
            Answer::verdict(json!({ "valid": true, "models": models, "overrides": files.len() }), text, true)
        }
        Err(error) => {
            let problem = error.to_string();
            Answer::verdict(json!({ "valid": false, "problem": problem }), problem.clone(), false)
        }
    }
}

/// Every `.toml` file of the folder, by name.
fn read(folder: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry.with_context(|| format!("reading {}", folder.display()))?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            files.push((path.file_name().unwrap_or_default().to_string_lossy().into_owned(), text));
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_models_are_right_and_a_broken_one_is_not() {
        assert!(check(&[]).holds);
        assert!(!check(&[("broken.toml".to_owned(), "this is = = not toml".to_owned())]).holds);
    }
}
