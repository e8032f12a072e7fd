//! Slack in stories: people by name have ids that bear it.

use async_trait::async_trait;
use openclaw_plugin_sdk::{EventId, SentRef, contract::Seen};
use serde_json::json;
use tokio::sync::watch;

use crate::chats::{Chats, How};
use crate::fake_slack::{
    APP_TOKEN, BOT, BOT_TOKEN, CHANNEL, FakeSlack, SIGNING_SECRET, direct_chat, person,
};

#[async_trait]
impl Chats for FakeSlack {
    fn fill(&self, config: &str) -> String {
        config
            .replace("{slack.api}", &self.root())
            .replace("{slack.bot_token}", BOT_TOKEN)
            .replace("{slack.app_token}", APP_TOKEN)
            .replace("{slack.owner}", &person("owner"))
    }

    fn secrets(&self) -> Vec<String> {
        [APP_TOKEN, BOT_TOKEN, SIGNING_SECRET].map(str::to_owned).to_vec()
    }

    async fn say(&self, name: &str, how: How, text: &str) -> EventId {
        let user = person(name);
        let id = match how {
            How::ByCommand => {
                listens(self).await;
                self.slash(&user, &direct_chat(&user), text)
            }
            How::Directly => self.direct(&user, text),
            How::InGroup => {
                let text = text.replace("@bot", &format!("<@{BOT}>"));
                self.message(CHANNEL, "channel", &user, json!({ "text": text }))
            }
            How::Replying => {
                let last = self.shown(name).pop().expect("a message to answer");
                let root = last.id.expect("an id").as_str().to_owned();
                let more = json!({ "text": text, "thread_ts": root, "parent_user_id": BOT });
                let ts = self.message(&direct_chat(&user), "im", &user, more);
                // As the channel spells it: a reply bears its thread.
                format!("{ts}/{root}")
            }
        };
        EventId::new(id)
    }

    async fn press(&self, name: &str, on: &SentRef, data: &str) -> EventId {
        listens(self).await;
        EventId::new(FakeSlack::press(self, &person(name), on, data))
    }

    fn written_to(&self) -> Vec<String> {
        let names = ["owner", "second", "ann", "bob", "eve"];
        names.into_iter().filter(|name| !self.shown(name).is_empty()).map(str::to_owned).collect()
    }

    fn shown(&self, name: &str) -> Vec<Seen> {
        let user = person(name);
        let chat = if name == "group" { CHANNEL.to_owned() } else { direct_chat(&user) };
        let shown = self.shared.lock();
        let of_chat = shown.messages.iter().filter(|shown| shown.chat == chat);
        of_chat.map(crate::fake_slack::Shown::seen).collect()
    }

    fn typed(&self) -> usize {
        0
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }
}

/// Presses and commands reach nobody while nobody listens; Slack says so to the person who makes them.
async fn listens(slack: &FakeSlack) {
    slack.until("an app that listens", |state| !state.sockets.is_empty()).await;
}
