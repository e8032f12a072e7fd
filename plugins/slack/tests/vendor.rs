//! The fake with clients that Slack wrote: an app on `@slack/socket-mode` and `@slack/web-api` hears, answers, is
//! pressed, and takes another socket. `OPENCLAW_CLIENTS` names the folder in which `.ci/run` has installed them.
#![allow(clippy::expect_used, clippy::panic, reason = "a failed set-up fails the test")]

mod fake;

use fake::{ANN, APP_TOKEN, BOT, BOT_TOKEN, FakeSlack, TEAM, direct_chat};
use openclaw_plugin_sdk::{ChatId, EventId, SentRef, testing::vendor::Vendor};

fn start(fake: &FakeSlack) -> Vendor {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vendor/app.mjs");
    Vendor::start(script, &[&fake.root(), BOT_TOKEN, APP_TOKEN])
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the vendor's clients"]
async fn the_vendors_clients_take_the_fake_for_slack() {
    let fake = FakeSlack::start().await;
    let mut app = start(&fake);
    let ready = app.says("ready").await;
    assert_eq!((ready["ready"].as_str(), ready["team"].as_str()), (Some(BOT), Some(TEAM)));
    fake.direct(ANN, "hello");
    let heard = app.says("message").await;
    assert_eq!((heard["message"].as_str(), heard["user"].as_str()), (Some("hello"), Some(ANN)));
    assert_eq!(heard["kind"], "im");
    let sent = app.says("sent").await;
    assert_eq!((&sent["edited"], &sent["shared"]), (&true.into(), &true.into()));
    assert_eq!(sent["opened"], direct_chat(ANN));
    let ts = sent["sent"].as_str().expect("a number").to_owned();
    let on = SentRef { chat: ChatId::new(ANN), id: EventId::new(ts.clone()) };
    fake.press(ANN, &on, "a:1");
    let pressed = app.says("pressed").await;
    assert_eq!((pressed["pressed"].as_str(), pressed["by"].as_str()), (Some("a:1"), Some(ANN)));
    assert_eq!(pressed["on"], ts);
    fake.slash(ANN, &direct_chat(ANN), "pairing list");
    let command = app.says("command").await;
    assert_eq!(
        (command["command"].as_str(), command["words"].as_str()),
        (Some("/openclaw"), Some("pairing list"))
    );
    fake.until("everything is acknowledged", |state| state.open.is_empty()).await;
    // It takes another socket by itself.
    let before = fake.with(|state| state.greeted);
    fake.disconnect("refresh_requested");
    fake.until("another socket", |state| state.greeted > before).await;
    app.says("connected").await;
    fake.direct(ANN, "after");
    assert_eq!(app.says("message").await["message"], "after");
}
