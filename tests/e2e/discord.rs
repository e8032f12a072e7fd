//! Discord in stories: its people by name, and what the bot shows them.

use std::{collections::BTreeMap, sync::Mutex};

use async_trait::async_trait;
use openclaw_plugin_sdk::{ChatId, EventId, SentRef, contract::Seen};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{
    chats::{Chats, How},
    fake_discord::{BOT, ChannelKind, FakeDiscord, ROOM, Shown, State, TOKEN, person, wire::bot},
};

/// A Discord, and who wrote there.
pub(crate) struct Discord {
    pub(crate) fake: FakeDiscord,
    /// Names by id.
    names: Mutex<BTreeMap<String, String>>,
}

/// The id of a person by name; `owner` has one that is easy to remember.
pub(crate) fn id(name: &str) -> String {
    let number = match name {
        "owner" => 1001,
        "second" => 1002,
        name => 4_000_000 + name.bytes().fold(0, |sum, byte| sum * 31 % 999_983 + u64::from(byte)),
    };
    (471_100_000_000_000_000 + number).to_string()
}

impl Discord {
    pub(crate) async fn start() -> Self {
        let fake = FakeDiscord::start().await;
        let known = ["owner", "second"].map(|name| (id(name), name.to_owned()));
        // They share a server with the bot, so it can write to them.
        fake.with(|state| state.people.extend(known.iter().map(|(id, _)| id.clone())));
        Self { fake, names: Mutex::new(known.into()) }
    }

    /// The person with this name, once the bot listens: what nobody hears is lost on Discord.
    pub(crate) async fn heard(&self, name: &str) -> Value {
        self.fake.until("the bot listens", |state| state.listening > 0).await;
        self.names.lock().unwrap().insert(id(name), name.to_owned());
        person(&id(name), name)
    }

    fn chat(name: &str) -> ChatId {
        if name == "group" { ChatId::new(ROOM) } else { ChatId::new(id(name)) }
    }

    fn last(&self, name: &str) -> Value {
        let chat = Self::chat(name);
        self.fake.with(|state: &mut State| {
            let mut shown = state.messages.iter().rev();
            let last = shown.find(|shown| !shown.toast && shown.place() == chat);
            last.expect("a message to answer").wire()
        })
    }
}

#[async_trait]
impl Chats for Discord {
    fn fill(&self, config: &str) -> String {
        let config = config.replace("{discord.token}", TOKEN);
        let config = config.replace("{discord.root}", &self.fake.root());
        let fill = |config: String, name| config.replace(&format!("{{discord.{name}}}"), &id(name));
        ["owner", "second", "ann", "bob", "eve"].into_iter().fold(config, fill)
    }

    fn secrets(&self) -> Vec<String> {
        let tokens = self.fake.with(|state| state.interactions.keys().cloned().collect::<Vec<_>>());
        tokens.into_iter().chain([TOKEN.to_owned()]).collect()
    }

    async fn say(&self, name: &str, how: How, text: &str) -> EventId {
        let who = self.heard(name).await;
        let direct = ChannelKind::Direct;
        EventId::new(match how {
            How::ByCommand => {
                let (command, words) = text.split_once(' ').unwrap_or((text, ""));
                self.fake.command(&direct, &who, command.trim_start_matches('/'), words)
            }
            How::Directly => self.fake.direct(&id(name), name, text),
            How::InGroup => {
                let mention = text.strip_prefix("@bot").map(
                    |rest| json!({ "content": format!("<@{BOT}>{rest}"), "mentions": [bot()] }),
                );
                let content = mention.unwrap_or_else(|| json!({ "content": text }));
                self.fake.write(&ChannelKind::Room, &who, content)
            }
            How::Replying => {
                let last = self.last(name);
                let reference = json!({ "type": 0, "message_id": last["id"], "channel_id": last["channel_id"] });
                let content = json!({ "type": 19, "content": text, "message_reference": reference, "referenced_message": last });
                self.fake.write(&direct, &who, content)
            }
        })
    }

    async fn press(&self, name: &str, on: &SentRef, data: &str) -> EventId {
        let who = self.heard(name).await;
        let place = if on.chat.as_str() == ROOM { ChannelKind::Room } else { ChannelKind::Direct };
        EventId::new(self.fake.press(&place, &who, on, data))
    }

    fn written_to(&self) -> Vec<String> {
        let names = self.names.lock().unwrap();
        let written =
            self.fake.with(|state| state.messages.iter().map(Shown::place).collect::<Vec<_>>());
        let name = |chat: ChatId| match chat.as_str() {
            ROOM => "group".to_owned(),
            id => names.get(id).cloned().unwrap_or_else(|| panic!("{id} is nobody")),
        };
        let mut all: Vec<_> = written.into_iter().map(name).collect();
        all.sort();
        all.dedup();
        all
    }

    fn shown(&self, name: &str) -> Vec<Seen> {
        let chat = Self::chat(name);
        self.fake.with(|state| {
            let shown = state.messages.iter().map(Shown::seen);
            shown.filter(|seen| seen.chat.as_ref() == Some(&chat)).collect()
        })
    }

    fn typed(&self) -> usize {
        self.fake.with(|state| state.typed)
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.fake.changes()
    }
}
