//! The fake as the contract suite wants it: each event in the form in which Teams announces it.

use openclaw_plugin_sdk::{
    Attachment, Exchange, SentRef, async_trait,
    contract::{Event, FakePlatform, Happened, Mention, Person, Seen},
    toml,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{APP, FakeTeams, PASSWORD, Route, TENANT, activities, calls};

#[async_trait]
impl FakePlatform for FakeTeams {
    fn settings(&self) -> toml::Table {
        let metadata = format!("{}/v1/.well-known/openidconfiguration", self.root());
        let keys = [
            ("app_id", APP.to_owned()),
            ("app_password", PASSWORD.to_owned()),
            ("tenant_id", TENANT.to_owned()),
            ("login_root", self.root()),
            ("open_id_metadata_url", metadata),
            ("service_url", self.service()),
        ];
        keys.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect()
    }

    async fn serve(&self, exchanges: mpsc::Sender<Exchange>) {
        self.with(|state| state.route = Some(Route::Exchanges(exchanges)));
    }

    async fn happen(&self, event: Event) -> Happened {
        match event {
            Event::Attachment(Attachment::Sticker, _)
            | Event::Break
            // Nobody else is in the chat where the card stands.
            | Event::Press(Person::Namesake, ..)
            | Event::ReactionTo(..)
            | Event::Undelivered(_)
            | Event::WindowCloses => return Happened::Impossible,
            Event::Attachment(kind, caption) => self.shares(kind, &caption),
            Event::Bot(text) => self.writes(
                json!({ "from": { "id": "29:1another-bot-of-others", "name": "Bot", "role": "bot" } }),
                &text,
            ),
            Event::Direct(who, text) => self.writes_to_us(name(who), activities::text(&text)),
            Event::Echo(text) => {
                self.writes(json!({ "from": { "id": activities::us(), "name": "Gate" } }), &text);
            }
            Event::Edit(text) => self.writes(json!({ "type": "messageUpdate" }), &text),
            Event::Forgery(text) => self.forges(&text).await,
            Event::Group(mention, text) => {
                let text = match mention {
                    Mention::Others => activities::text(&text),
                    Mention::Us => activities::mention(&text),
                };
                drop(self.in_group("ann", text));
            }
            Event::Join => self.joins(),
            Event::Press(Person::Ann, on, data) => {
                self.writes_to_us("ann", activities::press(on.id.as_str(), &data));
            }
            Event::Quote { text, quoted } => {
                let quoting = activities::quoting(&text, "1", "8:orgid:eve", &quoted);
                self.writes_to_us("ann", quoting);
            }
            Event::Reaction => {
                let liked = json!([{ "type": "like" }]);
                self.writes_to_us(
                    "ann",
                    json!({ "type": "messageReaction", "reactionsAdded": liked, "replyToId": "1" }),
                );
            }
            Event::Reply(to, text) => self.replies(&to, &text),
            Event::Revoke => self.with(|state| state.revoked = true),
            Event::SlowDown(wait) => self.with(|state| state.slow_down = Some(wait.as_secs())),
            Event::UnknownChat(text) => {
                let mut activity = activities::text(&text);
                activity["conversation"] = json!({
                    "id": "a:1hologram", "conversationType": "hologram", "tenantId": TENANT,
                });
                self.writes_to_us("ann", activity);
            }
            Event::UnknownEvent => self.grows(),
        }
        Happened::Announced
    }

    async fn seen(&self) -> Vec<Seen> {
        self.shared.lock().seen()
    }

    fn typed(&self) -> usize {
        self.shared.lock().typed
    }

    fn fetched(&self) -> usize {
        self.shared.lock().fetched
    }

    fn keeps(&self) -> bool {
        false
    }
}

impl FakeTeams {
    fn writes_to_us(&self, name: &str, more: Value) {
        self.with(|state| state.chat_with(name));
        drop(self.message(name, more));
    }

    fn writes(&self, more: Value, text: &str) {
        let mut activity = activities::text(text);
        activities::merge(&mut activity, more);
        self.writes_to_us("ann", activity);
    }

    fn shares(&self, kind: Attachment, caption: &str) {
        let url = format!("{}/files/big", self.root());
        let file = |ending: &str| {
            json!({
                "contentType": "application/vnd.microsoft.teams.file.download.info",
                "contentUrl": url, "name": format!("big.{ending}"),
                "content": { "downloadUrl": url, "uniqueId": "1", "fileType": ending },
            })
        };
        let file = match kind {
            Attachment::Picture => json!({ "contentType": "image/*", "contentUrl": url }),
            Attachment::Voice => file("mp4"),
            Attachment::File | Attachment::Sticker => file("pdf"),
        };
        let html = json!({ "contentType": "text/html", "content": format!("<p>{caption}</p>") });
        self.writes_to_us("ann", json!({ "text": caption, "attachments": [html, file] }));
    }

    /// Another program signs with another key, and is told so.
    async fn forges(&self, text: &str) {
        let service: Value = self.service().into();
        let mut activity = activities::direct("ann");
        activities::merge(
            &mut activity,
            activities::common("1", "2026-12-01T00:00:00.000Z", &self.service()),
        );
        activities::merge(&mut activity, activities::text(text));
        let good = calls::token(&service, None);
        let forged = format!("{}.{}", good.rsplit_once('.').unwrap().0, "A".repeat(342));
        let other = calls::token(&"https://smba.trafficmanager.net/emea/".into(), None);
        let endorsed = calls::token(&service, Some(|token| token["header"]["kid"] = "web".into()));
        let everyone = calls::token(&service, Some(|token| token["claims"]["aud"] = "x".into()));
        for token in ["", "x", &forged, &other, &endorsed, &everyone] {
            assert_eq!(self.call(token, activity.to_string()).await, 401, "{token}");
        }
    }

    fn joins(&self) {
        let added =
            json!([{ "id": activities::own_id("ann"), "aadObjectId": activities::person("ann") }]);
        drop(self.in_group("ann", json!({ "type": "conversationUpdate", "membersAdded": added })));
        self.writes_to_us("ann", json!({ "type": "installationUpdate", "action": "add" }));
    }

    fn replies(&self, to: &SentRef, text: &str) {
        let us = activities::us();
        self.writes_to_us("ann", activities::quoting(text, to.id.as_str(), &us, "what was said"));
    }

    fn grows(&self) {
        let text = activities::text("psst");
        for kind in ["hologram", "event", "typing", "endOfConversation", "messageDelete", "invoke"]
        {
            let mut activity = text.clone();
            activity["type"] = kind.into();
            activity["name"] = "application/vnd.microsoft.hologram".into();
            self.writes_to_us("ann", activity);
        }
        let mut elsewhere = text.clone();
        elsewhere["channelId"] = "webchat".into();
        self.writes_to_us("ann", elsewhere);
        drop(self.happens(json!({}), text));
    }
}

fn name(person: Person) -> &'static str {
    match person {
        Person::Ann => "ann",
        Person::Namesake => "other ann",
    }
}
