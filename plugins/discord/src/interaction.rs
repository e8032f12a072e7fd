//! Interactions: each is answered within three seconds, whatever its sender may do, and the answer says nothing;
//! what is to be said follows.

use std::time::Duration;

use openclaw_plugin_sdk::{ChannelError, EventId, kit::bounded::Bounded, reqwest::Method};
use parking_lot::Mutex;
use serde_json::{Value, json};
use serenity::model::channel::MessageFlags;
use tokio::time::timeout;

use crate::{
    api::{Api, Call, of_message},
    inbound::text,
    wire::Sent,
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

/// An interaction that was answered with nothing, and can be followed up.
#[derive(Clone)]
pub(crate) struct Open {
    id: String,
    pub(crate) kind: Kind,
    application: String,
    token: String,
}

/// Those that can be followed up, by id.
pub(crate) struct Interactions(Mutex<Bounded<String, Open>>);

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
    pub(crate) async fn defer(&self, api: &Api, interaction: &Value) {
        let kind = Kind::of(interaction);
        let (id, token) = (text(interaction, "id"), text(interaction, "token"));
        let answer = match kind {
            Kind::Press => json!({ "type": 6 }),
            // A suggestion while a person types wants a list.
            _ if interaction["type"] == 4 => json!({ "type": 8, "data": { "choices": [] } }),
            _ => json!({ "type": 5, "data": { "flags": MessageFlags::EPHEMERAL } }),
        };
        let path = format!("{token}/callback");
        let call = Call::at(Method::POST, "/interactions/{}", id).and(&path);
        match timeout(PATIENCE, api.tell(call.with(&answer))).await {
            Ok(Ok(_)) => {}
            // It was announced before, and answered then.
            Ok(Err(failure)) if failure.is(ANSWERED) => return,
            _ => {
                tracing::warn!(interaction = id, "Discord was not answered in time");
                return;
            }
        }
        let application = text(interaction, "application_id").to_owned();
        let open = Open { id: id.to_owned(), kind, application, token: token.to_owned() };
        self.0.lock().insert(open.id.clone(), open);
    }

    /// The one with this id, where it can still be followed up.
    pub(crate) fn open(&self, id: &EventId) -> Option<Open> {
        self.0.lock().get(id.as_str()).cloned()
    }
}

impl Open {
    /// Says something to the person who pressed, and to no other; false where it is too late for that.
    pub(crate) async fn follow_up(&self, api: &Api, body: &Value) -> Result<bool, ChannelError> {
        let call = Call::at(Method::POST, "/webhooks/{}", &self.application).and(&self.token);
        let sent = api.ask::<Sent>(call.counted_by(&self.id).with(body)).await;
        match sent.map_err(of_message) {
            Ok(_) => Ok(true),
            Err(ChannelError::Undeliverable(_) | ChannelError::Unauthorized(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes away what Discord shows while it waits for what a command says: an answer is a message.
    pub(crate) async fn clear(&self, api: &Api) {
        let path = format!("{}/messages/@original", self.token);
        let call = Call::at(Method::DELETE, "/webhooks/{}", &self.application).and(&path);
        if let Err(failure) = api.tell(call.counted_by(&self.id)).await {
            tracing::debug!(error = %of_message(failure), "Discord shows that it waits");
        }
    }
}
