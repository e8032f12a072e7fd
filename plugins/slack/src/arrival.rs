//! What Slack delivers, whichever way: named so that it arrives once, and made an event when its turn comes.

use openclaw_plugin_sdk::{
    ButtonPress, ChannelError, ChatId, ChatKind, InboundEvent, InboundMessage, Inbox, UnixMs,
    kit::inbox::Arrival,
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    api::of_message,
    app::{Slack, user},
    inbound::{self, Reply},
    wire::{Me, Slash},
};

/// Something for the gateway.
#[derive(Clone)]
pub(crate) enum Item {
    /// Slack says that tokens were revoked or the app removed: are ours?
    Check,
    Message(Box<InboundMessage>),
    Press(Box<(ButtonPress, Reply)>),
    Slash(Box<Slash>),
}

impl Item {
    /// The account is ours, so that its place, its sender and its id name it.
    fn arrived(self, event_id: Option<&str>) -> Arrival<Self> {
        let own = match &self {
            Self::Check => None,
            Self::Message(it) => Some(format!("{}/{}/{}", it.conversation.id, it.sender.id, it.id)),
            Self::Press(it) => {
                Some(format!("{}/{}/{}", it.0.conversation.id, it.0.sender.id, it.0.id))
            }
            Self::Slash(it) => Some(format!("slash/{}/{}", it.user_id, it.trigger_id)),
        };
        let keys = own.into_iter().chain(event_id.map(|id| format!("event/{id}"))).collect();
        let repeats = matches!(self, Self::Check | Self::Message(_));
        Arrival { item: self, keys, repeats }
    }
}

impl Slack {
    /// What a payload of the Events API is.
    pub(crate) fn event(&self, payload: &Value, me: &Me) -> Option<Arrival<Item>> {
        let event = &payload["event"];
        let item = if matches!(event["type"].as_str(), Some("app_uninstalled" | "tokens_revoked")) {
            Item::Check
        } else {
            let message = inbound::message(payload, me, &self.commands)?;
            if message.conversation.kind == ChatKind::Direct
                && let Some(channel) = event["channel"].as_str()
            {
                self.remember(message.sender.id.as_str(), channel);
            }
            Item::Message(Box::new(message))
        };
        Some(item.arrived(payload["event_id"].as_str()))
    }

    /// What an interaction is, if it is a press.
    pub(crate) fn interaction(&self, payload: &Value, me: &Me) -> Option<Arrival<Item>> {
        let (mut press, reply) = inbound::press(payload, me, UnixMs(0))?;
        // A direct chat is that of the person who is in it, whatever the press says of who pressed there.
        if press.conversation.kind == ChatKind::Direct
            && let Some(person) = self.person_in(&reply.channel)
        {
            // In an organisation of several workspaces a press may name another one than the person's messages do.
            if user(&person) == reply.user {
                press.sender.id = crate::parse_sender(&person).ok()?;
            }
            stands_in(&mut press, person);
        }
        Some(Item::Press(Box::new((press, reply))).arrived(None))
    }

    /// What a payload of a slash command is.
    pub(crate) fn slash(payload: &Value) -> Option<Arrival<Item>> {
        let slash = Slash::deserialize(payload).ok()?;
        Some(Item::Slash(Box::new(slash)).arrived(None))
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
                if message.conversation.kind == ChatKind::Direct {
                    let user = user(message.sender.id.as_str());
                    message.sender.name = self.names.of(self.api()?, user).await;
                }
                Some(InboundEvent::Message(*message))
            }
            Item::Press(press) => {
                let (mut press, reply) = *press;
                // Slack does not say when.
                press.pressed_at = inbox.now();
                self.recognize_member(&mut press, &reply, me).await?;
                self.replies.lock().insert(press.id.clone(), reply);
                Some(InboundEvent::Press(press))
            }
            Item::Slash(slash) => {
                inbound::slash(&slash, me, inbox.now()).map(InboundEvent::Message)
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
        let known = self.person_in(&reply.channel).is_some();
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
    use serde_json::json;

    use super::*;

    fn me() -> Me {
        Me { user_id: "U0BOT00000".to_owned(), team_id: "T0HOME0000".to_owned() }
    }

    fn message(user: &str) -> Arrival<Item> {
        let event = json!({ "type": "message", "channel_type": "im", "channel": "D1", "user": user, "ts": "1.1", "text": "x" });
        let callback = serde_json::from_value(json!({ "event": event })).unwrap();
        let message = inbound::message(&callback, &me(), &[]).unwrap();
        Item::Message(Box::new(message)).arrived(Some("Ev1"))
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
        assert!(!Item::Press(Box::new(press)).arrived(None).repeats);
        assert!(message("U024BE7LH").repeats && Item::Check.arrived(None).repeats);
    }
}
