//! The daemon's methods: what is wrong in a call is refused, as the real one does.

use serde_json::{Value, json};

use super::{
    GROUP, LINK, NUMBER, US, aci,
    state::{Failing, Shown, State},
};

const STYLES: [&str; 5] = ["BOLD", "ITALIC", "MONOSPACE", "SPOILER", "STRIKETHROUGH"];

pub(crate) fn call(state: &mut State, method: &str, params: &Value) -> Result<Value, Failing> {
    state.calls.push((method.to_owned(), params.clone()));
    let account = params["account"] == NUMBER && !state.unlinked;
    match method {
        "listAccounts" if !state.single => {
            let all = if state.unlinked {
                json!([])
            } else {
                json!([{ "number": "+15559999999" }, { "number": NUMBER }])
            };
            return Ok(all);
        }
        "startLink" if !state.single => return Ok(json!({ "deviceLinkUri": LINK })),
        "finishLink" if !state.single => return finish_link(state, params),
        "version" => return Ok(json!({ "version": "0.14.6" })),
        "listContacts" | "listDevices" | "remoteDelete" | "send" | "sendTyping" if account => {}
        "listContacts" | "listDevices" | "remoteDelete" | "send" | "sendTyping" => {
            return Err(Failing::Error(-32602, "Specified account does not exist", Value::Null));
        }
        _ => return Err(Failing::Error(-32601, "Method not implemented", Value::Null)),
    }
    if method == "listContacts" {
        assert_eq!(params["recipient"], json!([NUMBER]), "nobody else is asked for");
        return Ok(json!([{ "number": NUMBER, "uuid": US, "username": null, "name": "Gate" }]));
    }
    if method == "listDevices" {
        if state.expelled {
            return Err(Failing::Error(-3, "Failed to get linked devices: [403]", Value::Null));
        }
        return Ok(json!([{ "id": 1, "name": null }, { "id": 2, "name": "OpenClaw" }]));
    }
    let chat = place(state, params)?;
    let failing = state.failing.pop_front().or_else(|| state.storm.clone());
    match failing {
        Some(Failing::Half) => {
            done(state, method, &chat, params)?;
            return Err(Failing::Half);
        }
        Some(failing) => return Err(failing),
        None => {}
    }
    done(state, method, &chat, params)
}

/// The phone scans it at once, or never.
fn finish_link(state: &mut State, params: &Value) -> Result<Value, Failing> {
    if params["deviceLinkUri"] != LINK || params["deviceName"] != "OpenClaw" {
        return Err(user("Unknown device link uri."));
    }
    if let Some(words) = state.unscanned {
        return Err(Failing::Error(-3, words, Value::Null));
    }
    state.unlinked = false;
    Ok(json!({ "number": state.links.unwrap_or(NUMBER) }))
}

fn done(state: &mut State, method: &str, chat: &str, params: &Value) -> Result<Value, Failing> {
    let at = state.stamp();
    match method {
        "sendTyping" => state.typed += 1,
        "remoteDelete" => {
            let at =
                params["targetTimestamp"].as_u64().ok_or_else(|| user("no targetTimestamp"))?;
            state.messages.retain(|shown| shown.chat != chat || shown.at != at);
        }
        _ => {
            let shown = shown(chat.to_owned(), at, params)?;
            state.messages.push(shown);
        }
    }
    let address = json!({ "uuid": chat, "number": null });
    let results = json!([{ "recipientAddress": address, "type": "SUCCESS" }]);
    Ok(json!({ "timestamp": at, "results": results }))
}

fn user(words: &'static str) -> Failing {
    Failing::Error(-1, words, Value::Null)
}

/// The person or the group that a call is about: exactly one.
fn place(state: &State, params: &Value) -> Result<String, Failing> {
    match (params["recipient"].as_array().map(Vec::as_slice), params["groupId"].as_str()) {
        (Some([Value::String(one)]), None) => {
            let known = one.starts_with('+') || (one.len() == 36 && *one == one.to_lowercase());
            if !known || state.gone.iter().any(|name| aci(name) == *one) {
                return Err(user("The user is not registered."));
            }
            Ok(one.clone())
        }
        (None, Some(GROUP)) => Ok(GROUP.to_owned()),
        (None, Some(_)) => Err(user("Group not found")),
        _ => Err(user("No recipients given")),
    }
}

fn shown(chat: String, at: u64, params: &Value) -> Result<Shown, Failing> {
    let text = params["message"].as_str().unwrap_or_default().to_owned();
    let file = params["attachment"].as_array().and_then(|all| all.first());
    let file = file.map(|file| attached(file.as_str().unwrap_or_default())).transpose()?;
    if text.is_empty() && file.is_none() {
        return Err(user("Sending empty message is not allowed"));
    }
    let length = text.encode_utf16().count();
    let styles: Vec<String> = params["textStyle"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|style| style.as_str().unwrap_or_default().to_owned())
        .collect();
    if !styles.iter().all(|style| fits(style, length)) {
        return Err(user("Invalid textStyle syntax"));
    }
    let quote = params["quoteTimestamp"].as_u64().map(|at| {
        let text = |key: &str| params[key].as_str().unwrap_or_default().to_owned();
        (text("quoteAuthor"), at, text("quoteMessage"))
    });
    // Signal would show nothing of it.
    if quote.as_ref().is_some_and(|(author, _, text)| author.len() != 36 || text.is_empty()) {
        return Err(user("Quote author parameter is missing"));
    }
    Ok(Shown { chat, at, text, styles, file, quote })
}

fn fits(style: &str, text: usize) -> bool {
    let parts: Vec<&str> = style.splitn(3, ':').collect();
    let [start, length, name] = parts.as_slice() else { return false };
    let number = |text: &str| text.parse::<usize>().ok();
    let end = number(start).zip(number(length)).map(|(start, length)| start + length);
    end.is_some_and(|end| end <= text) && STYLES.contains(name) && *length != "0"
}

/// `data:<MIME-TYPE>;filename=<FILENAME>;base64,<BASE64 ENCODED DATA>`; a path would be read from the daemon's disk.
fn attached(file: &str) -> Result<(String, Vec<u8>), Failing> {
    let parts = file.strip_prefix("data:").and_then(|file| file.split_once(";base64,"));
    let Some((head, bytes)) = parts else { return Err(user("Attachment is no data URI")) };
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, bytes);
    bytes.map(|bytes| (head.to_owned(), bytes)).map_err(|_| user("Attachment is no base64"))
}
