//! People, spaces and what happens in them, as Google writes it.

use openclaw_plugin_sdk::SentRef;
use serde_json::{Value, json};

use super::{GROUP, State, US};

/// A person's id, by name.
pub(crate) fn person(name: &str) -> String {
    let sum = name.bytes().fold(7_u64, |sum, byte| (sum * 31 + u64::from(byte)) % 999_983);
    // As long as the log takes names of messages whole.
    format!("users/1{sum:06}")
}

/// A person as events name them.
pub(crate) fn user(name: &str) -> Value {
    // Two people can have one name.
    let shown = if name == "namesake" { "ann" } else { name };
    json!({
        "name": person(name), "displayName": shown, "type": "HUMAN", "domainId": "1abc",
        "email": format!("{name}@example.com"), "avatarUrl": "https://lh3.example/a",
    })
}

/// The space of a person's direct chat with the app.
pub(crate) fn direct(name: &str) -> Value {
    let name = space_of(&person(name));
    json!({ "name": name, "type": "DM", "spaceType": "DIRECT_MESSAGE", "singleUserBotDm": true })
}

/// The space that all are in.
pub(crate) fn group() -> Value {
    json!({ "name": GROUP, "type": "ROOM", "spaceType": "SPACE", "displayName": "Family", "spaceThreadingState": "THREADED_MESSAGES" })
}

/// The name of a direct chat's space.
pub(crate) fn space_of(person: &str) -> String {
    person.replace("users/", "spaces/dm")
}

/// Who is in a direct chat's space.
pub(crate) fn person_in(space: &str) -> Option<String> {
    Some(format!("users/{}", space.strip_prefix("spaces/dm")?))
}

/// A message's text that mentions the app in front, and what is beside it.
pub(crate) fn mention(text: &str) -> Value {
    let bot = json!({ "name": US, "type": "BOT", "displayName": "Gate" });
    json!({
        "text": format!("@Gate {text}"), "argumentText": format!(" {text}"),
        "annotations": [{
            "type": "USER_MENTION", "startIndex": 0, "length": 5,
            "userMention": { "user": bot, "type": "MENTION" },
        }],
    })
}

impl State {
    /// A message of a person, as the classic format has it, and its id as the channel spells it.
    pub(crate) fn message(&mut self, name: &str, space: &Value, more: Value) -> (String, Value) {
        let place = space["name"].as_str().expect("a space").to_owned();
        self.met.insert(place.clone());
        let (id, at) = (self.number(), self.stamp());
        let thread = format!("{place}/threads/t{id}");
        let mut message = json!({
            "name": format!("{place}/messages/m{id}"), "sender": user(name), "createTime": at,
            "thread": { "name": thread }, "space": space, "threadReply": false,
        });
        if let Some(text) = more["text"].as_str() {
            message["argumentText"] = text.into();
        }
        merge(&mut message, more);
        let number = |part: &Value| {
            part.as_str().and_then(|part| part.rsplit('/').next()).map(str::to_owned)
        };
        let thread = number(&message["thread"]["name"]);
        let of_message = message["name"].as_str().expect("a name");
        let id =
            thread.map_or(of_message.to_owned(), |thread| format!("{of_message}/threads/{thread}"));
        self.roots
            .entry(message["thread"]["name"].as_str().unwrap_or_default().to_owned())
            .or_insert(id.clone());
        let event = json!({ "type": "MESSAGE", "eventTime": at, "space": space, "user": message["sender"], "message": message });
        (id, event)
    }

    /// A press on a button of our message, and its id as the channel spells it.
    pub(crate) fn press(&mut self, name: &str, on: &SentRef, data: &str) -> (String, Value) {
        let at = self.stamp();
        let shown = self.messages.iter().find(|shown| shown.name == on.id.as_str());
        let shown = shown.expect("a message that was sent");
        // Another person's press on what stands in a direct chat can come from their own alone.
        let space = if person_in(&shown.space).is_some() { direct(name) } else { group() };
        let event = json!({
            "type": "CARD_CLICKED", "eventTime": at, "user": user(name), "space": space,
            "message": shown.resource(),
            "action": { "actionMethodName": shown.function() },
            "common": {
                "hostApp": "CHAT", "invokedFunction": shown.function(), "parameters": { "d": data },
            },
        });
        (format!("{}/{at}", shown.name), event)
    }
}

/// Puts the keys of one object into another.
pub(crate) fn merge(into: &mut Value, more: Value) {
    let Value::Object(more) = more else { return };
    for (key, value) in more {
        into[key] = value;
    }
}
