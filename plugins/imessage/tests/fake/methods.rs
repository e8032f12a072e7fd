//! The fake's methods. What is not documented is refused, and so is a value of another type.

use std::{fs, os::unix::fs::MetadataExt};

use openclaw_plugin_sdk::now;
use serde_json::{Value, json};

use super::{
    Shown, State, US,
    state::{Failing, Receipt, time},
};

/// What one process knows.
#[derive(Default)]
pub(crate) struct Process {
    /// The subscription, and the last row that it has told.
    pub(crate) watch: Option<(u64, u64)>,
    /// A message hangs.
    hangs: bool,
    is_closed: bool,
}

impl Process {
    /// One with these arguments. It may not read a database in a folder that is closed.
    pub(crate) fn of(arguments: &str) -> Self {
        Self { is_closed: arguments.contains("/closed/"), ..Self::default() }
    }
}

/// The code of an error that is never said.
pub(crate) const SILENT: i64 = 0;

/// The result of a call, `Null` where the process ends before it says it; or the code and the data of an error.
pub(crate) type Done = Result<Value, (i64, Value)>;

/// The types of parameters.
const TEXT: fn(&Value) -> bool = Value::is_string;
const NUMBER: fn(&Value) -> bool = Value::is_i64;
const FLAG: fn(&Value) -> bool = Value::is_boolean;

type Keys = &'static [(&'static str, fn(&Value) -> bool)];

const KNOWN: &[(&str, Keys)] = &[
    ("status", &[]),
    (
        "messages.after",
        &[
            ("since_rowid", NUMBER),
            ("chat_id", NUMBER),
            ("limit", NUMBER),
            ("attachments", FLAG),
            ("convert_attachments", FLAG),
            ("include_reactions", FLAG),
        ],
    ),
    (
        "watch.subscribe",
        &[
            ("chat_id", NUMBER),
            ("since_rowid", NUMBER),
            ("attachments", FLAG),
            ("include_reactions", FLAG),
            ("debounce_ms", NUMBER),
            ("buffer_limit", NUMBER),
        ],
    ),
    ("message.send_status", &[("guid", TEXT)]),
    (
        "send",
        &[
            ("to", TEXT),
            ("text", TEXT),
            ("file", TEXT),
            ("service", TEXT),
            ("region", TEXT),
            ("allow_sms_fallback", FLAG),
            ("chat_id", NUMBER),
            ("chat_identifier", TEXT),
            ("chat_guid", TEXT),
            ("transport", TEXT),
            ("reply_to", TEXT),
        ],
    ),
];

fn invalid(words: impl Into<String>) -> Done {
    Err((-32602, Value::String(words.into())))
}

pub(crate) fn call(state: &mut State, process: &mut Process, method: &str, params: &Value) -> Done {
    let known = KNOWN.iter().find(|(known, _)| *known == method);
    let Some((_, keys)) = known.filter(|_| !state.old || method != "status") else {
        return Err((-32601, method.into()));
    };
    for (name, value) in params.as_object().into_iter().flatten() {
        match keys.iter().find(|(key, _)| key == name) {
            None => return invalid(format!("unknown parameter {name}")),
            Some((_, fits)) if !fits(value) => return invalid(format!("invalid {name}")),
            Some(_) => {}
        }
    }
    let is_closed = state.closed || process.is_closed;
    if method == "status" {
        return Ok(status(state, is_closed));
    }
    if is_closed && method != "send" {
        return Err((-32002, "database unavailable".into()));
    }
    match method {
        "messages.after" => page(state, params),
        "watch.subscribe" => Ok(subscribe(state, process, params)),
        "message.send_status" => Ok(send_status(state, params)),
        "send" => send(state, process, params),
        _ => unreachable!("{method} is known"),
    }
}

fn status(state: &State, is_closed: bool) -> Value {
    let mut database = json!({ "path": "/Users/ann/Library/Messages/chat.db", "ready": true });
    if is_closed {
        database["ready"] = false.into();
        database["error"] = "authorization denied".into();
    }
    json!({
        "version": state.version, "protocol_version": state.protocol, "database": database,
        "bridge": { "ready": state.bridge }, "contacts": { "available": true },
        "methods": ["status", "send"],
    })
}

