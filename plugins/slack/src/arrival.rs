//! What Slack delivers, whichever way: named so that it arrives once, and made an event when its turn comes.

use openclaw_plugin_sdk::{
    ButtonPress, ChannelError, ChatId, ChatKind, InboundEvent, InboundMessage, Inbox,
    kit::{
        api::parsed,
        inbox::{Arrival, Weigh},
    },
};
use serde_json::{Value, json};

use crate::{
    api::{of_account, of_message},
    app::{SCOPES, Slack, user},
    inbound::{self, Me, Reply},
    text,
};

/// The app, as who its bot token makes us.
pub(crate) struct Session<'a> {
    pub(crate) slack: &'a Slack,
    pub(crate) inbox: &'a Inbox,
    me: Me,
    /// What the app cannot do.
    pub(crate) lacking: Option<String>,
}

/// Something for the gateway.
#[derive(Clone)]
pub(crate) enum Item {
    /// Slack says that tokens were revoked or the app removed: are ours?
    Check,
    Message(Box<InboundMessage>),
    Press(Box<(ButtonPress, Reply)>),
}

impl Weigh for Item {
    fn bytes(&self) -> usize {
        let text = if let Self::Message(message) = self { message.text.len() } else { 0 };
        size_of::<InboundMessage>() + text
    }
}

impl Item {
    /// The account is ours, so that its place, its sender and its id name it.
    fn arrived(self, event_id: Option<&str>, repeats: bool) -> Arrival<Self> {
        let own = match &self {
            Self::Check => None,
            Self::Message(it) => Some((&it.conversation, &it.sender, &it.id)),
            Self::Press(it) => Some((&it.0.conversation, &it.0.sender, &it.0.id)),
        };
        let own = own.map(|(place, sender, id)| format!("{}/{}/{id}", place.id, sender.id));
        let keys = own.into_iter().chain(event_id.map(|id| format!("event/{id}"))).collect();
        Arrival { item: self, keys, repeats }
    }
}

impl<'a> Session<'a> {
    /// Asks who the bot token makes us, and what the app cannot do.
    pub(crate) async fn open(slack: &'a Slack, inbox: &'a Inbox) -> Result<Self, ChannelError> {
        let of_bot = |failure| of_account(failure, "bot_token");
        let tested = slack.api()?.call("auth.test", &json!({})).await.map_err(of_bot)?;
        inbox.learn_time(&tested.headers);
        // An emulator may not say.
        let has = tested.headers.get("x-oauth-scopes").and_then(|value| value.to_str().ok());
        let lacks = |it: &&str| has.is_some_and(|has| has.split(',').all(|has| has.trim() != *it));
        let lacking: Vec<&str> = SCOPES.iter().copied().filter(lacks).collect();
        let lacking = (!lacking.is_empty()).then(|| text::scopes_missing(&lacking));
        Ok(Self { slack, inbox, me: parsed(tested.body).map_err(of_bot)?, lacking })
    }

    /// What a payload of this kind is, in the words of Socket Mode, if it is something for the gateway. Slack does not
    /// say when a button was pressed or a command typed.
    pub(crate) fn arrival(&self, kind: &str, payload: &Value) -> Option<Arrival<Item>> {
        let (slack, me, now) = (self.slack, &self.me, self.inbox.now());
        let event = &payload["event"];
        let item = match (kind, event["type"].as_str()) {
            ("events_api", Some("app_uninstalled" | "tokens_revoked")) => Item::Check,
            ("events_api", _) => {
                let message = inbound::message(payload, me, &slack.commands)?;
                if message.conversation.kind == ChatKind::Direct
                    && let Some(channel) = event["channel"].as_str()
                {
                    slack.chats.learn(message.sender.id.as_str(), channel);
                }
                Item::Message(Box::new(message))
            }
            ("interactive", _) => Item::Press(Box::new(inbound::press(payload, me, now)?)),
            ("slash_commands", _) => Item::Message(Box::new(inbound::slash(payload, me, now)?)),
            _ => return None,
        };
        Some(item.arrived(payload["event_id"].as_str(), kind == "events_api"))
    }

    /// What an item is for the gateway; `None` where it is nothing.
    pub(crate) async fn translate(&self, item: Item) -> Result<Option<InboundEvent>, ChannelError> {
        Ok(match item {
            Item::Check => {
                Session::open(self.slack, self.inbox).await?;
                None
            }
            Item::Message(mut message) => {
                if message.conversation.kind == ChatKind::Direct && message.sender.name.is_none() {
                    let user = user(message.sender.id.as_str());
                    message.sender.name = self.slack.name(user).await?;
                }
                Some(InboundEvent::Message(*message))
            }
            Item::Press(press) => {
                let (mut press, reply) = *press;
                if press.conversation.kind == ChatKind::Direct {
                    self.recognize(&mut press, &reply).await?;
                }
                self.slack.replies.lock().insert(press.id.clone(), reply);
                Some(InboundEvent::Press(press))
            }
        })
    }

