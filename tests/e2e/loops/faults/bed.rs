//! A gateway whose disk fails when a test says so, and who is decided about there.

use std::time::{Duration, Instant};

use openclaw_plugin_sdk::{ChatId, EventId, SentRef};
use serde_json::{Value, json};

use super::{Deed, Way};
use crate::{
    cases::sockets::{ALL, TOKEN},
    fake_telegram::{State, person},
    loops::check_files,
    preload::{Fault, Point, Remote, Rule},
    process::{PATIENCE, look_again, texts},
    wire::{Key, Wire},
    world::World,
};

const OWNER: i64 = 1001;
/// So many wait from the beginning.
const WAITING: i64 = 400;
/// A call that fails has its consequences within this.
const SOON: Duration = Duration::from_millis(300);

/// Who or what is decided about, by number.
pub(super) struct Subject {
    pub(super) id: i64,
    /// Of a device: what it asks.
    request: String,
}

impl Subject {
    fn new(number: i64) -> Self {
        Self { id: 6_000_000 + number, request: String::new() }
    }

    pub(super) fn code(&self) -> String {
        let letters = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
        let letter = |n: u32| letters[usize::try_from((self.id >> (5 * n)) & 31).unwrap()];
        (0..8).map(|n| char::from(letter(n))).collect()
    }

    fn key(&self) -> Key {
        let mut seed = [9; 32];
        seed[..8].copy_from_slice(&self.id.to_be_bytes());
        Key::of(seed)
    }

    /// By what name the files know it.
    fn name(&self) -> String {
        if self.request.is_empty() { self.id.to_string() } else { self.key().id() }
    }
}

/// What the owner was told of a decision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Told {
    Done,
    NotDone,
    Unknown,
}

pub(super) struct Bed {
    world: World,
    remote: Remote,
    deed: Deed,
    admin: Option<Wire>,
    subjects: i64,
    /// The lists of who is let in and who waits, once everything is over.
    lists: Vec<Value>,
}

fn config(cards: bool) -> String {
    let quiet = if cards { "" } else { "quiet = \"00:00-23:59\"\ntime_zone = \"UTC\"\n" };
    format!(
        "[owner]\nallow_from = [\"telegram:{OWNER}\"]\n{quiet}[owner.cards]\nburst = 60\nper_minute = 60\n\
         [pairing]\nmax_pending = 1000\n[gateway]\ntrusted_proxies = [\"127.0.0.2\"]\nauth = {{ token = \"{TOKEN}\" }}\n\
         [channels.telegram]\nbot_token = \"{{token}}\"\napi_root = \"{{root}}\"\n"
    )
}

impl Bed {
    pub(super) async fn start(deed: Deed) -> Self {
        let presses = matches!(deed.way, Way::Press(_));
        let mut world = World::prepare(&config(presses)).await;
        if matches!(deed.way, Way::Chat(_)) {
            let now = format!("{:.3}", jiff::Timestamp::now());
            let request = |number| {
                let subject = Subject::new(number);
                json!({ "id": subject.name(), "code": subject.code(), "createdAt": now, "lastSeenAt": now,
                    "meta": { "firstName": "Ann", "accountId": "default" } })
            };
            let requests: Vec<Value> = (1..=WAITING).map(request).collect();
            let file = json!({ "version": 1, "requests": requests }).to_string();
            world.home.put("credentials/telegram-pairing.json", &file);
        }
        let mut command = world.home.program(&["gateway", "run", "--port", "0"]);
        let remote = Remote::over(&mut command, &world.home.state());
        world.gateway = Some(world.home.started(command, "info"));
        let mut bed = Self { world, remote, deed, admin: None, subjects: 0, lists: Vec::new() };
        if matches!(deed.way, Way::Call) {
            let mut wire = Wire::open(bed.port()).await;
            let params = Wire::params("operator", &ALL, json!({ "token": TOKEN }));
            wire.connect(params).await.unwrap();
            bed.admin = Some(wire);
        }
        bed
    }

    fn port(&self) -> u16 {
        self.world.gateway.as_ref().unwrap().port
    }

