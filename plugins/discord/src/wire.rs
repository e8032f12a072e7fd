//! The parts of Discord's answers and frames that are read.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

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