/// Reactions are no part of it.
fn page(state: &State, params: &Value) -> Done {
    let limit = params["limit"].as_u64().unwrap_or(100);
    let Some(since) = params["since_rowid"].as_u64() else { return invalid("since_rowid") };
    if !(1..=500).contains(&limit) {
        return invalid("limit");
    }
    let after = |row: &&Value| row["id"].as_u64() > Some(since);
    let all: Vec<&Value> = state.rows.iter().filter(after).collect();
    let count = all.len().min(usize::try_from(limit).expect("a limit"));
    let next = all[..count].last().and_then(|row| row["id"].as_u64()).unwrap_or(since);
    let with_files = params["attachments"] == true;
    let messages = all[..count].iter().filter(|row| row["is_reaction"] != true).map(|row| {
        let mut row = (*row).clone();
        row.as_object_mut().expect("a row").remove("cursor");
        if !with_files {
            row["attachments"] = json!([]);
        }
        row
    });
    Ok(json!({
        "messages": messages.collect::<Vec<_>>(), "next_rowid": next, "has_more": all.len() > count,
    }))
}

fn subscribe(state: &State, process: &mut Process, params: &Value) -> Value {
    let end = state.rows.last().and_then(|row| row["id"].as_u64()).unwrap_or_default();
    let after = match params["since_rowid"].as_i64() {
        None | Some(0) => end,
        Some(after) => u64::try_from(after).unwrap_or_default(),
    };
    process.watch = Some((1, after));
    json!({ "subscription": 1, "buffer_limit": 256 })
}

fn send_status(state: &State, params: &Value) -> Value {
    let guid = params["guid"].as_str().unwrap_or_default();
    let row = state.rows.iter().find(|row| row["guid"] == guid);
    let of_chat = row.and_then(|row| row["chat_guid"].as_str()?.split(';').next());
    let service = state.services.get(guid).copied().or(of_chat.filter(|it| *it != "any"));
    json!({
        "ok": true, "guid": guid, "send_state": "pending", "service": service,
        "checked_at": time(now().0), "status_fields": null,
    })
}

fn send(state: &mut State, process: &mut Process, params: &Value) -> Done {
    let text = |key: &str| params[key].as_str().map(str::to_owned);
    let failing = state.failing.pop_front();
    if let Some(Failing::Error(code, data)) = failing {
        return Err((code, data));
    }
    if let Some(Failing::Silent) = failing {
        return Err((SILENT, Value::Null));
    }
    process.hangs |= matches!(failing, Some(Failing::Hangs));
    if process.hangs {
        let code = if failing.is_some() { -32001 } else { -32004 };
        let data = json!({
            "retry_safe": false, "disposition": "still_in_flight", "transport": "applescript",
            "operation": "send", "detail": "Messages does not answer",
        });
        return Err((code, data));
    }
    assert!(params["allow_sms_fallback"] == false, "nothing goes by SMS instead: {params}");
    let chat = match (text("to"), text("chat_guid")) {
        (Some(to), None) => {
            assert!(params["service"] == "imessage" && to.starts_with('+') || to.contains('@'));
            format!("iMessage;-;{to}")
        }
        (None, Some(chat)) => chat,
        _ => return invalid("exactly one of to and a chat"),
    };
    let written = text("text").unwrap_or_default();
    let file = match text("file").map(|path| (fs::metadata(&path), path)) {
        Some((Err(_), _)) => return invalid("file not found"),
        Some((Ok(meta), path)) => {
            assert_eq!(meta.mode() & 0o777, 0o600, "for this user alone");
            let name = path.rsplit('/').next().unwrap_or_default().to_owned();
            Some((name, fs::read(&path).expect("a file")))
        }
        None => None,
    };
    if written.is_empty() && file.is_none() {
        return invalid("text or file is required");
    }
    let answers = text("reply_to");
    if answers.is_some() && !state.bridge {
        return invalid(
            "reply_to requires bridge transport; AppleScript fallback cannot send threaded replies",
        );
    }
    let guid = state.own(&chat, &written);
    let row = state.rows.len();
    // What the account writes to itself comes in as well.
    if chat == format!("iMessage;-;{US}") {
        let own = json!({ "text": written, "sender": US });
        state.message("us", super::chat(&chat), own);
    }
    state.sent.push(Shown { guid: guid.clone(), chat, text: written, file, answers });
    if let Some(Failing::Half) = failing {
        return Ok(Value::Null);
    }
    Ok(match state.receipt {
        Receipt::Full => json!({ "ok": true, "id": row, "guid": guid, "transport": "bridge" }),
        Receipt::Row => json!({ "ok": true, "id": row }),
        Receipt::Nothing => json!({ "ok": true }),
    })
}
