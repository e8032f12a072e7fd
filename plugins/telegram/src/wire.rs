//! The parts of Telegram's updates that are read. Lenient: a part that cannot be read is missing, and
//! the rest of the message still arrives.

use openclaw_plugin_sdk::kit::lenient;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};

/// A message of a person, or a service message.
#[derive(Deserialize)]
pub(crate) struct Message {
    #[serde(rename = "message_id")]
    pub(crate) id: i64,
    pub(crate) date: u64,
    pub(crate) chat: Chat,
    #[serde(flatten)]
    pub(crate) topic: Topic,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) from: Option<User>,
    /// On behalf of a channel or as an anonymous administrator: then `from` is no person.
    pub(crate) sender_chat: Option<IgnoredAny>,
    /// Another bot made the text.
    pub(crate) via_bot: Option<IgnoredAny>,
    /// Another person may have made the text.
    pub(crate) forward_origin: Option<IgnoredAny>,
    pub(crate) text: Option<String>,
    pub(crate) caption: Option<String>,
    #[serde(default)]
    pub(crate) entities: Vec<Value>,
    #[serde(default)]
    pub(crate) caption_entities: Vec<Value>,
    #[serde(default, deserialize_with = "lenient", rename = "reply_to_message")]
    pub(crate) answered: Option<Answered>,
    /// Content that is no text is recognised by its key.
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

/// A message that is answered: which, and whose; never what it says.
#[derive(Deserialize)]
pub(crate) struct Answered {
    pub(crate) message_id: i64,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) from: Option<User>,
    /// Every message in a topic answers the topic's first.
    pub(crate) forum_topic_created: Option<IgnoredAny>,
}

#[derive(Deserialize)]
pub(crate) struct Chat {
    pub(crate) id: i64,
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

#[derive(Deserialize)]
pub(crate) struct User {
    pub(crate) id: i64,
    #[serde(default)]
    pub(crate) is_bot: bool,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) username: Option<String>,
}

/// A marked run of a text, counted in UTF-16 units.
#[derive(Deserialize)]
pub(crate) struct Entity {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) offset: usize,
    pub(crate) length: usize,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) user: Option<User>,
}

/// A button was pressed.
#[derive(Deserialize)]
pub(crate) struct Press {
    pub(crate) id: String,
    pub(crate) from: User,
    /// Missing for cards that were placed by way of another chat.
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) message: Option<Card>,
    pub(crate) data: Option<String>,
}

/// The message that a pressed button belongs to.
#[derive(Deserialize)]
pub(crate) struct Card {
    pub(crate) message_id: i64,
    pub(crate) chat: Chat,
    #[serde(flatten)]
    pub(crate) topic: Topic,
}

/// The topic that a message stands in. Replies in a group without topics have a thread number too, which nothing can
/// be sent to.
#[derive(Deserialize)]
pub(crate) struct Topic {
    #[serde(default, deserialize_with = "lenient", rename = "message_thread_id")]
    thread: Option<i64>,
    #[serde(default, deserialize_with = "lenient")]
    is_topic_message: Option<bool>,
}

impl Topic {
    /// Its number, where it is one.
    pub(crate) fn number(&self) -> Option<i64> {
        self.thread.filter(|_| self.is_topic_message == Some(true))
    }
}

/// Who the bot is, as far as it matters: `getMe` has fields that emulators lack.
#[derive(Clone, Deserialize)]
pub(crate) struct Me {
    pub(crate) id: i64,
    pub(crate) username: Option<String>,
    /// False: of groups it is shown commands, mentions and replies alone.
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) can_read_all_group_messages: Option<bool>,
}
