//! iMessage in stories: people by name have numbers of their own, and the server calls the gateway at its port.

use async_trait::async_trait;
use openclaw_plugin_sdk::{EventId, SentRef, contract::Seen};
use serde_json::json;
use tokio::sync::watch;

use crate::{
    chats::{Chats, How},
    fake_bluebubbles::{CALLBACK, FakeBlueBubbles, GROUP, PASSWORD, Shown, direct, group, handle},
};

#[async_trait]
impl Chats for FakeBlueBubbles {
    fn fill(&self, config: &str) -> String {
        config
            .replace("{bluebubbles.url}", &self.root())
            .replace("{bluebubbles.password}", PASSWORD)
            .replace("{bluebubbles.callback}", CALLBACK)
            .replace("{bluebubbles.owner}", &handle("owner"))
    }

    fn secrets(&self) -> Vec<String> {
        let webhooks = self.with(|state| state.webhooks.clone());
        let secrets = webhooks.iter().filter_map(|it| it.url.split_once("secret="));
        let known = [PASSWORD, "mac-password-0001"].map(str::to_owned);
        secrets.map(|(_, secret)| secret.to_owned()).chain(known).collect()
    }

    fn is_called_at(&self, port: u16, _suffix: &str) {
        self.calls_at(port);
    }

    async fn say(&self, name: &str, how: How, text: &str) -> EventId {
        EventId::new(match how {
            How::ByCommand => FakeBlueBubbles::direct(self, name, &format!("/{text}")),
            How::Directly => FakeBlueBubbles::direct(self, name, text),
            How::InGroup => match text.strip_prefix("@bot ") {
                Some(rest) => self.to_us(name, rest),
                None => self.message(name, group(), json!({ "text": text })),
            },
            How::Replying => {
                let last = self.shown(name).pop().expect("a message to answer");
                let on = last.id.expect("an id");
                let more = json!({ "text": text, "threadOriginatorGuid": on.as_str() });
                self.message(name, direct(name), more)
            }
        })
    }

    async fn press(&self, _: &str, _: &SentRef, _: &str) -> EventId {
        unreachable!("there are no buttons on iMessage")
    }

    fn written_to(&self) -> Vec<String> {
        let names = ["owner", "second", "ann", "bob", "eve", "group"];
        names.into_iter().filter(|name| !self.shown(name).is_empty()).map(str::to_owned).collect()
    }

    fn shown(&self, name: &str) -> Vec<Seen> {
        let chat = if name == "group" { GROUP.to_owned() } else { handle(name) };
        let state = self.shared.lock();
        let seen = state.sent.iter().map(Shown::seen);
        seen.filter(|seen| seen.chat.as_ref().is_some_and(|it| it.as_str() == chat)).collect()
    }

    fn typed(&self) -> usize {
        0
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes()
    }
}
