//! A provider's callback: no key, no account; a token in the path, a bounded body, and what the provider signed (api
//! contract §3, §9).

use std::{sync::Arc, time::Duration};

use pingora::{Result, proxy::Session};
use tokio::time::timeout;

use super::{Next, Shell, Visit, intake};
use crate::{
    answer::Reply,
    callbacks::{self, Received},
};

/// Largest body of a callback, in bytes: a whole prediction with its log.
const BODY_LIMIT: usize = 1 << 20;
/// Fetching a provider's keys included.
const LIMIT: Duration = Duration::from_secs(5);

impl Shell {
    pub(super) async fn callback(
        &self,
        session: &mut Session,
        visit: &mut Visit,
        provider: &str,
        token: &str,
    ) -> Result<Next> {
        visit.label = "/callbacks/{provider}/{token}";
        // Nothing is read for a job that is not ours.
        let Some(job) = self.engine.callbacks.find(provider, token) else {
            return Ok(Next::Answer(callbacks::unknown()));
        };
        let body = match intake::read_body(session, BODY_LIMIT).await {
            Ok(body) => body,
            Err(reply) => return Ok(Next::Answer(reply)),
        };
        let headers = session.req_header().headers.iter();
        let headers = headers.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
        let received = Received { headers: headers.collect(), body };
        let engine = Arc::clone(&self.engine);
        let work = self.work.spawn(async move { callbacks::receive(&engine, job, received).await });
        Ok(Next::Answer(match timeout(LIMIT, work).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(_)) | Err(_) => Reply::internal_error(),
        }))
    }
}
