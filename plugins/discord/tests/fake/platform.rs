//! The fake as the contract suite wants it: each event in the form in which Discord announces it.

use openclaw_plugin_sdk::{
    Attachment, async_trait,
    contract::{Event, FakePlatform, Happened, Mention, Person, Seen},
    toml,
};
use serde_json::{Value, json};

use super::{
    ANN, BOT, FakeDiscord, GUILD, NAMESAKE, Order, ROOM, TOKEN,
    wire::{ChannelKind, TIME, bot, direct, other_bot, person},
};

#[async_trait]
impl FakePlatform for FakeDiscord {
    fn settings(&self) -> toml::Table {
        let mut table = toml::Table::new();
        table.insert("token".to_owned(), TOKEN.into());
        table.insert("api_root".to_owned(), self.root().into());
        table
    }

    async fn happen(&self, event: Event) -> Happened {
        match event {
            Event::Break => self.order(Order::Drop),
            Event::Join => self.announce("GUILD_MEMBER_ADD", &json!({ "guild_id": GUILD, "user": ann(), "roles": [], "joined_at": TIME, "deaf": false, "mute": false, "flags": 0 })),
            // Discord calls nobody, and nobody else is in the conversation of a person and the bot.
            Event::Forgery(_)
            | Event::Press(Person::Namesake, ..)
            | Event::ReactionTo(..)
            | Event::Undelivered(_)
            | Event::WindowCloses => return Happened::Impossible,
            Event::Press(who, on, data) => {
                self.press(&ChannelKind::Direct, &someone(who), &on, &data);
            }
            Event::Reaction => self.announce("MESSAGE_REACTION_ADD", &json!({
                "user_id": ANN, "channel_id": direct(ANN), "message_id": "1", "emoji": { "id": null, "name": "👍" }, "type": 0,
            })),
            Event::Revoke => {
                self.with(|state| state.revoked = true);
                self.order(Order::Close(4004));
            }
            Event::SlowDown(wait) => self.with(|state| state.slow_down = Some(wait.as_secs_f64())),
            Event::UnknownEvent => {
                self.announce("HOLOGRAM_CREATE", &json!({ "author": ann(), "content": "psst" }));
                self.announce("MESSAGE_CREATE", &json!({ "channel_id": 7, "content": ["psst"] }));
                self.announce("INTERACTION_CREATE", &json!({ "type": "new" }));
                self.order(Order::Send(json!({ "op": 42, "d": { "content": "psst" } }).to_string()));
                self.order(Order::Send("{ no frame".to_owned()));
            }
            written => self.happens(written),
        }
        Happened::Announced
    }

    async fn seen(&self) -> Vec<Seen> {
        self.shared.lock().messages.iter().map(super::Shown::seen).collect()
    }

    fn typed(&self) -> usize {
        self.shared.lock().typed
    }

    fn fetched(&self) -> usize {
        self.shared.lock().fetched
    }

    fn keeps(&self) -> bool {
        true
    }
}

impl FakeDiscord {
    fn happens(&self, event: Event) {
        let (place, author, content) = match event {
            Event::Attachment(kind, caption) => {
                (ChannelKind::Direct, ann(), content(kind, &caption))
            }
            Event::Bot(text) => (ChannelKind::Direct, other_bot(), json!({ "content": text })),
            Event::Direct(who, text) => {
                (ChannelKind::Direct, someone(who), json!({ "content": text }))
            }
            Event::Echo(text) => (ChannelKind::Direct, bot(), json!({ "content": text })),
            Event::Edit(text) => return self.edits(&text),
            Event::Group(Mention::Others, text) => {
                (ChannelKind::Room, ann(), json!({ "content": text }))
            }
            Event::Group(Mention::Us, text) => (ChannelKind::Room, ann(), mention(&text)),
            Event::Quote { text, quoted } => (ChannelKind::Direct, ann(), quote(&text, &quoted)),
            Event::Reply(to, text) => {
                let answered = self.with(|state| {
                    state.shown(to.id.as_str()).expect("a message that was sent").wire()
                });
                (ChannelKind::Direct, ann(), reply(&text, &answered))
            }
            Event::UnknownChat(text) => (ChannelKind::Hologram, ann(), json!({ "content": text })),
            other => panic!("{other:?} is no message"),
        };
        self.write(&place, &author, content);
    }

    fn edits(&self, text: &str) {
        self.with(|state| {
            let content = json!({ "content": text, "edited_timestamp": TIME });
            let message = state.message(&ChannelKind::Direct, &ann(), content);
            state.announce("MESSAGE_UPDATE", &message);
        });
    }
}

/// A text that begins by mentioning the bot.
pub(crate) fn mention(text: &str) -> Value {
    json!({ "content": format!("<@{BOT}> {text}"), "mentions": [bot()] })
}

/// A text that answers a message.
pub(crate) fn reply(text: &str, answered: &Value) -> Value {
    let reference =
        json!({ "type": 0, "message_id": answered["id"], "channel_id": answered["channel_id"] });
    json!({ "type": 19, "content": text, "message_reference": reference, "referenced_message": answered })
}

fn quote(text: &str, quoted: &str) -> Value {
    let stranger = person("471100000000000003", "Eve");
    let answered = json!({
        "id": "77", "channel_id": ROOM, "author": stranger, "content": quoted, "type": 0, "timestamp": TIME,
        "mentions": [], "attachments": [], "embeds": [],
    });
    reply(text, &answered)
}

fn ann() -> Value {
    person(ANN, "Ann")
}

fn someone(who: Person) -> Value {
    match who {
        Person::Ann => ann(),
        Person::Namesake => person(NAMESAKE, "Ann"),
    }
}

fn content(kind: Attachment, caption: &str) -> Value {
    let file = |kind: &str| {
        json!({
            "id": "1", "filename": "x", "size": 20_000_000, "content_type": kind,
            "url": "http://127.0.0.1:9/x", "proxy_url": "http://127.0.0.1:9/x",
        })
    };
    let mut content = match kind {
        Attachment::File => json!({ "attachments": [file("application/pdf")] }),
        Attachment::Picture => json!({ "attachments": [file("image/png")] }),
        Attachment::Sticker => {
            json!({ "sticker_items": [{ "id": "1", "name": "x", "format_type": 1 }] })
        }
        Attachment::Voice => json!({ "attachments": [file("audio/ogg")], "flags": 8192 }),
    };
    content["content"] = caption.into();
    content
}
