//! An answer that grows while it is written: what a chat shows meanwhile, and that its end is what it would be without.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{
    assistant::Assistant,
    chats::How,
    fake_telegram::private,
    process::{PATIENCE, look_again},
    world::{World, number},
};

const CONFIG: &str = r#"
[owner]
allow_from = ["telegram:1001", "discord:{discord.owner}", "slack:{slack.owner}"]
[channels.telegram]
allow_from = ["4711"]
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

const GUEST: i64 = 4711;
const PLATFORMS: [&str; 3] = ["telegram", "discord", "slack"];

/// An answer in the pieces in which it is written; each stops in the middle of a mark.
pub(super) const PIECES: [&str; 3] = [
    "# Plan\n\nSome **bo",
    "ld** words.\n\n```rust\nlet a",
    " = 1;\n```\n\n- [end](https://a.example/)\n",
];
/// What each shows that the one before does not.
pub(super) const SIGNS: [&str; 3] = ["Plan", "let a", "• "];

/// Waits until something holds that has no event of its own.
pub(super) async fn until(what: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            look_again().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{what}"));
}

pub(super) struct Bed {
    pub(super) world: World,
    pub(super) assistant: Assistant,
}

impl Bed {
    pub(super) async fn start(more: &str) -> Self {
        let assistant = Assistant::start().await;
        let config = format!("{CONFIG}{}", assistant.tables(more));
        Self { world: World::start(&config).await, assistant }
    }

    /// The owner asks, or a visitor on the page.
    pub(super) async fn asks(&mut self, channel: &str) {
        match channel {
            "telegram" => drop(self.world.say("owner", "hello").await),
            "webchat" => self.world.visitor("ann").await.say("hello").await.unwrap(),
            _ => self.world.say_on(channel, "owner", How::Directly, "hello").await,
        }
    }

    /// Waits until the owner's chat shows this.
    pub(super) async fn shows(&self, channel: &str, text: &str) {
        match channel {
            "telegram" => drop(self.world.shows("owner", text).await),
            _ => self.world.talks[channel].shows("owner", text).await,
        }
    }

    /// The messages in the owner's chat.
    pub(super) fn shown(&self, channel: &str) -> Vec<String> {
        if channel == "telegram" {
            return self.world.telegram.with(|state| {
                let shown = state.messages.iter().filter(|shown| shown.chat["id"] == 1001);
                shown.map(|shown| shown.text.clone()).collect()
            });
        }
        let shown = self.world.talks[channel].chats.shown("owner");
        shown.into_iter().map(|seen| seen.text).collect()
    }

    /// What was called on Telegram.
    pub(super) fn calls(&self, wanted: &str) -> Vec<Value> {
        self.world.telegram.with(|state| {
            let calls = state.calls.iter().filter(|(method, _)| method == wanted);
            calls.map(|(_, call)| call.clone()).collect()
        })
    }

    fn journal(&self, channel: &str) -> String {
        self.world.home.read(&format!("inbox/{channel}-default.jsonl"))
    }

    /// Waits until the journal knows the message that grows.
    async fn noted(&self, channel: &str) {
        until("it is noted", || self.journal(channel).contains("\"is\":\"begins\"")).await;
    }

