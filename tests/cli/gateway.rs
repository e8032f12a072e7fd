//! `gateway run` as a process, and the commands that ask it.

use std::{
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::support::{CODE, Folder, Ran, request};

/// A gateway in the foreground of nobody's terminal.
struct Running {
    /// `None` once it was stopped.
    child: Option<Child>,
    out: BufReader<ChildStdout>,
}

impl Running {
    fn start(folder: &Folder) -> Self {
        let mut command = folder.command("gateway run --port 0");
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child: Some(child), out }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line
    }

    /// What it says until it is ready.
    fn greeting(&mut self) -> String {
        let mut said = String::new();
        while !said.contains("\nApprove:") {
            let line = self.line();
            assert!(!line.is_empty(), "it ended: {said}");
            said.push_str(&line);
        }
        said
    }

    fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    fn stop(mut self, signal: Signal) -> Ran {
        kill(Pid::from_raw(i32::try_from(self.pid()).unwrap()), signal).unwrap();
        Ran::from(self.child.take().unwrap().wait_with_output().unwrap())
    }
}

/// A test that fails leaves no gateway behind.
impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill().and_then(|()| child.wait()));
        }
    }
}

#[test]
fn a_start_names_folder_and_way_and_answers_the_command_line() {
    let folder = Folder::waiting(&[request("7", CODE)]);
    let mut running = Running::start(&folder);
    let said = running.greeting();
    assert!(said.contains(&folder.state().display().to_string()), "{said}");
    assert!(said.contains("openclaw pairing approve <code>") && !said.contains(CODE), "{said}");
    let owner = running.line();
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
    let mut first = Running::start(&folder);
    first.greeting();
    let said = folder.fails(1, "gateway run --port 0");
    assert!(said.contains(&first.pid().to_string()) && said.contains("port"), "{said}");
    assert_eq!(first.stop(Signal::SIGINT).code, Some(0));
}

#[test]
fn a_taken_port_is_named_with_the_way_to_another() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let said = Folder::empty().fails(1, &format!("gateway run --port {port}"));
    assert!(said.contains(&port.to_string()) && said.contains("--port"), "{said}");
}
