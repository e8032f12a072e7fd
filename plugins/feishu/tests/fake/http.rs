//! The fake's HTTP: the token, the way to a socket, and the calls of the open platform.

use std::net::SocketAddr;

use axum::{
    Router,
    body::Bytes,
    extract::{Path, Request, State as Extract},
    http::{HeaderMap, Method, Uri},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use openclaw_plugin_sdk::testing::{self, header};
use serde_json::{Value, json};

use super::{APP_ID, APP_SECRET, Shared, State, link, methods, state::bot};

#[derive(Clone)]
struct App {
    shared: Shared,
    address: SocketAddr,
}

pub(crate) fn app(shared: Shared, address: SocketAddr) -> Router {
    let clock = shared.clone();
    let app = Router::new()
        .route("/callback/ws/endpoint", post(door))
        .route("/link", get(connect))
        .route("/open-apis/auth/v3/tenant_access_token/internal", post(token))
        .route("/open-apis/im/v1/messages/{id}/resources/{key}", get(resource))
        .route("/open-apis/{*path}", any(call))
        .with_state(App { shared, address });
    testing::by_a_clock(app, move || clock.lock().ahead)
}

fn refused(status: u16, code: i64, msg: &str) -> Response {
    testing::answer(status, json!({ "code": code, "msg": msg }))
}

fn is_app(state: &State, id: &Value, secret: &Value) -> bool {
    let usual = (APP_ID.to_owned(), APP_SECRET.to_owned());
    let (app, its_secret) = state.app.as_ref().unwrap_or(&usual);
    !state.revoked && *id == **app && *secret == **its_secret
}

async fn token(Extract(App { shared, .. }): Extract<App>, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    shared.change(|state| {
        state.calls.push(("POST token".to_owned(), Value::Null));
        if !is_app(state, &body["app_id"], &body["app_secret"]) {
            return refused(200, 10014, "app secret invalid");
        }
        let token = format!("t-g104c0n7rac7{:08}", state.count());
        state.tokens.insert(token.clone());
        let answer =
            json!({ "code": 0, "msg": "ok", "tenant_access_token": token, "expire": 7200 });
        testing::answer(200, answer)
    })
}

async fn door(Extract(App { shared, address }): Extract<App>, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    shared.change(|state| {
        state.calls.push(("POST door".to_owned(), Value::Null));
        if !is_app(state, &body["AppID"], &body["AppSecret"]) {
            return refused(200, 514, "auth failed");
        }
        if let Some(code) = state.no_door {
            return refused(200, code, "no door");
        }
        let host = state.elsewhere.clone().unwrap_or_else(|| format!("ws://{address}"));
        let url = format!("{host}/link?device_id=4711&service_id=7&ticket=t1cke7");
        let config = link::config(state);
        testing::answer(
            200,
            json!({ "code": 0, "msg": "", "data": { "URL": url, "ClientConfig": config } }),
        )
    })
}

async fn connect(Extract(App { shared, .. }): Extract<App>, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default().to_owned();
    if !query.contains("service_id=7") || !query.ends_with("ticket=t1cke7") {
        return testing::answer(403, Value::Null);
    }
    link::upgrade(shared, request)
}

/// Why a call is refused before it is looked at.
fn stopped(state: &mut State, call: &str, headers: &HeaderMap) -> Option<Response> {
    let token = header(headers, "authorization").strip_prefix("Bearer ").unwrap_or_default();
    if state.revoked || !state.tokens.contains(token) {
        return Some(refused(400, 99_991_663, "Invalid access token for authorization"));
    }
    let head = state.refusals.keys().find(|head| call.starts_with(head.as_str())).cloned();
    if let Some((status, code)) = head.and_then(|head| state.refusals.remove(&head)) {
        return Some(refused(status, code, "refused by a test: [im:resource]"));
    }
    let is_message = call.starts_with("POST im/v1/messages");
    let slow = state.storm.or_else(|| state.slow_down.take_if(|_| is_message));
    let slow = slow?;
    let mut response = refused(400, 99_991_400, "request trigger frequency limit");
    response.headers_mut().insert("x-ogw-ratelimit-reset", slow.into());
    Some(response)
}

async fn call(
    Extract(App { shared, .. }): Extract<App>,
    Path(path): Path<String>,
    (method, uri, headers): (Method, Uri, HeaderMap),
    body: Bytes,
) -> Response {
    let (query, call) = (uri.query().unwrap_or_default(), format!("{method} {path}"));
    let json: Value = serde_json::from_slice(&body).unwrap_or_default();
    shared.change(|state| {
        state.calls.push((call.clone(), json.clone()));
        if let Some(stopped) = stopped(state, &call, &headers) {
            return stopped;
        }
        if call == "GET bot/v3/info" {
            return testing::answer(200, json!({ "code": 0, "msg": "ok", "bot": bot() }));
        }
        let parts: Vec<&str> = path.split('/').collect();
        let done = match parts.as_slice() {
            ["im", "v1", what @ ("images" | "files")] => match testing::parts(&headers, &body) {
                Some(parts) => methods::upload(state, what, parts),
                None => Err(methods::WRONG),
            },
            ["im", "v1", path @ ..] => methods::call(state, method.as_str(), path, query, &json),
            _ => Err(methods::WRONG),
        };
        match done {
            Ok(data) => testing::answer(200, json!({ "code": 0, "msg": "success", "data": data })),
            Err(code) => refused(400, code, "no"),
        }
    })
}

async fn resource(
    Extract(App { shared, .. }): Extract<App>,
    Path((id, key)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    shared.change(|state| {
        state.fetched += 1;
        if let Some(stopped) = stopped(state, "GET resource", &headers) {
            return stopped;
        }
        let is_there = state.places.contains_key(&id)
            && matches!(uri.query(), Some("type=image" | "type=file"));
        match state.files.get(&key).filter(|_| is_there) {
            Some(bytes) => bytes.clone().into_response(),
            None => refused(400, 234_003, "File not in message."),
        }
    })
}
