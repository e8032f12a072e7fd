//! The whole program with an emulator of Slack that others wrote, which calls it with signed events.
//! `OPENCLAW_CRABLINE` names the folder in which npm has installed `node@22` and `@openclaw/crabline@0.1.27`.

use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
};

use serde_json::{Value, json};

use crate::process::{Gateway, Home, PATIENCE, look_again};

const BOT_TOKEN: &str = "xoxb-emulated-000000000000-bot";
const SIGNING_SECRET: &str = "emulated0123456789abcdef01234567";
const ANN: &str = "U0ANN00001";
const DIRECT: &str = "D0ANN00001";
const CHANNEL: &str = "C0FAMILY00";

/// A running emulator; dropped, it is killed.
struct Emulator {
    manifest: Value,
    recorder: PathBuf,
    input: ChildStdin,
    process: Child,
    _folder: tempfile::TempDir,
}

impl Emulator {
    fn start() -> Self {
        let installed = std::env::var_os("OPENCLAW_CRABLINE")
            .expect("OPENCLAW_CRABLINE names the folder it is installed in");
        let installed = PathBuf::from(installed);
        let folder = tempfile::tempdir().unwrap();
        let recorder = folder.path().join("recorded.jsonl");
        let mut process = Command::new(installed.join("node_modules/node/bin/node"))
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/slack_emulator.mjs"))
            .args([&installed, &recorder])
            .args([BOT_TOKEN, SIGNING_SECRET])
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let manifest = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let input = process.stdin.take().unwrap();
        Self { manifest, recorder, input, process, _folder: folder }
    }

    /// The gateway is here now.
    fn calls(&mut self, gateway: &Gateway) {
        writeln!(self.input, "{}", gateway.port).unwrap();
    }

    fn endpoint(&self, name: &str) -> &str {
        self.manifest["endpoints"][name].as_str().unwrap_or_else(|| panic!("{}", self.manifest))
    }

    /// A person writes.
    async fn writes(&self, channel: &str, text: &str) {
        // Its own clock stands at the year 2023: what is so old is passed over at a first start.
        let now = std::time::UNIX_EPOCH.elapsed().unwrap();
        let ts = format!("{}.{:06}", now.as_secs() + 1, now.subsec_micros());
        let body = json!({ "channel": channel, "user": ANN, "text": text, "ts": ts });
        let request = reqwest::Client::new().post(self.endpoint("adminInboundUrl"));
        let answer = request.header("X-Crabline-Admin-Token", "admin").json(&body).send().await;
        let answer: Value = answer.unwrap().json().await.unwrap();
        assert_eq!(answer["ok"], true, "{answer}");
    }

    /// The texts that the app has sent.
    fn sent(&self) -> Vec<String> {
        let recorded = std::fs::read_to_string(&self.recorder).unwrap_or_default();
        let lines = recorded.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let sent = lines.filter(|line| line["path"] == "/api/chat.postMessage");
        sent.map(|line| line["body"]["text"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Waits until the app has sent so many, and gives the last.
    async fn answered(&self, count: usize, home: &Home) -> String {
        let wait = async {
            while self.sent().len() < count {
                look_again().await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        assert!(waited.is_ok(), "{:?}\n{}", self.sent(), home.logged());
        self.sent().pop().unwrap()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the emulator"]
async fn a_stranger_on_an_emulated_slack_is_let_in_and_a_forged_event_is_not_read() {
    let mut slack = Emulator::start();
    let home = Home::new();
    home.configure(&format!(
        "[channels.slack]\nmode = \"http\"\nbot_token = \"{BOT_TOKEN}\"\nsigning_secret = \"{SIGNING_SECRET}\"\n\
         api_url = \"{}\"\n",
        slack.endpoint("apiRoot")
    ));
    let gateway = home.gateway("debug");
    slack.calls(&gateway);
    slack.writes(DIRECT, "hello").await;
    let challenge = slack.answered(1, &home).await;
    let code = challenge.split_once("Pairing code: ").unwrap().1[..8].to_owned();
    slack.writes(DIRECT, "hello?").await;
    slack.writes(CHANNEL, "hello, all").await;
    let forged = json!({
        "type": "event_callback", "team_id": "TCRABLINE", "event_id": "EvForged",
        "event": { "type": "message", "channel": DIRECT, "channel_type": "im", "user": ANN, "ts": "1.1", "text": "x" },
    });
    let door = format!("http://127.0.0.1:{}/slack/events", gateway.port);
    let request = reqwest::Client::new().post(&door).json(&forged);
    let request = request.header("x-slack-signature", format!("v0={}", "0".repeat(64)));
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let refused = request.header("x-slack-request-timestamp", now).send().await.unwrap();
    assert_eq!(refused.status(), 401, "case_090");
    assert!(home.cli(&["pairing", "approve", "slack", &code]).status.success());
    slack.writes(DIRECT, "are you there?").await;
    let answer = slack.answered(2, &home).await;
    let answer = if answer.contains("approved") { slack.answered(3, &home).await } else { answer };
    assert!(answer.contains("are you there?"), "{answer}");
    assert!(gateway.stop().success(), "{}", home.logged());
    let (logged, sent) = (home.logged(), slack.sent());
    assert_eq!(sent.iter().filter(|text| text.contains("Pairing code")).count(), 1, "{sent:?}");
    for secret in [BOT_TOKEN, SIGNING_SECRET] {
        assert!(!logged.contains(secret), "case_107");
    }
}
