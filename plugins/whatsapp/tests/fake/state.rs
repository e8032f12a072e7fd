//! What the fake knows: people, what the number has sent, and the switches for what can go wrong.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use openclaw_plugin_sdk::{
    Button, ChatId, EventId,
    contract::Seen,
    testing::marks::{self, Taken},
};
use serde_json::Value;

/// Everything.
#[derive(Default)]
pub(crate) struct State {
    /// What the number sent, in order.
    pub(crate) messages: Vec<Shown>,
    /// The calls that were made: method, path and body.
    pub(crate) calls: Vec<(String, String, Value)>,
    /// The statuses that the app answered calls with.
    pub(crate) answered: Vec<u16>,
    /// Who has written once.
    pub(crate) met: BTreeSet<String>,
    /// Whose last message is older than a day.
    pub(crate) closed: BTreeSet<String>,
    /// The messages that people sent.
    pub(crate) inbound: BTreeSet<String>,
    /// The files that were uploaded.
    pub(crate) media: BTreeMap<String, Vec<u8>>,
    /// How often people were shown that we write.
    pub(crate) typed: usize,
    /// How many files were fetched.
    pub(crate) fetched: usize,
    /// The token that is taken, where it is another one.
    pub(crate) token: Option<&'static str>,
    /// What calls are signed with, where it is another secret.
    pub(crate) secret: Option<&'static str>,
    /// The token was revoked.
    pub(crate) revoked: bool,
    /// The next calls that send something fail so, in order.
    pub(crate) failing: VecDeque<Failing>,
    /// All of them do.
    pub(crate) storm: Option<Failing>,
    /// The number itself is answered about with this code.
    pub(crate) account: Option<i64>,
    last: u64,
}

/// How a call fails.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failing {
    /// With this code of Meta's.
    Code(i64),
    /// With the wish to wait so many seconds; Meta itself says no number.
    Slow(u64),
    /// It was done, and half an answer comes.
    Half,
}

/// A message that the number sent.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) id: String,
    /// A person's id, or a group's.
    pub(crate) to: String,
    pub(crate) answers: Option<String>,
    /// As it was sent.
    pub(crate) body: Value,
    pub(crate) image: Option<Vec<u8>>,
}

impl Shown {
    /// What a person reads.
    pub(crate) fn reads(&self) -> String {
        marks::reads(self.text(), mention)
    }

    /// As it was sent, with its marks.
    pub(crate) fn text(&self) -> &str {
        let body = &self.body;
        let texts = [
            &body["text"]["body"],
            &body["interactive"]["body"]["text"],
            &body["image"]["caption"],
        ];
        texts.into_iter().find_map(Value::as_str).unwrap_or_default()
    }

    /// As the contract suite wants to know it.
    pub(crate) fn seen(&self) -> Seen {
        let button = |button: &Value| {
            let text = |key: &str| button["reply"][key].as_str().unwrap_or_default().to_owned();
            Button { label: text("title"), data: text("id") }
        };
        let buttons = self.body["interactive"]["action"]["buttons"].as_array();
        let row: Vec<Button> = buttons.into_iter().flatten().map(button).collect();
        Seen {
            chat: Some(ChatId::new(self.to.clone())),
            id: Some(EventId::new(self.id.clone())),
            text: self.reads(),
            image: self.image.clone(),
            buttons: if row.is_empty() { Vec::new() } else { vec![row] },
            answers: self.answers.clone().map(EventId::new),
            ..Seen::default()
        }
    }
}

/// A person who is called is called out.
fn mention(text: &str) -> Taken<'_> {
    let rest = text.strip_prefix('@')?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    (end > 0).then(|| (format!("(called: {})", &rest[..end]), &rest[end..]))
}

impl State {
    pub(crate) fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
}
