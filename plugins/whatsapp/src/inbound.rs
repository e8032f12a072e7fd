//! From Meta's events to ours. What is not a person's new message or press becomes nothing; and so does every kind of
//! event, message or place that is new. Entries, changes and messages are plural, and a bad one harms no other.

use std::time::Duration;

use openclaw_plugin_sdk::{
    Attachment, ButtonPress, ChatId, ChatKind, Conversation, EventId, InboundEvent, InboundMessage,
    Link, PersonChanged, SendFailed, Sender, SenderId, UnixMs, kit::ids::is_phone,
};
use serde_json::Value;

use crate::{
    failure::{self, Refusal},
    is_user,
};

/// Meta repeats for seven days. What is older proves nothing: a signature has no time.
const OLDEST: Duration = Duration::from_hours(8 * 24);

/// Who we are.
pub(crate) struct Me {
    /// Names the number to Meta.
    pub(crate) number_id: String,
    /// The number, without its plus.
    pub(crate) digits: String,
}

/// What Meta says about the number in a request; all of it, in order. Other numbers of the app call here, too.
pub(crate) fn values<'a>(payload: &'a Value, me: &'a Me) -> impl Iterator<Item = &'a Value> {
    let is_ours = payload["object"] == "whatsapp_business_account";
    let changes = listed(payload, "entry").flat_map(|entry| listed(entry, "changes"));
    // Of the field `standby` another program answers.
    let said = changes.filter(move |change| is_ours && change["field"] == "messages");
    said.map(|change| &change["value"]).filter(move |value| {
        value["messaging_product"] == "whatsapp"
            && value["metadata"]["phone_number_id"] == me.number_id
    })
}

/// What such a value brings. `sent_to` knows where a message of ours has gone.
pub(crate) fn events(
    value: &Value,
    me: &Me,
    now: UnixMs,
    sent_to: impl Fn(&str) -> Option<ChatId>,
) -> Vec<InboundEvent> {
    let messages = listed(value, "messages").filter_map(|it| message(it, value, me, now));
    let statuses = listed(value, "statuses").filter_map(|it| failed(it, &sent_to));
    messages.chain(statuses.map(InboundEvent::Failed)).collect()
}

fn listed<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

fn message(message: &Value, value: &Value, me: &Me, now: UnixMs) -> Option<InboundEvent> {
    let id = EventId::new(text(&message["id"])?);
    let at = text(&message["timestamp"])?.parse::<u64>().ok()?.checked_mul(1000)?;
    let is_old = u128::from(now.0.saturating_sub(at)) > OLDEST.as_millis();
    if is_old || listed(message, "errors").next().is_some() {
        return None;
    }
    let kind = message["type"].as_str()?;
    if kind == "system" {
        return changed(&message["system"], message).map(InboundEvent::Changed);
    }
    let sender = sender(message, value)?;
    let conversation = place(message, &sender.id);
    let context = &message["context"];
    let on = text(&context["id"]).map(|id| conversation.sent(id));
    let pressed = match kind {
        "interactive" => {
            let reply = &message["interactive"];
            Some(text(&reply["button_reply"]["id"]).or(text(&reply["list_reply"]["id"]))?)
        }
        "button" => Some(text(&message["button"]["payload"])?),
        _ => None,
    };
    if let Some(data) = pressed {
        return Some(InboundEvent::Press(ButtonPress {
            id,
            conversation,
            sender,
            pressed_at: UnixMs(at),
            on: on?,
            data: data.to_owned(),
            link: Link::Private,
        }));
    }
    let (body, attachment) = content(kind, &message[kind])?;
    let mention = format!("@{}", me.digits);
    let is_reply = text(&context["from"]).is_some_and(|from| digits(from) == me.digits);
    let mentions_us = is_reply || body.contains(&mention);
    let body = body.strip_prefix(&mention).map_or(body, str::trim_start);
    Some(InboundEvent::Message(InboundMessage {
        attachment,
        mentions_us: mentions_us && conversation.kind != ChatKind::Direct,
        reply_to: on,
        ..InboundMessage::new(id, conversation, sender, UnixMs(at), body)
    }))
}

/// The text or the caption of a message, and what it carries.
fn content<'a>(kind: &str, content: &'a Value) -> Option<(&'a str, Option<Attachment>)> {
    let attachment = match kind {
        "text" => return Some((text(&content["body"])?, None)),
        "audio" | "video" => Attachment::Voice,
        "document" => Attachment::File,
        "image" => Attachment::Picture,
        "sticker" => Attachment::Sticker,
        _ => return None,
    };
    content.is_object().then(|| (text(&content["caption"]).unwrap_or_default(), Some(attachment)))
}

