//! Everything a story happens in: a state folder, a Telegram, visitors of the page, a gateway.

use std::collections::{BTreeMap, HashMap};

use openclaw_plugin_sdk::{ChatId, EventId, SentRef};
use serde_json::{Value, json};

use super::{
    chats::{self, How, Talk},
    console::Console,
    fake_telegram::{FakeTelegram, GROUP, State, TOKEN, group, person, private},
    phone::{App, Phone},
    process::{Gateway, Home},
    visitor::Visitor,
};

/// A story's world. People on Telegram have numbers by name; `owner` is 1001.
pub(crate) struct World {
    pub(crate) home: Home,
    pub(crate) telegram: FakeTelegram,
    pub(crate) gateway: Option<Gateway>,
    /// The owner sits at the gateway's console: then it runs here, and not there.
    console: Option<Console>,
    at_console: bool,
    port: u16,
    /// Other platforms, by channel: those that the configuration names.
    pub(crate) talks: BTreeMap<String, Talk>,
    visitors: HashMap<String, Visitor>,
    phones: HashMap<String, Phone>,
    /// The bot's last message that each chat was asked for: numbers grow, and what is taken away leaves a gap.
    read: HashMap<i64, i64>,
}

/// The number of a person by name.
pub(crate) fn number(name: &str) -> i64 {
    match name {
        "owner" => 1001,
        "second" => 1002,
        name => 4_000_000 + name.bytes().fold(0, |sum, byte| sum * 31 % 999_983 + i64::from(byte)),
    }
}

impl World {
    /// A gateway with this configuration; `{root}` and `{token}` in it are those of the fake Telegram.
    pub(crate) async fn start(config: &str) -> Self {
        let mut world = Self::prepare(config).await;
        world.run();
        world
    }

    /// The same, not yet running.
    pub(crate) async fn prepare(config: &str) -> Self {
        let (home, telegram) = (Home::new(), FakeTelegram::start().await);
        // An owner has pressed Start once: a bot can write to nobody who has not.
        telegram.with(|state| state.chats.insert(number("owner")));
        let config = config.replace("{root}", &telegram.root()).replace("{token}", TOKEN);
        let (config, talks) = talks(config).await;
        home.configure(&config);
        Self {
            home,
            talks,
            telegram,
            gateway: None,
            console: None,
            at_console: false,
            port: 0,
            visitors: HashMap::new(),
            phones: HashMap::new(),
            read: HashMap::new(),
        }
    }

    /// From its next start on the gateway has a console, and says there what it would log.
    pub(crate) fn sit_down(&mut self) {
        self.at_console = true;
    }

    /// Starts the gateway, with everything logged.
    pub(crate) fn run(&mut self) {
        if self.at_console {
            let mut console = Console::start(&self.home);
            self.port = console.port();
            self.console = Some(console);
        } else {
            self.gateway = Some(self.home.gateway("trace"));
        }
        self.talks.values().for_each(|talk| talk.chats.is_called_at(self.port(), ""));
    }

    /// Where the gateway is, or was when it last had a console.
    pub(crate) fn port(&self) -> u16 {
        self.gateway.as_ref().map_or(self.port, |gateway| gateway.port)
    }

