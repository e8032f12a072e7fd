//! From Feishu's events to ours. What is not a person's new message or press becomes nothing; and so does every kind of
//! event, message or sender that is new.

use openclaw_plugin_sdk::{
    Attachment, ButtonPress, ChatId, ChatKind, Conversation, EventId, FetchError, FileRef,
    InboundEvent, InboundMessage, Link, Sender, SenderId, ThreadId, UnixMs,
};
use serde_json::Value;

use crate::text;

/// So many mentions of a message are shown by their names, and of each name so many characters.
const MOST_MENTIONS: usize = 100;
const LONGEST_NAME: usize = 64;

/// Who we are.
pub(crate) struct Me {
    pub(crate) app_id: String,
    /// Of the app in chats.
    pub(crate) open_id: String,
}

/// The event in a payload, if there is one. `is_ours` knows the messages that we have sent.
pub(crate) fn translate(
    payload: &Value,
    me: &Me,
    is_ours: impl Fn(&str) -> bool,
    now: UnixMs,
) -> Option<InboundEvent> {
    if payload["schema"] != "2.0" || payload["header"]["app_id"] != me.app_id {
        return None;
    }
    if is_press(payload) {
        return press(payload, now).map(InboundEvent::Press);
    }
    let is_message = payload["header"]["event_type"] == "im.message.receive_v1";
    let message = is_message.then(|| message(payload, me, is_ours))?;
    message.map(InboundEvent::Message)
}

/// True for the press of a button.
pub(crate) fn is_press(payload: &Value) -> bool {
    payload["header"]["event_type"] == "card.action.trigger"
}

fn message(payload: &Value, me: &Me, is_ours: impl Fn(&str) -> bool) -> Option<InboundMessage> {
    let (event, message) = (&payload["event"], &payload["event"]["message"]);
    if event["sender"]["sender_type"] != "user" {
        return None;
    }
    let id = message["message_id"].as_str().filter(|id| is_message(id))?;
    let person = person(&event["sender"]["sender_id"])?;
    let conversation = place(message, &person);
    let content: Value = serde_json::from_str(message["content"].as_str()?).ok()?;
    let Content { mut text, attachment, files } = content_of(message, &content)?;
    let mentions = message["mentions"].as_array().into_iter().flatten().take(MOST_MENTIONS);
    let (mut mentions_us, mut names) = (false, Vec::new());
    for mention in mentions {
        let Some(key) = mention["key"].as_str().and_then(|key| key.strip_prefix('@')) else {
            continue;
        };
        let is_us = mention["id"]["open_id"] == me.open_id;
        mentions_us |= is_us;
        let rest = text.trim_start().strip_prefix('@').and_then(|text| text.strip_prefix(key));
        let rest = rest.filter(|rest| is_us && !continues(rest));
        if let Some(rest) = rest {
            text = rest.trim_start().to_owned();
        }
        names.push((key, mention["name"].as_str().unwrap_or_default()));
    }
    let text = named(&text, &names);
    if text.trim().is_empty() && attachment.is_none() {
        return None;
    }
    let parent = message["parent_id"].as_str().filter(|parent| is_message(parent));
    let reply_to = parent.map(|parent| conversation.sent(parent));
    let files = files.iter().map(|(kind, key, name)| {
        FileRef::listed(&format!("{id}/{kind}/{key}"), name, &Value::Null)
    });
    let sent_at = message["create_time"].as_str()?.parse().ok()?;
    let (event_id, sender) = (EventId::new(id), sender(person, event, payload));
    Some(InboundMessage {
        attachment,
        files: files.collect(),
        mentions_us: mentions_us || parent.is_some_and(is_ours),
        reply_to,
        ..InboundMessage::new(event_id, conversation, sender, UnixMs(sent_at), text)
    })
}

fn press(payload: &Value, now: UnixMs) -> Option<ButtonPress> {
    let (event, context) = (&payload["event"], &payload["event"]["context"]);
    let person = person(&event["operator"])?;
    let id = context["open_message_id"].as_str().filter(|id| is_message(id))?;
    let value = &event["action"]["value"];
    // Feishu does not say what kind of place it is; the card that we sent says whose direct chat it stands in.
    let direct = value["p"].as_str().and_then(|person| crate::parse_sender(person).ok());
    let conversation = if let Some(person) = direct {
        Conversation::new(ChatId::new(person.as_str()), ChatKind::Direct)
    } else {
        let chat = crate::parse_group(context["open_chat_id"].as_str()?).ok()?;
        Conversation::new(chat, ChatKind::Group)
    };
    Some(ButtonPress {
        id: EventId::new(payload["header"]["event_id"].as_str()?),
        on: conversation.sent(id),
        conversation,
        sender: sender(person, event, payload),
        pressed_at: now,
        data: value["d"].as_str()?.to_owned(),
        link: Link::Private,
    })
}

/// By `open_id` alone: the other ids are not for this app to know, and a name can be changed.
fn person(ids: &Value) -> Option<SenderId> {
    crate::parse_sender(ids["open_id"].as_str().filter(|id| id.starts_with("ou_"))?).ok()
}

