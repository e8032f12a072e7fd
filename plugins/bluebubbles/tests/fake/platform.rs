//! The fake as the contract suite wants it: each event in the form in which the server announces it.

use openclaw_plugin_sdk::{
    Attachment, Exchange, async_trait,
    contract::{Event, FakePlatform, Happened, Mention, Person, Seen},
    toml,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{
    CALLBACK, FakeBlueBubbles, PASSWORD, Shown, State, Way, chat, direct, group, handle,
    state::Failing,
};

#[async_trait]
impl FakePlatform for FakeBlueBubbles {
    fn settings(&self) -> toml::Table {
        let mut table = toml::Table::new();
        table.insert("server_url".to_owned(), self.root().into());
        table.insert("password".to_owned(), PASSWORD.into());
        table.insert("callback_url".to_owned(), CALLBACK.into());
        table
    }

    async fn serve(&self, exchanges: mpsc::Sender<Exchange>) {
        *self.way.lock() = Way::Values(exchanges);
    }

    async fn happen(&self, event: Event) -> Happened {
        let ann = |more: Value| drop(self.message("ann", direct("ann"), more));
        match event {
            // It is called, has no buttons, and a sticker is a picture or a reaction to it.
            Event::Attachment(Attachment::Sticker, _)
            | Event::Break
            | Event::Press(..)
            | Event::ReactionTo(..)
            | Event::WindowCloses => return Happened::Impossible,
            Event::Attachment(kind, caption) => {
                ann(json!({ "text": caption, "attachments": [file(kind)] }));
            }
            Event::Bot(text) => {
                let shop = json!({ "address": "urn:biz:5f8e2b3a", "service": "iMessage" });
                ann(json!({ "text": text, "handle": shop }));
            }
            Event::Direct(who, text) => drop(self.direct(name(who), &text)),
            Event::Echo(text) => ann(json!({ "text": text, "isFromMe": true })),
            Event::Edit(text) => {
                let edited = json!({ "text": text, "dateEdited": 1_790_000_000_000_u64 });
                ann(edited.clone());
                self.announce("updated-message", edited);
            }
            Event::Forgery(text) => self.forges(&text).await,
            Event::Group(Mention::Others, text) => {
                self.message("ann", group(), json!({ "text": text }));
            }
            Event::Group(Mention::Us, text) => drop(self.to_us("ann", &text)),
            Event::Join => {
                self.message("ann", group(), json!({ "itemType": 1, "groupActionType": 0 }));
            }
            Event::Quote { text, quoted } => {
                let (other, quoted) = ("5C2E0C3A-OF-A-STRANGER", json!([{ "quoted": quoted }]));
                ann(
                    json!({ "text": text, "threadOriginatorGuid": other, "messageSummaryInfo": quoted }),
                );
            }
            Event::Reaction => ann(json!({
                "text": "Loved “hello”", "associatedMessageType": "love",
                "associatedMessageGuid": "p:0/5C2E0C3A",
            })),
            Event::Reply(to, text) => {
                ann(json!({ "text": text, "threadOriginatorGuid": to.id.as_str() }));
            }
            Event::Revoke => self.with(State::revoke),
            Event::SlowDown(wait) => {
                self.with(|state| state.failing.push_back(Failing::Slow(wait.as_secs())));
            }
            Event::Undelivered(sent) => self.fails(sent.id.as_str()),
            Event::UnknownChat(text) => {
                let place = chat(&format!("iMessage;~;{}", handle("ann")), 47, "ann");
                self.message("ann", place, json!({ "text": text }));
            }
            Event::UnknownEvent => self.hologram(),
        }
        Happened::Announced
    }

    async fn seen(&self) -> Vec<Seen> {
        self.shared.lock().sent.iter().map(Shown::seen).collect()
    }

    fn fetched(&self) -> usize {
        self.shared.lock().fetched
    }

    fn keeps(&self) -> bool {
        true
    }
}

impl FakeBlueBubbles {
    /// What no server says yet.
    fn hologram(&self) {
        let more = json!({ "text": "psst", "itemType": 9 });
        let message = self.with(|state| state.message("ann", direct("ann"), more));
        self.announce("hologram", message);
    }

    /// A person answers a message of the account in the group: there is no other mention. The event's id.
    pub(crate) fn to_us(&self, name: &str, text: &str) -> String {
        let ours = self.with(|state| state.own(group(), json!({ "text": "by hand, on the Mac" })));
        let guid = ours["guid"].clone();
        self.announce("new-message", ours);
        self.message(name, group(), json!({ "text": text, "threadOriginatorGuid": guid }))
    }

    /// A message of ours was taken, and is not delivered.
    pub(crate) fn fails(&self, guid: &str) {
        let failed = self.with(|state| {
            let sent = state.history.iter_mut().find(|it| it["guid"] == guid);
            let sent = sent.expect("a message that was sent");
            sent["error"] = 22.into();
            sent.clone()
        });
        self.announce("message-send-error", failed);
    }

    /// Another program knows the address, and even the password.
    async fn forges(&self, text: &str) {
        let message = self
            .with(|state| state.message("ann", direct("ann"), json!({ "text": text, "error": 1 })));
        let body = json!({ "type": "new-message", "data": message }).to_string();
        for query in [
            "",
            "?secret=",
            "?secret=abc",
            "?password=mac-password-0001",
            "?guid=mac-password-0001",
        ] {
            assert_eq!(self.request(query, &body).await, 401, "a forged request: {query}");
        }
    }
}

fn name(person: Person) -> &'static str {
    match person {
        Person::Ann => "ann",
        Person::Namesake => "namesake",
    }
}

fn file(kind: Attachment) -> Value {
    let media = match kind {
        Attachment::Picture => "image/heic",
        Attachment::Voice => "audio/amr",
        Attachment::File | Attachment::Sticker => "application/pdf",
    };
    json!({
        "originalROWID": 9, "guid": "at_0_5C2E", "uti": "public.item", "mimeType": media,
        "transferName": "big", "totalBytes": 20_000_000,
    })
}