    /// Waits a moment for the gateway to have noted that its messages were taken: killed before, it sends them again.
    pub(crate) async fn knows_what_was_taken(&self) {
        let owes = || {
            let files = std::fs::read_dir(self.home.state().join("inbox")).into_iter().flatten();
            let texts = files.filter_map(|file| std::fs::read_to_string(file.ok()?.path()).ok());
            let mut open = std::collections::HashSet::new();
            for line in texts.collect::<String>().lines() {
                let line: Value = serde_json::from_str(line).unwrap_or_default();
                let key = line["key"].to_string();
                match line["is"].as_str() {
                    Some("send" | "job" | "run") => drop(open.insert(key)),
                    Some("done") => drop(open.remove(&key)),
                    _ => {}
                }
            }
            !open.is_empty()
        };
        for _ in 0..50 {
            if !owes() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// Ends it without a warning.
    pub(crate) fn kill(&mut self) {
        if let Some(mut console) = self.console.take() {
            return console.kill();
        }
        self.gateway.take().expect("a gateway").kill();
    }

    /// What the owner sits at.
    pub(crate) fn console(&mut self) -> &mut Console {
        self.console.as_mut().expect("a console")
    }

    /// Stops it in order.
    pub(crate) fn stop(&mut self) {
        if let Some(mut console) = self.console.take() {
            console.stop();
        }
        if let Some(gateway) = self.gateway.take() {
            let status = gateway.stop();
            assert!(status.success(), "the gateway ended with {status}\n{}", self.home.logged());
        }
    }

    /// Writes to the bot directly, and waits until the gateway has acknowledged it.
    pub(crate) async fn say(&self, name: &str, text: &str) -> i64 {
        self.tell(private(number(name)), person(number(name), name), json!({ "text": text })).await
    }

    /// Answers the bot's last message to this person.
    pub(crate) async fn reply(&self, name: &str, text: &str) -> i64 {
        let id = number(name);
        let last = self.telegram.with(|state| {
            let of_chat =
                state.messages.iter().rev().find(|shown| shown.chat["id"] == id && !shown.toast);
            of_chat.expect("a message to answer").wire()
        });
        self.tell(private(id), person(id, name), json!({ "text": text, "reply_to_message": last }))
            .await
    }

    /// Writes in the group, mentioning the bot where the text begins with its name.
    pub(crate) async fn say_in_group(&self, name: &str, text: &str) -> i64 {
        let mention = format!("@{}", super::fake_telegram::BOT_NAME);
        let entities = if text.starts_with(&mention) {
            json!([{ "type": "mention", "offset": 0, "length": mention.len() }])
        } else if text.starts_with('/') {
            json!([{ "type": "bot_command", "offset": 0, "length": text.split(' ').next().unwrap().len() }])
        } else {
            json!([])
        };
        self.tell(
            group(),
            person(number(name), name),
            json!({ "text": text, "entities": entities }),
        )
        .await
    }

    /// Sends whatever Telegram would, and waits until the gateway has acknowledged it.
    pub(crate) async fn tell(&self, chat: Value, from: Value, content: Value) -> i64 {
        let id = self.telegram.message(chat, from, content);
        self.telegram.until("the gateway acknowledges", |state| state.updates.is_empty()).await;
        id
    }

    /// The bot's next message in a chat that was not asked for yet.
    pub(crate) async fn next(&mut self, chat: i64) -> String {
        let last = self.read.get(&chat).copied().unwrap_or_default();
        let more = |state: &State| !sent(state, chat, last).is_empty();
        self.telegram.until("a message of the bot", more).await;
        let (number, text) = self.telegram.with(|state| sent(state, chat, last).swap_remove(0));
        self.read.insert(chat, number);
        text
    }

    /// The bot's messages in a chat that were not asked for.
    pub(crate) fn unread(&self, chat: i64) -> Vec<String> {
        let last = self.read.get(&chat).copied().unwrap_or_default();
        let unread = self.telegram.with(|state| sent(state, chat, last));
        unread.into_iter().map(|(_, text)| text).collect()
    }

    /// Waits until no message of the bot in a chat shows this.
    pub(crate) async fn gone(&self, chat: i64, text: &str) {
        let gone =
            |state: &State| !sent(state, chat, 0).iter().any(|(_, shown)| shown.contains(text));
        self.telegram.until("a message is taken away", gone).await;
    }

    /// Every chat that the bot has written to.
    pub(crate) fn chats(&self) -> Vec<i64> {
        let mut chats: Vec<i64> = self.telegram.with(|state| {
            state.messages.iter().filter_map(|shown| shown.chat["id"].as_i64()).collect()
        });
        chats.sort_unstable();
        chats.dedup();
        chats
    }

    /// A visitor of the page, by name; they come when first named.
    pub(crate) async fn visitor(&mut self, name: &str) -> &mut Visitor {
        let port = self.port();
        if !self.visitors.contains_key(name) {
            let visitor = Visitor::come(port).await;
            self.visitors.insert(name.to_owned(), visitor);
        }
        let visitor = self.visitors.get_mut(name).unwrap();
        visitor.connect(port).await;
        visitor
    }

    /// The same who was here before, wherever their socket is now.
    pub(crate) fn caller(&mut self, name: &str) -> &mut Visitor {
        self.visitors.get_mut(name).unwrap()
    }

    /// A phone by its owner's name, bought when it is first named; it finds the gateway again that moved.
    pub(crate) fn phone(&mut self, name: &str) -> &mut Phone {
        let new = || Phone::new(&format!("{name}'s phone"), App::Newest);
        let port = self.port();
        let phone = self.phones.entry(name.to_owned()).or_insert_with(new);
        if self.gateway.is_some() || self.console.is_some() {
            phone.moved(port);
        }
        phone
    }

    /// A person writes on another platform, and the gateway is done with it.
    pub(crate) async fn say_on(&self, channel: &str, name: &str, how: How, text: &str) {
        let talk = &self.talks[channel];
        let event = talk.chats.say(name, how, text).await;
        self.home.logs(&talk.settled(&event)).await;
    }

    /// A person presses a button on another platform, and the gateway is done with it.
    pub(crate) async fn press_on(&mut self, channel: &str, name: &str, label: &str) {
        let talk = self.talks.get_mut(channel).unwrap();
        let event = talk.press(name, label).await;
        self.home.logs(&talk.settled(&event)).await;
    }

    /// A person reacts on another platform, and the gateway is done with it.
    pub(crate) async fn react_on(&self, channel: &str, name: &str, emoji: &str) {
        let talk = &self.talks[channel];
        let event = talk.react(name, emoji).await;
        self.home.logs(&talk.settled(&event)).await;
    }

    /// The button with this label on a message of the bot in a person's chat, the newest that has one: the message,
    /// and the button's data. Waits until there is one.
    pub(crate) async fn button(&self, name: &str, label: &str) -> (SentRef, String) {
        let chat = Self::chat(name);
        let find = |state: &State| {
            let mut shown = state.messages.iter().rev().filter(|shown| shown.chat["id"] == chat);
            shown.find_map(|shown| {
                let mut buttons =
                    shown.keyboard.as_array()?.iter().filter_map(|row| row.as_array());
                let button = buttons.find_map(|row| row.iter().find(|one| one["text"] == label))?;
                let data = button["callback_data"].as_str()?.to_owned();
                let id = EventId::new(shown.id.clone());
                Some((SentRef { chat: ChatId::new(chat.to_string()), id }, data))
            })
        };
        self.telegram.until(label, |state| find(state).is_some()).await;
        self.telegram.with(|state| find(state).unwrap())
    }

    /// A person presses the button with this label in their chat; what they are told on it.
    pub(crate) async fn press(&self, name: &str, label: &str) -> String {
        let (on, data) = self.button(name, label).await;
        self.press_with(name, &on, &data).await
    }

    /// A person presses a button of this message, which they say carries this.
    pub(crate) async fn press_with(&self, name: &str, on: &SentRef, data: &str) -> String {
        let before = self.toasts().len();
        self.telegram.press(&person(number(name), name), on, data);
        self.telegram.until("an answer to the press", |state| toasts(state).len() > before).await;
        self.toasts().pop().unwrap()
    }

    /// Everything that was ever said on a button.
    pub(crate) fn toasts(&self) -> Vec<String> {
        self.telegram.with(|state| toasts(state))
    }

    /// Waits until a message of the bot in a person's chat shows this, and gives its text.
    pub(crate) async fn shows(&self, name: &str, text: &str) -> String {
        let chat = Self::chat(name);
        let find = |state: &State| {
            sent(state, chat, 0).into_iter().map(|(_, shown)| shown).find(|s| s.contains(text))
        };
        self.telegram.until(text, |state| find(state).is_some()).await;
        self.telegram.with(|state| find(state).unwrap())
    }

    /// The labels of all buttons in a person's chat.
    pub(crate) fn buttons(&self, name: &str) -> Vec<String> {
        let chat = Self::chat(name);
        self.telegram.with(|state| {
            let shown = state.messages.iter().filter(|shown| shown.chat["id"] == chat);
            let rows = shown.filter_map(|shown| shown.keyboard.as_array()).flatten();
            let buttons = rows.filter_map(Value::as_array).flatten();
            buttons.filter_map(|one| one["text"].as_str().map(str::to_owned)).collect()
        })
    }

    /// The chat with a person, or the group.
    pub(crate) fn chat(name: &str) -> i64 {
        if name == "group" { GROUP } else { number(name) }
    }
}

/// The platforms that a configuration names, and the configuration with what they alone know.
async fn talks(mut config: String) -> (String, BTreeMap<String, Talk>) {
    let mut talks = BTreeMap::new();
    for plugin in openclaw::registry::CHANNELS {
        if !config.contains(&format!("[channels.{}", plugin.id)) {
            continue;
        }
        if let Some(talk) = chats::start(plugin.id).await {
            config = talk.chats.fill(&config);
            talks.insert(plugin.id.to_owned(), talk);
        }
    }
    (config, talks)
}

fn toasts(state: &State) -> Vec<String> {
    let toasts = state.messages.iter().filter(|shown| shown.toast);
    toasts.map(|shown| shown.text.clone()).collect()
}

/// The bot's messages in a chat after this number; a picture says that it is one.
fn sent(state: &State, chat: i64, after: i64) -> Vec<(i64, String)> {
    let picture = |image: bool| if image { "(picture) " } else { "" };
    state
        .messages
        .iter()
        .filter(|shown| shown.chat["id"] == chat && !shown.toast)
        .map(|shown| {
            let number = shown.id.parse().unwrap();
            (number, format!("{}{}", picture(shown.image.is_some()), shown.text))
        })
        .filter(|(number, _)| *number > after)
        .collect()
}
