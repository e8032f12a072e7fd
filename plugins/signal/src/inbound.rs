//! From signal-cli's envelopes to events. What is not a person's new message, or a reaction to one of ours, becomes
//! nothing; and so does every kind of envelope or message that is new.

use openclaw_plugin_sdk::{
    Attachment, ChatId, ChatKind, Conversation, EventId, InboundEvent, InboundMessage, Link,
    Reaction, Sender, SenderId, SentRef, UnixMs,
    kit::ids::{is_phone, is_uuid},
};
use serde_json::Value;

/// What stands in a text in the place of a mention.
const MENTION: char = '\u{fffc}';

/// Kinds of envelopes beside a message.
const NO_MESSAGE: [&str; 6] = [
    "editMessage",
    "storyMessage",
    "syncMessage",
    "callMessage",
    "receiptMessage",
    "typingMessage",
];

/// What makes of a message something else.
const NO_TEXT: [&str; 10] = [
    "remoteDelete",
    "pollCreate",
    "pollVote",
    "pollTerminate",
    "pinMessage",
    "unpinMessage",
    "adminDelete",
    "payment",
    "storyContext",
    "contacts",
];

/// Who we are on Signal.
pub(crate) struct Me {
    pub(crate) number: String,
    pub(crate) aci: Option<String>,
}

impl Me {
    /// True where an address, of which one part may be missing, is ours: the ACI decides where both are known.
    fn is(&self, number: &Value, aci: &Value) -> bool {
        match (aci.as_str(), &self.aci) {
            (Some(theirs), Some(ours)) => theirs.eq_ignore_ascii_case(ours),
            _ => *number == self.number,
        }
    }
}

/// The event in an envelope, if there is one.
pub(crate) fn translate(envelope: &Value, me: &Me) -> Option<InboundEvent> {
    let has = |of: &Value, key: &&str| of.get(*key).is_some_and(|part| !part.is_null());
    let (data, number) = (&envelope["dataMessage"], &envelope["sourceNumber"]);
    let is_other = !data.is_object() || NO_MESSAGE.iter().any(|key| has(envelope, key));
    if is_other
        || *number == me.number
        || me.is(number, &envelope["sourceUuid"])
        || NO_TEXT.iter().any(|key| has(data, key))
        || data["isExpirationUpdate"] == true
        || data["groupInfo"]["type"] == "UPDATE"
    {
        return None;
    }
    let sender = sender(envelope)?;
    let timestamp = envelope["timestamp"].as_u64()?;
    let id = EventId::new(format!("{}:{timestamp}", sender.id));
    let conversation = conversation(&data["groupInfo"], &sender.id);
    let link = Link::Private;
    if has(data, &"reaction") {
        let reaction = &data["reaction"];
        let is_ours = me.is(&reaction["targetAuthorNumber"], &reaction["targetAuthorUuid"]);
        if !is_ours || reaction["isRemove"] != false {
            return None;
        }
        let on = sent(&conversation, &reaction["targetSentTimestamp"])?;
        let emoji = reaction["emoji"].as_str()?.to_owned();
        return Some(InboundEvent::Reaction(Reaction {
            id,
            conversation,
            sender,
            on,
            emoji,
            link,
        }));
    }
    let sent_at = envelope["serverReceivedTimestamp"].as_u64().filter(|at| *at > 0);
    let (text, is_mentioned) = addressed(data, me);
    let quote = &data["quote"];
    let answers_us = me.is(&quote["authorNumber"], &quote["authorUuid"]);
    let attachment = attachment(data);
    if text.trim().is_empty() && attachment.is_none() {
        return None;
    }
    Some(InboundEvent::Message(InboundMessage {
        mentions_us: is_mentioned || answers_us,
        attachment,
        reply_to: sent(&conversation, &quote["id"]).filter(|_| answers_us),
        link,
        ..InboundMessage::new(id, conversation, sender, UnixMs(sent_at.unwrap_or(timestamp)), text)
    }))
}

/// By ACI, which never changes, and by number where Signal does not say that. A name is chosen, and can be changed.
fn sender(envelope: &Value) -> Option<Sender> {
    // What people write before an id in a list, no platform does.
    let read = |key: &str, fits: fn(&str) -> bool| {
        let id = envelope[key].as_str()?.to_ascii_lowercase();
        SenderId::new(&id).ok().filter(|_| fits(&id))
    };
    let (aci, number) = (read("sourceUuid", is_uuid), read("sourceNumber", is_phone));
    let id = aci.clone().or_else(|| number.clone())?;
    let also = number.filter(|_| aci.is_some()).into_iter().collect();
    Some(Sender { also, ..Sender::new(id, envelope["sourceName"].as_str(), &[]) })
}

/// A message without a group is one to us alone.
fn conversation(group: &Value, sender: &SenderId) -> Conversation {
    if group.is_null() {
        return Conversation::new(ChatId::new(sender.as_str()), ChatKind::Direct);
    }
    let kinds = [None, Some("DELIVER")];
    let id = group["groupId"].as_str().and_then(|id| crate::parse_group(id).ok());
    let kind = if id.is_some() && kinds.contains(&group["type"].as_str()) {
        ChatKind::Group
    } else {
        ChatKind::Unknown
    };
    Conversation::new(id.unwrap_or_else(|| ChatId::new("")), kind)
}

/// A message of ours as the gateway refers to it: by when we have sent it.
fn sent(conversation: &Conversation, timestamp: &Value) -> Option<SentRef> {
    Some(conversation.sent(timestamp.as_u64()?.to_string()))
}

/// The text without a mention of us in front, and whether we are mentioned.
fn addressed(data: &Value, me: &Me) -> (String, bool) {
    let text = data["message"].as_str().unwrap_or_default();
    let ours = |mention: &&Value| me.is(&mention["number"], &mention["uuid"]);
    let mut mentions = data["mentions"].as_array().into_iter().flatten().filter(ours).peekable();
    let is_mentioned = mentions.peek().is_some();
    let in_front = mentions.any(|mention| mention["start"] == 0);
    let rest = text.strip_prefix(MENTION).filter(|_| in_front);
    (rest.map_or(text, str::trim_start).to_owned(), is_mentioned)
}

fn attachment(data: &Value) -> Option<Attachment> {
    if data["sticker"].is_object() {
        return Some(Attachment::Sticker);
    }
    let first = data["attachments"].as_array().and_then(|all| all.first())?;
    Some(Attachment::of(first["contentType"].as_str()))
}

#[cfg(test)]
mod tests;
