//! One app in one workspace: what both ways of receiving share.

use std::time::Duration;

use openclaw_plugin_sdk::{
    Bytes, Channel, ChannelError, ChatId, EventId, FetchError, FileRef, Inbox, Manifest,
    OutboundMessage, SentRef, Settings, SettingsError, async_trait,
    kit::{
        api::{Failure, parsed},
        bounded::Bounded,
        directory::DirectChats,
        inbox::AckQueue,
    },
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::{
    PLUGIN,
    api::{Api, of_message},
    arrival::{Item, Session},
    config::{Config, Events},
    inbound::Reply,
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

/// A message waits no longer for a name.
const PATIENCE: Duration = Duration::from_secs(2);

/// So long no name is asked for where Slack does not say.
const PAUSE: Duration = Duration::from_mins(10);

/// One app.
pub(crate) struct Slack {
    events: Events,
    pub(crate) commands: Vec<String>,
    api: Result<Api, String>,
    pub(crate) acks: AckQueue<Item>,
    /// Where the answers to presses go.
    pub(crate) replies: Mutex<Bounded<EventId, Reply>>,
    /// The names of people, by user; `None` where Slack says none.
    names: Mutex<Bounded<String, Option<String>>>,
    /// Until then no name is asked for.
    names_pause: Mutex<Option<Instant>>,
    /// The channel of the direct chat with a person, by their sender id.
    pub(crate) chats: DirectChats,
}

#[async_trait]
impl Channel for Slack {
    async fn receive(&self, inbox: &Inbox) -> Result<(), ChannelError> {
        let session = Session::open(self, inbox).await?;
        match &self.events {
            Events::Http { signing_secret } => session.serve(signing_secret).await,
            Events::Socket { app_token } => session.connect(app_token).await,
        }
    }

    async fn send(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        self.deliver(message).await
    }

    async fn fetch(&self, file: &FileRef, limit: usize) -> Result<Bytes, FetchError> {
        self.api()?.fetch(&file.id, limit).await
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
            names: Mutex::default(),
            names_pause: Mutex::default(),
            chats: DirectChats::default(),
        }
    }

    pub(crate) fn api(&self) -> Result<&Api, ChannelError> {
        self.api.as_ref().map_err(|why| PLUGIN.lost(why))
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
        let channel = opened.and_then(|opened| parsed(opened.body["channel"]["id"].clone()));
        let channel: String = channel.map_err(of_message)?;
        self.chats.learn(id, &channel);
        Ok(channel)
    }

    /// What a person calls themselves, if Slack says it at once: a message does not say it. It is for owners to read, and
    /// nothing is decided by it.
    pub(crate) async fn name(&self, user: &str) -> Result<Option<String>, ChannelError> {
        if let Some(name) = self.names.lock().get(user) {
            return Ok(name.clone());
        }
        if self.names_pause.lock().is_some_and(|until| Instant::now() < until) {
            return Ok(None);
        }
        let fields = json!({ "user": user });
        let name = match timeout(PATIENCE, self.api()?.form("users.info", &fields)).await {
            Ok(Ok(info)) => {
                let (user, profile) = (&info["user"], &info["user"]["profile"]);
                let names = [&profile["display_name"], &profile["real_name"], &user["real_name"]];
                let mut names = names.into_iter().filter_map(Value::as_str).map(str::trim);
                names.find(|name| !name.is_empty()).map(str::to_owned)
            }
            // This one is not known; others may be.
            Ok(Err(why)) if why.is("user_not_found") || why.is("user_not_visible") => None,
            failed => {
                let wait = if let Ok(Err(Failure::SlowDown(wait))) = failed { wait } else { PAUSE };
                tracing::debug!(seconds = wait.as_secs(), "Slack says no names for now");
                *self.names_pause.lock() = Some(Instant::now() + wait);
                return Ok(None);
            }
        };
        self.names.lock().insert(user.to_owned(), name.clone());
        Ok(name)
    }
}

/// The person of a sender id, without a workspace.
pub(crate) fn user(id: &str) -> &str {
    let foreign = id.strip_prefix("team:").and_then(|id| id.split_once(":user:"));
    foreign.map_or(id, |(_, user)| user)
}

/// The app as Slack's own site wants to be given it, for Socket Mode: made from a manifest, it has all that it needs.
#[expect(clippy::unnecessary_wraps, reason = "other platforms need settings for it")]
pub(crate) fn manifest(settings: &Settings, name: &str) -> Result<Manifest, SettingsError> {
    let names: Vec<&str> = settings.commands.iter().map(|(name, _)| name.as_str()).collect();
    let manifest = json!({
        "display_information": {
            "name": name,
            "description": "A gateway for people that its owner has approved",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": false,
                "messages_tab_enabled": true,
                "messages_tab_read_only_enabled": false,
            },
            "bot_user": { "display_name": name, "always_online": true },
            "slash_commands": [{
                "command": "/openclaw",
                "description": "Speak to the gateway",
                "usage_hint": names.join(" | "),
                "should_escape": false,
            }],
        },
        "oauth_config": { "scopes": { "bot": SCOPES } },
        "settings": {
            "event_subscriptions": { "bot_events": [
                "app_mention", "app_uninstalled", "message.channels", "message.groups",
                "message.im", "message.mpim", "tokens_revoked",
            ] },
            "interactivity": { "is_enabled": true },
            "org_deploy_enabled": false,
            "socket_mode_enabled": true,
            "token_rotation_enabled": false,
        },
    });
    // A value that was just made can be written.
    let json = serde_json::to_string_pretty(&manifest).unwrap_or_default();
    Ok(Manifest { file: "manifest.json", json, others: Vec::new() })
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::{AccountId, toml};
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_manifest_has_what_the_channel_uses() {
        let commands =
            [("help".to_owned(), "x".to_owned()), ("pairing".to_owned(), "y".to_owned())];
        let (account, table) = (AccountId::default_account(), toml::Table::new());
        let settings = Settings { account, table, key: [0; 32], commands: commands.to_vec() };
        let manifest = manifest(&settings, "Gate \"1\"").unwrap();
        let manifest: Value = serde_json::from_str(&manifest.json).unwrap();
        assert_eq!(manifest["display_information"]["name"], "Gate \"1\"");
        assert_eq!(manifest["features"]["slash_commands"][0]["usage_hint"], "help | pairing");
        assert_eq!(
            manifest["oauth_config"]["scopes"]["bot"].as_array().unwrap().len(),
            SCOPES.len()
        );
        assert_eq!(manifest["settings"]["socket_mode_enabled"], true);
    }
}
