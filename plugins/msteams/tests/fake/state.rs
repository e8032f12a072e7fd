//! What the fake knows: who was written to, what with, and how calls are to go.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, engine::general_purpose::STANDARD};
use openclaw_plugin_sdk::{Button, ChatId, EventId, contract::Seen};
use serde_json::Value;

use super::{CHANNEL, GROUP, Route, activities};

/// What is in the place of the usual claims of a token.
pub(crate) type Token = fn(&mut Value);

/// Everything, and the switches for what can go wrong.
#[derive(Default)]
pub(crate) struct State {
    /// What the bot sent, oldest first; an edited message once.
    pub(crate) messages: Vec<Shown>,
    /// The calls of the bot: method, path and body.
    pub(crate) calls: Vec<(String, String, Value)>,
    /// How the bot has answered, by the activity's id.
    pub(crate) answers: BTreeMap<String, (u16, String)>,
    /// Conversations with people that are known, by their ids there.
    pub(crate) chats: BTreeMap<String, String>,
    /// People who do not have the app.
    pub(crate) without_app: BTreeSet<String>,
    pub(crate) typed: usize,
    /// Files that were fetched.
    pub(crate) fetched: usize,
    /// Tokens that were given; only the last one is taken.
    pub(crate) tokens: usize,
    /// It is not taken either.
    pub(crate) stale: bool,
    /// By so many seconds its clock is ahead of this machine's.
    pub(crate) ahead: u64,
    /// Another tenant than the usual one.
    pub(crate) tenant: Option<&'static str>,
    /// The secret works no more.
    pub(crate) revoked: bool,
    /// The login answers so: the status, the code, the words.
    pub(crate) login: Option<(u16, &'static str, &'static str)>,
    /// The next message is answered with the wish to wait.
    pub(crate) slow_down: Option<u64>,
    /// Every message is answered so: the status, and the code.
    pub(crate) storm: Option<(u16, &'static str)>,
    /// The next message is taken, and half an answer comes.
    pub(crate) half: bool,
    /// Keys are answered with this status.
    pub(crate) keys: Option<u16>,
    pub(crate) keys_asked: usize,
    /// What tokens say else.
    pub(crate) token: Option<Token>,
    /// How the bot is called.
    pub(crate) route: Option<Route>,
    last: u64,
}

/// A message of the bot.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// The conversation, as Teams names it.
    pub(crate) chat: String,
    pub(crate) id: String,
    pub(crate) activity: Value,
}

impl State {
    /// The next id, and the time that it was made at.
    pub(crate) fn number(&mut self) -> (String, String) {
        self.last = (self.last + 1).max(openclaw_plugin_sdk::now().0);
        (self.last.to_string(), iso(self.last))
    }

    /// The conversation with a person, made at the first need.
    pub(crate) fn chat_with(&mut self, name: &str) -> String {
        let chat = activities::chat(name);
        self.chats.insert(chat.clone(), activities::person(name));
        chat
    }

    /// True for a conversation that the bot may write to.
    pub(crate) fn knows(&self, chat: &str) -> bool {
        let place = chat.split(';').next().unwrap_or_default();
        [GROUP, CHANNEL].contains(&place) || self.chats.contains_key(place)
    }

    /// A conversation as the channel spells it.
    pub(crate) fn spelled(&self, chat: &str) -> String {
        let place = chat.split(';').next().unwrap_or_default();
        self.chats.get(place).cloned().unwrap_or_else(|| place.to_owned())
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.messages.iter().map(|shown| shown.seen(self)).collect()
    }
}

impl Shown {
    pub(crate) fn seen(&self, state: &State) -> Seen {
        let card = &self.activity["attachments"][0]["content"];
        let mut seen = Seen {
            chat: Some(ChatId::new(state.spelled(&self.chat))),
            id: Some(EventId::new(self.id.clone())),
            answers: self.activity["replyToId"].as_str().map(EventId::new),
            text: read(self.activity["text"].as_str().unwrap_or_default()),
            ..Seen::default()
        };
        let mut lines = Vec::new();
        for part in card["body"].as_array().into_iter().flatten() {
            match part["type"].as_str() {
                Some("Image") => {
                    let (_, data) = part["url"].as_str().unwrap().split_once(";base64,").unwrap();
                    seen.image = Some(STANDARD.decode(data).unwrap());
                }
                Some("RichTextBlock") => {
                    if part["spacing"] == "Medium" {
                        lines.push(String::new());
                    }
                    let runs = part["inlines"].as_array().unwrap().iter();
                    lines.push(runs.map(|run| run["text"].as_str().unwrap()).collect());
                }
                Some("ActionSet") => {
                    let actions = part["actions"].as_array().unwrap().iter();
                    let text = |value: &Value| value.as_str().unwrap().to_owned();
                    let button = |it: &Value| Button {
                        label: text(&it["title"]),
                        data: text(&it["data"]["d"]),
                    };
                    seen.buttons.push(actions.map(button).collect());
                }
                other => panic!("no part of a card of ours: {other:?}"),
            }
        }
        seen.text.push_str(&lines.join("\n"));
        seen
    }
}

/// What a person reads of a message in HTML.
fn read(html: &str) -> String {
    let mut parts = html.split('<');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (tag, after) = part.split_once('>').expect("a tag ends");
        if tag == "br" {
            text.push('\n');
        }
        text.push_str(after);
    }
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")];
    entities.iter().fold(text, |text, (from, to)| text.replace(from, to))
}

/// Milliseconds since the epoch as Teams writes them.
pub(crate) fn iso(millis: u64) -> String {
    let at = jiff::Timestamp::from_millisecond(i64::try_from(millis).unwrap()).unwrap();
    format!("{at:.3}")
}