    /// A direct chat is that of the person who is in it, whatever a press says of who pressed there: in an organisation
    /// of several workspaces it may name another one than the person's messages do. Where the chat is not known yet,
    /// Slack says whether the person is a member of ours too.
    async fn recognize(&self, press: &mut ButtonPress, reply: &Reply) -> Result<(), ChannelError> {
        let is_foreign = press.sender.id.as_str() != reply.user;
        let person = match self.slack.chats.person_in(&reply.channel) {
            Some(person) => person,
            None if is_foreign && self.is_member(&reply.user).await? => reply.user.clone(),
            None => return Ok(()),
        };
        if let Ok(sender) = crate::parse_sender(&person)
            && user(&person) == reply.user
        {
            press.sender.id = sender;
        }
        press.conversation.id = ChatId::new(person);
        press.on.chat = press.conversation.id.clone();
        Ok(())
    }

    async fn is_member(&self, user: &str) -> Result<bool, ChannelError> {
        let asked = self.slack.api()?.form("users.info", &json!({ "user": user })).await;
        let known = match asked.map_err(of_message) {
            Ok(info) => info["user"].clone(),
            Err(ChannelError::Undeliverable(_)) => return Ok(false),
            Err(error) => return Err(error),
        };
        let teams = known["enterprise_user"]["teams"].as_array().into_iter().flatten();
        let ours = teams.chain([&known["team_id"]]).any(|team| *team == self.me.team_id);
        Ok(known["id"] == user && ours)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use openclaw_plugin_sdk::{AccountId, UnixMs, testing::settings};
    use tokio::sync::{mpsc, watch};

    fn me() -> Me {
        Me { user_id: "U0BOT00000".to_owned(), team_id: "T0HOME0000".to_owned() }
    }

    fn config() -> Config {
        Config::read(&settings("bot_token = 'xoxb-x'\napp_token = 'xapp-x'")).unwrap()
    }

    fn message(user: &str) -> Arrival<Item> {
        let event = json!({ "type": "message", "channel_type": "im", "channel": "D1", "user": user, "ts": "1.1", "text": "x" });
        let callback = serde_json::from_value(json!({ "event": event })).unwrap();
        let message = inbound::message(&callback, &me(), &[]).unwrap();
        Item::Message(Box::new(message)).arrived(Some("Ev1"), true)
    }

    #[test]
    fn case_105_no_sender_suppresses_the_message_of_another() {
        let (ann, other) = (message("U024BE7LH"), message("U024BE7LX"));
        assert_eq!(ann.keys, ["U024BE7LH/U024BE7LH/1.1", "event/Ev1"]);
        assert_eq!(other.keys[0], "U024BE7LX/U024BE7LX/1.1");
    }

    #[test]
    fn what_slack_delivers_once_is_said_to_come_once() {
        let payload = json!({
            "type": "block_actions", "user": { "id": "U024BE7LH", "team_id": "T0HOME0000" },
            "container": { "channel_id": "D1", "message_ts": "1.1" },
            "actions": [{ "value": "a", "action_ts": "2.1" }],
        });
        let press = inbound::press(&payload, &me(), UnixMs(1)).unwrap();
        assert_eq!(press.0.pressed_at, UnixMs(1));
        let (slack, account) = (Slack::new(config(), Vec::new()), AccountId::default_account());
        let (deliveries, exchanges) = (mpsc::channel(1).0, mpsc::channel(1).1);
        let inbox = Inbox::new(account, deliveries, exchanges, watch::channel(false).0);
        let session = Session { slack: &slack, inbox: &inbox, me: me(), lacking: None };
        let arrival = |kind, payload: &Value| session.arrival(kind, payload).unwrap();
        assert!(!arrival("interactive", &payload).repeats);
        let typed = json!({ "user_id": "U024BE7LH", "team_id": "T0HOME0000", "trigger_id": "t1" });
        assert!(!arrival("slash_commands", &typed).repeats);
        let revoked = json!({ "event": { "type": "tokens_revoked" }, "event_id": "Ev2" });
        assert!(message("U024BE7LH").repeats && arrival("events_api", &revoked).repeats);
    }
}
