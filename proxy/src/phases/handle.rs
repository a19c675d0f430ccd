//! Steps 10 and on: each kind of route to who answers it.

use std::{borrow::Cow, future::Future, sync::Arc, time::Duration};

use ledger_contract::{GenerationId, MediaKind, Provider};
use pingora::proxy::Session;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::{Next, Shell, Visit, events, intake};
use crate::{
    answer::Reply,
    engine::{self, CreateRequest},
    estimate, health, library,
    routes::{self, Kind, Route},
    wait::{self, Question},
};

/// Budget of every route but create (api contract §1.4).
const ROUTE_LIMIT: Duration = Duration::from_secs(5);
/// Create's own budget ends earlier; this is for the case that it does not.
const CREATE_LIMIT: Duration = Duration::from_secs(28);

impl Shell {
    pub(super) async fn handle(&self, session: &mut Session, visit: &Visit, route: &'static Route) -> Next {
        let catalogue = &self.engine.catalogue;
        let is_configured = |provider: Provider| self.engine.endpoints.get(provider).is_some();
        Next::Answer(match route.kind {
            Kind::Read => return self.read(session, visit, route).await,
            Kind::Events => return self.events(session, visit).await,
            Kind::Estimate => self.estimate(session, visit).await,
            Kind::Create(kind) => self.create(session, visit, kind).await,
            Kind::Cancel | Kind::Delete => self.end(visit, route.kind).await,
            Kind::HealthProviders => health::providers(&self.engine.breakers),
            Kind::HealthModels => health::models(catalogue, &self.engine.breakers, is_configured),
            Kind::HealthStorage => health::storage(&self.engine.artifacts, &self.artifacts_url).await,
            Kind::HealthCache => health::cache(self.redis_url.as_deref()).await,
            Kind::LibraryProviders => library::providers(catalogue, is_configured),
            Kind::LibraryModels => library::models(catalogue),
        })
    }

    async fn estimate(&self, session: &Session, visit: &Visit) -> Reply {
        let Some(caller) = visit.caller() else { return Reply::internal_error() };
        let engine = Arc::clone(&self.engine);
        let (model, query) = (visit.parameter.clone(), session.req_header().uri.query().map(str::to_owned));
        self.on_work(ROUTE_LIMIT, async move {
            estimate::answer(&engine.catalogue, &engine.ledger, caller.account_id, &model, query.as_deref()).await
        })
        .await
    }

    async fn create(&self, session: &mut Session, visit: &Visit, route_kind: MediaKind) -> Reply {
        let intake = match intake::take_in(session).await {
            Ok(intake) => intake,
            Err(reply) => return reply,
        };
        let (Some(caller), Some(plan)) = (visit.caller(), visit.key.as_ref().and_then(|key| key.plan)) else {
            return Reply::internal_error();
        };
        let prefer = session.req_header().headers.get_all("prefer");
        let request = CreateRequest {
            caller,
            plan,
            request_id: visit.request_id.clone(),
            route_kind,
            route_path: visit.path().into_owned(),
            model: visit.parameter.clone(),
            body: intake.body,
            idempotency_key: intake.idempotency_key,
            prefer_wait: wait::read_prefer(prefer.iter().map(http::HeaderValue::as_bytes)),
            received_at: visit.started,
        };
        let engine = Arc::clone(&self.engine);
        self.on_work(CREATE_LIMIT, async move { engine::create(&engine, request).await }).await
    }

    async fn end(&self, visit: &Visit, kind: Kind) -> Reply {
        let Some(caller) = visit.caller() else { return Reply::internal_error() };
        let (engine, id) = (Arc::clone(&self.engine), visit.parameter.clone());
        self.on_work(ROUTE_LIMIT, async move {
            match kind {
                Kind::Delete => engine::delete(&engine, caller, &id).await,
                _ => engine::cancel(&engine, caller, &id).await,
            }
        })
        .await
    }

    /// A record that is to be waited for is forwarded once it is terminal, or the wait is over.
    async fn read(&self, session: &Session, visit: &Visit, route: &Route) -> Next {
        if !route.template.contains("{generation_id}") {
            return Next::Forward;
        }
        let Some(question) = question(visit) else { return Next::Answer(Reply::generation_not_found()) };
        match wait::read_query(session.req_header().uri.query()) {
            Err(reply) => return Next::Answer(reply),
            Ok(None) => {}
            Ok(Some(wanted)) => {
                let (engine, until) = (Arc::clone(&self.engine), question.until(wanted));
                let waiting = async move { wait::until_terminal(&engine, &question, until).await };
                // However it ends, the ledger is asked what to answer.
                let _ = self.work.spawn(waiting).await;
            }
        }
        Next::Forward
    }

    async fn events(&self, session: &mut Session, visit: &Visit) -> Next {
        let Some(question) = question(visit) else { return Next::Answer(Reply::generation_not_found()) };
        let Some(waiter) = self.engine.hub.enter(question.caller.account_id, question.generation_id) else {
            return Next::Answer(events::too_many());
        };
        let (engine, asked) = (Arc::clone(&self.engine), question.clone());
        let reading = self.work.spawn(async move { wait::current(&engine, &asked).await });
        let record = match timeout(ROUTE_LIMIT, reading).await {
            Ok(Ok(Ok(record))) => record,
            Ok(Ok(Err(reply))) => return Next::Answer(reply),
            Ok(Err(_)) | Err(_) => return Next::Answer(Reply::internal_error()),
        };
        let (sender, events) = mpsc::channel(events::WAITING);
        let said = self.work.spawn(wait::stream(Arc::clone(&self.engine), question, waiter, record, sender));
        if let Err(error) = events::write(session, visit, events).await {
            tracing::debug!(request_id = visit.request_id, %error, "an event stream was left");
            said.abort();
            session.set_keepalive(None);
        }
        Next::Written
    }

    /// Runs on the engine's runtime, whether or not this request waits for it to the end.
    async fn on_work(&self, limit: Duration, work: impl Future<Output = Reply> + Send + 'static) -> Reply {
        match timeout(limit, self.work.spawn(work)).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(error)) => {
                tracing::error!(%error, "a request's work ended without an answer");
                Reply::internal_error()
            }
            Err(_) => Reply::internal_error(),
        }
    }
}

/// A generation id that is not a UUID is unknown like any other, and not worth a question.
fn question(visit: &Visit) -> Option<Question> {
    Some(Question {
        caller: visit.caller()?,
        generation_id: generation_id(&visit.parameter)?,
        request_id: visit.request_id.clone(),
        received_at: Instant::from_std(visit.started),
    })
}

/// The one spelling that the API itself uses; others of the UUID grammar name nothing.
fn generation_id(text: &str) -> Option<GenerationId> {
    text.parse().ok().filter(|_| text.len() == 36)
}

impl Visit {
    /// The route's template with this request's parameter: equal for every spelling of the same path.
    pub(super) fn path(&self) -> Cow<'static, str> {
        let template = self.route.map_or("", |route| route.template);
        match routes::parts(template) {
            Some((literal, _, tail)) => Cow::Owned(format!("{literal}{}{tail}", self.parameter)),
            None => Cow::Borrowed(template),
        }
    }
}
