//! What the fake Slack knows: what it has announced, who listens, and the messages it shows.

use std::collections::{BTreeMap, BTreeSet};

use openclaw_plugin_sdk::{ChatId, EventId, SentRef, contract::Seen};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{APP_TOKEN, BOT_TOKEN, TEAM, blocks};

/// What a socket is told to do.
pub(crate) enum Order {
    /// Ends without a word.
    Break,
    /// Takes nothing any more, and says nothing: half open.
    Freeze,
    Say(String),
}

/// Everything, and the switches for what can go wrong.
#[derive(Default)]
pub(crate) struct State {
    /// Events that are not acknowledged, in order: id and payload.
    pub(crate) open: Vec<(String, Value)>,
    /// Every event that was announced.
    all: BTreeMap<String, Value>,
    /// Envelopes on their way, by the event they carry.
    pub(crate) envelopes: BTreeMap<String, String>,
    /// Everything that was acknowledged, by the event's id, in order.
    pub(crate) acknowledged: Vec<String>,
    /// The sockets that are open, by number.
    pub(crate) sockets: BTreeMap<u64, mpsc::UnboundedSender<Order>>,
    /// How many sockets were ever greeted.
    pub(crate) greeted: u64,
    /// Tickets that open a socket, once.
    pub(crate) tickets: BTreeSet<String>,
    /// What the app sent, in order.
    pub(crate) messages: Vec<Shown>,
    /// Files that were uploaded: the bytes, once they came, and where they are shown.
    pub(crate) files: BTreeMap<String, Upload>,
    /// Files that people sent: what `files.info` says, and the bytes.
    pub(crate) sent: BTreeMap<String, (Value, Vec<u8>)>,
    /// So often, `files.info` does not yet say where.
    pub(crate) slow_shares: usize,
    /// The methods that were called, with what they were called with.
    pub(crate) calls: Vec<(String, Value)>,
    /// Addresses for the answers to presses: who pressed, and where.
    pub(crate) replies: BTreeMap<String, (String, String)>,
    /// The next call of this method is refused so.
    pub(crate) refusals: BTreeMap<String, Value>,
    /// The next message is answered with the wish to wait so many seconds.
    pub(crate) slow_down: Option<u64>,
    /// Every call is answered so.
    pub(crate) storm: Option<u64>,
    /// What people call themselves, where it is something else than usual.
    pub(crate) names: BTreeMap<String, String>,
    /// Other tokens than the usual ones: the bot's and the app's.
    pub(crate) tokens: Option<(String, String)>,
    /// The tokens do not work any more.
    pub(crate) revoked: bool,
    /// The scopes that the token has; none are named where it is empty.
    pub(crate) scopes: String,
    /// What is named in place of its own addresses.
    pub(crate) elsewhere: Option<String>,
    /// Nobody is greeted on a socket.
    pub(crate) mute: bool,
    /// Presses name this workspace, as in an organisation of several.
    pub(crate) press_team: Option<String>,
    /// The workspaces that everybody is in.
    pub(crate) teams: Vec<String>,
    /// How many files were fetched.
    pub(crate) fetched: usize,
    /// A second of its own, for each number.
    last: u64,
}

/// A message that the app sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    pub(crate) chat: String,
    pub(crate) ts: String,
    pub(crate) text: String,
    pub(crate) blocks: Value,
    pub(crate) thread: Option<String>,
    /// Its file, and the bytes.
    pub(crate) file: Option<(String, Vec<u8>)>,
    /// Only this person sees it.
    pub(crate) whisper_to: Option<String>,
}

/// A file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Upload {
    pub(crate) length: usize,
    pub(crate) bytes: Option<Vec<u8>>,
    pub(crate) shown: Vec<(String, String)>,
}

impl Shown {
    /// What is read.
    pub(crate) fn reads(&self) -> String {
        blocks::text(&self.blocks).unwrap_or_else(|| blocks::unescaped(&self.text))
    }

    /// How the channel knows it.
    pub(crate) fn id(&self) -> &str {
        self.file.as_ref().map_or(&self.ts, |(id, _)| id)
    }

