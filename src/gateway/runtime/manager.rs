//! What the service manager is told, where one has started the gateway (`NOTIFY_SOCKET`): that it is ready, that it
//! stops, and, as often as the manager asks for it, that it is alive.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tracing::warn;

use crate::{Gateway, store::Store};

/// The port is bound and the accounts are open.
pub(crate) fn ready() {
    tell(NotifyState::Ready);
}

/// It was asked to stop.
pub(crate) fn stopping() {
    tell(NotifyState::Stopping);
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        warn!(%error, "the service manager was not told");
    }
}

/// What the manager wants to hear as long as the gateway is alive.
pub(crate) struct Watchdog(Option<Interval>);

impl Watchdog {
    /// As the manager asks for it (`WATCHDOG_USEC`): twice in its time.
    pub(crate) fn of_environment() -> Self {
        let every = sd_notify::watchdog_enabled().map(|time| time / 2);
        Self(every.filter(|every| *every >= Duration::from_millis(1)).map(|every| {
            let mut every = interval(every);
            every.set_missed_tick_behavior(MissedTickBehavior::Delay);
            every
        }))
    }

    /// Waits until the manager is to hear of it; for ever where it does not want to.
    pub(crate) async fn due(&mut self) {
        match &mut self.0 {
            Some(every) => drop(every.tick().await),
            None => std::future::pending().await,
        }
    }
}

/// Says that the gateway is alive, once the store has answered: a lock that is never had is silence. That another
/// program has the lock, or that the disk refuses, is an answer.
pub(crate) async fn alive(gateway: &Gateway) {
    let _answered = gateway.read(Store::reach_lock).await;
    tell(NotifyState::Watchdog);
}
