//! What takes five minutes, in less.

use openclaw_plugin_sdk::{
    ChannelPlugin,
    contract::{Bench, FakePlatform, Person},
    testing::settings,
};
use serde_json::json;

use super::*;
use crate::PLUGIN;

#[path = "../../tests/fake/mod.rs"]
mod fake;

use fake::{FakeBlueBubbles, direct};

/// The channel, with another pause between two times of asking.
fn often() -> &'static ChannelPlugin {
    let open = |settings: Settings| -> Result<Box<dyn Channel>, SettingsError> {
        let every = Duration::from_millis(20);
        Ok(Box::new(BlueBubbles { every, ..BlueBubbles::open(&settings)? }))
    };
    Box::leak(Box::new(ChannelPlugin { open, ..PLUGIN }))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_does_not_call_with_is_asked_for_again_and_again_and_arrives_once() {
    let mut bench = Bench::start(often(), FakeBlueBubbles::start().await).await;
    bench.meet(Person::Ann, "by a call").await;
    bench.limited(None).await;
    bench.platform.with(|state| state.mute = true);
    for text in ["one", "two"] {
        bench.meet(Person::Ann, text).await;
        bench.limited(Some("has not called the gateway")).await;
    }
    // Asked for once more, and more than once.
    let asked = bench.platform.with(|state| state.asked("POST", "message/query"));
    let again = |state: &fake::State| state.asked("POST", "message/query") > asked + 3;
    bench.platform.until("it is asked again", again).await;
    bench.platform.with(|state| state.mute = false);
    bench.meet(Person::Ann, "by a call again").await;
    bench.limited(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_is_gone_or_refused_comes_back_by_itself() {
    let fake = FakeBlueBubbles::start().await;
    let words = "no room for webhooks".to_owned();
    fake.with(|state| state.no_webhooks = Some(words));
    let mut bench = Bench::start(often(), fake).await;
    bench.limited(Some("no room for webhooks")).await;
    bench.meet(Person::Ann, "all the same").await;
    bench.platform.with(|state| state.no_webhooks = None);
    bench.platform.until("it is registered", |state| state.webhooks.len() == 1).await;
    bench.platform.with(|state| state.webhooks.clear());
    bench.platform.until("it is registered again", |state| state.webhooks.len() == 1).await;
    bench.meet(Person::Ann, "by a call").await;
    bench.limited(None).await;
    bench.platform.with(|state| state.account = None);
    bench.limited(Some("not signed in")).await;
    bench.platform.with(|state| state.account = Some(fake::US.to_owned()));
    bench.limited(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_away_ends_the_connection_and_nothing_of_what_it_keeps_is_lost() {
    let mut bench = Bench::start(often(), FakeBlueBubbles::start().await).await;
    bench.meet(Person::Ann, "before").await;
    bench.platform.with(|state| state.refusal = Some((502, "", String::new())));
    let ended = bench.ended().await;
    assert!(matches!(ended, Err(ChannelError::Disconnected(_))), "{ended:?}");
    let missed =
        |state: &mut fake::State| state.message("ann", direct("ann"), json!({ "text": "missed" }));
    bench.platform.with(missed);
    bench.platform.with(|state| state.refusal = None);
    bench.listen().await.unwrap();
    assert_eq!(bench.message().await.text, "missed");
    bench.meet(Person::Ann, "after").await;
    assert!(bench.platform.seen().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_message_on_its_way_is_waited_for_until_the_limit() {
    let table = "server_url = 'http://127.0.0.1:1'\npassword = 'x'\n\
                 callback_url = 'http://127.0.0.1:2/bluebubbles-webhook'";
    let account = BlueBubbles::open(&settings(table)).unwrap();
    let begun = tokio::time::Instant::now();
    assert_eq!(account.echo("oc-1").await, None);
    assert_eq!(begun.elapsed(), SEND_LIMIT);
    let heard = async {
        for (mark, guid) in [("oc-2", "another"), ("oc-1", "ours")] {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let data = json!({ "guid": guid, "isFromMe": true, "tempGuid": mark });
            assert!(account.arrival(None, NEW, &data, Link::Private).is_none());
        }
    };
    let (echo, ()) = tokio::join!(account.echo("oc-1"), heard);
    assert_eq!(echo.as_deref(), Some("ours"));
}
