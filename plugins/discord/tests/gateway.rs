//! Sessions: how they begin, break, and are gone on with, and what is not tried again.
#![allow(clippy::expect_used, clippy::panic, reason = "a failed set-up fails the test")]

mod fake;

use std::time::Duration;

use fake::{ANN, BOT, ChannelKind, FakeDiscord, Order, person};
use openclaw_plugin_sdk::{
    AccountId, Channel, ChannelError, Inbox, Settings, UnixMs,
    contract::{Bench, Event, FakePlatform, Person},
};
use serde_json::json;
use tokio::sync::{mpsc, watch};

async fn bench() -> Bench<FakeDiscord> {
    Bench::start(&channel_discord::PLUGIN, FakeDiscord::start().await).await
}

fn disconnected(ended: &Result<(), ChannelError>, why: &str) {
    let Err(ChannelError::Disconnected(text)) = ended else {
        panic!("disconnected, not {ended:?}")
    };
    assert!(text.contains(why), "{text}");
}

/// How often a session was begun, and gone on with.
fn begun(fake: &FakeDiscord) -> (usize, usize) {
    let count =
        |wanted| fake.with(|state| state.frames.iter().filter(|(op, _)| *op == wanted).count());
    (count(2), count(6))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_session_is_gone_on_with_where_discord_said() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "before").await;
    bench.platform.order(Order::Drop);
    disconnected(&bench.ended().await, "broke");
    bench.happen(Event::Direct(Person::Ann, "meanwhile".to_owned())).await;
    bench.listen().await.expect("it connects again");
    let mut message = bench.message().await;
    if message.text == "before" {
        // It may have ended before it could note that this one is durable.
        message = bench.message().await;
    }
    assert_eq!(message.text, "meanwhile");
    assert_eq!(begun(&bench.platform), (1, 1));
    let resumed =
        bench.platform.with(|state| state.frames.iter().find(|(op, _)| *op == 6).cloned());
    assert_eq!(resumed.expect("a resume").1, "/resumed?v=10&encoding=json");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_cannot_be_gone_on_with_begins_anew() {
    let mut bench = bench().await;
    bench.platform.with(|state| state.sessions[0].over = true);
    bench.platform.order(Order::Drop);
    disconnected(&bench.ended().await, "broke");
    disconnected(&bench.listen().await, "anew");
    bench.listen().await.expect("it connects again");
    bench.meet(Person::Ann, "after").await;
    assert_eq!(begun(&bench.platform), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_may_ask_to_connect_again_and_to_begin_anew() {
    let mut bench = bench().await;
    bench.platform.order(Order::Send(json!({ "op": 7, "d": null }).to_string()));
    assert_eq!(bench.ended().await, Ok(()), "nothing is wrong");
    bench.listen().await.expect("it connects again");
    for (resumable, expected) in [(true, (1, 2)), (false, (2, 2))] {
        bench.platform.order(Order::Send(json!({ "op": 9, "d": resumable }).to_string()));
        disconnected(&bench.ended().await, "anew");
        bench.listen().await.expect("it connects again");
        bench.meet(Person::Ann, "after").await;
        assert_eq!(begun(&bench.platform), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_answers_no_heartbeat_is_given_up_and_gone_on_with() {
    let fake = FakeDiscord::start().await;
    fake.with(|state| (state.heartbeat, state.deaf) = (60, true));
    let mut bench = Bench::start(&channel_discord::PLUGIN, fake).await;
    disconnected(&bench.ended().await, "heartbeats");
    bench.platform.with(|state| state.deaf = false);
    bench.listen().await.expect("it connects again");
    bench
        .platform
        .until("a few heartbeats", |state| {
            state.frames.iter().rev().take_while(|(op, _)| *op == 1).count() > 3
        })
        .await;
    bench.meet(Person::Ann, "after").await;
    assert_eq!(begun(&bench.platform), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_go_on_while_the_gateway_is_busy_and_when_discord_asks() {
    let fake = FakeDiscord::start().await;
    fake.with(|state| state.heartbeat = 60);
    let mut bench = Bench::start(&channel_discord::PLUGIN, fake).await;
    bench.happen(Event::Direct(Person::Ann, "hold this".to_owned())).await;
    let delivery = bench.delivery().await;
    let beats = |state: &fake::State| state.frames.iter().filter(|(op, _)| *op == 1).count();
    let before = bench.platform.with(|state| beats(state));
    bench.platform.until("heartbeats", |state| beats(state) > before + 3).await;
    delivery.done.send(()).expect("it waits");
    bench.meet(Person::Ann, "after").await;
    let quiet = FakeDiscord::start().await;
    quiet.with(|state| state.heartbeat = 120_000);
    let mut bench = Bench::start(&channel_discord::PLUGIN, quiet).await;
    bench.platform.order(Order::Send(json!({ "op": 1, "d": null }).to_string()));
    bench.platform.until("the heartbeat that was asked for", |state| beats(state) > 0).await;
    bench.meet(Person::Ann, "after").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_intent_it_goes_on_and_says_what_does_not_work() {
    let fake = FakeDiscord::start().await;
    fake.with(|state| state.no_content = true);
    let (deliveries, mut events) = mpsc::channel(1);
    let (connected, mut seen) = watch::channel(false);
    let exchanges = mpsc::channel(1).1;
    let inbox = Inbox::new(AccountId::default_account(), deliveries, exchanges, connected);
    let channel = opened(fake.settings());
    let told = async {
        seen.wait_for(|connected| *connected).await.expect("it lives");
        fake.direct(ANN, "Ann", "hello");
        let delivery = events.recv().await.expect("an event");
        delivery.done.send(()).expect("it waits");
        fake.write(&ChannelKind::Room, &person(ANN, "Ann"), json!({ "content": "not for us" }));
        let mention =
            json!({ "content": format!("<@{BOT}> and this"), "mentions": [{ "id": BOT }] });
        fake.write(&ChannelKind::Room, &person(ANN, "Ann"), mention);
        format!("{:?}", events.recv().await.expect("an event").event)
    };
    let event = tokio::select! {
        event = told => event,
        ended = channel.receive(&inbox) => panic!("it goes on, but: {ended:?}"),
    };
    assert!(event.contains("and this") && !event.contains("not for us"), "{event}");
    let limitation = inbox.limitation().expect("something does not work");
    assert!(limitation.contains("Message Content Intent"), "{limitation}");
    assert_eq!(begun(&fake), (2, 0));
}

/// In one thread, so that its time can be moved.
#[tokio::test]
async fn a_session_that_is_not_begun_or_gone_on_with_in_time_is_given_up_for_a_new_one() {
    let fake = FakeDiscord::start().await;
    let (deliveries, mut events) = mpsc::channel(1);
    let (connected, mut seen) = watch::channel(false);
    let exchanges = mpsc::channel(1).1;
    let inbox = Inbox::new(AccountId::default_account(), deliveries, exchanges, connected);
    let channel = opened(fake.settings());
    let hears = async {
        seen.wait_for(|connected| *connected).await.expect("it lives");
        fake.direct(ANN, "Ann", "hello");
        events.recv().await.expect("an event").done.send(()).expect("it waits");
        fake.with(|state| state.mute = true);
        fake.order(Order::Drop);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ended = channel.receive(&inbox) => disconnected(&ended, "broke"),
        () = hears => {}
    }
    // Neither RESUMED nor READY comes.
    for wanted in [(1, 1), (2, 1)] {
        let waits = async {
            fake.until("a session is asked for", |state| {
                let ops = state.frames.iter().filter(|(op, _)| matches!(op, 2 | 6)).count();
                ops == wanted.0 + wanted.1
            })
            .await;
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(31)).await;
            tokio::time::resume();
        };
        let (ended, ()) = tokio::join!(channel.receive(&inbox), waits);
        disconnected(&ended, "does not begin the session");
        assert_eq!(begun(&fake), wanted);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_discord_refuses_for_good_is_not_tried_again() {
    for code in [4004, 4010, 4011, 4012, 4013] {
        let fake = FakeDiscord::start().await;
        fake.with(|state| state.refuse = Some(code));
        let mut bench = Bench::open(&channel_discord::PLUGIN, fake).await;
        let ended = bench.listen().await;
        let Err(ChannelError::Unauthorized(text)) = &ended else { panic!("{code}: {ended:?}") };
        assert!(text.contains("`token`"), "{code}: {text}");
        assert_eq!(begun(&bench.platform), (1, 0), "{code}");
    }
    // The one that is mended once, and then is not.
    let fake = FakeDiscord::start().await;
    fake.with(|state| state.refuse = Some(4014));
    let ended = Bench::open(&channel_discord::PLUGIN, fake).await.listen().await;
    assert!(matches!(ended, Err(ChannelError::Unauthorized(_))), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_session_is_begun_beyond_discords_limit() {
    let fake = FakeDiscord::start().await;
    fake.with(|state| state.starts_left = Some(0));
    let mut bench = Bench::open(&channel_discord::PLUGIN, fake).await;
    let wait = Duration::from_hours(4);
    assert_eq!(bench.listen().await, Err(ChannelError::RateLimited(wait)));
    assert_eq!(begun(&bench.platform), (0, 0));
    bench.platform.with(|state| state.starts_left = None);
    bench.listen().await.expect("it connects");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_does_not_follow_a_gateway_to_another_host() {
    let fake = FakeDiscord::start().await;
    fake.with(|state| state.said_gateway = Some("wss://gateway.discord.gg".to_owned()));
    let mut bench = Bench::open(&channel_discord::PLUGIN, fake).await;
    disconnected(&bench.listen().await, "`api_root`");
    assert_eq!(begun(&bench.platform), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_storm_discords_own_number_is_kept_to() {
    let fake = FakeDiscord::start().await;
    fake.with(|state| state.storm = Some(37.5));
    let mut bench = Bench::open(&channel_discord::PLUGIN, fake).await;
    let wait = Duration::from_millis(37_500);
    assert_eq!(bench.listen().await, Err(ChannelError::RateLimited(wait)));
    let again = bench.listen().await;
    assert!(matches!(again, Err(ChannelError::RateLimited(left)) if left <= wait), "{again:?}");
    let calls = bench.platform.with(|state| state.calls.len());
    assert_eq!(calls, 1, "while everything is to wait, nothing is asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_out_of_order_does_not_turn_the_session_back() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "before").await;
    let late = bench.platform.with(|state| {
        let content = json!({ "content": "late" });
        state.message(&ChannelKind::Direct, &person(ANN, "Ann"), content)
    });
    let frame = json!({ "op": 0, "s": 1, "t": "MESSAGE_CREATE", "d": late });
    bench.platform.order(Order::Send(frame.to_string()));
    assert_eq!(bench.message().await.text, "late");
    bench.meet(Person::Ann, "after").await;
    bench.meet(Person::Ann, "the last").await;
    bench.platform.order(Order::Drop);
    disconnected(&bench.ended().await, "broke");
    bench.listen().await.expect("it connects again");
    bench.happen(Event::Direct(Person::Ann, "new".to_owned())).await;
    let mut message = bench.message().await;
    if message.text == "the last" {
        message = bench.message().await;
    }
    assert_eq!(message.text, "new", "nothing older comes again");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_115_what_waited_keeps_the_time_at_which_it_was_written() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "before").await;
    bench.stop().await;
    let old = |number: u64| ((1_700_000_000_000 - 1_420_070_400_000 + number) << 22).to_string();
    for number in 0..500 {
        let content = json!({ "id": old(number), "content": format!("number {number}") });
        bench.platform.write(&ChannelKind::Direct, &person(ANN, "Ann"), content);
    }
    bench.listen().await.expect("it connects again");
    let mut message = bench.message().await;
    if message.text == "before" {
        message = bench.message().await;
    }
    for number in 0..500 {
        assert_eq!(message.text, format!("number {number}"), "in order, and each once");
        assert_eq!(message.sent_at, UnixMs(1_700_000_000_000 + number));
        if number < 499 {
            message = bench.message().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_088_only_a_conversation_of_two_is_direct() {
    for silent in [false, true] {
        let mut bench = bench().await;
        bench.platform.with(|state| state.no_channel_type = silent);
        kinds(&mut bench).await;
    }
}

async fn kinds(bench: &mut Bench<FakeDiscord>) {
    for (place, expected) in [
        (ChannelKind::GroupDirect, "Group"),
        (ChannelKind::Hologram, "Unknown"),
        (ChannelKind::Thread, "Group"),
        (ChannelKind::Room, "Group"),
        (ChannelKind::Direct, "Direct"),
    ] {
        bench.platform.write(&place, &person(ANN, "Ann"), json!({ "content": "hello" }));
        let message = bench.message().await;
        assert_eq!(format!("{:?}", message.conversation.kind), expected, "{place:?}");
    }
    // A channel that Discord does not show to the bot.
    let gone =
        json!({ "content": "hello", "channel_id": "960000000000000001", "channel_type": null });
    bench.platform.write(&ChannelKind::Direct, &person(ANN, "Ann"), gone);
    assert_eq!(format!("{:?}", bench.message().await.conversation.kind), "Unknown");
    // Another person's direct channel.
    let foreign =
        json!({ "content": "hello", "channel_id": "931100000000000001", "channel_type": null });
    bench.platform.write(&ChannelKind::Direct, &person("471100000000000009", "Eve"), foreign);
    assert_eq!(format!("{:?}", bench.message().await.conversation.kind), "Unknown");
}

fn opened(table: openclaw_plugin_sdk::toml::Table) -> Box<dyn Channel> {
    let account = AccountId::default_account();
    let settings = Settings { account, table, key: [0; 32], commands: Vec::new() };
    (channel_discord::PLUGIN.open)(settings).expect("it opens")
}
