//! The fake as the contract suite wants it: each event in the form in which signal-cli announces it.

use openclaw_plugin_sdk::{
    Attachment, async_trait,
    contract::{Event, FakePlatform, Happened, Mention, Person, Seen},
    toml,
};
use serde_json::{Value, json};

use super::{
    FakeSignal, NUMBER, Shown, US, aci, group, mention, quote, reaction, sent_at, slow_down,
};

#[async_trait]
impl FakePlatform for FakeSignal {
    fn settings(&self) -> toml::Table {
        let mut table = toml::Table::new();
        table.insert("account".to_owned(), NUMBER.into());
        if self.program.is_some() {
            let path = self.program_path().display().to_string();
            table.insert("cli_path".to_owned(), path.into());
        } else {
            table.insert("url".to_owned(), self.root().into());
        }
        table
    }

    async fn happen(&self, event: Event) -> Happened {
        match event {
            // No buttons, no bots, no credentials; and what was taken is on its way.
            Event::Bot(_)
            | Event::Forgery(_)
            | Event::Press(..)
            | Event::Revoke
            | Event::Undelivered(_)
            | Event::WindowCloses => return Happened::Impossible,
            Event::Break => self.with(|state| state.broken = true),
            Event::SlowDown(wait) => self.with(|state| state.failing.push_back(slow_down(wait))),
            Event::Reaction => self.reacts(),
            Event::UnknownEvent => {
                self.envelope("ann", json!({ "hologram": { "message": "psst" } }));
            }
            Event::Echo(text) => {
                let sent = json!({ "destination": aci("ann"), "timestamp": 1, "message": text });
                let own = json!({
                    "source": NUMBER, "sourceNumber": NUMBER, "sourceUuid": US, "sourceDevice": 1,
                    "syncMessage": { "sentMessage": sent },
                });
                self.envelope("ann", own);
            }
            Event::Edit(text) => {
                let edited = json!({ "timestamp": 2, "message": text });
                let edit = json!({ "targetSentTimestamp": 1, "dataMessage": edited });
                self.envelope("ann", json!({ "editMessage": edit }));
            }
            written => self.write(written),
        }
        Happened::Announced
    }

    async fn seen(&self) -> Vec<Seen> {
        self.shared.lock().messages.iter().map(Shown::seen).collect()
    }

    fn typed(&self) -> usize {
        self.shared.lock().typed
    }

    fn fetched(&self) -> usize {
        let fetches = ["getAttachment", "getAvatar", "getSticker"];
        let calls = &self.shared.lock().calls;
        calls.iter().filter(|(method, _)| fetches.contains(&method.as_str())).count()
    }

    fn keeps(&self) -> bool {
        true
    }
}

impl FakeSignal {
    fn write(&self, event: Event) {
        let (name, data) = match event {
            Event::Attachment(kind, caption) => ("ann", content(kind, &caption)),
            Event::Direct(Person::Ann, text) => ("ann", json!({ "message": text })),
            // Their profiles have one name.
            Event::Direct(Person::Namesake, text) => {
                let data = json!({ "timestamp": 1, "message": text });
                self.envelope("other", json!({ "sourceName": "ann", "dataMessage": data }));
                return;
            }
            Event::Group(Mention::Others, text) => {
                ("ann", json!({ "message": text, "groupInfo": group() }))
            }
            Event::Group(Mention::Us, text) => {
                let text = format!("\u{fffc} {text}");
                ("ann", json!({ "message": text, "groupInfo": group(), "mentions": mention() }))
            }
            Event::Join => {
                let mut group = group();
                group["type"] = "UPDATE".into();
                ("ann", json!({ "message": null, "groupInfo": group }))
            }
            Event::Quote { text, quoted } => {
                ("ann", json!({ "message": text, "quote": quote(77, &aci("eve"), &quoted) }))
            }
            Event::ReactionTo(on, emoji) => ("ann", reaction(&emoji, US, sent_at(&on), false)),
            Event::Reply(on, text) => {
                ("ann", json!({ "message": text, "quote": quote(sent_at(&on), US, "ours") }))
            }
            Event::UnknownChat(text) => {
                let mut group = group();
                group["type"] = "HOLOGRAM".into();
                ("ann", json!({ "message": text, "groupInfo": group }))
            }
            other => panic!("{other:?} is no message"),
        };
        self.message(name, data);
    }

    /// To another person's message; and one to ours is taken back.
    fn reacts(&self) {
        self.message("ann", reaction("👍", &aci("eve"), 7, false));
        self.message("ann", reaction("👍", US, 7, true));
    }
}

fn content(kind: Attachment, caption: &str) -> Value {
    let media = match kind {
        Attachment::Sticker => {
            return json!({ "message": null, "sticker": { "packId": "5c6d", "stickerId": 3 } });
        }
        Attachment::File => "application/pdf",
        Attachment::Picture => "image/jpeg",
        Attachment::Voice => "audio/aac",
    };
    let file =
        json!({ "contentType": media, "filename": "a.bin", "id": "abc.bin", "size": 20_000_000 });
    json!({ "message": caption, "attachments": [file] })
}
