//! What the contract does not ask: tokens of every kind, keys that cannot be fetched, tokens that end, limits, threads,
//! and files that others may read.
#![allow(clippy::expect_used, clippy::panic, reason = "a failed set-up fails the test")]

mod fake;

use std::{os::unix::fs::PermissionsExt, path::Path, time::Duration};

use fake::{
    Failing, FakeGoogle, GROUP, Kind, account, claims, direct, group, mention, person, secret_part,
};
use openclaw_plugin_sdk::{
    AccountId, Body, Button, Card, Channel, ChannelError, ChatId, ChatKind, Conversation,
    InboundRef, Inbox, OutboundMessage, Settings, Text,
    contract::{Bench, FakePlatform, Person},
    toml,
};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

async fn bench(fake: FakeGoogle) -> Bench<FakeGoogle> {
    Bench::start(&channel_googlechat::PLUGIN, fake).await
}

fn chat(name: &str) -> Conversation {
    Conversation::new(ChatId::new(person(name)), ChatKind::Direct)
}

fn hello(name: &str) -> OutboundMessage {
    OutboundMessage::new(chat(name), Text::plain("hello"))
}

/// An account that opens with these keys, and its inbox.
fn open(table: toml::Table) -> (Box<dyn Channel>, Inbox) {
    let (account, commands) = (AccountId::default_account(), Vec::new());
    let settings = Settings { account: account.clone(), table, key: [0; 32], commands };
    let channel = (channel_googlechat::PLUGIN.open)(settings).expect("it opens");
    let (deliveries, exchanges) = (mpsc::channel(1).0, mpsc::channel(1).1);
    (channel, Inbox::new(account, deliveries, exchanges, watch::channel(false).0))
}

