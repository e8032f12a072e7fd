//! What the fake Telegram knows: its queue of updates, and the messages it shows.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use openclaw_plugin_sdk::{Button, ChatId, EventId, SentRef, contract::Seen};
use serde_json::{Map, Value, json};

/// Everything, and the switches for what can go wrong.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct State {
    /// Announced, and not yet acknowledged.
    pub(crate) updates: VecDeque<Value>,
    /// What the bot sent, in order.
    pub(crate) messages: Vec<Shown>,
    /// The methods that were called, in lower case, with what they were called with.
    pub(crate) calls: Vec<(String, Value)>,
    /// Presses whose button still shows a spinner.
    pub(crate) open_presses: BTreeSet<String>,
    /// The commands by their scope: `all_private_chats`, or the number of a chat.
    pub(crate) commands: BTreeMap<String, Value>,
    /// A webhook that another program set: while it is there, nobody can poll.
    pub(crate) webhook: bool,
    /// Private chats that the bot may write to: those of people who wrote first.
    pub(crate) chats: BTreeSet<i64>,
    /// People who blocked the bot.
    pub(crate) blocked: BTreeSet<i64>,
    /// The group's new number, once it became another kind of group.
    pub(crate) migrated: Option<i64>,
    /// A second token that works.
    pub(crate) tokens: BTreeSet<String>,
    /// The token does not work any more.
    pub(crate) revoked: bool,
    /// The next request, or the poll that waits, gets half an answer.
    pub(crate) broken: bool,
    /// The next message is answered with the wish to wait so many seconds.
    pub(crate) slow_down: Option<u64>,
    /// The next edit is answered so.
    pub(crate) slow_edit: Option<u64>,
    /// This chat is asked to wait so many seconds, whatever is sent there.
    pub(crate) busy: Option<(i64, u64)>,
    /// The network is cut: whatever is done with a message gets half an answer, and is not done.
    pub(crate) cut: bool,
    /// After so many more messages each is answered with the wish to wait so many seconds.
    pub(crate) storm: Option<(usize, u64)>,
    /// The poll that waits, or the next, is answered so. Once.
    pub(crate) slow_polls: Option<u64>,
    /// What its answers say of the time.
    pub(crate) clock: Clock,
    /// Webhooks are not taken away now.
    pub(crate) keeps_webhook: bool,
    /// In groups the bot is shown only what is meant for it.
    pub(crate) private: bool,
    /// So many requests are refused as if the token was wrong.
    pub(crate) refusals: u32,
    /// What stands before Telegram refuses each request, and says which one it was.
    pub(crate) repeats: bool,
    /// Every topic was deleted.
    pub(crate) no_topics: bool,
    /// No HTML is understood.
    pub(crate) no_html: bool,
    /// Files by id: those that can be fetched.
    pub(crate) files: BTreeMap<String, Stored>,
    /// How many files were fetched.
    pub(crate) fetched: usize,
    /// How often the bot was shown typing.
    pub(crate) typed: usize,
    /// Who polls now; the one before is sent away.
    pub(crate) poller: u64,
    last_update: i64,
    last_number: i64,
}

/// A file that Telegram keeps.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    /// Where below `/file/bot<token>/`, as Telegram says.
    pub(crate) path: String,
    /// All of it.
    pub(crate) bytes: Vec<u8>,
    /// It is said to be elsewhere.
    pub(crate) moved_to: Option<String>,
    /// It never comes.
    pub(crate) stalls: bool,
    /// So often the server is in trouble first.
    pub(crate) troubles: usize,
}

/// What the answers say of the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Clock {
    /// What it is.
    #[default]
    Right,
    /// So many seconds behind.
    Behind(u64),
    /// Nothing.
    Silent,
}

impl Clock {
    /// Seconds since the epoch, by that clock.
    pub(crate) fn now(self) -> u64 {
        match self {
            Self::Behind(seconds) => now() - seconds,
            Self::Right | Self::Silent => now(),
        }
    }
}

