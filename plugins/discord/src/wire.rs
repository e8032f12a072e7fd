//! The parts of Discord's answers and events that are read. Lenient: a part that cannot be read is missing,
//! and the rest still arrives.

use std::borrow::Cow;

use openclaw_plugin_sdk::kit::lenient;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, value::RawValue};

/// One frame of the gateway.
#[derive(Deserialize)]
pub(crate) struct Frame<'a> {
    pub(crate) op: u8,
    #[serde(default)]
    pub(crate) s: Option<u64>,
    #[serde(default, borrow)]
    pub(crate) t: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    pub(crate) d: Option<&'a RawValue>,
}

/// The first frame.
#[derive(Deserialize)]
pub(crate) struct Hello {
    pub(crate) heartbeat_interval: u64,
}

/// A session has begun.
#[derive(Deserialize)]
pub(crate) struct Ready {
    pub(crate) user: User,
    pub(crate) session_id: String,
    pub(crate) resume_gateway_url: Option<String>,
    pub(crate) application: Option<Application>,
}

/// The program that the bot belongs to.
#[derive(Deserialize)]
pub(crate) struct Application {
    pub(crate) id: String,
}

/// Where the gateway is, and how often it may be begun anew.
#[derive(Deserialize)]
pub(crate) struct Gateway {
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) session_start_limit: Option<StartLimit>,
}

/// How often a session may be begun.
#[derive(Clone, Copy, Deserialize)]
pub(crate) struct StartLimit {
    pub(crate) remaining: u64,
    /// Milliseconds until there are more.
    pub(crate) reset_after: u64,
    #[serde(default)]
    pub(crate) max_concurrency: Option<u64>,
}

/// A person or a bot.
#[derive(Clone, Deserialize)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) username: Option<String>,
    pub(crate) discriminator: Option<String>,
    pub(crate) global_name: Option<String>,
    #[serde(default)]
    pub(crate) bot: bool,
    #[serde(default)]
    pub(crate) system: bool,
}

/// A member of a server.
#[derive(Deserialize)]
pub(crate) struct Member {
    pub(crate) user: User,
}

/// A message of a person, or of Discord itself.
#[derive(Deserialize)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) channel_id: String,
    pub(crate) guild_id: Option<String>,
    /// Of which kind the channel is; younger than the rest of the event.
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) channel_type: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) author: Option<User>,
    /// What posts through a webhook may call itself anything.
    pub(crate) webhook_id: Option<IgnoredAny>,
    #[serde(default, rename = "type")]
    pub(crate) kind: u64,
    #[serde(default)]
    pub(crate) content: String,
    #[serde(default)]
    pub(crate) mentions: Vec<Value>,
    #[serde(default)]
    pub(crate) attachments: Vec<Value>,
    #[serde(default)]
    pub(crate) sticker_items: Vec<IgnoredAny>,
    pub(crate) poll: Option<IgnoredAny>,
    /// What the sender forwards.
    #[serde(default, rename = "message_snapshots")]
    pub(crate) forwarded: Vec<IgnoredAny>,
    #[serde(default, deserialize_with = "lenient", rename = "message_reference")]
    pub(crate) refers_to: Option<Reference>,
    #[serde(default, deserialize_with = "lenient", rename = "referenced_message")]
    pub(crate) answers: Option<Answered>,
}

/// The message that one answers or forwards.
#[derive(Deserialize)]
pub(crate) struct Reference {
    #[serde(default, rename = "type")]
    pub(crate) kind: u64,
    pub(crate) message_id: Option<String>,
}

/// A message that is answered: whose; never what it says.
#[derive(Deserialize)]
pub(crate) struct Answered {
    pub(crate) author: User,
}

/// A file that a message carries: of what kind; never where it is.
#[derive(Deserialize)]
pub(crate) struct File {
    pub(crate) content_type: Option<String>,
    pub(crate) waveform: Option<IgnoredAny>,
}

/// A slash command was given or a button pressed.
#[derive(Deserialize)]
pub(crate) struct Interaction {
    pub(crate) id: String,
    pub(crate) application_id: String,
    #[serde(rename = "type")]
    pub(crate) kind: u64,
    /// Answers it for 15 minutes; as good as a password for that.
    pub(crate) token: String,
    pub(crate) guild_id: Option<String>,
    pub(crate) channel_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) channel: Option<Channel>,
    /// 0 in a server, 1 with the bot alone, 2 anywhere else.
    pub(crate) context: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) member: Option<Member>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) user: Option<User>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) data: Option<Data>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) message: Option<Sent>,
}

/// What was given or pressed.
#[derive(Deserialize)]
pub(crate) struct Data {
    pub(crate) name: Option<String>,
    #[serde(default, rename = "type")]
    pub(crate) kind: u64,
    #[serde(default)]
    pub(crate) options: Vec<Choice>,
    pub(crate) custom_id: Option<String>,
}

/// An argument of a slash command.
#[derive(Deserialize)]
pub(crate) struct Choice {
    #[serde(default)]
    pub(crate) value: Value,
}

/// A message that Discord shows.
#[derive(Deserialize)]
pub(crate) struct Sent {
    pub(crate) id: String,
}

/// A place.
#[derive(Clone, Deserialize)]
pub(crate) struct Channel {
    pub(crate) id: String,
    #[serde(rename = "type")]
    pub(crate) kind: u64,
    pub(crate) parent_id: Option<String>,
    #[serde(default)]
    pub(crate) recipients: Vec<User>,
}
