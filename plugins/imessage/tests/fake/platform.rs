//! The fake as the contract suite wants it: each event in the form in which imsg announces it.

use openclaw_plugin_sdk::{
    Attachment, async_trait,
    contract::{Event, FakePlatform, Happened, Mention, Person, Seen},
    toml,
};
use serde_json::{Value, json};

use super::{FakeMessages, Shown, chat, direct, group, handle};

#[async_trait]
impl FakePlatform for FakeMessages {
    fn settings(&self) -> toml::Table {
        let mut table = toml::Table::new();
        table.insert("cli_path".to_owned(), self.path().into());
        table
    }

    async fn happen(&self, event: Event) -> Happened {
        let ann = |more: Value| drop(self.message("ann", direct("ann"), more));
        match event {
            // There are no buttons and no login, and edits are not announced.
            Event::Edit(_)
            | Event::Forgery(_)
            | Event::Press(..)
            | Event::ReactionTo(..)
            | Event::Revoke
            | Event::SlowDown(_)
            | Event::Undelivered(_)
            | Event::WindowCloses => return Happened::Impossible,
            Event::Attachment(kind, caption) => {
                ann(json!({ "text": format!("\u{fffc}{caption}"), "attachments": [file(kind)] }));
            }
            Event::Bot(text) => ann(json!({ "text": text, "sender": "urn:biz:5f8e2b3a" })),
            Event::Break => self.with(|state| state.broken = true),
            Event::Direct(who, text) => drop(self.direct(name(who), &text)),
            Event::Echo(text) => {
                let place = format!("iMessage;-;{}", handle("ann"));
                self.with(|state| state.own(&place, &text));
            }
            Event::Group(Mention::Others, text) => {
                self.message("ann", group(), json!({ "text": text }));
            }
            Event::Group(Mention::Us, text) => drop(self.to_us("ann", &text)),
            Event::Join => drop(self.message("ann", group(), json!({}))),
            Event::Quote { text, quoted } => ann(json!({
                "text": text, "thread_originator_guid": "5C2E0C3A-OF-A-STRANGER",
                "reply_to_text": quoted, "reply_to_sender": handle("eve"),
            })),
            Event::Reaction => ann(json!({
                "text": "Loved “hello”", "is_reaction": true, "reaction_type": "love",
                "is_reaction_add": true, "reacted_to_guid": "5C2E0C3A",
            })),
            Event::Reply(to, text) => {
                ann(json!({ "text": text, "thread_originator_guid": to.id.as_str() }));
            }
            Event::UnknownChat(text) => {
                let place = chat(&format!("iMessage;~;{}", handle("ann")));
                self.message("ann", place, json!({ "text": text }));
            }
            Event::UnknownEvent => self.with(|state| {
                state.noise = Some(
                    "{\"jsonrpc\":\"2.0\",\"method\":\"hologram\",\"params\":{\"text\":\"psst\"}}",
                );
            }),
        }
        Happened::Announced
    }

    async fn seen(&self) -> Vec<Seen> {
        self.shared.lock().sent.iter().map(Shown::seen).collect()
    }

    fn fetched(&self) -> usize {
        0
    }

    fn keeps(&self) -> bool {
        true
    }
}

fn name(person: Person) -> &'static str {
    match person {
        Person::Ann => "ann",
        Person::Namesake => "namesake",
    }
}

fn file(kind: Attachment) -> Value {
    let (media, is_sticker) = match kind {
        Attachment::Picture => ("image/heic", false),
        Attachment::Voice => ("audio/amr", false),
        Attachment::File => ("application/pdf", false),
        Attachment::Sticker => ("image/png", true),
    };
    json!({
        "filename": "big", "transfer_name": "big", "uti": "public.item", "mime_type": media,
        "total_bytes": 20_000_000, "is_sticker": is_sticker, "missing": true, "original_path": "/x",
    })
}
