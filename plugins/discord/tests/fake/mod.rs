//! A Discord of our own: HTTP API and gateway on loopback ports, as strict as the real one where the channel
//! could be wrong. It depends on nothing of this crate, so that the gateway's tests can include it.
#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::expect_used, clippy::panic, reason = "a failed set-up fails the test")]

mod http;
mod messages;
pub(crate) mod platform;
mod routes;
mod socket;
mod state;
pub(crate) mod wire;

use openclaw_plugin_sdk::{
    SentRef,
    testing::{self, Server},
};
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};

pub(crate) use state::{Shown, State};
pub(crate) use wire::{ChannelKind, person};

/// The token that works.
pub(crate) const TOKEN: &str = "MTk4NjIyNDgz.contract.suite-token_0123456789";
/// The bot's own id, which is its application's too.
pub(crate) const BOT: &str = "700000000000000001";
/// Ann's id.
pub(crate) const ANN: &str = "471100000000000001";
/// The id of another person with the name Ann.
pub(crate) const NAMESAKE: &str = "471100000000000002";
/// A server that both are in, a channel there, and a thread that hangs on it.
pub(crate) const GUILD: &str = "800000000000000001";
/// See [`GUILD`].
pub(crate) const ROOM: &str = "810000000000000001";
/// See [`GUILD`].
pub(crate) const THREAD: &str = "820000000000000001";

/// A running Discord; dropped, it is gone.
pub(crate) struct FakeDiscord {
    shared: Shared,
    server: Server,
    _sockets: oneshot::Sender<()>,
}

/// What handlers, sockets and tests share.
pub(crate) type Shared = testing::Shared<State>;

/// What open sockets are told to do.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    /// Close with this code.
    Close(u16),
    /// End without a word.
    Drop,
    /// Send this, as it stands.
    Send(String),
}

impl FakeDiscord {
    /// Starts on free ports.
    pub(crate) async fn start() -> Self {
        let sockets = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let gateway = format!("ws://{}", sockets.local_addr().expect("an address"));
        let shared = Shared::new(State::new(gateway));
        let server = Server::start(|_| http::app(shared.clone())).await;
        let (running, over) = oneshot::channel();
        let theirs = shared.clone();
        std::thread::spawn(move || socket::run(sockets, theirs, over));
        Self { shared, server, _sockets: running }
    }

    /// Where it answers.
    pub(crate) fn root(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// A person writes; `content` is whatever Discord would add. The message's id.
    pub(crate) fn write(&self, place: &ChannelKind, author: &Value, content: Value) -> String {
        self.shared.change(|state| {
            let message = state.message(place, author, content);
            let id = message["id"].as_str().expect("an id").to_owned();
            state.announce("MESSAGE_CREATE", &message);
            id
        })
    }

    /// A person writes to the bot directly.
    pub(crate) fn direct(&self, id: &str, name: &str, text: &str) -> String {
        self.write(&ChannelKind::Direct, &person(id, name), json!({ "content": text }))
    }

    /// A person presses a button of our message, or says so. The press's id.
    pub(crate) fn press(
        &self,
        place: &ChannelKind,
        from: &Value,
        on: &SentRef,
        data: &str,
    ) -> String {
        self.shared.change(|state| {
            let shown = state.shown(on.id.as_str()).expect("a message that was sent").wire();
            let data = json!({ "custom_id": data, "component_type": 2, "id": 2 });
            state.interact(3, place, from, json!({ "data": data, "message": shown }))
        })
    }

    /// A person gives a slash command. Its id.
    pub(crate) fn command(
        &self,
        place: &ChannelKind,
        from: &Value,
        name: &str,
        words: &str,
    ) -> String {
        self.shared.change(|state| {
            let option = json!({ "name": "words", "type": 3, "value": words });
            let options = if words.is_empty() { json!([]) } else { json!([option]) };
            let data =
                json!({ "id": "830000000000000001", "name": name, "type": 1, "options": options });
            state.interact(2, place, from, json!({ "data": data }))
        })
    }

    /// Something of Discord's happens.
    pub(crate) fn announce(&self, kind: &str, data: &Value) {
        self.shared.change(|state| state.announce(kind, data));
    }

    /// Open sockets are told to do this.
    pub(crate) fn order(&self, order: Order) {
        // Nobody may be connected.
        let _ordered = self.shared.lock().orders.0.send(order);
    }

    /// Changes how it behaves, or looks at what it knows.
    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        self.shared.change(change)
    }

    /// A number that changes with every change.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes()
    }

    /// Waits until something holds, as often as anything changes.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&State) -> bool) {
        self.shared.until(what, holds).await;
    }
}
