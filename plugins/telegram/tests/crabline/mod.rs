//! The emulator `@openclaw/crabline` as a process. Others wrote it: what the fake beside it gets
//! wrong, this one may show.
#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::expect_used, reason = "a failed set-up fails the test")]

use std::{path::PathBuf, process::Stdio};

use openclaw_plugin_sdk::{
    Button, ChatId, async_trait,
    contract::{Event, FakePlatform, Happened, LIMIT, Mention, Person, Seen},
    http_client, reqwest, toml,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// A person who is not Ann, and Ann.
pub(crate) const PEOPLE: [i64; 2] = [4_711_002, 4_711_001];
/// A group.
pub(crate) const GROUP: i64 = -1_001_234_567_890;

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
            .args([
                "--json",
                "serve",
                "telegram",
                "--port",
                "0",
                "--bot-username",
                "gate_test_bot",
                "--recorder",
            ])
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
        let answer: Value = request.send().await.expect("it answers").json().await.expect("JSON");
        assert_eq!(answer["ok"], true, "{answer}");
    }

    /// Calls a method of the Bot API, as another program with our token would.
    pub(crate) async fn call(&self, method: &str, body: Value) -> Value {
        call(&self.client, &self.method(method), body).await
    }

    /// Another program that polls for ever.
    pub(crate) fn rival(&self) -> impl Future<Output = ()> + use<> {
        let (client, url) = (self.client.clone(), self.method("getUpdates"));
        async move {
            loop {
                call(&client, &url, json!({ "offset": 1, "timeout": 30 })).await;
            }
        }
    }

    fn method(&self, name: &str) -> String {
        format!("{}/bot{}/{name}", self.text(&["endpoints", "apiRoot"]), self.text(&["botToken"]))
    }

    /// The accepted calls of these methods, in order: method in lower case, and body.
    pub(crate) fn accepted(&self, methods: &[&str]) -> Vec<(String, Value)> {
        let recorded = std::fs::read_to_string(&self.recorder).unwrap_or_default();
        let call = |line: &str| {
            let event: Value = serde_json::from_str(line).ok()?;
            let method = event["path"].as_str()?.rsplit('/').next()?.to_ascii_lowercase();
            (event["accepted"] == true && methods.contains(&method.as_str()))
                .then(|| (method, event["body"].clone()))
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
        table.insert("bot_token".to_owned(), self.text(&["botToken"]).into());
        table.insert("api_root".to_owned(), self.text(&["endpoints", "apiRoot"]).into());
        table
    }

    async fn happen(&self, event: Event) -> Happened {
        let (chat, from, text) = match event {
            Event::Direct(person, text) => {
                let from = PEOPLE[usize::from(person == Person::Ann)];
                (from, from, text)
            }
            Event::Group(Mention::Others, text) => (GROUP, PEOPLE[1], text),
            _ => return Happened::Impossible,
        };
        let chat = chat.to_string();
        self.inject(json!({ "chatId": chat, "fromId": from, "fromName": "Ann", "text": text }))
            .await;
        Happened::Announced
    }

    async fn seen(&self) -> Vec<Seen> {
        let seen = |(_, body): (String, Value)| Seen {
            chat: body["chat_id"].as_i64().map(|id| ChatId::new(id.to_string())),
            text: body["text"]
                .as_str()
                .or_else(|| body["caption"].as_str())
                .unwrap_or_default()
                .to_owned(),
            buttons: body["reply_markup"]["inline_keyboard"]
                .as_array()
                .into_iter()
                .flatten()
                .map(buttons)
                .collect(),
            ..Seen::default()
        };
        self.accepted(&["sendmessage", "sendphoto"]).into_iter().map(seen).collect()
    }

    fn fetched(&self) -> usize {
        self.accepted(&["getfile"]).len()
    }

    fn keeps(&self) -> bool {
        true
    }
}

async fn call(client: &reqwest::Client, url: &str, body: Value) -> Value {
    let answer = client.post(url).json(&body).send().await.expect("it answers");
    answer.json().await.expect("JSON")
}

fn buttons(row: &Value) -> Vec<Button> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let button = |button: &Value| Button {
        label: text(&button["text"]),
        data: text(&button["callback_data"]),
    };
    row.as_array().into_iter().flatten().map(button).collect()
}
