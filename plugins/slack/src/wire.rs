//! What of Slack's payloads we read. Everything else is left alone, so that new fields change nothing.

use serde::Deserialize;
use serde_json::Value;

/// Who we are, as `auth.test` says.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Me {
    pub(crate) user_id: String,
    pub(crate) team_id: String,
}

/// The outer part of an event.
#[derive(Deserialize)]
pub(crate) struct Callback {
    pub(crate) event_id: Option<String>,
    #[serde(default)]
    pub(crate) is_ext_shared_channel: bool,
    pub(crate) event: Value,
}

/// A message, or a mention.
#[derive(Deserialize)]
pub(crate) struct Message {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) subtype: Option<String>,
    pub(crate) channel: String,
    pub(crate) channel_type: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) bot_id: Option<String>,
    pub(crate) ts: String,
    pub(crate) thread_ts: Option<String>,
    #[serde(default)]
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) files: Vec<File>,
    #[serde(default)]
    pub(crate) hidden: bool,
    /// The three ways in which Slack names the writer's workspace, the most exact first.
    pub(crate) user_team: Option<String>,
    pub(crate) source_team: Option<String>,
    pub(crate) team: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct File {
    #[serde(default)]
    pub(crate) mimetype: String,
}

/// A person used something that can be pressed or filled in.
#[derive(Deserialize)]
pub(crate) struct Interaction {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) user: Option<Presser>,
    pub(crate) container: Option<Container>,
    pub(crate) channel: Option<Named>,
    #[serde(default)]
    pub(crate) actions: Vec<Action>,
    pub(crate) response_url: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Presser {
    pub(crate) id: String,
    pub(crate) team_id: Option<String>,
    pub(crate) username: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Container {
    pub(crate) channel_id: Option<String>,
    pub(crate) message_ts: Option<String>,
    pub(crate) thread_ts: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Named {
    pub(crate) id: String,
}

#[derive(Deserialize)]
pub(crate) struct Action {
    pub(crate) value: Option<String>,
    pub(crate) action_ts: Option<String>,
}

/// A person typed the app's slash word.
#[derive(Clone, Deserialize)]
pub(crate) struct Slash {
    #[serde(default)]
    pub(crate) text: String,
    pub(crate) user_id: String,
    pub(crate) user_name: Option<String>,
    pub(crate) team_id: String,
    pub(crate) trigger_id: String,
}

/// A frame of Socket Mode.
#[derive(Deserialize)]
pub(crate) struct Frame {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) envelope_id: Option<String>,
    #[serde(default)]
    pub(crate) payload: Value,
    pub(crate) reason: Option<String>,
}
