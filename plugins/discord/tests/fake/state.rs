//! What the fake Discord knows: its sessions and their events, its places, and the messages it shows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use openclaw_plugin_sdk::{Button, ChatId, EventId, contract::Seen};
use serde_json::{Value, json};
use tokio::sync::broadcast;

use super::{
    Order,
    messages::plain,
    wire::{ChannelKind, TIME, bot, guild, ready},
};

/// Everything, and the switches for what can go wrong.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct State {
    /// What open sockets are told to do.
    pub(crate) orders: Orders,
    /// Where sockets are opened.
    pub(crate) gateway: String,
    /// Those that were begun, in order.
    pub(crate) sessions: Vec<Session>,
    /// What the bot sent, in order.
    pub(crate) messages: Vec<Shown>,
    /// What was called, `POST channels/…`, with what it was called with; tokens of interactions as `*`.
    pub(crate) calls: Vec<(String, Value)>,
    /// What the sockets sent: op, and the query they were opened with.
    pub(crate) frames: Vec<(u64, String)>,
    /// The interactions that there were, by token.
    pub(crate) interactions: HashMap<String, Interaction>,
    /// The commands that the bot has listed, as Discord gives them back.
    pub(crate) commands: Vec<Value>,
    /// The channels that there are.
    pub(crate) channels: BTreeMap<String, Value>,
    /// The people with direct channels that the bot can open.
    pub(crate) people: BTreeSet<String>,
    /// People who take nothing from the bot.
    pub(crate) blocked: BTreeSet<String>,
    /// The token that works.
    pub(crate) token: String,
    /// It does not any more.
    pub(crate) revoked: bool,
    /// The bot may not read what does not mention it.
    pub(crate) no_content: bool,
    /// A session is refused with this code.
    pub(crate) refuse: Option<u16>,
    /// Messages do not say of which kind their channel is, as they did not before 2026.
    pub(crate) no_channel_type: bool,
    /// Sessions are neither begun nor gone on with.
    pub(crate) mute: bool,
    /// Heartbeats are not answered.
    pub(crate) deaf: bool,
    /// How often a socket is to beat, in milliseconds.
    pub(crate) heartbeat: u64,
    /// The next message is answered with the wish to wait so many seconds.
    pub(crate) slow_down: Option<f64>,
    /// Everything is answered so, until it is taken away.
    pub(crate) storm: Option<f64>,
    /// How many sessions may still be begun.
    pub(crate) starts_left: Option<u64>,
    /// Headers that the next message is answered with.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The gateway is said to be here.
    pub(crate) said_gateway: Option<String>,
    /// First answers to interactions are held back while this is so.
    pub(crate) holds_answers: bool,
    /// How many sockets are in a session.
    pub(crate) listening: usize,
    /// The files of people by path, or where they are said to be instead.
    pub(crate) files: BTreeMap<String, Result<Vec<u8>, String>>,
    /// How many files were fetched.
    pub(crate) fetched: usize,
    /// How often the bot was shown typing.
    pub(crate) typed: usize,
    last: u64,
}

/// The way to open sockets.
pub(crate) struct Orders(pub(crate) broadcast::Sender<Order>);

impl Default for Orders {
    fn default() -> Self {
        Self(broadcast::channel(64).0)
    }
}

/// A session and all that was announced in it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) intents: u64,
    /// It can no longer be gone on with.
    pub(crate) over: bool,
    pub(crate) log: Vec<Value>,
}

/// An interaction, and how far it was answered.
#[derive(Clone, Debug)]
pub(crate) struct Interaction {
    pub(crate) id: String,
    /// The person who acted.
    pub(crate) by: Value,
    /// The type of the first answer.
    pub(crate) answered: Option<u64>,
    /// Discord shows that it waits.
    pub(crate) waits: bool,
    /// It is too late to answer.
    pub(crate) late: bool,
}

