//! Three providers on one loopback port, in their own wire formats as far as these tests need them: replicate and bfl
//! (polled), cloudflare (synchronous).

use std::{
    collections::HashMap,
    io::Cursor,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ledger_contract::Provider;
use serde_json::{Value, json};

/// How a provider behaves from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Accepts, finishes, delivers a picture.
    Works,
    /// Answers a submission with this status.
    Status(u16),
    /// Never answers a submission.
    Hangs,
    /// Answers a submission after this long, in milliseconds.
    Slow(u64),
    /// Accepts, then fails.
    Fails,
    /// Accepts and runs for ever.
    NeverEnds,
    /// Accepts, and delivers what is no picture.
    Garbage,
}

#[derive(Default)]
struct Props {
    address: String,
    behaviours: HashMap<Provider, Behaviour>,
    submissions: Vec<Provider>,
    bodies: Vec<Vec<u8>>,
    cancels: Vec<String>,
    polls: usize,
}

/// The providers, shared with the test.
#[derive(Clone, Default)]
pub struct Stage(Arc<Mutex<Props>>);

impl Stage {
    /// From now on this provider behaves like this.
    pub fn set(&self, provider: Provider, behaviour: Behaviour) {
        self.0.lock().unwrap().behaviours.insert(provider, behaviour);
    }

    /// Who was asked, in order.
    pub fn submissions(&self) -> Vec<Provider> {
        self.0.lock().unwrap().submissions.clone()
    }

    /// What the last submission to bfl or cloudflare carried.
    pub fn last_body(&self) -> Vec<u8> {
        self.0.lock().unwrap().bodies.last().cloned().unwrap_or_default()
    }

    fn received(&self, body: &[u8]) {
        self.0.lock().unwrap().bodies.push(body.to_vec());
    }

    /// How often bfl was asked for a job.
    pub fn polls(&self) -> usize {
        self.0.lock().unwrap().polls
    }

    /// Jobs that were cancelled.
    pub fn cancels(&self) -> Vec<String> {
        self.0.lock().unwrap().cancels.clone()
    }

    /// Where everything is served, `http://…`.
    pub fn address(&self) -> String {
        self.0.lock().unwrap().address.clone()
    }

    /// Says where everything is served.
    pub fn set_address(&self, address: String) {
        self.0.lock().unwrap().address = address;
    }

    fn behaviour(&self, provider: Provider) -> Behaviour {
        self.0.lock().unwrap().behaviours.get(&provider).copied().unwrap_or(Behaviour::Works)
    }

    /// Plays the part of the behaviour that comes before acceptance.
    async fn submitted(&self, provider: Provider) -> Result<(), StatusCode> {
        self.0.lock().unwrap().submissions.push(provider);
        match self.behaviour(provider) {
            Behaviour::Status(status) => Err(StatusCode::from_u16(status).unwrap()),
            Behaviour::Hangs => std::future::pending().await,
            Behaviour::Slow(ms) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn output(&self, provider: Provider) -> String {
        let file = if self.behaviour(provider) == Behaviour::Garbage { "garbage" } else { "picture" };
        format!("{}/{file}", self.address())
    }
}

/// All of them.
pub fn routes(stage: Stage) -> Router {
    Router::new()
        .route("/replicate/models/{owner}/{name}/predictions", post(replicate_submit))
        .route("/replicate/predictions/{id}", get(replicate_poll))
        .route("/replicate/predictions/{id}/cancel", post(replicate_cancel))
        .route("/bfl/v1/{model}", post(bfl_submit))
        .route("/bfl-task", get(bfl_poll))
        .route("/cloudflare/accounts/{account}/ai/run/{*model}", post(cloudflare_run))
        .route("/picture", get(async || picture(8, 4)))
        .route("/wide-picture", get(async || picture(8_200, 64)))
        .route("/heavy-picture", get(async || vec![0_u8; 11 << 20]))
        .route("/large-picture", get(async || picture(512, 512)))
        .route("/half-picture", get(async || picture(512, 512)[..200].to_vec()))
        .route("/garbage", get(async || "<html>gone</html>"))
        .with_state(stage)
}

async fn replicate_submit(State(stage): State<Stage>) -> Result<Response, StatusCode> {
    stage.submitted(Provider::Replicate).await?;
    let get = format!("{}/replicate/predictions/r1", stage.address());
    let body = json!({"id": "r1", "status": "starting", "urls": {"get": get, "cancel": format!("{get}/cancel")}});
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

async fn replicate_poll(State(stage): State<Stage>) -> Json<Value> {
    Json(match stage.behaviour(Provider::Replicate) {
        Behaviour::NeverEnds => json!({"id": "r1", "status": "processing"}),
        Behaviour::Fails => json!({"id": "r1", "status": "failed", "error": "E1000"}),
        _ => json!({"id": "r1", "status": "succeeded", "output": stage.output(Provider::Replicate),
                    "metrics": {"predict_time": 1.5}}),
    })
}

async fn replicate_cancel(State(stage): State<Stage>, Path(id): Path<String>) -> Json<Value> {
    stage.0.lock().unwrap().cancels.push(id);
    Json(json!({"id": "r1", "status": "canceled"}))
}

async fn bfl_submit(State(stage): State<Stage>, body: Bytes) -> Result<Json<Value>, StatusCode> {
    stage.received(&body);
    stage.submitted(Provider::Bfl).await?;
    Ok(Json(json!({"id": "b1", "polling_url": format!("{}/bfl-task?id=b1", stage.address())})))
}

async fn bfl_poll(State(stage): State<Stage>) -> Json<Value> {
    stage.0.lock().unwrap().polls += 1;
    Json(match stage.behaviour(Provider::Bfl) {
        Behaviour::NeverEnds => json!({"id": "b1", "status": "Pending"}),
        Behaviour::Fails => json!({"id": "b1", "status": "Error"}),
        _ => json!({"id": "b1", "status": "Ready", "result": {"sample": stage.output(Provider::Bfl)}}),
    })
}

async fn cloudflare_run(State(stage): State<Stage>, body: Bytes) -> Result<Json<Value>, StatusCode> {
    stage.received(&body);
    stage.submitted(Provider::Cloudflare).await?;
    Ok(Json(
        json!({"result": {"image": STANDARD.encode(picture(8, 4))}, "success": true, "errors": [], "messages": []}),
    ))
}

/// A PNG of this size.
pub fn picture(width: u32, height: u32) -> Vec<u8> {
    let mut png = Cursor::new(Vec::new());
    image::RgbImage::from_fn(width, height, |x, y| image::Rgb([(x % 251) as u8, (y % 241) as u8, 7]))
        .write_to(&mut png, image::ImageFormat::Png)
        .unwrap();
    png.into_inner()
}