    /// One more person without a decision.
    pub(super) async fn subject(&mut self) -> Subject {
        self.subjects += 1;
        let mut subject = Subject::new(self.subjects);
        match self.deed.way {
            Way::Chat(_) if self.deed.is_guest => {
                let code = subject.code();
                let approve = ["pairing", "approve", "telegram", &code, "--for", "24h"];
                let done = self.world.home.cli(&approve);
                assert!(done.status.success(), "{:?}", texts(&done));
            }
            Way::Chat(_) => assert!(self.subjects <= WAITING),
            Way::Press(labels) => {
                self.world.telegram.direct(subject.id, "ann", "hello");
                for label in &labels[..labels.len() - 1] {
                    let (on, data) = self.button(&subject, label).await;
                    self.world.press_with("owner", &on, &data).await;
                }
                self.button(&subject, labels[labels.len() - 1]).await;
            }
            Way::Call => {
                let from = format!("198.51.100.{}", self.subjects);
                let mut wire = Wire::open_with(self.port(), &[("x-forwarded-for", &from)]).await;
                let params = Wire::params("node", &[], json!({ "token": TOKEN }));
                let params = wire.signed(&subject.key(), params);
                let told = wire.connect(params).await.unwrap_err();
                told["details"]["requestId"].as_str().unwrap().clone_into(&mut subject.request);
            }
        }
        subject
    }

    /// The card that names a sender, and what its button carries.
    async fn button(&self, subject: &Subject, label: &str) -> (SentRef, String) {
        let name = subject.name();
        let find = |state: &State| {
            let shown = state.messages.iter().rev();
            let card = shown.filter(|one| one.chat["id"] == OWNER && one.text.contains(&name));
            let mut card = card.filter(|one| one.keyboard.is_array());
            card.find_map(|one| {
                let rows = one.keyboard.as_array()?.iter().filter_map(Value::as_array);
                let button = rows.flatten().find(|button| button["text"] == label)?;
                let on = SentRef {
                    chat: ChatId::new(OWNER.to_string()),
                    id: EventId::new(one.id.clone()),
                };
                Some((on, button["callback_data"].as_str()?.to_owned()))
            })
        };
        self.world.telegram.until(label, |state| find(state).is_some()).await;
        self.world.telegram.with(|state| find(state).unwrap())
    }

    /// Decides, while the disk fails or does not, and gives what the owner was told.
    pub(super) async fn decide(
        &mut self,
        subject: &Subject,
        fault: Option<(&Point, Fault)>,
    ) -> (Told, String) {
        // What was begun before is over.
        self.settled().await;
        drop(self.remote.points());
        self.remote.tell(
            &fault.map(|(point, fault)| self.rule(point, fault)).into_iter().collect::<Vec<_>>(),
        );
        let said = match self.deed.way {
            Way::Call => self.call(subject).await,
            Way::Chat(line) => {
                let from = self.sent();
                self.world.telegram.direct(OWNER, "owner", &line(subject));
                self.answer(from).await
            }
            Way::Press(labels) => {
                let from = self.sent();
                let (on, data) = self.button(subject, labels[labels.len() - 1]).await;
                self.world.telegram.press(&person(OWNER, "owner"), &on, &data);
                self.answer(from).await
            }
        };
        // What follows the answer fails too.
        let until = Instant::now() + SOON;
        while fault.is_some() && !self.has_struck() && Instant::now() < until {
            look_again().await;
        }
        self.remote.tell(&[]);
        (self.told(&said), said)
    }

    fn rule(&self, point: &Point, fault: Fault) -> Rule {
        let calls = ["write", "sync", "rename"];
        let call = calls.into_iter().find(|call| *call == point.call).unwrap();
        let path = self.world.home.state().join(&point.path).display().to_string();
        let path = if path.ends_with(".oc-") { path } else { format!("{path}$") };
        Rule { call, path, from: point.nth, times: 1, fault }
    }

    fn told(&self, said: &str) -> Told {
        let small = said.to_lowercase();
        let is_done = said.contains(self.deed.done);
        let is_not = small.contains("nothing was changed");
        let is_unknown = small.contains("not known");
        match (is_done, is_not, is_unknown) {
            (true, false, false) => Told::Done,
            (false, true, false) => Told::NotDone,
            (false, false, true) => Told::Unknown,
            _ => panic!("{} was told: {said:?}\n{}", self.deed.done, self.world.home.logged()),
        }
    }

    fn sent(&self) -> usize {
        self.world.telegram.with(|state| state.messages.len())
    }

