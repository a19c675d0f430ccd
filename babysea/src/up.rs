//! `babysea up`: all roles in one process, talking over the same internal HTTP contract as when they run apart. The data
//! folder belongs to one such process at a time.

pub mod announce;
pub mod first_start;
pub mod folder;
pub mod ports;
pub mod settings;
pub mod signals;
pub mod stack;

use prometheus::Registry;
use tokio_util::sync::CancellationToken;

use crate::{answer::Outcome, config::Places};
use announce::Announcement;
use folder::Folder;
use settings::Settings;
use stack::Stack;

/// Runs everything until it is told to stop.
pub fn run(places: &Places, json: bool) -> Outcome {
    let mut settings = Settings::load(places)?;
    let folder = Folder::claim(&places.data_dir)?;
    ports::check(&settings)?;
    settings.set_token(folder.ledger_token(places)?);

    let registry = Registry::new();
    let stop = CancellationToken::new();
    let signals = signals::listen(stop.clone())?;
    let stack = Stack::start(places, &mut settings, &registry, stop.clone())?;
    let announcement = Announcement::new(places, &settings, json);
    announcement.when_ready(stack.handle(), stop.clone());

    // Pingora makes its own runtimes and blocks: the main thread is its.
    let served = proxy::run(settings.proxy, registry, stack.proxy_stop(stop.clone()));
    stop.cancel();
    let ended = stack.end();
    drop((signals, folder));
    served?;
    ended?;
    Ok(None)
}
