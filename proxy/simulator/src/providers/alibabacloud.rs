//! Alibaba Cloud Model Studio, `DashScope` (`providers.md` §7): qwen-image synchronously, wan and the older image path
//! as tasks, which are forgotten after a day. Only a pending task can be cancelled; tasks over `max_active` stay pending.

mod models;
mod tasks;
mod words;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Reading, answer, held, judged};
use crate::files;
use crate::inbound::Inbound;
use crate::spoil;
use crate::world::{Desk, Refusal};
use models::Input;
use words::refuse;

/// The provider's paths.
pub fn routes() -> Router<Desk> {
    Router::new()
        .route("/api/v1/services/aigc/multimodal-generation/generation", post(multimodal))
        .route("/api/v1/services/aigc/text2image/image-synthesis", post(tasks::submit))
        .route("/api/v1/services/aigc/video-generation/video-synthesis", post(tasks::submit))
        .route("/api/v1/services/aigc/image2video/video-synthesis", post(tasks::submit))
        .route("/api/v1/tasks/", get(tasks::list))
        .route("/api/v1/tasks/{id}", get(tasks::poll))
        .route("/api/v1/tasks/{id}/cancel", post(tasks::cancel))
        .fallback(|| async { refuse(&Refusal::NoSuchModel) })
}

fn has_key(inbound: &Inbound) -> bool {
    inbound.has_key(&["Bearer"])
}

async fn multimodal(State(desk): State<Desk>, request: Request) -> Response {
    let inbound = Inbound::read(request).await;
    call(&desk, &inbound).await.unwrap_or_else(|refusal| refuse(&refusal))
}

async fn call(desk: &Desk, inbound: &Inbound) -> Result<Response, Refusal> {
    let input = inbound.object().map(Input);
    let name = input.as_ref().map(Input::model).unwrap_or_default().to_owned();
    let ticket = desk.admit(inbound, &name, has_key(inbound)).await?;
    let input = input.ok_or(Refusal::Unreadable)?;
    if !models::is_multimodal(&name) {
        return Err(Refusal::NoSuchModel);
    }
    let problems = judged(&ticket, input.message_problems(), "input.messages");
    let open = held::hold(desk, &ticket, &name, problems).await?;
    let reading = Reading {
        id: format!("img-{}", Uuid::new_v4().simple()),
        model: &name,
        prompt: input.message_text(),
        seed: input.parameter("seed").and_then(Value::as_u64),
        wanted: input.image(),
        input: Value::Object(input.0.clone()),
    };
    let answered = match held::keep(desk, &ticket, reading) {
        Ok(job) => {
            let content: Vec<Value> = files::urls(desk, &job)
                .into_iter()
                .map(|url| json!({ "image": words::expiring(&url, &job) }))
                .collect();
            let (count, art) = (content.len(), job.artworks.first());
            let message = json!({ "role": "assistant", "content": content });
            let body = json!({
                "output": { "choices": [{ "finish_reason": "stop", "message": message }],
                    "task_metric": { "TOTAL": count, "SUCCEEDED": count, "FAILED": 0 } },
                "usage": { "width": art.map(|art| art.width), "height": art.map(|art| art.height), "image_count": count },
                "request_id": Uuid::new_v4().to_string(),
            });
            Ok(spoil::sent(inbound, ticket.draw.fault, answer(200, &body)).await)
        }
        Err(refusal) => Err(refusal),
    };
    open.answered();
    answered
}
