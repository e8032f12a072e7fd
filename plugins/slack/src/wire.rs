//! What of Slack's payloads we read. Everything else is left alone, so that new fields change nothing.

use serde::Deserialize;
use serde_json::Value;

/// Who we are, as `auth.test` says.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Me {
    pub(crate) user_id: String,
    pub(crate) team_id: String,
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
