//! The floor: what the same libraries take for an upgrade, a challenge, one signature check and one short hello, and
//! then for reading a frame as JSON and answering it under its id. It knows nobody, keeps nothing and counts nothing.

use std::{
    convert::Infallible,
    io::{BufRead, BufReader},
    net::Ipv4Addr,
    process::{Child, Command, Stdio},
};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use openclaw::{
    protocol::connect::first_frame,
    rules::device::identity::{Nonce, Proof, Signed, prove},
};
use openclaw_plugin_sdk::UnixMs;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::derive_accept_key,
        protocol::{Role, WebSocketConfig},
    },
};
use tokio_util::task::TaskTracker;

use super::measure::Process;

/// The word that makes this program the floor.
pub(crate) const WORD: &str = "serve-the-floor";
const NOW: u64 = 1_760_000_000_000;

/// The floor in a process of its own.
pub(crate) struct Floor {
    child: Child,
    pub(crate) port: u16,
}

impl Floor {
    pub(crate) fn start() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut child = command.arg(WORD).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, port: line.trim().parse().unwrap() }
    }

    pub(crate) fn process(&self) -> Process {
        Process(self.child.id().cast_signed())
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves until it is killed.
pub(crate) async fn serve() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    let tasks = TaskTracker::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let sockets = tasks.clone();
        tasks.spawn(async move {
            let service = service_fn(|request| {
                let response = upgrade(request, &sockets);
                async { Ok::<_, Infallible>(response) }
            });
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            let _gone = connection.with_upgrades().await;
        });
    }
}

fn upgrade(mut request: Request<Incoming>, sockets: &TaskTracker) -> Response<Full<Bytes>> {
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY).cloned().unwrap();
    let upgrading = hyper::upgrade::on(&mut request);
    sockets.spawn(async move {
        if let Ok(upgraded) = upgrading.await {
            talk(upgraded).await;
        }
    });
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes())).unwrap();
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    response
}

async fn talk(upgraded: Upgraded) {
    let stream = TokioIo::new(upgraded);
    let config = WebSocketConfig::default().read_buffer_size(2048).write_buffer_size(0);
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
    let nonce = Nonce::from_random([7; 16]);
    let payload = format!(r#"{{"nonce":"{}","ts":{NOW}}}"#, nonce.as_str());
    let challenge =
        format!(r#"{{"type":"event","event":"connect.challenge","payload":{payload}}}"#);
    if socket.send(Message::text(challenge)).await.is_err() {
        return;
    }
    let Some(Ok(Message::Text(text))) = socket.next().await else { return };
    let Ok((id, params)) = first_frame(&text) else { return };
    let Some(device) = &params.device else { return };
    let proof = Proof {
        id: &device.id,
        public_key: &device.public_key,
        signature: &device.signature,
        signed_at: UnixMs(device.signed_at),
        nonce: device.nonce.as_deref(),
    };
    let client = &params.client;
    let signed = Signed {
        client_id: client.id.as_str(),
        client_mode: client.mode.word(),
        role: params.role.as_deref().unwrap_or_default(),
        scopes: params.scopes(),
        token: params.auth.as_ref().map_or("", |auth| auth.signed_token()),
        platform: &client.platform,
        device_family: client.device_family.as_deref().unwrap_or_default(),
    };
    if prove(proof, signed, nonce, UnixMs(NOW)).is_err() {
        return;
    }
    let done = |id: &str| format!(r#"{{"type":"res","id":"{id}","ok":true,"payload":{{}}}}"#);
    let mut answer = done(&id);
    while socket.send(Message::text(answer)).await.is_ok() {
        let Some(Ok(Message::Text(text))) = socket.next().await else { return };
        let Ok(frame) = serde_json::from_str::<Value>(&text) else { return };
        answer = done(frame["id"].as_str().unwrap_or_default());
    }
}
