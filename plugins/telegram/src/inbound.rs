//! From Telegram's updates to events. What is not a person's new message or press becomes nothing. Lenient: a part that
//! cannot be read is missing, and the rest of the message still arrives.

use openclaw_plugin_sdk::{
    Attachment, ButtonPress, ChatId, ChatKind, Conversation, EventId, GroupMoved, InboundEvent,
    InboundMessage, Link, Sender, SentRef, ThreadId, UnixMs, kit::lenient,
};
use serde::Deserialize;
use serde_json::Value;

use crate::poll::Update;

/// The bot, as far as it matters: `getMe` has fields that emulators lack.
#[derive(Clone, Deserialize)]
pub(crate) struct Me {
    pub(crate) id: i64,
    pub(crate) username: Option<String>,
    /// False: in groups it is shown commands, mentions and replies alone.
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) can_read_all_group_messages: Option<bool>,
}

/// The event in an update, if there is one. `now` stands in where Telegram gives no time.
pub(crate) fn translate(update: &Update, me: &Me, now: UnixMs) -> Option<InboundEvent> {
    let Some(written) = update.get("message") else {
        return press(update.get("callback_query")?, now).map(InboundEvent::Press);
    };
    match moved(written) {
        Some(moved) => Some(InboundEvent::Moved(moved)),
        None => message(written, me).map(InboundEvent::Message),
    }
}

fn message(message: &Value, me: &Me) -> Option<InboundMessage> {
    // On behalf of a channel or as an anonymous administrator; or another bot made the text.
    if !message["sender_chat"].is_null() || !message["via_bot"].is_null() {
        return None;
    }
    let (from, chat) = (&message["from"], &message["chat"]);
    let is_text = message["text"].is_string();
    let (key, marks) = if is_text { ("text", "entities") } else { ("caption", "caption_entities") };
    let written = message[key].as_str().unwrap_or_default();
    let marks: Vec<&Value> = message[marks].as_array().into_iter().flatten().collect();
    let mut attachment = attachment(message);
    let mut text = addressed(written, &marks, me).unwrap_or_else(|| written.to_owned());
    if !message["forward_origin"].is_null() && text.trim_start().starts_with('/') {
        // A forwarded command was not written by the sender.
        text.clear();
        attachment = attachment.or(Some(Attachment::File));
    }
    if text.is_empty() && attachment.is_none() {
        return None;
    }
    // Every message in a topic answers the topic's first.
    let answered = Some(&message["reply_to_message"]);
    let answered = answered.filter(|answered| answered["forum_topic_created"].is_null());
    let answers_us = answered.is_some_and(|answered| answered["from"]["id"] == me.id);
    Some(InboundMessage {
        id: id_of(message)?,
        mentions_us: answers_us || marks.iter().any(|mark| is_us(mark, written, me)),
        conversation: conversation(message, from)?,
        sender: sender(from)?,
        sent_at: UnixMs(message["date"].as_u64()?.saturating_mul(1000)),
        text,
        attachment,
        reply_to: answered.and_then(|answered| sent(chat, answered)),
        link: Link::Private,
    })
}

