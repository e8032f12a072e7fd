//! What a node tells unasked. It is noted where it is about the node itself; nothing of it starts the assistant or
//! reaches an operator.

use std::sync::LazyLock;

use openclaw_plugin_sdk::{UnixMs, neutral};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tracing::debug;

use super::{super::voicewake, Answer, Call};
use crate::{
    Gateway,
    protocol::frame::{Refused, UNAVAILABLE},
    rpc::hub::{Event, Session},
    world,
};

/// What a node has said of itself.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) at: UnixMs,
    pub(super) reason: String,
    pub(super) stats: Option<Value>,
}

/// What of a host's state is kept: numbers.
const STATS: [&str; 6] = [
    "cpuCount",
    "diskAvailableBytes",
    "diskTotalBytes",
    "loadAverage",
    "memoryFreeBytes",
    "memoryTotalBytes",
];
const TRIGGERS: [&str; 6] =
    ["background", "silent_push", "bg_app_refresh", "significant_location", "manual", "connect"];

static ROUTING: LazyLock<Event> =
    LazyLock::new(|| Event::new("voicewake.routing.changed", &voicewake::routing()));

/// What every node is told first. False where that has to be read.
pub(super) fn greet_at_once(gateway: &Gateway, session: &Session) -> bool {
    let known = voicewake::known_event(gateway);
    known.is_some_and(|wake_words| {
        tell(session, &wake_words);
        true
    })
}

/// The same, read.
pub(super) async fn greet(gateway: &Gateway, session: &Session) {
    tell(session, &*voicewake::changed_event(gateway).await);
}

fn tell(session: &Session, wake_words: &Event) {
    session.event_to_it(wake_words);
    if session.protocol >= 4 {
        session.event_to_it(&ROUTING);
    }
}

pub(crate) fn at_once(call: &Call) -> Option<Answer> {
    let node = call.session.device.as_ref().map(crate::rules::device::identity::DeviceId::as_str);
    Some(match call.method.as_str() {
        "node.event" => event(call),
        "node.pending.ack" => ack(call, node),
        "node.pending.drain" => {
            Ok(json!({ "nodeId": node, "revision": 0, "items": [], "hasMore": false }))
        }
        "node.pending.pull" => Ok(json!({ "nodeId": node, "actions": [] })),
        "node.pluginSurface.refresh" => no_surface(call),
        // None of a node's own tools and skills is taken: the assistant uses none.
        "node.pluginTools.update" => Ok(json!({ "nodeId": node, "tools": [] })),
        "node.skills.update" => Ok(json!({ "nodeId": node, "skills": [] })),
        "skills.bins" => Ok(json!({ "bins": [] })),
        _ => return None,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    event: String,
    payload: Option<Value>,
    #[serde(default, rename = "payloadJSON")]
    payload_json: Option<String>,
}

/// `node.event`.
fn event(call: &Call) -> Answer {
    let told: Told = call.params()?;
    let parsed = told.payload_json.as_deref().map(serde_json::from_str::<Value>);
    let payload = match (told.payload, parsed) {
        (Some(payload), _) | (None, Some(Ok(payload))) => payload,
        (None, Some(Err(_))) => return Err(call.wrong("`payloadJSON`")),
        (None, None) => Value::Null,
    };
    let event = told.event.as_str();
    let handled = match event {
        "node.host.stats" => note(call, None, stats(&payload)),
        "node.presence.alive" => note(call, trigger(&payload), None),
        _ => false,
    };
    let node = call.session.actor();
    if matches!(event, "agent.request" | "voice.transcript") {
        // It was said, and nobody asked it to: a node drives no assistant. What it says stands nowhere.
        debug!(node, event, "a node's word starts nothing");
    } else if !handled {
        let name: String = event.chars().take(64).collect();
        debug!(node, event = neutral(&name, 64), "passed over");
    }
    let mut answer = json!({ "ok": true, "event": told.event, "handled": handled });
    if !handled {
        answer["reason"] = "unsupported_event".into();
    }
    Ok(answer)
}

fn note(call: &Call, reason: Option<String>, stats: Option<Value>) -> bool {
    let Some(device) = &call.session.device else { return false };
    if reason.is_none() && stats.is_none() {
        return false;
    }
    let mut all = call.gateway.rpc.nodes.seen.lock();
    let first = || Seen { at: world::now(), reason: "connect".to_owned(), stats: None };
    let seen = all.entry(device.clone()).or_insert_with(first);
    seen.at = world::now();
    seen.reason = reason.unwrap_or_else(|| seen.reason.clone());
    seen.stats = stats.or_else(|| seen.stats.take());
    true
}

fn trigger(payload: &Value) -> Option<String> {
    let word = payload.get("trigger")?.as_str()?;
    TRIGGERS.contains(&word).then(|| word.to_owned())
}

/// The numbers of it, and no more of them than a host has.
fn stats(payload: &Value) -> Option<Value> {
    let is_number = |value: &Value| match value {
        Value::Number(_) => true,
        Value::Array(all) => all.len() <= 3 && all.iter().all(Value::is_number),
        _ => false,
    };
    let kept = STATS.iter().filter_map(|name| {
        let value = payload.get(*name).filter(|value| is_number(value))?;
        Some(((*name).to_owned(), value.clone()))
    });
    let kept: Map<String, Value> = kept.collect();
    (!kept.is_empty()).then_some(Value::Object(kept))
}

/// Nothing waits for a node here: what it has done with is done with.
fn ack(call: &Call, node: Option<&str>) -> Answer {
    #[derive(Deserialize)]
    struct Ids {
        ids: Vec<String>,
    }
    let Ids { ids } = call.params()?;
    Ok(json!({ "nodeId": node, "ackedIds": ids, "remainingCount": 0 }))
}

/// No surface of a plugin is there, and none will be: nothing to try again for.
fn no_surface(call: &Call) -> Answer {
    let surface = call.params.get("surface").and_then(Value::as_str).unwrap_or("that");
    let surface: String = surface.chars().take(64).collect();
    let message = format!("{surface} plugin surface unavailable");
    Err(Box::new(Refused::new(UNAVAILABLE, message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_hosts_state_only_its_numbers_are_kept() {
        let told = json!({
            "cpuCount": 2, "loadAverage": [1.5, 1, 0], "diskTotalBytes": "much",
            "memoryFreeBytes": { "deep": 1 }, "hostname": "secret",
        });
        assert_eq!(stats(&told), Some(json!({ "cpuCount": 2, "loadAverage": [1.5, 1, 0] })));
        assert_eq!(stats(&json!({ "loadAverage": [1, 2, 3, 4] })), None);
        assert_eq!(stats(&Value::Null), None);
        assert_eq!(trigger(&json!({ "trigger": "manual" })), Some("manual".to_owned()));
        assert_eq!(trigger(&json!({ "trigger": "\u{1b}[2J" })), None);
    }
}
