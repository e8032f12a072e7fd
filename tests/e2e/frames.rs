//! Every frame that the gateway sends is looked at: on protocol 4 by the schema that its clients publish
//! (`OPENCLAW_SCHEMA` names it), on protocol 3 by the shapes that were recorded.

mod beyond;
mod published;
mod shapes;

use std::collections::HashMap;

use serde_json::Value;

/// One connection as a program in the middle sees it.
#[derive(Default)]
pub(crate) struct Watch {
    protocol: Option<u64>,
    asked: HashMap<String, String>,
}

impl Watch {
    /// The client has sent this.
    pub(crate) fn sent(&mut self, frame: &Value) {
        if frame["method"] == "connect" && self.protocol.is_none() {
            self.protocol = frame["params"]["maxProtocol"].as_u64().map(|newest| newest.min(4));
        }
        let text = |key: &str| frame[key].as_str().unwrap_or_default().to_owned();
        self.asked.insert(text("id"), text("method"));
    }

    /// The gateway has sent this; the error says what is wrong with it.
    pub(crate) fn heard(&self, frame: &Value) -> Result<(), String> {
        let name = self.name(frame);
        let payload = if name == "error" { &frame["error"] } else { &frame["payload"] };
        let checked = match self.protocol {
            Some(3) => shapes::check(&name, frame, payload),
            _ => published::check(&name, frame, payload),
        };
        checked.map_err(|why| format!("`{name}` on protocol {:?}: {why}\n{frame:#}", self.protocol))
    }

    /// `event tick`, `res device.pair.list`, `error`.
    fn name(&self, frame: &Value) -> String {
        if frame["type"] == "event" {
            return format!("event {}", frame["event"].as_str().unwrap_or_default());
        }
        if frame["ok"] == false {
            return "error".to_owned();
        }
        let asked = frame["id"].as_str().and_then(|id| self.asked.get(id));
        format!("res {}", asked.map_or("", String::as_str))
    }
}

/// The payload without what is listed as sent beyond what its reader publishes.
fn known(protocol: u32, name: &str, payload: &Value) -> Value {
    let mut known = payload.clone();
    for (_, _, field, _) in beyond::BEYOND.iter().filter(|(of, frame, ..)| {
        of.contains(&protocol)
            && (*frame == name
                || frame.strip_suffix('*').is_some_and(|start| name.starts_with(start)))
    }) {
        remove(&mut known, &field.split('/').collect::<Vec<_>>());
    }
    known
}

/// `*` is every entry of a list or a map.
fn remove(value: &mut Value, path: &[&str]) {
    match (path, value) {
        ([last], Value::Object(map)) => drop(map.remove(*last)),
        (["*", rest @ ..], Value::Array(list)) => {
            for item in list {
                remove(item, rest);
            }
        }
        (["*", rest @ ..], Value::Object(map)) => {
            for item in map.values_mut() {
                remove(item, rest);
            }
        }
        ([first, rest @ ..], Value::Object(map)) => {
            if let Some(inner) = map.get_mut(*first) {
                remove(inner, rest);
            }
        }
        _ => {}
    }
}
