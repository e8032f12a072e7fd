//! What the fakes of platforms share: state, a server on a free port, the bodies of requests, and ways to fail.

pub mod emulator;
pub mod issuer;
pub mod marks;
pub mod program;
pub mod vendor;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderMap, StatusCode},
    middleware::map_response,
    response::{IntoResponse, Response},
};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use parking_lot::{Mutex, MutexGuard};
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{handshake::derive_accept_key, protocol::Role},
};

use crate::{AccountId, Settings};

/// The settings of the account `default` with this table of TOML.
pub fn settings(table: &str) -> Settings {
    let (account, table) = (AccountId::default_account(), table.parse().expect("a table"));
    Settings { account, table, key: [0; 32], commands: Vec::new() }
}

/// Answers a request for a WebSocket, and serves it on a task of its own.
pub fn websocket<F>(
    mut request: Request,
    serve: impl FnOnce(WebSocketStream<TokioIo<Upgraded>>) -> F + Send + 'static,
) -> Response
where
    F: Future<Output = ()> + Send,
{
    let Some(key) = request.headers().get("sec-websocket-key").cloned() else {
        return StatusCode::UPGRADE_REQUIRED.into_response();
    };
    let upgrading = hyper::upgrade::on(&mut request);
    #[expect(clippy::disallowed_methods, reason = "it ends with its connection")]
    tokio::spawn(async move {
        if let Ok(upgraded) = upgrading.await {
            let io = TokioIo::new(upgraded);
            serve(WebSocketStream::from_raw_socket(io, Role::Server, None).await).await;
        }
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-accept", derive_accept_key(key.as_bytes()))
        .body(Body::empty())
        .expect("a response")
}

/// What handlers and tests share; all who wait are woken by a change.
#[derive(Debug)]
pub struct Shared<S> {
    state: Arc<Mutex<S>>,
    changes: watch::Sender<u64>,
}

impl<S> Clone for Shared<S> {
    fn clone(&self) -> Self {
        Self { state: Arc::clone(&self.state), changes: self.changes.clone() }
    }
}

impl<S> Shared<S> {
    /// Shares this.
    pub fn new(state: S) -> Self {
        Self { state: Arc::new(Mutex::new(state)), changes: watch::channel(0).0 }
    }

    /// Changes the state, and wakes all who wait.
    pub fn change<T>(&self, change: impl FnOnce(&mut S) -> T) -> T {
        let changed = change(&mut self.lock());
        self.changes.send_modify(|number| *number += 1);
        changed
    }

    /// The state, without waking anyone.
    pub fn lock(&self) -> MutexGuard<'_, S> {
        self.state.lock()
    }

    /// A number that changes with every change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Waits until something holds, and looks again after every change.
    pub async fn until(&self, what: &str, holds: impl Fn(&S) -> bool) {
        let mut changes = self.changes();
        let wait = async {
            while !holds(&self.lock()) {
                changes.changed().await.expect("the fake lives");
            }
        };
        let held = tokio::time::timeout(Duration::from_mins(1), wait).await;
        held.unwrap_or_else(|_| panic!("{what}"));
    }
}

/// A server on a free port of this machine; dropped, it is gone.
#[derive(Debug)]
pub struct Server {
    /// Where it answers.
    pub address: SocketAddr,
    _running: JoinSet<()>,
}

impl Server {
    /// Starts the application for its address.
    pub async fn start(app: impl FnOnce(SocketAddr) -> Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (app, mut running) = (app(address), JoinSet::new());
        running.spawn(async move { axum::serve(listener, app).await.expect("the server runs") });
        Self { address, _running: running }
    }
}

/// A part of a form.
#[derive(Debug)]
pub struct Part {
    /// The field.
    pub name: String,
    /// It has a file name.
    pub is_file: bool,
    /// What stands in it.
    pub bytes: Vec<u8>,
}

/// The parts of a body of the kind `multipart/form-data`; `None` for one of another kind.
pub fn parts(headers: &HeaderMap, body: &[u8]) -> Option<Vec<Part>> {
    let (_, mark) = header(headers, "content-type").split_once("boundary=")?;
    let mark = format!("--{}", mark.trim_matches('"'));
    let (mut parts, mut rest) = (Vec::new(), body);
    while let Some((piece, after)) = divided(rest, mark.as_bytes()) {
        rest = after;
        let Some((head, content)) = divided(piece, b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(head);
        let name = head.split_once(" name=\"").and_then(|(_, name)| name.split_once('"'));
        let Some((name, _)) = name else { continue };
        let bytes = content.strip_suffix(b"\r\n").unwrap_or(content).to_vec();
        let is_file = head.contains(" filename=\"");
        parts.push(Part { name: name.to_owned(), is_file, bytes });
    }
    Some(parts)
}

fn divided<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(mark.len()).position(|window| window == mark)?;
    Some((&bytes[..at], &bytes[at + mark.len()..]))
}

/// The same application by a clock that is so many seconds ahead of this machine's.
pub fn by_a_clock(app: Router, ahead: impl Fn() -> u64 + Clone + Send + Sync + 'static) -> Router {
    app.layer(map_response(move |mut response: Response| {
        let at = Duration::from_millis(crate::now().0) + Duration::from_secs(ahead());
        let date = httpdate::fmt_http_date(std::time::UNIX_EPOCH + at).parse().expect("a date");
        response.headers_mut().insert("date", date);
        std::future::ready(response)
    }))
}

/// A header as text; empty where it is missing.
pub fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// A JSON answer with this status.
pub fn answer(status: u16, body: Value) -> Response {
    (StatusCode::from_u16(status).unwrap_or_default(), Json(body)).into_response()
}

/// The wish to wait so many seconds, in a header beside this body.
pub fn slow_down(seconds: u64, body: Value) -> Response {
    let mut response = answer(429, body);
    response.headers_mut().insert("retry-after", seconds.into());
    response
}

/// An answer that breaks off.
pub fn half_an_answer() -> Response {
    let pieces = [Ok(Bytes::from_static(b"{\"ok\":tr")), Err(std::io::Error::other("broken"))];
    Body::from_stream(futures_util::stream::iter(pieces)).into_response()
}
