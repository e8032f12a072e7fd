//! The fake's HTTP: who may ask, the form of its answers, and how they fail.

use std::time::Duration;

use axum::{
    Router,
    body::Bytes,
    extract::State as Extract,
    http::{Method, Uri},
    response::Response,
};
use openclaw_plugin_sdk::{
    http_client::root,
    reqwest::Url,
    testing::{self, answer},
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{Shared, State, methods, state::Failing};

/// What was done with a call: its data, or status, kind and words of a refusal.
pub(crate) type Done = Result<Value, (u16, &'static str, String)>;

#[derive(Clone)]
struct App {
    shared: Shared,
    queue: mpsc::UnboundedSender<(String, Value)>,
}

pub(crate) fn app(shared: Shared, queue: mpsc::UnboundedSender<(String, Value)>) -> Router {
    Router::new().fallback(serve).with_state(App { shared, queue })
}

async fn serve(Extract(app): Extract<App>, method: Method, uri: Uri, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let path = uri.path().trim_start_matches("/api/v1/").to_owned();
    let token = token(uri.query().unwrap_or_default());
    let refused = app.shared.change(|state| {
        state.calls.push((method.to_string(), path.clone(), body.clone()));
        judge(state, token.as_deref())
    });
    if let Some((status, kind, words)) = refused {
        return refusal(status, kind, &words);
    }
    let sends = path == "message/text";
    let failing = app.shared.change(|state| if sends { state.failing.pop_front() } else { None });
    match &failing {
        Some(Failing::Status(status, kind, words)) => return refusal(*status, kind, words),
        Some(Failing::Slow(seconds)) => return testing::slow_down(*seconds, Value::Null),
        Some(Failing::Half | Failing::Queued) | None => {}
    }
    if sends {
        // As slow as AppleScript, so that two at once would be seen.
        app.shared.change(|state| {
            state.sending += 1;
            state.most_sending = state.most_sending.max(state.sending);
        });
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let done = app.shared.change(|state| {
        state.sending -= usize::from(sends);
        methods::call(state, method.as_str(), &path, &body)
    });
    // What was sent comes back with its mark, before its answer.
    if let (true, Ok(sent)) = (sends, &done) {
        drop(app.queue.send(("new-message".to_owned(), sent.clone())));
    }
    match (failing, done) {
        (Some(Failing::Queued), Ok(_)) => {
            let mark = body["tempGuid"].as_str().unwrap_or_default();
            let words = format!("Message is already queued to be sent! (Temp GUID: {mark})");
            refusal(400, "Validation Error", &words)
        }
        (Some(_), Ok(_)) => testing::half_an_answer(),
        (None, Ok(data)) => {
            answer(200, json!({ "status": 200, "message": "Success", "data": data }))
        }
        (_, Err((status, kind, words))) => refusal(status, kind, &words),
    }
}

fn judge(state: &State, token: Option<&str>) -> Option<(u16, &'static str, String)> {
    if let Some(refusal) = &state.refusal {
        return Some(refusal.clone());
    }
    let wrong = |words: &str| Some((401, "Authentication Error", words.to_owned()));
    match token {
        None | Some("") => wrong("Missing server password!"),
        Some(token) if token.trim() != state.password.trim() => wrong("Unauthorized"),
        Some(_) => None,
    }
}

/// The first of the keys that there is.
fn token(query: &str) -> Option<String> {
    let mut url: Url = root("url", "https://form.example", "").expect("a URL");
    url.set_query(Some(query));
    let value = |key: &str| {
        let mut pairs = url.query_pairs();
        pairs.find(|(name, _)| name == key).map(|(_, value)| value.into_owned())
    };
    ["guid", "password", "token"].into_iter().find_map(value)
}

fn refusal(status: u16, kind: &str, words: &str) -> Response {
    if kind.is_empty() {
        return answer(status, Value::Null);
    }
    let error = json!({ "type": kind, "message": words });
    answer(
        status,
        json!({ "status": status, "message": "You've made a bad request!", "error": error }),
    )
}
