//! The channel against an emulator that others wrote. `OPENCLAW_CRABLINE` names the folder in which npm
//! has installed `node@22` and `@openclaw/crabline@0.1.27`. It has numbers alone, no signatures and no buttons, and sends
//! nothing by itself: what it would send, this test signs and sends.

#![allow(clippy::expect_used, reason = "a failed set-up fails the test")]

use openclaw_plugin_sdk::{
    Body, ChannelError, ChatId, ChatKind, Client, ClientAddress, Conversation, Exchange, Link,
    OutboundMessage, Text, async_trait,
    contract::{Bench, Event, FakePlatform, Happened, Person, Seen},
    http,
    testing::emulator::Emulator,
    toml,
};
use parking_lot::Mutex;
use ring::hmac;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

const APP_SECRET: &str = "5f4dcc3b5aa765d61d8327deb882cf99";
const ANN: &str = "15551234567";
const NAMESAKE: &str = "15557654321";

struct Crabline {
    emulator: Emulator,
    exchanges: Mutex<Option<mpsc::Sender<Exchange>>>,
}

impl Crabline {
    async fn start() -> Self {
        Self { emulator: Emulator::start(&["whatsapp"]).await, exchanges: Mutex::default() }
    }

    /// Makes it accept a message; what it would call us with.
    async fn webhook(&self, from: &str, text: &str) -> Value {
        let url = self.emulator.text(&["endpoints", "adminInboundUrl"]);
        let jid = format!("{from}@s.whatsapp.net");
        let body = json!({ "chatJid": jid, "senderJid": jid, "text": text, "pushName": "Ann" });
        let request = self.emulator.client.post(url).header("X-Crabline-Admin-Token", "admin");
        let answer = request.json(&body).send().await.expect("it answers");
        let answer: Value = answer.json().await.expect("JSON");
        answer["webhook"].clone()
    }

    /// Calls the channel as Meta would.
    async fn call(&self, body: &Value) {
        let body = body.to_string();
        let key = hmac::Key::new(hmac::HMAC_SHA256, APP_SECRET.as_bytes());
        let tag = hmac::sign(&key, body.as_bytes());
        let hex: String = data_encoding::HEXLOWER.encode(tag.as_ref());
        let request = http::Request::builder()
            .method("POST")
            .uri("/whatsapp/webhook")
            .header("x-hub-signature-256", format!("sha256={hex}"))
            .body(body.into());
        let address = ClientAddress::of([127, 0, 0, 1].into());
        let client = Client { address, local: false, hop: Link::Private, tls: true };
        let (reply, _) = oneshot::channel();
        let exchange = Exchange::new(request.expect("a request"), client, reply, None);
        let exchanges = self.exchanges.lock().clone().expect("a channel that is served");
        exchanges.send(exchange).await.expect("it listens");
    }

    fn accepted(&self, path: &str) -> Vec<Value> {
        let calls = self.emulator.accepted().into_iter();
        calls.filter(|(_, called, _)| called.ends_with(path)).map(|(.., body)| body).collect()
    }
}

#[async_trait]
impl FakePlatform for Crabline {
    fn settings(&self) -> toml::Table {
        let mut table = toml::Table::new();
        let root = self.emulator.text(&["baseUrl"]);
        for (key, text) in [
            ("access_token", self.emulator.text(&["accessToken"])),
            ("api_root", root),
            ("app_secret", APP_SECRET.to_owned()),
            ("graph_version", self.emulator.text(&["graphVersion"])),
            ("phone_number_id", self.emulator.text(&["phoneNumberId"])),
            ("verify_token", "a-text-of-the-operators-own".to_owned()),
        ] {
            table.insert(key.to_owned(), text.into());
        }
        table
    }

    async fn serve(&self, exchanges: mpsc::Sender<Exchange>) {
        *self.exchanges.lock() = Some(exchanges);
    }

    async fn happen(&self, event: Event) -> Happened {
        let (from, text) = match event {
            Event::Direct(Person::Ann, text) => (ANN, text),
            Event::Direct(Person::Namesake, text) => (NAMESAKE, text),
            _ => return Happened::Impossible,
        };
        let webhook = self.webhook(from, &text).await;
        self.call(&webhook).await;
        Happened::Announced
    }

    async fn seen(&self) -> Vec<Seen> {
        let texts = self.accepted("/messages").into_iter();
        let shown = texts.filter(|body| body["type"] == "text").map(|body| Seen {
            text: body["text"]["body"].as_str().unwrap_or_default().to_owned(),
            ..Seen::default()
        });
        shown.collect()
    }

    fn fetched(&self) -> usize {
        0
    }

    fn keeps(&self) -> bool {
        false
    }
}

#[tokio::test]
#[ignore = "needs the emulator"]
async fn a_text_comes_and_an_answer_goes() {
    let mut bench = Bench::start(&channel_whatsapp::PLUGIN, Crabline::start().await).await;
    let ann = bench.meet(Person::Ann, "hello 😀 <b>").await;
    let id = format!("+{ANN}");
    assert_eq!((ann.sender.id.as_str(), ann.conversation.kind), (&*id, ChatKind::Direct));
    assert_eq!((ann.sender.name.as_deref(), ann.sender.also.len()), (Some("Ann"), 0));
    let sent = bench.say(&ann, Text::plain("1 < 2 & ").code("AB3D7X9K")).await;
    assert_eq!(sent.chat.as_str(), id);
    let typing = OutboundMessage::new(ann.conversation.clone(), Body::Typing);
    bench.send(&typing).await.expect("it is shown");
    let bodies = bench.platform.accepted("/messages");
    assert_eq!(
        (&bodies[0]["to"], &bodies[0]["text"]["body"]),
        (&json!(ANN), &json!("1 < 2 & `AB3D7X9K`"))
    );
    assert_eq!(
        (&bodies[1]["status"], &bodies[1]["message_id"]),
        (&json!("read"), &json!(ann.id.as_str()))
    );
    let namesake = bench.meet(Person::Namesake, "hello").await;
    assert_ne!(namesake.sender.id, ann.sender.id);
}

#[tokio::test]
#[ignore = "needs the emulator"]
async fn what_it_refuses_is_understood() {
    let crabline = Crabline::start().await;
    let mut settings = crabline.settings();
    settings.insert("access_token".to_owned(), "EAAJB0-another-token-of-another".into());
    let bench = Bench::start(&channel_whatsapp::PLUGIN, crabline).await;
    // It knows no ids: code 100 is about this message.
    let user = Conversation::new(ChatId::new("US.13491208655302741918"), ChatKind::Direct);
    bench.refuses(&OutboundMessage::new(user, Text::plain("hello")), "it has numbers alone").await;
    let full = Conversation::new(ChatId::new(format!("+{ANN}")), ChatKind::Direct);
    let full = OutboundMessage::new(full, Text::plain("x".repeat(4096)));
    bench.send(&full).await.expect("a text of exactly the limit goes whole");
    let other = Other(settings);
    let mut bench = Bench::open(&channel_whatsapp::PLUGIN, other).await;
    let ended = bench.listen().await;
    let Err(ChannelError::Unauthorized(why)) = &ended else { panic!("{ended:?}") };
    assert!(why.contains("`access_token`"), "{why}");
}

/// The same emulator with another token.
struct Other(toml::Table);

#[async_trait]
impl FakePlatform for Other {
    fn settings(&self) -> toml::Table {
        self.0.clone()
    }

    async fn happen(&self, _: Event) -> Happened {
        Happened::Impossible
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
