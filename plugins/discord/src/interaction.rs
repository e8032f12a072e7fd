//! Interactions: each is answered within three seconds, whatever its sender may do, and the answer says nothing;
//! what is to be said follows.

use std::{sync::Arc, time::Duration};

use openclaw_plugin_sdk::{ChannelError, EventId, reqwest::Method};
use serde_json::{Value, json};
use serenity::model::channel::MessageFlags;
use tokio::{sync::Notify, time::timeout};

use crate::{
    api::{Call, Sent, of_message},
    gateway::Discord,
    inbound::text,
};

/// Discord waits no longer for the first answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Discord takes what follows for a quarter of an hour; a little less, for clocks differ.
pub(crate) const LIFE: Duration = Duration::from_mins(14);

/// What Discord answers where an interaction has its first answer.
const ANSWERED: &str = "40060";

/// The kinds of interactions.
pub(crate) const COMMAND: u64 = 2;
pub(crate) const PRESS: u64 = 3;
const SUGGESTION: u64 = 4;

impl Discord {
    /// Answers with nothing, and says when that is over.
    pub(crate) async fn defer(&self, interaction: Arc<Value>, answered: Arc<Notify>) {
        let (id, kind) = (text(&interaction, "id"), interaction["type"].as_u64());
        let answer = match kind {
            Some(PRESS) => json!({ "type": 6 }),
            // A suggestion while a person types wants a list.
            Some(SUGGESTION) => json!({ "type": 8, "data": { "choices": [] } }),
            _ => json!({ "type": 5, "data": { "flags": MessageFlags::EPHEMERAL } }),
        };
        let path = format!("{}/callback", text(&interaction, "token"));
        let call = Call::at(Method::POST, "/interactions/{}", id).and(&path).with(&answer);
        let Ok(api) = self.api() else { return };
        match timeout(PATIENCE, api.tell(call)).await {
            Ok(Ok(_)) => {
                self.interactions.lock().insert(id.to_owned(), Arc::clone(&interaction));
            }
            // It was announced before, and answered then.
            Ok(Err(failure)) if failure.is(ANSWERED) => {}
            _ => tracing::warn!(interaction = id, "Discord was not answered in time"),
        }
        answered.notify_one();
    }

    /// The interaction with this id, where it can still be followed up.
    pub(crate) fn open_interaction(&self, id: &EventId) -> Option<Arc<Value>> {
        self.interactions.lock().get(id.as_str()).cloned()
    }

    /// Says something to the person who pressed, and to no other; false where it is too late for that.
    pub(crate) async fn follow_up(
        &self,
        interaction: &Value,
        body: &Value,
    ) -> Result<bool, ChannelError> {
        let call = webhook(Method::POST, interaction, "").with(body);
        match self.api()?.ask::<Sent>(call).await.map_err(of_message) {
            Ok(_) => Ok(true),
            Err(ChannelError::Undeliverable(_) | ChannelError::Unauthorized(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes away what Discord shows while it waits for what a command says, whatever comes of it: an answer is a message.
    pub(crate) async fn clear(&self, interaction: Arc<Value>) {
        let id = EventId::new(text(&interaction, "id"));
        if interaction["type"] == PRESS || self.open_interaction(&id).is_none() {
            return;
        }
        let call = webhook(Method::DELETE, &interaction, "/messages/@original");
        let Ok(api) = self.api() else { return };
        if let Err(failure) = api.tell(call).await {
            tracing::debug!(error = %of_message(failure), "Discord shows that it waits");
        }
    }
}

fn webhook(method: Method, interaction: &Value, rest: &str) -> Call<'static> {
    let path = format!("{}{rest}", text(interaction, "token"));
    let call = Call::at(method, "/webhooks/{}", text(interaction, "application_id")).and(&path);
    Call { place: text(interaction, "id").to_owned(), ..call }
}
