//! What a customer, and the simulator's operator, ask of a stack.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::stack::{Stack, eventually};

/// An answer of the public API.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Reply {
    pub fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    pub fn data(&self) -> &Value {
        assert!(self.status.is_success(), "{self:?}");
        &self.body["data"]
    }

    pub fn generation_id(&self) -> String {
        self.data()["generation_id"].as_str().unwrap().to_owned()
    }
}

impl Stack {
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http().request(method, format!("{}{path}", self.base))
    }

    /// Sends a request as it is.
    pub async fn send(&self, request: RequestBuilder) -> Reply {
        Self::read(request.send().await.unwrap()).await
    }

    async fn read(response: reqwest::Response) -> Reply {
        let (status, headers) = (response.status(), response.headers().clone());
        Reply { status, headers, body: response.json().await.unwrap() }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path).bearer_auth(&self.key)).await
    }

    /// An answer, or nothing when the stack is gone.
    pub async fn try_create(&self, route: &str, body: Value) -> Option<Reply> {
        let request = self.request(Method::POST, &format!("/v1/generate/{route}")).bearer_auth(&self.key).json(&body);
        let response = request.send().await.ok()?;
        let (status, headers) = (response.status(), response.headers().clone());
        Some(Reply { status, headers, body: response.json().await.ok()? })
    }

    pub async fn create(&self, route: &str, body: Value) -> Reply {
        self.try_create(route, body).await.unwrap()
    }

    /// An image by these providers.
    pub async fn image(&self, order: &str) -> Reply {
        let body = json!({ "generation_prompt": "a seal", "generation_provider_order": order });
        self.create("image/bfl/flux-schnell", body).await
    }

    pub async fn generation(&self, id: &str) -> Value {
        self.get(&format!("/v1/content/{id}")).await.data().clone()
    }

    /// The record once it is terminal.
    pub async fn ended(&self, id: &str) -> Value {
        eventually(&format!("the end of {id}"), Duration::from_secs(90), async || {
            let record = self.generation(id).await;
            is_terminal(&record).then_some(record)
        })
        .await
    }

    /// All records once all are terminal.
    pub async fn all_ended(&self) -> Vec<Value> {
        eventually("the end of every generation", Duration::from_secs(100), async || {
            let reply = self.get("/v1/content/list?limit=100").await;
            let records = reply.data()["generations"].as_array().unwrap().clone();
            records.iter().all(is_terminal).then_some(records)
        })
        .await
    }

    /// A file, without a key.
    pub async fn download(&self, url: &str) -> (reqwest::header::HeaderMap, Vec<u8>) {
        let response = self.http().get(url).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let headers = response.headers().clone();
        (headers, response.bytes().await.unwrap().to_vec())
    }

    /// Changes how a simulated provider behaves.
    pub async fn provider(&self, provider: &str, settings: Value) {
        let url = format!("{}/_sim/providers/{provider}", self.simulator);
        let response = self.http().put(url).json(&settings).send().await.unwrap();
        assert!(response.status().is_success(), "{settings}: {:?}", response.text().await);
    }

    /// What a simulated provider was sent.
    pub async fn submissions(&self, provider: &str) -> Vec<Value> {
        let url = format!("{}/_sim/submissions?provider={provider}", self.simulator);
        self.http().get(url).send().await.unwrap().json().await.unwrap()
    }

    /// `(submissions, used, failed)` of a provider in the account's usage.
    pub async fn attempts(&self, provider: &str) -> (u64, u64, u64) {
        let usage = self.get("/v1/usage").await;
        let rows = usage.data()["usage_providers"].as_array().unwrap().clone();
        let row = rows.into_iter().find(|row| row["provider"] == provider).unwrap_or_default();
        let count = |name: &str| row[name].as_u64().unwrap_or_default();
        (count("total_submissions"), count("used_count"), count("failed_count"))
    }
}

pub fn is_terminal(record: &Value) -> bool {
    matches!(record["generation_status"].as_str(), Some("succeeded" | "failed" | "canceled"))
}
