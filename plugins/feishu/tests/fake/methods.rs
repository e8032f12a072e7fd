//! Calls about messages and files, as far as the channel makes them.

use openclaw_plugin_sdk::testing::Part;
use serde_json::{Value, json};

use super::{
    BOT, GROUP, content, person,
    state::{Shown, State},
};

/// A refusal: the code.
pub(crate) type Refusal = i64;

/// Codes of refusals, whatever their numbers are on the real one.
pub(crate) const NO_CHAT: Refusal = 230_002;
pub(crate) const UNAVAILABLE: Refusal = 230_013;
pub(crate) const WRONG: Refusal = 230_001;
pub(crate) const GONE: Refusal = 230_011;
pub(crate) const NO_EDIT: Refusal = 230_054;

pub(crate) fn call(
    state: &mut State,
    method: &str,
    path: &[&str],
    query: &str,
    body: &Value,
) -> Result<Value, Refusal> {
    match (method, path) {
        ("POST", ["messages"]) => {
            let id = body["receive_id"].as_str().unwrap_or_default();
            let chat = match query {
                "receive_id_type=open_id" if id.starts_with("ou_") => id.to_owned(),
                "receive_id_type=chat_id" if id == GROUP => id.to_owned(),
                "receive_id_type=chat_id" => return Err(NO_CHAT),
                _ => return Err(WRONG),
            };
            create(state, chat, None, body)
        }
        ("POST", ["messages", parent, "reply"]) => {
            let chat = chat_of(state, parent).ok_or(GONE)?;
            create(state, chat, Some((*parent).to_owned()), body)
        }
        ("PUT" | "PATCH", ["messages", id]) => edit(state, method, id, body),
        ("DELETE", ["messages", id]) => {
            state.shown(id).ok_or(GONE)?.deleted = true;
            Ok(json!({}))
        }
        ("GET", ["messages", id]) => {
            let shown = state.messages.iter().find(|shown| shown.id == *id).ok_or(WRONG)?;
            let item =
                json!({ "message_id": id, "deleted": shown.deleted, "chat_id": shown.chat_id() });
            Ok(json!({ "items": [item] }))
        }
        _ => Err(WRONG),
    }
}

/// Where a message stands that a person sent: by the events that were announced, or what we sent.
fn chat_of(state: &State, id: &str) -> Option<String> {
    if let Some(shown) = state.messages.iter().find(|shown| shown.id == id) {
        return (!shown.deleted).then(|| shown.chat.clone());
    }
    state.places.get(id).cloned()
}

fn create(
    state: &mut State,
    chat: String,
    parent: Option<String>,
    body: &Value,
) -> Result<Value, Refusal> {
    if state.unavailable.iter().any(|name| person(name) == chat) {
        return Err(UNAVAILABLE);
    }
    let uuid = body["uuid"].as_str();
    assert!(uuid.is_none_or(|uuid| uuid.len() <= 50), "a uuid is short: {uuid:?}");
    if let Some(known) = uuid.and_then(|uuid| state.uuids.get(uuid)) {
        return Ok(json!({ "message_id": known, "chat_id": chat }));
    }
    let (kind, content) = read(body)?;
    let id = format!("om_x{:031}", state.count());
    if let Some(uuid) = uuid {
        state.uuids.insert(uuid.to_owned(), id.clone());
    }
    let in_thread = body["reply_in_thread"] == true;
    let shown =
        Shown { chat, id: id.clone(), kind, content, parent, in_thread, ..Shown::default() };
    let chat_id = shown.chat_id();
    state.messages.push(shown);
    Ok(
        json!({ "message_id": id, "chat_id": chat_id, "sender": { "id": BOT, "sender_type": "app" } }),
    )
}

fn edit(state: &mut State, method: &str, id: &str, body: &Value) -> Result<Value, Refusal> {
    let most = state.most_edits;
    let shown = state.shown(id).ok_or(GONE)?;
    let is_card = shown.kind == "interactive";
    if is_card != (method == "PATCH") || (most > 0 && !is_card && shown.edits >= most) {
        return Err(NO_EDIT);
    }
    let mut body = body.clone();
    if is_card {
        assert_eq!(body.as_object().map(serde_json::Map::len), Some(1), "the content alone");
        body["msg_type"] = "interactive".into();
    }
    let (kind, content) = read(&body)?;
    (shown.kind, shown.content) = (kind, content);
    shown.edits += 1;
    Ok(json!({ "message_id": id }))
}

/// JSON in JSON.
fn read(body: &Value) -> Result<(String, Value), Refusal> {
    let kind = body["msg_type"].as_str().ok_or(WRONG)?.to_owned();
    let text = body["content"].as_str().ok_or(WRONG)?;
    let content = serde_json::from_str(text).map_err(|_| WRONG)?;
    if let Some(wrong) = content::wrong(&kind, &content) {
        assert!(!wrong.contains("kind text"), "a text can call everybody");
        return Err(WRONG);
    }
    Ok((kind, content))
}

pub(crate) fn upload(state: &mut State, what: &str, parts: Vec<Part>) -> Result<Value, Refusal> {
    let field = |name: &str| parts.iter().find(|part| part.name == name);
    let text =
        |name: &str| field(name).map(|part| String::from_utf8_lossy(&part.bytes).into_owned());
    let (key, name, bytes) = match what {
        "images" if text("image_type").as_deref() == Some("message") => {
            ("image_key", "img_v3", field("image"))
        }
        "files" if text("file_type").is_some() && text("file_name").is_some() => {
            ("file_key", "file_v3", field("file"))
        }
        _ => return Err(WRONG),
    };
    let bytes = bytes.filter(|part| part.is_file).ok_or(WRONG)?.bytes.clone();
    let name = format!("{name}_{}", state.count());
    state.files.insert(name.clone(), bytes);
    Ok(json!({ key: name }))
}

/// The chat that an event stands in, as the app's channel spells it.
pub(crate) fn place(event: &Value) -> String {
    let chat = event["message"]["chat_id"].as_str().unwrap_or_default();
    let from = event["sender"]["sender_id"]["open_id"].as_str().unwrap_or_default();
    if event["message"]["chat_type"] == "p2p" { from.to_owned() } else { chat.to_owned() }
}
