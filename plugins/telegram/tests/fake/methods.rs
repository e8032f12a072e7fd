//! The Bot API's methods, as far as they are called, and as strict as the real ones.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::{
    GROUP, Shared, bot,
    http::Refusal,
    state::{Shown, State, now},
};

/// Long polling: waits as long as it is asked to, and sends the one who polled before away.
pub(crate) async fn poll(shared: &Shared, parameters: &Value) -> Result<Value, Option<Refusal>> {
    let mut changes = shared.changes();
    let offset = parameters["offset"].as_i64().unwrap_or(0);
    let poller = shared.change(|state| {
        state.calls.push(("getupdates".to_owned(), parameters.clone()));
        if !state.revoked && !state.webhook {
            state.updates.retain(|update| update["update_id"].as_i64() >= Some(offset));
        }
        state.poller += 1;
        state.poller
    });
    let until = Instant::now() + Duration::from_secs(parameters["timeout"].as_u64().unwrap_or(0));
    let limit = usize::try_from(parameters["limit"].as_u64().unwrap_or(100)).unwrap_or(100);
    loop {
        if let Some(answer) = updates(&mut shared.lock(), poller, limit) {
            return answer;
        }
        if timeout_at(until, changes.changed()).await.is_err() {
            return Ok(json!([]));
        }
    }
}

fn updates(state: &mut State, poller: u64, limit: usize) -> Option<Result<Value, Option<Refusal>>> {
    if std::mem::take(&mut state.broken) {
        return Some(Err(None));
    }
    if state.revoked {
        return Some(Err(Some(Refusal::new(401, "Unauthorized"))));
    }
    if let Some(wait) = state.slow_polls.take() {
        return Some(Err(Some(slow_down(wait))));
    }
    if state.webhook {
        let words = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";
        return Some(Err(Some(Refusal::new(409, words))));
    }
    if state.poller != poller {
        let words = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
        return Some(Err(Some(Refusal::new(409, words))));
    }
    let first: Vec<_> = state.updates.iter().take(limit).cloned().collect();
    (!first.is_empty()).then(|| Ok(first.into()))
}

pub(crate) fn call(state: &mut State, method: &str, parameters: &Value) -> Result<Value, Refusal> {
    match method {
        "getme" => {
            let mut me = bot();
            me["can_read_all_group_messages"] = (!state.private).into();
            Ok(me)
        }
        "getfile" => {
            let id = parameters["file_id"].as_str().unwrap_or_default();
            let file = state.files.get(id);
            let file =
                file.ok_or_else(|| bad("wrong file_id or the file is temporarily unavailable"))?;
            // Beyond this the real one gives no path either.
            if file.bytes.len() > 20 * 1024 * 1024 {
                return Err(bad("file is too big"));
            }
            Ok(json!({ "file_id": id, "file_unique_id": "u", "file_path": file.path }))
        }
        "getmycommands" => {
            let known = state.commands.get(&scope(parameters));
            Ok(known.cloned().unwrap_or_else(|| json!([])))
        }
        "deletewebhook" if state.keeps_webhook => Err(slow_down(30)),
        "deletewebhook" => {
            state.webhook = false;
            Ok(true.into())
        }
        "setmycommands" => {
            state.commands.insert(scope(parameters), parameters["commands"].clone());
            Ok(true.into())
        }
        "senddocument" | "sendmessage" | "sendphoto" => send(state, method, parameters),
        "editmessagetext" => edit(state, parameters),
        "deletemessage" => {
            let id = parameters["message_id"].to_string();
            let before = state.messages.len();
            state.messages.retain(|shown| shown.toast || shown.id != id);
            let gone = state.messages.len() < before;
            gone.then_some(true.into()).ok_or_else(|| bad("message to delete not found"))
        }
        "sendchataction" => {
            chat(state, parameters)?;
            state.typed += usize::from(parameters["action"] == "typing");
            Ok(true.into())
        }
        "answercallbackquery" => answer_press(state, parameters),
        _ => Err(Refusal::new(404, "Not Found")),
    }
}

