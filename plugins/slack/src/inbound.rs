//! From Slack's payloads to events. What is not a person's new message, press or command becomes nothing.

use std::collections::BTreeMap;

use openclaw_plugin_sdk::{
    Attachment, ButtonPress, ChatId, ChatKind, Conversation, EventId, InboundMessage, Link, Sender,
    SentRef, ThreadId, UnixMs,
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    wire::{Callback, File, Interaction, Me, Message, Slash},
    words,
};

/// The message in an event, if there is one.
pub(crate) fn message(callback: &Callback, me: &Me, commands: &[String]) -> Option<InboundMessage> {
    let kind = callback.event.get("type").and_then(Value::as_str);
    if !matches!(kind, Some("message" | "app_mention")) {
        return None;
    }
    let message: Message = read(&callback.event)?;
    let usual =
        matches!(message.subtype.as_deref(), None | Some("file_share" | "thread_broadcast"));
    if !usual || message.hidden || message.bot_id.is_some() {
        return None;
    }
    let user = message.user.as_deref().filter(|user| *user != me.user_id && *user != SLACKBOT)?;
    let team = team(&message, callback.is_ext_shared_channel, me)?;
    let sender = sender(user, &team, me, None)?;
    let conversation = conversation(&message, &sender);
    let mentioned = message.kind == "app_mention" || mentions(&message.text, &me.user_id);
    let mut text = words::plain(words::without_mention(&message.text, &me.user_id));
    if conversation.kind == ChatKind::Direct {
        text = words::direct(text, commands);
    }
    let attachment = message.files.first().map(attachment);
    if text.trim().is_empty() && attachment.is_none() {
        return None;
    }
    let root = message.thread_ts.as_deref().filter(|root| *root != message.ts);
    let reply_to =
        root.map(|root| SentRef { chat: conversation.id.clone(), id: EventId::new(root) });
    let conversation = conversation.in_thread(root.map(ThreadId::new));
    Some(InboundMessage {
        id: message_id(&message.ts, root),
        mentions_us: mentioned,
        conversation,
        sender,
        sent_at: time(&message.ts)?,
        text,
        attachment,
        reply_to,
        link: Link::Private,
    })
}

/// The press in an interaction, and where its answer goes.
pub(crate) fn press(payload: &Value, me: &Me, now: UnixMs) -> Option<(ButtonPress, Reply)> {
    let interaction: Interaction = read(payload)?;
    if interaction.kind != "block_actions" {
        return None;
    }
    let user = interaction.user?;
    let sender = sender(&user.id, user.team_id.as_deref()?, me, user.username.as_deref())?;
    let container = interaction.container?;
    let channel = container.channel_id.or(interaction.channel.map(|channel| channel.id))?;
    let action = interaction.actions.into_iter().next()?;
    let conversation = placed(kind_of(&channel), &channel, &sender)
        .in_thread(container.thread_ts.map(ThreadId::new));
    let press = ButtonPress {
        id: EventId::new(action.action_ts?),
        on: SentRef { chat: conversation.id.clone(), id: EventId::new(container.message_ts?) },
        conversation,
        sender,
        pressed_at: now,
        data: action.value?,
        link: Link::Private,
    };
    Some((press, Reply { url: interaction.response_url, channel, user: user.id }))
}

/// The message that a slash command is, in the direct chat of who typed it: nobody else sees it.
pub(crate) fn slash(slash: &Slash, me: &Me, now: UnixMs) -> Option<InboundMessage> {
    let sender = sender(&slash.user_id, &slash.team_id, me, slash.user_name.as_deref())?;
    Some(InboundMessage {
        id: EventId::new(slash.trigger_id.clone()),
        conversation: placed(ChatKind::Direct, "", &sender),
        sender,
        sent_at: now,
        text: words::slash(&words::plain(&slash.text)),
        attachment: None,
        mentions_us: false,
        reply_to: None,
        link: Link::Private,
    })
}

/// Where the answer to a press goes.
#[derive(Clone)]
pub(crate) struct Reply {
    pub(crate) url: Option<String>,
    pub(crate) channel: String,
    pub(crate) user: String,
}

