//! A thousand strangers in a minute, and all at once: how long a guest waits for an answer meanwhile, how long a
//! newcomer for a code, and what is left on disk and in memory.
//!
//! `cargo bench --bench flood`; it takes some five minutes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a bench that fails has nothing to tell"
)]
#![allow(clippy::print_stdout, reason = "its figures are what it is for")]

#[path = "../../plugins/telegram/tests/fake/mod.rs"]
mod fake_telegram;
#[allow(dead_code, reason = "a bench uses a part of it")]
#[path = "../e2e/process.rs"]
mod process;

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use tokio::time::{MissedTickBehavior, interval};

use self::{
    fake_telegram::{FakeTelegram, State, TOKEN},
    process::{Gateway, Home},
};

const STRANGERS: i64 = 1_000;
const GUEST: i64 = 4711;
const OWNER: i64 = 1001;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    println!(
        "{:<28} {:>8} {:>8} {:>8} {:>9}",
        "a guest's answer", "fastest", "median", "slowest", "newcomer"
    );
    for (rule, hold) in [("ignore", false), ("evict-oldest", false), ("evict-oldest", true)] {
        let bed = Bed::new(rule, hold).await;
        let name = format!("{rule}{}", if hold { ", held" } else { "" });
        let mut alone = Vec::new();
        for _ in 0..50 {
            alone.push(bed.ask(alone.len()).await);
        }
        row(&format!("{name}: alone"), alone, None);
        let before = memory(&bed.gateway);
        let (meanwhile, newcomer) = bed.minute(Duration::from_mins(1)).await;
        row(&format!("{name}: in a minute"), meanwhile, newcomer);
        let (burst, newcomer) = bed.minute(Duration::ZERO).await;
        row(&format!("{name}: all at once"), burst, newcomer);
        bed.rest(before);
    }
}

/// A gateway, a guest who is listed, and an owner.
struct Bed {
    home: Home,
    telegram: FakeTelegram,
    gateway: Gateway,
    evicts: bool,
}

impl Bed {
    async fn new(rule: &str, hold: bool) -> Self {
        let (home, telegram) = (Home::new(), FakeTelegram::start().await);
        telegram.with(|state| state.chats.insert(OWNER));
        let root = telegram.root();
        home.configure(&format!(
            "[owner]\nallow_from = [\"telegram:{OWNER}\"]\n\
             [pairing]\nwhen_full = \"{rule}\"\nhold_first_message = {hold}\n\
             [channels.telegram]\nallow_from = [\"{GUEST}\"]\n\
             bot_token = \"{TOKEN}\"\napi_root = \"{root}\"\n"
        ));
        let gateway = home.gateway("info");
        Self { home, telegram, gateway, evicts: rule == "evict-oldest" }
    }

    /// However long it takes.
    async fn until(&self, holds: impl Fn(&State) -> bool) {
        while !self.telegram.with(|state| holds(state)) {
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
    }

    /// The guest asks, and is answered.
    async fn ask(&self, number: usize) -> Duration {
        let text =
            format!("question {number} of {}", self.telegram.with(|state| state.messages.len()));
        let began = Instant::now();
        self.telegram.direct(GUEST, "Guest", &text);
        self.until(|state| is_told(state, GUEST, &text)).await;
        began.elapsed()
    }

    /// All of them come within this time, and at the end a real newcomer. What the guest waited, and the other.
    async fn minute(&self, time: Duration) -> (Vec<Duration>, Option<Duration>) {
        let first = 6_000_000
            + i64::try_from(self.telegram.with(|state| state.messages.len())).unwrap() * 10_000;
        let come = async {
            let each = time.max(Duration::from_millis(1)) / 1_000;
            let mut turns = interval(each.max(Duration::from_nanos(1)));
            turns.set_missed_tick_behavior(MissedTickBehavior::Burst);
            for n in 0..STRANGERS {
                turns.tick().await;
                self.telegram.direct(first + n, "x", "let me in");
            }
            let began = Instant::now();
            let newcomer = first + STRANGERS;
            self.telegram.direct(newcomer, "Ann", "hello");
            if !self.evicts {
                self.until(|state| state.updates.is_empty()).await;
                return None;
            }
            self.until(|state| is_told(state, newcomer, "")).await;
            Some(began.elapsed())
        };
        let mut come = std::pin::pin!(come);
        let mut waited = Vec::new();
        let ended = loop {
            tokio::select! {
                ended = &mut come => break ended,
                answer = self.ask(waited.len()) => waited.push(answer),
            }
        };
        self.until(|state| state.updates.is_empty()).await;
        (waited, ended)
    }

    /// What is left of them.
    fn rest(self, before: u64) {
        let state = self.home.state();
        let size = |path: &str| fs::metadata(state.join(path)).map_or(0, |meta| meta.len());
        let held = fs::read_dir(state.join("held")).map_or(0, Iterator::count);
        println!(
            "  requests {} B, held {held}, cards {} B, log {} B; memory {before} kB before, {} kB after",
            size("credentials/telegram-pairing.json"),
            size("outbox/cards.json"),
            size("audit/access.jsonl"),
            memory(&self.gateway),
        );
        assert!(self.gateway.stop().success());
    }
}

fn is_told(state: &State, chat: i64, end: &str) -> bool {
    let mut newest = state.messages.iter().rev();
    newest.any(|shown| shown.chat["id"] == chat && shown.text.ends_with(end))
}

/// What a gateway has in memory, in kB.
fn memory(gateway: &Gateway) -> u64 {
    let status =
        fs::read_to_string(Path::new("/proc").join(gateway.pid().to_string()).join("status"));
    let status = status.unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn row(name: &str, mut all: Vec<Duration>, newcomer: Option<Duration>) {
    all.sort_unstable();
    let ms = |it: Option<&Duration>| {
        it.map_or("-".to_owned(), |it| format!("{:.1} ms", it.as_secs_f64() * 1e3))
    };
    println!(
        "{name:<28} {:>8} {:>8} {:>8} {:>9}",
        ms(all.first()),
        ms(all.get(all.len() / 2)),
        ms(all.last()),
        ms(newcomer.as_ref()),
    );
}
