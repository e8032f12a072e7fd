//! The calls of the server: what is wrong in one is refused, as the real one does.

use serde_json::{Value, json};

use super::{
    http::Done,
    messages::{chat, merge},
    state::{Shown, State, Webhook},
};

pub(crate) fn call(state: &mut State, method: &str, path: &str, body: &Value) -> Done {
    match (method, path.split('/').collect::<Vec<_>>().as_slice()) {
        ("GET", ["server", "info"]) => Ok(json!({
            "computer_id": "mac", "os_version": "15.7", "server_version": "1.9.9",
            "private_api": state.helper, "helper_connected": state.helper,
            "detected_icloud": state.account, "detected_imessage": state.account,
            "local_ipv4s": ["192.168.1.20"],
        })),
        ("POST", ["message", "query"]) => query(state, body),
        ("POST", ["message", "text"]) => send(state, body),
        (_, ["webhook", ..]) => match &state.no_webhooks {
            Some(words) => Err((500, "Server Error", words.clone())),
            None => webhooks(state, method, path, body),
        },
        _ => {
            state.fetched += 1;
            Err((404, "Database Error", "The requested resource was not found".to_owned()))
        }
    }
}

fn bad(words: &str) -> Done {
    Err((400, "Validation Error", words.to_owned()))
}

fn webhooks(state: &mut State, method: &str, path: &str, body: &Value) -> Done {
    let shown = |it: &Webhook| json!({ "id": it.id, "url": it.url, "events": it.events, "created": "2026-01-01T00:00:00.000Z" });
    match (method, path.split_once('/')) {
        ("GET", None) => Ok(state.webhooks.iter().map(shown).collect()),
        ("POST", None) => {
            let Some(url) = body["url"].as_str().filter(|url| url.starts_with("http")) else {
                return bad("Webhook URL must include an HTTP scheme!");
            };
            let Some(events) = body["events"].as_array() else {
                return bad("The events field is required.");
            };
            let events: Vec<String> =
                events.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect();
            let known = ["*", "new-message", "updated-message", "message-send-error"];
            if events.iter().any(|it| !known.contains(&it.as_str())) {
                return bad("Invalid webhook event");
            }
            if let Some(same) = state.webhooks.iter().find(|it| it.url == url) {
                return Ok(shown(same));
            }
            let webhook = Webhook { id: state.number(), url: url.to_owned(), events };
            state.webhooks.push(webhook.clone());
            Ok(shown(&webhook))
        }
        ("DELETE", Some((_, id))) => {
            let at = state.webhooks.iter().position(|it| it.id.to_string() == id);
            let Some(at) = at else {
                return Err((404, "Database Error", "Webhook does not exist!".to_owned()));
            };
            state.webhooks.remove(at);
            Ok(Value::Null)
        }
        _ => Err((404, "Database Error", "no method".to_owned())),
    }
}

fn query(state: &State, body: &Value) -> Done {
    let number = |key: &str, or: u64| match &body[key] {
        Value::Null => Some(or),
        value => value.as_u64(),
    };
    let (Some(after), Some(offset)) = (number("after", 0), number("offset", 0)) else {
        return bad("The after must be a number.");
    };
    let Some(limit) = number("limit", 100).filter(|limit| (1..=1000).contains(limit)) else {
        return bad("The limit may not be greater than 1000.");
    };
    let with =
        |key: &str| body["with"].as_array().is_some_and(|all| all.iter().any(|it| it == key));
    let mut found: Vec<&Value> =
        state.history.iter().filter(|it| it["dateCreated"].as_u64() >= Some(after)).collect();
    found.sort_by_key(|it| it["dateCreated"].as_u64());
    if body["sort"] != "ASC" {
        found.reverse();
    }
    let page = found.into_iter().skip(usize::try_from(offset).unwrap_or_default());
    let shown = |message: &Value| {
        let mut message = message.clone();
        // What the shorter form of an announcement leaves out.
        let more = json!({
            "isSystemMessage": false, "isServiceMessage": false, "isAutoReply": false,
            "replyToGuid": "5C2E0C3A-THE-ONE-BEFORE",
        });
        merge(&mut message, more);
        for (key, named) in [("chats", "chat"), ("attachments", "attachment")] {
            if !with(named) {
                message[key] = json!([]);
            }
        }
        message
    };
    Ok(page.take(usize::try_from(limit).unwrap_or_default()).map(shown).collect())
}

fn send(state: &mut State, body: &Value) -> Done {
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    let (guid, mark, message) = (text("chatGuid"), text("tempGuid"), text("message"));
    let answers = body["selectedMessageGuid"].as_str().map(str::to_owned);
    let by_helper = body["method"] == "private-api" || answers.is_some();
    if guid.is_empty() {
        return bad("The chatGuid field is required.");
    }
    if !by_helper && mark.is_empty() {
        return bad("A 'tempGuid' is required when sending via AppleScript");
    }
    if message.is_empty() {
        return bad("A 'message' is required when sending via AppleScript");
    }
    if !state.queued.insert(mark.clone()) {
        return bad(&format!("Message is already queued to be sent! (Temp GUID: {mark})"));
    }
    state.queued.remove(&mark);
    let failed = |words: &str| Err((500, "iMessage Error", words.to_owned()));
    if by_helper && !state.helper {
        return failed("iMessage Private API Helper is not connected!");
    }
    // AppleScript writes to a person without a chat, too: to a number or an address.
    let person =
        guid.strip_prefix("iMessage;-;").filter(|it| it.starts_with('+') || it.contains('@'));
    if !state.chats.contains(&guid) && (by_helper || person.is_none()) {
        return failed("Message send timeout");
    }
    let style = if guid.contains(";-;") { 45 } else { 43 };
    let mut sent = state.own(
        chat(&guid, style, ""),
        json!({
            "text": message, "threadOriginatorGuid": answers,
            "handle": person.map(|it| json!({ "address": it, "service": "iMessage" })),
        }),
    );
    let id = sent["guid"].as_str().unwrap_or_default().to_owned();
    state.sent.push(Shown { guid: id, chat: guid, text: message, answers });
    sent["tempGuid"] = mark.into();
    Ok(sent)
}
