//! The Discord of the emulator `@openclaw/crabline`.

use std::ops::Deref;

use openclaw_plugin_sdk::{
    async_trait,
    contract::{Event, FakePlatform, Happened, Mention, Person, Seen},
    testing::emulator::Emulator,
    toml,
};
use serde_json::{Value, json};

/// A person who is not Ann, and Ann.
pub(crate) const PEOPLE: [&str; 2] = ["471100000000000002", "471100000000000001"];

/// The emulator's Discord.
pub(crate) struct Crabline(Emulator);

impl Deref for Crabline {
    type Target = Emulator;

    fn deref(&self) -> &Emulator {
        &self.0
    }
}

impl Crabline {
    pub(crate) async fn start() -> Self {
        Self(Emulator::start(&["discord"]).await)
    }

    /// The accepted calls of this method on a path that ends so, in order.
    pub(crate) fn accepted(&self, method: &str, end: &str) -> Vec<Value> {
        let calls = self.0.accepted().into_iter();
        let fits = calls.filter(|(by, path, _)| by == method && path.ends_with(end));
        fits.map(|(_, _, body)| body).collect()
    }
}

#[async_trait]
impl FakePlatform for Crabline {
    fn settings(&self) -> toml::Table {
        let mut table = toml::Table::new();
        table.insert("token".to_owned(), self.text(&["botToken"]).into());
        table.insert("api_root".to_owned(), self.text(&["endpoints", "apiRoot"]).into());
        table
    }

    async fn happen(&self, event: Event) -> Happened {
        let (from, group, text) = match event {
            Event::Direct(who, text) => (PEOPLE[usize::from(who == Person::Ann)], false, text),
            Event::Group(Mention::Others, text) => (PEOPLE[1], true, text),
            _ => return Happened::Impossible,
        };
        let mut body = json!({ "senderId": from, "senderName": "Ann", "content": text });
        if group {
            body["guildId"] = self.manifest["fixture"]["guildId"].clone();
            body["channelId"] = self.manifest["fixture"]["channelId"].clone();
        } else {
            body["channelId"] = format!("93{}", &from[2..]).into();
        }
        self.inject(body).await;
        Happened::Announced
    }

    async fn seen(&self) -> Vec<Seen> {
        let seen = |body: Value| Seen {
            text: body["content"].as_str().unwrap_or_default().to_owned(),
            ..Seen::default()
        };
        self.accepted("POST", "/messages").into_iter().map(seen).collect()
    }

    fn fetched(&self) -> usize {
        0
    }

    fn keeps(&self) -> bool {
        false
    }
}
