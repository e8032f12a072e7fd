//! What the fake knows: the rows of Messages, what was sent, and the switches for what can go wrong.

use std::collections::{BTreeMap, VecDeque};

use openclaw_plugin_sdk::{ChatId, EventId, contract::Seen, now};
use serde_json::{Value, json};

use super::{US, chat, handle};

/// Everything.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct State {
    /// What it says of itself.
    pub(crate) version: &'static str,
    pub(crate) protocol: u64,
    /// It may not read the messages.
    pub(crate) closed: bool,
    /// It has no `status`, as old ones.
    pub(crate) old: bool,
    /// Answers can be shown.
    pub(crate) bridge: bool,
    /// The rows of Messages, as they are announced.
    pub(crate) rows: Vec<Value>,
    /// By which service messages came where their chat does not say it.
    pub(crate) services: BTreeMap<String, &'static str>,
    /// How often it was started: processes, with their arguments.
    pub(crate) starts: Vec<(u32, String)>,
    /// The calls that were made.
    pub(crate) calls: Vec<(String, Value)>,
    /// What the gateway sent, in order.
    pub(crate) sent: Vec<Shown>,
    /// How the next messages fail.
    pub(crate) failing: VecDeque<Failing>,
    /// What else it writes next.
    pub(crate) noise: Option<&'static str>,
    /// It ends.
    pub(crate) broken: bool,
    /// It tells nothing until then, and then that it was too much.
    pub(crate) overflows: bool,
    /// It says of sent messages: row and guid, row alone, or nothing.
    pub(crate) receipt: Receipt,
    last_row: u64,
}

/// What is said of a message that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receipt {
    Full,
    Row,
    Nothing,
}

/// How a message fails.
#[derive(Clone, Debug)]
pub(crate) enum Failing {
    /// With this code and data. Nothing went.
    Error(i64, Value),
    /// It went, and it ends before it says so.
    Half,
    /// Nothing is ever said of it; others are sent.
    Silent,
    /// It hangs: from now on this process sends nothing.
    Hangs,
}

/// A message that the gateway sent.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) guid: String,
    pub(crate) chat: String,
    pub(crate) text: String,
    pub(crate) file: Option<(String, Vec<u8>)>,
    pub(crate) answers: Option<String>,
}

impl Shown {
    /// As the contract suite wants to know it.
    pub(crate) fn seen(&self) -> Seen {
        let person = self.chat.split_once(";-;").map(|(_, person)| person);
        Seen {
            chat: Some(ChatId::new(person.unwrap_or(&self.chat))),
            id: Some(EventId::new(self.guid.clone())),
            text: self.text.clone(),
            image: self.file.clone().map(|(_, bytes)| bytes),
            answers: self.answers.clone().map(EventId::new),
            ..Seen::default()
        }
    }
}

impl State {
    /// A message of a person. The event's id.
    pub(crate) fn message(&mut self, name: &str, chat: Value, more: Value) -> String {
        // Two people can have one name.
        let shown = if name == "namesake" { "ann" } else { name };
        let from = json!({ "sender": handle(name), "sender_name": shown, "is_from_me": false, "is_read": false });
        self.row(chat, from, more)
    }

    /// A message of the account in the chat with this id. The event's id.
    pub(crate) fn own(&mut self, guid: &str, text: &str) -> String {
        let from = json!({ "sender": US, "is_from_me": true, "destination_caller_id": US });
        self.row(chat(guid), from, json!({ "text": text }))
    }

    fn row(&mut self, chat: Value, from: Value, more: Value) -> String {
        self.last_row += 1;
        let row = self.last_row;
        let at = time(now().0);
        let mut message = json!({
            "id": row, "cursor": row, "guid": format!("5C2E0C3A-7B1D-4E52-9A61-{row:012X}"),
            "text": "", "created_at": at, "attachments": [], "reactions": [],
        });
        for part in [chat, from, more] {
            for (key, value) in part.as_object().cloned().unwrap_or_default() {
                message[key] = value;
            }
        }
        let guid = message["guid"].as_str().unwrap_or_default().to_owned();
        self.rows.push(message);
        guid
    }

    /// So many rows were taken away.
    pub(crate) fn skip(&mut self, rows: u64) {
        self.last_row += rows;
    }

    /// The database is another one: the same messages have other rows.
    pub(crate) fn restored(&mut self) {
        self.last_row += 1000;
        for row in &mut self.rows {
            let id = row["id"].as_u64().unwrap_or_default() + 1000;
            (row["id"], row["cursor"]) = (id.into(), id.into());
        }
    }

    /// How often something was asked for.
    pub(crate) fn asked(&self, method: &str) -> usize {
        self.calls.iter().filter(|(asked, _)| asked == method).count()
    }
}

/// As `2026-12-01T10:20:30.123Z`.
pub(crate) fn time(at: u64) -> String {
    let at = i64::try_from(at).ok().and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
    at.expect("a time").to_string()
}

impl Default for State {
    fn default() -> Self {
        Self {
            version: "0.15.6",
            protocol: 1,
            closed: false,
            old: false,
            bridge: true,
            rows: Vec::new(),
            services: BTreeMap::new(),
            starts: Vec::new(),
            calls: Vec::new(),
            sent: Vec::new(),
            failing: VecDeque::new(),
            noise: None,
            broken: false,
            overflows: false,
            receipt: Receipt::Full,
            last_row: 0,
        }
    }
}
