//! The fake's HTTP: the Web API, uploads, answers to presses, and the way to a socket.

use std::net::SocketAddr;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Request, State as Extract},
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

use super::{Shared, link, methods};

#[derive(Clone)]
pub(crate) struct App {
    pub(crate) shared: Shared,
    pub(crate) address: SocketAddr,
}

pub(crate) fn app(shared: Shared, address: SocketAddr) -> Router {
    Router::new()
        .route("/api/{method}", post(call).get(call))
        .route("/upload/{file}", post(upload))
        .route("/response/{reply}", post(respond))
        .route("/link", get(connect))
        .fallback(fetch)
        .with_state(App { shared, address })
}

async fn call(
    Extract(app): Extract<App>,
    Path(method): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let body = axum::body::to_bytes(request.into_body(), 1 << 24).await.unwrap_or_default();
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let parameters = if text("content-type").starts_with("application/json") {
        serde_json::from_slice(&body).unwrap_or(Value::Null)
    } else {
        form(&format!("{query}&{}", String::from_utf8_lossy(&body)))
    };
    let (answer, scopes) = app.shared.change(|state| {
        let token = state.token(text("authorization"));
        state.calls.push((method.clone(), parameters.clone()));
        let answer = methods::call(state, &app, token, &method, &parameters);
        (answer, state.scopes.clone())
    });
    let mut response = match answer {
        Ok(mut answer) => {
            answer["ok"] = true.into();
            Json(answer).into_response()
        }
        Err(methods::Refusal::Slow(seconds)) => {
            let mut response = (
                StatusCode::TOO_MANY_REQUESTS,
                Json(json!({ "ok": false, "error": "ratelimited" })),
            )
                .into_response();
            response.headers_mut().insert("retry-after", seconds.into());
            response
        }
        Err(methods::Refusal::Said(refusal)) => Json(refusal).into_response(),
    };
    if !scopes.is_empty() {
        response.headers_mut().insert("x-oauth-scopes", scopes.parse().expect("scopes"));
    }
    response
}

/// In a form, lists are JSON in a text.
fn form(text: &str) -> Value {
    let mut url = openclaw_plugin_sdk::reqwest::Url::parse("http://form/").expect("a URL");
    url.set_query(Some(text));
    let list = |key: &str| ["attachments", "blocks", "files"].contains(&key);
    let value = |key: &str, value: &str| match serde_json::from_str(value) {
        Ok(parsed) if list(key) => parsed,
        _ => json!(value),
    };
    url.query_pairs().map(|(key, text)| (key.to_string(), value(&key, &text))).collect()
}

/// The one part of a form: bytes may also come so.
fn part(body: &[u8], mark: &str) -> Vec<u8> {
    let find = |wanted: &[u8]| body.windows(wanted.len()).position(|window| window == wanted);
    let begins = find(b"\r\n\r\n").map(|at| at + 4).unwrap_or_default();
    let ends = find(format!("\r\n--{mark}--").as_bytes()).unwrap_or(body.len());
    body.get(begins..ends).unwrap_or_default().to_vec()
}

async fn upload(
    Extract(app): Extract<App>,
    Path(file): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let bytes = kind.split_once("boundary=").map_or(body.to_vec(), |(_, mark)| part(&body, mark));
    app.shared.change(|state| {
        let Some(upload) = state.files.get_mut(&file) else { return StatusCode::NOT_FOUND };
        if upload.length != bytes.len() {
            return StatusCode::BAD_REQUEST;
        }
        upload.bytes = Some(bytes);
        let shown = headers.contains_key("authorization");
        state.calls.push(("upload".to_owned(), json!({ "token": shown })));
        StatusCode::OK
    })
}

async fn respond(
    Extract(app): Extract<App>,
    Path(reply): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    let known = app.shared.change(|state| {
        let Some((user, chat)) = state.replies.get(&reply).cloned() else { return false };
        state.calls.push(("response_url".to_owned(), body.clone()));
        methods::whisper(state, &body, &user, &chat);
        true
    });
    if known { "ok".into_response() } else { StatusCode::NOT_FOUND.into_response() }
}

async fn connect(Extract(app): Extract<App>, request: Request) -> Response {
    let ticket = request.uri().query().and_then(|query| query.strip_prefix("ticket="));
    let ticket = ticket.unwrap_or_default().to_owned();
    if !app.shared.change(|state| state.tickets.remove(&ticket)) {
        return StatusCode::FORBIDDEN.into_response();
    }
    link::upgrade(app.shared, request)
}

/// Everything else is a file somewhere.
async fn fetch(Extract(app): Extract<App>, uri: Uri, headers: HeaderMap) -> Response {
    let id = uri.path().strip_prefix("/files-pri/").unwrap_or_default();
    let token = headers.get("authorization").and_then(|value| value.to_str().ok());
    app.shared.change(|state| {
        state.fetched += 1;
        // Without the token the real one leads to a page where people sign in.
        if state.token(token.unwrap_or_default()) != Some("bot") {
            return (StatusCode::FOUND, [("location", "https://slack.com/signin")]).into_response();
        }
        match state.sent.get(id) {
            Some((_, bytes)) => bytes.clone().into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    })
}
