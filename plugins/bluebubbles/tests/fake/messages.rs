//! People, chats and what happens in them, as the server writes it.

use openclaw_plugin_sdk::now;
use serde_json::{Value, json};

use super::{GROUP, State};

/// The handle of a person by name.
pub(crate) fn handle(name: &str) -> String {
    let sum = name.bytes().fold(0_u64, |sum, byte| (sum * 31 + u64::from(byte)) % 9_999_991);
    format!("+1555{sum:07}")
}

/// A chat with this id and of this style.
pub(crate) fn chat(guid: &str, style: u64, shown: &str) -> Value {
    let identifier = guid.rsplit(';').next();
    json!({
        "originalROWID": 1, "guid": guid, "style": style, "chatIdentifier": identifier,
        "isArchived": false, "displayName": shown,
    })
}

/// A person's direct chat with the account.
pub(crate) fn direct(name: &str) -> Value {
    // Two people can have one name.
    let shown = if name == "namesake" { "ann" } else { name };
    chat(&format!("iMessage;-;{}", handle(name)), 45, shown)
}

/// The group that all are in.
pub(crate) fn group() -> Value {
    chat(GROUP, 43, "Family")
}

impl State {
    /// A message of a person, as the server announces it.
    pub(crate) fn message(&mut self, name: &str, chat: Value, more: Value) -> Value {
        let from = json!({ "originalROWID": 3, "address": handle(name), "service": "iMessage" });
        self.entry(json!({ "handle": from, "chats": [chat] }), more)
    }

    /// A message of the account.
    pub(crate) fn own(&mut self, chat: Value, more: Value) -> Value {
        self.entry(json!({ "handle": null, "isFromMe": true, "chats": [chat] }), more)
    }

    fn entry(&mut self, first: Value, more: Value) -> Value {
        let number = self.number();
        let mut message = json!({
            "originalROWID": number, "guid": format!("5C2E0C3A-7B1D-4E52-9A61-{number:012X}"),
            "text": null, "attributedBody": null, "handle": null, "handleId": 3, "otherHandle": 0,
            "attachments": [], "subject": null, "error": 0, "dateCreated": self.time(),
            "dateRead": null, "dateDelivered": null, "isDelivered": true, "isFromMe": false,
            "hasDdResults": false, "isArchived": false, "itemType": 0, "groupTitle": null,
            "groupActionType": 0, "balloonBundleId": null, "associatedMessageGuid": null,
            "associatedMessageType": null, "expressiveSendStyleId": null,
            "threadOriginatorGuid": null, "hasPayloadData": false, "chats": [],
            "messageSummaryInfo": null, "payloadData": null, "dateEdited": null,
            "dateRetracted": null, "partCount": 1,
        });
        merge(&mut message, first);
        merge(&mut message, more);
        for chat in message["chats"].as_array().into_iter().flatten() {
            self.chats.insert(chat["guid"].as_str().unwrap_or_default().to_owned());
        }
        self.history.push(message.clone());
        message
    }

    /// The time; no two messages have the same.
    fn time(&mut self) -> u64 {
        self.last_time = now().0.max(self.last_time + 1);
        self.last_time
    }
}

/// Puts the keys of one object into another.
pub(crate) fn merge(into: &mut Value, more: Value) {
    let Value::Object(more) = more else { return };
    for (key, value) in more {
        into[key] = value;
    }
}
