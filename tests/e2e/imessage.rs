//! iMessage by way of imsg in stories: people by name have numbers of their own, and the gateway starts the program.

use async_trait::async_trait;
use openclaw_plugin_sdk::{EventId, SentRef, contract::Seen};
use serde_json::json;
use tokio::sync::watch;

use crate::{
    chats::{Chats, How},
    fake_imessage::{FakeMessages, GROUP, Shown, direct, group, handle},
};

#[async_trait]
impl Chats for FakeMessages {
    fn fill(&self, config: &str) -> String {
        config.replace("{imessage.cli}", &self.path()).replace("{imessage.owner}", &handle("owner"))
    }

    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }

    async fn say(&self, name: &str, how: How, text: &str) -> EventId {
        // At its very first start it hears what is new, and keeps nothing for it.
        self.until("it listens", |state| state.asked("watch.subscribe") > 0).await;
        EventId::new(match how {
            How::ByCommand => FakeMessages::direct(self, name, &format!("/{text}")),
            How::Directly => FakeMessages::direct(self, name, text),
            How::InGroup => match text.strip_prefix("@bot ") {
                Some(rest) => self.to_us(name, rest),
                None => self.message(name, group(), json!({ "text": text })),
            },
            How::Replying => {
                let last = self.shown(name).pop().expect("a message to answer");
                let on = last.id.expect("an id");
                let more = json!({ "text": text, "thread_originator_guid": on.as_str() });
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
