//! The emulator `@openclaw/crabline` as a process. Others wrote it: what a fake gets wrong, this one may show.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

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
        Self::begin(|process, modules, recorder| {
            let process = process.arg(modules.join(".bin/crabline")).args(["--json", "serve"]);
            process.args(platform).args(["--port", "0", "--recorder"]).arg(recorder);
        })
        .await
    }

    /// The same for a platform that its command line does not serve. The script starts it, told where its modules are
    /// and where it is to record.
    pub async fn start_by(script: &str) -> Self {
        Self::begin(|process, modules, recorder| {
            process.arg(script).arg(modules).arg(recorder);
        })
        .await
    }

    async fn begin(how: impl FnOnce(&mut Command, &Path, &Path)) -> Self {
        let installed = std::env::var("OPENCLAW_CRABLINE")
            .expect("OPENCLAW_CRABLINE names the folder it is installed in");
        let modules = PathBuf::from(installed).join("node_modules");
        let folder = tempfile::tempdir().expect("a folder");
        let recorder = folder.path().join("recorded.jsonl");
        let mut process = Command::new(modules.join("node/bin/node"));
        how(&mut process, &modules, &recorder);
        let mut process = process
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
        let call = |event: &Value| {
            let text = |key: &str| Some(event[key].as_str()?.to_owned());
            let call = (text("method")?, text("path")?, event["body"].clone());
            (event["accepted"] == true).then_some(call)
        };
        self.recorded().iter().filter_map(call).collect()
    }

    /// All that it has recorded, in order.
    pub fn recorded(&self) -> Vec<Value> {
        let recorded = std::fs::read_to_string(&self.recorder).unwrap_or_default();
        recorded.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Waits until it has recorded something: it writes when it likes.
    pub async fn until(&self, what: &str, holds: impl Fn(&[Value]) -> bool) {
        let wait = async {
            while !holds(&self.recorded()) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(LIMIT, wait).await.unwrap_or_else(|_| panic!("{what}"));
    }

    /// A text of what it says about itself.
    pub fn text(&self, path: &[&str]) -> String {
        let value = path.iter().fold(&self.manifest, |value, key| &value[*key]);
        value.as_str().expect("a text").to_owned()
    }
}
