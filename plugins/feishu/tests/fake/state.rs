//! What the fake Feishu knows: what it has announced, who listens, and the messages it shows.

use std::collections::{BTreeMap, BTreeSet};

use openclaw_plugin_sdk::{ChatId, EventId, contract::Seen};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{
    APP_ID, BOT, TENANT, VERIFICATION_TOKEN, content, merge, person,
    wire::{self, Frame},
};

/// What a socket is told to do.
pub(crate) enum Order {
    /// Ends without a word.
    Break,
    /// Takes nothing any more, and says nothing: half open.
    Freeze,
    Say(Vec<u8>),
}

/// Everything, and the switches for what can go wrong.
#[derive(Default)]
pub(crate) struct State {
    /// Events that are not acknowledged, in order: id and payload.
    pub(crate) open: Vec<(String, String)>,
    /// The acknowledgements, in order: the event, and what was said.
    pub(crate) acknowledged: Vec<(String, Value)>,
    /// The number of the frame that made an event whole, by the event.
    pub(crate) frames: BTreeMap<String, u64>,
    /// The sockets that are open, by number.
    pub(crate) sockets: BTreeMap<u64, mpsc::UnboundedSender<Order>>,
    pub(crate) pings: usize,
    /// An event comes in so many pieces, the last one first; in one where it is zero.
    pub(crate) pieces: usize,
    /// How often a sign of life is wanted, in seconds.
    pub(crate) ping_every: u64,
    /// What the app sent, in order.
    pub(crate) messages: Vec<Shown>,
    /// What a message was sent with, and what it became.
    pub(crate) uuids: BTreeMap<String, String>,
    /// Where the messages of people stand, by id.
    pub(crate) places: BTreeMap<String, String>,
    /// What was uploaded, by its key.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// The calls that were made: method and address, and the body.
    pub(crate) calls: Vec<(String, Value)>,
    /// The next call whose method and address begin so is refused with this status and code.
    pub(crate) refusals: BTreeMap<String, (u16, i64)>,
    /// The next message is answered with the wish to wait so many seconds.
    pub(crate) slow_down: Option<u64>,
    /// Every call but those of the token is answered so.
    pub(crate) storm: Option<u64>,
    /// Nobody is told where the sockets are, for this reason.
    pub(crate) no_door: Option<i64>,
    /// What is named in the place of its own address for sockets.
    pub(crate) elsewhere: Option<String>,
    /// The tokens that work.
    pub(crate) tokens: BTreeSet<String>,
    /// By so many seconds its clock is ahead of this machine's.
    pub(crate) ahead: u64,
    /// The app or its secret does not work any more.
    pub(crate) revoked: bool,
    /// Another app than the usual one.
    pub(crate) app: Option<(String, String)>,
    /// A message takes so many edits; as many as one likes where it is zero.
    pub(crate) most_edits: usize,
    /// Who cannot be written to.
    pub(crate) unavailable: BTreeSet<String>,
    /// How many files were fetched.
    pub(crate) fetched: usize,
    last: u64,
}

/// A message that the app sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    /// A person or a group.
    pub(crate) chat: String,
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) content: Value,
    /// What it answers, and whether in a topic.
    pub(crate) parent: Option<String>,
    pub(crate) in_thread: bool,
    pub(crate) edits: usize,
    pub(crate) deleted: bool,
}

impl Shown {
    /// The chat as Feishu names it.
    pub(crate) fn chat_id(&self) -> String {
        self.chat.replace("ou_", "oc_")
    }

    /// What is read.
    pub(crate) fn reads(&self) -> String {
        content::text(&self.kind, &self.content)
    }

    /// As the contract suite wants to know it.
    pub(crate) fn seen(&self, files: &BTreeMap<String, Vec<u8>>) -> Seen {
        let image = content::image(&self.content).and_then(|key| files.get(&key).cloned());
        Seen {
            chat: Some(ChatId::new(&self.chat)),
            id: Some(EventId::new(&self.id)),
            text: self.reads(),
            image,
            buttons: content::buttons(&self.content),
            answers: self.parent.clone().map(EventId::new),
            toast: false,
        }
    }
}