fn press(press: &Value, now: UnixMs) -> Option<ButtonPress> {
    // Missing for cards that were placed by way of another chat.
    let (card, from) = (&press["message"], &press["from"]);
    Some(ButtonPress {
        id: EventId::new(press["id"].as_str()?),
        conversation: conversation(card, from)?,
        sender: sender(from)?,
        pressed_at: now,
        on: sent(&card["chat"], card)?,
        data: press["data"].as_str()?.to_owned(),
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

fn id_of(message: &Value) -> Option<EventId> {
    message["message_id"].as_i64().map(|id| EventId::new(id.to_string()))
}

fn chat_id(chat: &Value) -> Option<ChatId> {
    chat["id"].as_i64().map(|id| ChatId::new(id.to_string()))
}

fn sent(chat: &Value, message: &Value) -> Option<SentRef> {
    Some(SentRef { chat: chat_id(chat)?, id: id_of(message)? })
}

fn conversation(message: &Value, from: &Value) -> Option<Conversation> {
    let chat = &message["chat"];
    let kind = match chat["type"].as_str()? {
        "group" | "supergroup" => ChatKind::Group,
        // A private chat has the number of its person.
        "private" if chat["id"] == from["id"] => ChatKind::Direct,
        _ => ChatKind::Unknown,
    };
    // Replies in a group without topics have a number too, which nothing can be sent to.
    let topic = message["message_thread_id"].as_i64();
    let topic = topic.filter(|_| message["is_topic_message"] == true);
    let thread = topic.map(|number| ThreadId::new(number.to_string()));
    Some(Conversation::new(chat_id(chat)?, kind).in_thread(thread))
}

/// By number alone: names and user names can be handed on. A bot is no sender.
fn sender(from: &Value) -> Option<Sender> {
    if from.get("is_bot").is_some_and(|is_bot| *is_bot != false) {
        return None;
    }
    let id = crate::parse_sender(&from["id"].as_i64()?.to_string()).ok()?;
    let parts = ["first_name", "last_name", "username"].map(|key| from[key].as_str());
    let named = ["firstName", "lastName", "username"].into_iter().zip(parts);
    let meta = named.filter_map(|(key, part)| Some((key.to_owned(), part?.to_owned())));
    let name = parts[..2].iter().copied().flatten().collect::<Vec<_>>().join(" ");
    Some(Sender { id, name: Some(name).filter(|name| !name.is_empty()), meta: meta.collect() })
}

/// Content by its key. What is in neither row is a service message, or new, and no content.
fn attachment(message: &Value) -> Option<Attachment> {
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
    let has = |keys: &str| keys.split(' ').any(|key| message.get(key).is_some());
    kinds.into_iter().find(|(_, keys)| has(keys)).map(|(kind, _)| kind)
}

fn is_us(mark: &Value, text: &str, me: &Me) -> bool {
    match mark["type"].as_str() {
        Some("text_mention") => mark["user"]["id"] == me.id,
        Some("mention") => run(text, mark).is_some_and(|run| names(&run, me)),
        Some("bot_command") => command_for(mark, text, me).is_some(),
        _ => false,
    }
}

/// The text with `/help@our_bot` at its start written as `/help`.
fn addressed(text: &str, marks: &[&Value], me: &Me) -> Option<String> {
    let first = |mark: &&&Value| mark["type"] == "bot_command" && mark["offset"] == 0;
    let mark = marks.iter().find(first)?;
    let command = command_for(mark, text, me)?;
    // A command is ASCII: its UTF-16 length is its length in bytes.
    let (_, rest) = text.split_at_checked(run(text, mark)?.len())?;
    Some(command + rest)
}

/// `/help` of `/help@our_bot`.
fn command_for(mark: &Value, text: &str, me: &Me) -> Option<String> {
    let run = run(text, mark)?;
    let at = run.find('@').filter(|at| names(&run[*at..], me))?;
    Some(run[..at].to_owned())
}

/// User names are ASCII, and case does not count.
fn names(run: &str, me: &Me) -> bool {
    let name = run.strip_prefix('@').zip(me.username.as_deref());
    name.is_some_and(|(run, name)| !name.is_empty() && run.eq_ignore_ascii_case(name))
}

/// A marked run of a text, counted in UTF-16 units.
fn run(text: &str, mark: &Value) -> Option<String> {
    let place = |key: &str| mark[key].as_u64().and_then(|place| usize::try_from(place).ok());
    let (offset, length) = (place("offset")?, place("length")?);
    let units: Vec<u16> = text.encode_utf16().collect();
    String::from_utf16(units.get(offset..offset.checked_add(length)?)?).ok()
}

#[cfg(test)]
mod tests;
