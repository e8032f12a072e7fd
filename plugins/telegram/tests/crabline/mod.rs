//! The Telegram of the emulator `@openclaw/crabline`.
#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::expect_used, reason = "a failed set-up fails the test")]

use std::ops::Deref;

use openclaw_plugin_sdk::{
    Button, ChatId, async_trait,
    contract::{Event, FakePlatform, Happened, Mention, Person, Seen},
    reqwest,
    testing::emulator::Emulator,
    toml,
};
use serde_json::{Value, json};

/// A person who is not Ann, and Ann.
pub(crate) const PEOPLE: [i64; 2] = [4_711_002, 4_711_001];
/// A group.
pub(crate) const GROUP: i64 = -1_001_234_567_890;

/// The emulator's Telegram.
pub(crate) struct Crabline(Emulator);

impl Deref for Crabline {
    type Target = Emulator;

    fn deref(&self) -> &Emulator {
        &self.0
    }
}

impl Crabline {
    pub(crate) async fn start() -> Self {
        Self(Emulator::start(&["telegram", "--bot-username", "gate_test_bot"]).await)
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
        let named = |(_, path, body): (String, String, Value)| {
            let method = path.rsplit('/').next()?.to_ascii_lowercase();
            methods.contains(&method.as_str()).then_some((method, body))
        };
        self.0.accepted().into_iter().filter_map(named).collect()
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
