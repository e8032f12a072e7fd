//! One app in one workspace: what both ways of receiving share.

use std::time::Duration;

use openclaw_plugin_sdk::{
    Channel, ChannelError, ChatId, EventId, Inbox, OutboundMessage, SentRef, async_trait,
    http_client,
    kit::{api::parsed, bounded::Bounded, directory::DirectChats, inbox::AckQueue},
};
use parking_lot::Mutex;
use serde_json::json;

use crate::{
    api::{self, Api, lost, of_account, of_message},
    arrival::Item,
    config::{Config, Events},
    inbound::{Me, Reply},
    names::Names,
    text,
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
    pub(crate) chats: DirectChats,
}

#[async_trait]
impl Channel for Slack {
    async fn receive(&self, inbox: &Inbox) -> Result<(), ChannelError> {
        match &self.events {
            Events::Http { signing_secret } => self.serve(signing_secret, inbox).await,
            Events::Socket { app_token } => self.connect(app_token, inbox).await,
        }
    }

    async fn send(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        self.deliver(message).await
    }
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
            chats: DirectChats::default(),
        }
    }

    pub(crate) fn api(&self) -> Result<&Api, ChannelError> {
        self.api.as_ref().map_err(|why| lost(why))
    }

    /// Who the bot token makes us, and what the app cannot do.
    pub(crate) async fn auth_test(
        &self,
        inbox: &Inbox,
    ) -> Result<(Me, Option<String>), ChannelError> {
        let of_bot = |failure| of_account(failure, "bot_token");
        let tested = self.api()?.auth_test().await.map_err(of_bot)?;
        if let Some(now) = http_client::date(&tested.headers) {
            inbox.platform_time(now);
        }
        // An emulator may not say.
        let has = tested.headers.get("x-oauth-scopes").and_then(|value| value.to_str().ok());
        let has = has.map(|has| has.split(',').map(str::trim).collect::<Vec<_>>());
        let lacks = |scope: &&str| has.as_ref().is_some_and(|has| !has.contains(scope));
        let lacking: Vec<&str> = SCOPES.iter().copied().filter(lacks).collect();
        let lacking = (!lacking.is_empty()).then(|| text::scopes_missing(&lacking));
        Ok((parsed(tested.body).map_err(of_bot)?, lacking))
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
        if let Some(channel) = self.chats.with(id) {
            return Ok(channel);
        }
        let opened = self.api()?.call("conversations.open", &json!({ "users": user })).await;
        let channel = opened.and_then(|opened| api::text(&opened["channel"], "id"));
        let channel = channel.map_err(of_message)?;
        self.chats.learn(id, &channel);
        Ok(channel)
    }
}

/// The person of a sender id, without a workspace.
pub(crate) fn user(id: &str) -> &str {
    let foreign = id.strip_prefix("team:").and_then(|id| id.split_once(":user:"));
    foreign.map_or(id, |(_, user)| user)
}
