//! What the fake knows: people, what the app has sent, and the switches for what can go wrong.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use openclaw_plugin_sdk::{Button, ChatId, EventId, contract::Seen, now};
use serde_json::{Value, json};

use super::{
    US,
    events::person_in,
    reading::{card, reads},
};

/// Everything.
#[derive(Default)]
pub(crate) struct State {
    /// What the app sent, in order.
    pub(crate) messages: Vec<Shown>,
    /// The calls that were made: method, path, query and body.
    pub(crate) calls: Vec<(String, String, BTreeMap<String, String>, Value)>,
    /// The statuses that the app answered its calls with.
    pub(crate) answered: Vec<u16>,
    /// The spaces that the app knows of: it cannot begin a direct chat.
    pub(crate) met: BTreeSet<String>,
    /// The first message of each thread, as the channel spells its id.
    pub(crate) roots: BTreeMap<String, String>,
    /// What was sent with which key.
    pub(crate) keys: BTreeMap<String, String>,
    /// The token that the API takes.
    pub(crate) token: Option<String>,
    /// How many were given.
    pub(crate) given: u64,
    /// By so many seconds its clock is ahead of this machine's.
    pub(crate) ahead: u64,
    /// The key of the service account was deleted.
    pub(crate) revoked: bool,
    /// The next calls that send something fail so, in order.
    pub(crate) failing: VecDeque<Failing>,
    /// All of them do.
    pub(crate) storm: Option<Failing>,
    /// Every call of the API is answered with this status and these words.
    pub(crate) refusal: Option<(u16, &'static str, &'static str)>,
    /// The keys of tokens cannot be fetched.
    pub(crate) no_keys: bool,
    /// How often they were.
    pub(crate) keys_asked: usize,
    /// How many files were fetched.
    pub(crate) fetched: usize,
    last: u64,
}

/// How a call fails.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failing {
    /// With this status of HTTP and Google's word.
    Status(u16, &'static str),
    /// With the wish to wait so many seconds; Google itself says no number.
    Slow(Option<u64>),
    /// It was done, and half an answer comes.
    Half,
}

/// A message that the app sent.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) name: String,
    pub(crate) space: String,
    pub(crate) thread: String,
    /// The message that began the thread, where another one did.
    pub(crate) answers: Option<String>,
    /// As it was sent, with its marks.
    pub(crate) text: String,
    pub(crate) cards: Value,
}

impl Shown {
    /// What a person reads.
    pub(crate) fn reads(&self) -> String {
        if self.text.is_empty() { card(&self.cards) } else { reads(&self.text) }
    }

    /// As the contract suite wants to know it.
    pub(crate) fn seen(&self) -> Seen {
        let button = |button: &Value| Button {
            label: button["text"].as_str().unwrap_or_default().to_owned(),
            data: button["onClick"]["action"]["parameters"][0]["value"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        };
        let row = |widget: &Value| {
            let buttons = widget["buttonList"]["buttons"].as_array()?;
            Some(buttons.iter().map(button).collect())
        };
        let chat = person_in(&self.space).unwrap_or_else(|| self.space.clone());
        Seen {
            chat: Some(ChatId::new(chat)),
            id: Some(EventId::new(self.name.clone())),
            text: self.reads(),
            buttons: self.widgets().iter().filter_map(row).collect(),
            answers: self.answers.clone().map(EventId::new),
            ..Seen::default()
        }
    }

    /// What the buttons call.
    pub(crate) fn function(&self) -> Value {
        let buttons = self.widgets().into_iter().find(|widget| widget["buttonList"].is_object());
        buttons.map_or(Value::Null, |it| {
            it["buttonList"]["buttons"][0]["onClick"]["action"]["function"].clone()
        })
    }

    pub(crate) fn widgets(&self) -> Vec<Value> {
        let widgets = &self.cards[0]["card"]["sections"][0]["widgets"];
        widgets.as_array().cloned().unwrap_or_default()
    }

    /// As the API and events show it.
    pub(crate) fn resource(&self) -> Value {
        json!({
            "name": self.name, "sender": { "name": US, "type": "BOT", "displayName": "Gate" },
            "createTime": "2026-12-01T10:00:00.000000Z", "text": self.text, "cardsV2": self.cards,
            "thread": { "name": self.thread }, "space": { "name": self.space },
        })
    }
}

impl State {
    pub(crate) fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// The time as Google writes it; no two are the same.
    pub(crate) fn stamp(&mut self) -> String {
        let (number, now) = (self.number() % 1000, now());
        let (days, rest) = (now.0 / 86_400_000, now.0 % 86_400_000);
        let (year, month, day) = date(days);
        let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60);
        let (second, milli) = (rest / 1000 % 60, rest % 1000);
        format!(
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}{number:03}Z"
        )
    }
}

/// The date so many days after the first of 1970.
fn date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, date)
}
