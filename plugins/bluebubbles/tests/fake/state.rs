//! What the fake knows: its messages, who wants to be called, what was sent, and the switches for what can go wrong.

use std::collections::{BTreeSet, VecDeque};

use openclaw_plugin_sdk::{ChatId, EventId, contract::Seen};
use serde_json::Value;

use super::{PASSWORD, US};

/// Everything.
pub(crate) struct State {
    /// The password that is taken.
    pub(crate) password: String,
    /// Who is signed in on the Mac.
    pub(crate) account: Option<String>,
    /// The helper beside Messages is there.
    pub(crate) helper: bool,
    /// All messages, as they are announced.
    pub(crate) history: Vec<Value>,
    /// The chats that there are.
    pub(crate) chats: BTreeSet<String>,
    /// Who wants to be called.
    pub(crate) webhooks: Vec<Webhook>,
    /// Nobody is called.
    pub(crate) mute: bool,
    /// The statuses of the answers to calls.
    pub(crate) answered: Vec<u16>,
    /// What the gateway sent, in order.
    pub(crate) sent: Vec<Shown>,
    /// The calls that were made: method, path and body.
    pub(crate) calls: Vec<(String, String, Value)>,
    /// The marks of what is on its way.
    pub(crate) queued: BTreeSet<String>,
    /// So many texts are being sent now, and were at most.
    pub(crate) sending: usize,
    pub(crate) most_sending: usize,
    /// The next calls that send something fail so, in order.
    pub(crate) failing: VecDeque<Failing>,
    /// Every call is answered so.
    pub(crate) refusal: Option<(u16, &'static str, String)>,
    /// Calls about webhooks are answered so.
    pub(crate) no_webhooks: Option<String>,
    /// How many files were fetched, or whatever else is no call of ours.
    pub(crate) fetched: usize,
    pub(crate) last_time: u64,
    last: u64,
}

/// Who wants to be called, and with what.
#[derive(Clone, Debug)]
pub(crate) struct Webhook {
    pub(crate) id: u64,
    pub(crate) url: String,
    pub(crate) events: Vec<String>,
}

/// How a call fails.
#[derive(Clone, Debug)]
pub(crate) enum Failing {
    /// With this status, kind and words.
    Status(u16, &'static str, String),
    /// A proxy wants us to wait so many seconds.
    Slow(u64),
    /// It was done, and half an answer comes.
    Half,
    /// It is on its way already, and is sent then.
    Queued,
}

/// A message that the gateway sent.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) guid: String,
    pub(crate) chat: String,
    pub(crate) text: String,
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
            answers: self.answers.clone().map(EventId::new),
            ..Seen::default()
        }
    }
}

impl State {
    /// The password was changed.
    pub(crate) fn revoke(&mut self) {
        "another".clone_into(&mut self.password);
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// How often something was asked for.
    pub(crate) fn asked(&self, method: &str, path: &str) -> usize {
        self.calls.iter().filter(|(asked, at, _)| asked == method && at == path).count()
    }
}

impl Default for State {
    fn default() -> Self {
        Self {
            password: PASSWORD.to_owned(),
            account: Some(US.to_owned()),
            helper: true,
            history: Vec::new(),
            chats: BTreeSet::new(),
            webhooks: Vec::new(),
            mute: false,
            answered: Vec::new(),
            sent: Vec::new(),
            calls: Vec::new(),
            queued: BTreeSet::new(),
            sending: 0,
            most_sending: 0,
            failing: VecDeque::new(),
            refusal: None,
            no_webhooks: None,
            fetched: 0,
            last_time: 0,
            last: 0,
        }
    }
}
