//! `gateway run` as a process, and the commands that ask it.

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{
    running::Running,
    support::{CODE, Folder, request},
};

#[test]
fn a_start_names_folder_and_way_and_answers_the_command_line() {
    let folder = Folder::waiting(&[request("7", CODE)]);
    let mut running = Running::gateway(&folder);
    let said = running.said();
    assert!(said.contains(&folder.state().display().to_string()), "{said}");
    assert!(said.contains("openclaw pairing approve <code>") && !said.contains(CODE), "{said}");
    let owner = running.until("owner claim");
    assert!(owner.contains("`openclaw owner claim`") && !owner.contains("/claim "), "{owner}");
    let status = folder.done("channels status");
    assert!(status.starts_with("Gateway reachable.\n"), "{status}");
    let status: Value = serde_json::from_str(&folder.done("channels status --json")).unwrap();
    assert!(status["ts"].as_u64().is_some_and(|ts| ts > 0), "{status}");
    let ran = folder.run("pairing approve telegram AB3D7X9K --notify");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let why =
        "Failed to notify requester: this channel account does not run; the approval stands\n";
    assert_eq!(ran.err, why);
    let ran = running.stop(Signal::SIGTERM);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(!ran.err.contains(CODE), "{ran:?}");
    assert_eq!(folder.run("channels status").code, Some(4));
}

#[test]
fn a_second_gateway_on_the_folder_is_refused_and_names_the_first() {
    let folder = Folder::empty();
    let mut first = Running::gateway(&folder);
    let said = folder.fails(1, "gateway run --port 0");
    assert!(said.contains(&first.pid().to_string()) && said.contains("port"), "{said}");
    assert_eq!(first.stop(Signal::SIGINT).code, Some(0));
}

#[test]
fn a_password_that_nobody_set_starts_nothing_and_the_way_out_is_named() {
    let folder = Folder::empty();
    folder.put("config.toml", "[gateway.auth]\nmode = 'password'\n");
    let said = folder.fails(1, "gateway run --port 0");
    for named in ["`gateway.auth.password`", "OPENCLAW_GATEWAY_PASSWORD", "\"token\""] {
        assert!(said.contains(named), "{said}");
    }
    let mut command = folder.command("gateway run --port 0");
    command.env("OPENCLAW_GATEWAY_PASSWORD", "p");
    let mut running = Running::start(command);
    running.until("Approve:");
    running.stop(Signal::SIGTERM);
}

#[test]
fn a_taken_port_is_named_with_the_way_to_another() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let said = Folder::empty().fails(1, &format!("gateway run --port {port}"));
    assert!(said.contains(&port.to_string()) && said.contains("--port"), "{said}");
}
