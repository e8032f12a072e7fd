//! What goes on by the clock: ticks, health, who is there, and what was gathered for the disk.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use openclaw_plugin_sdk::UnixMs;
use parking_lot::Mutex;
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tracing::warn;

use super::decisions::{POLL, Poll};
use crate::{
    Gateway, blocking, decision_history,
    protocol::hello::{Limits, StateVersion},
    rpc::{
        hello,
        hub::{Audience, Event},
        methods::{health, node},
    },
    rules::device::role::Scope,
    store::Store,
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

/// The numbers of what changes.
#[derive(Debug, Default)]
pub(crate) struct Ticker {
    presence: AtomicU64,
    health: AtomicU64,
    presence_told: AtomicBool,
    /// Who was there when it was last told, spelt.
    shown: Mutex<Arc<str>>,
    /// How the gateway is, spelt, and when.
    well: Mutex<Option<(UnixMs, Arc<RawValue>)>>,
}

impl Ticker {
    /// A client came or went.
    pub(crate) fn presence_changed(&self) {
        self.presence.fetch_add(1, Ordering::Relaxed);
        self.presence_told.store(false, Ordering::Relaxed);
    }

    /// Who was there a moment ago, as a list.
    pub(crate) fn presence(&self) -> Arc<str> {
        Arc::clone(&self.shown.lock())
    }

    /// How the gateway is, as operators may know it; spelt anew once a second at most.
    pub(crate) fn health(gateway: &Gateway, now: UnixMs) -> Arc<RawValue> {
        let mut well = gateway.ticker.well.lock();
        if let Some((at, text)) = &*well
            && now.0.saturating_sub(at.0) < 1_000
        {
            return Arc::clone(text);
        }
        let text: Arc<RawValue> = to_raw_value(&health::full(gateway)).unwrap_or_default().into();
        *well = Some((now, Arc::clone(&text)));
        text
    }

    /// As they are.
    pub(crate) fn version(&self) -> StateVersion {
        let at = |number: &AtomicU64| number.load(Ordering::Relaxed);
        StateVersion { presence: at(&self.presence), health: at(&self.health) }
    }
}

/// Beats until the gateway stops.
pub(crate) async fn beat(gateway: Arc<Gateway>) {
    let every = |period: Duration| {
        let mut every = interval_at(Instant::now() + period, period);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        every
    };
    let tick = Duration::from_millis(Limits::default().tick_interval_ms);
    let (mut ticks, mut healths) = (every(tick), every(HEALTH));
    let (mut presences, mut flushes, mut polls) = (every(PRESENCE), every(FLUSH), every(POLL));
    let mut poll = Poll::default();
    loop {
        tokio::select! {
            () = gateway.stop.cancelled() => return,
            _ = ticks.tick() => {
                let event = Event::new("tick", &json!({ "ts": world::now().0 }));
                gateway.sessions.broadcast(Audience::All, &event);
            }
            _ = healths.tick() => {
                tell_health(&gateway);
                node::refresh(&gateway).await;
            }
            _ = presences.tick() => tell_presence(&gateway),
            _ = flushes.tick() => {
                let begun = Instant::now();
                flush(&gateway).await;
                flushes.reset_after(pause(begun.elapsed()));
            }
            _ = polls.tick() => poll.look(&gateway).await,
        }
    }
}

fn tell_health(gateway: &Gateway) {
    gateway.ticker.health.fetch_add(1, Ordering::Relaxed);
    let event = Event::new("health", &health::full(gateway));
    let event = event.versioned(gateway.ticker.version()).droppable();
    gateway.sessions.broadcast(Audience::Holding(Scope::Read), &event);
}

fn tell_presence(gateway: &Gateway) {
    if gateway.ticker.presence_told.swap(true, Ordering::Relaxed) {
        return;
    }
    let presence = Value::from(hello::presence(gateway));
    let text: Arc<str> = presence.to_string().into();
    *gateway.ticker.shown.lock() = text;
    let event = Event::new("presence", &json!({ "presence": presence }));
    let event = event.versioned(gateway.ticker.version()).droppable();
    gateway.sessions.broadcast(Audience::Holding(Scope::Read), &event);
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
