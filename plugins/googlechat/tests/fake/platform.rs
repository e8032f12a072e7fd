//! The fake as the contract suite wants it: each event in the form in which Google announces it.

use openclaw_plugin_sdk::{
    Attachment, Exchange, SentRef, async_trait,
    contract::{Event, FakePlatform, Happened, Mention, Person, Seen},
    toml,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{
    FakeGoogle, Kind, PROJECT, Shown, US, Way, account, calls, claims, direct, events::merge,
    group, mention, state::Failing, tokens::URL, user,
};

#[async_trait]
impl FakePlatform for FakeGoogle {
    fn settings(&self) -> toml::Table {
        let mut table = toml::Table::new();
        let root = self.root();
        table.insert("service_account".to_owned(), account(&root).into());
        table.insert("api_root".to_owned(), root.clone().into());
        table.insert("keys_root".to_owned(), root.into());
        let (kind, audience) = match self.kind {
            Kind::Number => ("project-number", PROJECT),
            Kind::Addon | Kind::Pushed | Kind::Url => ("app-url", URL),
        };
        table.insert("audience_type".to_owned(), kind.into());
        table.insert("audience".to_owned(), audience.into());
        if self.kind == Kind::Addon {
            table.insert("project_number".to_owned(), PROJECT.into());
        }
        table
    }

    async fn serve(&self, exchanges: mpsc::Sender<Exchange>) {
        *self.way.lock() = Way::Values(exchanges);
    }

    async fn happen(&self, event: Event) -> Happened {
        let ann = |more: Value| drop(self.message("ann", direct("ann"), more));
        match event {
            // It is called, has no stickers, and hears of reactions elsewhere only.
            Event::Attachment(Attachment::Sticker, _)
            | Event::Break
            // A direct chat has no other people.
            | Event::Press(Person::Namesake, ..)
            | Event::ReactionTo(..)
            | Event::Undelivered(_)
            | Event::WindowCloses => return Happened::Impossible,
            Event::Attachment(kind, caption) => ann(shares(kind, &caption)),
            Event::Bot(text) => {
                ann(json!({ "text": text, "sender": { "name": "users/7", "type": "BOT" } }));
            }
            Event::Direct(who, text) => drop(self.direct(name(who), &text)),
            Event::Echo(text) => {
                ann(json!({ "text": text, "sender": { "name": US, "type": "BOT" } }));
            }
            Event::Edit(text) => self.of_ann("MESSAGE_UPDATED", json!({ "text": text })),
            Event::Forgery(text) => self.forges(&text).await,
            Event::Group(Mention::Others, text) => {
                self.message("ann", group(), json!({ "text": text }));
            }
            Event::Group(Mention::Us, text) => drop(self.message("ann", group(), mention(&text))),
            Event::Join => {
                let joined =
                    json!({ "type": "ADDED_TO_SPACE", "user": user("ann"), "space": group() });
                self.announce(joined);
            }
            Event::Press(who, on, data) => drop(self.press(name(who), &on, &data)),
            Event::Quote { text, quoted } => {
                let quote = json!({ "name": "spaces/AAAAother/messages/1", "text": quoted });
                ann(json!({ "text": text, "quotedMessageMetadata": quote }));
            }
            Event::Reaction => self.of_ann("REACTION_ADDED", json!({ "text": "👍" })),
            Event::Reply(to, text) => self.replies("ann", &to, &text),
            Event::Revoke => self.with(|state| state.revoked = true),
            Event::SlowDown(wait) => {
                self.with(|state| state.failing.push_back(Failing::Slow(Some(wait.as_secs()))));
            }
            Event::UnknownChat(text) => {
                let mut space = direct("ann");
                space["spaceType"] = "HOLOGRAM".into();
                self.message("ann", space, json!({ "text": text }));
            }
            Event::UnknownEvent => {
                self.of_ann("HOLOGRAM", json!({ "text": "psst" }));
                self.announce(json!({ "hologram": true }));
            }
        }
        Happened::Announced
    }

    async fn seen(&self) -> Vec<Seen> {
        self.shared.lock().messages.iter().map(Shown::seen).collect()
    }

    fn fetched(&self) -> usize {
        self.shared.lock().fetched
    }

    fn keeps(&self) -> bool {
        false
    }
}

impl FakeGoogle {
    /// A person answers our message in its thread. The event's id.
    pub(crate) fn replies(&self, name: &str, to: &SentRef, text: &str) {
        self.replied(name, to, text);
    }

    /// The same; the event's id.
    pub(crate) fn replied(&self, name: &str, to: &SentRef, text: &str) -> String {
        let thread = self.with(|state| {
            let shown = state.messages.iter().find(|shown| shown.name == to.id.as_str());
            shown.expect("a message that was sent").thread.clone()
        });
        let more = json!({ "text": text, "thread": { "name": thread }, "threadReply": true });
        self.message(name, direct(name), more)
    }

    /// An event of this type about a message of Ann's.
    fn of_ann(&self, kind: &str, more: Value) {
        let (_, mut event) = self.with(|state| state.message("ann", &direct("ann"), more));
        event["type"] = kind.into();
        self.announce(event);
    }

    /// Another program has a token of Google's for our address, in its own name.
    async fn forges(&self, text: &str) {
        let (_, event) =
            self.with(|state| state.message("ann", &direct("ann"), json!({ "text": text })));
        let mut says = claims(self.kind);
        let own = json!({
            "iss": "https://accounts.google.com", "email_verified": true,
            "email": "mallory@evil.iam.gserviceaccount.com",
        });
        merge(&mut says, own);
        let body = calls::body(self.kind, event).to_string();
        let token = self.token(&says);
        assert_eq!(self.request(&body, Some(&token)).await, 401, "a forged request");
        assert_eq!(self.request(&body, None).await, 401, "a request without a token");
    }
}

fn name(person: Person) -> &'static str {
    match person {
        Person::Ann => "ann",
        Person::Namesake => "namesake",
    }
}

fn shares(kind: Attachment, caption: &str) -> Value {
    let kind = match kind {
        Attachment::Picture => "image/jpeg",
        Attachment::Voice => "audio/webm",
        Attachment::File | Attachment::Sticker => "application/pdf",
    };
    let file = json!({
        "name": "spaces/x/messages/y/attachments/z", "contentName": "big", "contentType": kind,
        "downloadUri": "https://chat.google.com/api/get_attachment_url?x", "source": "UPLOADED_CONTENT",
    });
    json!({ "text": caption, "attachment": [file] })
}