/// Whose menu is meant.
fn scope(parameters: &Value) -> String {
    let scope = &parameters["scope"];
    scope["chat_id"].as_i64().map_or_else(
        || scope["type"].as_str().unwrap_or("default").to_owned(),
        |chat| chat.to_string(),
    )
}

fn send(state: &mut State, method: &str, parameters: &Value) -> Result<Value, Refusal> {
    if let Some(wait) = state.slow_down.take() {
        return Err(slow_down(wait));
    }
    match &mut state.storm {
        Some((0, wait)) => return Err(slow_down(*wait)),
        Some((left, _)) => *left -= 1,
        None => {}
    }
    let chat = chat(state, parameters)?;
    if let Some((_, wait)) = state.busy.filter(|(busy, _)| chat["id"] == *busy) {
        return Err(slow_down(wait));
    }
    let has_file = method != "sendmessage";
    let (text, limit) = if has_file { ("caption", 1024) } else { ("text", 4096) };
    let text = readable(state, parameters, text, limit)?;
    let file = if method == "sendphoto" { "photo" } else { "document" };
    let image: Option<Vec<u8>> = has_file
        .then(|| parameters[file].as_array().into_iter().flatten().filter_map(byte).collect());
    if method == "sendphoto" && image.as_ref().is_some_and(|png| !png.starts_with(b"\x89PNG")) {
        return Err(bad("IMAGE_PROCESS_FAILED"));
    }
    if text.is_empty() && image.is_none() {
        return Err(bad("message text is empty"));
    }
    let keyboard = keyboard(parameters)?;
    let answers = structured(&parameters["reply_parameters"])["message_id"].as_i64();
    let topic = structured(&parameters["message_thread_id"]).as_i64();
    if topic.is_some() && state.no_topics {
        return Err(bad("message thread not found"));
    }
    let id = state.number().to_string();
    state.messages.push(Shown { chat, id, text, keyboard, image, answers, topic, toast: false });
    Ok(state.messages.last().map(Shown::wire).unwrap_or_default())
}

fn edit(state: &mut State, parameters: &Value) -> Result<Value, Refusal> {
    if let Some(wait) = state.slow_edit.take() {
        return Err(slow_down(wait));
    }
    let chat = chat(state, parameters)?;
    let text = readable(state, parameters, "text", 4096)?;
    let keyboard = keyboard(parameters)?;
    let id = parameters["message_id"].to_string();
    let shown = state
        .messages
        .iter_mut()
        .find(|shown| !shown.toast && shown.id == id && shown.chat["id"] == chat["id"]);
    let shown = shown.ok_or_else(|| bad("message to edit not found"))?;
    if shown.image.is_some() {
        return Err(bad("there is no text in the message to edit"));
    }
    if shown.text == text && shown.keyboard == keyboard {
        return Err(bad(
            "message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message",
        ));
    }
    (shown.text, shown.keyboard) = (text, keyboard);
    Ok(shown.wire())
}

fn answer_press(state: &mut State, parameters: &Value) -> Result<Value, Refusal> {
    let id = parameters["callback_query_id"].as_str().unwrap_or_default().to_owned();
    if !state.open_presses.remove(&id) {
        return Err(bad("query is too old and response timeout expired or query ID is invalid"));
    }
    if let Some(text) = parameters["text"].as_str() {
        if text.encode_utf16().count() > 200 {
            return Err(bad("MESSAGE_TOO_LONG"));
        }
        let (chat, text) = (json!({ "id": 0 }), text.to_owned());
        state.messages.push(Shown {
            chat,
            id,
            text,
            keyboard: json!([]),
            image: None,
            answers: None,
            topic: None,
            toast: true,
        });
    }
    Ok(true.into())
}

