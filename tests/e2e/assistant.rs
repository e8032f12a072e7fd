//! An assistant that speaks `OpenAI`'s chat completions, and writes when a test says so.

use std::{convert::Infallible, net::SocketAddr};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{Response, header},
    routing::post,
};
use futures_util::stream;
use serde_json::json;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

const DONE: &str = "[DONE]";

/// Every question gets the same answer: what was written so far, and what is written until it ends.
pub(crate) struct Assistant {
    address: SocketAddr,
    script: watch::Sender<Script>,
    _running: JoinSet<()>,
}

#[derive(Default)]
struct Script {
    pieces: Vec<String>,
    ended: bool,
    broken: bool,
    asked: usize,
}

impl Assistant {
    /// One that has written nothing yet.
    pub(crate) async fn start() -> Self {
        let (script, _) = watch::channel(Script::default());
        let path = "/v1/chat/completions";
        let router = Router::new().route(path, post(answer)).with_state(script.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut running = JoinSet::new();
        running.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, script, _running: running }
    }

    /// The tables of a configuration that asks it.
    pub(crate) fn tables(&self, more: &str) -> String {
        let address = self.address;
        format!(
            "[assistant]\nresponder = \"openai\"\n{more}\n[assistant.openai]\n\
             base_url = \"http://{address}/v1\"\nmodel = \"m\"\n"
        )
    }

    /// It writes on.
    pub(crate) fn writes(&self, piece: &str) {
        self.script.send_modify(|script| script.pieces.push(piece.to_owned()));
    }

    /// The answer is whole.
    pub(crate) fn ends(&self) {
        self.script.send_modify(|script| script.ended = true);
    }

    /// The answer breaks off.
    #[allow(dead_code, reason = "a bench does not break")]
    pub(crate) fn breaks_off(&self) {
        self.script.send_modify(|script| script.broken = true);
    }

    /// From here on it answers something else.
    pub(crate) fn thinks_again(&self) {
        self.script.send_modify(|script| (script.pieces, script.ended) = (Vec::new(), false));
    }

    /// How often it was asked.
    #[allow(dead_code, reason = "a bench does not ask")]
    pub(crate) fn asked(&self) -> usize {
        self.script.borrow().asked
    }
}

async fn answer(State(script): State<watch::Sender<Script>>) -> Response<Body> {
    script.send_modify(|script| script.asked += 1);
    let pieces = stream::unfold((script.subscribe(), 0), |(mut script, at)| async move {
        let event = next(&mut script, at).await?;
        let after = if event == DONE { usize::MAX } else { at + 1 };
        let bytes = Bytes::from(format!("data: {event}\n\n"));
        Some((Ok::<_, Infallible>(bytes), (script, after)))
    });
    Response::builder()
        .header(header::CONTENT_TYPE, "text/event-stream")
        .body(Body::from_stream(pieces))
        .unwrap()
}

/// The event with this number, once it is written; `None` where there is no more.
async fn next(script: &mut watch::Receiver<Script>, at: usize) -> Option<String> {
    let is_known = |script: &Script| script.ended || script.broken || script.pieces.len() > at;
    let script = script.wait_for(is_known).await.ok()?;
    match script.pieces.get(at) {
        Some(piece) => Some(json!({ "choices": [{ "delta": { "content": piece } }] }).to_string()),
        None => (script.ended && at == script.pieces.len()).then(|| DONE.to_owned()),
    }
}
