//! From Google's events, of both formats, to ours. What is not a person's new message or press becomes nothing.

use openclaw_plugin_sdk::{
    Attachment, ButtonPress, ChatId, ChatKind, Conversation, EventId, InboundEvent, InboundMessage,
    Inbox, Link, Sender, ThreadId, UnixMs, kit::inbox::Arrival,
};
use serde_json::{Value, json};

use crate::app::GoogleChat;

/// The event of an add-on in the classic format, if it is of a kind that we take.
fn classic(event: &Value) -> Option<Value> {
    const KINDS: [(&str, &str); 3] = [
        ("appCommandPayload", "MESSAGE"),
        ("buttonClickedPayload", "CARD_CLICKED"),
        ("messagePayload", "MESSAGE"),
    ];
    let chat = &event["chat"];
    let (payload, kind) = KINDS.iter().find(|(payload, _)| chat[*payload].is_object())?;
    Some(json!({
        "type": kind, "eventTime": chat["eventTime"], "user": chat["user"],
        "space": chat[*payload]["space"], "message": chat[*payload]["message"],
        "common": event["commonEventObject"],
    }))
}

impl GoogleChat {
    /// What an event brings, if it is something for the gateway.
    pub(crate) fn arrival(&self, event: &Value, inbox: &Inbox) -> Option<Arrival<InboundEvent>> {
        let addon = event["chat"].is_object().then(|| classic(event));
        let event = match &addon {
            Some(addon) => addon.as_ref()?,
            None => event,
        };
        let is_press = event["type"] == "CARD_CLICKED";
        let (message, user, space) = (&event["message"], &event["user"], &event["space"]);
        let from = if is_press { user } else { &message["sender"] };
        let sender = sender(from)?;
        // Both say who it was.
        if user["name"] != from["name"] {
            return None;
        }
        let conversation = conversation(space, &sender)?;
        if conversation.kind == ChatKind::Direct
            && let Some(space) = space["name"].as_str()
        {
            self.spaces.learn(sender.id.as_str(), space);
        }
        let event = match event["type"].as_str()? {
            "CARD_CLICKED" => InboundEvent::Press(press(event, conversation, sender, inbox.now())?),
            // In the classic format a message may come with the app's entry into a space.
            "ADDED_TO_SPACE" if conversation.kind != ChatKind::Group => return None,
            "ADDED_TO_SPACE" | "APP_COMMAND" | "MESSAGE" => {
                InboundEvent::Message(self.message(event, conversation, sender, inbox)?)
            }
            _ => return None,
        };
        Some(Arrival::repeated(event))
    }

    fn message(
        &self,
        event: &Value,
        conversation: Conversation,
        sender: Sender,
        inbox: &Inbox,
    ) -> Option<InboundMessage> {
        let message = &event["message"];
        // A slash command stands in the text alone.
        let argument =
            message["argumentText"].as_str().filter(|_| message["slashCommand"].is_null());
        let text = argument.or(message["text"].as_str()).unwrap_or_default().trim_start();
        let attachment = attachment(message);
        if text.is_empty() && attachment.is_none() {
            return None;
        }
        let thread = message["thread"]["name"].as_str();
        let replied = thread.filter(|_| message["threadReply"] == true);
        let quoted = message["quotedMessageMetadata"]["name"].as_str().map(str::to_owned);
        let reply_to = quoted.or_else(|| self.began(replied?, inbox));
        let is_group = conversation.kind == ChatKind::Group;
        Some(InboundMessage {
            attachment,
            mentions_us: self.is_mentioned(message),
            reply_to: reply_to.map(|id| conversation.sent(id)),
            ..InboundMessage::new(
                EventId::new(with_thread(message["name"].as_str()?, thread)),
                conversation.in_thread(replied.filter(|_| is_group).map(ThreadId::new)),
                sender,
                time(&message["createTime"]).or(time(&event["eventTime"]))?,
                text,
            )
        })
    }

