//! A gateway that breaks the rules, against the client: each ends in one clear error, in time.

use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;
use tokio_tungstenite::accept_async;

use super::*;
use crate::{
    protocol::connect::{AuthParams, ClientMode},
    rules::device::role::Role,
};

const LIMIT: usize = 4096;
const SECRET: &str = "s3cret-token";

fn dial(address: &Address, patience: Duration) -> Dial<'_> {
    Dial {
        address,
        door: None,
        pin: None,
        trust: Trust::Word,
        direct: false,
        patience,
        limit: LIMIT,
    }
}

/// What the broken gateway does after the upgrade: each text is sent as it is, then what is said is read on.
async fn against(says: Vec<Message>) -> Result<Value, RemoteError> {
    against_for(says, Duration::from_secs(5)).await
}

async fn against_for(says: Vec<Message>, patience: Duration) -> Result<Value, RemoteError> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let address = Address::parse(&format!("ws://127.0.0.1:{port}")).unwrap();
    let serve = async {
        let (tcp, _) = listener.accept().await.unwrap();
        let mut socket = accept_async(tcp).await.unwrap();
        for message in says {
            if socket.send(message).await.is_err() {
                return;
            }
        }
        while let Some(Ok(_)) = socket.next().await {}
    };
    let ask = async {
        let dial = dial(&address, patience);
        let auth = AuthParams { token: Some(SECRET.to_owned()), ..AuthParams::default() };
        let who = ClientInfo {
            client: "cli",
            mode: ClientMode::Cli,
            role: Role::Operator,
            scopes: vec![],
            caps: &[],
            commands: &[],
            name: None,
            identity: None,
            auth,
        };
        let mut session = Session::open(dial, &who).await?;
        session.call("health", json!({})).await
    };
    tokio::join!(serve, ask).1
}

fn challenge() -> Message {
    let payload = json!({ "nonce": "n", "ts": 1 });
    Message::text(
        json!({ "type": "event", "event": "connect.challenge", "payload": payload }).to_string(),
    )
}

fn answer(frame: &Value) -> Message {
    Message::text(frame.to_string())
}

fn hello() -> Message {
    let payload = json!({
        "type": "hello-ok", "protocol": 4, "server": { "version": "1", "connId": "c" },
        "features": { "methods": [], "events": [] },
        "snapshot": {
            "presence": [], "health": {}, "uptimeMs": 1, "stateVersion": { "presence": 0, "health": 0 }
        },
        "policy": { "maxPayload": 1, "maxBufferedBytes": 1, "tickIntervalMs": 1 },
    });
    answer(&json!({ "type": "res", "id": "connect", "ok": true, "payload": payload }))
}

async fn said(says: Vec<Message>) -> String {
    let error = against(says).await.unwrap_err().to_string();
    assert!(!error.contains(SECRET), "{error}");
    error
}

#[tokio::test]
async fn an_answer_is_found_among_events_and_unknown_frames() {
    let noise = answer(&json!({ "type": "event", "event": "tick", "payload": { "ts": 1 } }));
    let newer = answer(&json!({ "type": "hint", "x": 1 }));
    let other = answer(&json!({ "type": "res", "id": "7", "ok": true }));
    let done = answer(&json!({ "type": "res", "id": "1", "ok": true, "payload": { "ok": true } }));
    let says = vec![newer, challenge(), hello(), noise, other, done];
    assert_eq!(against(says).await.unwrap(), json!({ "ok": true }));
}

#[tokio::test]
async fn a_silent_gateway_is_not_waited_for() {
    for says in [vec![], vec![challenge()], vec![challenge(), hello()]] {
        let error = against_for(says, Duration::from_millis(100)).await.unwrap_err();
        assert!(matches!(error, RemoteError::Silent { .. }), "{error}");
    }
}

#[tokio::test]
async fn what_is_no_frame_ends_it() {
    let ends = " does not answer like a gateway: ";
    let bad = [
        Message::text("{"),
        Message::text("[]"),
        Message::text(r#"{"type":"res","id":7,"ok":true}"#),
        Message::binary(vec![0xff, 0]),
        Message::text("x".repeat(LIMIT + 1)),
    ];
    for message in bad {
        let error = said(vec![challenge(), hello(), message]).await;
        assert!(error.contains(ends), "{error}");
    }
    let wrong = answer(&json!({ "type": "res", "id": "connect", "ok": true, "payload": {} }));
    let no_nonce = answer(&json!({ "type": "event", "event": "connect.challenge", "payload": {} }));
    for says in [vec![no_nonce], vec![challenge(), wrong]] {
        let error = said(says).await;
        assert!(error.contains(ends), "{error}");
    }
}

#[tokio::test]
async fn a_refusal_is_told_without_the_secret_it_repeats() {
    let message = format!("unauthorized: {SECRET}\u{1b}[2J");
    let error = json!({
        "code": "INVALID_REQUEST", "message": message, "future": 1,
        "details": { "code": "AUTH_TOKEN_MISMATCH", "shown": SECRET },
    });
    let frame = answer(&json!({ "type": "res", "id": "connect", "ok": false, "error": error }));
    let error = against(vec![challenge(), frame]).await.unwrap_err();
    assert_eq!(error.to_string(), "unauthorized: … [2J");
    assert_eq!(error.detail("code"), Some("AUTH_TOKEN_MISMATCH"));
    assert!(!format!("{error:?}").contains(SECRET));
}

#[tokio::test]
async fn a_goodbye_is_told_with_its_reason() {
    let frame = CloseFrame { code: CloseCode::from(1008), reason: SECRET.into() };
    let bye = said(vec![challenge(), Message::Close(Some(frame))]).await;
    assert_eq!(bye, "the gateway closed the connection: … (1008)");
    let frame = CloseFrame { code: CloseCode::from(1012), reason: "service restart".into() };
    let bye = said(vec![challenge(), hello(), Message::Close(Some(frame))]).await;
    assert_eq!(bye, "the gateway closed the connection: service restart (1012)");
}

#[tokio::test]
async fn a_page_is_no_gateway_and_nobody_is_none() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let address = Address::parse(&format!("ws://127.0.0.1:{port}")).unwrap();
    let dial = dial(&address, Duration::from_secs(5));
    let serve = async {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut tcp, _) = listener.accept().await.unwrap();
        let _request = tcp.read(&mut [0; 1024]).await.unwrap();
        tcp.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    };
    let ((), page) = tokio::join!(serve, connect_transport(dial));
    let page = page.map(drop).unwrap_err().to_string();
    assert!(page.ends_with("does not answer like a gateway: HTTP error: 404 Not Found"), "{page}");
    drop(listener);
    let nobody = connect_transport(dial).await.map(drop).unwrap_err();
    assert!(matches!(nobody, RemoteError::Unreachable { .. }), "{nobody}");
}
