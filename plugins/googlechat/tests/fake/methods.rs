//! The methods of the Chat API: what is wrong in a call is refused, as the real one does.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    Kind,
    events::{person_in, space_of},
    reading::is_html,
    state::{Shown, State},
    tokens::URL,
};

type Refused = (u16, &'static str);

/// Google's word for a status.
pub(crate) fn word(status: u16) -> &'static str {
    match status {
        400 => "INVALID_ARGUMENT",
        403 => "PERMISSION_DENIED",
        _ => "NOT_FOUND",
    }
}

pub(crate) fn call(
    state: &mut State,
    kind: Kind,
    method: &str,
    path: &str,
    query: &BTreeMap<String, String>,
    body: &Value,
) -> Result<Value, Refused> {
    let parts: Vec<&str> = path.split('/').collect();
    match (method, parts.as_slice()) {
        ("GET", ["spaces"]) => Ok(json!({ "spaces": [] })),
        ("GET", ["spaces:findDirectMessage"]) => {
            let space = query.get("name").map(|name| space_of(name)).unwrap_or_default();
            let known = state.met.contains(&space) && person_in(&space).is_some();
            if known {
                Ok(json!({ "name": space, "spaceType": "DIRECT_MESSAGE" }))
            } else {
                Err((404, "no direct message"))
            }
        }
        ("POST", ["spaces", space, "messages"]) => {
            post(state, kind, &format!("spaces/{space}"), query, body)
        }
        ("PATCH", ["spaces", _, "messages", _]) => {
            let content = content(kind, body)?;
            let mask = query.get("updateMask").map(String::as_str).unwrap_or_default();
            if mask != "text,cardsV2" {
                return Err((400, "no mask"));
            }
            let shown = state.messages.iter_mut().find(|shown| shown.name == path);
            let shown = shown.ok_or((404, "no message"))?;
            (shown.text, shown.cards) = content;
            Ok(shown.resource())
        }
        ("DELETE", ["spaces", _, "messages", _]) => {
            let at = state.messages.iter().position(|shown| shown.name == path);
            state.messages.remove(at.ok_or((404, "no message"))?);
            Ok(json!({}))
        }
        _ => Err((404, "no method")),
    }
}

fn post(
    state: &mut State,
    kind: Kind,
    space: &str,
    query: &BTreeMap<String, String>,
    body: &Value,
) -> Result<Value, Refused> {
    if !state.met.contains(space) {
        return Err((404, "no space"));
    }
    let (text, cards) = content(kind, body)?;
    let key = query.get("requestId").cloned();
    let same = key.as_ref().and_then(|key| state.keys.get(key)).cloned();
    if let Some(shown) =
        same.and_then(|name| state.messages.iter().find(|shown| shown.name == name))
    {
        return Ok(shown.resource());
    }
    let number = state.number();
    let name = format!("{space}/messages/m{number}");
    let replies = query
        .get("messageReplyOption")
        .is_some_and(|it| it == "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD");
    let named = body["thread"]["name"].as_str().filter(|_| replies);
    let begun = named.filter(|name| {
        name.starts_with(&format!("{space}/threads/")) && state.roots.contains_key(*name)
    });
    let thread = begun.map_or_else(|| format!("{space}/threads/t{number}"), str::to_owned);
    let answers = begun.and_then(|thread| state.roots.get(thread)).cloned();
    state.roots.entry(thread.clone()).or_insert_with(|| name.clone());
    let shown = Shown { name: name.clone(), space: space.to_owned(), thread, answers, text, cards };
    let resource = shown.resource();
    state.messages.push(shown);
    if let Some(key) = key {
        state.keys.insert(key, name);
    }
    Ok(resource)
}

/// The text or the cards, and never both.
fn content(kind: Kind, body: &Value) -> Result<(String, Value), Refused> {
    let known = ["text", "cardsV2", "thread", "fallbackText"];
    let fields = body.as_object().ok_or((400, "no body"))?;
    if !fields.keys().all(|key| known.contains(&key.as_str())) {
        return Err((400, "an unknown field"));
    }
    let text = body["text"].as_str().unwrap_or_default().to_owned();
    let cards = body["cardsV2"].as_array().cloned().unwrap_or_default();
    if text.is_empty() == cards.is_empty() || text.chars().count() > 16_000 {
        return Err((400, "a text or a card"));
    }
    for card in &cards {
        let widgets =
            card["card"]["sections"][0]["widgets"].as_array().ok_or((400, "no widgets"))?;
        let fits = |widget: &Value| {
            if let Some(text) = widget["textParagraph"]["text"].as_str() {
                return !text.is_empty() && is_html(text);
            }
            let buttons = widget["buttonList"]["buttons"].as_array();
            buttons.is_some_and(|all| !all.is_empty() && all.iter().all(|it| is_button(it, kind)))
        };
        if card["cardId"].as_str().is_none_or(str::is_empty) || !widgets.iter().all(fits) {
            return Err((400, "a widget that is none"));
        }
    }
    Ok((text, cards.into()))
}

/// An add-on's has to call the address of the app.
fn is_button(button: &Value, kind: Kind) -> bool {
    let (action, label) = (&button["onClick"]["action"], button["text"].as_str());
    let function = action["function"].as_str().unwrap_or_default();
    let right = if kind == Kind::Addon { function == URL } else { !function.is_empty() };
    let parameter = &action["parameters"][0];
    right
        && label.is_some_and(|it| !it.is_empty())
        && parameter["key"].is_string()
        && parameter["value"].is_string()
}
