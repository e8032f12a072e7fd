//! One app in one workspace: what both ways of hearing share.

use std::{collections::BTreeMap, sync::Arc};

use openclaw_plugin_sdk::{
    ButtonPress, ChannelError, ChatId, ChatKind, Handed, InboundEvent, Inbox, Row, UnixMs,
    http_client,
};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::json;

use crate::{
    api::{Api, Failed},
    config::{Config, Ears},
    desk::{AckQueue, Arrival},
    inbound::{self, Reply},
    names::Names,
    replies::Replies,
    wire::{Me, Named},
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

/// One app.
pub(crate) struct Slack {
    pub(crate) ears: Ears,
    pub(crate) commands: Vec<String>,
    api: Result<Arc<Api>, String>,
    pub(crate) desk: AckQueue,
    pub(crate) replies: Replies,
    names: Names,
    /// The channel of the direct chat with a person, by his sender id.
    chats: Mutex<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Info {
    user: Member,
}

/// A person, and the workspaces they are in.
#[derive(Deserialize)]
struct Member {
    id: String,
    team_id: Option<String>,
    #[serde(default)]
    enterprise_user: Workspaces,
}

#[derive(Default, Deserialize)]
struct Workspaces {
    #[serde(default)]
    teams: Vec<String>,
}

impl Member {
    fn is_of(&self, team: &str) -> bool {
        self.team_id.as_deref() == Some(team)
            || self.enterprise_user.teams.iter().any(|it| it == team)
    }
}

#[derive(Deserialize)]
struct OpenChat {
    channel: Named,
}

impl Slack {
    pub(crate) fn new(config: Config, commands: Vec<(String, String)>) -> Self {
        let Config { bot_token, root, ears } = config;
        let commands = commands.into_iter().map(|(name, _)| name).collect();
        let api = Api::new(root, bot_token).map(Arc::new);
        let (desk, replies, chats) = (AckQueue::default(), Replies::default(), Mutex::default());
        Self { ears, commands, api, desk, replies, names: Names::default(), chats }
    }

    pub(crate) async fn listen(&self, inbox: &Inbox) -> Result<(), ChannelError> {
        match &self.ears {
            Ears::Http { signing_secret } => self.serve(signing_secret, inbox).await,
            Ears::Socket { app_token } => self.hold(app_token, inbox).await,
        }
    }

    pub(crate) fn api(&self) -> Result<&Api, ChannelError> {
        let api = self.api.as_ref().map(|api| &**api);
        api.map_err(|why| ChannelError::Disconnected(format!("Slack: {why}")))
    }

    /// Who the bot token makes us, and what the app cannot do.
    pub(crate) async fn greet(&self, inbox: &Inbox) -> Result<(Me, Option<String>), ChannelError> {
        let api = self.api()?;
        let greeted = api.greet().await;
        let (me, headers) = greeted.map_err(|failed| failed.of_account("bot_token"))?;
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

    /// Hands an arrival to the gateway; `None` where that is not for it.
    pub(crate) async fn hand(
        &self,
        arrival: Arrival,
        me: &Me,
        (inbox, row): (&Inbox, &Row<'_>),
    ) -> Result<Option<Handed>, ChannelError> {
        let event = match arrival {
            Arrival::Check => {
                self.greet(inbox).await?;
                None
            }
            Arrival::Message(mut message) => {
                if message.conversation.kind == ChatKind::Direct {
                    let user = user(message.sender.id.as_str());
                    message.sender.name = self.names.of(self.api()?, user).await;
                }
                Some(InboundEvent::Message(*message))
            }
            Arrival::Press(press) => {
                let (mut press, reply) = *press;
                // Slack does not say when.
                press.pressed_at = inbox.now();
                self.at_home(&mut press, &reply, me).await?;
                self.replies.add(press.id.clone(), reply);
                Some(InboundEvent::Press(press))
            }
            Arrival::Slash(slash) => {
                inbound::slash(&slash, me, inbox.now()).map(InboundEvent::Message)
            }
        };
        match event {
            Some(event) => row.hand(event).await.map(Some),
            None => Ok(None),
        }
    }

    /// A press in a direct chat that is not known yet, and that names another workspace: where Slack says that the
    /// person is a member of ours too, they are who their messages say they are.
    async fn at_home(
        &self,
        press: &mut ButtonPress,
        reply: &Reply,
        me: &Me,
    ) -> Result<(), ChannelError> {
        let foreign = press.sender.id.as_str() != reply.user;
        let known = self.person_in(&reply.channel).is_some();
        if press.conversation.kind != ChatKind::Direct || known || !foreign {
            return Ok(());
        }
        let asked = self.api()?.form::<Info>("users.info", &[("user", reply.user.as_str())]).await;
        let Info { user } = match asked.map_err(Failed::of_message) {
            Ok(info) => info,
            Err(ChannelError::Undeliverable(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        if user.id == reply.user && user.is_of(&me.team_id) {
            let Ok(id) = crate::parse_sender(&reply.user) else { return Ok(()) };
            press.sender.id = id;
            press.conversation.id = ChatId::new(reply.user.clone());
            press.on.chat = press.conversation.id.clone();
        }
        Ok(())
    }

    /// The channel of a chat: of the direct one with a person, which bears his id, Slack is asked once.
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
        let OpenChat { channel } = opened.map_err(Failed::of_message)?;
        self.remember(id, &channel.id);
        Ok(channel.id)
    }

    /// Whose direct chat a channel is, where that is known.
    pub(crate) fn person_in(&self, channel: &str) -> Option<String> {
        let chats = self.chats.lock();
        chats.iter().find(|(_, known)| *known == channel).map(|(person, _)| person.clone())
    }

    /// Remembers which channel the direct chat with a person is.
    pub(crate) fn remember(&self, person: &str, channel: &str) {
        let mut chats = self.chats.lock();
        if chats.len() < MOST_CHATS || chats.contains_key(person) {
            chats.insert(person.to_owned(), channel.to_owned());
        }
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

#[expect(clippy::disallowed_methods, reason = "Slack does not say when a button was pressed")]
pub(crate) fn now() -> UnixMs {
    let since =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    UnixMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
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
