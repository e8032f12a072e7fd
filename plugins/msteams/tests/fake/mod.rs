//! A Teams of our own: the login, the keys that its tokens are signed with, its service for bots, and the calls that it
//! makes, on a loopback port; as strict as the real one where the channel could be wrong. It depends on nothing of this
//! crate, so that the gateway's tests can include it.
#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed set-up fails the test"
)]

mod activities;
mod calls;
mod http;
mod platform;
mod state;

use std::net::SocketAddr;

use openclaw_plugin_sdk::testing::{Server, Shared};
use serde_json::Value;
use tokio::{runtime::Handle, sync::mpsc, task::JoinSet};

#[allow(unused_imports, reason = "each test uses a part of it")]
pub(crate) use {
    activities::{invocation, mention, person, press, quoting, text},
    calls::{Route, asked, parts, signed},
    state::{Shown, State, Token},
};

/// The app, its tenant and its secret.
pub(crate) const APP: &str = "6a7e0000-1111-4222-8333-444444444444";
pub(crate) const TENANT: &str = "7e4a0000-1111-4222-8333-444444444444";
pub(crate) const PASSWORD: &str = "contract-suite-value-of-the-secret-00001";
/// A group chat, and a channel of a team, that all are in.
pub(crate) const GROUP: &str = "19:fa311700000000000000000000000000@thread.v2";
pub(crate) const CHANNEL: &str = "19:7ea300000000000000000000000000aa@thread.tacv2";

/// A running Teams; dropped, it is gone.
pub(crate) struct FakeTeams {
    pub(crate) address: SocketAddr,
    pub(crate) shared: Shared<State>,
    /// What is to be called, and with what: one after the other.
    queue: mpsc::UnboundedSender<(String, Value)>,
    _server: Server,
    _calls: JoinSet<()>,
    home: Handle,
}

impl FakeTeams {
    pub(crate) async fn start() -> Self {
        let shared = Shared::new(State::default());
        let inner = shared.clone();
        let server = Server::start(move |address| http::app(inner, address)).await;
        let (queue, queued) = mpsc::unbounded_channel();
        let mut calls = JoinSet::new();
        calls.spawn(calls::deliver(shared.clone(), queued));
        let (address, home) = (server.address, Handle::current());
        Self { address, shared, queue, _server: server, _calls: calls, home }
    }

    pub(crate) fn root(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where the bot answers, in a region.
    pub(crate) fn service(&self) -> String {
        format!("{}/emea/", self.root())
    }

    /// A person writes to the bot alone. The activity's id.
    pub(crate) fn direct(&self, name: &str, text: &str) -> String {
        self.message(name, activities::text(text))
    }

    /// A person's activity in the direct chat, with these parts more.
    pub(crate) fn message(&self, name: &str, more: Value) -> String {
        self.happens(activities::direct(name), more)
    }

    /// A person's activity in the group chat.
    pub(crate) fn in_group(&self, name: &str, more: Value) -> String {
        self.happens(activities::in_group(name, GROUP, "groupChat"), more)
    }

    /// An activity, as whole as the platform's own. Its id.
    pub(crate) fn happens(&self, mut activity: Value, more: Value) -> String {
        let (id, time) = self.shared.change(State::number);
        activities::merge(&mut activity, activities::common(&id, &time, &self.service()));
        activities::merge(&mut activity, more);
        self.queue.send((id.clone(), activity)).expect("it calls");
        id
    }

    /// Changes how it behaves, or looks at what it knows.
    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        self.shared.change(change)
    }

    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&State) -> bool) {
        self.shared.until(what, holds).await;
    }

    /// Waits until a call was answered: the status, and the body.
    pub(crate) async fn answered(&self, id: &str) -> (u16, String) {
        self.until("an answer", |state| state.answers.contains_key(id)).await;
        self.with(|state| state.answers[id].clone())
    }
}
