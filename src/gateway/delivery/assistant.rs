//! Whether the assistant answers, as far as those who have asked it know. Owners are told from what stands here.

use std::sync::Arc;

use openclaw_plugin_sdk::{Responder, ResponderError, UnixMs};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tracing::info;

use crate::{Gateway, local_client::status::AssistantStatus, world};

/// What the last answers have shown.
#[derive(Debug, Default)]
pub(crate) struct Assistant {
    health: Mutex<Health>,
    /// Owners may have to be told.
    pub(crate) changed: Notify,
}

/// How the assistant is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Health {
    /// Nobody has asked since the start, or since another one was configured.
    #[default]
    Unasked,
    /// It has answered.
    Working,
    /// It has not.
    Failing { since: UnixMs, error: ResponderError },
}

impl Health {
    /// In a word.
    fn word(&self) -> &'static str {
        match self {
            Self::Failing { .. } => "failing",
            Self::Unasked => "unasked",
            Self::Working => "working",
        }
    }
}

impl Assistant {
    /// How it is now.
    pub(crate) fn health(&self) -> Health {
        self.health.lock().clone()
    }

    /// The state that it is in, in a word, and the words of all states.
    pub(crate) fn words(&self) -> (&'static str, [&'static str; 3]) {
        (self.health.lock().word(), ["failing", "unasked", "working"])
    }

    /// Another one answers from here on.
    pub(crate) fn replaced(&self) {
        *self.health.lock() = Health::Unasked;
    }

    fn note(&self, result: Result<(), &ResponderError>, now: UnixMs) {
        let mut health = self.health.lock();
        let next = match (result, &*health) {
            (Ok(()), _) => Health::Working,
            (Err(error), Health::Failing { since, .. }) => {
                Health::Failing { since: *since, error: error.clone() }
            }
            (Err(error), _) => Health::Failing { since: now, error: error.clone() },
        };
        if *health != next {
            if matches!((&*health, &next), (Health::Failing { .. }, Health::Working)) {
                info!("the assistant answers again");
            }
            *health = next;
            self.changed.notify_one();
        }
    }
}

/// Notes how a responder has answered. One that answers no more messages says nothing about the one that does.
pub(crate) fn note(
    gateway: &Gateway,
    responder: &Arc<dyn Responder>,
    result: Result<(), &ResponderError>,
) {
    if let Err(error) = result {
        let kind = if error.is_temporary() { "temporary" } else { "permanent" };
        gateway.metrics.assistant_failures.count([kind]);
    }
    if Arc::ptr_eq(responder, &gateway.responder()) {
        gateway.assistant.note(result, world::now());
    }
}

/// For those who run the gateway.
pub(crate) fn status(gateway: &Gateway) -> AssistantStatus {
    let health = gateway.assistant.health();
    let (since, error) = match &health {
        Health::Failing { since, error } => (Some(since.0), Some(error.to_string())),
        Health::Unasked | Health::Working => (None, None),
    };
    AssistantStatus {
        responder: gateway.config().assistant.responder.clone(),
        asks: gateway.responder().asks(),
        state: health.word().to_owned(),
        since,
        error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_lasts_from_its_first_failure_until_an_answer() {
        let assistant = Assistant::default();
        let [first, other] = ["no", "still no"].map(|why| ResponderError::Failed(why.to_owned()));
        assert_eq!(assistant.health(), Health::Unasked);
        assistant.note(Err(&first), UnixMs(1));
        assistant.note(Err(&other), UnixMs(2));
        assert_eq!(assistant.health(), Health::Failing { since: UnixMs(1), error: other.clone() });
        assistant.note(Ok(()), UnixMs(3));
        assert_eq!(assistant.health(), Health::Working);
        assistant.note(Err(&other), UnixMs(4));
        assert_eq!(assistant.health(), Health::Failing { since: UnixMs(4), error: other });
        assistant.replaced();
        assert_eq!(assistant.health(), Health::Unasked);
    }
}
