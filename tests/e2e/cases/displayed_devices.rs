//! What is displayed of a device is what is decided: a table of surfaces and of what may change after it was shown.

use openclaw_plugin_sdk::SentRef;
use serde_json::{Value, json};

use super::{
    OWNED,
    sockets::{ALL, TOKEN},
};
use crate::{
    fake_telegram::{person, private},
    process::{look_again, texts},
    wire::{Key, Wire},
    world::World,
};

const OWNER: i64 = 1001;

/// What is there to be chosen by.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Surface {
    Press,
    Word,
    Chat,
    Cli,
    Rpc,
}

const SURFACES: [Surface; 5] =
    [Surface::Press, Surface::Word, Surface::Chat, Surface::Cli, Surface::Rpc];

/// What happens after a request was shown.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Change {
    Nothing,
    /// The device asks for one command more.
    More,
    /// It comes in another role.
    Role,
    /// It was turned away.
    Over,
}

/// A device that waits, as every surface has shown it.
struct Shown {
    key: Key,
    request: String,
    card: SentRef,
    approve: String,
}

struct Bed {
    world: World,
    wire: Wire,
}

impl Bed {
    async fn start() -> Self {
        let cards = "[owner.cards]\nburst = 60\nper_minute = 60\n";
        let config = format!("{OWNED}[gateway.auth]\ntoken = \"{TOKEN}\"\n{cards}");
        let world = World::start(&config).await;
        let mut wire = Wire::open(world.gateway.as_ref().unwrap().port).await;
        wire.connect(Wire::params("operator", &ALL, json!({ "token": TOKEN }))).await.unwrap();
        Self { world, wire }
    }

    /// A device asks, and is known by this request from now on.
    async fn asks(&self, key: &Key, role: &str, commands: &[&str]) -> String {
        let from = [("x-forwarded-for", "203.0.113.7")];
        let port = self.world.gateway.as_ref().unwrap().port;
        // Without a proxy that is trusted it is a device from elsewhere, which nothing lets in by itself.
        let mut wire = Wire::open_with(port, &from).await;
        let scopes: &[&str] = if role == "node" { &[] } else { &["operator.read"] };
        let mut params = Wire::params(role, scopes, json!({ "token": TOKEN }));
        params["commands"] = json!(commands);
        let refused = wire.connect(wire.signed(key, params)).await.unwrap_err();
        let request = refused["details"]["requestId"].as_str();
        request.unwrap_or_else(|| panic!("{refused}")).to_owned()
    }

    async fn shown(&self, key: Key) -> Shown {
        let request = self.asks(&key, "node", &["camera.snap"]).await;
        self.world.shows("owner", &request).await;
        let (card, approve) = self.world.button("owner", "Approve").await;
        Shown { key, request, card, approve }
    }

    async fn change(&self, change: Change, shown: &Shown) {
        let mark = match change {
            Change::Nothing => return,
            Change::More => self.asks(&shown.key, "node", &["camera.snap", "system.run"]).await,
            Change::Role => self.asks(&shown.key, "operator", &[]).await,
            Change::Over => {
                let done = self.world.home.cli(&["devices", "reject", &shown.request]);
                assert!(done.status.success(), "{:?}", texts(&done));
                self.world.gone(OWNER, &format!("pair reject {}", shown.request)).await;
                return;
            }
        };
        assert_ne!(mark, shown.request);
        self.world.shows("owner", &mark).await;
        self.world.gone(OWNER, &format!("pair reject {}", shown.request)).await;
    }

    /// What the owner is told after this.
    async fn hears(&self, from: usize) -> String {
        loop {
            if let Some(said) = self.world.unread(OWNER).get(from) {
                return said.clone();
            }
            look_again().await;
        }
    }

    /// Approves by what was shown before the change.
    async fn approve(&mut self, surface: Surface, shown: &Shown) -> String {
        let from = self.world.unread(OWNER).len();
        match surface {
            Surface::Press => self.world.press_with("owner", &shown.card, &shown.approve).await,
            Surface::Word => {
                let card =
                    self.world.telegram.with(|state| state.shown(&shown.card).unwrap().wire());
                let content = json!({ "text": "yes", "reply_to_message": card });
                self.world.tell(private(OWNER), person(OWNER, "owner"), content).await;
                self.hears(from).await
            }
            Surface::Chat => {
                self.world.say("owner", &format!("/pair approve {}", shown.request)).await;
                self.hears(from).await
            }
            Surface::Cli => {
                let done = self.world.home.cli(&["devices", "approve", &shown.request]);
                let (out, error) = texts(&done);
                assert_eq!(done.status.success(), error.is_empty(), "{out}{error}");
                out + &error
            }
            Surface::Rpc => {
                let params = json!({ "requestId": shown.request });
                match self.wire.call("device.pair.approve", params).await {
                    Ok(done) => done.to_string(),
                    Err(error) => error["message"].as_str().unwrap().to_owned(),
                }
            }
        }
    }

    fn is_in(&self, shown: &Shown) -> bool {
        self.world.home.read("devices/paired.json").contains(&shown.key.id())
    }

    async fn waits(&mut self, shown: &Shown) -> bool {
        let listed = self.wire.call("device.pair.list", json!({})).await.unwrap();
        let mut pending = listed["pending"].as_array().unwrap().iter();
        pending.any(|row: &Value| row["deviceId"] == shown.key.id())
    }
}

async fn play(change: Change) {
    let mut bed = Bed::start().await;
    let mut all = Vec::new();
    for seed in 1..=5 {
        let shown = bed.shown(Key::new(seed)).await;
        bed.change(change, &shown).await;
        all.push(shown);
    }
    for (surface, shown) in SURFACES.into_iter().zip(&all) {
        let said = bed.approve(surface, shown).await;
        let place = format!("{surface:?} after {change:?}: {said}");
        let (is_in, waits) = (bed.is_in(shown), bed.waits(shown).await);
        match change {
            Change::Nothing => assert!(is_in && !waits, "{place}"),
            Change::More | Change::Role => assert!(!is_in && waits, "{place}"),
            Change::Over => assert!(!is_in && !waits, "{place}"),
        }
    }
    bed.world.stop();
    let approved = bed.world.home.read("audit/access.jsonl").matches("\"device-approve\"").count();
    assert_eq!(approved, if change == Change::Nothing { SURFACES.len() } else { 0 });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_has_not_changed_is_let_in_on_every_surface() {
    play(Change::Nothing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_028_a_device_that_asks_for_more_than_was_shown_is_let_in_on_no_surface() {
    play(Change::More).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_028_a_device_that_comes_in_another_role_than_was_shown_is_let_in_on_no_surface() {
    play(Change::Role).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_was_turned_away_meanwhile_is_let_in_on_no_surface() {
    play(Change::Over).await;
}
