//! WhatsApp in stories: people by name have ids and numbers of their own, and Meta calls the gateway at its port.

use async_trait::async_trait;
use openclaw_plugin_sdk::{EventId, SentRef, contract::Seen};
use serde_json::json;
use tokio::sync::watch;

use crate::{
    chats::{Chats, How},
    fake_whatsapp::{
        ACCESS_TOKEN, APP_SECRET, DIGITS, FakeMeta, GROUP, NUMBER_ID, PATH, Shown, VERIFY_TOKEN,
        person,
    },
};

/// One that the owner has written to within the day: nobody else can be written to.
pub(crate) async fn start() -> FakeMeta {
    let meta = FakeMeta::start().await;
    meta.with(|state| state.met.insert(person("owner")));
    meta
}

#[async_trait]
impl Chats for FakeMeta {
    fn fill(&self, config: &str) -> String {
        let keys = format!(
            "phone_number_id = \"{NUMBER_ID}\"\napp_secret = \"{APP_SECRET}\"\n\
             verify_token = \"{VERIFY_TOKEN}\"\napi_root = \"{}\"",
            self.root()
        );
        config
            .replace("{whatsapp.keys}", &keys)
            .replace("{whatsapp.token}", ACCESS_TOKEN)
            .replace("{whatsapp.owner}", &person("owner"))
    }

    fn secrets(&self) -> Vec<String> {
        [ACCESS_TOKEN, APP_SECRET, VERIFY_TOKEN].map(str::to_owned).to_vec()
    }

    fn is_called_at(&self, port: u16, _suffix: &str) {
        self.calls_at(port, PATH);
    }

    async fn say(&self, name: &str, how: How, text: &str) -> EventId {
        EventId::new(match how {
            How::ByCommand => FakeMeta::direct(self, name, &format!("/{text}")),
            How::Directly => FakeMeta::direct(self, name, text),
            How::InGroup => {
                let text = text
                    .strip_prefix("@bot ")
                    .map_or_else(|| text.to_owned(), |rest| format!("@{DIGITS} {rest}"));
                let more = json!({ "group_id": GROUP, "type": "text", "text": { "body": text } });
                self.message(name, more)
            }
            How::Replying => {
                let last = self.shown(name).pop().expect("a message to answer");
                let on = SentRef { chat: last.chat.expect("a chat"), id: last.id.expect("an id") };
                self.replied(name, &on, text)
            }
        })
    }

    async fn press(&self, name: &str, on: &SentRef, data: &str) -> EventId {
        EventId::new(FakeMeta::press(self, name, on, data))
    }

    fn written_to(&self) -> Vec<String> {
        let names = ["owner", "second", "ann", "bob", "eve", "group"];
        names.into_iter().filter(|name| !self.shown(name).is_empty()).map(str::to_owned).collect()
    }

    fn shown(&self, name: &str) -> Vec<Seen> {
        let to = if name == "group" { GROUP.to_owned() } else { person(name) };
        let state = self.shared.lock();
        state.messages.iter().filter(|shown| shown.to == to).map(Shown::seen).collect()
    }

    fn typed(&self) -> usize {
        self.shared.lock().typed
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes()
    }
}
