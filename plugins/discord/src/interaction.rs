//! Interactions: each is answered within three seconds, whatever its sender may do, and the answer says nothing;
//! what is to be said follows.

use std::{sync::Arc, time::Duration};

use openclaw_plugin_sdk::{ChannelError, EventId, kit::bounded::Bounded, reqwest::Method};
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::{Value, json};
use serenity::model::channel::MessageFlags;
use tokio::time::timeout;

use crate::{
    api::{Api, Call, Sent, of_message},
    inbound::text,
};

/// Discord waits no longer for the first answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Discord takes what follows for a quarter of an hour; a little less, for clocks differ.
const LIFE: Duration = Duration::from_mins(14);

/// What Discord answers where an interaction has its first answer.
const ANSWERED: &str = "40060";

/// So many are kept, the newest.
const MOST: usize = 256;

/// What an interaction is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A slash command was given.
    Command,
    /// A button was pressed.
    Press,
    /// Neither, or one that is not known.
    Other,
}

/// Those that were answered with nothing and can be followed up, by id.
pub(crate) struct Interactions(Mutex<Bounded<String, Arc<Value>>>);

impl Default for Interactions {
    fn default() -> Self {
        Self(Mutex::new(Bounded::expiring(MOST, LIFE)))
    }
}

impl Kind {
    pub(crate) fn of(interaction: &Value) -> Self {
        // A command of the kind that people type, and a button; not a menu, and not a form.
        match (interaction["type"].as_u64(), interaction["data"]["type"].as_u64()) {
            (Some(2), Some(1)) => Self::Command,
            (Some(3), _) => Self::Press,
            _ => Self::Other,
        }
    }
}

impl Interactions {
    /// Answers with nothing.
    pub(crate) async fn defer(&self, api: &Api, interaction: &Arc<Value>) {
        let id = text(interaction, "id");
        let answer = match Kind::of(interaction) {
            Kind::Press => json!({ "type": 6 }),
            // A suggestion while a person types wants a list.
            _ if interaction["type"] == 4 => json!({ "type": 8, "data": { "choices": [] } }),
            _ => json!({ "type": 5, "data": { "flags": MessageFlags::EPHEMERAL } }),
        };
        let path = format!("{}/callback", text(interaction, "token"));
        let call = Call::at(Method::POST, "/interactions/{}", id).and(&path).with(&answer);
        match timeout(PATIENCE, api.tell(call)).await {
            Ok(Ok(_)) => self.0.lock().insert(id.to_owned(), Arc::clone(interaction)),
            // It was announced before, and answered then.
            Ok(Err(failure)) if failure.is(ANSWERED) => {}
            _ => tracing::warn!(interaction = id, "Discord was not answered in time"),
        }
    }

    /// The one with this id, where it can still be followed up.
    pub(crate) fn open(&self, id: &EventId) -> Option<Arc<Value>> {
        self.0.lock().get(id.as_str()).cloned()
    }
}

/// Says something to the person who pressed, and to no other; false where it is too late for that.
pub(crate) async fn follow_up(
    api: &Api,
    interaction: &Value,
    body: &impl Serialize,
) -> Result<bool, ChannelError> {
    let sent = api.ask::<Sent>(later(Method::POST, interaction, "").with(body)).await;
    match sent.map_err(of_message) {
        Ok(_) => Ok(true),
        Err(ChannelError::Undeliverable(_) | ChannelError::Unauthorized(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Takes away what Discord shows while it waits for what a command says: an answer is a message.
pub(crate) async fn clear(api: &Api, interaction: &Value) {
    let call = later(Method::DELETE, interaction, "/messages/@original");
    if let Err(failure) = api.tell(call).await {
        tracing::debug!(error = %of_message(failure), "Discord shows that it waits");
    }
}

fn later(method: Method, interaction: &Value, rest: &str) -> Call<'static> {
    let path = format!("{}{rest}", text(interaction, "token"));
    let call = Call::at(method, "/webhooks/{}", text(interaction, "application_id")).and(&path);
    Call { place: text(interaction, "id").to_owned(), ..call }
}
