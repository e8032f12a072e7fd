//! `nodes` against a gateway with a node of our own.

use nix::sys::signal::Signal;
use serde_json::json;

use crate::{
    running::{Running, json as asked, patiently, port, token},
    support::Folder,
};

#[test]
fn a_node_is_listed_described_renamed_asked_and_removed() {
    let (home, machine) = (Folder::empty(), Folder::empty());
    let mut gateway = Running::gateway(&home);
    assert!(home.done("nodes status").starts_with("Known: 0 · Paired: 0 · Connected: 0\n"));
    let (port, token) = (port(&home), token(&home));
    let line =
        format!("node run --host 127.0.0.1 --port {port} --token {token} --display-name hut");
    let mut node = Running::start(machine.command(&line));
    node.until("Approve: ");
    let pending = || asked(&home, "devices list --json")["pending"].get(0).cloned();
    let waits = patiently(pending).unwrap();
    home.done(&format!("devices approve {}", waits["requestId"].as_str().unwrap()));
    node.until("Connected to ");
    let status = home.done("nodes status --connected");
    assert!(status.contains("Connected: 1") && status.contains("hut"), "{status}");
    let info = asked(&home, "nodes invoke --node hut --command device.info");
    assert_eq!(info["deviceName"], json!("hut"));
    let status = asked(&home, "nodes invoke --node hut --command device.status --json");
    assert_eq!(status["ok"], json!(true));
    asked(&home, r#"nodes invoke --node hut --command system.notify --params {"title":"Tea"}"#);
    assert_eq!(node.until("Notice: "), "Notice: Tea");
    let said = home.fails(1, "nodes invoke --node hut --command system.run --json");
    assert!(said.contains("node command not allowed"), "{said}");
    home.fails(3, "nodes describe --node nobody");
    assert!(home.done("nodes describe --node hut").contains("- device.info\n"));
    home.done("nodes rename --node hut --name shed");
    assert_eq!(asked(&home, "nodes describe --node shed --json")["displayName"], json!("shed"));
    assert_eq!(home.done("nodes pending"), "No pending pairing requests.\n");
    assert_eq!(asked(&home, "nodes pending --json"), json!([]));
    let said = home.fails(3, "nodes approve other");
    assert!(said.starts_with("Unknown node pairing requestId: other\n"), "{said}");
    let removed = home.done("nodes remove --node shed");
    assert!(removed.starts_with("Removed paired node "), "{removed}");
    let ran = node.ended();
    assert_eq!(ran.code, Some(1), "{ran:?}");
    gateway.stop(Signal::SIGTERM);
}
