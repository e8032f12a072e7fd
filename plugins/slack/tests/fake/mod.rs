//! A Slack of our own: Web API, Socket Mode and signed requests on a loopback port, as strict as the real
//! one where the channel could be wrong. It depends on nothing of this crate, so that the gateway's tests
//! can include it.
#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::needless_pass_by_value, reason = "payloads are made where they are sent")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed set-up fails the test"
)]

mod blocks;
mod events;
mod files;
mod http;
mod link;
mod methods;
mod platform;
mod post;
mod state;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use openclaw_plugin_sdk::{Exchange, SentRef};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    runtime::Handle,
    sync::{mpsc, watch},
    task::JoinSet,
};

#[allow(unused_imports, reason = "each test uses a part of it")]
pub(crate) use events::{direct_chat, person};
#[allow(unused_imports, reason = "each test uses a part of it")]
pub(crate) use state::{Order, Shown, State};

/// The tokens and the secret that work.
pub(crate) const BOT_TOKEN: &str = "xoxb-000000000001-contract-suite-bot-token";
pub(crate) const APP_TOKEN: &str = "xapp-1-A0GATE0000-contract-suite-app-token";
pub(crate) const SIGNING_SECRET: &str = "5ec7e7c0n7rac7su17es1gn1ngse0000";
/// The workspace, the app's own user and bot.
pub(crate) const TEAM: &str = "T0HOME0000";
pub(crate) const BOT: &str = "U0GATEBOT0";
pub(crate) const BOT_ID: &str = "B0GATEBOT0";
/// Ann, and the other person with that name.
pub(crate) const ANN: &str = "U0ANN00001";
pub(crate) const NAMESAKE: &str = "U0ANN00002";
/// A channel that all are in.
pub(crate) const CHANNEL: &str = "C0FAMILY00";

/// A running Slack; dropped, it is gone.
pub(crate) struct FakeSlack {
    pub(crate) address: SocketAddr,
    pub(crate) shared: Shared,
    /// It calls the app, and the app holds no socket.
    pub(crate) calls: bool,
    exchanges: Exchanges,
    /// Events that are to be sent as requests: id and body.
    queue: mpsc::UnboundedSender<(String, String)>,
    running: Mutex<JoinSet<()>>,
    /// The suite also calls from a runtime in which nothing of ours may run.
    home: Handle,
}

/// The way on which requests reach the app.
type Exchanges = Arc<Mutex<Option<mpsc::Sender<Exchange>>>>;

/// What handlers and tests share; the number changes with every change.
#[derive(Clone)]
pub(crate) struct Shared {
    state: Arc<Mutex<State>>,
    pub(crate) changes: watch::Sender<u64>,
}

impl Shared {
    /// The state, and everybody who waits is woken when the caller is done with it.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.lock());
        self.changes.send_modify(|number| *number += 1);
        changed
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FakeSlack {
    /// Starts on a free port, for an app that holds a socket.
    pub(crate) async fn start() -> Self {
        Self::begin(false).await
    }

    /// The same for an app that is called.
    pub(crate) async fn start_calling() -> Self {
        Self::begin(true).await
    }

    async fn begin(calls: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Shared { state: Arc::default(), changes: watch::channel(0).0 };
        let mut running = JoinSet::new();
        let app = http::app(shared.clone(), address);
        running.spawn(async move { axum::serve(listener, app).await.expect("the server runs") });
        let (queue, queued) = mpsc::unbounded_channel();
        let exchanges = Exchanges::default();
        running.spawn(post::deliver(shared.clone(), Arc::clone(&exchanges), queued));
        let (running, home) = (Mutex::new(running), Handle::current());
        Self { address, shared, calls, exchanges, queue, running, home }
    }

    /// Where the Web API answers.
    pub(crate) fn root(&self) -> String {
        format!("http://{}/api", self.address)
    }

    /// A person writes to the app alone, now. The message's number.
    pub(crate) fn direct(&self, user: &str, text: &str) -> String {
        self.message(&direct_chat(user), "im", user, json!({ "text": events::escaped(text) }))
    }

    /// A person writes somewhere; `more` is whatever Slack would add. The message's number.
    pub(crate) fn message(&self, channel: &str, kind: &str, user: &str, more: Value) -> String {
        let ts = self.with(State::number);
        let mut event = json!({
            "type": "message", "channel": channel, "channel_type": kind, "user": user, "ts": ts,
            "team": TEAM, "event_ts": ts, "client_msg_id": format!("msg-{ts}"),
        });
        merge(&mut event, more);
        self.announce(event);
        ts
    }

    /// An event of the Events API as it stands. Its id.
    pub(crate) fn announce(&self, event: Value) -> String {
        let (id, payload) = self.with(|state| state.callback(&event));
        self.with(|state| state.keep(&id, payload.clone()));
        self.push(&id, "events_api", &payload);
        id
    }

    /// Sends an event that was announced once more, as Slack does when it was not acknowledged in time.
    pub(crate) fn repeat(&self, id: &str) {
        let payload = self.with(|state| state.kept(id));
        self.push(id, "events_api", &payload.expect("an event that was announced"));
    }

    /// A person presses a button of our message. The press's number.
    pub(crate) fn press(&self, user: &str, on: &SentRef, data: &str) -> String {
        let (ts, payload) = self.with(|state| {
            let shown = state.shown(on).expect("a message that was sent").clone();
            let ts = state.number();
            let url =
                format!("http://{}/response/{}", self.address, state.new_reply(user, &shown.chat));
            let mut payload = events::press(user, &shown, data, &ts, &url);
            if let Some(team) = &state.press_team {
                payload["user"]["team_id"] = team.clone().into();
            }
            (ts, payload)
        });
        self.push(&ts, "interactive", &payload);
        ts
    }

    /// A person types the app's slash word, anywhere. What names it.
    pub(crate) fn slash(&self, user: &str, channel: &str, words: &str) -> String {
        let number = self.with(State::number);
        let trigger = format!("trigger.{number}");
        self.push(&trigger, "slash_commands", &events::slash(user, channel, words, &trigger));
        trigger
    }

    /// Says on every socket that it ends.
    pub(crate) fn disconnect(&self, reason: &str) {
        let frame =
            json!({ "type": "disconnect", "reason": reason, "debug_info": { "host": "fake" } });
        self.with(|state| state.say_to_all(&frame.to_string()));
    }

    /// Changes how it behaves, or looks at what it knows.
    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        self.shared.change(change)
    }

    /// Waits until something holds, as often as anything changes.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&State) -> bool) {
        let mut changes = self.shared.changes.subscribe();
        let wait = async {
            while !holds(&self.shared.lock()) {
                changes.changed().await.expect("the fake lives");
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait)
            .await
            .unwrap_or_else(|_| panic!("{what}"));
    }
}

/// Puts the keys of one object into another.
pub(crate) fn merge(into: &mut Value, more: Value) {
    let Value::Object(more) = more else { return };
    for (key, value) in more {
        into[key] = value;
    }
}
