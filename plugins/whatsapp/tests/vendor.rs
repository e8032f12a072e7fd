//! The fake with a client that others wrote: an app on `@chat-adapter/whatsapp` judges its signature and its question, hears
//! people by id and number, answers and is pressed. `OPENCLAW_CLIENTS` names the folder in which `.ci/run` has installed it.

mod fake;

use fake::{ACCESS_TOKEN, APP_SECRET, FakeMeta, NUMBER_ID, PATH, VERIFY_TOKEN, number, person};
use openclaw_plugin_sdk::{ChatId, EventId, SentRef, testing::vendor::Vendor};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the other client"]
async fn a_client_of_others_takes_the_fake_for_meta() {
    let fake = FakeMeta::start().await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vendor/app.mjs");
    let told = [&fake.root(), NUMBER_ID, ACCESS_TOKEN, APP_SECRET, VERIFY_TOKEN];
    let mut app = Vendor::start(script, &told);
    let port = app.says("ready").await["ready"].as_u64().and_then(|port| port.try_into().ok());
    fake.calls_at(port.expect("a port"), PATH);
    assert_eq!(fake.verifies(VERIFY_TOKEN, "1158201444").await, (200, "1158201444".to_owned()));
    assert_eq!(fake.verifies("another-text", "1158201444").await.0, 403);
    fake.direct("ann", "hello ä 😀");
    let heard = app.says("message").await;
    assert_eq!(heard["message"], "hello ä 😀");
    assert_eq!(heard["name"], "ann");
    assert_eq!((&heard["id"], &heard["from"]), (&person("ann").into(), &number("ann").into()));
    let sent = app.says("sent").await;
    let shown = fake.with(|state| state.messages.last().cloned()).expect("an answer");
    assert_eq!(sent["sent"].as_str(), Some(shown.id.as_str()), "{sent}");
    let on = SentRef { chat: ChatId::new(person("ann")), id: EventId::new(shown.id) };
    fake.press("ann", &on, "a:1");
    let pressed = app.says("pressed").await;
    assert_eq!(
        (&pressed["pressed"], pressed["on"].as_str()),
        (&"a:1".into(), Some(on.id.as_str()))
    );
    fake.with(|state| state.secret = Some("another-secret-of-another-app"));
    fake.direct("ann", "forged");
    fake.until("a refusal", |state| state.answered.contains(&401)).await;
}
