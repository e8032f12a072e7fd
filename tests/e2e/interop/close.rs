//! The close codes of RFC 6455, section 7.4, with two clients of others: what they close with comes back to them, and
//! what no client may send is answered with the code that says so. On the gateway's socket and on the page's.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{
    TOKEN,
    cli::{PATIENCE, clients, node},
};
use crate::process::{Gateway, Home};

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/interop");

/// What a client does, and the code that it must see.
enum Does {
    /// It closes, by its own means; 0 for no code.
    Close(u16),
    /// It sends these bytes.
    Frame(Vec<u8>),
}

/// A frame with a mask of zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    if let Ok(length @ 0..126) = u8::try_from(payload.len()) {
        bytes.push(0x80 | length);
    } else {
        bytes.push(0xfe);
        bytes.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

fn closing(code: u16) -> Does {
    Does::Frame(frame(0x88, &code.to_be_bytes()))
}

/// What there is to do, and what comes of it.
fn table() -> Vec<(Does, u16)> {
    let good = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
    let mut table: Vec<_> = good.map(|code| (closing(code), code)).into();
    // By the libraries' own means, as far as both have them.
    table.extend([1000, 1001, 1008, 1011, 3000, 4999].map(|code| (Does::Close(code), code)));
    table.push((Does::Frame(frame(0x88, b"")), 1005));
    // Not to be sent: reserved, or of nobody.
    let bad = [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535];
    table.extend(bad.map(|code| (closing(code), 1002)));
    let broken: [(Vec<u8>, u16); 9] = [
        (frame(0x88, b"x"), 1002),
        (frame(0x88, b"\x03\xe8\xff\xfe"), 1007),
        (frame(0x81, b"\xff\xfe"), 1007),
        (frame(0x81, b"\xed\xa0\x80"), 1007),
        // A continuation of nothing, an unknown kind, a reserved bit, half a ping, and one that is too long.
        (frame(0x80, b"x"), 1002),
        (frame(0x83, b"x"), 1002),
        (frame(0xc1, b"x"), 1002),
        (frame(0x09, b"x"), 1002),
        (frame(0x89, &[0; 126]), 1002),
    ];
    table.extend(broken.map(|(bytes, code)| (Does::Frame(bytes), code)));
    // Without a mask.
    table.push((Does::Frame(vec![0x81, 0x01, b'x']), 1002));
    // It announces more than any client may send.
    let mut long = vec![0x81, 0xff];
    long.extend((1_u64 << 40).to_be_bytes());
    long.extend([0; 4]);
    table.push((Does::Frame(long), 1009));
    table
}

/// Who gets it.
struct Door {
    url: String,
    headers: Value,
    hello: Option<String>,
}

async fn doors(gateway: &Gateway) -> [Door; 3] {
    let own = format!("127.0.0.1:{}", gateway.port);
    let page = reqwest::get(format!("http://{own}/chat")).await.unwrap();
    let cookie = page.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap();
    let params = json!({
        "minProtocol": 4, "maxProtocol": 4,
        "client": { "id": "cli", "version": "1", "platform": "linux", "mode": "cli" },
        "role": "operator", "scopes": ["operator.read"], "auth": { "token": TOKEN },
    });
    let connect = json!({ "type": "req", "id": "1", "method": "connect", "params": params });
    let url = format!("ws://{own}/");
    [
        Door { url: url.clone(), headers: json!({}), hello: None },
        Door { url, headers: json!({}), hello: Some(connect.to_string()) },
        Door {
            url: format!("ws://{own}/chat/ws"),
            headers: json!({ "cookie": cookie, "origin": format!("http://{own}") }),
            hello: None,
        },
    ]
}

fn ws(url: &str, options: &str) -> Command {
    let mut command = Command::new(node());
    command.arg(format!("{HERE}/close.mjs")).arg(clients().join("ws")).args([url, options]);
    command
}

fn websockets(url: &str, options: &str) -> Command {
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", clients().join("websockets"));
    command.arg(format!("{HERE}/close.py")).args([url, options]);
    command
}

async fn is_answered(client: fn(&str, &str) -> Command) {
    let home = Home::new();
    home.configure(&format!("gateway.auth.token = \"{TOKEN}\"\n[channels.webchat]\n"));
    let gateway = home.gateway("debug");
    for door in doors(&gateway).await {
        for (does, code) in table() {
            let (close, bytes) = match does {
                Does::Close(code) => (code, Vec::new()),
                Does::Frame(bytes) => (0, bytes),
            };
            let options = json!({
                "headers": door.headers, "hello": door.hello, "close": close, "frame": bytes,
            });
            let mut command =
                tokio::process::Command::from(client(&door.url, &options.to_string()));
            let running = command.stdin(Stdio::null()).kill_on_drop(true).output();
            let done = tokio::time::timeout(PATIENCE, running).await.expect("it ends").unwrap();
            let out = String::from_utf8_lossy(&done.stdout).into_owned();
            let error = String::from_utf8_lossy(&done.stderr).into_owned();
            let told: Value = serde_json::from_str(&out)
                .unwrap_or_else(|_| panic!("{} {close} {bytes:?}: {out}{error}", door.url));
            assert_eq!(told["code"], code, "{} {close} {bytes:?}: {error}", door.url);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the clients that .ci/run installs"]
async fn every_close_code_is_answered_as_rfc_6455_says_to_node_s_ws() {
    is_answered(ws).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the clients that .ci/run installs, and python3"]
async fn every_close_code_is_answered_as_rfc_6455_says_to_python_s_websockets() {
    is_answered(websockets).await;
}
