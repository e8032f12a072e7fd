//! Between a client and the gateway: passes frames on, keeps them, and has each one of the gateway looked at. May
//! say, as a proxy does, for which client it passes them on.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU16, Ordering},
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_tungstenite::{
    accept_async, client_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::{
    frames::Watch,
    wire::{PROXY, connect},
};

/// A proxy that runs; dropped, it is gone.
pub(super) struct Proxy {
    pub(super) port: u16,
    kept: Arc<Kept>,
    _task: JoinSet<()>,
}

#[derive(Default)]
struct Kept {
    gateway: AtomicU16,
    wrong: Mutex<Vec<String>>,
    heard: Mutex<Vec<Value>>,
}

impl Proxy {
    /// Before the gateway on this port, for a client from there.
    pub(super) async fn start(gateway: u16, whence: Option<&'static str>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let kept = Arc::new(Kept { gateway: gateway.into(), ..Kept::default() });
        let of_task = Arc::clone(&kept);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(pass(stream, whence, Arc::clone(&of_task)));
            }
        });
        Self { port, kept, _task: task }
    }

    /// The gateway has another port from here on.
    pub(super) fn moved(&self, gateway: u16) {
        self.kept.gateway.store(gateway, Ordering::Relaxed);
    }

    /// What was wrong with the gateway's frames.
    pub(super) fn wrong(&self) -> Vec<String> {
        self.kept.wrong.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a frame of the gateway; a close is one with `closed` and `reason`.
    pub(super) async fn hears(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let heard = async {
            loop {
                let found = {
                    let heard = self.kept.heard.lock().unwrap_or_else(PoisonError::into_inner);
                    heard.iter().find(|frame| fits(frame)).cloned()
                };
                if let Some(frame) = found {
                    return frame;
                }
                crate::process::look_again().await;
            }
        };
        tokio::time::timeout(super::cli::PATIENCE, heard).await.expect(what)
    }

    /// Forgets what was heard.
    pub(super) fn forget(&self) {
        self.kept.heard.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

async fn pass(stream: TcpStream, whence: Option<&str>, kept: Arc<Kept>) {
    let Ok(client) = accept_async(stream).await else { return };
    let gateway = kept.gateway.load(Ordering::Relaxed);
    let mut request = format!("ws://127.0.0.1:{gateway}/").into_client_request().unwrap();
    if let Some(whence) = whence {
        request.headers_mut().insert("x-forwarded-for", whence.parse().unwrap());
    }
    let stream = connect(whence.map(|_| PROXY), gateway).await;
    let Ok((upstream, _)) = client_async(request, stream).await else { return };
    let (mut to_client, mut from_client) = client.split();
    let (mut to_gateway, mut from_gateway) = upstream.split();
    let mut watch = Watch::default();
    loop {
        tokio::select! {
            sent = from_client.next() => {
                let Some(Ok(message)) = sent else { return };
                if let Some(frame) = read(&message) {
                    watch.sent(&frame);
                }
                if to_gateway.send(message).await.is_err() {
                    return;
                }
            }
            heard = from_gateway.next() => {
                let Some(Ok(message)) = heard else { return };
                if let Message::Close(Some(close)) = &message {
                    let closed = json!({ "closed": u16::from(close.code), "reason": close.reason.as_str() });
                    kept.heard.lock().unwrap_or_else(PoisonError::into_inner).push(closed);
                }
                if let Some(frame) = read(&message) {
                    if let Err(why) = watch.heard(&frame) {
                        kept.wrong.lock().unwrap_or_else(PoisonError::into_inner).push(why);
                    }
                    kept.heard.lock().unwrap_or_else(PoisonError::into_inner).push(frame);
                }
                if to_client.send(message).await.is_err() {
                    return;
                }
            }
        }
    }
}

fn read(message: &Message) -> Option<Value> {
    match message {
        Message::Text(text) => serde_json::from_str(text).ok(),
        Message::Binary(bytes) => serde_json::from_slice(bytes).ok(),
        _ => None,
    }
}
