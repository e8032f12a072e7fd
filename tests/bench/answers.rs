//! How alive an answer is: from a message to the first sign of it, to its first words, and from its end to the last edit,
//! on each platform's fake; what formatting and growing add to an answer that comes at once; and what a gateway holds in
//! memory that has nothing to do, connected to all of them.
//!
//! `cargo bench --bench answers`, or `cargo bench --bench answers -- slack` for the rows whose name has that word.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a bench that fails has nothing to tell"
)]
#![allow(clippy::print_stdout, reason = "its figures are what it is for")]
#![allow(dead_code, reason = "a bench uses a part of what the tests have")]

#[path = "../e2e/assistant.rs"]
mod assistant;
#[path = "../e2e/bluebubbles.rs"]
mod bluebubbles;
#[path = "../e2e/chats.rs"]
mod chats;
#[path = "../e2e/discord.rs"]
mod discord;
#[path = "../../plugins/bluebubbles/tests/fake/mod.rs"]
mod fake_bluebubbles;
#[path = "../../plugins/discord/tests/fake/mod.rs"]
mod fake_discord;
#[path = "../../plugins/feishu/tests/fake/mod.rs"]
mod fake_feishu;
#[path = "../../plugins/googlechat/tests/fake/mod.rs"]
mod fake_googlechat;
#[path = "../../plugins/imessage/tests/fake/mod.rs"]
mod fake_imessage;
#[path = "../../plugins/msteams/tests/fake/mod.rs"]
mod fake_msteams;
#[path = "../../plugins/signal/tests/fake/mod.rs"]
mod fake_signal;
#[path = "../../plugins/slack/tests/fake/mod.rs"]
mod fake_slack;
#[path = "../../plugins/telegram/tests/fake/mod.rs"]
mod fake_telegram;
#[path = "../../plugins/whatsapp/tests/fake/mod.rs"]
mod fake_whatsapp;
#[path = "../e2e/feishu.rs"]
mod feishu;
#[path = "../e2e/googlechat.rs"]
mod googlechat;
#[path = "../e2e/imessage.rs"]
mod imessage;
#[path = "../e2e/msteams.rs"]
mod msteams;
#[path = "../e2e/process.rs"]
mod process;
#[path = "../e2e/signal.rs"]
mod signal;
#[path = "../e2e/slack.rs"]
mod slack;
#[path = "../e2e/visitor.rs"]
mod visitor;
#[path = "../e2e/whatsapp.rs"]
mod whatsapp;

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use serde_json::json;

use self::{
    assistant::Assistant,
    chats::{Chats, How, everywhere},
    discord::Discord,
    fake_slack::FakeSlack,
    fake_telegram::{FakeTelegram, TOKEN, person, private},
    process::{Gateway, Home, PATIENCE, texts},
    visitor::Visitor,
};

const CHANNELS: [&str; 4] = ["telegram", "discord", "slack", "webchat"];
const GROWING: usize = 5;
const AT_ONCE: usize = 40;
const IDLE: Duration = Duration::from_secs(10);

const CONFIG: &str = r#"
[owner]
allow_from = ["telegram:1001", "discord:{discord.owner}", "slack:{slack.owner}"]
[channels.telegram]
bot_token = "{token}"
api_root = "{root}"
[channels.discord]
token = "{discord.token}"
api_root = "{discord.root}"
[channels.slack]
bot_token = "{slack.bot_token}"
app_token = "{slack.app_token}"
api_url = "{slack.api}"
[channels.webchat]
dm_policy = "open"
allow_from = ["*"]
"#;

