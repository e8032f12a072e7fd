//! The fake's HTTP: paths, JSON and multipart bodies, and the ways in which a request fails.

use axum::{
    Json, Router,
    body::Bytes,
    extract::State as Extract,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use openclaw_plugin_sdk::testing::{self, header};
use serde_json::{Value, json};

use super::{Shared, routes};

/// Why something is refused: the status, Discord's code and its words.
pub(crate) struct Refusal(pub(crate) u16, pub(crate) u64, pub(crate) &'static str);

/// A body, and the picture beside it.
pub(crate) struct Given {
    pub(crate) body: Value,
    pub(crate) file: Option<Vec<u8>>,
}

pub(crate) fn app(shared: Shared) -> Router {
    Router::new().fallback(answer).with_state(shared)
}

async fn answer(
    Extract(shared): Extract<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(path) = uri.path().strip_prefix("/api/v10/") else {
        // The address is enough for the file; a token has no business here.
        let shown = headers.contains_key("authorization");
        return shared.change(|state| {
            state.fetched += 1;
            match state.files.get(uri.path()).filter(|_| !shown) {
                Some(Ok(bytes)) => bytes.clone().into_response(),
                Some(Err(to)) => (StatusCode::FOUND, [("location", to.clone())]).into_response(),
                None => StatusCode::NOT_FOUND.into_response(),
            }
        });
    };
    if !header(&headers, "user-agent").starts_with("DiscordBot (") {
        return refused(&Refusal(403, 40_333, "internal network error"));
    }
    // Clients write it so.
    let path = path.replace("%40", "@");
    let parts: Vec<&str> = path.split('/').collect();
    // An interaction's token is enough for what answers it.
    let free = matches!(parts.as_slice(), ["interactions" | "webhooks", ..]);
    let (token, revoked) = {
        let state = shared.lock();
        (format!("Bot {}", state.token), state.revoked)
    };
    if !free && (header(&headers, "authorization") != token || revoked) {
        return refused(&Refusal(401, 0, "401: Unauthorized"));
    }
    let given = given(&headers, &body);
    let name = routes::named(&method, &parts);
    shared.change(|state| state.calls.push((name.clone(), given.body.clone())));
    if let Some(wait) = shared.lock().storm {
        return slow_down(wait, true);
    }
    while name.ends_with("/callback") && shared.lock().holds_answers {
        let mut changes = shared.changes();
        // The fake may be gone.
        let _changed = changes.changed().await;
    }
    let is_message = name.starts_with("POST channels/");
    if is_message && let Some(wait) = shared.change(|state| state.slow_down.take()) {
        return slow_down(wait, false);
    }
    match shared.change(|state| routes::answer(state, &method, &parts, given)) {
        Ok(answer) => {
            let extra = if is_message {
                shared.change(|state| std::mem::take(&mut state.headers))
            } else {
                Vec::new()
            };
            let mut response = match answer {
                Value::Null => StatusCode::NO_CONTENT.into_response(),
                answer => Json(answer).into_response(),
            };
            for (name, value) in extra {
                response.headers_mut().insert(name, value.parse().expect("a header"));
            }
            response
        }
        Err(refusal) => refused(&refusal),
    }
}

fn refused(Refusal(status, code, words): &Refusal) -> Response {
    testing::answer(*status, json!({ "message": words, "code": code }))
}

fn slow_down(wait: f64, global: bool) -> Response {
    let body =
        json!({ "message": "You are being rate limited.", "retry_after": wait, "global": global });
    let mut response = testing::slow_down(0, body);
    let after = wait.ceil().to_string().parse().expect("a header");
    response.headers_mut().insert("retry-after", after);
    response
}

/// Whatever way it came.
fn given(headers: &HeaderMap, body: &[u8]) -> Given {
    let read = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap_or(Value::Null);
    let Some(parts) = testing::parts(headers, body) else {
        return Given { body: read(body), file: None };
    };
    let find = |name: &str| parts.iter().find(|part| part.name == name);
    let body = find("payload_json").map_or(Value::Null, |part| read(&part.bytes));
    Given { body, file: find("files[0]").map(|part| part.bytes.clone()) }
}