/// No name is said. That a person is of another organisation stands beside the id.
fn sender(person: SenderId, event: &Value, payload: &Value) -> Sender {
    let tenants = [&event["sender"]["tenant_key"], &event["operator"]["tenant_key"]];
    let tenant = tenants.into_iter().find_map(Value::as_str);
    let foreign = tenant.filter(|tenant| payload["header"]["tenant_key"] != *tenant);
    Sender::new(person, None, &[("tenantKey", foreign)])
}

/// Where a message stands. The direct chat with a person bears their id: so an owner can be written to who has not
/// written yet. In a topic, its first message names it.
fn place(message: &Value, person: &SenderId) -> Conversation {
    let key = |key: &str| message[key].as_str().filter(|text| !text.is_empty());
    let group = key("chat_id").and_then(|id| crate::parse_group(id).ok());
    let place = match (key("chat_type"), group) {
        (Some("p2p"), _) => Conversation::new(ChatId::new(person.as_str()), ChatKind::Direct),
        (Some("group" | "topic_group"), Some(id)) => Conversation::new(id, ChatKind::Group),
        _ => Conversation::new(ChatId::new(""), ChatKind::Unknown),
    };
    let topic = key("thread_id").and_then(|_| key("root_id").or(key("message_id")));
    place.in_thread(topic.filter(|root| is_message(root)).map(ThreadId::new))
}

/// What a message says and carries.
#[derive(Default)]
struct Content {
    text: String,
    attachment: Option<Attachment>,
    /// Kind, key and name of each.
    files: Vec<(&'static str, String, Value)>,
}

fn content_of(message: &Value, content: &Value) -> Option<Content> {
    let (attachment, kind, key) = match message["message_type"].as_str()? {
        "text" => {
            let text = content["text"].as_str()?.to_owned();
            return Some(Content { text, ..Content::default() });
        }
        "post" => return post(content),
        "image" => (Attachment::Picture, "image", "image_key"),
        "file" => (Attachment::File, "file", "file_key"),
        "audio" | "media" => (Attachment::Voice, "file", "file_key"),
        // Nobody can fetch one.
        "sticker" => (Attachment::Sticker, "", ""),
        _ => return None,
    };
    let key = content[key].as_str().map(str::to_owned);
    let files = key.map(|key| (kind, key, content["file_name"].clone())).into_iter().collect();
    Some(Content { attachment: Some(attachment), files, ..Content::default() })
}

/// A text with marks: its runs of text and its links, line by line, and its pictures.
fn post(content: &Value) -> Option<Content> {
    let title = content["title"].as_str().filter(|title| !title.is_empty()).map(str::to_owned);
    let (mut lines, mut files) = (Vec::from_iter(title), Vec::new());
    for line in content["content"].as_array()? {
        let mut read = String::new();
        for run in line.as_array().into_iter().flatten() {
            match run["tag"].as_str() {
                Some("text" | "a") => read.push_str(run["text"].as_str().unwrap_or_default()),
                Some("img") => {
                    let key = run["image_key"].as_str().map(str::to_owned);
                    files.extend(key.map(|key| ("image", key, Value::Null)));
                }
                _ => {}
            }
        }
        lines.push(read);
    }
    let attachment = (!files.is_empty()).then_some(Attachment::Picture);
    Some(Content { text: lines.join("\n").trim().to_owned(), attachment, files })
}

/// The text with names in the places of what stands for mentions, which begins with an `@` that the keys lack. A name is not read again: one may hold what stands for
/// another.
fn named(text: &str, names: &[(&str, &str)]) -> String {
    let mut parts = text.split('@');
    let mut read = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        read.push('@');
        // `_user_1` is no part of `_user_12`.
        let rest_of = |key: &str| part.strip_prefix(key).filter(|rest| !continues(rest));
        match names.iter().find_map(|(key, name)| Some((rest_of(key)?, name))) {
            Some((rest, name)) => read.extend(name.chars().take(LONGEST_NAME).chain(rest.chars())),
            None => read.push_str(part),
        }
    }
    read
}

fn continues(rest: &str) -> bool {
    rest.starts_with(|c: char| c.is_ascii_digit())
}

/// As Feishu spells the ids of messages: nothing in it leads to another address.
pub(crate) fn is_message(id: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    id.strip_prefix("om_").is_some_and(|rest| !rest.is_empty() && rest.bytes().all(fits))
}

/// Where a file can be fetched.
pub(crate) fn resource(file: &str) -> Result<String, FetchError> {
    let parts: Vec<&str> = file.split('/').collect();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    match parts.as_slice() {
        [id, kind @ ("image" | "file"), key] if is_message(id) && key.bytes().all(fits) => {
            Ok(format!("open-apis/im/v1/messages/{id}/resources/{key}?type={kind}"))
        }
        _ => Err(FetchError::Unavailable(text::NO_MESSAGE.to_owned())),
    }
}

#[cfg(test)]
mod tests;
