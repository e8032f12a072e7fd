//! A Telegram of our own: the Bot API on a loopback port, as strict as the real one where the channel
//! could be wrong. It depends on nothing of this crate, so that the gateway's tests can include it.
#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::expect_used, clippy::panic, reason = "a failed set-up fails the test")]

mod http;
mod methods;
mod platform;
mod state;

use openclaw_plugin_sdk::{
    SentRef,
    testing::{self, Server},
};
use serde_json::{Value, json};

pub(crate) use state::{Clock, State};

/// The token that works.
pub(crate) const TOKEN: &str = "7000001:AAF-contract-suite-token_0123456789";
/// The bot's own number.
pub(crate) const BOT: i64 = 7_000_001;
/// The bot's user name.
pub(crate) const BOT_NAME: &str = "gate_test_bot";
/// Ann's number.
pub(crate) const ANN: i64 = 4_711_001;
/// The number of another person with the name Ann.
pub(crate) const NAMESAKE: i64 = 4_711_002;
/// The number of a group that both are in.
pub(crate) const GROUP: i64 = -1_001_234_567_890;

/// A running Bot API; dropped, it is gone.
pub(crate) struct FakeTelegram {
    shared: Shared,
    server: Server,
}

/// What handlers and tests share.
pub(crate) type Shared = testing::Shared<State>;

impl FakeTelegram {
    /// Starts on a free port.
    pub(crate) async fn start() -> Self {
        let shared = Shared::new(State::default());
        let server = Server::start(|_| http::app(shared.clone())).await;
        Self { shared, server }
    }

    /// Where it answers.
    pub(crate) fn root(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// A number of the kind that users and chats have, writes this in a private chat, now.
    pub(crate) fn direct(&self, id: i64, name: &str, text: &str) -> i64 {
        self.message(private(id), person(id, name), json!({ "text": text }))
    }

    /// A person writes in a chat; `content` is whatever Telegram would add, `date` included. The message's number.
    pub(crate) fn message(&self, chat: Value, from: Value, content: Value) -> i64 {
        self.shared.change(|state| {
            let message = state.message(chat, from, content);
            let id = message["message_id"].as_i64().unwrap_or_default();
            state.announce(json!({ "message": message }));
            id
        })
    }

    /// An update as it stands, but for its number.
    pub(crate) fn update(&self, update: Value) {
        self.shared.change(|state| state.announce(update));
    }

    /// A person presses a button of our message.
    pub(crate) fn press(&self, from: &Value, on: &SentRef, data: &str) {
        self.shared.change(|state| {
            let message = state.shown(on).expect("a message that was sent").wire();
            let id = state.number().to_string();
            state.open_presses.insert(id.clone());
            state.announce(json!({ "callback_query": {
                "id": id, "from": from, "message": message, "chat_instance": "1", "data": data,
            } }));
        });
    }

    /// Changes how it behaves, or looks at what it knows.
    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        self.shared.change(change)
    }

    /// Waits until something holds, as often as anything changes.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&State) -> bool) {
        self.shared.until(what, holds).await;
    }
}

/// A private chat.
pub(crate) fn private(id: i64) -> Value {
    json!({ "id": id, "type": "private", "first_name": "Ann" })
}

/// The group.
pub(crate) fn group() -> Value {
    json!({ "id": GROUP, "type": "supergroup", "title": "Family" })
}

/// A person.
pub(crate) fn person(id: i64, name: &str) -> Value {
    json!({ "id": id, "is_bot": false, "first_name": name, "last_name": "Lee", "username": "ann_lee", "language_code": "en" })
}

/// The bot, as messages name it.
pub(crate) fn bot() -> Value {
    json!({ "id": BOT, "is_bot": true, "first_name": "Gate", "username": BOT_NAME })
}
