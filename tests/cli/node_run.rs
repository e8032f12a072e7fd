//! `node run`: a machine comes with a token or a setup code, waits, is approved, and stays so over restarts.

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::{
    running::{Running, json as asked, patiently, port, token},
    support::{Folder, mode},
};

fn node(machine: &Folder, line: &str) -> Running {
    Running::start(machine.command(&format!("node run {line}")))
}

/// The one device that waits.
fn pending(folder: &Folder) -> Value {
    let one = || asked(folder, "devices list --json")["pending"].get(0).cloned();
    patiently(one).unwrap()
}

fn setup_code(folder: &Folder) -> String {
    folder.done("qr --local --setup-code-only").trim().to_owned()
}

#[test]
fn a_machine_waits_is_let_in_and_stays_so_over_restarts_of_either_side() {
    let (home, machine) = (Folder::empty(), Folder::empty());
    let mut gateway = Running::gateway(&home);
    let (port, token) = (port(&home), token(&home));
    let line = format!("--host 127.0.0.1 --port {port} --token {token} --display-name kitchen");
    let mut joined = node(&machine, &line);
    let approve = joined.until("Approve: ");
    let waits = pending(&home);
    let id = waits["requestId"].as_str().unwrap();
    assert!(approve.contains(&format!("openclaw devices approve {id}")), "{approve}");
    assert_eq!(waits["displayName"], json!("kitchen"));
    assert_eq!(waits["commands"], json!(["device.info", "device.status", "system.notify"]));
    home.done(&format!("devices approve {id}"));
    joined.until("Connected to ");
    for name in ["device.json", "device-auth.json"] {
        assert_eq!(mode(&machine.path(&format!("identity/{name}"))), 0o600);
    }
    let kept = machine.text("node.json");
    assert!(!kept.contains(&token), "{kept}");
    gateway.stop(Signal::SIGTERM);
    joined.until("trying again");
    let mut gateway = Running::gateway_at(&home, port);
    joined.until("Connected to ");
    assert_eq!(joined.stop(Signal::SIGINT).code, Some(0));
    let mut again = node(&machine, "");
    again.until("Connected to ");
    let ran = again.stop(Signal::SIGTERM);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    gateway.stop(Signal::SIGTERM);
}

#[test]
fn a_setup_code_shows_the_same_three_words_on_both_sides() {
    let (home, machine) = (Folder::empty(), Folder::empty());
    let mut gateway = Running::gateway(&home);
    let code = setup_code(&home);
    let mut joined = node(&machine, &format!("--pair {code}"));
    let words = joined.until("Words:   ");
    let waits = pending(&home);
    assert_eq!(words, format!("Words:   {}", waits["words"].as_str().unwrap()));
    home.done(&format!("devices approve {}", waits["requestId"].as_str().unwrap()));
    joined.until("Connected to ");
    joined.stop(Signal::SIGINT);
    let mut again = node(&machine, "");
    again.until("Connected to ");
    // The code is this machine's own: another one has no use for it.
    let mut thief = node(&Folder::empty(), &format!("--pair {code}"));
    let ran = thief.ended();
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("setup code") && !ran.err.contains(&code), "{ran:?}");
    again.stop(Signal::SIGTERM);
    gateway.stop(Signal::SIGTERM);
}

#[test]
fn a_rotated_token_is_fetched_and_a_revoked_machine_stops() {
    let (home, machine) = (Folder::empty(), Folder::empty());
    let mut gateway = Running::gateway(&home);
    let (port, token) = (port(&home), token(&home));
    let line = format!("--host 127.0.0.1 --port {port} --token {token}");
    let mut joined = node(&machine, &line);
    joined.until("Approve: ");
    let waits = pending(&home);
    home.done(&format!("devices approve {}", waits["requestId"].as_str().unwrap()));
    joined.until("Connected to ");
    let before = machine.json("identity/device-auth.json")["tokens"]["node"]["token"].clone();
    let device = waits["deviceId"].as_str().unwrap();
    asked(&home, &format!("devices rotate --device {device} --role node"));
    joined.until("Connected to ");
    let after = machine.json("identity/device-auth.json")["tokens"]["node"]["token"].clone();
    assert!(before.is_string() && after.is_string() && before != after);
    asked(&home, &format!("devices revoke --device {device} --role node"));
    let ran = joined.ended();
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("removed this machine's access"), "{ran:?}");
    gateway.stop(Signal::SIGTERM);
}

#[test]
fn case_052_a_certificate_that_is_not_the_pinned_one_ends_it() {
    let (home, machine) = (Folder::empty(), Folder::empty());
    home.put("config.toml", "[gateway.tls]\nenabled = true\n");
    let mut gateway = Running::gateway(&home);
    assert_eq!(asked(&home, "devices list --json")["pending"], json!([]));
    let (port, token) = (port(&home), token(&home));
    let line = format!("--host 127.0.0.1 --port {port} --token {token}");
    let ran = node(&machine, &format!("{line} --tls")).ended();
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("not vouched for by a public authority"), "{ran:?}");
    let wrong = "ab".repeat(32);
    let ran = node(&machine, &format!("{line} --tls-fingerprint {wrong}")).ended();
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("is not the one with the pinned fingerprint"), "{ran:?}");
    let url = format!("wss://127.0.0.1:{port}");
    let said = home.fails(1, &format!("devices list --url {url} --token {token}"));
    assert!(said.contains("--tls-fingerprint"), "{said}");
    assert_eq!(asked(&home, "devices list --json")["pending"], json!([]), "nothing was sent");
    // The code carries the fingerprint, and the node remembers it.
    let mut joined = node(&machine, &format!("--pair {}", setup_code(&home)));
    joined.until("Words:   ");
    let waits = pending(&home);
    home.done(&format!("devices approve {}", waits["requestId"].as_str().unwrap()));
    joined.until("Connected to wss://");
    joined.stop(Signal::SIGINT);
    assert!(machine.json("node.json")["gateway"]["tlsFingerprint"].is_string());
    let mut again = node(&machine, "");
    again.until("Connected to wss://");
    again.stop(Signal::SIGTERM);
    let said = machine.fails(2, &format!("node run --tls-fingerprint {wrong}"));
    assert!(said.contains("different certificates"), "{said}");
    gateway.stop(Signal::SIGTERM);
}

#[test]
fn what_cannot_work_is_said_before_anything_is_sent() {
    let machine = Folder::empty();
    for (line, what) in [
        ("node run", "this machine is not paired with a gateway yet"),
        ("node run --pair hello", "this is not a setup code"),
        ("node run --host 127.0.0.1 --port 0", "--port"),
        ("node run --host gw.example.com --token wr0ng", "is not encrypted"),
    ] {
        let said = machine.fails(2, line);
        assert!(said.contains(what) && !said.contains("wr0ng"), "{line}: {said}");
    }
    assert!(machine.files().is_empty(), "no identity is made for nothing");
}