/// A person by their id in this business, which is always there since April 2026, or else by their number. A number may
/// be hidden, and it may be spelled in two ways.
fn sender(message: &Value, value: &Value) -> Option<Sender> {
    let user = match &message["from_user_id"] {
        Value::Null => None,
        user => Some(user.as_str().filter(|user| is_user(user))?),
    };
    let from = message["from"].as_str();
    let is_them = |contact: &&Value| match user {
        Some(user) => contact["user_id"] == user,
        None => from.is_some_and(|from| contact["wa_id"] == from),
    };
    let contact = listed(value, "contacts").find(is_them).unwrap_or(&Value::Null);
    let parents = [&message["from_parent_user_id"], &contact["parent_user_id"]];
    let parents = parents.into_iter().filter_map(|it| it.as_str().filter(|it| is_user(it)));
    let numbers = [from, contact["wa_id"].as_str()].into_iter().flatten().filter_map(number);
    let mut ids = user.map(str::to_owned).into_iter().chain(numbers);
    let id = SenderId::new(&ids.next()?).ok()?;
    let mut also = Vec::new();
    for other in ids.chain(parents.map(str::to_owned)).filter_map(|it| SenderId::new(&it).ok()) {
        if other != id && !also.contains(&other) {
            also.push(other);
        }
    }
    let profile = &contact["profile"];
    let (name, username) = (profile["name"].as_str(), profile["username"].as_str());
    let known = Sender::new(id, name, &[("name", name), ("username", username)]);
    Some(Sender { also, ..known })
}

/// Where a message stands. Only what names no group at all is a direct chat, which bears the person's id.
fn place(message: &Value, person: &SenderId) -> Conversation {
    let group = message.get("group_id");
    let id = group.and_then(Value::as_str).and_then(|id| crate::parse_group(id).ok());
    match (group, id) {
        (None, _) => Conversation::new(ChatId::new(person.as_str()), ChatKind::Direct),
        (Some(_), Some(id)) => Conversation::new(id, ChatKind::Group),
        (Some(_), None) => Conversation::new(ChatId::new(""), ChatKind::Unknown),
    }
}

/// A person has another number, and with it another id here. That lets nobody in.
fn changed(system: &Value, message: &Value) -> Option<PersonChanged> {
    let user = |id: &Value| id.as_str().filter(|id| is_user(id)).map(str::to_owned);
    let of = |id: Option<String>| id.and_then(|id| SenderId::new(&id).ok());
    let (was, is) = match system["type"].as_str()? {
        "user_changed_number" => {
            (message["from"].as_str().and_then(number), text(&system["wa_id"]).and_then(number))
        }
        "user_changed_user_id" => (None, None),
        _ => return None,
    };
    let was: Vec<SenderId> =
        [of(user(&system["previous_user_id"])), of(was)].into_iter().flatten().collect();
    let is = of(user(&system["user_id"])).or(of(is))?;
    (!was.is_empty() && !was.contains(&is)).then_some(PersonChanged { was, is })
}

/// A message of ours that was taken, and then not delivered.
fn failed(status: &Value, sent_to: impl Fn(&str) -> Option<ChatId>) -> Option<SendFailed> {
    if status["status"] != "failed" {
        return None;
    }
    let id = text(&status["id"])?;
    let to = || {
        let to = text(&status["recipient_id"]);
        if status["recipient_type"] == "group" {
            return to.map(ChatId::new);
        }
        let user = text(&status["recipient_user_id"]).filter(|id| is_user(id)).map(str::to_owned);
        user.or_else(|| to.and_then(number)).map(ChatId::new)
    };
    let chat = sent_to(id).or_else(to)?;
    let sent = Conversation::new(chat, ChatKind::Direct).sent(id);
    let error = failure::of_refusal(Refusal::read(&status["errors"][0], None, None));
    Some(SendFailed { sent, error })
}

/// A number as Meta writes it, with its plus.
fn number(digits: &str) -> Option<String> {
    Some(format!("+{}", digits.trim_start_matches('+'))).filter(|it| is_phone(it))
}

/// The digits of a number for people.
pub(crate) fn digits(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}

fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests;
