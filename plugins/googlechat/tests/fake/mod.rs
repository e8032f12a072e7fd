//! A Google of our own: the Chat API, the tokens of service accounts, the keys of its own tokens, and the calls of an app
//! in both formats, as strict as the real one where the channel could be wrong. It depends on nothing of this crate, so
//! that the gateway's tests can include it.
#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::needless_pass_by_value, reason = "events are made where they are sent")]
#![allow(clippy::expect_used, clippy::panic, reason = "a failed set-up fails the test")]

mod calls;
mod events;
mod http;
mod methods;
mod platform;
mod reading;
mod state;
mod tokens;

use openclaw_plugin_sdk::{
    SentRef,
    testing::{self, Server},
};
use serde_json::Value;
use tokio::{sync::mpsc, task::JoinSet};

#[allow(unused_imports, reason = "each test uses a part of it")]
pub(crate) use {
    calls::{Way, body},
    events::{direct, group, mention, person, space_of, user},
    state::{Failing, Shown, State},
    tokens::{Kind, PROJECT, URL, account, claims, secret_part, token},
};

/// A space that all are in.
pub(crate) const GROUP: &str = "spaces/AAAAfamily";
/// Who the app is.
pub(crate) const US: &str = "users/100000000000000000001";

/// A running Google; dropped, it is gone.
pub(crate) struct FakeGoogle {
    pub(crate) shared: Shared,
    /// What it proves itself with when it calls.
    pub(crate) kind: Kind,
    server: Server,
    /// How the app is called.
    way: testing::Shared<Way>,
    queue: mpsc::UnboundedSender<(String, Option<String>)>,
    _running: JoinSet<()>,
}

/// What handlers and tests share.
pub(crate) type Shared = testing::Shared<State>;

impl FakeGoogle {
    /// Starts on a free port: it calls in the classic format, for the number of the project.
    pub(crate) async fn start() -> Self {
        Self::calling_as(Kind::Number).await
    }

    /// The same with another proof, and in the format of that.
    pub(crate) async fn calling_as(kind: Kind) -> Self {
        let shared = Shared::new(State::default());
        let server = Server::start(|address| http::app(shared.clone(), address, kind)).await;
        let (queue, queued) = mpsc::unbounded_channel();
        let (way, mut running) = (testing::Shared::new(Way::None), JoinSet::new());
        running.spawn(calls::deliver(shared.clone(), way.clone(), queued));
        Self { shared, kind, server, way, queue, _running: running }
    }

    /// Where it answers.
    pub(crate) fn root(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// From now on the app is at this port of the machine, at its usual path with this behind it.
    pub(crate) fn calls_at(&self, port: u16, suffix: &str) {
        *self.way.lock() = Way::Http(format!("http://127.0.0.1:{port}/googlechat{suffix}"));
    }

    /// A person writes to the app alone. The event's id, as the channel spells it.
    pub(crate) fn direct(&self, name: &str, text: &str) -> String {
        self.message(name, direct(name), serde_json::json!({ "text": text }))
    }

    /// A person writes in a space; `more` is whatever Google would add. The event's id.
    pub(crate) fn message(&self, name: &str, space: Value, more: Value) -> String {
        let (id, event) = self.with(|state| state.message(name, &space, more));
        self.announce(event);
        id
    }

    /// A person presses a button of our message. The press's id, as the channel spells it.
    pub(crate) fn press(&self, name: &str, on: &SentRef, data: &str) -> String {
        let (id, event) = self.with(|state| state.press(name, on, data));
        self.announce(event);
        id
    }

    /// Calls the app with an event of the classic format, in the form that it is called in.
    pub(crate) fn announce(&self, event: Value) {
        let token = tokens::token(self.kind, &claims(self.kind));
        let body = calls::body(self.kind, event);
        self.post(body.to_string(), Some(token));
    }

    /// Calls the app with this body and token, after what it is called with already.
    pub(crate) fn post(&self, body: String, token: Option<String>) {
        drop(self.queue.send((body, token)));
    }

    /// Calls the app with this body and token, now. The status of its answer.
    pub(crate) async fn request(&self, body: &str, token: Option<&str>) -> u16 {
        let way = self.way.lock().clone();
        way.request(body, token).await
    }

    /// A token with these claims, signed as Google signs.
    pub(crate) fn token(&self, claims: &Value) -> String {
        tokens::token(self.kind, claims)
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
