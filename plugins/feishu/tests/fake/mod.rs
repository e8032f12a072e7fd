//! A Feishu of our own: the open platform's calls, its long connection and its signed requests on a loopback port, as
//! strict as the real one where the channel could be wrong. It depends on nothing of this crate, so that the gateway's
//! tests can include it.
#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::needless_pass_by_value, reason = "payloads are made where they are sent")]
#![allow(clippy::expect_used, clippy::panic, reason = "a failed set-up fails the test")]

mod content;
mod http;
mod link;
mod methods;
mod platform;
mod post;
mod state;
mod wire;

use std::sync::{Arc, Mutex};

use openclaw_plugin_sdk::{
    Exchange, SentRef,
    testing::{self, Server},
};
use serde_json::{Value, json};
use tokio::{sync::mpsc, task::JoinSet};

#[allow(unused_imports, reason = "each test uses a part of it")]
pub(crate) use {
    post::{Seal, signed},
    state::{Order, Shown, State},
    wire::Frame,
};

/// The app, and what works.
pub(crate) const APP_ID: &str = "cli_a1b2c3d4e5f60718";
pub(crate) const APP_SECRET: &str = "5ec7e7c0n7rac7su17eapp5ecre7";
pub(crate) const ENCRYPT_KEY: &str = "3ncryp7k3yc0n7rac7su17e";
pub(crate) const VERIFICATION_TOKEN: &str = "v3r1f1ca710n70k3nc0n7rac7";
/// The organisation, and who the app is in chats.
pub(crate) const TENANT: &str = "7e4a47h0me";
pub(crate) const BOT: &str = "ou_00000000000000000000000000b07b07";
/// A group that all are in.
pub(crate) const GROUP: &str = "oc_fa3117fa3117fa3117fa3117fa3117aa";

/// A running Feishu; dropped, it is gone.
pub(crate) struct FakeFeishu {
    pub(crate) shared: Shared,
    server: Server,
    /// It calls the app, and the app holds no socket.
    pub(crate) calls: bool,
    exchanges: Exchanges,
    /// Events that are to be sent as requests: id and payload.
    queue: mpsc::UnboundedSender<(String, String)>,
    _running: JoinSet<()>,
}

/// The way on which requests reach the app.
type Exchanges = Arc<Mutex<Option<mpsc::Sender<Exchange>>>>;

/// What handlers and tests share.
pub(crate) type Shared = testing::Shared<State>;

impl FakeFeishu {
    /// Starts on a free port, for an app that holds a socket.
    pub(crate) async fn start() -> Self {
        Self::begin(None).await
    }

    /// The same for an app that is called, with requests that are encrypted so.
    pub(crate) async fn start_calling(seal: Seal) -> Self {
        Self::begin(Some(seal)).await
    }

    async fn begin(seal: Option<Seal>) -> Self {
        let shared = Shared::new(State::default());
        let server = Server::start(|address| http::app(shared.clone(), address)).await;
        let (queue, queued) = mpsc::unbounded_channel();
        let (exchanges, mut running) = (Exchanges::default(), JoinSet::new());
        if let Some(seal) = seal {
            running.spawn(post::deliver(shared.clone(), Arc::clone(&exchanges), seal, queued));
        }
        Self { shared, server, calls: seal.is_some(), exchanges, queue, _running: running }
    }

    /// What the configuration calls the domain.
    pub(crate) fn root(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// A person writes to the app alone. The message's id.
    pub(crate) fn direct(&self, name: &str, text: &str) -> String {
        self.message(name, &direct_chat(name), "p2p", said(text))
    }

    /// A person writes somewhere: these parts stand in the place of, or beside, what each message has. Its id.
    pub(crate) fn message(&self, name: &str, chat: &str, kind: &str, more: Value) -> String {
        let event = self.with(|state| state.message(name, chat, kind, more));
        let id = event["message"]["message_id"].as_str().expect("an id").to_owned();
        self.announce("im.message.receive_v1", event);
        id
    }

    /// An event as it stands. Its id.
    pub(crate) fn announce(&self, kind: &str, event: Value) -> String {
        self.push(self.with(|state| state.payload(kind, event)))
    }

    /// A payload as it stands: kept until it is acknowledged.
    pub(crate) fn push(&self, payload: Value) -> String {
        let id = payload["header"]["event_id"].as_str().expect("an id").to_owned();
        self.with(|state| {
            state.open.push((id.clone(), payload.to_string()));
            if !self.calls {
                state.say_event(&id, &payload.to_string());
            }
        });
        if self.calls {
            self.queue.send((id.clone(), payload.to_string())).expect("it runs");
        }
        id
    }

    /// A person presses a button of our message, which they say carries this. The press's id.
    pub(crate) fn press(&self, name: &str, on: &SentRef, data: &str) -> String {
        let event = self.with(|state| {
            let shown = state.shown(on.id.as_str()).expect("a message that was sent");
            let mut value = content::first_value(&shown.content);
            value["d"] = data.into();
            json!({
                "operator": { "open_id": person(name), "union_id": "on_x", "tenant_key": TENANT },
                "token": "c-press", "host": "im_message",
                "action": { "tag": "button", "value": value },
                "context": { "open_message_id": shown.id, "open_chat_id": shown.chat_id() },
            })
        });
        self.announce("card.action.trigger", event)
    }

    /// Says a frame as it stands.
    pub(crate) fn frame(&self, frame: &Frame) {
        self.with(|state| state.say(wire::written(frame)));
    }

    /// Changes how it behaves, or looks at what it knows.
    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        self.shared.change(change)
    }

    /// Waits until something holds, as often as anything changes.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&State) -> bool) {
        self.shared.until(what, holds).await;
    }

    pub(crate) fn reaches(&self, exchanges: mpsc::Sender<Exchange>) {
        *self.exchanges.lock().expect("no panic") = Some(exchanges);
    }

    /// Sends a request that was made elsewhere.
    pub(crate) fn put(&self, exchange: Exchange) {
        let exchanges =
            self.exchanges.lock().expect("no panic").clone().expect("an app that is called");
        exchanges.try_send(exchange).expect("it has room");
    }
}

/// The id of a person by name.
pub(crate) fn person(name: &str) -> String {
    let hex = name.bytes().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    format!("ou_{hex:0<32}")
}

/// The chat of the app with a person.
pub(crate) fn direct_chat(name: &str) -> String {
    person(name).replace("ou_", "oc_")
}

/// What a message of text says.
pub(crate) fn said(text: &str) -> Value {
    content("text", json!({ "text": text }))
}

/// A message of this kind.
pub(crate) fn content(kind: &str, content: Value) -> Value {
    json!({ "message_type": kind, "content": content.to_string() })
}

/// A text that begins with a mention of the app.
pub(crate) fn to_us(text: &str) -> Value {
    let mut message = said(&format!("@_user_1 {text}"));
    let id = json!({ "open_id": BOT, "union_id": "on_bot", "user_id": "" });
    message["mentions"] =
        json!([{ "key": "@_user_1", "id": id, "name": "Gate", "tenant_key": TENANT }]);
    message
}

/// Puts the keys of one object into another.
pub(crate) fn merge(into: &mut Value, more: Value) {
    let Value::Object(more) = more else { return };
    for (key, value) in more {
        into[key] = value;
    }
}
