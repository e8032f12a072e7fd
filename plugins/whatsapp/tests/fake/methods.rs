//! What the number can do: what is wrong in a call is refused, as the real one does.

use axum::{body::Bytes, http::HeaderMap};
use openclaw_plugin_sdk::testing;
use serde_json::{Value, json};

use super::{
    GROUP,
    events::{number, person},
    state::{Shown, State},
};

/// A parameter is wrong.
const WRONG: i64 = 100;
/// The person is not there, or has never written.
const NOBODY: i64 = 131_026;
/// The window of 24 hours is closed.
const CLOSED: i64 = 131_047;

const PEOPLE: [&str; 7] = ["owner", "second", "ann", "bob", "eve", "namesake", "ann2"];

/// Sends a message, or says that one was read.
pub(crate) fn post(state: &mut State, body: &Value) -> Result<Value, i64> {
    if body["messaging_product"] != "whatsapp" {
        return Err(WRONG);
    }
    if !body["status"].is_null() {
        return read(state, body);
    }
    let to = addressee(body)?;
    if to != GROUP && !state.met.contains(&to) {
        return Err(NOBODY);
    }
    if state.closed.contains(&to) {
        return Err(CLOSED);
    }
    let image = content(state, body)?;
    let answers = body["context"]["message_id"].as_str().map(str::to_owned);
    if answers.as_ref().is_some_and(|id| !state.inbound.contains(id)) {
        return Err(WRONG);
    }
    let id = format!("wamid.HBgM{}", state.number());
    let shown = Shown { id: id.clone(), to: to.clone(), answers, body: body.clone(), image };
    state.messages.push(shown);
    Ok(
        json!({ "messaging_product": "whatsapp", "contacts": [{ "input": to }], "messages": [{ "id": id }] }),
    )
}

fn read(state: &mut State, body: &Value) -> Result<Value, i64> {
    let is_known = body["message_id"].as_str().is_some_and(|id| state.inbound.contains(id));
    if body["status"] != "read" || !is_known {
        return Err(WRONG);
    }
    state.typed += usize::from(body["typing_indicator"]["type"] == "text");
    Ok(json!({ "success": true }))
}

/// Where a message goes: by the key `to` a number, by `recipient` an id.
fn addressee(body: &Value) -> Result<String, i64> {
    let (to, recipient) = (body["to"].as_str(), body["recipient"].as_str());
    match (body["recipient_type"].as_str(), to, recipient) {
        (Some("group"), Some(to), None) if to == GROUP => Ok(to.to_owned()),
        // The client of others gives both where it knows both.
        (Some("individual"), Some(to), id) => {
            let digits = to.strip_prefix('+').unwrap_or(to);
            let known = PEOPLE.iter().find(|name| number(name) == digits);
            let known = known.map(|name| person(name)).ok_or(NOBODY)?;
            if id.is_none_or(|id| id == known) { Ok(known) } else { Err(WRONG) }
        }
        (Some("individual"), None, Some(id)) if id.starts_with("US.") => Ok(id.to_owned()),
        _ => Err(WRONG),
    }
}

/// Checks what a message shows; the picture, if it is one.
fn content(state: &State, body: &Value) -> Result<Option<Vec<u8>>, i64> {
    let within = |text: &Value, most: usize| {
        text.as_str().is_some_and(|text| (1..=most).contains(&text.encode_utf16().count()))
    };
    match body["type"].as_str() {
        // With a preview WhatsApp would fetch what the text names.
        Some("text")
            if within(&body["text"]["body"], 4096) && body["text"]["preview_url"] == false =>
        {
            Ok(None)
        }
        Some("image") => {
            let media = body["image"]["id"].as_str().and_then(|id| state.media.get(id));
            media.cloned().map(Some).ok_or(WRONG)
        }
        Some("interactive") => {
            let it = &body["interactive"];
            let buttons = it["action"]["buttons"].as_array().cloned().unwrap_or_default();
            let fits = |button: &Value| {
                let reply = &button["reply"];
                button["type"] == "reply"
                    && within(&reply["id"], 256)
                    && within(&reply["title"], 20)
            };
            let is_right = it["type"] == "button"
                && within(&it["body"]["text"], 1024)
                && (1..=3).contains(&buttons.len())
                && buttons.iter().all(fits);
            if is_right { Ok(None) } else { Err(WRONG) }
        }
        _ => Err(WRONG),
    }
}

pub(crate) fn upload(state: &mut State, headers: &HeaderMap, body: &Bytes) -> Result<Value, i64> {
    let parts = testing::parts(headers, body).ok_or(WRONG)?;
    let part = |name: &str| parts.iter().find(|part| part.name == name).map(|part| &part.bytes);
    let is_right = part("messaging_product").is_some_and(|it| it == b"whatsapp")
        && part("type").is_some_and(|it| it == b"image/png");
    let file = part("file").filter(|_| is_right).ok_or(WRONG)?.clone();
    let id = format!("media{}", state.number());
    state.media.insert(id.clone(), file);
    Ok(json!({ "id": id }))
}
