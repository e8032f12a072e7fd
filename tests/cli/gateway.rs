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
    let said = folder.fails(75, "gateway run --port 0");
    assert!(said.contains(&first.pid().to_string()) && said.contains("port"), "{said}");
    assert_eq!(first.stop(Signal::SIGINT).code, Some(0));
}

#[test]
fn a_password_that_nobody_set_starts_nothing_and_the_way_out_is_named() {
    let folder = Folder::empty();
    folder.put("config.toml", "[gateway.auth]\nmode = 'password'\n");
    let said = folder.fails(78, "gateway run --port 0");
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
    let said = Folder::empty().fails(75, &format!("gateway run --port {port}"));
    assert!(said.contains(&port.to_string()) && said.contains("--port"), "{said}");
}

#[test]
fn every_line_of_a_log_for_programs_is_an_object_and_names_no_code() {
    let folder = Folder::waiting(&[request("7", CODE)]);
    let line = "gateway run --port 0 --log-format json --log trace";
    let mut running = Running::start(folder.command(line));
    running.until("Approve:");
    folder.done("pairing approve telegram AB3D7X9K");
    folder.done("channels status");
    let ran = running.stop(Signal::SIGTERM);
    assert!(ran.err.lines().count() > 0 && !ran.err.contains(CODE), "{ran:?}");
    for line in ran.err.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        for key in ["timestamp", "level", "target", "message"] {
            assert!(line[key].is_string(), "{key}: {line}");
        }
    }
}

#[test]
fn a_level_that_is_none_starts_nothing_and_is_one_error() {
    let folder = Folder::empty();
    let typed = folder.fails(2, "gateway run --port 0 --log openclaw=loud");
    assert!(typed.contains("`openclaw=loud` of --log is not a log level"), "{typed}");
    let mut command = folder.command("gateway run --port 0");
    let ran = command.env("OPENCLAW_LOG", "=x=").output().unwrap();
    let said = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(2), "{said}");
    assert!(
        said.contains("`=x=` of OPENCLAW_LOG") && said.matches("error:").count() == 1,
        "{said}"
    );
}

#[test]
fn the_status_is_there_with_a_gateway_and_without() {
    let folder = Folder::waiting(&[request("7", CODE)]);
    let without = folder.run("status");
    assert_eq!(without.code, Some(4), "{without:?}");
    assert!(without.out.starts_with("No gateway runs. "), "{without:?}");
    assert!(without.out.contains("Pending    telegram 1, "), "{without:?}");
    let mut running = Running::gateway(&folder);
    folder.done("pairing approve telegram AB3D7X9K");
    folder.done("owner add telegram:1");
    let with = folder.done("status");
    for shown in ["Gateway    runs", "Outbox     ", "telegram:1", "approve telegram:7 by uid:"] {
        assert!(with.contains(shown), "{shown}: {with}");
    }
    assert!(!with.contains(CODE), "{with}");
    let spelt: Value = serde_json::from_str(&folder.done("status --json")).unwrap();
    assert_eq!(spelt["owners"][0], "telegram:1");
    assert!(spelt["gateway"]["ok"] == true && spelt["outbox"]["depth"].is_u64(), "{spelt}");
    assert_eq!(spelt["decisions"][0]["action"], "approve");
    running.stop(Signal::SIGTERM);
}
