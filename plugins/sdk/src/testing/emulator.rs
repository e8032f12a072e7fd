//! The emulator `@openclaw/crabline` as a process. Others wrote it: what a fake gets wrong, this one may show.

use std::{path::PathBuf, process::Stdio};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::{contract::LIMIT, http_client};

/// A running emulator; dropped, it is killed.
#[derive(Debug)]
pub struct Emulator {
    /// What it says about itself.
    pub manifest: Value,
    /// For requests to it.
    pub client: reqwest::Client,
    recorder: PathBuf,
    _folder: tempfile::TempDir,
    _process: Child,
}

impl Emulator {
    /// Starts it from the folder that `OPENCLAW_CRABLINE` names, where npm has installed it and its Node.
    pub async fn start(platform: &[&str]) -> Self {
        let installed = std::env::var("OPENCLAW_CRABLINE")
            .expect("OPENCLAW_CRABLINE names the folder it is installed in");
        let modules = PathBuf::from(installed).join("node_modules");
        let folder = tempfile::tempdir().expect("a folder");
        let recorder = folder.path().join("recorded.jsonl");
        let mut process = Command::new(modules.join("node/bin/node"))
            .arg(modules.join(".bin/crabline"))
            .args(["--json", "serve"])
            .args(platform)
            .args(["--port", "0", "--recorder"])
            .arg(&recorder)
            .env("CRABLINE_ADMIN_TOKEN", "admin")
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the emulator starts");
        let mut lines = BufReader::new(process.stdout.take().expect("its output")).lines();
        let mut text = String::new();
        let manifest = loop {
            text +=
                &lines.next_line().await.expect("its output").expect("it says where it answers");
            if let Ok(manifest) = serde_json::from_str(&text) {
                break manifest;
            }
        };
        let client = http_client::local_client(LIMIT).expect("a client");
        Self { manifest, client, recorder, _folder: folder, _process: process }
    }

    /// Lets a person write; the body is the emulator's own.
    pub async fn inject(&self, body: Value) {
        let url = self.text(&["endpoints", "adminInboundUrl"]);
        let request = self.client.post(url).header("X-Crabline-Admin-Token", "admin").json(&body);
        let answer = request.send().await.expect("it answers");
        let status = answer.status();
        let said = answer.text().await.unwrap_or_default();
        assert!(status.is_success() && !said.contains("\"ok\":false"), "{status}: {said}");
    }

    /// The calls that it has accepted, in order: method of HTTP, path and body.
    pub fn accepted(&self) -> Vec<(String, String, Value)> {
        let recorded = std::fs::read_to_string(&self.recorder).unwrap_or_default();
        let call = |line: &str| {
            let event: Value = serde_json::from_str(line).ok()?;
            let text = |key: &str| Some(event[key].as_str()?.to_owned());
            let call = (text("method")?, text("path")?, event["body"].clone());
            (event["accepted"] == true).then_some(call)
        };
        recorded.lines().filter_map(call).collect()
    }

    /// A text of what it says about itself.
    pub fn text(&self, path: &[&str]) -> String {
        let value = path.iter().fold(&self.manifest, |value, key| &value[*key]);
        value.as_str().expect("a text").to_owned()
    }
}
