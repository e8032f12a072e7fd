//! The fake as the contract suite wants it: each event in the form in which Slack announces it.

use openclaw_plugin_sdk::{
    Attachment, Exchange, SentRef, async_trait,
    contract::{Event, FakePlatform, Happened, Mention, Person, Seen},
    toml,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{
    ANN, APP_TOKEN, BOT, BOT_ID, BOT_TOKEN, CHANNEL, FakeSlack, NAMESAKE, SIGNING_SECRET, Shown,
    TEAM, direct_chat, events::escaped, state::Order,
};

#[async_trait]
impl FakePlatform for FakeSlack {
    fn settings(&self) -> toml::Table {
        let mut table = toml::Table::new();
        table.insert("bot_token".to_owned(), BOT_TOKEN.into());
        table.insert("api_url".to_owned(), self.root().into());
        if self.calls {
            table.insert("mode".to_owned(), "http".into());
            table.insert("signing_secret".to_owned(), SIGNING_SECRET.into());
        } else {
            table.insert("app_token".to_owned(), APP_TOKEN.into());
        }
        table
    }

    async fn serve(&self, exchanges: mpsc::Sender<Exchange>) {
        self.reaches(exchanges);
    }

    async fn happen(&self, event: Event) -> Happened {
        match event {
            Event::Attachment(Attachment::Sticker, _)
            | Event::ReactionTo(..)
            | Event::Undelivered(_)
            | Event::WindowCloses => return Happened::Impossible,
            Event::Attachment(kind, caption) => self.shares(kind, &caption),
            Event::Bot(text) => self.bot_says("U0OTHERBOT", "B0OTHERBOT", &text),
            Event::Break if self.calls => return Happened::Impossible,
            Event::Break => self.with(|state| state.order(|| Order::Break)),
            Event::Direct(who, text) => drop(self.direct(id(who), &text)),
            Event::Echo(text) => self.bot_says(BOT, BOT_ID, &text),
            Event::Edit(text) => self.edits(&text),
            Event::Forgery(_) if !self.calls => return Happened::Impossible,
            Event::Forgery(text) => self.forges(&text).await,
            Event::Group(mention, text) => self.in_group(mention, &text),
            Event::Join => self.joins(),
            Event::Press(who, on, data) => drop(self.press(id(who), &on, &data)),
            Event::Quote { text, quoted } => self.quotes(&text, &quoted),
            Event::Reaction => drop(self.announce(json!({
                "type": "reaction_added", "user": ANN, "reaction": "thumbsup", "item_user": BOT,
                "item": { "type": "message", "channel": direct_chat(ANN), "ts": "1.1" },
            }))),
            Event::Reply(to, text) => self.replies(&to, &text),
            Event::Revoke => self.revokes(),
            Event::SlowDown(wait) => self.with(|state| state.slow_down = Some(wait.as_secs())),
            Event::UnknownChat(text) => {
                self.message("X0HOLO0000", "hologram", ANN, json!({ "text": text }));
            }
            Event::UnknownEvent => self.grows(),
        }
        Happened::Announced
    }

    async fn seen(&self) -> Vec<Seen> {
        self.shared.lock().messages.iter().map(Shown::seen).collect()
    }

    fn fetched(&self) -> usize {
        self.shared.lock().fetched
    }

    fn keeps(&self) -> bool {
        true
    }
}

impl FakeSlack {
    fn shares(&self, kind: Attachment, caption: &str) {
        let kind = match kind {
            Attachment::Picture => "image/jpeg",
            Attachment::Voice => "audio/webm",
            Attachment::File | Attachment::Sticker => "application/pdf",
        };
        let url = format!("http://{}/files-pri/T-F/big", self.address);
        let file = json!({
            "id": "F0ANN00001", "mimetype": kind, "size": 20_000_000, "url_private": url,
            "url_private_download": url, "thumb_64": url,
        });
        let more =
            json!({ "subtype": "file_share", "text": caption, "files": [file], "upload": true });
        self.message(&direct_chat(ANN), "im", ANN, more);
    }

    fn bot_says(&self, user: &str, bot: &str, text: &str) {
        let more =
            json!({ "text": text, "bot_id": bot, "app_id": "A0OTHER000", "bot_profile": {} });
        self.message(&direct_chat(ANN), "im", user, more);
    }

    fn edits(&self, text: &str) {
        let message = json!({ "type": "message", "user": ANN, "text": text, "ts": "1.1" });
        self.announce(json!({
            "type": "message", "subtype": "message_changed", "hidden": true, "channel_type": "im",
            "channel": direct_chat(ANN), "message": message, "previous_message": message, "ts": "1.2",
        }));
    }

    /// Another program signs, at the right time, and is told so.
    async fn forges(&self, text: &str) {
        let event = json!({
            "type": "message", "channel": direct_chat(ANN), "channel_type": "im", "user": ANN,
            "ts": "1790000000.000100", "team": TEAM, "text": text,
        });
        let (_, payload) = self.with(|state| state.callback(&event));
        let answered = self.request(payload.to_string(), "00000000000000000000000000000000");
        let answered = answered.expect("it is sent").await.expect("it is answered");
        assert_eq!(answered.status(), 401, "a forged request");
    }

    /// A mention is announced twice.
    fn in_group(&self, mention: Mention, text: &str) {
        let text = match mention {
            Mention::Others => escaped(text),
            Mention::Us => format!("<@{BOT}> {}", escaped(text)),
        };
        let ts = self.message(CHANNEL, "channel", ANN, json!({ "text": text }));
        if mention == Mention::Us {
            self.announce(json!({
                "type": "app_mention", "channel": CHANNEL, "user": ANN, "ts": ts, "text": text,
                "team": TEAM, "event_ts": ts,
            }));
        }
    }

    fn joins(&self) {
        let text = format!("<@{ANN}> has joined the channel");
        self.message(CHANNEL, "channel", ANN, json!({ "subtype": "channel_join", "text": text }));
        self.announce(json!({
            "type": "member_joined_channel", "user": ANN, "channel": CHANNEL, "channel_type": "C",
            "team": TEAM, "inviter": ANN,
        }));
    }

    fn quotes(&self, text: &str, quoted: &str) {
        let shared = json!({
            "is_share": true, "is_msg_unfurl": true, "author_id": "U0EVE00001", "text": quoted,
            "fallback": quoted, "message_blocks": [{ "message": { "text": quoted } }],
        });
        let more = json!({ "text": escaped(text), "attachments": [shared], "thread_ts": "1.1",
            "root": { "text": quoted, "user": "U0EVE00001" } });
        self.message(&direct_chat(ANN), "im", ANN, more);
    }

    fn replies(&self, to: &SentRef, text: &str) {
        let thread =
            self.with(|state| state.shown(to).expect("a message that was sent").ts.clone());
        let more: Value =
            json!({ "text": escaped(text), "thread_ts": thread, "parent_user_id": BOT });
        self.message(&direct_chat(to.chat.as_str()), "im", ANN, more);
    }

    fn revokes(&self) {
        self.with(|state| state.revoked = true);
        if self.calls {
            self.announce(json!({ "type": "tokens_revoked", "tokens": { "bot": [BOT] } }));
        } else {
            self.disconnect("link_disabled");
        }
    }

    fn grows(&self) {
        self.announce(json!({ "type": "hologram", "user": ANN, "text": "psst" }));
        self.announce(
            json!({ "type": "message", "subtype": "hologram", "user": ANN, "text": "psst",
            "channel": direct_chat(ANN), "channel_type": "im", "ts": "1.3" }),
        );
        if !self.calls {
            self.push("hologram", "hologram", &json!({ "user": ANN, "text": "psst" }));
            self.with(|state| state.say("{\"type\":\"hologram\"} not json".to_owned()));
        }
    }
}

fn id(person: Person) -> &'static str {
    match person {
        Person::Ann => ANN,
        Person::Namesake => NAMESAKE,
    }
}
