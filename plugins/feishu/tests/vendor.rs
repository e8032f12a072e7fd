//! The fake with clients that Feishu wrote: an app on `@larksuiteoapi/node-sdk` hears events in pieces, answers, and is
//! pressed. `OPENCLAW_CLIENTS` names the folder in which `.ci/run` has installed it.
#![allow(clippy::expect_used, clippy::panic, reason = "a failed set-up fails the test")]

mod fake;

use fake::{APP_ID, APP_SECRET, BOT, FakeFeishu, direct_chat, person};
use openclaw_plugin_sdk::{ChatId, EventId, SentRef, testing::vendor::Vendor};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the vendor's clients"]
async fn the_vendors_clients_take_the_fake_for_feishu() {
    let fake = FakeFeishu::start().await;
    fake.with(|state| state.pieces = 3);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vendor/app.mjs");
    let mut app = Vendor::start(script, &[&fake.root(), APP_ID, APP_SECRET]);
    assert_eq!(app.says("ready").await["ready"], BOT);
    // Feishu's client asks for a sign of life when its socket opens, and only then begins to listen: what comes before
    // that is lost to it.
    fake.until("a sign of life", |state| state.pings > 0).await;
    fake.direct("ann", "hello ä 😀");
    let heard = app.says("message").await;
    assert_eq!(
        (heard["message"].as_str(), heard["kind"].as_str()),
        (Some("hello ä 😀"), Some("p2p"))
    );
    assert_eq!(heard["user"].as_str(), Some(person("ann").as_str()));
    let sent = app.says("sent").await;
    assert_eq!(
        (&sent["edited"], &sent["patched"], &sent["gone"]),
        (&0.into(), &0.into(), &0.into())
    );
    assert_eq!(sent["again"], sent["sent"], "one uuid, one message");
    assert_eq!(sent["chat"].as_str(), Some(direct_chat("ann").as_str()));
    assert!(sent["image"].as_str().is_some_and(|key| key.starts_with("img_")));
    let card = sent["card"].as_str().expect("an id").to_owned();
    let on = SentRef { chat: ChatId::new(person("ann")), id: EventId::new(card.clone()) };
    fake.press("ann", &on, "a:1");
    let pressed = app.says("pressed").await;
    assert_eq!(
        (pressed["pressed"].as_str(), pressed["on"].as_str()),
        (Some("a:1"), Some(card.as_str()))
    );
    assert_eq!(pressed["by"].as_str(), Some(person("ann").as_str()));
    fake.until("everything is acknowledged", |state| state.open.is_empty()).await;
}