    /// The message of ours that began a thread.
    fn began(&self, thread: &str, inbox: &Inbox) -> Option<String> {
        let known = self.threads.lock().get(thread).cloned();
        known.or_else(|| inbox.noted(thread))
    }

    /// Until Google has said who we are, every app that is mentioned may be this one: it hears nothing else in most
    /// spaces.
    fn is_mentioned(&self, message: &Value) -> bool {
        let us = self.us.lock();
        let mentions = message["annotations"].as_array().into_iter().flatten();
        let mut users = mentions.map(|it| &it["userMention"]["user"]);
        let is_us = |user: &Value| us.as_ref().is_none_or(|us| user["name"] == us.as_str());
        users.any(|user| user["type"] == "BOT" && is_us(user))
    }
}

/// A press has no name of its own.
fn press(
    event: &Value,
    conversation: Conversation,
    sender: Sender,
    now: UnixMs,
) -> Option<ButtonPress> {
    let (name, at) = (event["message"]["name"].as_str()?, &event["eventTime"]);
    let number = at.as_str().map_or_else(|| now.0.to_string(), str::to_owned);
    Some(ButtonPress {
        id: EventId::new(format!("{name}/{number}")),
        on: conversation.sent(name),
        conversation,
        sender,
        pressed_at: time(at).unwrap_or(now),
        data: event["common"]["parameters"]["d"].as_str()?.to_owned(),
        link: Link::Private,
    })
}

/// A message's name, and the thread that its answer goes to.
fn with_thread(name: &str, thread: Option<&str>) -> String {
    let thread = thread.and_then(|thread| thread.split_once("/threads/"));
    thread.map_or_else(|| name.to_owned(), |(_, thread)| format!("{name}/threads/{thread}"))
}

/// The thread of a message with such a name.
pub(crate) fn thread_of(id: &str) -> Option<String> {
    let (name, thread) = id.split_once("/threads/")?;
    let (space, _) = name.split_once("/messages/")?;
    Some(format!("{space}/threads/{thread}"))
}

/// A person, by their number alone.
fn sender(user: &Value) -> Option<Sender> {
    let name = user["name"].as_str().filter(|name| name.starts_with("users/"))?;
    if user["type"] != "HUMAN" {
        return None;
    }
    let (shown, email) = (user["displayName"].as_str(), user["email"].as_str());
    let meta = [("name", shown), ("email", email)];
    Some(Sender::new(crate::parse_sender(name).ok()?, shown, &meta))
}

/// Where it was written. Two people can talk directly with the app beside them: that is no direct chat with us.
fn conversation(space: &Value, sender: &Sender) -> Option<Conversation> {
    let name = space["name"].as_str().filter(|name| crate::is_space(name))?;
    let alone = &space["singleUserBotDm"];
    let kind = match (space["spaceType"].as_str(), space["type"].as_str()) {
        (Some("DIRECT_MESSAGE"), _) if *alone == true => ChatKind::Direct,
        (Some("SPACE" | "GROUP_CHAT"), _) | (None, Some("ROOM")) => ChatKind::Group,
        // As it was before there was another word for it.
        (None, Some("DM")) if space["spaceType"].is_null() && *alone != false => ChatKind::Direct,
        _ => ChatKind::Unknown,
    };
    let id = if kind == ChatKind::Direct { sender.id.as_str() } else { name };
    Some(Conversation::new(ChatId::new(id), kind))
}

fn attachment(message: &Value) -> Option<Attachment> {
    if let Some(first) = message["attachment"].get(0) {
        return Some(Attachment::of(first["contentType"].as_str()));
    }
    message["attachedGifs"].get(0).map(|_| Attachment::Picture)
}

/// As `2026-12-01T10:20:30.123456Z`.
fn time(text: &Value) -> Option<UnixMs> {
    let at: jiff::Timestamp = text.as_str()?.parse().ok()?;
    u64::try_from(at.as_millisecond()).ok().map(UnixMs)
}

#[cfg(test)]
mod tests;
