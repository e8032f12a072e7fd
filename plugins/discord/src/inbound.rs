//! From Discord's events to ours. What is not a person's new message, command or press becomes nothing. Lenient: a part
//! that cannot be read is missing, and the rest still arrives.

use openclaw_plugin_sdk::{
    Attachment, ButtonPress, ChatKind, Conversation, EventId, FileRef, InboundEvent,
    InboundMessage, Link, Sender, UnixMs, kit::ids,
};
use serde_json::Value;

use crate::{
    channels::Origin,
    interaction::{COMMAND, PRESS},
    is_snowflake,
};

/// An ordinary message, and one that answers another. All other kinds are Discord's own words.
const PLAIN: u64 = 0;
const REPLY: u64 = 19;

/// An interaction that is neither in a server nor with the bot alone.
const ELSEWHERE: u64 = 2;

/// Discord counts its milliseconds from the first second of 2015.
const EPOCH: u64 = 1_420_070_400_000;

/// A text of an object; empty where it is missing.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn is_filled(list: &Value) -> bool {
    list.as_array().is_some_and(|list| !list.is_empty())
}

/// The person who wrote a message, if one did.
fn author<'a>(message: &'a Value, me: &str) -> Option<&'a Value> {
    let kind = message.get("type").map_or(Some(PLAIN), Value::as_u64)?;
    // What posts through a webhook may call itself anything.
    let written = matches!(kind, PLAIN | REPLY) && message["webhook_id"].is_null();
    let author = Some(&message["author"]).filter(|author| text(author, "id") != me);
    author.filter(|_| written && is_snowflake(text(message, "id"))).and_then(person)
}

/// The person who gave a command or pressed a button.
fn actor(interaction: &Value) -> Option<&Value> {
    let member = Some(&interaction["member"]["user"]).filter(|member| !member.is_null());
    person(member.unwrap_or(&interaction["user"]))
}

fn person(user: &Value) -> Option<&Value> {
    let is_not = |key: &str| user.get(key).is_none_or(|flag| *flag == false);
    (is_not("bot") && is_not("system") && is_snowflake(text(user, "id"))).then_some(user)
}

/// Where a person wrote a message.
pub(crate) fn origin<'a>(message: &'a Value, me: &str) -> Option<Origin<'a>> {
    let (person, kind) = (text(author(message, me)?, "id"), message["channel_type"].as_u64());
    let (guild, channel) = (message["guild_id"].as_str(), text(message, "channel_id"));
    Some(Origin { guild, channel, person, kind })
}

/// Where a person gave a command or pressed a button.
pub(crate) fn action_origin(interaction: &Value) -> Option<Origin<'_>> {
    let person = text(actor(interaction)?, "id");
    let channel = interaction["channel_id"].as_str();
    let channel = channel.or_else(|| interaction["channel"]["id"].as_str())?;
    let guild = interaction["guild_id"].as_str();
    // Of what kind a channel without a server is, an interaction says too, but not whether the bot is in it.
    let kind = interaction["channel"]["type"].as_u64().filter(|_| guild.is_some());
    Some(Origin { guild, channel, person, kind })
}

pub(crate) fn message(
    message: &Value,
    conversation: Conversation,
    me: &str,
) -> Option<InboundEvent> {
    let (author, id, attachment) = (author(message, me)?, text(message, "id"), attachment(message));
    let mut mentions = message["mentions"].as_array().into_iter().flatten();
    let mentioned = mentions.any(|user| user["id"] == me);
    let answers_us = message["referenced_message"]["author"]["id"] == me;
    let reference = &message["message_reference"];
    let is_reply = message["type"] == REPLY && reference["type"].as_u64().unwrap_or_default() == 0;
    let answered = reference["message_id"].as_str().filter(|_| is_reply);
    let reply_to = answered.map(|id| conversation.sent(id));
    let written = text(message, "content");
    let written = ids::after_mention(written, me).map_or(written, str::trim_start);
    if written.is_empty() && attachment.is_none() {
        return None;
    }
    Some(InboundEvent::Message(InboundMessage {
        attachment,
        files: files(message),
        mentions_us: mentioned || (answers_us && reply_to.is_some()),
        reply_to,
        ..InboundMessage::new(EventId::new(id), conversation, sender(author)?, at(id), written)
    }))
}

pub(crate) fn interaction(
    interaction: &Value,
    mut conversation: Conversation,
) -> Option<InboundEvent> {
    if interaction["context"] == ELSEWHERE && conversation.kind == ChatKind::Direct {
        conversation.kind = ChatKind::Unknown;
    }
    let sender = sender(actor(interaction)?)?;
    let (number, data) = (interaction["id"].as_str()?, &interaction["data"]);
    let (id, at) = (EventId::new(number), at(number));
    match (interaction["type"].as_u64()?, data["type"].as_u64()) {
        // Of the kind that people type.
        (COMMAND, Some(1)) => {
            let options = data["options"].as_array().into_iter().flatten();
            let words = options.filter_map(|option| option["value"].as_str());
            let words: Vec<_> = words.map(str::trim).collect();
            let text = format!("/{} {}", data["name"].as_str()?, words.join(" "));
            Some(InboundEvent::Message(InboundMessage {
                mentions_us: true,
                ..InboundMessage::new(id, conversation, sender, at, text.trim_end())
            }))
        }
        // A button: a menu has no data of ours.
        (PRESS, _) => Some(InboundEvent::Press(ButtonPress {
            pressed_at: at,
            on: conversation.sent(interaction["message"]["id"].as_str()?),
            id,
            conversation,
            sender,
            data: data["custom_id"].as_str()?.to_owned(),
            link: Link::Private,
        })),
        _ => None,
    }
}

/// When Discord gave this number away: by its own clock.
fn at(id: &str) -> UnixMs {
    UnixMs((id.parse::<u64>().unwrap_or_default() >> 22) + EPOCH)
}

/// By number alone: names, user names and the name in a server can be handed on.
fn sender(user: &Value) -> Option<Sender> {
    let id = crate::parse_sender(text(user, "id")).ok()?;
    let number = user["discriminator"].as_str().filter(|number| !matches!(*number, "0" | ""));
    let username = user["username"].as_str();
    let name = user["global_name"].as_str().or(username);
    let tag = username.map(|name| match number {
        Some(number) => format!("{name}#{number}"),
        None => name.to_owned(),
    });
    let shown = name.filter(|name| !name.is_empty());
    Some(Sender::new(id, name, &[("name", shown), ("tag", tag.as_deref())]))
}

/// Only its kind.
fn attachment(message: &Value) -> Option<Attachment> {
    if is_filled(&message["attachments"]) {
        return Some(kind(&message["attachments"][0]));
    }
    if is_filled(&message["sticker_items"]) {
        return Some(Attachment::Sticker);
    }
    let other = !message["poll"].is_null() || is_filled(&message["message_snapshots"]);
    other.then_some(Attachment::File)
}

/// By address: Discord gives files no other name, and signs this one.
fn files(message: &Value) -> Vec<FileRef> {
    let file = |file: &Value| {
        Some(FileRef::listed(file["url"].as_str()?, &file["filename"], &file["size"]))
    };
    message["attachments"].as_array().into_iter().flatten().filter_map(file).collect()
}

fn kind(file: &Value) -> Attachment {
    if file["waveform"].is_null() {
        return Attachment::of(file["content_type"].as_str());
    }
    Attachment::Voice
}

#[cfg(test)]
mod tests;
