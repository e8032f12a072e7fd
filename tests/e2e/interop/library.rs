//! The client library that others build on, with a key of its own: it waits, is approved, lists, hears what happens,
//! decides about another, and comes back by itself.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout},
};

use super::{Bed, TOKEN, cli};

/// What starts a program on the library.
pub(super) fn driver(url: &str, settings: &Value) -> std::process::Command {
    let driver = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/interop/client.mjs");
    let mut command = std::process::Command::new(cli::node());
    command.arg(driver).arg(cli::clients().join("client")).arg(url).arg(settings.to_string());
    command
}

/// A program on the library.
pub(super) struct Library {
    _child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    heard: Vec<Value>,
    pub(super) device: String,
}

impl Library {
    async fn start(port: u16, settings: Value) -> Self {
        Self::of(driver(&format!("ws://127.0.0.1:{port}"), &settings)).await
    }

    /// Started by this command.
    pub(super) async fn of(command: std::process::Command) -> Self {
        let mut child = tokio::process::Command::from(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut library =
            Self { _child: child, input, output, heard: Vec::new(), device: String::new() };
        let device = library.next("deviceId").await;
        device["deviceId"].as_str().unwrap().clone_into(&mut library.device);
        library
    }

    pub(super) async fn tell(&mut self, line: &Value) {
        self.input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    pub(super) async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.tell(&json!({ "method": method, "params": params })).await;
        self.that(|line| line.get("answer").is_some() || line.get("error").is_some()).await
    }

    /// The next line that has this key.
    pub(super) async fn next(&mut self, key: &str) -> Value {
        self.that(|line| line.get(key).is_some()).await
    }

    async fn event(&mut self, name: &str) -> Value {
        self.that(|line| line["event"] == name).await["payload"].take()
    }

    async fn that(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.heard.iter().position(&fits) {
            return self.heard.remove(at);
        }
        let next = async {
            loop {
                let line = self.output.next_line().await.unwrap().expect("the driver ended");
                let line: Value = serde_json::from_str(&line).unwrap();
                if fits(&line) {
                    return line;
                }
                self.heard.push(line);
            }
        };
        let next = tokio::time::timeout(cli::PATIENCE, next).await;
        next.unwrap_or_else(|_| panic!("nothing of the kind: {:?}", self.heard))
    }
}

pub(super) fn operator(scopes: &[&str]) -> Value {
    json!({
        "token": TOKEN, "clientName": "gateway-client", "clientDisplayName": "Panel", "mode": "ui",
        "minProtocol": 4, "maxProtocol": 4, "scopes": scopes,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the clients that .ci/run installs"]
async fn the_library_waits_is_approved_decides_and_comes_back() {
    let mut bed = Bed::start("").await;
    let admin = operator(&["operator.admin", "operator.pairing", "operator.read"]);
    let mut panel = Library::start(bed.remote.port, admin).await;
    let refused = panel.next("refused").await;
    assert!(refused["refused"].as_str().unwrap().contains("pairing required"), "{refused}");
    let request = refused["details"]["requestId"].as_str().expect("an id").to_owned();
    bed.approve(&request).await;
    panel.tell(&json!({ "restart": {} })).await;
    let hello = panel.next("hello").await["hello"].take();
    assert_eq!((&hello["protocol"], &hello["auth"]["role"]), (&json!(4), &json!("operator")));
    assert!(hello["auth"]["deviceToken"].is_string());

    let list = panel.ask("device.pair.list", json!({})).await;
    assert_eq!(list["answer"]["paired"][0]["deviceId"], panel.device.as_str(), "{list}");
    let mut other = Library::start(bed.remote.port, operator(&["operator.read"])).await;
    let asked = panel.event("device.pair.requested").await;
    assert_eq!(asked["deviceId"], other.device.as_str());
    let approve = json!({ "requestId": asked["requestId"] });
    let approved = panel.ask("device.pair.approve", approve).await;
    assert_eq!(approved["answer"]["device"]["deviceId"], other.device.as_str(), "{approved}");
    let resolved = panel.event("device.pair.resolved").await;
    assert_eq!(
        (&resolved["decision"], &resolved["requestId"]),
        (&json!("approved"), &asked["requestId"])
    );
    other.tell(&json!({ "restart": { "token": null } })).await;
    let hello =
        other.that(|line| line.get("hello").is_some() || line.get("refused").is_some()).await;
    assert!(hello["refused"].is_string(), "no token was ever handed to it: {hello}");
    other.tell(&json!({ "restart": { "token": TOKEN } })).await;
    let hello = other.next("hello").await["hello"].take();
    assert_eq!(hello["auth"]["scopes"], json!(["operator.read"]), "{hello}");
    let denied = other.ask("device.pair.list", json!({})).await;
    assert_eq!(denied["details"]["missingScope"], "operator.pairing", "{denied}");

    // By its own token alone.
    panel.tell(&json!({ "restart": { "token": null } })).await;
    let hello = panel.next("hello").await["hello"].take();
    assert_eq!(hello["auth"]["method"], "device-token", "{hello}");
    // With a wrong secret it is told to try that token.
    panel.tell(&json!({ "restart": { "token": "wrong" } })).await;
    let refused = panel.next("refused").await;
    assert_eq!(refused["details"]["recommendedNextStep"], "retry_with_device_token", "{refused}");
    let hello = panel.next("hello").await["hello"].take();
    assert_eq!(hello["auth"]["method"], "device-token", "{hello}");
    let removed = panel.ask("device.pair.remove", json!({ "deviceId": other.device })).await;
    assert_eq!(removed["answer"]["deviceId"], other.device.as_str(), "{removed}");
    let closed = other.that(|line| line["closed"] == 4001).await;
    assert!(closed["reason"].as_str().unwrap().starts_with("client invalidated"), "{closed}");
    assert!(panel.heard.iter().all(|line| line.get("gap").is_none()), "{:?}", panel.heard);
    // The gateway starts again: the library comes back by itself.
    bed.restart();
    panel.event("shutdown").await;
    panel.that(|line| line["closed"] == 1012).await;
    assert_eq!(panel.next("hello").await["hello"]["auth"]["method"], "device-token");
    bed.end();
}
