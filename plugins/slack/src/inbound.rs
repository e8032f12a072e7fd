//! From Slack's payloads to events. What is not a person's new message, press or command becomes nothing.

use openclaw_plugin_sdk::{
    Attachment, ButtonPress, ChatId, ChatKind, Conversation, EventId, FileRef, InboundMessage,
    Link, Sender, ThreadId, UnixMs, kit::ids,
};
use serde::Deserialize;
use serde_json::Value;

use crate::words;

/// Who we are, as `auth.test` says.
#[derive(Deserialize)]
pub(crate) struct Me {
    pub(crate) user_id: String,
    pub(crate) team_id: String,
}

/// Where the answer to a press goes.
#[derive(Clone)]
pub(crate) struct Reply {
    pub(crate) url: Option<String>,
    pub(crate) channel: String,
    pub(crate) user: String,
}

/// The message in an event, if there is one.
pub(crate) fn message(callback: &Value, me: &Me, commands: &[String]) -> Option<InboundMessage> {
    let message = &callback["event"];
    let key = |key: &str| message[key].as_str();
    let is_mention = match key("type")? {
        "message" => false,
        "app_mention" => true,
        _ => return None,
    };
    let usual = message["subtype"].is_null()
        || matches!(key("subtype"), Some("file_share" | "thread_broadcast"));
    if !usual || is_set(&message["hidden"]) || !message["bot_id"].is_null() {
        return None;
    }
    let user = key("user").filter(|user| *user != me.user_id && *user != "USLACKBOT")?;
    let team = team(message, is_set(&callback["is_ext_shared_channel"]), me)?;
    let sender = sender(user, team, me, None)?;
    let (channel, ts) = (key("channel")?, key("ts")?);
    // A mention does not say where it stands; it is never direct.
    let said = key("channel_type").unwrap_or(if is_mention { "channel" } else { "" });
    let conversation = placed(kind(Some(said), channel), channel, &sender);
    let written = key("text").unwrap_or_default();
    let mut text = words::plain(words::without_mention(written, &me.user_id));
    if conversation.kind == ChatKind::Direct {
        text = words::direct(text, commands);
    }
    let attachment = message["files"].get(0).map(|file| Attachment::of(file["mimetype"].as_str()));
    if text.trim().is_empty() && attachment.is_none() {
        return None;
    }
    let root = key("thread_ts").filter(|root| *root != ts);
    let reply_to = root.map(|root| conversation.sent(root));
    let conversation = conversation.in_thread(root.map(ThreadId::new));
    Some(InboundMessage {
        attachment,
        files: files(message),
        mentions_us: is_mention || mentions(written, &me.user_id),
        reply_to,
        ..InboundMessage::new(EventId::new(ts), conversation, sender, time(ts)?, text)
    })
}

/// The press in an interaction, and where its answer goes.
pub(crate) fn press(payload: &Value, me: &Me, now: UnixMs) -> Option<(ButtonPress, Reply)> {
    if payload["type"] != "block_actions" {
        return None;
    }
    let (user, container) = (&payload["user"], &payload["container"]);
    let (action, id) = (&payload["actions"][0], user["id"].as_str()?);
    let sender = sender(id, user["team_id"].as_str()?, me, user["username"].as_str())?;
    let channel = container["channel_id"].as_str().or(payload["channel"]["id"].as_str())?;
    let conversation = placed(kind(None, channel), channel, &sender)
        .in_thread(container["thread_ts"].as_str().map(ThreadId::new));
    let press = ButtonPress {
        id: EventId::new(action["action_ts"].as_str()?),
        on: conversation.sent(container["message_ts"].as_str()?),
        conversation,
        sender,
        pressed_at: now,
        data: action["value"].as_str()?.to_owned(),
        link: Link::Private,
    };
    let url = payload["response_url"].as_str().map(str::to_owned);
    Some((press, Reply { url, channel: channel.to_owned(), user: id.to_owned() }))
}

/// The message that a slash command is, in the direct chat of who typed it: nobody else sees it.
pub(crate) fn slash(slash: &Value, me: &Me, now: UnixMs) -> Option<InboundMessage> {
    let text = |key: &str| slash[key].as_str();
    let sender = sender(text("user_id")?, text("team_id")?, me, text("user_name"))?;
    let conversation = placed(ChatKind::Direct, "", &sender);
    let words = words::slash(&words::plain(text("text").unwrap_or_default()));
    Some(InboundMessage::new(EventId::new(text("trigger_id")?), conversation, sender, now, words))
}

/// By id: where a file is, Slack says when it is asked.
fn files(message: &Value) -> Vec<FileRef> {
    let file = |file: &Value| {
        let id = file["id"].as_str().filter(|_| !is_elsewhere(file))?;
        Some(FileRef::listed(id, &file["name"], &file["size"]))
    };
    message["files"].as_array().into_iter().flatten().filter_map(file).collect()
}

/// True for a file that another service keeps: nobody asks that one.
pub(crate) fn is_elsewhere(file: &Value) -> bool {
    is_set(&file["is_external"]) || matches!(file["mode"].as_str(), Some("external" | "remote"))
}

/// True unless it is missing or `false`: what cannot be read counts as set.
fn is_set(flag: &Value) -> bool {
    !matches!(flag, Value::Null | Value::Bool(false))
}

fn mentions(text: &str, us: &str) -> bool {
    text.match_indices("<@").any(|(at, _)| ids::after_mention(&text[at..], us).is_some())
}

/// The writer's workspace, by the most exact of the three ways in which Slack names it. In a place that other
/// workspaces share, silence about it is not taken for ours.
fn team<'a>(message: &'a Value, shared: bool, me: &'a Me) -> Option<&'a str> {
    let named = ["user_team", "source_team", "team"].map(|key| &message[key]);
    match named.into_iter().find(|team| !team.is_null()) {
        Some(team) => team.as_str(),
        None => (!shared).then_some(me.team_id.as_str()),
    }
}

/// By id alone: names can be changed. The id of a person of another workspace says so.
fn sender(user: &str, team: &str, me: &Me, name: Option<&str>) -> Option<Sender> {
    let foreign = (team != me.team_id).then(|| format!("team:{team}:user:{user}"));
    let id = crate::parse_sender(foreign.as_deref().unwrap_or(user)).ok()?;
    Some(Sender::new(id, name, &[("username", name)]))
}

/// What kind of place a channel is said to be. An interaction says no more of it than its id does.
fn kind(said: Option<&str>, channel: &str) -> ChatKind {
    match (said, channel.chars().next()) {
        (Some("im") | None, Some('D')) => ChatKind::Direct,
        (Some("channel" | "group" | "mpim"), _) | (None, Some('C' | 'G')) => ChatKind::Group,
        _ => ChatKind::Unknown,
    }
}

/// Where a message stands. The direct chat with a person bears their id: so an owner can be written to who has not
/// written since the start, and a card there is known again.
fn placed(kind: ChatKind, channel: &str, sender: &Sender) -> Conversation {
    let id = if kind == ChatKind::Direct { sender.id.as_str() } else { channel };
    Conversation::new(ChatId::new(id), kind)
}

/// `1712345678.000200`, seconds and a counter.
fn time(ts: &str) -> Option<UnixMs> {
    let (seconds, rest) = ts.split_once('.').unwrap_or((ts, ""));
    let seconds: u64 = seconds.parse().ok()?;
    let millis: u64 = rest.get(..3).and_then(|millis| millis.parse().ok()).unwrap_or_default();
    Some(UnixMs(seconds.saturating_mul(1000).saturating_add(millis)))
}

#[cfg(test)]
mod tests;
