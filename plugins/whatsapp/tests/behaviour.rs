//! What the contract does not ask: several events in one request, numbers that change, states that show what to do, limits,
//! answers that break off, and names with markup.
#![allow(clippy::expect_used, clippy::panic, reason = "a failed set-up fails the test")]

mod fake;

use std::time::Duration;

use fake::{
    APP_SECRET, Failing, FakeMeta, VERIFY_TOKEN, change, number, payload, person, signature, value,
};
use openclaw_plugin_sdk::{
    AccountId, Body, Button, Card, Channel, ChannelError, ChatId, ChatKind, Conversation, Image,
    InboundEvent, InboundRef, Inbox, OutboundMessage, Settings, Text,
    contract::{Bench, Event, FakePlatform, Person},
    toml,
};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

async fn bench(fake: FakeMeta) -> Bench<FakeMeta> {
    Bench::start(&channel_whatsapp::PLUGIN, fake).await
}

fn to(id: &str) -> OutboundMessage {
    let chat = Conversation::new(ChatId::new(id), ChatKind::Direct);
    OutboundMessage::new(chat, Text::plain("hello"))
}

/// An account that opens with these keys, and its inbox.
fn open(table: toml::Table) -> (Box<dyn Channel>, Inbox) {
    let (account, commands) = (AccountId::default_account(), Vec::new());
    let settings = Settings { account: account.clone(), table, key: [0; 32], commands };
    let channel = (channel_whatsapp::PLUGIN.open)(settings).expect("it opens");
    let (deliveries, exchanges) = (mpsc::channel(1).0, mpsc::channel(1).1);
    (channel, Inbox::new(account, deliveries, exchanges, watch::channel(false).0))
}

fn said(fake: &FakeMeta, name: &str, text: &str) -> Value {
    let more = json!({ "type": "text", "text": { "body": text } });
    fake.with(|state| state.message(name, more).1)
}