/// A message that the bot sent, or the answer to a press.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) channel: Value,
    pub(crate) id: String,
    /// As it was sent.
    pub(crate) content: String,
    pub(crate) embeds: Value,
    pub(crate) components: Value,
    pub(crate) image: Option<Vec<u8>>,
    pub(crate) answers: Option<String>,
    /// Only the person who pressed sees it.
    pub(crate) toast: bool,
}

impl Session {
    fn announce(&mut self, kind: &str, data: &Value) {
        if !self.over {
            let number = self.log.len() + 1;
            self.log.push(json!({ "op": 0, "s": number, "t": kind, "d": data }));
        }
    }
}

impl Shown {
    /// As events carry it.
    pub(crate) fn wire(&self) -> Value {
        let mut message = json!({
            "id": self.id, "channel_id": self.channel["id"], "author": bot(), "content": self.content, "type": 0,
            "timestamp": TIME, "edited_timestamp": null, "tts": false, "mention_everyone": false, "mentions": [],
            "mention_roles": [], "attachments": [], "embeds": self.embeds, "components": self.components,
            "pinned": false, "flags": 0,
        });
        if let Some(png) = &self.image {
            message["attachments"] = json!([{ "id": "1", "filename": "image.png", "size": png.len(), "url": "http://127.0.0.1:9/x", "proxy_url": "http://127.0.0.1:9/x", "content_type": "image/png" }]);
        }
        if self.channel["guild_id"].is_string() {
            message["guild_id"] = self.channel["guild_id"].clone();
        }
        message
    }

    /// As the channel spells the conversation.
    pub(crate) fn place(&self) -> ChatId {
        let place = match self.channel["type"].as_u64() {
            Some(1) => &self.channel["recipients"][0]["id"],
            _ => &self.channel["id"],
        };
        ChatId::new(place.as_str().unwrap_or_default())
    }

    pub(crate) fn seen(&self) -> Seen {
        let embed = self.embeds[0]["description"].as_str();
        Seen {
            chat: Some(self.place()),
            id: Some(EventId::new(self.id.clone())),
            text: plain(embed.unwrap_or(&self.content)),
            image: self.image.clone(),
            buttons: self.components.as_array().into_iter().flatten().map(buttons).collect(),
            answers: self.answers.clone().map(EventId::new),
            toast: self.toast,
        }
    }
}

impl State {
    pub(crate) fn new(gateway: String) -> Self {
        let nobody = Value::Null;
        let rooms = [ChannelKind::Room, ChannelKind::Thread].map(|place| place.channel(&nobody));
        let channels = rooms.map(|room| (room["id"].as_str().unwrap_or_default().to_owned(), room));
        let token = super::TOKEN.to_owned();
        Self { gateway, token, heartbeat: 41_250, channels: channels.into(), ..Self::default() }
    }

    /// The next number of anything, as of now.
    pub(crate) fn number(&mut self) -> String {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
        let now = u64::try_from(now).unwrap_or_default().saturating_sub(1_420_070_400_000) << 22;
        self.last = now.max(self.last + 1);
        self.last.to_string()
    }

    /// A session begins.
    pub(crate) fn begin(&mut self, intents: u64) -> usize {
        let id = format!("session-{}", self.sessions.len() + 1);
        let mut session = Session { id: id.clone(), intents, over: false, log: Vec::new() };
        session.announce("READY", &ready(&id, &self.gateway));
        session.announce("GUILD_CREATE", &guild());
        self.sessions.push(session);
        self.sessions.len() - 1
    }

    /// Tells every session.
    pub(crate) fn announce(&mut self, kind: &str, data: &Value) {
        for session in &mut self.sessions {
            let mut data = data.clone();
            // Without the intent, only what concerns the bot itself can be read.
            let mentions_us =
                data["mentions"].as_array().into_iter().flatten().any(|it| it["id"] == super::BOT);
            let hidden = kind == "MESSAGE_CREATE" && data["guild_id"].is_string() && !mentions_us;
            if hidden && session.intents & (1 << 15) == 0 {
                data["content"] = "".into();
                data["attachments"] = json!([]);
            }
            session.announce(kind, &data);
        }
    }

