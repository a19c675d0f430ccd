//! Synchronous calls: the request stays open as long as the job takes, and the files come with the answer.

use crate::behavior::{Behavior, Fault};
use crate::files;
use crate::jobs::{Job, Outcome, Problem};
use crate::media::Artwork;
use crate::paces::{Kind, run_latency_ms};
use crate::world::{Call, Desk, Refusal, Ticket, sleep_until_ms};

use super::{Reading, draft};

/// Holds a call for its time. The caller says [`Call::answered`] once it has its files; a refusal is an answer.
pub async fn hold(desk: &Desk, ticket: &Ticket, pace: &str, problems: Vec<Problem>) -> Result<Call, Refusal> {
    let open = desk.open_call(ticket)?;
    desk.pause(ticket).await;
    let refusal = match ticket.draw.behavior {
        _ if !problems.is_empty() => Refusal::Invalid(problems),
        Behavior::RejectContent => Refusal::Content,
        behavior => {
            run(desk, ticket, pace).await;
            match behavior {
                Behavior::AcceptThenFail => Refusal::Fault,
                _ => return Ok(open),
            }
        }
    };
    open.answered();
    Err(refusal)
}

/// The run itself; never returns for a job that never finishes.
async fn run(desk: &Desk, ticket: &Ticket, pace: &str) {
    if ticket.draw.behavior == Behavior::NeverFinish {
        std::future::pending::<()>().await;
    }
    let paced = || run_latency_ms(pace, Kind::Image, desk.world.realistic, ticket.draw.number);
    let latency_ms = ticket.settings.run_latency_ms.unwrap_or_else(paced) + ticket.settings.submit_latency_ms;
    sleep_until_ms(ticket.now_ms + i64::try_from(latency_ms).unwrap_or(i64::MAX / 2)).await;
}

/// The bytes of the files.
pub async fn bytes(desk: &Desk, ticket: &Ticket, artworks: Vec<Artwork>) -> Result<Vec<Vec<u8>>, Refusal> {
    if ticket.draw.fault == Some(Fault::OutputWrongType) {
        return Ok(artworks.iter().map(|_| files::NO_IMAGE.as_bytes().to_vec()).collect());
    }
    let mut made = Vec::with_capacity(artworks.len());
    for artwork in artworks {
        let bytes = files::render(&desk.world, artwork).await;
        made.push(bytes.map_err(|error| {
            tracing::error!(%error, "making an image");
            Refusal::Fault
        })?);
    }
    Ok(made)
}

/// Keeps the files of an answer that names them by URL.
pub fn keep(desk: &Desk, ticket: &Ticket, reading: Reading<'_>) -> Result<Job, Refusal> {
    let mut draft = draft(desk, ticket, reading);
    (draft.accepted_at_ms, draft.queue_ms, draft.run_ms) = (ticket.now_ms, 0, 0);
    draft.outcome = Outcome::Succeed;
    desk.keep(draft)
}
