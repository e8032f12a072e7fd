//! The fake as the contract suite wants it: each event in the form in which Telegram announces it.

use openclaw_plugin_sdk::{
    Attachment, async_trait,
    contract::{Event, FakePlatform, Happened, Mention, Person, Seen},
    toml,
};
use serde_json::{Value, json};

use super::{ANN, BOT_NAME, FakeTelegram, NAMESAKE, TOKEN, bot, group, person, private};

const DATE: u64 = 1_790_000_000;

#[async_trait]
impl FakePlatform for FakeTelegram {
    fn settings(&self) -> toml::Table {
        let mut table = toml::Table::new();
        table.insert("bot_token".to_owned(), TOKEN.into());
        table.insert("api_root".to_owned(), self.root().into());
        table
    }

    async fn happen(&self, event: Event) -> Happened {
        match event {
            Event::Break => self.with(|state| state.broken = true),
            Event::Forgery(_)
            | Event::ReactionTo(..)
            | Event::Undelivered(_)
            | Event::WindowCloses => return Happened::Impossible,
            Event::Join => self.joins(),
            Event::Press(who, on, data) => self.press(&person(number(who), "Ann"), &on, &data),
            Event::Reaction => self.reacts(),
            Event::Revoke => self.with(|state| state.revoked = true),
            Event::SlowDown(wait) => self.with(|state| state.slow_down = Some(wait.as_secs())),
            Event::UnknownEvent => self.grows(),
            written => self.write(written),
        }
        Happened::Announced
    }

    async fn seen(&self) -> Vec<Seen> {
        self.shared.lock().seen()
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

impl FakeTelegram {
    fn write(&self, event: Event) {
        let (chat, from, content) = match event {
            Event::Attachment(kind, caption) => (private(ANN), ann(), content(kind, &caption)),
            Event::Bot(text) => (private(OTHER_BOT), other_bot(), json!({ "text": text })),
            Event::Direct(who, text) => {
                (private(number(who)), person(number(who), "Ann"), json!({ "text": text }))
            }
            Event::Echo(text) => (private(ANN), bot(), json!({ "text": text })),
            // It is not asked for, but what was queued before the first poll comes all the same.
            Event::Edit(text) => return self.edits(&text),
            Event::Group(Mention::Others, text) => (group(), ann(), json!({ "text": text })),
            Event::Group(Mention::Us, text) => (group(), ann(), mention(&text)),
            Event::Quote { text, quoted } => (private(ANN), ann(), quote(&text, &quoted)),
            Event::Reply(to, text) => {
                let answered =
                    self.with(|state| state.shown(&to).expect("a message that was sent").wire());
                (private(ANN), ann(), json!({ "text": text, "reply_to_message": answered }))
            }
            Event::UnknownChat(text) => {
                (json!({ "id": ANN, "type": "hologram" }), ann(), json!({ "text": text }))
            }
            other => panic!("{other:?} is no message"),
        };
        self.message(chat, from, content);
    }

    fn edits(&self, text: &str) {
        self.with(|state| {
            let message =
                state.message(private(ANN), ann(), json!({ "text": text, "edit_date": DATE }));
            state.announce(json!({ "edited_message": message }));
        });
    }

    fn joins(&self) {
        self.message(
            group(),
            ann(),
            json!({ "new_chat_members": [ann()], "new_chat_member": ann() }),
        );
        self.update(json!({ "my_chat_member": {
            "chat": private(ANN), "from": ann(), "date": DATE,
            "old_chat_member": { "user": bot(), "status": "kicked", "until_date": 0 },
            "new_chat_member": { "user": bot(), "status": "member" },
        } }));
    }

    fn grows(&self) {
        self.update(json!({ "hologram": { "from": ann(), "text": "psst" } }));
    }

    fn reacts(&self) {
        self.update(json!({ "message_reaction": {
            "chat": private(ANN), "message_id": 1, "user": ann(), "date": DATE,
            "old_reaction": [], "new_reaction": [{ "type": "emoji", "emoji": "👍" }],
        } }));
    }
}

const OTHER_BOT: i64 = 7_000_002;

fn other_bot() -> Value {
    json!({ "id": OTHER_BOT, "is_bot": true, "first_name": "Other", "username": "other_bot" })
}

fn ann() -> Value {
    person(ANN, "Ann")
}

fn number(person: Person) -> i64 {
    match person {
        Person::Ann => ANN,
        Person::Namesake => NAMESAKE,
    }
}

fn content(kind: Attachment, caption: &str) -> Value {
    let file = json!({ "file_id": "BQAC", "file_unique_id": "AgAD", "file_size": 20_000_000 });
    let mut content = match kind {
        Attachment::File => json!({ "document": file }),
        Attachment::Picture => json!({ "photo": [file] }),
        Attachment::Sticker => json!({ "sticker": file }),
        Attachment::Voice => json!({ "voice": file }),
    };
    if !caption.is_empty() {
        content["caption"] = caption.into();
    }
    content
}

fn mention(text: &str) -> Value {
    let at = format!("@{BOT_NAME}");
    let mark = json!({ "type": "mention", "offset": 0, "length": at.len() });
    json!({ "text": format!("{at} {text}"), "entities": [mark] })
}

fn quote(text: &str, quoted: &str) -> Value {
    let stranger = json!({ "id": 4_711_003, "is_bot": false, "first_name": "Eve" });
    let origin = json!({ "type": "user", "sender_user": stranger, "date": DATE });
    let answered = json!({ "message_id": 77, "date": DATE, "chat": private(ANN), "from": stranger, "text": quoted });
    json!({
        "text": text, "reply_to_message": answered, "quote": { "text": quoted, "position": 0 },
        "external_reply": { "origin": origin },
    })
}