/// Waits until the account's state shows this, or nothing.
async fn shows(bench: &Bench<FakeGoogle>, what: &str) {
    let shown = || bench.inbox().limitation().unwrap_or_default();
    let wait = async {
        while if what.is_empty() { !shown().is_empty() } else { !shown().contains(what) } {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait).await.expect("the state is shown");
}

fn event(fake: &FakeGoogle, text: &str) -> Value {
    fake.with(|state| state.message("ann", &direct("ann"), json!({ "text": text })).1)
}

#[tokio::test(flavor = "multi_thread")]
async fn all_four_kinds_of_tokens_bring_events_and_presses() {
    for kind in [Kind::Number, Kind::Url, Kind::Addon, Kind::Pushed] {
        let mut bench = bench(FakeGoogle::calling_as(kind).await).await;
        let ann = bench.meet(Person::Ann, "hello").await;
        assert_eq!(ann.conversation.kind, ChatKind::Direct, "{kind:?}");
        let button = Button { label: "Yes".to_owned(), data: "a:1".to_owned() };
        let card = Card { title: "?".to_owned(), buttons: vec![vec![button]], ..Card::default() };
        let on = bench.say(&ann, card).await;
        bench.platform.press("ann", &on, "a:1");
        assert_eq!(bench.press().await.data, "a:1", "{kind:?}");
        bench.platform.until("all is answered", |state| state.answered == [200, 200]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_090_a_token_that_is_for_anything_else_delivers_nothing() {
    let project =
        |n: &str| json!(format!("service-{n}@gcp-sa-gsuiteaddons.iam.gserviceaccount.com"));
    let chat = || json!("chat@system.gserviceaccount.com");
    for kind in [Kind::Number, Kind::Url, Kind::Addon, Kind::Pushed] {
        let mut bench = bench(FakeGoogle::calling_as(kind).await).await;
        let before = bench.meet(Person::Ann, "before").await;
        let (url, number) = ("https://bot.example/googlechat", "123456789012");
        let other_audience = if kind == Kind::Number { url } else { number };
        let mut wrong = vec![
            ("aud", json!(other_audience)),
            ("aud", json!([url, number])),
            ("aud", json!("https://bot.example/googlechat/")),
            ("aud", json!("https://bot.example")),
            ("aud", json!("https://BOT.example/googlechat")),
            ("aud", json!("1234567890123")),
            ("aud", Value::Null),
            ("iss", json!("https://accounts.google.com.evil.example")),
            ("exp", Value::Null),
            ("exp", json!(1)),
            ("iat", json!(4_102_444_800_u64)),
        ];
        if kind != Kind::Number {
            wrong.extend([
                ("iss", chat()),
                ("email", json!("mallory@evil.iam.gserviceaccount.com")),
                ("email", project("999999999999")),
                ("email", project("")),
                ("email", json!("CHAT@system.gserviceaccount.com")),
                ("email", Value::Null),
                ("email_verified", json!(false)),
                ("email_verified", json!("true")),
                ("email_verified", Value::Null),
            ]);
        }
        for (key, value) in wrong {
            let mut says = claims(kind);
            says[key] = value.clone();
            let body = event(&bench.platform, "let me in").to_string();
            let status = bench.platform.request(&body, Some(&bench.platform.token(&says))).await;
            assert_eq!(status, 401, "{kind:?} {key}: {value}");
        }
        let after = bench.meet(Person::Ann, "after").await;
        assert_eq!(before.sender.id, after.sender.id);
        assert!(bench.platform.seen().await.is_empty(), "{kind:?}: nobody is answered");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn how_old_a_token_is_is_told_by_the_clock_of_google() {
    let fake = FakeGoogle::start().await;
    fake.with(|state| state.ahead = 1800);
    let mut bench = bench(fake).await;
    let body = event(&bench.platform, "by theirs").to_string();
    let mut says = claims(Kind::Number);
    says["exp"] = json!(says["exp"].as_u64().expect("a time") - 1800);
    assert_eq!(bench.platform.request(&body, Some(&bench.platform.token(&says))).await, 401);
    for claim in ["iat", "exp"] {
        says[claim] = json!(says[claim].as_u64().expect("a time") + 1800);
    }
    bench.platform.post(body, Some(bench.platform.token(&says)));
    assert_eq!(bench.message().await.text, "by theirs");
    assert!(bench.inbox().ahead_by().expect("a clock") < -1_790_000, "the state says so");
    let fake = FakeGoogle::start().await;
    fake.with(|state| state.ahead = 7200);
    let (channel, inbox) = open(fake.settings());
    let ended = channel.receive(&inbox).await;
    let Err(ChannelError::Unauthorized(text)) = &ended else { panic!("{ended:?}") };
    assert!(text.contains("clock") && text.contains("`service_account`"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_acknowledged_when_it_is_durable() {
    let mut bench = bench(FakeGoogle::start().await).await;
    bench.platform.direct("ann", "hold this");
    let delivery = bench.delivery().await;
    assert_eq!(bench.platform.with(|state| state.answered.len()), 0, "not yet");
    delivery.done.send(()).expect("it waits");
    bench.platform.until("it is acknowledged", |state| state.answered == [200]).await;
    bench.platform.direct("ann", "and lose this");
    drop(bench.delivery().await);
    assert_eq!(bench.ended().await, Err(ChannelError::Held));
    bench.platform.until("it is told to come again", |state| state.answered.len() == 2).await;
    assert_ne!(bench.platform.with(|state| state.answered[1]), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_add_on_of_the_project_speaks_in_its_own_format_alone() {
    let bench = bench(FakeGoogle::calling_as(Kind::Addon).await).await;
    let token = bench.platform.token(&claims(Kind::Addon));
    let classic = event(&bench.platform, "as another").to_string();
    assert_eq!(bench.platform.request(&classic, Some(&token)).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_may_stand_in_the_event_of_an_add_on() {
    let mut bench = bench(FakeGoogle::calling_as(Kind::Addon).await).await;
    let token = bench.platform.token(&claims(Kind::Addon));
    let event = event(&bench.platform, "inside");
    let mut body = json!({
        "authorizationEventObject": { "systemIdToken": token },
        "chat": {
            "user": event["user"], "eventTime": event["eventTime"],
            "messagePayload": { "message": event["message"], "space": event["space"] },
        },
    });
    // If there are two, the header's counts.
    assert_eq!(bench.platform.request(&body.to_string(), Some("x.y.z")).await, 401);
    bench.platform.post(body.to_string(), None);
    assert_eq!(bench.message().await.text, "inside");
    body["chat"] = Value::Null;
    assert_eq!(bench.platform.request(&body.to_string(), None).await, 401, "an add-on's alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_cannot_be_fetched_are_no_refusal() {
    let fake = FakeGoogle::start().await;
    fake.with(|state| state.no_keys = true);
    let mut bench = bench(fake).await;
    let body = event(&bench.platform, "hello").to_string();
    let token = bench.platform.token(&claims(Kind::Number));
    assert_eq!(bench.platform.request(&body, Some(&token)).await, 503);
    shows(&bench, "keys cannot be fetched").await;
    // What is no token of Google's is one, whatever becomes of the keys.
    assert_eq!(bench.platform.request(&body, Some("x.y.z")).await, 401);
    assert_eq!(bench.platform.with(|state| state.keys_asked), 1, "and no busy loop");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ends_early_is_replaced_once() {
    let mut bench = bench(FakeGoogle::start().await).await;
    let ann = bench.meet(Person::Ann, "hello").await;
    bench.platform.with(|state| state.token = None);
    bench.say(&ann, Text::plain("with another")).await;
    assert_eq!(bench.platform.with(|state| state.given), 2);
    let refusal = (401, "UNAUTHENTICATED", "no");
    bench.platform.with(|state| state.refusal = Some(refusal));
    let calls = bench.platform.with(|state| state.calls.len());
    let sent = bench.send(&OutboundMessage::new(ann.conversation, Text::plain("x"))).await;
    let Err(ChannelError::Disconnected(text)) = sent else { panic!("{sent:?}") };
    assert!(text.contains("`service_account`"), "{text}");
    assert_eq!(bench.platform.with(|state| state.calls.len()), calls + 2, "once more, and no more");
    shows(&bench, "refuses the token").await;
    bench.platform.with(|state| state.refusal = None);
    bench.meet(Person::Ann, "the account is still there").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_does_not_work_says_at_the_start_what_to_do() {
    for (refusal, says) in [
        (
            (403, "PERMISSION_DENIED", "Google Chat API has not been used"),
            "enable the Google Chat API",
        ),
        ((404, "NOT_FOUND", "Google Chat app not found"), "fill in the Configuration"),
        ((401, "UNAUTHENTICATED", "no"), "refuses the token"),
    ] {
        let fake = FakeGoogle::start().await;
        fake.with(|state| state.refusal = Some(refusal));
        let (channel, inbox) = open(fake.settings());
        let ended = channel.receive(&inbox).await;
        let Err(ChannelError::Unauthorized(text)) = &ended else { panic!("{ended:?}") };
        assert!(text.contains(says) && text.contains("`service_account`"), "{text}");
    }
    let fake = FakeGoogle::start().await;
    fake.with(|state| state.refusal = Some((500, "INTERNAL", "later")));
    let (channel, inbox) = open(fake.settings());
    assert!(matches!(channel.receive(&inbox).await, Err(ChannelError::Disconnected(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_that_is_missing_is_shown_until_it_is_there() {
    let mut bench = bench(FakeGoogle::start().await).await;
    shows(&bench, "nothing heard").await;
    let ann = bench.meet(Person::Ann, "hello").await;
    shows(&bench, "").await;
    let failing = Failing::Status(403, "PERMISSION_DENIED");
    bench.platform.with(|state| state.failing.push_back(failing));
    bench
        .refuses(&OutboundMessage::new(ann.conversation.clone(), Text::plain("x")), "denied")
        .await;
    shows(&bench, "PERMISSION_DENIED").await;
    bench.say(&ann, Text::plain("again")).await;
    shows(&bench, "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_limits_makes_no_busy_loop() {
    let mut bench = bench(FakeGoogle::start().await).await;
    let ann = bench.meet(Person::Ann, "hello").await;
    bench.platform.with(|state| state.storm = Some(Failing::Slow(None)));
    let calls = bench.platform.with(|state| state.calls.len());
    for _ in 0..3 {
        let sent =
            bench.send(&OutboundMessage::new(ann.conversation.clone(), Text::plain("x"))).await;
        assert_eq!(sent, Err(ChannelError::RateLimited(Duration::from_secs(1))));
    }
    assert_eq!(bench.platform.with(|state| state.calls.len()), calls + 3, "one call each");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_is_sent_again_and_shown_once() {
    let mut bench = bench(FakeGoogle::start().await).await;
    bench.meet(Person::Ann, "hello").await;
    bench.platform.with(|state| state.failing.push_back(Failing::Half));
    let message = OutboundMessage { key: Some("key/0".to_owned()), ..hello("ann") };
    let lost = bench.send(&message).await;
    assert!(matches!(lost, Err(ChannelError::Disconnected(_))), "{lost:?}");
    bench.send(&message).await.expect("it goes");
    assert_eq!(bench.platform.seen().await.len(), 1);
    bench.platform.with(|state| state.failing.push_back(Failing::Status(409, "ALREADY_EXISTS")));
    bench.send(&message).await.expect("it is there");
    assert_eq!(bench.platform.seen().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_who_has_written_before_is_found_and_a_stranger_is_not_begun_with() {
    let bench = bench(FakeGoogle::start().await).await;
    let refused = bench.send(&hello("ann")).await;
    let Err(ChannelError::Undeliverable(text)) = refused else { panic!("{refused:?}") };
    assert!(text.contains("never written"), "{text}");
    event(&bench.platform, "at another time");
    for _ in 0..2 {
        let sent = bench.send(&hello("ann")).await.expect("it goes");
        assert_eq!(sent.chat.as_str(), person("ann"));
    }
    let asked = |path: &str| {
        bench
            .platform
            .with(|state| state.calls.iter().filter(|(_, called, ..)| called == path).count())
    };
    assert_eq!(asked("spaces:findDirectMessage"), 2, "once each time that it is not known");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_piece_of_an_answer_stands_in_the_thread_of_the_question() {
    let mut bench = bench(FakeGoogle::start().await).await;
    bench.platform.message("ann", group(), mention("top"));
    let top = bench.message().await;
    assert_eq!((top.conversation.id.as_str(), &top.conversation.thread), (GROUP, &None));
    let mut below = mention("below");
    let id = top.id.as_str().to_owned();
    let thread = id.split_once("/threads/").map(|(_, thread)| format!("{GROUP}/threads/{thread}"));
    below["thread"] = json!({ "name": thread });
    below["threadReply"] = true.into();
    bench.platform.message("ann", group(), below);
    let below = bench.message().await;
    assert!(below.mentions_us && below.conversation.thread.is_some());
    for (asked, answers) in [
        (&top, Some(InboundRef::Message(top.id.clone()))),
        (&top, Some(InboundRef::Further(top.id.clone()))),
        (&below, None),
    ] {
        let mut answer = OutboundMessage::new(asked.conversation.clone(), Text::plain("answer"));
        answer.answers = answers;
        bench.send(&answer).await.expect("it goes");
    }
    let roots: Vec<_> = bench.platform.seen().await.into_iter().map(|seen| seen.answers).collect();
    assert_eq!(roots, vec![Some(top.id.clone()); 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_111_a_name_with_markup_calls_nobody_and_a_code_is_a_block() {
    let mut bench = bench(FakeGoogle::start().await).await;
    let ann = bench.meet(Person::Ann, "hello").await;
    let name = "<users/all> <users/123> <https://evil.example|bank> @all *b* </b><br> &lt;";
    bench.say(&ann, Text::plain(name).and(" asks").code("<users/all>")).await;
    bench.say(&ann, Card { title: name.to_owned(), ..Card::default() }).await;
    bench.say(&ann, Text::default().code("oc1_setup-code_of_a_device")).await;
    let seen: Vec<_> = bench.platform.seen().await.into_iter().map(|seen| seen.text).collect();
    assert_eq!(seen, [&format!("{name} asks<users/all>"), name, "oc1_setup-code_of_a_device"]);
    let block = bench.platform.with(|state| state.messages[2].text.clone());
    assert_eq!(block, "```\noc1_setup-code_of_a_device\n```");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_094_a_stranger_causes_no_call() {
    let mut bench = bench(FakeGoogle::start().await).await;
    let calls = bench.platform.with(|state| state.calls.len());
    bench.meet(Person::Ann, "hello").await;
    bench.platform.message("ann", group(), mention("hello"));
    bench.message().await;
    assert_eq!(bench.platform.with(|state| (state.calls.len(), state.fetched)), (calls, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_event_is_acknowledged_and_is_none() {
    let mut bench = bench(FakeGoogle::start().await).await;
    let token = bench.platform.token(&claims(Kind::Number));
    let good = event(&bench.platform, "one of two");
    let half = good.to_string();
    for body in [
        "",
        "null",
        "{}",
        "not json",
        "\u{0}",
        &half[..half.len() / 2],
        &json!([good, { "type": 7 }]).to_string(),
    ] {
        assert_eq!(bench.platform.request(body, Some(&token)).await, 200, "{body}");
    }
    bench.meet(Person::Ann, "after").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_104_what_is_too_long_is_not_looked_at_and_a_flood_takes_no_turn_of_googles() {
    let mut bench = bench(FakeGoogle::start().await).await;
    let long = "x".repeat((512 << 10) + 1);
    assert_eq!(bench.platform.request(&long, None).await, 413);
    let mut statuses = Vec::new();
    for _ in 0..300 {
        statuses.push(bench.platform.request("{}", Some("x.y.z")).await);
    }
    assert_eq!((statuses[0], statuses.contains(&429)), (401, true), "{statuses:?}");
    assert_eq!(bench.platform.with(|state| state.keys_asked), 0);
    bench.meet(Person::Ann, "by the same address").await;
}

#[tokio::test]
async fn a_key_file_that_others_may_read_is_not_used() {
    let fake = FakeGoogle::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("chat.json");
    let put = |text: &str, mode: u32| {
        std::io::Write::write_all(
            &mut std::fs::File::create(&file).expect("a file"),
            text.as_bytes(),
        )
        .expect("written");
        std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).expect("a mode");
    };
    let mut table = fake.settings();
    table.remove("service_account");
    table.insert("service_account_file".to_owned(), path(&file).into());
    event(&fake, "so that they are known");
    for (text, mode, says) in [
        (account(&fake.root()), 0o644, "everybody may read it"),
        (account("https://evil.example"), 0o600, "`token_uri`"),
        ("{}".to_owned(), 0o600, "is not the JSON"),
    ] {
        put(&text, mode);
        let (channel, inbox) = open(table.clone());
        let ended = channel.receive(&inbox).await;
        let Err(ChannelError::Unauthorized(said)) = &ended else { panic!("{ended:?}") };
        assert!(said.contains(says) && said.contains("`service_account_file`"), "{said}");
        assert!(!said.contains(&secret_part()), "nothing of the key is said");
    }
    put(&account(&fake.root()), 0o600);
    let (channel, _inbox) = open(table);
    channel.send(&hello("ann")).await.expect("it goes");
    std::fs::remove_file(&file).expect("it was there");
    fake.with(|state| state.token = None);
    let gone = channel.send(&hello("ann")).await;
    assert!(matches!(gone, Err(ChannelError::Unauthorized(_))), "{gone:?}");
}

fn path(file: &Path) -> String {
    file.to_str().expect("a path").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_takes_the_place_of_a_card_and_none_of_it_stays() {
    let mut bench = bench(FakeGoogle::start().await).await;
    let ann = bench.meet(Person::Ann, "hello").await;
    let button = Button { label: "Yes".to_owned(), data: "a:1".to_owned() };
    let card = Card { title: "?".to_owned(), buttons: vec![vec![button]], ..Card::default() };
    let sent = bench.say(&ann, card).await;
    let mut edit = OutboundMessage::new(ann.conversation, Body::Text(Text::plain("over")));
    edit.replaces = Some(sent.clone());
    assert_eq!(bench.send(&edit).await, Ok(sent));
    let seen = bench.platform.seen().await;
    assert_eq!((seen.len(), seen[0].text.as_str(), seen[0].buttons.len()), (1, "over", 0));
}
