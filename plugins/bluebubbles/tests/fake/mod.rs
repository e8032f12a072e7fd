//! A `BlueBubbles` server of our own: its API and its webhooks on a loopback port, as strict as the real one where the
//! channel could be wrong. It depends on nothing of this crate, so that the gateway's tests can include it.
#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::needless_pass_by_value, reason = "messages are made where they are sent")]
#![allow(clippy::expect_used, clippy::panic, reason = "a failed set-up fails the test")]

mod calls;
mod http;
mod messages;
mod methods;
mod platform;
mod state;

use openclaw_plugin_sdk::testing::{self, Server};
use serde_json::{Value, json};
use tokio::{sync::mpsc, task::JoinSet};

#[allow(unused_imports, reason = "each test uses a part of it")]
pub(crate) use {
    calls::Way,
    messages::{chat, direct, group, handle},
    state::{Failing, Shown, State, Webhook},
};

/// The server's password.
pub(crate) const PASSWORD: &str = "mac-password-0001/%20";
/// A group that all are in.
pub(crate) const GROUP: &str = "iMessage;+;chat831551415676550949";
/// Where the server is told that the gateway is.
pub(crate) const CALLBACK: &str = "http://127.0.0.1:9/bluebubbles-webhook";
/// Who is signed in on the Mac.
pub(crate) const US: &str = "gate@icloud.example.com";

/// A running server; dropped, it is gone.
pub(crate) struct FakeBlueBubbles {
    pub(crate) shared: Shared,
    server: Server,
    /// How the gateway is called.
    way: testing::Shared<Way>,
    queue: mpsc::UnboundedSender<(String, Value)>,
    _running: JoinSet<()>,
}

/// What handlers and tests share.
pub(crate) type Shared = testing::Shared<State>;

impl FakeBlueBubbles {
    /// Starts on a free port, with the helper beside Messages.
    pub(crate) async fn start() -> Self {
        let shared = Shared::new(State::default());
        let (queue, queued) = mpsc::unbounded_channel();
        let app = http::app(shared.clone(), queue.clone());
        let server = Server::start(|_| app).await;
        let (way, mut running) = (testing::Shared::new(Way::None), JoinSet::new());
        running.spawn(calls::deliver(shared.clone(), way.clone(), queued));
        Self { shared, server, way, queue, _running: running }
    }

    /// Where it answers.
    pub(crate) fn root(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// From now on the gateway is at this port of the machine.
    pub(crate) fn calls_at(&self, port: u16) {
        *self.way.lock() = Way::Http(port);
    }

    /// A person writes to the account alone. The event's id.
    pub(crate) fn direct(&self, name: &str, text: &str) -> String {
        self.message(name, direct(name), json!({ "text": text }))
    }

    /// A person writes in a chat; `more` is whatever the server would add. The event's id.
    pub(crate) fn message(&self, name: &str, chat: Value, more: Value) -> String {
        let message = self.with(|state| state.message(name, chat, more));
        let id = message["guid"].as_str().expect("an id").to_owned();
        self.announce("new-message", message);
        id
    }

    /// Calls those who have asked to be called, after what they are called with already.
    pub(crate) fn announce(&self, kind: &str, data: Value) {
        drop(self.queue.send((kind.to_owned(), data)));
    }

    /// Calls the gateway with this query and body, now. The status of its answer.
    pub(crate) async fn request(&self, query: &str, body: &str) -> u16 {
        let way = self.way.lock().clone();
        way.request(&format!("/bluebubbles-webhook{query}"), body).await
    }

    /// The query that the gateway has asked to be called with.
    pub(crate) fn proof(&self) -> String {
        let state = self.shared.lock();
        let webhook = state.webhooks.last().expect("a webhook");
        webhook.url.split_once('?').map(|(_, query)| format!("?{query}")).expect("a query")
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
