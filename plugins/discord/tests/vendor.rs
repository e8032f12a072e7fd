//! The fake with a client that others wrote: discord.js logs in, hears, answers, and is pressed. `OPENCLAW_CLIENTS`
//! names the folder in which `.ci/run` has installed it, and the Node that it runs on.
#![allow(clippy::expect_used, clippy::panic, reason = "a failed set-up fails the test")]

mod fake;

use fake::{ANN, BOT, ChannelKind, FakeDiscord, Order, TOKEN, person};
use openclaw_plugin_sdk::{ChatId, EventId, SentRef, testing::vendor::Vendor};

fn start(fake: &FakeDiscord) -> Vendor {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vendor/bot.mjs");
    Vendor::start(script, &[&fake.root(), TOKEN])
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the vendor's client"]
async fn the_vendors_client_takes_the_fake_for_discord() {
    let fake = FakeDiscord::start().await;
    let mut bot = start(&fake);
    let ready = bot.says("ready").await;
    assert_eq!((ready["ready"].as_str(), &ready["listed"][0]), (Some(BOT), &"help".into()));
    let ann = person(ANN, "Ann");
    for (place, direct) in
        [(ChannelKind::Direct, true), (ChannelKind::Room, false), (ChannelKind::Thread, false)]
    {
        let content = serde_json::json!({ "content": "hello 😀" });
        fake.write(&place, &ann, content);
        let heard = bot.says("message").await;
        assert_eq!(
            (heard["message"].as_str(), heard["author"].as_str()),
            (Some("hello 😀"), Some(ANN))
        );
        assert_eq!(heard["direct"], direct, "{place:?}");
        let sent = bot.says("sent").await;
        assert_eq!(sent["edited"], "an edit");
        let id = EventId::new(sent["sent"].as_str().expect("an id"));
        let on = SentRef { chat: ChatId::new(ANN), id };
        fake.press(&place, &ann, &on, "a:1");
        let pressed = bot.says("pressed").await;
        assert_eq!((pressed["pressed"].as_str(), pressed["by"].as_str()), (Some("a:1"), Some(ANN)));
        assert_eq!(pressed["on"], sent["sent"]);
        let id = fake.command(&place, &ann, "help", "me please");
        let command = bot.says("command").await;
        assert_eq!(
            (command["command"].as_str(), command["words"].as_str()),
            (Some("help"), Some("me please"))
        );
        assert!(fake.with(|state| state.asked(&id).is_some_and(|asked| !asked.waits)));
    }
    let shown = fake.with(|state| state.messages.clone());
    let toasts = shown.iter().filter(|shown| shown.toast).count();
    assert_eq!(
        (shown.len(), toasts),
        (6, 3),
        "an answer and a word for the person who pressed, each time"
    );
    // It comes back by itself, to the same session.
    fake.order(Order::Send(r#"{"op":7,"d":null}"#.to_owned()));
    fake.until("it goes on", |state| state.frames.iter().any(|(op, _)| *op == 6)).await;
    fake.direct(ANN, "Ann", "after");
    assert_eq!(bot.says("message").await["message"], "after");
}
