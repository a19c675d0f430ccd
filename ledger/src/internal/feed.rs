//! The key feed: proxies ask it again and again. And what every change of a key or a plan goes through.

use std::sync::Arc;

use axum::{Json, extract::State};
use ledger_contract::feed::{FollowKeys, KeyChange, KeyNews};

use super::Answered;
use crate::{app::App, problem::Problem, routes::Body};

/// `POST /internal/keys/feed`.
pub(crate) async fn follow(State(app): State<Arc<App>>, Body(asked): Body<FollowKeys>) -> Answered<KeyNews> {
    let news = app.feeds.follow(&asked).await;
    news.map(Json).ok_or_else(|| Problem::Conflict("too many proxies follow this ledger".to_owned()))
}

/// Runs `change` and answers it only when no proxy can act on what was before. In a task of its own: a caller that leaves
/// must not keep a committed change from being announced.
pub(crate) async fn announced<T: Send + 'static>(
    app: &Arc<App>,
    change: impl Future<Output = Result<(T, Option<KeyChange>), Problem>> + Send + 'static,
) -> Result<T, Problem> {
    let feeds = Arc::clone(&app.feeds);
    let changing = tokio::spawn(async move {
        let (answer, change) = change.await?;
        if let Some(change) = change {
            feeds.announce(change).await;
        }
        Ok(answer)
    });
    changing.await.map_err(|error| Problem::Unexpected(format!("a change broke off: {error}")))?
}
