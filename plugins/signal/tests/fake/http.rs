//! The fake's HTTP: three addresses, each as the daemon's.

use std::{io, net::SocketAddr};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{RawQuery, State as Extract},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures_util::stream;
use openclaw_plugin_sdk::testing::{self, header};
use serde_json::{Value, json};

use super::{NUMBER, Shared, methods, state::Failing};

pub(crate) fn app(shared: Shared, address: SocketAddr) -> Router {
    let host = move |headers: &HeaderMap| {
        let port = address.port();
        let hosts = ["127.0.0.1", "localhost", "[::1]"].map(|name| format!("{name}:{port}"));
        hosts.contains(&header(headers, "host").to_owned())
    };
    let events = move |Extract(shared): Extract<Shared>,
                       RawQuery(query): RawQuery,
                       headers: HeaderMap| async move {
        if !host(&headers) {
            return StatusCode::MISDIRECTED_REQUEST.into_response();
        }
        events(&shared, &query.unwrap_or_default())
    };
    let rpc = move |Extract(shared): Extract<Shared>, headers: HeaderMap, body: Bytes| async move {
        if !host(&headers) {
            return StatusCode::MISDIRECTED_REQUEST.into_response();
        }
        rpc(&shared, &headers, &body)
    };
    Router::new()
        .route("/api/v1/check", get(|| async { StatusCode::OK }))
        .route("/api/v1/events", get(events))
        .route("/api/v1/rpc", post(rpc))
        .with_state(shared)
}

fn rpc(shared: &Shared, headers: &HeaderMap, body: &[u8]) -> Response {
    if let Some(status) = shared.lock().status {
        return StatusCode::from_u16(status).expect("a status").into_response();
    }
    if header(headers, "content-type") != "application/json" {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let Ok(call) = serde_json::from_slice::<Value>(body) else {
        return refused(&Value::Null, -32700, "Parse error", &Value::Null);
    };
    let (id, method) = (&call["id"], call["method"].as_str().unwrap_or_default());
    if call["jsonrpc"] != "2.0" || !id.is_string() || method.is_empty() {
        return refused(id, -32600, "Invalid request", &Value::Null);
    }
    match shared.change(|state| methods::call(state, method, &call["params"])) {
        Ok(result) => testing::answer(200, json!({ "jsonrpc": "2.0", "result": result, "id": id })),
        Err(Failing::Error(code, words, data)) => refused(id, code, words, &data),
        Err(Failing::Half) => testing::half_an_answer(),
        Err(Failing::Results(results)) => {
            let result = json!({ "timestamp": 1, "results": results });
            testing::answer(200, json!({ "jsonrpc": "2.0", "result": result, "id": id }))
        }
    }
}

fn refused(id: &Value, code: i64, words: &str, data: &Value) -> Response {
    let error = json!({ "code": code, "message": words, "data": data });
    testing::answer(200, json!({ "jsonrpc": "2.0", "error": error, "id": id }))
}

/// Which connection it is; dropped, its client has gone.
struct Connection(Shared, u64);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.change(|state| state.leave(self.1));
    }
}

fn events(shared: &Shared, query: &str) -> Response {
    if let Some(status) = shared.lock().status {
        return StatusCode::from_u16(status).expect("a status").into_response();
    }
    let account = NUMBER.replace('+', "%2B");
    if query != format!("account={account}") || shared.lock().unlinked {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let changes = shared.changes();
    let connection = Connection(shared.clone(), shared.change(super::State::connect));
    let events = stream::unfold(
        (connection, changes, false),
        |(connection, mut changes, over)| async move {
            if over {
                return None;
            }
            loop {
                changes.borrow_and_update();
                let next = {
                    let mut state = connection.0.lock();
                    if state.listener != Some(connection.1) {
                        return None;
                    }
                    if std::mem::take(&mut state.broken) {
                        Some(Err(io::Error::other("broken")))
                    } else if let Some(noise) = state.noise.take() {
                        Some(Ok(format!("event:receive\ndata:{noise}\n\n")))
                    } else {
                        state.next().map(|event| Ok(format!("event:receive\ndata:{event}\n\n")))
                    }
                };
                if let Some(next) = next {
                    let over = next.is_err();
                    return Some((next, (connection, changes, over)));
                }
                changes.changed().await.ok()?;
            }
        },
    );
    // As the keep-alive of the real one, which comes every 15 seconds.
    let alive = stream::once(async { Ok(":\n".to_owned()) });
    let body = Body::from_stream(futures_util::StreamExt::chain(alive, events));
    ([("content-type", "text/event-stream")], body).into_response()
}