pub(crate) fn read<'de, T: Deserialize<'de>>(value: &'de Value) -> Option<T> {
    let value = T::deserialize(value).ok();
    if value.is_none() {
        // Why is not said: the reason would quote the message.
        tracing::warn!("a payload of Slack's cannot be read");
    }
    value
}

fn mentions(text: &str, us: &str) -> bool {
    text.split("<@")
        .skip(1)
        .any(|rest| rest.strip_prefix(us).is_some_and(|rest| rest.starts_with(['>', '|'])))
}

/// The id of a message; that of a reply carries its thread, for an answer has to name the thread.
fn message_id(ts: &str, root: Option<&str>) -> EventId {
    EventId::new(root.map_or_else(|| ts.to_owned(), |root| format!("{ts}/{root}")))
}

/// The thread that an answer to a message with this id stands in.
pub(crate) fn thread_of(id: &EventId) -> &str {
    id.as_str().split_once('/').map_or(id.as_str(), |(_, root)| root)
}

/// The writer's workspace. In a place that other workspaces share, silence about it is not taken for ours.
fn team(message: &Message, shared: bool, me: &Me) -> Option<String> {
    let named = [&message.user_team, &message.source_team, &message.team];
    let named = named.into_iter().flatten().next().cloned();
    named.or_else(|| (!shared).then(|| me.team_id.clone()))
}

/// The id of a person of another workspace says so.
fn sender_id(user: &str, team: &str, me: &Me) -> String {
    if team == me.team_id { user.to_owned() } else { format!("team:{team}:user:{user}") }
}

/// By id alone: names can be changed.
fn sender(user: &str, team: &str, me: &Me, name: Option<&str>) -> Option<Sender> {
    let id = crate::parse_sender(&sender_id(user, team, me)).ok()?;
    let meta: BTreeMap<_, _> =
        name.map(|name| ("username".to_owned(), name.to_owned())).into_iter().collect();
    Some(Sender { id, name: name.map(str::to_owned), meta })
}

/// Where a message stands. The direct chat with a person bears their id: so an owner can be written to who has not
/// written since the start, and a card there is known again.
fn conversation(message: &Message, sender: &Sender) -> Conversation {
    let kind = match message.channel_type.as_deref() {
        Some("im") => direct_if(&message.channel),
        Some("channel" | "group" | "mpim") => ChatKind::Group,
        // A mention does not say where it stands; it is never direct.
        None if message.kind == "app_mention" => ChatKind::Group,
        _ => ChatKind::Unknown,
    };
    placed(kind, &message.channel, sender)
}

fn placed(kind: ChatKind, channel: &str, sender: &Sender) -> Conversation {
    let id = if kind == ChatKind::Direct { sender.id.as_str() } else { channel };
    Conversation::new(ChatId::new(id), kind)
}

/// An interaction says no more of its place than the place's id does.
fn kind_of(channel: &str) -> ChatKind {
    match channel.as_bytes().first() {
        Some(b'D') => ChatKind::Direct,
        Some(b'C' | b'G') => ChatKind::Group,
        _ => ChatKind::Unknown,
    }
}

fn direct_if(channel: &str) -> ChatKind {
    if channel.starts_with('D') { ChatKind::Direct } else { ChatKind::Unknown }
}

fn attachment(file: &File) -> Attachment {
    match file.mimetype.split('/').next() {
        Some("image") => Attachment::Picture,
        Some("audio" | "video") => Attachment::Voice,
        _ => Attachment::File,
    }
}

/// `1712345678.000200`, seconds and a counter.
fn time(ts: &str) -> Option<UnixMs> {
    let (seconds, rest) = ts.split_once('.').unwrap_or((ts, ""));
    let seconds: u64 = seconds.parse().ok()?;
    let millis: u64 = rest.get(..3).and_then(|millis| millis.parse().ok()).unwrap_or_default();
    Some(UnixMs(seconds.saturating_mul(1000).saturating_add(millis)))
}

const SLACKBOT: &str = "USLACKBOT";

#[cfg(test)]
mod tests;
