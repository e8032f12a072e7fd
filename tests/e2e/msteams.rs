//! Microsoft Teams in stories: people by name have object ids, and Teams calls the gateway.

use async_trait::async_trait;
use openclaw_plugin_sdk::{EventId, SentRef, contract::Seen};
use tokio::sync::watch;

use crate::{
    chats::{Chats, How},
    fake_msteams::{
        APP, FakeTeams, GROUP, PASSWORD, TENANT, mention, person, press, quoting, text,
    },
};

#[async_trait]
impl Chats for FakeTeams {
    fn fill(&self, config: &str) -> String {
        let keys = format!(
            "app_id = \"{APP}\"\ntenant_id = \"{TENANT}\"\n\
             login_root = \"{root}\"\nservice_url = \"{service}\"\n\
             open_id_metadata_url = \"{root}/v1/.well-known/openidconfiguration\"",
            root = self.root(),
            service = self.service(),
        );
        config
            .replace("{msteams.keys}", &keys)
            .replace("{msteams.password}", PASSWORD)
            .replace("{msteams.owner}", &person("owner"))
    }

    fn secrets(&self) -> Vec<String> {
        vec![PASSWORD.to_owned()]
    }

    fn is_called_at(&self, port: u16, suffix: &str) {
        self.calls(port, suffix);
    }

    async fn say(&self, name: &str, how: How, said: &str) -> EventId {
        self.with(|state| state.chat_with(name));
        EventId::new(match how {
            How::ByCommand => self.direct(name, &format!("/{said}")),
            How::Directly => self.direct(name, said),
            How::InGroup => match said.strip_prefix("@bot") {
                Some(rest) => self.in_group(name, mention(rest.trim_start())),
                None => self.in_group(name, text(said)),
            },
            How::Replying => {
                let last = self.shown(name).pop().expect("a message to answer");
                let id = last.id.expect("an id");
                self.message(name, quoting(said, id.as_str(), &format!("28:{APP}"), &last.text))
            }
        })
    }

    async fn press(&self, name: &str, on: &SentRef, data: &str) -> EventId {
        self.with(|state| state.chat_with(name));
        EventId::new(self.message(name, press(on.id.as_str(), data)))
    }

    fn written_to(&self) -> Vec<String> {
        let names = ["owner", "second", "ann", "bob", "eve", "group"];
        names.into_iter().filter(|name| !self.shown(name).is_empty()).map(str::to_owned).collect()
    }

    fn shown(&self, name: &str) -> Vec<Seen> {
        let chat = if name == "group" { GROUP.to_owned() } else { person(name) };
        let seen = self.shared.lock().seen();
        seen.into_iter()
            .filter(|seen| seen.chat.as_ref().is_some_and(|it| it.as_str() == chat))
            .collect()
    }

    fn typed(&self) -> usize {
        self.shared.lock().typed
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes()
    }
}
