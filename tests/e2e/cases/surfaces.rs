//! The same decision on each surface: the same rows, the same line, the same events and the same messages.

use openclaw_plugin_sdk::SentRef;
use serde_json::{Value, json};

use super::{
    OWNED,
    sockets::{ALL, TOKEN},
};
use crate::{
    process::texts,
    wire::{Key, Wire},
    world::{World, number},
};

const OWNER: i64 = 1001;
const WELCOME: &str = "✅ OpenClaw access approved. Send a message to start chatting.";

/// Where a decision is made.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Surface {
    Card,
    Chat,
    /// The command line, on the files.
    Cli,
    /// The command line, which has the gateway tell the sender.
    CliNotify,
    Rpc,
}

use Surface::{Card, Chat, Cli, CliNotify, Rpc};

/// What is decided about a person.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Decision {
    Approve,
    ApproveForADay,
    Deny,
    Block,
}

use Decision::{Approve, ApproveForADay, Block, Deny};

const CASES: [(Decision, &[Surface]); 4] = [
    (Approve, &[Card, Chat, Cli, CliNotify, Rpc]),
    (ApproveForADay, &[Card, Chat, Cli, CliNotify]),
    (Deny, &[Card, Chat, Cli, Rpc]),
    (Block, &[Card, Chat]),
];

struct Bed {
    world: World,
    wire: Wire,
}

/// A person who waits, as the owner sees them.
struct Waiting {
    name: String,
    code: String,
}

/// What a decision left behind.
#[derive(Debug, PartialEq)]
struct Left {
    line: Value,
    rows: [bool; 5],
    card: String,
    message: Option<String>,
}

impl Bed {
    async fn start() -> Self {
        let rules = "[pairing]\nmax_pending = 20\n[owner.cards]\nburst = 60\nper_minute = 60\n";
        let config = format!("{OWNED}[gateway.auth]\ntoken = \"{TOKEN}\"\n{rules}");
        let world = World::start(&config).await;
        let mut wire = Wire::open(world.gateway.as_ref().unwrap().port).await;
        wire.connect(Wire::params("operator", &ALL, json!({ "token": TOKEN }))).await.unwrap();
        Self { world, wire }
    }

    fn cli(&self, words: &[&str]) {
        let done = self.world.home.cli(words);
        assert!(done.status.success(), "{words:?}: {:?}", texts(&done));
    }

    async fn waits(&mut self, name: String) -> Waiting {
        self.world.say(&name, "hello").await;
        let challenge = self.world.next(number(&name)).await;
        let code = challenge.split_once("Pairing code: ").unwrap().1[..8].to_owned();
        self.world.shows("owner", &code).await;
        Waiting { name, code }
    }

    async fn decide(&mut self, surface: Surface, decision: Decision, who: &Waiting) {
        match surface {
            Card => {
                let labels: &[&str] = match decision {
                    Approve => &["Approve", "For good"],
                    ApproveForADay => &["Approve", "24 h"],
                    Deny => &["Deny"],
                    Block => &["Block"],
                };
                for label in labels {
                    self.world.press("owner", label).await;
                }
            }
            Chat => {
                let (word, span) = match decision {
                    Approve => ("approve", ""),
                    ApproveForADay => ("approve", " 24h"),
                    Deny => ("deny", ""),
                    Block => ("block", ""),
                };
                let text = format!("/pairing {word} telegram {}{span}", who.code);
                self.world.say("owner", &text).await;
            }
            Cli | CliNotify => {
                let word = if decision == Deny { "deny" } else { "approve" };
                let mut words = vec!["pairing", word, "telegram", &*who.code];
                words.extend((decision == ApproveForADay).then_some("--for=24h"));
                words.extend((surface == CliNotify).then_some("--notify"));
                self.cli(&words);
            }
            Rpc => {
                let listed = self.wire.call("channels.pairing.list", json!({})).await.unwrap();
                let id = number(&who.name).to_string();
                let mut rows = listed["requests"].as_array().unwrap().iter();
                let row = rows.find(|row| row["senderId"] == id.as_str()).unwrap();
                let which = json!({
                    "channel": "telegram", "accountId": "default", "requestId": row["requestId"],
                });
                let method = if decision == Deny { "dismiss" } else { "approve" };
                self.wire.call(&format!("channels.pairing.{method}"), which).await.unwrap();
            }
        }
    }

    /// Where the sender's id stands: among those who wait, approved, with a grant, blocked, denied.
    fn rows(&self, id: &str) -> [bool; 5] {
        let path = |file: &str| self.world.home.state().join(file);
        let read = |file: &str| std::fs::read_to_string(path(file)).unwrap_or_default();
        let records: Value = serde_json::from_str(&read("access/grants.json")).unwrap_or_default();
        let names = |value: &Value| value.to_string().contains(&format!("\"{id}\""));
        let text = |file: &str| read(file).contains(&format!("\"{id}\""));
        [
            text("credentials/telegram-pairing.json"),
            text("credentials/telegram-allowFrom.json"),
            names(&records["grants"]),
            names(&records["blocks"]),
            text("credentials/telegram-denied.json"),
        ]
    }

    /// The line about a subject, without what names surface, actor, time and person.
    fn line(&self, subject: &str) -> Value {
        let log = self.world.home.read("audit/access.jsonl");
        let mut lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let decides = |line: &Value| {
            let opens = ["request", "device-request"].map(Value::from).contains(&line["action"]);
            line["subject"] == subject && !opens
        };
        let mut line = lines.rfind(decides).unwrap();
        let fields = line.as_object_mut().unwrap();
        for own in ["seq", "at", "surface", "actor", "prev", "made", "staged", "subject"] {
            fields.remove(own);
        }
        for varies in ["request", "until"] {
            if let Some(value) = fields.get_mut(varies) {
                *value = "…".into();
            }
        }
        line
    }

