//! A gateway, or a node, as a process of its own: what it says is read line by line, and no test waits for ever.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::support::{Folder, Ran};

const PATIENCE: Duration = Duration::from_secs(30);

/// A process in the foreground of nobody's terminal.
pub(crate) struct Running {
    /// `None` once it was stopped.
    child: Option<Child>,
    out: Receiver<String>,
    said: String,
}

impl Running {
    /// A gateway on a free port.
    pub(crate) fn gateway(folder: &Folder) -> Self {
        let mut running = Self::start(folder.command("gateway run --port 0"));
        running.until("Approve:");
        running
    }

    /// A gateway on this port, which was free a moment ago.
    pub(crate) fn gateway_at(folder: &Folder, port: u16) -> Self {
        let mut running = Self::start(folder.command(&format!("gateway run --port {port}")));
        running.until("Approve:");
        running
    }

    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (lines, heard) = channel();
        thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if lines.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child: Some(child), out: heard, said: String::new() }
    }

    /// Reads on until a line holds this; that line.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line = self.out.recv_timeout(left);
            assert!(line.is_ok(), "it never said {what:?}, but:\n{}", self.said);
            let line = line.unwrap();
            self.said.push_str(&line);
            self.said.push('\n');
            if line.contains(what) {
                return line;
            }
        }
    }

    /// All that it has said so far.
    pub(crate) fn said(&self) -> &str {
        &self.said
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    pub(crate) fn stop(&mut self, signal: Signal) -> Ran {
        kill(Pid::from_raw(i32::try_from(self.pid()).unwrap()), signal).unwrap();
        let child = self.child.take().unwrap();
        Ran::from(child.wait_with_output().unwrap())
    }

    /// Waits until it has ended by itself.
    #[track_caller]
    pub(crate) fn ended(&mut self) -> Ran {
        let mut child = self.child.take().unwrap();
        let ended = patiently(|| child.try_wait().unwrap());
        if ended.is_none() {
            drop(child.kill().and_then(|()| child.wait()));
        }
        assert!(ended.is_some(), "it did not end: {}", self.said);
        Ran::from(child.wait_with_output().unwrap())
    }
}

/// A test that fails leaves no process behind.
impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill().and_then(|()| child.wait()));
        }
    }
}

/// Asks until there is an answer.
pub(crate) fn patiently<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = ask() {
            return Some(found);
        }
        if Instant::now() >= until {
            return None;
        }
        let (_keep, wait) = channel::<()>();
        let _late = wait.recv_timeout(Duration::from_millis(50));
    }
}

/// Where the running gateway of a folder listens.
pub(crate) fn port(folder: &Folder) -> u16 {
    folder.text("run/gateway.lock").trim().rsplit(' ').next().unwrap().parse().unwrap()
}

/// Its shared token.
pub(crate) fn token(folder: &Folder) -> String {
    folder.text("credentials/gateway-token").trim().to_owned()
}

/// What a command prints as JSON; it must succeed.
#[track_caller]
pub(crate) fn json(folder: &Folder, line: &str) -> Value {
    serde_json::from_str(&folder.done(line)).unwrap()
}
