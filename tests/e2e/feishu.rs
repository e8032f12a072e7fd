//! Feishu in stories: people by name have ids that bear it.

use async_trait::async_trait;
use openclaw_plugin_sdk::{EventId, SentRef, contract::Seen};
use tokio::sync::watch;

use crate::{
    chats::{Chats, How},
    fake_feishu::{
        APP_ID, APP_SECRET, ENCRYPT_KEY, FakeFeishu, GROUP, VERIFICATION_TOKEN, direct_chat,
        person, said, to_us,
    },
};

#[async_trait]
impl Chats for FakeFeishu {
    fn fill(&self, config: &str) -> String {
        config
            .replace("{feishu.domain}", &self.root())
            .replace("{feishu.app_id}", APP_ID)
            .replace("{feishu.app_secret}", APP_SECRET)
            .replace("{feishu.owner}", &person("owner"))
    }

    fn secrets(&self) -> Vec<String> {
        let tokens = self.with(|state| state.tokens.clone());
        let secrets = [APP_SECRET, ENCRYPT_KEY, VERIFICATION_TOKEN, "t1cke7"];
        tokens.into_iter().chain(secrets.map(str::to_owned)).collect()
    }

    async fn say(&self, name: &str, how: How, text: &str) -> EventId {
        EventId::new(match how {
            How::ByCommand => self.direct(name, &format!("/{text}")),
            How::Directly => self.direct(name, text),
            How::InGroup => match text.strip_prefix("@bot ") {
                Some(rest) => self.message(name, GROUP, "group", to_us(rest)),
                None => self.message(name, GROUP, "group", said(text)),
            },
            How::Replying => {
                let last = self.shown(name).pop().expect("a message to answer");
                let mut reply = said(text);
                reply["parent_id"] = last.id.expect("an id").as_str().into();
                self.message(name, &direct_chat(name), "p2p", reply)
            }
        })
    }

    async fn press(&self, name: &str, on: &SentRef, data: &str) -> EventId {
        EventId::new(FakeFeishu::press(self, name, on, data))
    }

    fn written_to(&self) -> Vec<String> {
        let names = ["owner", "second", "ann", "bob", "eve", "group"];
        names.into_iter().filter(|name| !self.shown(name).is_empty()).map(str::to_owned).collect()
    }

    fn shown(&self, name: &str) -> Vec<Seen> {
        let chat = if name == "group" { GROUP.to_owned() } else { person(name) };
        let state = self.shared.lock();
        let shown = state.messages.iter().filter(|shown| shown.chat == chat && !shown.deleted);
        shown.map(|shown| shown.seen(&state.files)).collect()
    }

    fn typed(&self) -> usize {
        0
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes()
    }
}