#[tokio::main]
async fn main() {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let wanted = wanted.unwrap_or_default();
    println!("{:<44} {:>9} {:>9} {:>9}", "", "fastest", "median", "slowest");
    for channel in CHANNELS.into_iter().filter(|channel| channel.contains(&wanted)) {
        let mut bed = Bed::start("edit").await;
        growing(&mut bed, channel).await;
        let formatted = at_once(&mut bed, channel, &long()).await;
        row(&format!("{channel}, Markdown at once, edit"), &formatted);
        let mut bed = Bed::start("off").await;
        let plain = at_once(&mut bed, channel, "Yes.").await;
        row(&format!("{channel}, a word at once, off"), &plain);
        let added = formatted[AT_ONCE / 2] - plain[AT_ONCE / 2];
        println!("{:<44} {:>19.2} ms (below 5)", format!("{channel}, added"), added);
    }
    if "memory".contains(&wanted) {
        memory().await;
    }
}

/// A gateway that is connected to every chat channel, after some time without anything to do.
async fn memory() {
    let (home, telegram) = (Home::new(), FakeTelegram::start().await);
    let mut config = everywhere().replace("{root}", &telegram.root()).replace("{token}", TOKEN);
    let mut talks = Vec::new();
    for (channel, ..) in chats::CHANNELS {
        let talk = chats::start(channel).await.unwrap();
        config = talk.chats.fill(&config);
        talks.push(talk);
    }
    home.configure(&config);
    let gateway = home.gateway("warn");
    for talk in &talks {
        talk.chats.is_called_at(gateway.port, "");
    }
    let connected = || {
        let (status, _) = texts(&home.cli(&["channels", "status", "--json"]));
        let status: serde_json::Value = serde_json::from_str(&status).unwrap_or_default();
        let all = status["channelAccounts"].as_object().into_iter().flat_map(|all| all.values());
        all.filter(|accounts| accounts[0]["connected"] == true).count()
    };
    let begun = Instant::now();
    // Telegram and the page are no fakes of a story.
    while connected() < talks.len() + 2 {
        assert!(begun.elapsed() < PATIENCE, "{:?}", texts(&home.cli(&["channels", "status"])));
        tokio::time::sleep(IDLE / 20).await;
    }
    tokio::time::sleep(IDLE).await;
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid())).unwrap();
    let held = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let held: f64 = held.split_whitespace().next().unwrap().parse().unwrap();
    let name = format!("memory, {} chat channels connected", talks.len() + 1);
    println!("{name:<44} {:>18.1} MiB (below 24)", held / 1024.0);
}

/// From the question to the sign, from the first words to their sight, from the end to the last edit; in milliseconds.
async fn growing(bed: &mut Bed, channel: &str) {
    let (mut signs, mut first, mut last) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..GROWING {
        bed.comes_anew(channel).await;
        bed.assistant.thinks_again();
        let asked = Instant::now();
        bed.asks(channel).await;
        // Slack has no such sign.
        if channel != "slack" {
            bed.sign(channel).await;
            signs.push(ms(asked));
        }
        let written = Instant::now();
        // A word that no platform marks or escapes.
        bed.assistant.writes(&format!("**half** begun{round}x"));
        bed.shows(channel, &format!("begun{round}x")).await;
        first.push(ms(written));
        let ended = Instant::now();
        bed.assistant.writes(&format!(" whole{round}x"));
        bed.assistant.ends();
        bed.shows(channel, &format!("whole{round}x")).await;
        last.push(ms(ended));
    }
    for (what, mut took) in
        [("sign that it is written", signs), ("first words", first), ("last edit", last)]
    {
        took.sort_by(f64::total_cmp);
        if !took.is_empty() {
            row(&format!("{channel}, {what}"), &took);
        }
    }
}

/// From the question to the answer.
async fn at_once(bed: &mut Bed, channel: &str, answer: &str) -> Vec<f64> {
    let mut took = Vec::new();
    for round in 0..=AT_ONCE {
        bed.comes_anew(channel).await;
        bed.assistant.thinks_again();
        bed.assistant.writes(&format!("{answer} round{round}x"));
        bed.assistant.ends();
        let asked = Instant::now();
        bed.asks(channel).await;
        bed.shows(channel, &format!("round{round}x")).await;
        took.push(ms(asked));
    }
    // The first one finds everything cold.
    took.remove(0);
    took.sort_by(f64::total_cmp);
    took
}

