//! Google Chat in stories: people by name have numbers of their own, and Google calls the gateway at its port.

use async_trait::async_trait;
use openclaw_plugin_sdk::{EventId, SentRef, contract::Seen};
use serde_json::json;
use tokio::sync::watch;

use crate::{
    chats::{Chats, How},
    fake_googlechat::{
        FakeGoogle, GROUP, PROJECT, Shown, account, direct, group, mention, person, secret_part,
        space_of,
    },
};

/// One that the owner has written to before: an app can begin with nobody.
pub(crate) async fn start() -> FakeGoogle {
    let google = FakeGoogle::start().await;
    google.with(|state| state.met.insert(space_of(&person("owner"))));
    google
}

#[async_trait]
impl Chats for FakeGoogle {
    fn fill(&self, config: &str) -> String {
        let wrong = account(&self.root()).replace("gate@", "other@");
        config
            .replace("{googlechat.root}", &self.root())
            .replace("{googlechat.account}", &account(&self.root()))
            .replace("{googlechat.wrong}", &wrong)
            .replace("{googlechat.project}", PROJECT)
            .replace("{googlechat.owner}", &person("owner"))
    }

    fn secrets(&self) -> Vec<String> {
        vec![secret_part(), "ya29.fake-token".to_owned()]
    }

    fn is_called_at(&self, port: u16, suffix: &str) {
        self.calls_at(port, suffix);
    }

    async fn say(&self, name: &str, how: How, text: &str) -> EventId {
        EventId::new(match how {
            How::ByCommand => {
                let more =
                    json!({ "text": format!("/{text}"), "slashCommand": { "commandId": "1" } });
                self.message(name, direct(name), more)
            }
            How::Directly => FakeGoogle::direct(self, name, text),
            How::InGroup => {
                let more =
                    text.strip_prefix("@bot ").map_or_else(|| json!({ "text": text }), mention);
                self.message(name, group(), more)
            }
            How::Replying => {
                let last = self.shown(name).pop().expect("a message to answer");
                let on = SentRef { chat: last.chat.expect("a chat"), id: last.id.expect("an id") };
                self.replied(name, &on, text)
            }
        })
    }

    async fn press(&self, name: &str, on: &SentRef, data: &str) -> EventId {
        EventId::new(FakeGoogle::press(self, name, on, data))
    }

    fn written_to(&self) -> Vec<String> {
        let names = ["owner", "second", "ann", "bob", "eve", "group"];
        names.into_iter().filter(|name| !self.shown(name).is_empty()).map(str::to_owned).collect()
    }

    fn shown(&self, name: &str) -> Vec<Seen> {
        let space = if name == "group" { GROUP.to_owned() } else { space_of(&person(name)) };
        let state = self.shared.lock();
        state.messages.iter().filter(|shown| shown.space == space).map(Shown::seen).collect()
    }

    fn typed(&self) -> usize {
        0
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes()
    }
}