    /// As the contract suite wants to know it.
    pub(crate) fn seen(&self) -> Seen {
        Seen {
            chat: Some(ChatId::new(super::events::chat_with(&self.chat))),
            id: Some(EventId::new(self.id())),
            text: self.reads(),
            image: self.file.as_ref().map(|(_, bytes)| bytes.clone()),
            buttons: blocks::buttons(&self.blocks),
            answers: self.thread.clone().map(EventId::new),
            toast: self.whisper_to.is_some(),
        }
    }
}

impl State {
    /// The next number of messages and presses: seconds, and a counter.
    pub(crate) fn number(&mut self) -> String {
        self.last += 1;
        format!("{}.{:06}", now(), self.last)
    }

    /// A counter for whatever needs a name of its own.
    pub(crate) fn count(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(crate) fn new_reply(&mut self, user: &str, chat: &str) -> String {
        let name = format!("reply{}", self.count());
        self.replies.insert(name.clone(), (user.to_owned(), chat.to_owned()));
        name
    }

    /// An event in its wrapper, and the id that it gets.
    pub(crate) fn callback(&mut self, event: &Value) -> (String, Value) {
        let id = format!("Ev{:08}", self.count());
        let shared = event["shared"] == true;
        let payload = json!({
            "token": "legacy", "team_id": TEAM, "api_app_id": "A0GATE0000", "type": "event_callback",
            "event": event, "event_id": id, "event_time": now(), "is_ext_shared_channel": shared,
            "authorizations": [{ "team_id": TEAM, "user_id": super::BOT, "is_bot": true }],
            "event_context": "4-context",
        });
        (id, payload)
    }

    /// Keeps an event until it is acknowledged.
    pub(crate) fn keep(&mut self, id: &str, payload: Value) {
        self.all.insert(id.to_owned(), payload.clone());
        self.open.push((id.to_owned(), payload));
    }

    pub(crate) fn kept(&self, id: &str) -> Option<Value> {
        self.all.get(id).cloned()
    }

    /// An event is acknowledged.
    pub(crate) fn acknowledge(&mut self, id: &str) {
        self.open.retain(|(open, _)| open != id);
        self.acknowledged.push(id.to_owned());
    }

    /// Each event goes to one socket: the newest.
    pub(crate) fn say(&mut self, text: String) {
        if let Some((_, socket)) = self.sockets.last_key_value() {
            drop(socket.send(Order::Say(text)));
        }
    }

    pub(crate) fn say_to_all(&mut self, text: &str) {
        for socket in self.sockets.values() {
            drop(socket.send(Order::Say(text.to_owned())));
        }
    }

    pub(crate) fn order(&mut self, order: impl Fn() -> Order) {
        for socket in self.sockets.values() {
            drop(socket.send(order()));
        }
    }

    /// An envelope for a payload, remembered until it is acknowledged.
    pub(crate) fn envelope(&mut self, id: &str, kind: &str, payload: &Value) -> String {
        let envelope = format!("envelope-{}", self.count());
        self.envelopes.insert(envelope.clone(), id.to_owned());
        json!({
            "type": kind, "envelope_id": envelope, "payload": payload,
            "accepts_response_payload": kind != "events_api",
        })
        .to_string()
    }

    /// The message that a reference names.
    pub(crate) fn shown(&mut self, sent: &SentRef) -> Option<&mut Shown> {
        self.messages.iter_mut().find(|shown| {
            shown.whisper_to.is_none()
                && shown.id() == sent.id.as_str()
                && super::events::chat_with(&shown.chat) == sent.chat.as_str()
        })
    }

    /// How often a method was called.
    pub(crate) fn called(&self, method: &str) -> usize {
        self.calls.iter().filter(|(called, _)| called == method).count()
    }
}

impl State {
    /// Whose token it is.
    pub(crate) fn token(&self, header: &str) -> Option<&'static str> {
        let token = header.strip_prefix("Bearer ")?;
        let (bot, app) = match &self.tokens {
            Some((bot, app)) => (bot.as_str(), app.as_str()),
            None => (BOT_TOKEN, APP_TOKEN),
        };
        if token == bot {
            return Some("bot");
        }
        (token == app).then_some("app")
    }
}

/// Seconds since the epoch.
pub(crate) fn now() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs()
}
