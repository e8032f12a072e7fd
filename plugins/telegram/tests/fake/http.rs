//! The fake's HTTP: paths, JSON and multipart bodies, and the ways in which a request fails.

use axum::{
    Json, Router,
    body::Bytes,
    extract::State as Extract,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use openclaw_plugin_sdk::testing;
use serde_json::{Value, json};

use super::{Clock, Shared, State, TOKEN, methods, state::Stored};

/// Why a method is refused: Telegram's code, its words, its parameters.
pub(crate) struct Refusal(pub(crate) u16, pub(crate) String, pub(crate) Option<Value>);

impl Refusal {
    pub(crate) fn new(code: u16, words: &str) -> Self {
        Self(code, words.to_owned(), None)
    }
}

pub(crate) fn app(shared: Shared) -> Router {
    Router::new().fallback(answer).with_state(shared)
}

async fn answer(
    Extract(shared): Extract<Shared>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let clock = shared.lock().clock;
    let mut response = answered(shared, uri, headers, body).await;
    let date = match clock {
        Clock::Right => return response,
        Clock::Behind(_) => {
            let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(clock.now());
            httpdate::fmt_http_date(at)
        }
        Clock::Silent => "of no use".to_owned(),
    };
    response.headers_mut().insert("date", date.parse().expect("a header"));
    response
}

async fn answered(shared: Shared, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(path) = uri.path().strip_prefix("/file/bot") {
        let file = shared.change(|state| file(state, path));
        return match file {
            Some(file) => file,
            None => std::future::pending().await,
        };
    }
    let Some((token, method)) =
        uri.path().strip_prefix("/bot").and_then(|path| path.split_once('/'))
    else {
        return refused(&Refusal::new(404, "Not Found"));
    };
    let refused_now = shared.change(|state| {
        let left = state.refusals;
        state.refusals = left.saturating_sub(1);
        left > 0
    });
    if shared.lock().repeats {
        return refused(&Refusal(400, format!("Bad Request: no route for {}", uri.path()), None));
    }
    if refused_now {
        return refused(&Refusal::new(401, "Unauthorized"));
    }
    if token != TOKEN && !shared.lock().tokens.contains(token) {
        return refused(&Refusal::new(401, "Unauthorized"));
    }
    let method = method.to_ascii_lowercase();
    let parameters = parameters(&headers, &body);
    if method == "getfile" {
        shared.change(|state| state.fetched += 1);
    }
    let answer = if method == "getupdates" {
        methods::poll(&shared, &parameters).await
    } else {
        shared.change(|state| {
            state.calls.push((method.clone(), parameters.clone()));
            let of_a_message =
                ["message", "photo", "document"].iter().any(|it| method.contains(it));
            if (state.cut && of_a_message) || std::mem::take(&mut state.broken) {
                Err(None)
            } else if state.revoked {
                Err(Some(Refusal::new(401, "Unauthorized")))
            } else {
                methods::call(state, &method, &parameters).map_err(Some)
            }
        })
    };
    match answer {
        Ok(result) => Json(json!({ "ok": true, "result": result })).into_response(),
        Err(Some(refusal)) => refused(&refusal),
        Err(None) => testing::half_an_answer(),
    }
}

/// A file, at the address that holds the token; `None` for one that never comes.
fn file(state: &mut State, path: &str) -> Option<Response> {
    state.fetched += 1;
    let path = path.strip_prefix(TOKEN).and_then(|path| path.strip_prefix('/'));
    let stored = state.files.values_mut().find(|stored| path == Some(stored.path.as_str()));
    Some(match stored {
        None => StatusCode::NOT_FOUND.into_response(),
        Some(Stored { stalls: true, .. }) => return None,
        Some(stored) if stored.troubles > 0 => {
            stored.troubles -= 1;
            StatusCode::BAD_GATEWAY.into_response()
        }
        Some(Stored { moved_to: Some(to), .. }) => {
            (StatusCode::FOUND, [("location", to.clone())]).into_response()
        }
        Some(stored) => stored.bytes.clone().into_response(),
    })
}

fn refused(Refusal(code, words, parameters): &Refusal) -> Response {
    let mut body = json!({ "ok": false, "error_code": code, "description": words });
    if let Some(parameters) = parameters {
        body["parameters"] = parameters.clone();
    }
    testing::answer(*code, body)
}

/// As JSON, whatever way they came: a multipart field is a text, a file an array of bytes.
fn parameters(headers: &HeaderMap, body: &[u8]) -> Value {
    let Some(parts) = testing::parts(headers, body) else {
        return serde_json::from_slice(body).unwrap_or(Value::Null);
    };
    let mut fields = json!({});
    for part in parts {
        fields[part.name] = if part.is_file {
            part.bytes.into()
        } else {
            String::from_utf8_lossy(&part.bytes).into_owned().into()
        };
    }
    // `photo` is `attach://<name>`, and the file stands in the field of that name.
    for key in ["document", "photo"] {
        let file = fields[key].as_str().and_then(|file| file.strip_prefix("attach://"));
        if let Some(name) = file.map(str::to_owned) {
            fields[key] = fields[name].take();
        }
    }
    fields
}