impl State {
    /// A number of its own.
    pub(crate) fn count(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(crate) fn message(&mut self, name: &str, chat: &str, kind: &str, more: Value) -> Value {
        let mut message = json!({
            "message_id": format!("om_{:032}", self.count()), "create_time": now().to_string(),
            "update_time": now().to_string(), "chat_id": chat, "chat_type": kind,
            "message_type": "text", "content": "{\"text\":\"\"}",
        });
        merge(&mut message, more);
        let event = json!({
            "sender": {
                "sender_id": { "open_id": person(name), "union_id": "on_other", "user_id": "x" },
                "sender_type": "user", "tenant_key": TENANT,
            },
            "message": message,
        });
        let id = event["message"]["message_id"].as_str().unwrap_or_default().to_owned();
        self.places.insert(id, super::methods::place(&event));
        event
    }

    pub(crate) fn payload(&mut self, kind: &str, event: Value) -> Value {
        let app = self.app.as_ref().map_or(APP_ID, |(app, _)| app);
        let header = json!({
            "event_id": format!("event{:08}", self.last + 1), "event_type": kind, "app_id": app,
            "create_time": now().to_string(), "tenant_key": TENANT, "token": VERIFICATION_TOKEN,
        });
        self.count();
        json!({ "schema": "2.0", "header": header, "event": event })
    }

    /// Each event goes to one socket: the newest.
    pub(crate) fn say_event(&mut self, id: &str, payload: &str) {
        for frame in self.frames_of(id, payload) {
            self.say(wire::written(&frame));
        }
    }

    pub(crate) fn frames_of(&mut self, id: &str, payload: &str) -> Vec<Frame> {
        let sum = self.pieces.max(1);
        let (bytes, mut frames) = (payload.as_bytes(), Vec::new());
        for seq in (0..sum).rev() {
            let header = |key: &str, value: &str| (key.to_owned(), value.to_owned());
            let headers = vec![
                header("type", "event"),
                header("message_id", id),
                header("sum", &sum.to_string()),
                header("seq", &seq.to_string()),
                header("trace_id", id),
            ];
            let payload = bytes[bytes.len() * seq / sum..bytes.len() * (seq + 1) / sum].to_vec();
            let frame = Frame { seq: self.count(), service: 7, method: 1, headers, payload };
            self.frames.insert(id.to_owned(), frame.seq);
            frames.push(frame);
        }
        frames
    }

    pub(crate) fn say(&mut self, bytes: Vec<u8>) {
        if let Some((_, socket)) = self.sockets.last_key_value() {
            drop(socket.send(Order::Say(bytes)));
        }
    }

    pub(crate) fn order(&mut self, order: impl Fn() -> Order) {
        for socket in self.sockets.values() {
            drop(socket.send(order()));
        }
    }

    /// An event is acknowledged: with 200 it does not come again.
    pub(crate) fn acknowledge(&mut self, id: &str, said: Value) {
        if said["code"] == 200 {
            self.open.retain(|(open, _)| open != id);
        }
        self.acknowledged.push((id.to_owned(), said));
    }

    /// The message with this id, if it stands.
    pub(crate) fn shown(&mut self, id: &str) -> Option<&mut Shown> {
        self.messages.iter_mut().find(|shown| shown.id == id && !shown.deleted)
    }

    /// How often a call was made whose method and address begin so.
    pub(crate) fn called(&self, head: &str) -> usize {
        self.calls.iter().filter(|(call, _)| call.starts_with(head)).count()
    }
}

/// Who the app is.
pub(crate) fn bot() -> Value {
    json!({ "activate_status": 2, "app_name": "Gate", "open_id": BOT })
}

/// Milliseconds since the epoch.
pub(crate) fn now() -> u64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or_default()
}
