//! From Telegram's updates to events. What is not a person's new message or press becomes nothing. Lenient: a part that
//! cannot be read is missing, and the rest of the message still arrives.

use openclaw_plugin_sdk::{
    Attachment, ButtonPress, ChatId, ChatKind, Conversation, EventId, FileRef, GroupMoved,
    InboundEvent, InboundMessage, Link, Sender, SentRef, ThreadId, UnixMs,
};
use serde::Deserialize;
use serde_json::Value;

/// The bot, as far as it matters: `getMe` has fields that emulators lack.
#[derive(Clone, Deserialize)]
pub(crate) struct Me {
    pub(crate) id: i64,
    pub(crate) username: Option<String>,
    /// False: in groups it is shown commands, mentions and replies alone.
    #[serde(default)]
    pub(crate) can_read_all_group_messages: Value,
}

/// The event in an update, if there is one. `now` stands in where Telegram gives no time.
pub(crate) fn translate(update: &Value, me: &Me, now: UnixMs) -> Option<InboundEvent> {
    let written = &update["message"];
    let event = press(&update["callback_query"], now).map(InboundEvent::Press);
    let event = event.or_else(|| moved(written).map(InboundEvent::Moved));
    event.or_else(|| message(written, me).map(InboundEvent::Message))
}

/// The album that a message is a part of, and whose it is.
pub(crate) fn album(update: &Value) -> Option<(&str, i64, i64)> {
    let message = &update["message"];
    let of = |who: &str| message[who]["id"].as_i64();
    Some((message["media_group_id"].as_str()?, of("chat")?, of("from")?))
}

/// Puts the parts of each album together: one message, at the place and with the id of the last part. Delivered again
/// with a part more, it is another message, and nothing of it is lost.
pub(crate) fn in_albums<T: PartialEq>(
    mut events: Vec<Option<InboundEvent>>,
    albums: &[Option<T>],
) -> Vec<Option<InboundEvent>> {
    for (at, album) in albums.iter().enumerate().filter(|(_, album)| album.is_some()) {
        let Some(next) = albums[at + 1..].iter().position(|later| later == album) else { continue };
        match (events[at].take(), &mut events[at + 1 + next]) {
            (Some(InboundEvent::Message(first)), Some(InboundEvent::Message(rest))) => {
                join(first, rest);
            }
            (first, rest @ None) => *rest = first,
            (first, Some(_)) => events[at] = first,
        }
    }
    events
}

fn join(first: InboundMessage, rest: &mut InboundMessage) {
    let texts = [first.text, std::mem::take(&mut rest.text)];
    let texts = texts.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>();
    rest.text = texts.join("\n");
    rest.files.splice(..0, first.files);
    rest.mentions_us |= first.mentions_us;
    rest.reply_to = first.reply_to.or(rest.reply_to.take());
    rest.sent_at = first.sent_at;
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
    let (mut attachment, file) = content(message).unzip();
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
    let sent_at = UnixMs(message["date"].as_u64()?.saturating_mul(1000));
    let (conversation, sender) = (conversation(message, from)?, sender(from)?);
    let id = EventId::new(number(&message["message_id"])?);
    Some(InboundMessage {
        mentions_us: answers_us || marks.iter().any(|mark| is_us(mark, written, me)),
        attachment,
        files: file.flatten().into_iter().collect(),
        reply_to: answered.and_then(|answered| sent(chat, answered)),
        ..InboundMessage::new(id, conversation, sender, sent_at, text)
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
    let is_group = matches!(message["chat"]["type"].as_str(), Some("group" | "supergroup"));
    let here = number(&message["chat"]["id"]).filter(|_| is_group).map(ChatId::new);
    let id = |key: &str| number(&message[key]).map(ChatId::new);
    match (here?, id("migrate_from_chat_id"), id("migrate_to_chat_id")) {
        (to, Some(from), None) | (from, None, Some(to)) => Some(GroupMoved { from, to }),
        _ => None,
    }
}

fn number(value: &Value) -> Option<String> {
    value.as_i64().map(|number| number.to_string())
}

/// A message as the gateway refers to it.
pub(crate) fn sent(chat: &Value, message: &Value) -> Option<SentRef> {
    let (chat, id) = (number(&chat["id"])?, number(&message["message_id"])?);
    Some(SentRef { chat: ChatId::new(chat), id: EventId::new(id) })
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
    let topic = number(&message["message_thread_id"]);
    let topic = topic.filter(|_| message["is_topic_message"] == true).map(ThreadId::new);
    Some(Conversation::new(ChatId::new(number(&chat["id"])?), kind).in_thread(topic))
}

/// By number alone: names and user names can be handed on. A bot is no sender.
fn sender(from: &Value) -> Option<Sender> {
    if from.get("is_bot").is_some_and(|is_bot| *is_bot != false) {
        return None;
    }
    let id = crate::parse_sender(&number(&from["id"])?).ok()?;
    let [first, last, username] =
        ["first_name", "last_name", "username"].map(|key| from[key].as_str());
    let name = [first, last].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let meta = [("firstName", first), ("lastName", last), ("username", username)];
    Some(Sender::new(id, Some(&name), &meta))
}

/// Content by its key, with its file: a picture in its largest size. What is in no row is a service message, or new, and
/// no content.
fn content(message: &Value) -> Option<(Attachment, Option<FileRef>)> {
    // An animation also has a `document`.
    let kinds = [
        (Attachment::Picture, "animation photo"),
        (Attachment::Sticker, "sticker"),
        (Attachment::Voice, "voice audio video video_note"),
        (
            Attachment::File,
            "document checklist contact dice game location paid_media poll story venue",
        ),
    ];
    let has = |keys: &str| keys.split(' ').find_map(|key| message.get(key));
    let (kind, content) = kinds.into_iter().find_map(|(kind, keys)| Some((kind, has(keys)?)))?;
    let file = content.as_array().and_then(|sizes| sizes.last()).unwrap_or(content);
    let id = file["file_id"].as_str().filter(|_| kind != Attachment::Sticker);
    let file = id.map(|id| FileRef::listed(id, &file["file_name"], &file["file_size"]));
    Some((kind, file))
}

fn is_us(mark: &Value, text: &str, me: &Me) -> bool {
    let run = run(text, mark).unwrap_or_default();
    match mark["type"].as_str() {
        Some("text_mention") => mark["user"]["id"] == me.id,
        Some("mention") => names(&run, me),
        Some("bot_command") => command_for(&run, me).is_some(),
        _ => false,
    }
}

/// The text with `/help@our_bot` at its start written as `/help`.
fn addressed(text: &str, marks: &[&Value], me: &Me) -> Option<String> {
    let first = |mark: &&&Value| mark["type"] == "bot_command" && mark["offset"] == 0;
    let run = run(text, marks.iter().find(first)?)?;
    // A command is ASCII: its UTF-16 length is its length in bytes.
    let (_, rest) = text.split_at_checked(run.len())?;
    Some(command_for(&run, me)?.to_owned() + rest)
}

/// `/help` of `/help@our_bot`.
fn command_for<'a>(run: &'a str, me: &Me) -> Option<&'a str> {
    let (command, name) = run.split_at(run.find('@')?);
    names(name, me).then_some(command)
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
