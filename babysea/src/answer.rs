//! What a command prints and how it ends: 0 done, 1 failed, 2 bad usage, 3 could not check. Nothing else writes to stdout
//! or stderr, except `up` and the roles while they run, and progress bars.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use serde_json::{Value, json};

/// A command's result in both faces.
#[derive(Debug)]
pub struct Answer {
    /// Printed with `--json`.
    pub json: Value,
    /// Printed without it; empty prints nothing.
    pub text: String,
    /// Whether what was asked holds: `false` ends with 1 although the command did its work.
    pub holds: bool,
}

impl Answer {
    /// A result that needs no judgement.
    pub fn done(json: Value, text: impl Into<String>) -> Self {
        Self { json, text: text.into(), holds: true }
    }

    /// A check's verdict.
    pub fn verdict(json: Value, text: impl Into<String>, holds: bool) -> Self {
        Self { json, text: text.into(), holds }
    }
}

/// Why a command has no result.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It was tried and did not work.
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
    /// It was asked for in a way that cannot work.
    #[error("{0}")]
    Usage(String),
    /// What should be checked could not be reached or read.
    #[error("could not check: {0:#}")]
    Unchecked(anyhow::Error),
}

impl Failure {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Unchecked(_) => 3,
        }
    }
}

/// What every command returns; `None` when it has printed for itself.
pub type Outcome = Result<Option<Answer>, Failure>;

/// Prints an outcome and gives its exit code.
pub fn print(as_json: bool, outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some(Answer { json, text, holds })) => {
            if as_json {
                say(&json.to_string());
            } else if !text.is_empty() {
                say(&text);
            }
            ExitCode::from(u8::from(!holds))
        }
        Err(failure) => {
            if as_json {
                say(&json!({ "error": failure.to_string() }).to_string());
            }
            complain(&format!("babysea: {failure}"));
            ExitCode::from(failure.exit_code())
        }
    }
}

/// One or more lines on stdout. A reader that went away is not our failure.
pub fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// One or more lines on stderr.
pub fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