    /// Waits until nothing is owed any more.
    pub(super) async fn settled(&self) {
        self.world.knows_what_was_taken().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_grows_in_one_message_and_ends_as_if_it_had_come_whole() {
    let mut bed = Bed::start("").await;
    for channel in PLATFORMS {
        bed.assistant.thinks_again();
        bed.asks(channel).await;
        for (piece, sign) in PIECES.iter().zip(SIGNS) {
            bed.assistant.writes(piece);
            bed.shows(channel, sign).await;
        }
        bed.assistant.ends();
        bed.settled().await;
        assert_eq!(bed.shown(channel).len(), 1, "{channel}: {:?}", bed.shown(channel));
    }
    assert_eq!(
        (bed.calls("sendmessage").len(), bed.calls("editmessagetext").len() >= 2),
        (1, true)
    );
    let last = bed.calls("editmessagetext").pop().unwrap();
    // Once more, whole.
    bed.world.stop();
    let config =
        bed.world.home.read("config.toml").replace("[assistant]", "[assistant]\nstream = \"off\"");
    bed.world.home.configure(&config);
    bed.world.run();
    for channel in PLATFORMS {
        bed.asks(channel).await;
        until("a second answer", || bed.shown(channel).len() > 1).await;
        let [grown, whole] = &bed.shown(channel)[..] else { panic!("two answers") };
        assert_eq!(grown, whole, "{channel}");
    }
    let whole = bed.calls("sendmessage").pop().unwrap();
    assert_eq!((&last["text"], &last["parse_mode"]), (&whole["text"], &whole["parse_mode"]));
    bed.world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_page_an_answer_grows_in_place() {
    let mut bed = Bed::start("").await;
    bed.asks("webchat").await;
    bed.assistant.writes(PIECES[0]);
    let ann = bed.world.visitor("ann").await;
    assert_eq!(ann.next().await, "Plan\n\nSome **bo");
    for (piece, sign) in PIECES.iter().zip(SIGNS).skip(1) {
        bed.assistant.writes(piece);
        bed.world.visitor("ann").await.sees(sign).await;
    }
    bed.assistant.ends();
    bed.settled().await;
    let ann = bed.world.visitor("ann").await;
    assert_eq!(ann.unread(), Vec::<String>::new(), "one message");
    bed.world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_whole_within_a_second_is_sent_once() {
    let mut bed = Bed::start("").await;
    for piece in PIECES {
        bed.assistant.writes(piece);
    }
    bed.assistant.ends();
    for channel in PLATFORMS {
        bed.asks(channel).await;
        bed.shows(channel, "let a = 1;").await;
        bed.settled().await;
        assert_eq!(bed.shown(channel).len(), 1);
        assert!(!bed.journal(channel).contains("begins"), "it was never begun");
    }
    assert_eq!(bed.calls("editmessagetext"), Vec::<Value>::new());
    bed.world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_comes_whole_where_streaming_is_off() {
    let mut bed = Bed::start("stream = \"off\"").await;
    bed.asks("telegram").await;
    bed.assistant.writes(PIECES[0]);
    // Typing goes on longer than a begun answer would wait.
    until("typing goes on", || bed.calls("sendchataction").len() > 1).await;
    assert_eq!(bed.shown("telegram"), Vec::<String>::new());
    bed.assistant.ends();
    assert_eq!(bed.world.next(1001).await, "Plan\n\nSome **bo");
    bed.world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_133_a_block_stops_an_answer_in_mid_sentence() {
    let mut bed = Bed::start("").await;
    let from = json!({ "id": GUEST, "is_bot": false, "first_name": "Guest" });
    bed.world.tell(private(GUEST), from, json!({ "text": "hello" })).await;
    bed.assistant.writes("The first half");
    assert_eq!(bed.world.next(GUEST).await, "The first half");
    assert!(bed.world.home.cli(&["access", "block", "telegram:4711"]).status.success());
    bed.assistant.writes(" and a second half.");
    bed.world.home.logs("no longer admitted: not answered").await;
    bed.assistant.ends();
    bed.settled().await;
    // Others are answered.
    bed.asks("telegram").await;
    bed.shows("telegram", "a second half").await;
    bed.world.stop();
    let shown = bed.world.telegram.with(|state| {
        let shown = state.messages.iter().filter(|shown| shown.chat["id"] == GUEST);
        shown.map(|shown| shown.text.clone()).collect::<Vec<_>>()
    });
    assert_eq!(shown, ["The first half"], "what was shown stays, and nothing is added");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_or_a_stop_the_half_message_becomes_the_whole_answer() {
    for (channel, crashes) in
        [("telegram", true), ("telegram", false), ("discord", true), ("slack", true)]
    {
        let mut bed = Bed::start("").await;
        bed.asks(channel).await;
        bed.assistant.writes("The first half");
        bed.shows(channel, "The first half").await;
        bed.noted(channel).await;
        if crashes {
            bed.world.kill();
        } else {
            bed.world.stop();
        }
        bed.assistant.thinks_again();
        bed.assistant.writes("Another answer, whole.");
        bed.assistant.ends();
        bed.world.run();
        bed.shows(channel, "Another answer, whole.").await;
        bed.settled().await;
        bed.world.stop();
        assert_eq!(bed.shown(channel), ["Another answer, whole."], "{channel}");
        assert_eq!(bed.assistant.asked(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_the_page_shows_one_message_with_the_whole_answer() {
    let mut bed = Bed::start("").await;
    bed.asks("webchat").await;
    bed.assistant.writes("The first half");
    let ann = bed.world.visitor("ann").await;
    assert_eq!(ann.next().await, "The first half");
    bed.noted("webchat").await;
    bed.world.kill();
    bed.assistant.writes(" and the second.");
    bed.assistant.ends();
    bed.world.run();
    let ann = bed.world.visitor("ann").await;
    let whole = ann.sees("The first half and the second.").await;
    assert_eq!(whole, "The first half and the second.");
    assert_eq!(ann.unread(), Vec::<String>::new(), "no second message");
    bed.world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_asks_to_wait_is_given_its_time() {
    let mut bed = Bed::start("").await;
    bed.asks("telegram").await;
    bed.assistant.writes("One");
    bed.shows("telegram", "One").await;
    bed.world.telegram.with(|state| state.slow_edit = Some(3));
    bed.assistant.writes(", two");
    until("an edit", || bed.world.telegram.with(|state| state.slow_edit.is_none())).await;
    let begun = Instant::now();
    bed.assistant.writes(", three.");
    bed.assistant.ends();
    bed.shows("telegram", "One, two, three.").await;
    // The fake has noted the call before the gateway heard of it.
    assert!(begun.elapsed() > Duration::from_millis(2900), "{:?}", begun.elapsed());
    let edits = bed.calls("editmessagetext");
    assert_eq!(edits.len(), 2, "the refused one and the last: {edits:?}");
    bed.settled().await;
    assert_eq!(bed.shown("telegram"), ["One, two, three."]);
    bed.world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_is_refused_loses_nothing() {
    for html in [true, false] {
        let mut bed = Bed::start("").await;
        bed.world.telegram.with(|state| state.no_html = !html);
        bed.asks("telegram").await;
        bed.assistant.writes("**One**");
        bed.shows("telegram", "One").await;
        if html {
            // Its reader has deleted the message.
            bed.world.telegram.with(|state| state.messages.clear());
            bed.assistant.writes(", two");
            until("an edit", || !bed.calls("editmessagetext").is_empty()).await;
        }
        bed.assistant.writes(", three.");
        bed.assistant.ends();
        bed.shows("telegram", "three.").await;
        bed.settled().await;
        let whole = if html { "One, two, three." } else { "One, three." };
        assert_eq!(bed.shown("telegram"), [whole]);
        bed.world.stop();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_answer_goes_on_in_further_messages() {
    let mut bed = Bed::start("").await;
    let paragraph = format!("{}\n\n", "word ".repeat(200));
    bed.asks("telegram").await;
    bed.assistant.writes(&paragraph.repeat(3));
    bed.shows("telegram", "word").await;
    bed.assistant.writes(&paragraph.repeat(3));
    bed.assistant.writes("The end.");
    bed.assistant.ends();
    bed.shows("telegram", "The end.").await;
    bed.settled().await;
    let shown = bed.shown("telegram");
    assert_eq!(shown.len(), 2, "{shown:?}");
    let words = shown.iter().map(|text| text.matches("word").count());
    assert_eq!(words.sum::<usize>(), 1200, "all of it, once");
    bed.world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_in_mid_answer_says_what_it_would_have_said() {
    let mut bed = Bed::start("").await;
    bed.asks("telegram").await;
    bed.assistant.writes("The first half");
    bed.shows("telegram", "The first half").await;
    bed.assistant.breaks_off();
    bed.shows("telegram", "could not answer").await;
    bed.settled().await;
    // The owner is told of the outage beside it.
    let mut shown = bed.shown("telegram");
    shown.retain(|text| !text.contains("assistant.unreachable"));
    assert_eq!(shown.len(), 1, "{shown:?}");
    bed.world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_platform_that_can_shows_that_an_answer_is_written_and_to_no_stranger() {
    let mut bed = Bed::start("").await;
    let eve = json!({ "id": number("eve"), "is_bot": false, "first_name": "Eve" });
    bed.world.tell(private(number("eve")), eve, json!({ "text": "hello" })).await;
    bed.world.say_on("discord", "eve", How::Directly, "hello").await;
    bed.asks("telegram").await;
    until("typing goes on", || bed.calls("sendchataction").len() > 1).await;
    assert_eq!(bed.world.talks["discord"].chats.typed(), 0);
    bed.asks("discord").await;
    until("typing on Discord", || bed.world.talks["discord"].chats.typed() > 0).await;
    bed.asks("webchat").await;
    for _ in 0..2 {
        bed.world.visitor("ann").await.typing().await;
    }
    let signs = bed.calls("sendchataction");
    assert!(signs.iter().all(|sign| sign["chat_id"] == 1001), "{signs:?}");
    bed.assistant.writes("Done.");
    bed.assistant.ends();
    bed.shows("discord", "Done.").await;
    bed.world.stop();
}