    /// The channel of a place, as this person sees it; the bot can write to both from then on.
    pub(crate) fn meet(&mut self, place: &ChannelKind, person: &Value) -> Value {
        let channel = place.channel(person);
        let id = channel["id"].as_str().unwrap_or_default().to_owned();
        self.channels.insert(id, channel.clone());
        self.people.insert(person["id"].as_str().unwrap_or_default().to_owned());
        channel
    }

    /// A message with an id; `content` is whatever Discord would add.
    pub(crate) fn message(&mut self, place: &ChannelKind, author: &Value, content: Value) -> Value {
        let channel = self.meet(place, author);
        let mut message = json!({
            "id": self.number(), "channel_id": channel["id"], "author": author, "content": "", "type": 0,
            "timestamp": TIME, "edited_timestamp": null, "tts": false, "mention_everyone": false, "mentions": [],
            "mention_roles": [], "attachments": [], "embeds": [], "components": [], "pinned": false, "flags": 0,
        });
        if !self.no_channel_type {
            message["channel_type"] = channel["type"].clone();
        }
        if let Some(guild) = place.guild() {
            message["guild_id"] = guild.into();
            message["member"] =
                json!({ "roles": [], "joined_at": TIME, "deaf": false, "mute": false, "flags": 0 });
        }
        if let (Some(message), Value::Object(content)) = (message.as_object_mut(), content) {
            message.extend(content);
        }
        message
    }

    /// A person acts on what the bot offers; the interaction's id.
    pub(crate) fn interact(
        &mut self,
        kind: u64,
        place: &ChannelKind,
        from: &Value,
        what: Value,
    ) -> String {
        let channel = self.meet(place, from);
        let id = self.number();
        let token = format!("aW50ZXJhY3Rpb24{id}");
        let context = match place {
            ChannelKind::Room | ChannelKind::Thread => 0,
            ChannelKind::Direct => 1,
            _ => 2,
        };
        let mut interaction = json!({
            "id": id, "application_id": super::BOT, "type": kind, "token": token, "version": 1, "context": context,
            "channel_id": channel["id"], "channel": channel, "locale": "en-US", "entitlements": [],
            "app_permissions": "0", "authorizing_integration_owners": {}, "attachment_size_limit": 10_485_760,
        });
        if let Some(guild) = place.guild() {
            interaction["guild_id"] = guild.into();
            interaction["guild_locale"] = "en-US".into();
            interaction["member"] = json!({ "user": from, "roles": [], "joined_at": TIME, "permissions": "0", "deaf": false, "mute": false, "flags": 0 });
        } else {
            interaction["user"] = from.clone();
        }
        if let (Some(interaction), Value::Object(what)) = (interaction.as_object_mut(), what) {
            interaction.extend(what);
        }
        let asked = Interaction {
            id: id.clone(),
            by: from.clone(),
            answered: None,
            waits: false,
            late: false,
        };
        self.interactions.insert(token, asked);
        self.announce("INTERACTION_CREATE", &interaction);
        id
    }

    /// The interaction with this id.
    pub(crate) fn asked(&self, id: &str) -> Option<&Interaction> {
        self.interactions.values().find(|asked| asked.id == id)
    }

    /// The message with this id.
    pub(crate) fn shown(&mut self, id: &str) -> Option<&mut Shown> {
        self.messages.iter_mut().find(|shown| !shown.toast && shown.id == id)
    }
}

fn buttons(row: &Value) -> Vec<Button> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let button =
        |button: &Value| Button { label: text(&button["label"]), data: text(&button["custom_id"]) };
    row["components"].as_array().into_iter().flatten().map(button).collect()
}