/// An answer of everything, within one message.
fn long() -> String {
    let mut answer = "# Plan\n\n| name | cost |\n|---|--:|\n| tea | 12 |\n\n".to_owned();
    for n in 0..12 {
        write!(answer, "- **bold** and `code` and [link {n}](https://a.example/)\n- plain\n\n")
            .unwrap();
    }
    answer + "```rust\nlet a = 1;\n```\n\nThe end"
}

fn row(name: &str, sorted: &[f64]) {
    let [fastest, median, slowest] =
        [0, sorted.len() / 2, sorted.len() - 1].map(|at| format!("{:.2} ms", sorted[at]));
    println!("{name:<44} {fastest:>9} {median:>9} {slowest:>9}");
}

fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

/// A gateway, its assistant, and a fake of each platform.
struct Bed {
    assistant: Assistant,
    telegram: FakeTelegram,
    discord: Discord,
    slack: FakeSlack,
    visitor: Visitor,
    gateway: Gateway,
    _home: Home,
    typed: usize,
}

impl Bed {
    async fn start(stream: &str) -> Self {
        let (home, assistant) = (Home::new(), Assistant::start().await);
        let (telegram, discord) = (FakeTelegram::start().await, Discord::start().await);
        let slack = FakeSlack::start().await;
        let tables = assistant.tables(&format!("stream = \"{stream}\""));
        let config = CONFIG.replace("{root}", &telegram.root()).replace("{token}", TOKEN) + &tables;
        home.configure(&slack.fill(&discord.fill(&config)));
        let gateway = home.gateway("warn");
        telegram.until("a poll waits", |state| state.poller > 1).await;
        let visitor = Visitor::come(gateway.port).await;
        Self { assistant, telegram, discord, slack, visitor, gateway, _home: home, typed: 0 }
    }

    /// A page may not ask as fast as a bench: each question on it is another visitor's.
    async fn comes_anew(&mut self, channel: &str) {
        if channel == "webchat" {
            self.visitor = Visitor::come(self.gateway.port).await;
            self.visitor.connect(self.gateway.port).await;
        }
    }

    async fn asks(&mut self, channel: &str) {
        self.typed = match channel {
            "telegram" => self.telegram.with(|state| state.typed),
            _ => self.discord.typed(),
        };
        match channel {
            "telegram" => {
                let content = json!({ "text": "hello" });
                self.telegram.message(private(1001), person(1001, "owner"), content);
            }
            "discord" => drop(self.discord.say("owner", How::Directly, "hello").await),
            "slack" => drop(self.slack.say("owner", How::Directly, "hello").await),
            _ => self.visitor.say("hello").await.unwrap(),
        }
    }

    async fn sign(&mut self, channel: &str) {
        let before = self.typed;
        match channel {
            "telegram" => self.telegram.until("typing", |state| state.typed > before).await,
            "discord" => self.discord.fake.until("typing", |state| state.typed > before).await,
            _ => self.visitor.typing().await,
        }
    }

    async fn shows(&mut self, channel: &str, text: &str) {
        let chats: &dyn Chats = match channel {
            "telegram" => {
                let shows = |state: &fake_telegram::State| {
                    state.messages.iter().any(|shown| shown.text.contains(text))
                };
                return self.telegram.until(text, shows).await;
            }
            "webchat" => return self.visitor.reads(text).await,
            "discord" => &self.discord,
            _ => &self.slack,
        };
        let mut changes = chats.changes();
        let shown = async {
            while !chats.shown("owner").iter().any(|seen| seen.text.contains(text)) {
                changes.changed().await.expect("the platform runs");
            }
        };
        tokio::time::timeout(PATIENCE, shown).await.expect(text);
    }
}
