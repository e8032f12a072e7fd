//! From Telegram's updates to events. What is not a person's new message or press becomes nothing.

use std::collections::BTreeMap;

use openclaw_plugin_sdk::{
    Attachment, ButtonPress, ChatId, ChatKind, Conversation, EventId, GroupMoved, InboundEvent,
    InboundMessage, Link, Sender, SentRef, ThreadId, UnixMs,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::wire::{Chat, Entity, Me, Message, Press, Topic, User};

/// The event in an update, if there is one. `now` stands in where Telegram gives no time.
pub(crate) fn translate(update: &Map<String, Value>, me: &Me, now: UnixMs) -> Option<InboundEvent> {
    if let Some(value) = update.get("message") {
        if let Some(moved) = moved(value) {
            return Some(InboundEvent::Moved(moved));
        }
        return message(read(value)?, me).map(InboundEvent::Message);
    }
    press(read(update.get("callback_query")?)?, now).map(InboundEvent::Press)
}

fn read<'de, T: Deserialize<'de>>(value: &'de Value) -> Option<T> {
    let value = T::deserialize(value).ok();
    if value.is_none() {
        // Why is not said: the reason would quote the message.
        tracing::warn!("an update cannot be read");
    }
    value
}

fn message(message: Message, me: &Me) -> Option<InboundMessage> {
    if message.sender_chat.is_some() || message.via_bot.is_some() {
        return None;
    }
    let from = message.from.as_ref().filter(|from| !from.is_bot)?;
    let sender = sender(from)?;
    let conversation = conversation(&message.chat, &message.topic, from);
    let mut attachment = attachment(&message.rest);
    let (written, marks) = match (message.text, message.caption) {
        (Some(text), _) => (text, message.entities),
        (None, caption) => (caption.unwrap_or_default(), message.caption_entities),
    };
    let marks: Vec<Entity> =
        marks.into_iter().filter_map(|mark| serde_json::from_value(mark).ok()).collect();
    let mut text = addressed(&written, &marks, me).unwrap_or_else(|| written.clone());
    if message.forward_origin.is_some() && text.trim_start().starts_with('/') {
        // A forwarded command was not written by the sender.
        text.clear();
        attachment = attachment.or(Some(Attachment::File));
    }
    if text.is_empty() && attachment.is_none() {
        return None;
    }
    let answered = message.answered.filter(|answered| answered.forum_topic_created.is_none());
    let answers_us = answered
        .as_ref()
        .and_then(|answered| answered.from.as_ref())
        .is_some_and(|from| from.id == me.id);
    let reply_to = answered.map(|answered| sent(&message.chat, answered.message_id));
    Some(InboundMessage {
        id: EventId::new(message.id.to_string()),
        mentions_us: answers_us || marks.iter().any(|mark| is_us(mark, &written, me)),
        conversation,
        sender,
        sent_at: UnixMs(message.date.saturating_mul(1000)),
        text,
        attachment,
        reply_to,
        link: Link::Private,
    })
}

fn press(press: Press, now: UnixMs) -> Option<ButtonPress> {
    let card = press.message?;
    let sender = sender(&press.from).filter(|_| !press.from.is_bot)?;
    Some(ButtonPress {
        id: EventId::new(press.id),
        conversation: conversation(&card.chat, &card.topic, &press.from),
        sender,
        pressed_at: now,
        on: sent(&card.chat, card.message_id),
        data: press.data?,
        link: Link::Private,
    })
}

/// A group has become a supergroup, said in the old one or in the new one.
fn moved(message: &Value) -> Option<GroupMoved> {
    let kind = message["chat"]["type"].as_str();
    let here =
        message["chat"]["id"].as_i64().filter(|_| matches!(kind, Some("group" | "supergroup")))?;
    let (from, to) =
        match (message["migrate_from_chat_id"].as_i64(), message["migrate_to_chat_id"].as_i64()) {
            (Some(from), None) => (from, here),
            (None, Some(to)) => (here, to),
            _ => return None,
        };
    Some(GroupMoved { from: ChatId::new(from.to_string()), to: ChatId::new(to.to_string()) })
}

fn sent(chat: &Chat, message: i64) -> SentRef {
    SentRef { chat: ChatId::new(chat.id.to_string()), id: EventId::new(message.to_string()) }
}

fn conversation(chat: &Chat, topic: &Topic, from: &User) -> Conversation {
    let kind = match chat.kind.as_str() {
        "group" | "supergroup" => ChatKind::Group,
        // A private chat has the number of its person.
        "private" if chat.id == from.id => ChatKind::Direct,
        _ => ChatKind::Unknown,
    };
    let thread = topic.number().map(|number| ThreadId::new(number.to_string()));
    Conversation::new(ChatId::new(chat.id.to_string()), kind).in_thread(thread)
}

/// By number alone: names and user names can be handed on.
fn sender(from: &User) -> Option<Sender> {
    let id = crate::parse_sender(&from.id.to_string()).ok()?;
    let parts = [
        ("firstName", &from.first_name),
        ("lastName", &from.last_name),
        ("username", &from.username),
    ];
    let meta: BTreeMap<_, _> = parts
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value.clone()?)))
        .collect();
    let names: Vec<&str> = [&from.first_name, &from.last_name]
        .into_iter()
        .flatten()
        .map(|name| name.as_str())
        .collect();
    let name = Some(names.join(" ")).filter(|name| !name.is_empty());
    Some(Sender { id, name, meta })
}