/// A message that the bot sent, or a toast.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// Where.
    pub(crate) chat: Value,
    /// Its number; that of the press for a toast.
    pub(crate) id: String,
    /// What is read.
    pub(crate) text: String,
    /// The rows of its keyboard, as they were sent.
    pub(crate) keyboard: Value,
    /// The picture.
    pub(crate) image: Option<Vec<u8>>,
    /// The message it answers.
    pub(crate) answers: Option<i64>,
    /// The topic it stands in.
    pub(crate) topic: Option<i64>,
    /// It stands on a button.
    pub(crate) toast: bool,
}

impl Shown {
    /// As updates carry it.
    pub(crate) fn wire(&self) -> Value {
        let id: i64 = self.id.parse().unwrap_or_default();
        let mut message =
            json!({ "message_id": id, "from": super::bot(), "chat": self.chat, "date": now() });
        let text = if self.image.is_some() { "caption" } else { "text" };
        message[text] = self.text.clone().into();
        if let Some(topic) = self.topic {
            (message["message_thread_id"], message["is_topic_message"]) =
                (topic.into(), true.into());
        }
        if self.keyboard.as_array().is_some_and(|rows| !rows.is_empty()) {
            message["reply_markup"] = json!({ "inline_keyboard": self.keyboard });
        }
        message
    }

    fn place(&self) -> ChatId {
        ChatId::new(self.chat["id"].to_string())
    }
}

impl State {
    /// The next number of messages, presses and pollers.
    pub(crate) fn number(&mut self) -> i64 {
        self.last_number += 1;
        self.last_number
    }

    /// A message with a number and a date; the chat is one that the bot may write to from then on.
    pub(crate) fn message(&mut self, chat: Value, from: Value, content: Value) -> Value {
        self.chats.insert(chat["id"].as_i64().unwrap_or_default());
        let number = self.number();
        let known = [
            ("message_id", number.into()),
            ("from", from),
            ("chat", chat),
            ("date", self.clock.now().into()),
        ];
        let mut message: Map<String, Value> =
            known.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        if let Value::Object(content) = content {
            message.extend(content);
        }
        message.into()
    }

    /// Keeps a file, and gives its id.
    pub(crate) fn keep(&mut self, path: &str, bytes: Vec<u8>) -> String {
        let id = format!("AgAC{}", self.files.len());
        let path = path.to_owned();
        let stored = Stored { path, bytes, moved_to: None, stalls: false, troubles: 0 };
        self.files.insert(id.clone(), stored);
        id
    }

    /// Queues an update.
    pub(crate) fn announce(&mut self, mut update: Value) {
        self.last_update += 1;
        update["update_id"] = (500_000_000 + self.last_update).into();
        self.updates.push_back(update);
    }

    /// The message that a reference names.
    pub(crate) fn shown(&mut self, sent: &SentRef) -> Option<&mut Shown> {
        self.messages.iter_mut().find(|shown| {
            !shown.toast && shown.id == sent.id.as_str() && shown.place() == sent.chat
        })
    }

    /// As the contract suite wants to know it.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        let seen = |shown: &Shown| Seen {
            chat: Some(shown.place()),
            id: Some(EventId::new(shown.id.clone())),
            text: shown.text.clone(),
            image: shown.image.clone(),
            buttons: shown.keyboard.as_array().into_iter().flatten().map(buttons).collect(),
            answers: shown.answers.map(|id| EventId::new(id.to_string())),
            toast: shown.toast,
        };
        self.messages.iter().map(seen).collect()
    }
}

fn buttons(row: &Value) -> Vec<Button> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let button = |button: &Value| Button {
        label: text(&button["text"]),
        data: text(&button["callback_data"]),
    };
    row.as_array().into_iter().flatten().map(button).collect()
}

/// Seconds since the epoch.
pub(crate) fn now() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs()
}
