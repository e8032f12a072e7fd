//! Presses that Telegram shows a spinner for: the gateway's answer ends it, or, after a while, we do.

use std::time::Duration;

use openclaw_plugin_sdk::{EventId, kit::bounded::Bounded};
use parking_lot::Mutex;
use tokio::time::Instant;

/// Telegram keeps a press answerable for longer, but a person does not wait.
const PATIENCE: Duration = Duration::from_secs(3);

/// Beyond that, Telegram itself lets a spinner end.
const MOST: usize = 256;

/// What is still to be answered, and until when, oldest first.
pub(crate) struct Presses(Mutex<Bounded<EventId, Instant>>);

impl Default for Presses {
    fn default() -> Self {
        Self(Mutex::new(Bounded::new(MOST)))
    }
}

impl Presses {
    /// Notes a press before it is delivered; one that is delivered again waits anew.
    pub(crate) fn add(&self, id: EventId) {
        self.0.lock().insert(id, Instant::now() + PATIENCE);
    }

    /// True for the first who wants to answer it.
    pub(crate) fn take(&self, id: &EventId) -> bool {
        self.0.lock().remove(id).is_some()
    }

    /// The press that waits for its answer the longest, once its time is over; never, if there is none.
    pub(crate) async fn overdue(&self) -> EventId {
        let oldest = self.0.lock().iter().next().map(|(id, until)| (id.clone(), *until));
        let Some((id, until)) = oldest else { return std::future::pending().await };
        tokio::time::sleep_until(until).await;
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_press_is_answered_once_by_the_first() {
        let presses = Presses::default();
        presses.add(EventId::new("1"));
        presses.add(EventId::new("2"));
        assert!(presses.take(&EventId::new("1")));
        assert!(!presses.take(&EventId::new("1")));
        let begun = Instant::now();
        assert_eq!(presses.overdue().await, EventId::new("2"));
        assert_eq!(begun.elapsed(), PATIENCE);
        assert!(presses.take(&EventId::new("2")));
        assert!(
            tokio::time::timeout(PATIENCE * 2, presses.overdue()).await.is_err(),
            "nothing is left"
        );
    }
}
