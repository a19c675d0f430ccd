//! Steps 1 to 9: who may come in. The first failing step answers; nothing here has a side effect except counters.

use std::net::{IpAddr, Ipv4Addr};

use ledger_contract::{ErrorCode, PublicError};
use pingora::{Result, proxy::Session};

use super::{Next, Shell, Visit, write};
use crate::{
    address,
    answer::Reply,
    files::{self, Served},
    identify::{Arrival, KeyRecord, Refused, read_bearer},
    limits::Rate,
    routes::{self, Found, Route},
};

impl Shell {
    /// The whole way of a request up to its answer, or up to the forwarding of a read.
    pub(super) async fn admit(&self, session: &mut Session, visit: &mut Visit) -> Result<Next> {
        visit.place = Some(self.drain.enter());
        if is_preflight(session) {
            visit.label = "preflight";
            write::preflight(session, visit).await?;
            return Ok(Next::Written);
        }
        if self.drain.is_draining() {
            return Ok(Next::Answer(Reply::refuse(ErrorCode::ShuttingDown, "This instance is shutting down")));
        }
        let path = session.req_header().uri.path().to_owned();
        let method = session.req_header().method.clone();
        match routes::find(method.as_str(), &path) {
            Found::Nothing => Ok(Next::Answer(Reply::refuse(ErrorCode::RouteNotFound, "No such route"))),
            Found::WrongMethod(allowed) => Ok(Next::Answer(wrong_method(allowed))),
            Found::Callback(provider, token) => self.callback(session, visit, &provider, &token).await,
            Found::File(key) => self.file(session, visit, &key).await,
            Found::Route(route, parameter) => {
                (visit.route, visit.label, visit.parameter) = (Some(route), route.template, parameter.into_owned());
                match self.authorize(session, visit, route).await {
                    Ok(()) => Ok(self.handle(session, visit, route).await),
                    Err(reply) => Ok(Next::Answer(reply)),
                }
            }
        }
    }

    async fn file(&self, session: &mut Session, visit: &mut Visit, key: &str) -> Result<Next> {
        visit.label = "/files/{key}";
        Ok(match files::serve(&self.engine.artifacts, session, key, &visit.request_id).await? {
            Served::Written => Next::Written,
            Served::Instead(reply) => Next::Answer(reply),
        })
    }

    /// Steps 3 to 9.
    async fn authorize(&self, session: &Session, visit: &mut Visit, route: &'static Route) -> Result<(), Reply> {
        let client = self.client(session);
        let arrival = Arrival { client, now: visit.now };
        let header = session.req_header().headers.get_all("authorization");
        let bearer = read_bearer(header.iter().map(http::HeaderValue::as_bytes));
        let key = self.identifier.identify(&bearer, arrival).await.map_err(|refused| unidentified(&refused, visit))?;
        visit.client = Some(client);
        let checked = self.check(&key, arrival, visit, route).await;
        visit.key = Some(key);
        checked
    }

    /// Steps 6 to 9: allowlist, account, scope, rate.
    async fn check(
        &self,
        key: &KeyRecord,
        arrival: Arrival,
        visit: &mut Visit,
        route: &'static Route,
    ) -> Result<(), Reply> {
        let (account_id, now_ns) = (key.key.account_id, arrival.now_ns());
        let rate = key.plan.map(|plan| Rate::per_minute(route.class.per_minute(plan)));
        let refused = if !key.allowlist.allows(arrival.client) {
            Some(Reply::refuse(ErrorCode::IpNotAllowed, "This key may not be used from this address"))
        } else if rate.is_none() {
            Some(Reply::refuse(ErrorCode::AccountNotFound, "The account of this key is gone"))
        } else if !key.key.scopes.contains(&route.scope) {
            Some(missing_scope(route))
        } else {
            None
        };
        match (refused, rate) {
            (None, Some(rate)) => {
                let decision = self.limits.draw(account_id, route.class, rate, now_ns).await;
                visit.rate = Some(decision.headers);
                if decision.store.is_some() { Ok(()) } else { Err(limited(ErrorCode::RateLimitExceeded, decision)) }
            }
            (Some(reply), Some(rate)) => {
                // What is refused before step 9 draws nothing and carries the current values.
                visit.rate = Some(self.limits.peek(account_id, route.class, rate, now_ns).await);
                Err(reply)
            }
            (Some(reply), None) => Err(reply),
            (None, None) => Err(Reply::internal_error()),
        }
    }

    fn client(&self, session: &Session) -> IpAddr {
        let peer = session.as_ref().client_addr().and_then(|address| address.as_inet()).map(std::net::SocketAddr::ip);
        let values = session.req_header().headers.get_all("x-forwarded-for");
        let values: Vec<&str> = values.iter().filter_map(|value| value.to_str().ok()).collect();
        address::client(peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), values.into_iter(), &self.trusted_proxies)
    }
}

fn is_preflight(session: &Session) -> bool {
    let request = session.req_header();
    let has = |name: &str| request.headers.contains_key(name);
    request.method == http::Method::OPTIONS && has("origin") && has("access-control-request-method")
}

fn wrong_method(allowed: Vec<&'static str>) -> Reply {
    let error = PublicError::new(ErrorCode::MethodNotAllowed, "This route does not offer this method");
    Reply::failure(error.with_detail("allowed", allowed))
}

fn missing_scope(route: &Route) -> Reply {
    let error =
        PublicError::new(ErrorCode::InsufficientPermissions, format!("This key lacks the scope {}", route.scope));
    Reply::failure(error.with_detail("required_scope", route.scope.as_str()))
}

fn limited(code: ErrorCode, decision: crate::limits::Decision) -> Reply {
    let error = PublicError::new(code, "Too many requests; wait as long as Retry-After says")
        .with_detail("retry_after_seconds", decision.retry_after_s)
        .with_detail("limit", decision.headers.limit);
    Reply::failure(error).retry_after(decision.retry_after_s)
}

fn unidentified(refused: &Refused, visit: &mut Visit) -> Reply {
    match refused {
        Refused::Missing => Reply::refuse(ErrorCode::AuthenticationRequired, "Send an API key as a bearer token"),
        Refused::Invalid => Reply::refuse(ErrorCode::AuthenticationFailed, "This API key is not valid"),
        Refused::LedgerAway => Reply::ledger_unavailable(),
        Refused::Busy => Reply::internal_error(),
        Refused::Limited(decision) => {
            visit.rate = Some(decision.headers);
            limited(ErrorCode::AuthRateLimited, *decision)
        }
    }
}
