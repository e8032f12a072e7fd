//! From Discord's events to ours. What is not a person's new message, command or press becomes nothing.

use std::collections::BTreeMap;

use openclaw_plugin_sdk::{
    Attachment, ButtonPress, Conversation, EventId, InboundEvent, InboundMessage, Link, Sender,
    SentRef, UnixMs,
};
use serde_json::Value;

use crate::{
    interaction::Kind,
    is_snowflake,
    places::Origin,
    wire::{File, Interaction, Message, User},
};

/// An ordinary message, and one that answers another. All other kinds are Discord's own words.
const PLAIN: u64 = 0;
const REPLY: u64 = 19;

/// Discord counts its milliseconds from the first second of 2015.
const EPOCH: u64 = 1_420_070_400_000;

/// Who wrote a message, if a person did.
pub(crate) fn author<'a>(message: &'a Message, me: &str) -> Option<&'a User> {
    let written = matches!(message.kind, PLAIN | REPLY) && message.webhook_id.is_none();
    let author = message.author.as_ref().filter(|_| written && is_snowflake(&message.id))?;
    person(author).filter(|author| author.id != me)
}

/// Who gave a command or pressed a button.
pub(crate) fn actor(interaction: &Interaction) -> Option<&User> {
    let member = interaction.member.as_ref().map(|member| &member.user);
    person(member.or(interaction.user.as_ref())?)
}

fn person(user: &User) -> Option<&User> {
    (!user.bot && !user.system && is_snowflake(&user.id)).then_some(user)
}

/// Where a message was written.
pub(crate) fn origin<'a>(message: &'a Message, author: &'a User) -> Origin<'a> {
    let guild = message.guild_id.as_deref();
    Origin { guild, channel: &message.channel_id, person: &author.id, kind: message.channel_type }
}

/// Where a command was given or a button pressed.
pub(crate) fn place<'a>(interaction: &'a Interaction, actor: &'a User) -> Option<Origin<'a>> {
    let channel = interaction.channel_id.as_deref();
    let channel = channel.or(interaction.channel.as_ref().map(|channel| channel.id.as_str()))?;
    let guild = interaction.guild_id.as_deref();
    // Of what kind a channel without a server is, an interaction says too, but not whether the bot is in it.
    let kind = interaction.channel.as_ref().map(|channel| channel.kind).filter(|_| guild.is_some());
    Some(Origin { guild, channel, person: &actor.id, kind })
}

pub(crate) fn message(
    message: &Message,
    conversation: Conversation,
    me: &str,
) -> Option<InboundEvent> {
    let author = author(message, me)?;
    let attachment = attachment(message);
    let mentioned = message.mentions.iter().any(|user| user["id"] == me);
    let answers_us = message.answers.as_ref().is_some_and(|it| it.author.id == me);
    let answered = message.refers_to.as_ref().filter(|it| it.kind == 0 && message.kind == REPLY);
    let reply_to = answered.and_then(|answered| {
        let id = EventId::new(answered.message_id.as_deref()?);
        Some(SentRef { chat: conversation.id.clone(), id })
    });
    let text = addressed(&message.content, me).to_owned();
    if text.is_empty() && attachment.is_none() {
        return None;
    }
    Some(InboundEvent::Message(InboundMessage {
        id: EventId::new(message.id.clone()),
        conversation,
        sender: sender(author)?,
        sent_at: at(&message.id),
        text,
        attachment,
        mentions_us: mentioned || (answers_us && reply_to.is_some()),
        reply_to,
        link: Link::Private,
    }))
}

pub(crate) fn interaction(
    interaction: &Interaction,
    conversation: Conversation,
) -> Option<InboundEvent> {
    let sender = sender(actor(interaction)?)?;
    let (id, data) = (EventId::new(interaction.id.clone()), interaction.data.as_ref()?);
    match Kind::of(interaction) {
        Kind::Command => {
            let words = data.options.iter().filter_map(|option| option.value.as_str());
            let words: Vec<_> = words.map(str::trim).collect();
            let text = format!("/{} {}", data.name.as_deref()?, words.join(" "));
            Some(InboundEvent::Message(InboundMessage {
                sent_at: at(&interaction.id),
                id,
                conversation,
                sender,
                text: text.trim_end().to_owned(),
                attachment: None,
                mentions_us: true,
                reply_to: None,
                link: Link::Private,
            }))
        }
        Kind::Press => {
            let card = EventId::new(interaction.message.as_ref()?.id.clone());
            Some(InboundEvent::Press(ButtonPress {
                pressed_at: at(&interaction.id),
                on: SentRef { chat: conversation.id.clone(), id: card },
                id,
                conversation,
                sender,
                data: data.custom_id.clone()?,
                link: Link::Private,
            }))
        }
        Kind::Other => None,
    }
}

/// When Discord gave this number away: by its own clock.
fn at(id: &str) -> UnixMs {
    UnixMs((id.parse::<u64>().unwrap_or_default() >> 22) + EPOCH)
}

/// By number alone: names, user names and the name in a server can be handed on.
fn sender(user: &User) -> Option<Sender> {
    let id = crate::parse_sender(&user.id).ok()?;
    let number = user.discriminator.as_deref().filter(|number| !matches!(*number, "0" | ""));
    let tag = user.username.as_ref().map(|name| match number {
        Some(number) => format!("{name}#{number}"),
        None => name.clone(),
    });
    let name = user.global_name.clone().or_else(|| user.username.clone());
    let name = name.filter(|name| !name.is_empty());
    let parts = [("name", name.clone()), ("tag", tag)];
    let meta: BTreeMap<_, _> =
        parts.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect();
    Some(Sender { id, name, meta })
}

/// The text without the mention of us that it begins with.
fn addressed<'a>(text: &'a str, me: &str) -> &'a str {
    let mention = || {
        let rest = text.trim_start().strip_prefix("<@")?;
        rest.strip_prefix('!').unwrap_or(rest).strip_prefix(me)?.strip_prefix('>')
    };
    mention().map_or(text, str::trim_start)
}

/// Only its kind.
fn attachment(message: &Message) -> Option<Attachment> {
    if let Some(file) = message.attachments.first() {
        return Some(kind(file));
    }
    if !message.sticker_items.is_empty() {
        return Some(Attachment::Sticker);
    }
    let other = message.poll.is_some() || !message.forwarded.is_empty();
    other.then_some(Attachment::File)
}

fn kind(file: &Value) -> Attachment {
    let file: Option<File> = serde_json::from_value(file.clone()).ok();
    let Some(file) = file else { return Attachment::File };
    match file.content_type.as_deref().and_then(|kind| kind.split_once('/')) {
        _ if file.waveform.is_some() => Attachment::Voice,
        Some(("image", _)) => Attachment::Picture,
        Some(("audio" | "video", _)) => Attachment::Voice,
        _ => Attachment::File,
    }
}

#[cfg(test)]
mod tests;