fn chat(state: &State, parameters: &Value) -> Result<Value, Refusal> {
    let id = &parameters["chat_id"];
    let id =
        id.as_i64().or_else(|| id.as_str()?.parse().ok()).ok_or_else(|| bad("chat_id is empty"))?;
    if state.blocked.contains(&id) {
        return Err(Refusal::new(403, "Forbidden: bot was blocked by the user"));
    }
    if let Some(new) = state.migrated.filter(|_| id == GROUP) {
        let words = "Bad Request: group chat was upgraded to a supergroup chat".to_owned();
        return Err(Refusal(400, words, Some(json!({ "migrate_to_chat_id": new }))));
    }
    if !state.chats.contains(&id) && state.migrated != Some(id) {
        return Err(bad("chat not found"));
    }
    Ok(json!({ "id": id, "type": if id > 0 { "private" } else { "supergroup" }, "date": now() }))
}

fn readable(state: &State, parameters: &Value, key: &str, limit: usize) -> Result<String, Refusal> {
    let text = parameters[key].as_str().unwrap_or_default();
    let text = match parameters["parse_mode"].as_str() {
        None => text.to_owned(),
        Some("HTML") if !state.no_html => parse(text)?,
        Some(_) => return Err(bad("can't parse entities: this fake does not want to")),
    };
    if text.encode_utf16().count() > limit {
        return Err(bad(if key == "text" {
            "message is too long"
        } else {
            "message caption is too long"
        }));
    }
    Ok(text.trim().to_owned())
}

/// Telegram's HTML: a few tags, four entities, and no other `<`.
fn parse(html: &str) -> Result<String, Refusal> {
    let (mut text, mut open, mut rest) = (String::new(), Vec::new(), html);
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(before);
        let (tag, after) =
            after.split_once('>').ok_or_else(|| bad("can't parse entities: unclosed start tag"))?;
        let (name, attribute) = tag.split_once(' ').unwrap_or((tag, ""));
        let fits = match name {
            "a" => attribute.starts_with("href=\"") && attribute.ends_with('"'),
            "b" | "i" | "s" => attribute.is_empty() && !open.contains(&"code"),
            "blockquote" => attribute.is_empty() && !open.contains(&name),
            "code" => attribute.is_empty() || attribute.starts_with("class=\"language-"),
            "pre" => attribute.is_empty(),
            _ => false,
        };
        match tag.strip_prefix('/') {
            Some(tag) if open.pop() == Some(tag) => {}
            None if fits => open.push(name),
            _ => return Err(bad("can't parse entities: unsupported start tag")),
        }
        rest = after;
    }
    text.push_str(rest);
    if !open.is_empty() {
        return Err(bad("can't parse entities: can't find end tag"));
    }
    // `&amp;` last: what it makes is text.
    let pairs = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")];
    Ok(pairs.iter().fold(text, |text, (from, to)| text.replace(from, to)))
}

fn keyboard(parameters: &Value) -> Result<Value, Refusal> {
    let rows = structured(&parameters["reply_markup"])["inline_keyboard"].take();
    let rows = if rows.is_null() { json!([]) } else { rows };
    let data =
        rows.as_array().into_iter().flatten().flat_map(|row| row.as_array().into_iter().flatten());
    let fits = |button: &Value| {
        button["callback_data"].as_str().is_some_and(|data| (1..=64).contains(&data.len()))
    };
    if data.clone().count() > 100 || !data.clone().all(fits) {
        return Err(bad("BUTTON_DATA_INVALID"));
    }
    Ok(rows)
}

/// In a multipart body, what has parts is JSON in a text.
fn structured(value: &Value) -> Value {
    value.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(|| value.clone())
}

fn byte(value: &Value) -> Option<u8> {
    value.as_u64().and_then(|byte| byte.try_into().ok())
}

fn slow_down(wait: u64) -> Refusal {
    Refusal(
        429,
        format!("Too Many Requests: retry after {wait}"),
        Some(json!({ "retry_after": wait })),
    )
}

fn bad(words: &str) -> Refusal {
    Refusal::new(400, &format!("Bad Request: {words}"))
}
