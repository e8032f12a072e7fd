//! A Meta of our own: the Cloud API of one number, and the calls that it makes, as strict as the real one where the channel
//! could be wrong. It depends on nothing of this crate, so that the gateway's tests can include it.
#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::needless_pass_by_value, reason = "events are made where they are sent")]
#![allow(clippy::expect_used, clippy::panic, reason = "a failed set-up fails the test")]

mod calls;
mod events;
mod http;
mod methods;
mod platform;
mod state;

use openclaw_plugin_sdk::{
    SentRef,
    testing::{self, Server},
};
use serde_json::{Value, json};
use tokio::{sync::mpsc, task::JoinSet};

use calls::Way;
#[allow(unused_imports, reason = "each test uses a part of it")]
pub(crate) use {
    calls::{Asked, signature},
    events::{change, number, payload, person, value},
    state::{Failing, Shown, State},
};

/// What Meta calls the number.
pub(crate) const NUMBER_ID: &str = "106540352242922";
/// The number.
pub(crate) const DIGITS: &str = "15550783881";
pub(crate) const ACCESS_TOKEN: &str = "EAAJB0fake0access0token0of0a0system0user";
pub(crate) const APP_SECRET: &str = "5f4dcc3b5aa765d61d8327deb882cf99";
pub(crate) const VERIFY_TOKEN: &str = "a-text-of-the-operators-own";
/// Where the app is called.
pub(crate) const PATH: &str = "/whatsapp/webhook";
/// A group that all are in.
pub(crate) const GROUP: &str = "Y2FwaV9ncm91cDoxMjM0NTY3ODkw";

/// A running Meta; dropped, it is gone.
pub(crate) struct FakeMeta {
    pub(crate) shared: Shared,
    server: Server,
    /// How the app is called.
    way: testing::Shared<Way>,
    queue: mpsc::UnboundedSender<String>,
    _running: JoinSet<()>,
}

/// What handlers and tests share.
pub(crate) type Shared = testing::Shared<State>;

impl FakeMeta {
    /// Starts on a free port.
    pub(crate) async fn start() -> Self {
        let shared = Shared::new(State::default());
        let server = Server::start(|_| http::app(shared.clone())).await;
        let (queue, queued) = mpsc::unbounded_channel();
        let (way, mut running) = (testing::Shared::new(Way::None), JoinSet::new());
        running.spawn(calls::deliver(shared.clone(), way.clone(), queued));
        Self { shared, server, way, queue, _running: running }
    }

    /// Where it answers.
    pub(crate) fn root(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// From now on the app is at this port of the machine, and at this path.
    pub(crate) fn calls_at(&self, port: u16, path: &'static str) {
        self.way.change(|way| *way = Way::Http(port, path));
    }

    /// A person writes to the number. The message's id.
    pub(crate) fn direct(&self, name: &str, text: &str) -> String {
        self.message(name, json!({ "type": "text", "text": { "body": text } }))
    }

    /// A person sends this, beside what each message has. The message's id.
    pub(crate) fn message(&self, name: &str, more: Value) -> String {
        let (id, message) = self.with(|state| state.message(name, more));
        self.announce(&payload(&[change(value(name, &[message]))]));
        id
    }

    /// A person presses a button of our message. The press's id.
    pub(crate) fn press(&self, name: &str, on: &SentRef, data: &str) -> String {
        let reply = json!({ "type": "button_reply", "button_reply": { "id": data, "title": "x" } });
        let context = json!({ "from": DIGITS, "id": on.id.as_str() });
        self.message(
            name,
            json!({ "type": "interactive", "interactive": reply, "context": context }),
        )
    }

    /// A person answers our message. The message's id.
    pub(crate) fn replied(&self, name: &str, to: &SentRef, text: &str) -> String {
        let context = json!({ "from": DIGITS, "id": to.id.as_str() });
        self.message(name, json!({ "type": "text", "text": { "body": text }, "context": context }))
    }

    /// Says that a message of ours has failed so after all.
    pub(crate) fn fails(&self, sent: &str, code: i64) {
        let shown = self.with(|state| state.messages.iter().find(|it| it.id == sent).cloned());
        let shown = shown.expect("a message that was sent");
        let error = json!({ "code": code, "title": "Message undeliverable" });
        let status = json!({
            "id": sent, "status": "failed", "timestamp": "1790000000", "errors": [error],
            "recipient_user_id": shown.to, "recipient_id": "15550000000",
        });
        let mut value = value("ann", &[]);
        value["statuses"] = json!([status]);
        self.announce(&payload(&[change(value)]));
    }

    /// Calls the app with this, signed, until it is taken.
    pub(crate) fn announce(&self, payload: &Value) {
        drop(self.queue.send(payload.to_string()));
    }

    /// Calls the app with this body and signature, now, and once. The status of its answer.
    pub(crate) async fn request(&self, body: &str, signature: Option<&str>) -> u16 {
        let way = self.way.lock().clone();
        way.request(&Asked::Posted(body.to_owned(), signature.map(str::to_owned))).await.0
    }

    /// Asks whether the path is ours. The status and the text of the answer.
    pub(crate) async fn verifies(&self, token: &str, challenge: &str) -> (u16, String) {
        let query =
            format!("hub.mode=subscribe&hub.challenge={challenge}&hub.verify_token={token}");
        let way = self.way.lock().clone();
        way.request(&Asked::Whether(query)).await
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
