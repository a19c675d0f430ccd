//! Gathers commands as the proxy's client does: while calls are in flight, the next ones gather.

use std::sync::Arc;

use ledger_contract::{
    command::{Answer, Command},
    wire::{self, AnswerBatch, CommandBatch},
};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::process::TOKEN;

/// As the proxy's.
const MAX_GROUPS: usize = 256;
const IN_FLIGHT: usize = 2;

#[derive(Clone)]
pub struct Client {
    queue: mpsc::Sender<(Command, oneshot::Sender<Answer>)>,
}

impl Client {
    pub fn new(url: &str) -> Self {
        let (queue, mut waiting) = mpsc::channel::<(Command, oneshot::Sender<Answer>)>(4_096);
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{url}{}", wire::COMMANDS);
        tokio::spawn(async move {
            let permits = Arc::new(Semaphore::new(IN_FLIGHT));
            loop {
                let permit = Arc::clone(&permits).acquire_owned().await.unwrap();
                let mut groups = Vec::new();
                if waiting.recv_many(&mut groups, MAX_GROUPS).await == 0 {
                    return;
                }
                let (http, url) = (http.clone(), url.clone());
                tokio::spawn(async move {
                    send(&http, &url, groups).await;
                    drop(permit);
                });
            }
        });
        Self { queue }
    }

    pub async fn ask(&self, command: Command) -> Answer {
        let (reply, answer) = oneshot::channel();
        self.queue.send((command, reply)).await.unwrap();
        answer.await.expect("the ledger answers")
    }
}

async fn send(http: &reqwest::Client, url: &str, groups: Vec<(Command, oneshot::Sender<Answer>)>) {
    let (commands, replies): (Vec<Command>, Vec<_>) = groups.into_iter().unzip();
    let body = serde_json::to_vec(&CommandBatch { commands }).unwrap();
    let response = http.post(url).bearer_auth(TOKEN).header("content-type", "application/json").body(body).send();
    let response = response.await.unwrap();
    let (status, bytes) = (response.status(), response.bytes().await.unwrap());
    assert!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&bytes));
    let batch: AnswerBatch = serde_json::from_slice(&bytes).unwrap();
    for (reply, answer) in replies.into_iter().zip(batch.answers) {
        let _ = reply.send(answer);
    }
}