/// Content by its key. What is in neither row is a service message, or new, and no content.
fn attachment(rest: &Map<String, Value>) -> Option<Attachment> {
    // An animation also has a `document`.
    let kinds = [
        (Attachment::Picture, "animation photo"),
        (Attachment::Sticker, "sticker"),
        (Attachment::Voice, "audio video video_note voice"),
        (
            Attachment::File,
            "checklist contact dice document game location paid_media poll story venue",
        ),
    ];
    let has = |keys: &str| keys.split(' ').any(|key| rest.contains_key(key));
    kinds.into_iter().find(|(_, keys)| has(keys)).map(|(kind, _)| kind)
}

fn is_us(mark: &Entity, text: &str, me: &Me) -> bool {
    match mark.kind.as_str() {
        "text_mention" => mark.user.as_ref().is_some_and(|user| user.id == me.id),
        "mention" => {
            run(text, mark).zip(me.username.as_ref()).is_some_and(|(run, name)| names(&run, name))
        }
        "bot_command" => command_for(mark, text, me).is_some(),
        _ => false,
    }
}

/// The text with `/help@our_bot` at its start written as `/help`.
fn addressed(text: &str, marks: &[Entity], me: &Me) -> Option<String> {
    let mark = marks.iter().find(|mark| mark.kind == "bot_command" && mark.offset == 0)?;
    let command = command_for(mark, text, me)?;
    // A command is ASCII: its UTF-16 length is its length in bytes.
    let (_, rest) = text.split_at_checked(mark.length)?;
    Some(command + rest)
}

/// `/help` of `/help@our_bot`.
fn command_for(mark: &Entity, text: &str, me: &Me) -> Option<String> {
    let run = run(text, mark)?;
    let (command, _) = run.split_once('@').filter(|(command, _)| {
        names(&run[command.len()..], me.username.as_deref().unwrap_or(""))
    })?;
    Some(command.to_owned())
}

/// User names are ASCII, and case does not count.
fn names(run: &str, username: &str) -> bool {
    !username.is_empty()
        && run.strip_prefix('@').is_some_and(|name| name.eq_ignore_ascii_case(username))
}

fn run(text: &str, mark: &Entity) -> Option<String> {
    let units: Vec<u16> = text.encode_utf16().collect();
    String::from_utf16(units.get(mark.offset..mark.offset.checked_add(mark.length)?)?).ok()
}

#[cfg(test)]
mod tests;
