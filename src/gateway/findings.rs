//! What `openclaw doctor` and `openclaw security audit` find, looked at by the running gateway itself: for its owner's
//! chat, and as numbers for `/metrics`.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use openclaw_plugin_sdk::UnixMs;
use tokio::{
    sync::watch,
    task::{JoinError, spawn_blocking},
    time::{Instant, timeout},
};
use tracing::warn;

use crate::{
    Gateway,
    accounts::overview,
    delivery::assistant,
    doctor::{Context, Found, Report, Seen, Severity, Standing, run_all},
    local_client::{Health, status::Outbox},
    world,
};

/// Reads what the checks look at, but for the gateway itself. Blocks on disk.
pub type Find = Arc<dyn Fn() -> Found + Send + Sync>;

/// Numbers hold so long.
const FRESH: Duration = Duration::from_mins(1);
/// A reader waits so long for newer ones.
const PATIENCE: Duration = Duration::from_millis(500);

/// How many findings there are of each severity.
pub(crate) type Counts = BTreeMap<Severity, usize>;

/// What was found last, and since when it holds.
type Known = Option<(Instant, Counts)>;

/// The checks, and the numbers of their last run.
pub(crate) struct Findings {
    find: Find,
    known: watch::Sender<Known>,
    is_looking: AtomicBool,
}

impl Findings {
    pub(crate) fn new(find: Find) -> Self {
        Self { find, known: watch::Sender::default(), is_looking: AtomicBool::default() }
    }
}

/// Runs all checks, off the runtime.
pub(crate) async fn look(gateway: &Arc<Gateway>) -> Result<Report, JoinError> {
    let here = Arc::clone(gateway);
    let looked = spawn_blocking(move || {
        let standing = Standing::Runs(Box::new(seen(&here)));
        run_all(&Context::with_gateway((here.findings.find)(), standing))
    });
    let report = looked.await?;
    gateway.findings.known.send_replace(Some((Instant::now(), report.counts())));
    Ok(report)
}

/// How many findings there are. After a minute they are counted again, beside whatever asks: who asks waits for that a
/// moment, and else is given the last numbers.
pub(crate) async fn counts(gateway: &Arc<Gateway>) -> Option<Counts> {
    let mut known = gateway.findings.known.subscribe();
    if !is_fresh(&known.borrow_and_update()) {
        renew(gateway);
        let _late = timeout(PATIENCE, known.wait_for(is_fresh)).await;
    }
    known.borrow().as_ref().map(|(_, counts)| counts.clone())
}

fn is_fresh(known: &Known) -> bool {
    known.as_ref().is_some_and(|(at, _)| at.elapsed() < FRESH)
}

fn renew(gateway: &Arc<Gateway>) {
    if gateway.findings.is_looking.swap(true, Ordering::AcqRel) {
        return;
    }
    let here = Arc::clone(gateway);
    gateway.beside(async move {
        if let Err(error) = look(&here).await {
            warn!(%error, "the checks could not be run");
        }
        here.findings.is_looking.store(false, Ordering::Release);
    });
}

/// What the command line would be told through the socket.
fn seen(gateway: &Gateway) -> Seen {
    let (health, channels) = (health(gateway), overview::all(gateway));
    Seen { health, channels, outbox: outbox(gateway) }
}

/// How the gateway is.
pub(crate) fn health(gateway: &Gateway) -> Health {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let unnamed_proxies = gateway.connections.unnamed.told();
    let (pid, assistant) = (std::process::id(), Some(assistant::status(gateway)));
    let restart = gateway.needs_restart();
    Health { ok: true, pid, port: gateway.port, version, unnamed_proxies, assistant, restart }
}

/// What owners are still to be told.
pub(crate) fn outbox(gateway: &Gateway) -> Outbox {
    let (depth, oldest) = gateway.cards.backlog();
    let waited = |at: UnixMs| world::now().0.saturating_sub(at.0);
    Outbox { depth, oldest_ms: oldest.map(waited) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn numbers_hold_for_a_minute() {
        assert!(!is_fresh(&None));
        let known = Some((Instant::now(), Counts::new()));
        tokio::time::advance(FRESH / 2).await;
        assert!(is_fresh(&known));
        tokio::time::advance(FRESH / 2).await;
        assert!(!is_fresh(&known));
    }
}
