//! What goes on by the clock: ticks, health, who is there, and what was gathered for the disk.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tracing::warn;

use super::{
    decisions::{POLL, Poll},
    manager::{self, Watchdog},
};
use crate::{
    Gateway, blocking, decision_history,
    protocol::hello::Limits,
    rpc::{
        hub::{Audience, Event},
        methods::node::surface,
    },
    store::{Store, owners_seen},
    world,
};

/// Who came and went is told together.
const PRESENCE: Duration = Duration::from_secs(1);
const HEALTH: Duration = Duration::from_mins(1);
/// What was gathered is written this often at most,
const FLUSH: Duration = Duration::from_secs(20);
/// and no more than one part in so many of the time goes into it,
const FLUSH_PART: u32 = 200;
/// but before a request's five minutes are over, so that other processes see who still waits.
const FLUSH_AT_LAST: Duration = Duration::from_mins(4);

/// Beats until the gateway stops.
pub(crate) async fn run(gateway: Arc<Gateway>) {
    let every = |period: Duration| {
        let mut every = interval_at(Instant::now() + period, period);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        every
    };
    let tick = Duration::from_millis(Limits::default().tick_interval_ms);
    let (mut ticks, mut healths) = (every(tick), every(HEALTH));
    let (mut presences, mut flushes, mut polls) = (every(PRESENCE), every(FLUSH), every(POLL));
    let (mut poll, mut watchdog) = (Poll::default(), Watchdog::of_environment());
    loop {
        tokio::select! {
            () = gateway.stop.cancelled() => return,
            _ = ticks.tick() => {
                let event = Event::new("tick", &json!({ "ts": world::now().0 }));
                gateway.rpc.sessions.broadcast(Audience::All, &event);
            }
            _ = healths.tick() => {
                gateway.rpc.snapshots.tell_health(&gateway);
                surface::refresh(&gateway).await;
            }
            _ = presences.tick() => gateway.rpc.snapshots.tell_presence(&gateway),
            _ = flushes.tick() => {
                let begun = Instant::now();
                flush(&gateway).await;
                flushes.reset_after(pause(begun.elapsed()));
            }
            _ = polls.tick() => poll.look(&gateway).await,
            () = watchdog.due() => manager::alive(&gateway).await,
        }
    }
}

/// How long nothing is written after a flush that took so long: with a hundred thousand devices it is a large file.
fn pause(took: Duration) -> Duration {
    took.saturating_mul(FLUSH_PART).clamp(FLUSH, FLUSH_AT_LAST)
}

/// Writes what was gathered.
pub(crate) async fn flush(gateway: &Gateway) {
    if let Err(error) = gateway.read(Store::flush_devices).await {
        warn!(%error, "last-used times of devices were not written");
    }
    let page = gateway.verdicts.lock().page();
    let path = gateway.state.verdicts();
    if let Some(page) = page
        && let Err(error) = blocking(move || decision_history::write(&path, &page)).await
    {
        warn!(%error, "the last verdicts were not written");
    }
    let seen = gateway.owners_seen.lock().page();
    let path = gateway.state.owners_seen();
    if let Some(seen) = seen
        && let Err(error) = blocking(move || owners_seen::write(&path, &seen)).await
    {
        warn!(%error, "when owners last wrote was not written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_costs_much_is_written_seldom() {
        let table = [(0, 20_000), (99, 20_000), (500, 100_000), (60_000, 240_000)];
        for (took, waits) in
            table.map(|(a, b)| (Duration::from_millis(a), Duration::from_millis(b)))
        {
            assert_eq!(pause(took), waits, "{took:?}");
        }
    }
}
