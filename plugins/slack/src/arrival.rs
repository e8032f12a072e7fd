//! What Slack delivers, whichever way: named so that it arrives once, and made an event when its turn comes.

use openclaw_plugin_sdk::{
    ButtonPress, ChannelError, ChatId, ChatKind, InboundEvent, InboundMessage, Inbox, UnixMs,
    kit::inbox::Arrival,
};
use serde_json::Value;

use crate::{
    api::of_message,
    app::{Slack, user},
    inbound::{self, Me, Reply},
};

/// Something for the gateway.
#[derive(Clone)]
pub(crate) enum Item {
    /// Slack says that tokens were revoked or the app removed: are ours?
    Check,
    Message(Box<InboundMessage>),
    Press(Box<(ButtonPress, Reply)>),
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

impl Slack {
    /// What a payload of this kind is, in the words of Socket Mode, if it is something for the gateway.
    pub(crate) fn arrival(
        &self,
        kind: &str,
        payload: &Value,
        me: &Me,
        now: UnixMs,
    ) -> Option<Arrival<Item>> {
        match kind {
            "events_api" => self.event(payload, me),
            "interactive" => self.press(payload, me, now),
            "slash_commands" => {
                let message = inbound::slash(payload, me, now)?;
                Some(Item::Message(Box::new(message)).arrived(None, false))
            }
            _ => None,
        }
    }

    fn event(&self, payload: &Value, me: &Me) -> Option<Arrival<Item>> {
        let event = &payload["event"];
        let item = if matches!(event["type"].as_str(), Some("app_uninstalled" | "tokens_revoked")) {
            Item::Check
        } else {
            let message = inbound::message(payload, me, &self.commands)?;
            if message.conversation.kind == ChatKind::Direct
                && let Some(channel) = event["channel"].as_str()
            {
                self.chats.learn(message.sender.id.as_str(), channel);
            }
            Item::Message(Box::new(message))
        };
        Some(item.arrived(payload["event_id"].as_str(), true))
    }

    /// Slack does not say when.
    fn press(&self, payload: &Value, me: &Me, now: UnixMs) -> Option<Arrival<Item>> {
        let (mut press, reply) = inbound::press(payload, me, now)?;
        // A direct chat is that of the person who is in it, whatever the press says of who pressed there.
        if press.conversation.kind == ChatKind::Direct
            && let Some(person) = self.chats.person_in(&reply.channel)
        {
            // In an organisation of several workspaces a press may name another one than the person's messages do.
            if user(&person) == reply.user {
                press.sender.id = crate::parse_sender(&person).ok()?;
            }
            stands_in(&mut press, person);
        }
        Some(Item::Press(Box::new((press, reply))).arrived(None, false))
    }

    /// What an item is for the gateway; `None` where it is nothing.
    pub(crate) async fn translate(
        &self,
        item: Item,
        me: &Me,
        inbox: &Inbox,
    ) -> Result<Option<InboundEvent>, ChannelError> {
        Ok(match item {
            Item::Check => {
                self.auth_test(inbox).await?;
                None
            }
            Item::Message(mut message) => {
                if message.conversation.kind == ChatKind::Direct && message.sender.name.is_none() {
                    let user = user(message.sender.id.as_str());
                    message.sender.name = self.names.of(self.api()?, user).await;
                }
                Some(InboundEvent::Message(*message))
            }
            Item::Press(press) => {
                let (mut press, reply) = *press;
                self.recognize_member(&mut press, &reply, me).await?;
                self.replies.lock().insert(press.id.clone(), reply);
                Some(InboundEvent::Press(press))
            }
        })
    }

    /// A press in a direct chat that is not known yet, and that names another workspace: where Slack says that the
    /// person is a member of ours too, they are who their messages say they are.
    async fn recognize_member(
        &self,
        press: &mut ButtonPress,
        reply: &Reply,
        me: &Me,
    ) -> Result<(), ChannelError> {
        let foreign = press.sender.id.as_str() != reply.user;
        let known = self.chats.person_in(&reply.channel).is_some();
        if press.conversation.kind != ChatKind::Direct || known || !foreign {
            return Ok(());
        }
        let asked = self.api()?.form("users.info", &[("user", reply.user.as_str())]).await;
        let user = match asked.map_err(of_message) {
            Ok(info) => info["user"].clone(),
            Err(ChannelError::Undeliverable(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        let teams = user["enterprise_user"]["teams"].as_array().into_iter().flatten();
        let ours = teams.chain([&user["team_id"]]).any(|team| *team == me.team_id);
        if let Ok(sender) = crate::parse_sender(&reply.user)
            && user["id"] == reply.user
            && ours
        {
            press.sender.id = sender;
            stands_in(press, reply.user.clone());
        }
        Ok(())
    }
}

/// Says that a press stands in the direct chat with a person.
fn stands_in(press: &mut ButtonPress, person: String) {
    press.conversation.id = ChatId::new(person);
    press.on.chat = press.conversation.id.clone();
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::{AccountId, Settings};
    use serde_json::json;

    use super::*;
    use crate::config::Config;

    fn me() -> Me {
        Me { user_id: "U0BOT00000".to_owned(), team_id: "T0HOME0000".to_owned() }
    }

    fn config() -> Config {
        let table = "bot_token = 'xoxb-x'\napp_token = 'xapp-x'".parse().unwrap();
        let account = AccountId::default_account();
        Config::read(&Settings { account, table, key: [0; 32], commands: Vec::new() }).unwrap()
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
        let app = Slack::new(config(), Vec::new());
        let arrival = |kind, payload: &Value| app.arrival(kind, payload, &me(), UnixMs(1)).unwrap();
        assert!(!arrival("interactive", &payload).repeats);
        let typed = json!({ "user_id": "U024BE7LH", "team_id": "T0HOME0000", "trigger_id": "t1" });
        assert!(!arrival("slash_commands", &typed).repeats);
        let revoked = json!({ "event": { "type": "tokens_revoked" }, "event_id": "Ev2" });
        assert!(message("U024BE7LH").repeats && arrival("events_api", &revoked).repeats);
    }
}
