//! Messages of the fake's HTTP API: what Discord takes, what it refuses, and how people read it.

use serde_json::{Value, json};

use super::{
    http::{Given, Refusal},
    routes::{UNKNOWN_CHANNEL, UNKNOWN_WEBHOOK},
    state::{Shown, State},
    wire::ChannelKind,
};

type Answer = Result<Value, Refusal>;

/// Only the person who acted sees it.
const EPHEMERAL: u64 = 1 << 6;

const UNKNOWN_MESSAGE: Refusal = Refusal(404, 10_008, "Unknown Message");
const INVALID: Refusal = Refusal(400, 50_035, "Invalid Form Body");

pub(crate) fn send(state: &mut State, channel: &str, given: Given) -> Answer {
    let channel = state.channels.get(channel).cloned().ok_or(UNKNOWN_CHANNEL)?;
    let person = channel["recipients"][0]["id"].as_str().unwrap_or_default();
    if state.blocked.contains(person) {
        return Err(Refusal(403, 50_007, "Cannot send messages to this user"));
    }
    let id = state.number();
    let shown = shown(channel, id, given)?;
    let (wire, wire_type) = (shown.wire(), shown.channel["type"].clone());
    state.messages.push(shown);
    // The gateway tells all who listen, the bot itself too.
    let mut told = wire.clone();
    told["channel_type"] = wire_type;
    state.announce("MESSAGE_CREATE", &told);
    Ok(wire)
}

pub(crate) fn edit(state: &mut State, channel: &str, id: &str, given: Given) -> Answer {
    let known = state.channels.get(channel).cloned().ok_or(UNKNOWN_CHANNEL)?;
    let old = state.shown(id).filter(|old| old.channel["id"] == known["id"]);
    let old = old.ok_or(UNKNOWN_MESSAGE)?;
    let new = shown(known, id.to_owned(), given)?;
    let answers = old.answers.take();
    *old = Shown { answers, ..new };
    let wire = old.wire();
    state.announce("MESSAGE_UPDATE", &wire);
    Ok(wire)
}

pub(crate) fn delete(state: &mut State, channel: &str, id: &str) -> Answer {
    let before = state.messages.len();
    state.messages.retain(|shown| shown.toast || shown.id != id || shown.channel["id"] != channel);
    if state.messages.len() == before {
        return Err(UNKNOWN_MESSAGE);
    }
    state.announce("MESSAGE_DELETE", &json!({ "id": id, "channel_id": channel }));
    Ok(Value::Null)
}

/// What is said to the person who gave a command or pressed a button, after the first answer.
pub(crate) fn follow_up(state: &mut State, token: &str, given: Given) -> Answer {
    let asked = state.interactions.get(token).ok_or(UNKNOWN_WEBHOOK)?;
    if asked.answered.is_none() {
        return Err(UNKNOWN_WEBHOOK);
    }
    let place = ChannelKind::Direct.channel(&asked.by);
    let for_one = given.body["flags"].as_u64().unwrap_or_default() & EPHEMERAL != 0;
    let mut shown = shown(place, asked.id.clone(), given)?;
    shown.toast = for_one;
    let wire = shown.wire();
    state.messages.push(shown);
    Ok(wire)
}

/// A first answer that says something.
pub(crate) fn answer(state: &mut State, token: &str, body: &Value) {
    let given = Given { body: body["data"].clone(), file: None };
    // What is refused, nobody sees.
    let _shown = follow_up(state, token, given);
}

fn shown(channel: Value, id: String, Given { body, file }: Given) -> Result<Shown, Refusal> {
    let content = body["content"].as_str().unwrap_or_default();
    let embeds = if body["embeds"].is_array() { body["embeds"].clone() } else { json!([]) };
    let described = embeds[0]["description"].as_str().unwrap_or_default();
    // Discord counts code points.
    if content.chars().count() > 2000 || described.chars().count() > 4096 {
        return Err(INVALID);
    }
    let attached = body["attachments"].as_array().map_or(0, Vec::len);
    if attached != usize::from(file.is_some()) {
        return Err(INVALID);
    }
    if content.trim().is_empty() && described.is_empty() && file.is_none() {
        return Err(Refusal(400, 50_006, "Cannot send an empty message"));
    }
    let components = components(&body["components"])?;
    let answers = body["message_reference"]["message_id"].as_str().map(str::to_owned);
    let content = content.trim().to_owned();
    Ok(Shown { channel, id, content, embeds, components, image: file, answers, toast: false })
}

/// Five rows of five buttons, each with a label and an id of its own.
fn components(rows: &Value) -> Result<Value, Refusal> {
    let rows = rows.as_array().cloned().unwrap_or_default();
    let mut ids = std::collections::BTreeSet::new();
    for row in &rows {
        let buttons = row["components"].as_array().filter(|row| (1..=5).contains(&row.len()));
        for button in buttons.ok_or(INVALID)? {
            let label = button["label"].as_str().unwrap_or_default();
            let id = button["custom_id"].as_str().unwrap_or_default();
            let fits = (1..=80).contains(&label.chars().count())
                && (1..=100).contains(&id.chars().count());
            if !fits || row["type"] != 1 || button["type"] != 2 || !ids.insert(id.to_owned()) {
                return Err(INVALID);
            }
        }
    }
    if rows.len() > 5 { Err(INVALID) } else { Ok(rows.into()) }
}

/// As people read it: without the marks. What would be obeyed instead of shown is shown as such.
pub(crate) fn plain(content: &str) -> String {
    let (mut text, mut rest) = (String::new(), content);
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\\' if rest.starts_with(|c: char| c.is_ascii_punctuation()) => {
                text.push_str(&rest[..1]);
                rest = &rest[1..];
            }
            '`' => {
                let (code, after) = rest.split_once('`').unwrap_or(("(open)", ""));
                text.push_str(code);
                rest = after;
            }
            '*' | '|' | '~' => text.push_str("(mark)"),
            '_' if !linked(content, rest) => text.push_str("(mark)"),
            '<' if rest.starts_with(['@', '#', ':', 't', '/']) => text.push_str("(mention)"),
            c => text.push(c),
        }
    }
    text
}

/// True where what is left begins inside a link.
fn linked(content: &str, rest: &str) -> bool {
    let before = &content[..content.len() - rest.len()];
    let word = before.rsplit(char::is_whitespace).next().unwrap_or_default();
    word.contains("http://") || word.contains("https://")
}
