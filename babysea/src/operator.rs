//! A client of the ledger's internal API, for operators' commands. Knows paths and types from the contract, and nothing
//! about what they mean.

use std::{fs, time::Duration};

use anyhow::{Context, anyhow};
use ledger_contract::{
    command::{Answer, Ask},
    wire,
};
use reqwest::Method;
use serde::{Serialize, de::DeserializeOwned};

use crate::{answer::Failure, config::Places};

/// An audit reads the whole book; everything else is quick.
const TIMEOUT: Duration = Duration::from_mins(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A running ledger and the right to speak to it.
#[derive(Clone, Debug)]
pub struct Operator {
    client: reqwest::Client,
    base_url: String,
    token: String,
}

/// Why the ledger did not answer what was asked.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// No ledger is known here.
    #[error("{0}")]
    Unknown(String),
    /// Nobody answered.
    #[error("no ledger answers at {url}; is the stack running?")]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// Why not.
        #[source]
        source: reqwest::Error,
    },
    /// It answered, and refused.
    #[error("the ledger refused ({status}): {problem}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Its own words.
        problem: String,
    },
    /// It answered something else.
    #[error("the ledger's answer cannot be read: {0}")]
    Unreadable(String),
}

impl From<OperatorError> for Failure {
    fn from(error: OperatorError) -> Self {
        Self::Failed(error.into())
    }
}

impl Operator {
    /// The ledger named by `BABYSEA_LEDGER_URL`, else the one that runs on the data folder; its token likewise.
    pub fn find(places: &Places) -> Result<Self, OperatorError> {
        let kept = |path| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
        let folder = places.data_dir.display();
        let base_url = places.ledger_url.clone().or_else(|| kept(places.ledger_address_file())).ok_or_else(|| {
            OperatorError::Unknown(format!(
                "no stack runs on {folder}: start it with `babysea up`, or set BABYSEA_LEDGER_URL"
            ))
        })?;
        let token =
            places.ledger_token.clone().or_else(|| kept(places.token_file())).ok_or_else(|| {
                OperatorError::Unknown(format!("no ledger token in {folder}: set BABYSEA_LEDGER_TOKEN"))
            })?;
        Self::new(base_url, token).map_err(|error| OperatorError::Unknown(format!("{error:#}")))
    }

    /// The ledger at an address.
    pub fn new(base_url: impl Into<String>, token: String) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .build()
            .context("building an HTTP client")?;
        Ok(Self { client, base_url: base_url.into().trim_end_matches('/').to_owned(), token })
    }

    /// Where it is.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// One call without a body.
    pub async fn ask<A: DeserializeOwned>(&self, method: Method, path: &str) -> Result<A, OperatorError> {
        self.call(method, path, None::<&()>).await
    }

    /// One call with a body.
    pub async fn tell<A: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<A, OperatorError> {
        self.call(method, path, Some(body)).await
    }

    /// One command, as a batch of its own.
    pub async fn command<C: Ask>(&self, command: C) -> Result<C::Answer, OperatorError> {
        let batch = wire::CommandBatch { commands: vec![command.into_command()] };
        let wire::AnswerBatch { answers } = self.tell(Method::POST, wire::COMMANDS, &batch).await?;
        let [answer]: [Answer; 1] = answers.try_into().map_err(|answers: Vec<Answer>| {
            OperatorError::Unreadable(format!("{} answers to one command", answers.len()))
        })?;
        C::from_answer(answer).ok_or_else(|| OperatorError::Unreadable("the answer to another command".to_owned()))
    }

    async fn call<A: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<A, OperatorError> {
        let unreachable = |source| OperatorError::Unreachable { url: self.base_url.clone(), source };
        let mut request = self.client.request(method, format!("{}{path}", self.base_url)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(unreachable)?;
        if !status.is_success() {
            let problem = serde_json::from_slice::<wire::InternalProblem>(&bytes).map(|problem| problem.error);
            let problem = problem.unwrap_or_else(|_| "no reason given".to_owned());
            return Err(OperatorError::Refused { status: status.as_u16(), problem });
        }
        serde_json::from_slice(&bytes).map_err(|error| OperatorError::Unreadable(error.to_string()))
    }
}

/// A path of the contract with its one placeholder filled.
pub fn path(template: &str, id: impl std::fmt::Display) -> anyhow::Result<String> {
    let (before, rest) = template.split_once('{').ok_or_else(|| anyhow!("{template} has no placeholder"))?;
    let (_, after) = rest.split_once('}').ok_or_else(|| anyhow!("{template} has half a placeholder"))?;
    Ok(format!("{before}{id}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_gets_its_id() {
        assert_eq!(path(wire::KEY_ROTATE, 7).ok().as_deref(), Some("/internal/keys/7/rotate"));
        assert!(path(wire::KEYS, 7).is_err());
    }
}
