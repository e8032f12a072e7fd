//! The HTTP API's routes, as far as they are called, and as strict as the real ones.

use axum::http::Method;
use serde_json::{Value, json};

use super::{
    BOT,
    http::{Given, Refusal},
    messages,
    state::State,
    wire::{ChannelKind, bot, direct},
};

type Answer = Result<Value, Refusal>;

pub(crate) const UNKNOWN_CHANNEL: Refusal = Refusal(404, 10_003, "Unknown Channel");
pub(crate) const UNKNOWN_WEBHOOK: Refusal = Refusal(404, 10_015, "Unknown Webhook");
const UNKNOWN_INTERACTION: Refusal = Refusal(404, 10_062, "Unknown interaction");

/// A call as the tests name it: no token stands in it.
pub(crate) fn named(method: &Method, parts: &[&str]) -> String {
    let mut parts = parts.to_vec();
    if let ["interactions" | "webhooks", _, token, ..] = parts.as_mut_slice() {
        *token = "*";
    }
    format!("{method} {}", parts.join("/"))
}

pub(crate) fn answer(state: &mut State, method: &Method, parts: &[&str], given: Given) -> Answer {
    match (method.as_str(), parts) {
        ("GET", ["gateway", "bot"]) => Ok(gateway(state)),
        ("GET", ["users", "@me"]) => Ok(bot()),
        ("GET", ["channels", id]) => channel(state, id),
        ("POST", ["users", "@me", "channels"]) => open(state, &given.body),
        ("POST", ["channels", id, "typing"]) => {
            channel(state, id)?;
            state.typed += 1;
            Ok(Value::Null)
        }
        ("POST", ["channels", id, "messages"]) => messages::send(state, id, given),
        ("PATCH", ["channels", id, "messages", message]) => {
            messages::edit(state, id, message, given)
        }
        ("DELETE", ["channels", id, "messages", message]) => messages::delete(state, id, message),
        ("GET", ["applications", BOT, "commands"]) => Ok(state.commands.clone().into()),
        ("PUT", ["applications", BOT, "commands"]) => list(state, &given.body),
        ("POST", ["interactions", id, token, "callback"]) => defer(state, id, token, &given.body),
        ("POST", ["webhooks", BOT, token]) => messages::follow_up(state, token, given),
        ("DELETE", ["webhooks", BOT, token, "messages", "@original"]) => clear(state, token),
        _ => Err(Refusal(404, 0, "404: Not Found")),
    }
}

fn gateway(state: &State) -> Value {
    let url = state.said_gateway.as_ref().unwrap_or(&state.gateway);
    let remaining = state.starts_left.unwrap_or(999);
    let limit = json!({ "total": 1000, "remaining": remaining, "reset_after": 14_400_000, "max_concurrency": 16 });
    json!({ "url": url, "shards": 1, "session_start_limit": limit })
}

fn channel(state: &State, id: &str) -> Answer {
    state.channels.get(id).cloned().ok_or(UNKNOWN_CHANNEL)
}

fn open(state: &mut State, body: &Value) -> Answer {
    let person = body["recipient_id"].as_str().unwrap_or_default();
    if !state.people.contains(person) {
        return Err(Refusal(400, 50_033, "Invalid Recipient(s)"));
    }
    if let Some(known) = state.channels.get(&direct(person)) {
        return Ok(known.clone());
    }
    Ok(state.meet(&ChannelKind::Direct, &super::person(person, "Ann")))
}

fn list(state: &mut State, body: &Value) -> Answer {
    let wrong = Refusal(400, 50_035, "Invalid Form Body");
    let Some(commands) = body.as_array().filter(|commands| commands.len() <= 100) else {
        return Err(wrong);
    };
    let fits = |text: &Value, most: usize| {
        text.as_str().is_some_and(|text| (1..=most).contains(&text.chars().count()))
    };
    for command in commands {
        let name = command["name"].as_str().unwrap_or_default();
        let named =
            name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c));
        if !named || !fits(&command["name"], 32) || !fits(&command["description"], 100) {
            return Err(wrong);
        }
    }
    let stored = |command: &Value| {
        let mut command = command.clone();
        let id = state.number();
        for (key, value) in [("id", &*id), ("version", &*id), ("application_id", BOT)] {
            command[key] = value.into();
        }
        command["type"] = 1.into();
        command["default_member_permissions"] = Value::Null;
        command
    };
    state.commands = commands.iter().map(stored).collect();
    Ok(state.commands.clone().into())
}

/// The first answer to an interaction: one, and in time.
fn defer(state: &mut State, id: &str, token: &str, body: &Value) -> Answer {
    let asked = state.interactions.get_mut(token).filter(|asked| asked.id == id && !asked.late);
    let asked = asked.ok_or(UNKNOWN_INTERACTION)?;
    if asked.answered.is_some() {
        return Err(Refusal(400, 40_060, "Interaction has already been acknowledged."));
    }
    let kind = body["type"].as_u64().filter(|kind| matches!(kind, 4..=8));
    let kind = kind.ok_or(Refusal(400, 50_035, "Invalid Form Body"))?;
    (asked.answered, asked.waits) = (Some(kind), kind == 5);
    if kind == 4 {
        messages::answer(state, token, body);
    }
    Ok(Value::Null)
}

fn clear(state: &mut State, token: &str) -> Answer {
    let asked = state.interactions.get_mut(token).ok_or(UNKNOWN_WEBHOOK)?;
    if !asked.waits {
        return Err(Refusal(404, 10_008, "Unknown Message"));
    }
    asked.waits = false;
    Ok(Value::Null)
}
