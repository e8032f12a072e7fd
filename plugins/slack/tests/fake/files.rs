//! Files: the address for an upload, the share, and where it is shown.

use serde_json::{Value, json};

use super::{
    Shown, State, blocks,
    http::App,
    methods::{Refusal, place, said},
    state::Upload,
};

/// `None` for a method that is not about files.
pub(crate) fn call(
    state: &mut State,
    app: &App,
    method: &str,
    given: &Value,
) -> Option<Result<Value, Refusal>> {
    Some(match method {
        "files.completeUploadExternal" => complete(state, given),
        "files.delete" => {
            let file = given["file"].as_str().unwrap_or_default();
            match state.files.remove(file) {
                Some(_) => {
                    // Its message stays, and says that it was deleted.
                    for shown in &mut state.messages {
                        if shown.file.as_ref().is_some_and(|(id, _)| id == file) {
                            "This file was deleted.".clone_into(&mut shown.text);
                        }
                    }
                    Ok(json!({}))
                }
                None => Err(said("file_not_found")),
            }
        }
        "files.getUploadURLExternal" => Ok(address(state, app, given)),
        "files.info" => info(state, given),
        _ => return None,
    })
}

fn address(state: &mut State, app: &App, given: &Value) -> Value {
    let file = format!("F0{:08}", state.count());
    let length =
        given["length"].as_str().and_then(|length| length.parse().ok()).unwrap_or_default();
    state.files.insert(file.clone(), Upload { length, ..Upload::default() });
    let host = state.elsewhere.clone().unwrap_or_else(|| format!("http://{}", app.address));
    json!({ "upload_url": format!("{host}/upload/{file}"), "file_id": file })
}

fn complete(state: &mut State, given: &Value) -> Result<Value, Refusal> {
    if given["channel_id"].as_str().is_some_and(|channel| channel.starts_with('U')) {
        return Err(said("channel_not_found"));
    }
    if blocks::wrong(&given["blocks"]).is_some() {
        return Err(said("invalid_blocks"));
    }
    let chat = place(state, given)?;
    let file = given["files"][0]["id"].as_str().unwrap_or_default().to_owned();
    let ts = state.number();
    let upload = state.files.get_mut(&file).ok_or_else(|| said("file_not_found"))?;
    let bytes = upload.bytes.clone().ok_or_else(|| said("file_not_found"))?;
    upload.shown.push((chat.clone(), ts.clone()));
    let thread = given["thread_ts"].as_str().map(str::to_owned);
    let (text, blocks) = (String::new(), given["blocks"].clone());
    let file_of = Some((file.clone(), bytes));
    state.messages.push(Shown { chat, ts, text, blocks, thread, file: file_of, whisper_to: None });
    Ok(json!({ "files": [{ "id": file, "title": given["files"][0]["title"] }] }))
}

fn info(state: &mut State, given: &Value) -> Result<Value, Refusal> {
    let file = given["file"].as_str().unwrap_or_default();
    if let Some((info, _)) = state.sent.get(file) {
        return Ok(json!({ "file": info }));
    }
    let Some(upload) = state.files.get(file) else { return Err(said("file_not_found")) };
    let mut shares = json!({});
    if state.slow_shares == 0 {
        for (chat, ts) in &upload.shown {
            shares["private"][chat] = json!([{ "ts": ts }]);
        }
    }
    state.slow_shares = state.slow_shares.saturating_sub(1);
    Ok(json!({ "file": { "id": file, "shares": shares, "mimetype": "image/png" } }))
}
