//! From the server's messages to ours. What is not a person's new message becomes nothing: tapbacks, changes of a group,
//! edits and what the account itself wrote are messages to the server, too.

use openclaw_plugin_sdk::{
    Attachment, ChannelError, ChatId, ChatKind, Conversation, EventId, InboundEvent,
    InboundMessage, Link, SendFailed, Sender, SenderId, UnixMs, kit::handle,
};
use serde_json::Value;

use crate::{parse_group, parse_sender, text};

/// What is set only in what is no plain new message of another person.
const NO_MESSAGE: [&str; 11] = [
    "associatedMessageGuid",
    "associatedMessageType",
    "dateEdited",
    "dateRetracted",
    "error",
    "groupActionType",
    "groupTitle",
    "isFromMe",
    "isServiceMessage",
    "isSystemMessage",
    "itemType",
];

/// The services that Apple vouches for a sender on: newer systems do not say in a chat's id which one it is.
const VOUCHED: [&str; 2] = ["any", "iMessage"];

/// What is known while a message is read.
pub(crate) struct Known<'a> {
    /// The account's own handle, if the server says it: what it writes to itself comes back.
    pub(crate) me: Option<&'a SenderId>,
    /// Senders that Apple does not vouch for are heard too.
    pub(crate) takes_all: bool,
    /// Who can read along on the way from the server.
    pub(crate) link: Link,
}

/// A message, and the direct chat that it stands in as the server calls it.
pub(crate) struct Heard {
    pub(crate) message: InboundMessage,
    pub(crate) direct: Option<String>,
}

/// The message in one of the server's, if there is one.
pub(crate) fn heard(data: &Value, known: &Known<'_>) -> Option<Heard> {
    if NO_MESSAGE.iter().any(|key| is_set(&data[*key])) {
        return None;
    }
    let from = &data["handle"];
    let sender = parse_sender(from["address"].as_str()?).ok()?;
    if known.me == Some(&sender) {
        return None;
    }
    let guid = data["chats"][0]["guid"].as_str().unwrap_or_default();
    let service = handle::chat(guid).map(|(service, ..)| service);
    let is_vouched =
        from["service"] == "iMessage" && service.is_none_or(|it| VOUCHED.contains(&it));
    if !is_vouched && !known.takes_all {
        return None;
    }
    let written = data["text"].as_str().unwrap_or_default().replace('\u{fffc}', "");
    let attachment = attachment(data);
    if written.trim().is_empty() && attachment.is_none() {
        return None;
    }
    let kind = kind(data);
    let id = if kind == ChatKind::Direct { sender.as_str() } else { guid };
    let conversation = Conversation::new(ChatId::new(id), kind);
    let answered = data["threadOriginatorGuid"].as_str().filter(|guid| !guid.is_empty());
    let message = InboundMessage {
        attachment,
        reply_to: answered.map(|guid| conversation.sent(guid)),
        link: if is_vouched { known.link } else { Link::Exposed },
        ..InboundMessage::new(
            EventId::new(data["guid"].as_str().filter(|guid| !guid.is_empty())?),
            conversation,
            Sender::new(sender, None, &[]),
            UnixMs(data["dateCreated"].as_u64()?),
            written.trim(),
        )
    };
    Some(Heard { message, direct: (kind == ChatKind::Direct).then(|| guid.to_owned()) })
}

/// That a message of ours was not delivered after all.
pub(crate) fn failed(data: &Value) -> Option<InboundEvent> {
    let guid = data["chats"][0]["guid"].as_str()?;
    let chat = match (kind(data), handle::chat(guid)?) {
        (ChatKind::Direct, (.., person)) => ChatId::new(parse_sender(person).ok()?.as_str()),
        (ChatKind::Group, _) => parse_group(guid).ok()?,
        (ChatKind::Unknown, _) => return None,
    };
    let id = data["guid"].as_str().filter(|_| data["isFromMe"] == true)?;
    let sent = Conversation::new(chat, ChatKind::Unknown).sent(id);
    let error = ChannelError::Undeliverable(text::failed_later(data["error"].as_i64()));
    Some(InboundEvent::Failed(SendFailed { sent, error }))
}

/// Both the style of a chat and its id have to say it, of each chat that is named.
fn kind(data: &Value) -> ChatKind {
    let of_chat =
        |chat: &Value| match (chat["style"].as_u64(), handle::chat(chat["guid"].as_str()?)?) {
            // A group can bear the mark of a direct chat on newer systems: that one is with a handle.
            (Some(45), (_, "-", of)) => handle::handle(of).map(|_| ChatKind::Direct),
            (Some(43), (_, "+", _)) => Some(ChatKind::Group),
            _ => None,
        };
    let chats = data["chats"].as_array().map(Vec::as_slice).unwrap_or_default();
    let first = chats.first().and_then(of_chat);
    first
        .filter(|kind| chats.iter().all(|chat| of_chat(chat) == Some(*kind)))
        .unwrap_or(ChatKind::Unknown)
}

fn is_set(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Number(number) => number.as_i64() != Some(0),
        Value::String(text) => !text.is_empty(),
        _ => true,
    }
}

fn attachment(data: &Value) -> Option<Attachment> {
    let first = data["attachments"].as_array().and_then(|all| all.first())?;
    if first["isSticker"] == true {
        return Some(Attachment::Sticker);
    }
    Some(Attachment::of(first["mimeType"].as_str()))
}

#[cfg(test)]
mod tests;
