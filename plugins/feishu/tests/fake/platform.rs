//! The fake as the contract suite wants it: each event in the form in which Feishu announces it.

use openclaw_plugin_sdk::{
    Attachment, Exchange, async_trait,
    contract::{Event, FakePlatform, Happened, Mention, Person, Seen},
    toml,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{
    APP_ID, APP_SECRET, BOT, ENCRYPT_KEY, FakeFeishu, GROUP, VERIFICATION_TOKEN, content,
    direct_chat, person, post, said,
    state::{Order, now},
    to_us,
    wire::{self, Frame},
};

#[async_trait]
impl FakePlatform for FakeFeishu {
    fn settings(&self) -> toml::Table {
        let mut table = toml::Table::new();
        let mut set = |key: &str, value: &str| table.insert(key.to_owned(), value.into());
        set("app_id", APP_ID);
        set("app_secret", APP_SECRET);
        set("domain", &self.root());
        if self.calls {
            set("connection_mode", "webhook");
            set("encrypt_key", ENCRYPT_KEY);
            set("verification_token", VERIFICATION_TOKEN);
        }
        table
    }

    async fn serve(&self, exchanges: mpsc::Sender<Exchange>) {
        self.reaches(exchanges);
    }

    async fn happen(&self, event: Event) -> Happened {
        match event {
            // Feishu tells nobody of an edit; a reaction is told, and is no message.
            Event::Edit(_)
            | Event::ReactionTo(..)
            | Event::Undelivered(_)
            | Event::WindowCloses => return Happened::Impossible,
            Event::Break | Event::Forgery(_)
                if self.calls != matches!(event, Event::Forgery(_)) =>
            {
                return Happened::Impossible;
            }
            Event::Break => self.with(|state| state.order(|| Order::Break)),
            Event::Forgery(text) => self.forges(&text).await,
            Event::Press(who, on, data) => drop(self.press(name(who), &on, &data)),
            Event::Revoke => self.with(|state| {
                state.revoked = true;
                state.order(|| Order::Break);
            }),
            Event::SlowDown(wait) => self.with(|state| state.slow_down = Some(wait.as_secs())),
            written => self.write(written),
        }
        Happened::Announced
    }

    async fn seen(&self) -> Vec<Seen> {
        let state = self.shared.lock();
        let shown = state.messages.iter().filter(|shown| !shown.deleted);
        shown.map(|shown| shown.seen(&state.files)).collect()
    }

    fn fetched(&self) -> usize {
        self.shared.lock().fetched
    }

    fn keeps(&self) -> bool {
        true
    }
}

impl FakeFeishu {
    fn write(&self, event: Event) {
        let mine = |more: Value| self.message("ann", &direct_chat("ann"), "p2p", more);
        match event {
            Event::Attachment(kind, caption) => drop(mine(attached(kind, &caption))),
            Event::Bot(text) => self.app_says(&person("otherbot"), &text),
            Event::Direct(who, text) => drop(self.direct(name(who), &text)),
            Event::Echo(text) => self.app_says(BOT, &text),
            Event::Group(Mention::Others, text) => {
                self.message("ann", GROUP, "group", said(&text));
            }
            Event::Group(Mention::Us, text) => {
                self.message("ann", GROUP, "group", to_us(&text));
            }
            Event::Join => {
                let users = json!([{ "name": "Ann", "user_id": { "open_id": person("ann") } }]);
                let joined = json!({ "chat_id": GROUP, "users": users, "operator_id": {} });
                self.announce("im.chat.member.user.added_v1", joined);
                let opened = json!({ "chat_id": direct_chat("ann"), "operator_id": { "open_id": person("ann") } });
                self.announce("im.chat.access_event.bot_p2p_chat_entered_v1", opened);
            }
            // What is answered is named and not repeated; a title may repeat it.
            Event::Quote { text, quoted } => {
                let mut reply = said(&text);
                reply["parent_id"] = "om_ofeve".into();
                reply["root_id"] = "om_ofeve".into();
                reply["quoted"] = quoted.into();
                mine(reply);
            }
            Event::Reaction => {
                let to = json!({ "message_id": "om_1", "reaction_type": { "emoji_type": "OK" },
                    "operator_type": "user", "user_id": { "open_id": person("ann") } });
                self.announce("im.message.reaction.created_v1", to);
                self.announce("im.message.message_read_v1", json!({ "reader": {} }));
                self.announce("im.message.recalled_v1", json!({ "message_id": "om_1" }));
            }
            Event::Reply(to, text) => {
                let mut reply = said(&text);
                reply["parent_id"] = to.id.as_str().into();
                reply["root_id"] = to.id.as_str().into();
                mine(reply);
            }
            Event::UnknownChat(text) => {
                self.message("ann", "oc_hologram0", "hologram", said(&text));
            }
            Event::UnknownEvent => self.grows(),
            other => panic!("{other:?} is no message"),
        }
    }

    fn app_says(&self, id: &str, text: &str) {
        let mut event =
            self.with(|state| state.message("ann", &direct_chat("ann"), "p2p", said(text)));
        event["sender"]["sender_id"]["open_id"] = id.into();
        event["sender"]["sender_type"] = "app".into();
        self.announce("im.message.receive_v1", event);
    }

    /// Another program encrypts and signs with a key of its own, at the right time, and is told so.
    async fn forges(&self, text: &str) {
        let event = self.with(|state| state.message("ann", &direct_chat("ann"), "p2p", said(text)));
        let payload = self.with(|state| state.payload("im.message.receive_v1", event));
        let body = json!({ "encrypt": payload.to_string() }).to_string();
        for body in [body, payload.to_string()] {
            let (exchange, answered) = post::signed(body, "another key", now() / 1000);
            self.put(exchange);
            assert_eq!(answered.await.expect("it is answered").status(), 401, "a forged request");
        }
    }

    /// New kinds of events, messages, frames and schemas, an old schema, and the event of another app.
    fn grows(&self) {
        self.announce("im.hologram.receive_v9", json!({ "text": "psst" }));
        let message = |kind: &str| content(kind, json!({ "text": "psst" }));
        for kind in ["hologram", "share_chat", "share_user", "system", "merge_forward"] {
            self.message("ann", &direct_chat("ann"), "p2p", message(kind));
        }
        for (key, value) in [("schema", json!("3.0")), ("header.app_id", json!("cli_other"))] {
            let event =
                self.with(|state| state.message("ann", &direct_chat("ann"), "p2p", said("psst")));
            let mut payload = self.with(|state| state.payload("im.message.receive_v1", event));
            match key.split_once('.') {
                Some((one, other)) => payload[one][other] = value,
                None => payload[key] = value,
            }
            self.push(payload);
        }
        let header = |kind: &str| vec![("type".to_owned(), kind.to_owned())];
        self.with(|state| {
            for (method, kind) in [(0, "hologram"), (1, "hologram"), (9, "event"), (1, "event")] {
                let frame = Frame { method, headers: header(kind), ..Frame::default() };
                state.say(wire::written(&frame));
            }
            state.say(vec![0xff; 20]);
        });
    }
}

fn name(person: Person) -> &'static str {
    match person {
        Person::Ann => "ann",
        Person::Namesake => "other",
    }
}

fn attached(kind: Attachment, caption: &str) -> Value {
    match kind {
        Attachment::File => {
            content("file", json!({ "file_key": "file_v3_a", "file_name": "a.bin" }))
        }
        Attachment::Picture => {
            let image = json!([{ "tag": "img", "image_key": "img_v3_a" }]);
            let lines = json!([image, [{ "tag": "text", "text": caption, "style": [] }]]);
            content("post", json!({ "title": "", "content": lines }))
        }
        Attachment::Sticker => content("sticker", json!({ "file_key": "file_v3_s" })),
        Attachment::Voice => content("audio", json!({ "file_key": "file_v3_v", "duration": 2000 })),
    }
}