fn card(buttons: &[&str], text: &str) -> Card {
    let button =
        |label: &&str| vec![Button { label: (*label).to_owned(), data: format!("a:{label}") }];
    Card {
        title: text.to_owned(),
        buttons: buttons.iter().map(button).collect(),
        ..Card::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_several_events_is_acknowledged_when_all_are_durable() {
    let mut bench = bench(FakeMeta::start().await).await;
    let meta = &bench.platform;
    let mut bad = said(meta, "eve", "bad");
    bad["timestamp"] = json!({});
    let one = value("ann", &[said(meta, "ann", "one"), bad]);
    let two = value("bob", &[said(meta, "bob", "two")]);
    meta.announce(&payload(&[change(one), change(two)]));
    assert_eq!(bench.message().await.text, "one");
    let second = bench.delivery().await;
    assert!(bench.platform.with(|state| state.answered.is_empty()), "one of two is not all");
    assert!(second.done.send(()).is_ok());
    bench.platform.until("it is acknowledged", |state| state.answered == [200]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_again_is_delivered_once() {
    let mut bench = bench(FakeMeta::start().await).await;
    let meta = &bench.platform;
    let body = payload(&[change(value("ann", &[said(meta, "ann", "once")]))]);
    for _ in 0..3 {
        meta.announce(&body);
    }
    assert_eq!(bench.message().await.text, "once");
    bench.meet(Person::Ann, "after").await;
    bench.platform.until("all are acknowledged", |state| state.answered == [200; 4]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_of_what_could_be_made_durable_comes_again_whole_and_once() {
    let mut bench = bench(FakeMeta::start().await).await;
    let meta = &bench.platform;
    let both = [said(meta, "ann", "one"), said(meta, "ann", "two")];
    meta.announce(&payload(&[change(value("ann", &both))]));
    assert_eq!(bench.message().await.text, "one");
    drop(bench.delivery().await);
    assert_eq!(bench.ended().await, Err(ChannelError::Held));
    assert!(bench.platform.with(|state| !state.answered.contains(&200)), "not all was durable");
    bench.listen().await.expect("it listens again");
    assert_eq!(bench.message().await.text, "two");
    bench.meet(Person::Ann, "after").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn meta_finds_out_whether_the_path_is_ours() {
    let bench = bench(FakeMeta::start().await).await;
    let meta = &bench.platform;
    let found = meta.verifies(VERIFY_TOKEN, "1158201444").await;
    assert_eq!(found, (200, "1158201444".to_owned()));
    for (token, challenge) in [
        ("another-text-of-another-one", "1158201444"),
        ("", "1158201444"),
        (VERIFY_TOKEN, "%3Cscript%3E"),
        (VERIFY_TOKEN, ""),
    ] {
        let (status, said) = meta.verifies(token, challenge).await;
        assert_eq!((status, said.as_str()), (403, ""), "{token} {challenge}");
    }
    bench.limited(Some("nothing heard")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_090_what_is_not_signed_brings_nothing_and_half_a_body_is_none() {
    let mut bench = bench(FakeMeta::start().await).await;
    let meta = &bench.platform;
    let body = payload(&[change(value("ann", &[said(meta, "ann", "let me in")]))]).to_string();
    let right = signature(APP_SECRET, &body);
    let half = &body[..body.len() / 2];
    for (body, signature) in [
        (body.as_str(), None),
        (&body, Some("")),
        (&body, Some(&right[..right.len() - 2])),
        (half, Some(right.as_str())),
        (&body.replace("let me in", "let ME in"), Some(&right)),
    ] {
        assert_eq!(meta.request(body, signature).await, 401, "{body}");
    }
    bench.limited(Some("does not sign with `app_secret`")).await;
    let meta = &bench.platform;
    // What is signed, and nothing, is acknowledged: it would come again for days.
    for body in ["", "{}", "null", "not json", half] {
        assert_eq!(meta.request(body, Some(&signature(APP_SECRET, body))).await, 200, "{body}");
    }
    bench.meet(Person::Ann, "after").await;
    bench.limited(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_and_an_id_are_written_to_under_their_own_keys() {
    let mut bench = bench(FakeMeta::start().await).await;
    let ann = bench.meet(Person::Ann, "hello").await;
    assert_eq!(ann.sender.id.as_str(), person("ann"));
    let also: Vec<_> = ann.sender.also.iter().map(ToString::to_string).collect();
    assert_eq!(also, [format!("+{}", number("ann"))]);
    bench.say(&ann, Text::plain("by id")).await;
    bench.send(&to(&format!("+{}", number("ann")))).await.expect("by number");
    let bodies = bench
        .platform
        .with(|state| state.messages.iter().map(|shown| shown.body.clone()).collect::<Vec<_>>());
    assert_eq!((&bodies[0]["recipient"], &bodies[0]["to"]), (&json!(person("ann")), &Value::Null));
    assert_eq!((&bodies[1]["to"], &bodies[1]["recipient"]), (&json!(number("ann")), &Value::Null));
    assert!(bodies.iter().all(|body| body["text"]["preview_url"] == false), "nothing is fetched");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_with_another_number_is_announced() {
    let mut bench = bench(FakeMeta::start().await).await;
    let system = json!({
        "type": "user_changed_number", "wa_id": "15559990000", "user_id": "US.777",
        "previous_user_id": person("ann"), "body": "ann changed from one to another",
    });
    bench.platform.message("ann", json!({ "type": "system", "system": system }));
    let InboundEvent::Changed(changed) = bench.event().await else { panic!("a change") };
    assert_eq!(changed.is.as_str(), "US.777");
    assert_eq!(changed.was[0].as_str(), person("ann"));
}

#[tokio::test(flavor = "multi_thread")]
async fn case_094_a_stranger_causes_no_call() {
    let mut bench = bench(FakeMeta::start().await).await;
    let calls = bench.platform.with(|state| state.calls.len());
    let file = json!({ "type": "image", "image": { "id": "1", "mime_type": "image/jpeg" } });
    bench.platform.message("ann", file);
    bench.message().await;
    bench.meet(Person::Ann, "hello").await;
    let after = bench.platform.with(|state| (state.calls.len(), state.fetched, state.typed));
    assert_eq!(after, (calls, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn that_we_write_is_shown_below_the_last_message_and_to_nobody_else() {
    let mut bench = bench(FakeMeta::start().await).await;
    bench.meet(Person::Ann, "one").await;
    let two = bench.meet(Person::Ann, "two").await;
    let typing = OutboundMessage::new(two.conversation.clone(), Body::Typing);
    bench.send(&typing).await.expect("it is shown");
    let (_, _, call) = bench.platform.with(|state| state.calls.last().cloned()).expect("a call");
    let expected = json!({
        "messaging_product": "whatsapp", "status": "read", "message_id": two.id.as_str(),
        "typing_indicator": { "type": "text" },
    });
    assert_eq!(call, expected);
    let bob = OutboundMessage { body: Body::Typing, ..to(&person("bob")) };
    bench.refuses(&bob, "who has not written").await;
    assert_eq!(bench.platform.with(|state| state.typed), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_is_closed_is_shown_until_the_person_writes() {
    let mut bench = bench(FakeMeta::start().await).await;
    bench.limited(Some("subscribed to `messages`")).await;
    let ann = bench.meet(Person::Ann, "hello").await;
    bench.limited(None).await;
    bench.happen(Event::WindowCloses).await;
    let message = OutboundMessage::new(ann.conversation.clone(), Text::plain("x"));
    assert!(matches!(bench.send(&message).await, Err(ChannelError::Later(_))));
    bench.limited(Some(&format!("until {} writes again", person("ann")))).await;
    bench.meet(Person::Ann, "here").await;
    bench.limited(None).await;
    // Meta may find it out later.
    let sent = bench.say(&ann, Text::plain("x")).await;
    bench.platform.fails(sent.id.as_str(), 131_047);
    let InboundEvent::Failed(failed) = bench.event().await else { panic!("a failure") };
    assert_eq!(failed.sent, sent);
    assert!(matches!(failed.error, ChannelError::Later(_)), "{:?}", failed.error);
    bench.limited(Some("writes again")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_does_not_work_says_at_the_start_what_to_do() {
    for (code, says) in [
        (190, "`access_token`"),
        (10, "whatsapp_business_messaging"),
        (33, "`phone_number_id`"),
        (100, "`phone_number_id`"),
        (133_010, "register the number"),
        (131_031, "locked"),
    ] {
        let fake = FakeMeta::start().await;
        fake.with(|state| state.account = Some(code));
        let (channel, inbox) = open(fake.settings());
        let ended = channel.receive(&inbox).await;
        let Err(ChannelError::Unauthorized(text)) = &ended else { panic!("{code}: {ended:?}") };
        assert!(text.contains(says), "{code}: {text}");
    }
    let fake = FakeMeta::start().await;
    fake.with(|state| state.account = Some(2));
    let (channel, inbox) = open(fake.settings());
    assert!(matches!(channel.receive(&inbox).await, Err(ChannelError::Disconnected(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_that_is_taken_away_stops_the_account() {
    let mut bench = bench(FakeMeta::start().await).await;
    let ann = bench.meet(Person::Ann, "hello").await;
    bench.platform.with(|state| state.failing.push_back(Failing::Code(200)));
    let message = OutboundMessage::new(ann.conversation, Text::plain("x"));
    assert!(matches!(bench.send(&message).await, Err(ChannelError::Unauthorized(_))));
    let ended = bench.ended().await;
    let Err(ChannelError::Unauthorized(text)) = ended else { panic!("{ended:?}") };
    assert!(text.contains("whatsapp_business_messaging"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_limits_makes_no_busy_loop() {
    let mut bench = bench(FakeMeta::start().await).await;
    let ann = bench.meet(Person::Ann, "hello").await;
    let message = OutboundMessage::new(ann.conversation, Text::plain("x"));
    for (code, seconds) in [(130_429, 60), (131_056, 6), (80_007, 60)] {
        bench.platform.with(|state| state.storm = Some(Failing::Code(code)));
        let calls = bench.platform.with(|state| state.calls.len());
        let limited = Err(ChannelError::RateLimited(Duration::from_secs(seconds)));
        assert_eq!(bench.send(&message).await, limited, "{code}");
        assert_eq!(bench.platform.with(|state| state.calls.len()), calls + 1, "one call");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_may_have_gone_is_not_sent_again() {
    let mut bench = bench(FakeMeta::start().await).await;
    let ann = bench.meet(Person::Ann, "hello").await;
    bench.platform.with(|state| state.failing.push_back(Failing::Half));
    let message = OutboundMessage::new(ann.conversation, Text::plain("x"));
    let sent = bench.send(&message).await;
    let Err(ChannelError::Undeliverable(why)) = &sent else { panic!("{sent:?}") };
    assert!(why.contains("not known"), "{why}");
    assert_eq!(bench.platform.seen().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_whose_upload_broke_off_is_uploaded_again() {
    let mut bench = bench(FakeMeta::start().await).await;
    let ann = bench.meet(Person::Ann, "hello").await;
    let image = Image { png: b"\x89PNG\r\n\x1a\nx".to_vec(), caption: Text::plain("scan") };
    let message = OutboundMessage::new(ann.conversation, Body::Image(image));
    bench.platform.with(|state| state.failing.push_back(Failing::Half));
    let lost = bench.send(&message).await;
    assert!(matches!(lost, Err(ChannelError::Disconnected(_))), "{lost:?}");
    bench.send(&message).await.expect("it goes");
    assert_eq!(bench.platform.seen().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_card_stands_above_its_buttons() {
    let mut bench = bench(FakeMeta::start().await).await;
    let ann = bench.meet(Person::Ann, "hello").await;
    let mut long = card(&["Yes", "No"], "A sender asks");
    long.footer = Some(Text::plain("x".repeat(1500)));
    let sent = bench.say(&ann, long.clone()).await;
    let seen = bench.platform.seen().await;
    let [text, buttons] = seen.as_slice() else { panic!("two messages, not {seen:?}") };
    assert_eq!(text.text, long.to_text().to_plain());
    assert_eq!((buttons.text.as_str(), buttons.buttons[0].len()), ("A sender asks", 2));
    assert_eq!(buttons.id.as_ref(), Some(&sent.id), "the press comes from there");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_111_a_name_with_markup_calls_nobody() {
    let mut bench = bench(FakeMeta::start().await).await;
    let ann = bench.meet(Person::Ann, "hello").await;
    let name = format!(
        "@{} <users/all> <at user_id=\"all\"></at> *b* _i_ ~s~ `c` ```d```\n> quoted",
        number("bob")
    );
    bench.say(&ann, Text::plain(name.as_str()).and(" asks").code("AB3D7X9K")).await;
    bench.say(&ann, card(&["Yes"], &name)).await;
    let mut answer = OutboundMessage::new(ann.conversation.clone(), Text::markdown("**so** `c`"));
    answer.answers = Some(InboundRef::Message(ann.id.clone()));
    bench.send(&answer).await.expect("it goes");
    let seen: Vec<_> = bench.platform.seen().await.into_iter().map(|seen| seen.text).collect();
    assert_eq!(seen, [&format!("{name} asksAB3D7X9K"), &name, "so c"]);
    let marked = bench.platform.with(|state| state.messages[2].text().to_owned());
    assert_eq!(marked, "*so* `c`");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_sends_a_code_leads_to_the_number() {
    let bench = bench(FakeMeta::start().await).await;
    let head = bench.inbox().deep_link();
    assert_eq!(head.as_deref(), Some("https://wa.me/15550783881?text="));
}
