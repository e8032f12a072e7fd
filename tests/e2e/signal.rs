//! Signal in stories: people by name have ACIs and numbers of their own.

use async_trait::async_trait;
use openclaw_plugin_sdk::{EventId, SentRef, contract::Seen};
use serde_json::json;
use tokio::sync::watch;

use crate::{
    chats::{Chats, How},
    fake_signal::{
        FakeSignal, GROUP, NUMBER, Shown, US, aci, group, mention, quote, reaction, sent_at,
    },
};

#[async_trait]
impl Chats for FakeSignal {
    fn fill(&self, config: &str) -> String {
        config
            .replace("{signal.url}", &self.root())
            .replace("{signal.account}", NUMBER)
            .replace("{signal.owner}", &aci("owner"))
    }

    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }

    async fn say(&self, name: &str, how: How, text: &str) -> EventId {
        EventId::new(match how {
            How::ByCommand => self.direct(name, &format!("/{text}")),
            How::Directly => self.direct(name, text),
            How::InGroup => match text.strip_prefix("@bot") {
                Some(rest) => {
                    let text = format!("\u{fffc}{rest}");
                    let data =
                        json!({ "message": text, "groupInfo": group(), "mentions": mention() });
                    self.message(name, data)
                }
                None => self.message(name, json!({ "message": text, "groupInfo": group() })),
            },
            How::Replying => {
                let last = self.shown(name).pop().expect("a message to answer");
                let at = last.id.expect("an id").as_str().parse().expect("a time");
                self.message(name, json!({ "message": text, "quote": quote(at, US, &last.text) }))
            }
        })
    }

    async fn press(&self, _: &str, _: &SentRef, _: &str) -> EventId {
        unreachable!("there are no buttons on Signal")
    }

    async fn react(&self, name: &str, on: &SentRef, emoji: &str) -> EventId {
        EventId::new(self.message(name, reaction(emoji, US, sent_at(on), false)))
    }

    fn written_to(&self) -> Vec<String> {
        let names = ["owner", "second", "ann", "bob", "eve", "group"];
        names.into_iter().filter(|name| !self.shown(name).is_empty()).map(str::to_owned).collect()
    }

    fn shown(&self, name: &str) -> Vec<Seen> {
        let chat = if name == "group" { GROUP.to_owned() } else { aci(name) };
        let state = self.shared.lock();
        state.messages.iter().filter(|shown| shown.chat == chat).map(Shown::seen).collect()
    }

    fn typed(&self) -> usize {
        self.shared.lock().typed
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes()
    }
}
