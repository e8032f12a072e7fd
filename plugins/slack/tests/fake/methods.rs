//! The methods of the Web API, as far as the channel uses them.

use serde_json::{Value, json};

use super::{BOT, BOT_ID, CHANNEL, Shown, State, TEAM, blocks, direct_chat, files, http::App};

/// Why a method is refused.
pub(crate) enum Refusal {
    Said(Value),
    Slow(u64),
}

pub(crate) fn said(word: &str) -> Refusal {
    Refusal::Said(json!({ "ok": false, "error": word }))
}

pub(crate) fn call(
    state: &mut State,
    app: &App,
    token: Option<&str>,
    method: &str,
    given: &Value,
) -> Result<Value, Refusal> {
    if let Some(seconds) = state.storm {
        return Err(Refusal::Slow(seconds));
    }
    let Some(token) = token else { return Err(said("invalid_auth")) };
    if state.revoked {
        return Err(said("account_inactive"));
    }
    if let Some(refusal) = state.refusals.remove(method) {
        return Err(Refusal::Said(refusal));
    }
    let wanted = if method == "apps.connections.open" { "app" } else { "bot" };
    if token != wanted {
        return Err(said("not_allowed_token_type"));
    }
    match method {
        "api.test" => Ok(json!({})),
        "apps.connections.open" => Ok(open(state, app)),
        "auth.test" => Ok(json!({
            "url": "https://home.slack.com/", "team": "Home", "user": "gate", "team_id": TEAM,
            "user_id": BOT, "bot_id": BOT_ID, "is_enterprise_install": false,
        })),
        "chat.delete" => delete(state, given),
        "chat.postEphemeral" => {
            content(given)?;
            let chat = place(state, given)?;
            let user = given["user"].as_str().unwrap_or_default().to_owned();
            whisper(state, given, &user, &chat);
            Ok(json!({ "message_ts": "1.1" }))
        }
        "chat.postMessage" => post(state, given),
        "chat.update" => update(state, given),
        "conversations.open" => {
            let user = given["users"].as_str().filter(|user| user.starts_with(['U', 'W']));
            let chat = direct_chat(user.ok_or_else(|| said("user_not_found"))?);
            Ok(json!({ "channel": { "id": chat }, "no_op": true, "already_open": true }))
        }
        "users.info" => {
            let user = given["user"].as_str().ok_or_else(|| said("user_not_found"))?;
            let own = state.names.get(user).cloned();
            let name = own.unwrap_or_else(|| super::events::name(user));
            let profile = json!({ "display_name": name, "real_name": "" });
            let teams = json!({ "teams": state.teams });
            Ok(json!({ "user": { "id": user, "profile": profile, "enterprise_user": teams } }))
        }
        _ => files::call(state, app, method, given).unwrap_or_else(|| Err(said("unknown_method"))),
    }
}

fn open(state: &mut State, app: &App) -> Value {
    let ticket = format!("ticket{}", state.count());
    state.tickets.insert(ticket.clone());
    let host = state.elsewhere.clone().unwrap_or_else(|| format!("ws://{}", app.address));
    json!({ "url": format!("{host}/link?ticket={ticket}") })
}

/// The place that a message goes to.
pub(crate) fn place(state: &State, given: &Value) -> Result<String, Refusal> {
    let _ = state;
    let channel = given["channel"].as_str().or_else(|| given["channel_id"].as_str());
    match channel.unwrap_or_default() {
        channel if channel == CHANNEL || channel.starts_with("D0") => Ok(channel.to_owned()),
        user if user.starts_with("U0") => Ok(direct_chat(user)),
        _ => Err(said("channel_not_found")),
    }
}

fn content(given: &Value) -> Result<(), Refusal> {
    if let Some(wrong) = blocks::wrong(&given["blocks"]) {
        let why = json!({ "ok": false, "error": "invalid_blocks", "errors": [wrong] });
        return Err(Refusal::Said(why));
    }
    let text = given["text"].as_str().unwrap_or_default();
    if text.is_empty() && given["blocks"].as_array().is_none_or(Vec::is_empty) {
        return Err(said("no_text"));
    }
    if text.chars().count() > 4000 {
        return Err(said("msg_too_long"));
    }
    assert!(!text.contains(['<', '>']), "a notification could call people: {text}");
    Ok(())
}

fn post(state: &mut State, given: &Value) -> Result<Value, Refusal> {
    if let Some(seconds) = state.slow_down.take() {
        return Err(Refusal::Slow(seconds));
    }
    content(given)?;
    let chat = place(state, given)?;
    let ts = state.number();
    let text = |key: &str| given[key].as_str().map(str::to_owned);
    state.messages.push(Shown {
        chat: chat.clone(),
        ts: ts.clone(),
        text: text("text").unwrap_or_default(),
        blocks: given["blocks"].clone(),
        thread: text("thread_ts"),
        ..Shown::default()
    });
    let message =
        json!({ "type": "message", "user": BOT, "bot_id": BOT_ID, "ts": ts, "text": text("text") });
    Ok(json!({ "channel": chat, "ts": ts, "message": message }))
}

fn update(state: &mut State, given: &Value) -> Result<Value, Refusal> {
    content(given)?;
    let old = find(state, given)?;
    let old = &mut state.messages[old];
    given["text"].as_str().unwrap_or_default().clone_into(&mut old.text);
    // What is not given stays as it was.
    if !given["blocks"].is_null() {
        old.blocks = given["blocks"].clone();
    }
    Ok(json!({ "channel": old.chat, "ts": old.ts, "text": old.text }))
}

fn delete(state: &mut State, given: &Value) -> Result<Value, Refusal> {
    let old = find(state, given)?;
    let old = state.messages.remove(old);
    Ok(json!({ "channel": old.chat, "ts": old.ts }))
}

/// A person's id is no place of a message that stands.
fn find(state: &State, given: &Value) -> Result<usize, Refusal> {
    let channel = given["channel"].as_str().unwrap_or_default();
    if channel != CHANNEL && !channel.starts_with('D') {
        return Err(said("channel_not_found"));
    }
    let same = |shown: &Shown| {
        shown.whisper_to.is_none() && shown.chat == channel && given["ts"] == shown.ts.as_str()
    };
    state.messages.iter().position(same).ok_or_else(|| said("message_not_found"))
}

/// What only one person sees.
pub(crate) fn whisper(state: &mut State, given: &Value, user: &str, chat: &str) {
    let ts = state.number();
    state.messages.push(Shown {
        chat: chat.to_owned(),
        ts,
        text: given["text"].as_str().unwrap_or_default().to_owned(),
        blocks: given["blocks"].clone(),
        whisper_to: Some(user.to_owned()),
        ..Shown::default()
    });
}
