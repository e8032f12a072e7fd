//! Whether the gateway is well.

use openclaw_plugin_sdk::UnixMs;
use serde_json::{Value, json};

use super::{Call, info::AGENT};
use crate::{Gateway, accounts::overview, world};

/// `health`, encoded once a second at most. False for another method.
pub(super) fn encoded(call: &Call, id: &str) -> bool {
    if call.method != "health" {
        return false;
    }
    let (id, health) =
        (Value::from(id), call.gateway.rpc.snapshots.health(&call.gateway, world::now()));
    call.session.text(format!(r#"{{"type":"res","id":{id},"ok":true,"payload":{health}}}"#));
    true
}

/// With what operators may know.
pub(crate) fn full(gateway: &Gateway) -> Value {
    let mut health = brief(world::now());
    let status = overview::all(gateway);
    health["channels"] = json!(status.channels);
    health["channelOrder"] = json!(status.channel_order);
    health["channelLabels"] = json!(status.channel_labels);
    health["sessions"]["count"] = gateway.chats.count().into();
    health["agents"] = json!([{
        "agentId": AGENT,
        "name": "Main",
        "isDefault": true,
        // Nothing here speaks up by itself; clients of protocol 4 look for it all the same.
        "heartbeat": {
            "enabled": false, "every": "0m", "everyMs": null, "prompt": "", "target": "none", "ackMaxChars": 0,
        },
        "sessions": health["sessions"],
    }]);
    health
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
