//! The emulator `@openclaw/crabline` as a process. Others wrote it: what the fake beside it gets wrong, this one
//! may show.

use std::{path::PathBuf, process::Stdio};

use openclaw_plugin_sdk::{
    async_trait,
    contract::{Event, FakePlatform, Happened, LIMIT, Mention, Person, Seen},
    http_client, reqwest, toml,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// A person who is not Ann, and Ann.
pub(crate) const PEOPLE: [&str; 2] = ["471100000000000002", "471100000000000001"];

/// A running emulator; dropped, it is killed.
pub(crate) struct Crabline {
    manifest: Value,
    recorder: PathBuf,
    client: reqwest::Client,
    _folder: tempfile::TempDir,
    _process: Child,
}

impl Crabline {
    /// Starts it from the folder that `OPENCLAW_CRABLINE` names, where npm has installed it and its Node.
    pub(crate) async fn start() -> Self {
        let installed = std::env::var("OPENCLAW_CRABLINE")
            .expect("OPENCLAW_CRABLINE names the folder it is installed in");
        let modules = PathBuf::from(installed).join("node_modules");
        let folder = tempfile::tempdir().expect("a folder");
        let recorder = folder.path().join("recorded.jsonl");
        let mut process = Command::new(modules.join("node/bin/node"))
            .arg(modules.join(".bin/crabline"))
            .args(["--json", "serve", "discord", "--port", "0", "--recorder"])
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
        Self {
            manifest,
            recorder,
            client: http_client::local_client(LIMIT).expect("a client"),
            _folder: folder,
            _process: process,
        }
    }

    /// Lets somebody write; the body is the emulator's own.
    pub(crate) async fn inject(&self, body: Value) {
        let url = self.text(&["endpoints", "adminInboundUrl"]);
        let request = self.client.post(url).header("X-Crabline-Admin-Token", "admin").json(&body);
        let answer = request.send().await.expect("it answers");
        let status = answer.status();
        assert!(status.is_success(), "{status}: {}", answer.text().await.unwrap_or_default());
    }

    /// The accepted calls of this method on a path that ends so, in order.
    pub(crate) fn accepted(&self, method: &str, end: &str) -> Vec<Value> {
        let recorded = std::fs::read_to_string(&self.recorder).unwrap_or_default();
        let call = |line: &str| {
            let event: Value = serde_json::from_str(line).ok()?;
            let fits = event["method"] == method && event["path"].as_str()?.ends_with(end);
            (fits && event["accepted"] == true).then(|| event["body"].clone())
        };
        recorded.lines().filter_map(call).collect()
    }

    fn text(&self, path: &[&str]) -> String {
        let value = path.iter().fold(&self.manifest, |value, key| &value[*key]);
        value.as_str().expect("a text").to_owned()
    }
}

#[async_trait]
impl FakePlatform for Crabline {
    fn settings(&self) -> toml::Table {
        let mut table = toml::Table::new();
        table.insert("token".to_owned(), self.text(&["botToken"]).into());
        table.insert("api_root".to_owned(), self.text(&["endpoints", "apiRoot"]).into());
        table
    }

    async fn happen(&self, event: Event) -> Happened {
        let (from, group, text) = match event {
            Event::Direct(who, text) => (PEOPLE[usize::from(who == Person::Ann)], false, text),
            Event::Group(Mention::Others, text) => (PEOPLE[1], true, text),
            _ => return Happened::Impossible,
        };
        let mut body = json!({ "senderId": from, "senderName": "Ann", "content": text });
        if group {
            body["guildId"] = self.manifest["fixture"]["guildId"].clone();
            body["channelId"] = self.manifest["fixture"]["channelId"].clone();
        } else {
            body["channelId"] = format!("93{}", &from[2..]).into();
        }
        self.inject(body).await;
        Happened::Announced
    }

    async fn seen(&self) -> Vec<Seen> {
        let seen = |body: Value| Seen {
            text: body["content"].as_str().unwrap_or_default().to_owned(),
            ..Seen::default()
        };
        self.accepted("POST", "/messages").into_iter().map(seen).collect()
    }

    fn fetched(&self) -> usize {
        0
    }

    fn keeps(&self) -> bool {
        false
    }
}
