//! One app in one workspace: what both ways of receiving share.

use std::time::Duration;

use openclaw_plugin_sdk::{
    ChannelError, ChatId, EventId, Inbox, http_client,
    kit::{bounded::Bounded, inbox::AckQueue},
};
use parking_lot::Mutex;
use serde_json::json;

use crate::{
    api::{Api, of_account, of_message, text},
    arrival::Item,
    config::{Config, Events},
    inbound::Reply,
    names::Names,
    wire::Me,
};

/// What the gateway needs of the app; `README.md` says what for.
pub(crate) const SCOPES: &[&str] = &[
    "app_mentions:read",
    "channels:history",
    "chat:write",
    "commands",
    "files:read",
    "files:write",
    "groups:history",
    "im:history",
    "im:read",
    "im:write",
    "mpim:history",
    "users:read",
];

/// Direct chats are remembered up to this many.
const MOST_CHATS: usize = 10_000;

/// So many presses can be answered, for as long as Slack takes answers: half an hour.
const MOST_REPLIES: usize = 256;
const REPLY_WITHIN: Duration = Duration::from_mins(29);

/// One app.
pub(crate) struct Slack {
    events: Events,
    pub(crate) commands: Vec<String>,
    api: Result<Api, String>,
    pub(crate) acks: AckQueue<Item>,
    /// Where the answers to presses go.
    pub(crate) replies: Mutex<Bounded<EventId, Reply>>,
    pub(crate) names: Names,
    /// The channel of the direct chat with a person, by their sender id.
    chats: Mutex<Bounded<String, String>>,
}

impl Slack {
    pub(crate) fn new(config: Config, commands: Vec<(String, String)>) -> Self {
        Self {
            events: config.events,
            commands: commands.into_iter().map(|(name, _)| name).collect(),
            api: Api::new(config.root, config.bot_token),
            acks: AckQueue::default(),
            replies: Mutex::new(Bounded::expiring(MOST_REPLIES, REPLY_WITHIN)),
            names: Names::default(),
            chats: Mutex::new(Bounded::new(MOST_CHATS)),
        }
    }

    pub(crate) async fn listen(&self, inbox: &Inbox) -> Result<(), ChannelError> {
        match &self.events {
            Events::Http { signing_secret } => self.serve(signing_secret, inbox).await,
            Events::Socket { app_token } => self.connect(app_token, inbox).await,
        }
    }

    pub(crate) fn api(&self) -> Result<&Api, ChannelError> {
        self.api.as_ref().map_err(|why| ChannelError::Disconnected(format!("Slack: {why}")))
    }

    /// Who the bot token makes us, and what the app cannot do.
    pub(crate) async fn auth_test(
        &self,
        inbox: &Inbox,
    ) -> Result<(Me, Option<String>), ChannelError> {
        let tested = self.api()?.auth_test().await;
        let (me, headers) = tested.map_err(|failure| of_account(failure, "bot_token"))?;
        if let Some(now) = http_client::date(&headers) {
            inbox.platform_time(now);
        }
        // An emulator may not say.
        let scopes = headers.get("x-oauth-scopes").and_then(|value| value.to_str().ok());
        Ok((me, scopes.and_then(lacking)))
    }

    /// Says that the app is connected, and what it cannot do all the same.
    pub(crate) fn connected(inbox: &Inbox, lacking: Option<String>) {
        inbox.caught_up();
        match lacking {
            Some(what) => inbox.limited(what),
            None => inbox.connected(),
        }
    }

    /// The channel of a chat: of the direct one with a person, which bears their id, Slack is asked once.
    pub(crate) async fn channel(&self, chat: &ChatId) -> Result<String, ChannelError> {
        let id = chat.as_str();
        let user = user(id);
        if !user.starts_with(['U', 'W']) {
            return Ok(id.to_owned());
        }
        let known = self.chats.lock().get(id).cloned();
        if let Some(channel) = known {
            return Ok(channel);
        }
        let opened = self.api()?.call("conversations.open", &json!({ "users": user })).await;
        let channel = opened.and_then(|opened| text(&opened["channel"], "id"));
        let channel = channel.map_err(of_message)?;
        self.remember(id, &channel);
        Ok(channel)
    }

    /// Whose direct chat a channel is, where that is known.
    pub(crate) fn person_in(&self, channel: &str) -> Option<String> {
        let chats = self.chats.lock();
        chats.iter().find(|(_, known)| *known == channel).map(|(person, _)| person.clone())
    }

    /// Remembers which channel the direct chat with a person is.
    pub(crate) fn remember(&self, person: &str, channel: &str) {
        self.chats.lock().insert(person.to_owned(), channel.to_owned());
    }
}

/// The person of a sender id, without a workspace.
pub(crate) fn user(id: &str) -> &str {
    let foreign = id.strip_prefix("team:").and_then(|id| id.split_once(":user:"));
    foreign.map_or(id, |(_, user)| user)
}

fn lacking(scopes: &str) -> Option<String> {
    let has: Vec<&str> = scopes.split(',').map(str::trim).collect();
    let lacking: Vec<String> = SCOPES
        .iter()
        .filter(|scope| !has.contains(*scope))
        .map(|scope| format!("`{scope}`"))
        .collect();
    (!lacking.is_empty()).then(|| {
        format!(
            "the Slack app lacks {}: add them under OAuth & Permissions, and install it again",
            lacking.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_app_lacks_is_named() {
        let all = SCOPES.join(",");
        assert_eq!(lacking(&all), None);
        assert_eq!(lacking(&format!("{}, users:read.email", all.replace(',', ", "))), None);
        let text = lacking(&all.replace("files:write,", "")).unwrap();
        assert!(text.contains("`files:write`:") && text.contains("install"), "{text}");
    }
}
