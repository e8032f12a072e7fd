//! The fake as the contract suite wants it: each event in the form in which Meta announces it.

use openclaw_plugin_sdk::{
    Attachment, Exchange, async_trait,
    contract::{Event, FakePlatform, Happened, Mention, Person, Seen},
    toml,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{
    ACCESS_TOKEN, APP_SECRET, DIGITS, FakeMeta, GROUP, NUMBER_ID, Shown, VERIFY_TOKEN, calls::Way,
    change, payload, person, signature, state::Failing, value,
};

#[async_trait]
impl FakePlatform for FakeMeta {
    fn settings(&self) -> toml::Table {
        let mut table = toml::Table::new();
        for (key, text) in [
            ("access_token", ACCESS_TOKEN),
            ("api_root", &*self.root()),
            ("app_secret", APP_SECRET),
            ("phone_number_id", NUMBER_ID),
            ("verify_token", VERIFY_TOKEN),
        ] {
            table.insert(key.to_owned(), text.into());
        }
        table
    }

    async fn serve(&self, exchanges: mpsc::Sender<Exchange>) {
        self.way.change(|way| *way = Way::Values(exchanges));
    }

    async fn happen(&self, event: Event) -> Happened {
        let ann = |more: Value| drop(self.message("ann", more));
        let text = |text: &str| json!({ "type": "text", "text": { "body": text } });
        match event {
            // There are no bots, it is called, a direct chat has no other people, and reactions say nothing.
            Event::Bot(_)
            | Event::Break
            | Event::Press(Person::Namesake, ..)
            | Event::ReactionTo(..) => return Happened::Impossible,
            Event::Attachment(kind, caption) => ann(shares(kind, &caption)),
            Event::Direct(who, text) => drop(self.direct(name(who), &text)),
            Event::Echo(said) => self.elsewhere("smb_message_echoes", &said),
            Event::Edit(said) => {
                ann(
                    json!({ "type": "edit", "edit": { "message": text(&said) }, "text": { "body": said } }),
                );
            }
            Event::Forgery(said) => self.forges(&said).await,
            Event::Group(mention, said) => {
                let said = match mention {
                    Mention::Others => said,
                    Mention::Us => format!("@{DIGITS} {said}"),
                };
                let mut message = text(&said);
                message["group_id"] = GROUP.into();
                ann(message);
            }
            Event::Join => self.elsewhere("group_participants_update", "joined"),
            Event::Press(who, on, data) => drop(self.press(name(who), &on, &data)),
            Event::Quote { text: said, quoted } => {
                // What the message answers is named and not repeated; an advertisement is.
                let mut message = text(&said);
                message["context"] = json!({ "from": "15550009999", "id": "wamid.HBgLother" });
                message["referral"] = json!({ "body": quoted, "source_url": "https://x.example" });
                ann(message);
            }
            Event::Reaction => {
                ann(
                    json!({ "type": "reaction", "reaction": { "message_id": "wamid.x", "emoji": "👍" } }),
                );
            }
            Event::Reply(to, said) => drop(self.replied("ann", &to, &said)),
            Event::Revoke => self.with(|state| state.revoked = true),
            Event::SlowDown(wait) => {
                self.with(|state| state.failing.push_back(Failing::Slow(wait.as_secs())));
            }
            Event::Undelivered(sent) => self.fails(sent.id.as_str(), 131_026),
            Event::UnknownChat(said) => {
                let mut message = text(&said);
                message["group_id"] = json!({ "hologram": true });
                ann(message);
            }
            Event::UnknownEvent => {
                ann(json!({ "type": "hologram", "hologram": { "body": "psst" } }));
                self.elsewhere("holograms", "psst");
                self.announce(&json!({ "object": "hologram" }));
            }
            Event::WindowCloses => {
                self.with(|state| state.closed.insert(person("ann")));
            }
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
        self.shared.lock().fetched
    }

    fn keeps(&self) -> bool {
        true
    }
}

impl FakeMeta {
    /// A message in another field than that for messages.
    pub(crate) fn elsewhere(&self, field: &str, text: &str) {
        let more = json!({ "type": "text", "text": { "body": text } });
        let (_, message) = self.with(|state| state.message("ann", more));
        let mut change = change(value("ann", &[message]));
        change["field"] = field.into();
        self.announce(&payload(&[change]));
    }

    /// Another program knows the path, and not the secret.
    async fn forges(&self, text: &str) {
        let more = json!({ "type": "text", "text": { "body": text } });
        let (_, message) = self.with(|state| state.message("ann", more));
        let body = payload(&[change(value("ann", &[message]))]).to_string();
        let other = signature("another-secret-of-another-app", &body);
        for signature in [None, Some(""), Some("sha256="), Some(other.as_str())] {
            assert_eq!(self.request(&body, signature).await, 401, "a forged request");
        }
    }
}

fn name(person: Person) -> &'static str {
    match person {
        Person::Ann => "ann",
        Person::Namesake => "namesake",
    }
}

fn shares(kind: Attachment, caption: &str) -> Value {
    let (kind, mime) = match kind {
        Attachment::File => ("document", "application/pdf"),
        Attachment::Picture => ("image", "image/jpeg"),
        Attachment::Sticker => ("sticker", "image/webp"),
        Attachment::Voice => ("video", "video/mp4"),
    };
    let mut file = json!({ "id": "1003383421387256", "mime_type": mime, "sha256": "x" });
    if !caption.is_empty() {
        file["caption"] = caption.into();
    }
    json!({ "type": kind, kind: file })
}
