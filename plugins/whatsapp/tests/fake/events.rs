//! People and what happens, as Meta writes it.

use openclaw_plugin_sdk::now;
use serde_json::{Value, json};

use super::{DIGITS, NUMBER_ID, State};

/// A person's id in this business, by name.
pub(crate) fn person(name: &str) -> String {
    format!("US.{}", sum(name))
}

/// A person's number, without its plus.
pub(crate) fn number(name: &str) -> String {
    format!("1555{}", sum(name))
}

fn sum(name: &str) -> u64 {
    let sum = name.bytes().fold(7_u64, |sum, byte| (sum * 31 + u64::from(byte)) % 9_000_017);
    1_000_000 + sum
}

/// Messages of a person, with who they are.
pub(crate) fn value(name: &str, messages: &[Value]) -> Value {
    // Two people can have one name.
    let shown = if name == "namesake" { "ann" } else { name };
    let contact = json!({
        "profile": { "name": shown, "username": format!("{shown}.example") },
        "wa_id": number(name), "user_id": person(name),
    });
    json!({
        "messaging_product": "whatsapp",
        "metadata": { "display_phone_number": DIGITS, "phone_number_id": NUMBER_ID },
        "contacts": [contact], "messages": messages,
    })
}

/// A change of the field for messages.
pub(crate) fn change(value: Value) -> Value {
    json!({ "field": "messages", "value": value })
}

/// What the app is called with.
pub(crate) fn payload(changes: &[Value]) -> Value {
    let entry = json!({ "id": "102290129340398", "changes": changes });
    json!({ "object": "whatsapp_business_account", "entry": [entry] })
}

impl State {
    /// A message of a person, and its id.
    pub(crate) fn message(&mut self, name: &str, more: Value) -> (String, Value) {
        let id = format!("wamid.HBgL{}", self.number());
        let mut message = json!({
            "from": number(name), "from_user_id": person(name), "id": id,
            "timestamp": (now().0 / 1000).to_string(),
        });
        merge(&mut message, more);
        self.inbound.insert(id.clone());
        self.met.insert(person(name));
        self.closed.remove(&person(name));
        (id, message)
    }
}

/// Puts the keys of one object into another.
fn merge(into: &mut Value, more: Value) {
    let Value::Object(more) = more else { return };
    for (key, value) in more {
        into[key] = value;
    }
}