    /// What the owner was told since, but for what is said of the account itself.
    fn heard(&self, from: usize) -> String {
        self.world.telegram.with(|state| {
            let new = state.messages.iter().skip(from);
            let new = new.filter(|one| one.toast || one.chat["id"] == OWNER);
            let new = new.map(|one| &*one.text).filter(|text| !text.contains("is paused"));
            new.collect::<Vec<_>>().join("\n")
        })
    }

    /// Waits for an answer; the disk is well again where it has none while it fails.
    async fn answer(&self, from: usize) -> String {
        let (begun, mut struck) = (Instant::now(), None);
        loop {
            look_again().await;
            let is_taken = self.world.telegram.with(|state| state.updates.is_empty());
            let said = self.heard(from);
            if is_taken && !said.is_empty() {
                return said;
            }
            if struck.is_none() && self.remote.has_struck() {
                struck = Some(Instant::now());
            }
            if struck.is_some_and(|at| at.elapsed() > SOON) {
                self.remote.tell(&[]);
            }
            assert!(begun.elapsed() < PATIENCE, "no answer\n{}", self.world.home.logged());
        }
    }

    async fn call(&mut self, subject: &Subject) -> String {
        let admin = self.admin.as_mut().unwrap();
        let params = json!({ "requestId": subject.request });
        match admin.call("device.pair.approve", params).await {
            Ok(_) => "✅".to_owned(),
            Err(error) => error["message"].as_str().unwrap().to_owned(),
        }
    }

    /// Nothing is written for a moment.
    async fn settled(&self) {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if self.remote.points().is_empty() {
                return;
            }
        }
    }

    /// What a decision that was just made has done to the disk.
    pub(super) async fn points(&self) -> Vec<Point> {
        tokio::time::sleep(SOON).await;
        self.remote.points()
    }

    pub(super) fn has_struck(&self) -> bool {
        self.remote.has_struck()
    }

    /// The disk is well, and the gateway begins anew.
    pub(super) async fn restart(&mut self) {
        self.admin = None;
        self.world.stop();
        self.world.run();
        self.world.telegram.until("all is taken", |state| state.updates.is_empty()).await;
        let verified = self.world.home.cli(&["audit", "verify"]);
        assert!(verified.status.success(), "{:?}", texts(&verified));
        check_files(&self.world.home.state());
        let list = |words: &[&str]| -> Value {
            serde_json::from_str(&texts(&self.world.home.cli(words)).0).unwrap()
        };
        self.lists = vec![
            list(&["access", "list", "telegram", "--json"]),
            list(&["pairing", "list", "telegram", "--json"]),
        ];
        for file in ["devices/paired.json", "devices/pending.json"] {
            self.lists.push(serde_json::from_str(&self.world.home.read(file)).unwrap_or_default());
        }
        self.world.stop();
    }

    /// How it stands: state and note, whether it waits, and of a device whether it is paired and whether it waits.
    pub(super) fn standing(&self, subject: &Subject) -> (String, bool, bool, bool) {
        let [access, pairing, paired, pending] = &self.lists[..] else {
            panic!("after the restart")
        };
        let (name, key) = (subject.name(), subject.key().id());
        let who = format!("telegram:{name}");
        let row =
            access["access"].as_array().unwrap().iter().find(|row| row["who"] == who.as_str());
        let state = row.map(|row| format!("{} {}", row["state"], row["note"])).unwrap_or_default();
        let mut requests = pairing["requests"].as_array().unwrap().iter();
        let waits = requests.any(|row| row["id"] == name.as_str());
        let asks = pending.to_string().contains(&key);
        (state, waits, paired.get(&key).is_some(), asks)
    }

    /// How many lines in the access log say of it what the last line about `first` says.
    pub(super) fn lines(&self, subject: &Subject, first: &Subject) -> usize {
        let log = self.world.home.read("audit/access.jsonl");
        let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let lines: Vec<(String, String)> =
            lines.map(|line| (line["action"].to_string(), line["subject"].to_string())).collect();
        let about = |one: &Subject, subject: &str| subject.contains(&one.name());
        let action = lines.iter().rev().find(|(_, subject)| about(first, subject));
        let (action, _) = action.expect("a line about the first");
        lines.iter().filter(|(other, of)| other == action && about(subject, of)).count()
    }
}
