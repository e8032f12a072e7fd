//! Whether the gateway is well.

use openclaw_plugin_sdk::UnixMs;
use serde_json::{Value, json};

use super::{Answer, Call};
use crate::world;

/// `health`.
pub(super) fn at_once(call: &Call) -> Option<Answer> {
    (call.method == "health").then(|| Ok(brief(world::now())))
}

/// What every generation of clients decodes.
pub(crate) fn brief(now: UnixMs) -> Value {
    json!({
        "ok": true,
        "ts": now.0,
        "durationMs": 0,
        "channels": {},
        "channelOrder": [],
        "channelLabels": {},
        "heartbeatSeconds": 0,
        "defaultAgentId": "main",
        "agents": [],
        "sessions": { "path": "", "count": 0, "recent": [] },
    })
}
