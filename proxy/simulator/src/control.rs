//! The control routes: what tests and operators turn and look at. They are ours, not any provider's.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::behavior::{Change, Knobs};
use crate::provider::Provider;
use crate::world::World;

/// The routes of `/_sim`.
pub fn router(world: Arc<World>) -> Router {
    Router::new()
        .route("/_sim/providers", get(providers))
        .route("/_sim/providers/{provider}", put(turn).get(provider))
        .route("/_sim/submissions", get(submissions))
        .route("/_sim", delete(reset))
        .fallback(|| async { problem(StatusCode::NOT_FOUND, "no such control route") })
        .with_state(world)
}

async fn providers(State(world): State<Arc<World>>) -> Response {
    Json(listed(&world)).into_response()
}

async fn provider(State(world): State<Arc<World>>, Path(id): Path<String>) -> Response {
    match Provider::from_id(&id) {
        Some(provider) => Json(entry(&world, provider)).into_response(),
        None => unknown(&id),
    }
}

async fn turn(State(world): State<Arc<World>>, Path(id): Path<String>, body: Bytes) -> Response {
    let Some(provider) = Provider::from_id(&id) else { return unknown(&id) };
    // Through an object, since a struct would also be read from an array.
    let object = serde_json::from_slice::<Map<String, Value>>(&body);
    let change: Change = match object.and_then(|object| serde_json::from_value(Value::Object(object))) {
        Ok(change) => change,
        Err(error) => return problem(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    if let Some(text) = change.problem() {
        return problem(StatusCode::BAD_REQUEST, &text);
    }
    let open = match world.knobs(provider) {
        Some(mut knobs) => {
            knobs.turn(&change);
            !knobs.refuses_connections()
        }
        None => true,
    };
    set_open(&world, provider, open).await;
    Json(entry(&world, provider)).into_response()
}

#[derive(Deserialize)]
struct Filter {
    provider: Option<String>,
}

async fn submissions(State(world): State<Arc<World>>, Query(filter): Query<Filter>) -> Response {
    let provider = match filter.provider.as_deref().map(|id| Provider::from_id(id).ok_or(id)) {
        None => None,
        Some(Ok(provider)) => Some(provider),
        Some(Err(id)) => return unknown(id),
    };
    Json(world.submissions.list(provider)).into_response()
}

async fn reset(State(world): State<Arc<World>>) -> Response {
    for provider in Provider::ALL {
        if let Some(mut knobs) = world.knobs(provider) {
            *knobs = Knobs::new(provider, world.realistic);
        }
        set_open(&world, provider, true).await;
    }
    match world.submissions.forget() {
        Ok(()) => Json(listed(&world)).into_response(),
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

async fn set_open(world: &World, provider: Provider, open: bool) {
    if let Some(door) = world.doors.get(&provider) {
        door.set_open(open).await;
    }
}

fn listed(world: &World) -> Value {
    let entries = Provider::ALL.into_iter().map(|provider| (provider.id().to_owned(), entry(world, provider)));
    Value::Object(entries.collect::<Map<_, _>>())
}

fn entry(world: &World, provider: Provider) -> Value {
    let settings = world.knobs(provider).map(|knobs| knobs.settings().clone());
    let mut entry = serde_json::to_value(settings).unwrap_or_default();
    if let (Value::Object(fields), Some(origin)) = (&mut entry, world.origins.get(&provider)) {
        fields.insert("base_url".to_owned(), format!("{origin}{}", provider.base_path()).into());
    }
    entry
}

fn unknown(id: &str) -> Response {
    problem(StatusCode::NOT_FOUND, &format!("no provider is called {id:?}"))
}

fn problem(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({ "error": text }))).into_response()
}