    async fn left(&mut self, who: &Waiting, (word, ends): (&str, bool)) -> Left {
        let id = number(&who.name).to_string();
        let shows = |shown: &str| {
            shown.starts_with(word) && shown.contains(&id) && shown.contains("Until: ") == ends
        };
        self.world
            .telegram
            .until("the card shows it", |state| {
                let mut cards = state.messages.iter().filter(|shown| shown.chat["id"] == OWNER);
                cards.any(|shown| shows(&shown.text))
            })
            .await;
        let (line, rows) = (self.line(&id), self.rows(&id));
        let message = self.world.unread(number(&who.name)).pop();
        Left { line, rows, card: word.to_owned(), message }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_about_a_person_leaves_the_same_on_every_surface() {
    let mut bed = Bed::start().await;
    for (decision, surfaces) in CASES {
        let word = match decision {
            Approve | ApproveForADay => "✅ Approved",
            Deny => "⛔ Denied",
            Block => "⛔ Blocked",
        };
        let mut first: Option<Left> = None;
        for surface in surfaces {
            let who = bed.waits(format!("{surface:?}{decision:?}")).await;
            bed.decide(*surface, decision, &who).await;
            let place = format!("{decision:?} by {surface:?}");
            let is_told = matches!(decision, Approve | ApproveForADay) && *surface != Surface::Cli;
            if is_told {
                assert_eq!(bed.world.next(number(&who.name)).await, WELCOME, "{place}");
            }
            let left = bed.left(&who, (word, decision == ApproveForADay)).await;
            assert_eq!(left.message, None, "{place}");
            let expected = first.get_or_insert_with(|| Left {
                line: left.line.clone(),
                card: left.card.clone(),
                message: None,
                rows: left.rows,
            });
            assert_eq!(left, *expected, "{place}");
        }
        let rows = match decision {
            Approve => [false, true, false, false, false],
            ApproveForADay => [false, false, true, false, false],
            Deny => [false, false, false, false, true],
            Block => [false, false, false, true, false],
        };
        assert_eq!(first.unwrap().rows, rows, "{decision:?}");
    }
    bed.world.stop();
}

/// A device that waits, and its card.
struct Device {
    id: String,
    request: String,
    card: SentRef,
    data: String,
}

impl Bed {
    async fn device(&mut self, seed: u8, label: &str) -> Device {
        let key = Key::new(seed);
        let mut wire = Wire::open(self.world.gateway.as_ref().unwrap().port).await;
        let mut params = Wire::params("node", &[], json!({ "token": TOKEN }));
        params["commands"] = json!(["camera.snap"]);
        let refused = wire.connect(wire.signed(&key, params)).await.unwrap_err();
        let request = refused["details"]["requestId"].as_str().unwrap().to_owned();
        self.world.shows("owner", &request).await;
        let asked = self.wire.event("device.pair.requested").await["payload"].clone();
        assert_eq!(asked["requestId"], request.as_str());
        let (card, data) = self.world.button("owner", label).await;
        Device { id: key.id(), request, card, data }
    }

    async fn decide_device(&mut self, surface: Surface, approves: bool, one: &Device) {
        let word = if approves { "approve" } else { "reject" };
        match surface {
            Card => {
                self.world.press_with("owner", &one.card, &one.data).await;
            }
            Chat => {
                self.world.say("owner", &format!("/pair {word} {}", one.request)).await;
            }
            Cli | CliNotify => self.cli(&["devices", word, &one.request]),
            Rpc => {
                let params = json!({ "requestId": one.request });
                self.wire.call(&format!("device.pair.{word}"), params).await.unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_about_a_device_leaves_the_same_on_every_surface() {
    let mut bed = Bed::start().await;
    let mut seeds = 1..;
    for (approves, label, word, said) in
        [(true, "Approve", "✅ Approved", "approved"), (false, "Deny", "⛔ Denied", "rejected")]
    {
        let mut first = None;
        for surface in [Card, Chat, Cli, Rpc] {
            let place = format!("{label} by {surface:?}");
            let one = bed.device(seeds.next().unwrap(), label).await;
            bed.decide_device(surface, approves, &one).await;
            let resolved = bed.wire.event("device.pair.resolved").await["payload"].clone();
            assert_eq!(resolved["requestId"], one.request.as_str(), "{place}");
            assert_eq!(
                (&resolved["deviceId"], &resolved["decision"]),
                (&json!(one.id), &json!(said)),
                "{place}"
            );
            if approves {
                bed.wire.event("device.pair.changed").await;
            }
            let card = one.card.id.as_str().to_owned();
            let ends = |text: &str| text.starts_with(word);
            bed.world
                .telegram
                .until(&place, |state| {
                    let mut shown = state.messages.iter().filter(|shown| shown.id == card);
                    shown.any(|shown| ends(&shown.text))
                })
                .await;
            let paired = bed.world.home.read("devices/paired.json").contains(&one.id);
            let waits = bed.world.home.read("devices/pending.json").contains(&one.request);
            let left = (bed.line(&one.id), paired, waits);
            assert_eq!((left.1, left.2), (approves, false), "{place}");
            assert_eq!(left, *first.get_or_insert_with(|| left.clone()), "{place}");
        }
    }
    bed.world.stop();
}
