//! What the contract does not ask of every channel: Feishu's own ways, on its wire.
#![expect(clippy::expect_used, reason = "a failed set-up fails the test")]

mod fake;
mod seal;

use std::time::Duration;

use fake::{
    BOT, ENCRYPT_KEY, FakeFeishu, GROUP, Order, Shown, VERIFICATION_TOKEN, direct_chat, person,
    said, signed, to_us,
};
use openclaw_plugin_sdk::{
    AccountId, Body, Button, Bytes, Card, ChannelError, ChatId, ChatKind, Conversation, FetchError,
    File, Image, InboundRef, Inbox, OutboundMessage, Settings, Text,
    contract::{Bench, Event, FakePlatform, Mention, Person},
};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

async fn bench() -> Bench<FakeFeishu> {
    started(FakeFeishu::start().await).await
}

async fn started(fake: FakeFeishu) -> Bench<FakeFeishu> {
    Bench::start(&channel_feishu::PLUGIN, fake).await
}

fn to_ann(text: &str) -> OutboundMessage {
    to(&person("ann"), Text::plain(text))
}

fn to(id: &str, body: impl Into<Body>) -> OutboundMessage {
    OutboundMessage::new(Conversation::new(ChatId::new(id), ChatKind::Direct), body)
}

fn last(bench: &Bench<FakeFeishu>) -> Shown {
    bench.platform.with(|state| state.messages.last().cloned()).expect("a message")
}

fn shown(bench: &Bench<FakeFeishu>) -> Vec<String> {
    bench.platform.with(|state| {
        let shown = state.messages.iter().filter(|shown| !shown.deleted);
        shown.map(Shown::reads).collect()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_in_pieces_arrives_whole_and_the_last_piece_is_acknowledged() {
    let mut bench = bench().await;
    for pieces in [1, 2, 7, 64] {
        bench.platform.with(|state| state.pieces = pieces);
        bench.meet(Person::Ann, &format!("in {pieces} pieces: äöü 😀")).await;
        bench.platform.until("it is acknowledged", |state| state.open.is_empty()).await;
    }
    let said = bench.platform.with(|state| state.acknowledged.last().cloned()).expect("one").1;
    assert_eq!(said, json!({ "code": 200 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn half_an_event_holds_up_nothing_and_is_not_acknowledged() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "before").await;
    let half = bench.platform.with(|state| {
        let event = state.message("ann", &direct_chat("ann"), "p2p", said("half"));
        let payload = state.payload("im.message.receive_v1", event);
        state.pieces = 2;
        let frames = state.frames_of("half", &payload.to_string());
        state.pieces = 1;
        frames
    });
    let halves = half.iter().map(|frame| frame.header("seq")).collect::<Vec<_>>();
    assert_eq!(halves, ["1", "0"]);
    bench.platform.frame(&half[0]);
    bench.meet(Person::Ann, "whole").await;
    bench.platform.frame(&half[1]);
    assert_eq!(bench.message().await.text, "half");
    let acknowledged = |state: &fake::State| state.acknowledged.iter().any(|(id, _)| id == "half");
    bench.platform.until("it is acknowledged", acknowledged).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_press_is_acknowledged_with_nothing_to_show() {
    let mut bench = bench().await;
    let ann = bench.meet(Person::Ann, "hello").await;
    let button = Button { label: "Yes".to_owned(), data: "a:1".to_owned() };
    let card = Card { title: "?".to_owned(), buttons: vec![vec![button]], ..Card::default() };
    let on = bench.say(&ann, card).await;
    let id = bench.platform.press("ann", &on, "a:1");
    let delivery = bench.delivery().await;
    assert!(
        bench.platform.with(|state| state.acknowledged.iter().all(|(it, _)| *it != id)),
        "not yet"
    );
    delivery.done.send(()).expect("it waits");
    let is_done = |state: &fake::State| state.acknowledged.iter().any(|(it, _)| *it == id);
    bench.platform.until("it is acknowledged", is_done).await;
    let (_, said) = bench.platform.with(|state| state.acknowledged.last().cloned()).expect("one");
    assert_eq!(said, json!({ "code": 200, "data": "e30=" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn case_105_an_event_that_is_repeated_arrives_once() {
    let mut bench = bench().await;
    let event =
        bench.platform.with(|state| state.message("ann", &direct_chat("ann"), "p2p", said("once")));
    for _ in 0..3 {
        bench.platform.announce("im.message.receive_v1", event.clone());
    }
    assert_eq!(bench.message().await.text, "once");
    bench.meet(Person::Ann, "another").await;
    bench.platform.until("all are acknowledged", |state| state.open.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signs_of_life_go_as_often_as_feishu_wants() {
    let fake = FakeFeishu::start().await;
    fake.with(|state| state.ping_every = 1);
    let mut bench = started(fake).await;
    bench.platform.until("a sign of life", |state| state.pings > 1).await;
    bench.meet(Person::Ann, "hello").await;
}

/// In one thread, so that its time can be moved.
#[tokio::test]
async fn a_socket_that_says_nothing_any_more_is_given_up() {
    let fake = FakeFeishu::start().await;
    fake.with(|state| state.ping_every = 10);
    let (account, commands) = (AccountId::default_account(), Vec::new());
    let settings =
        Settings { account: account.clone(), table: fake.settings(), key: [0; 32], commands };
    let channel = (channel_feishu::PLUGIN.open)(settings).expect("it opens");
    let (connected, mut seen) = watch::channel(false);
    let inbox = Inbox::new(account, mpsc::channel(1).0, mpsc::channel(1).1, connected);
    let waits = async {
        seen.wait_for(|connected| *connected).await.expect("it connects");
        fake.until("a socket", |state| !state.sockets.is_empty()).await;
        fake.with(|state| state.order(|| Order::Freeze));
        fake.until("it says nothing", |state| state.sockets.is_empty()).await;
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(31)).await;
        tokio::time::resume();
    };
    let (ended, ()) = tokio::join!(channel.receive(&inbox), waits);
    let Err(ChannelError::Disconnected(why)) = &ended else { panic!("{ended:?}") };
    assert!(why.contains("went silent"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_door_that_does_not_open_says_why() {
    for (code, expected) in [
        (1, "disconnected"),
        (1_000_040_343, "disconnected"),
        (403, "unauthorized"),
        (514, "unauthorized"),
        (1_000_040_350, "contended"),
    ] {
        let fake = FakeFeishu::start().await;
        fake.with(|state| state.no_door = Some(code));
        let mut bench = Bench::open(&channel_feishu::PLUGIN, fake).await;
        match bench.listen().await {
            Err(ChannelError::Disconnected(_)) if expected == "disconnected" => {}
            Err(ChannelError::Unauthorized(why)) if expected == "unauthorized" => {
                assert!(why.contains("`app_secret`"), "{why}");
            }
            Err(ChannelError::Contended(why)) if expected == "contended" => {
                assert!(why.contains("other programs"), "{why}");
            }
            other => panic!("{code}: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_said_at_an_address_that_is_not_feishus() {
    for elsewhere in [
        "wss://evil.example",
        "wss://feishu.cn.evil.example",
        "wss://evilfeishu.cn",
        "ws://open.feishu.cn",
        "wss://a@open.feishu.cn",
        "https://open.feishu.cn",
        "ws://127.0.0.1:9",
    ] {
        let fake = FakeFeishu::start().await;
        fake.with(|state| state.elsewhere = Some(elsewhere.to_owned()));
        let mut bench = Bench::open(&channel_feishu::PLUGIN, fake).await;
        let Err(ChannelError::Disconnected(why)) = bench.listen().await else {
            panic!("{elsewhere}")
        };
        assert!(why.contains("which is not its own") && !why.contains("t1cke7"), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_over_is_asked_for_anew_once() {
    let mut bench = bench().await;
    let ann = bench.meet(Person::Ann, "hello").await;
    let tokens = bench.platform.with(|state| state.called("POST token"));
    bench.platform.with(|state| state.tokens.clear());
    bench.say(&ann, Text::plain("still here")).await;
    assert_eq!(bench.platform.with(|state| state.called("POST token")), tokens + 1);
    bench.platform.with(|state| {
        state.refusals.insert("POST im".to_owned(), (400, 99_991_661));
    });
    bench.say(&ann, Text::plain("and again")).await;
    assert_eq!(shown(&bench), ["still here", "and again"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_is_revoked_while_something_is_sent_stops_and_comes_back() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    bench.platform.with(|state| state.revoked = true);
    let unauthorized = |ended: Result<(), ChannelError>| {
        let Err(ChannelError::Unauthorized(why)) = ended else { panic!("{ended:?}") };
        assert!(why.contains("`app_id`"), "{why}");
    };
    unauthorized(bench.send(&to_ann("hello")).await.map(drop));
    unauthorized(bench.ended().await);
    bench.platform.with(|state| state.revoked = false);
    bench.listen().await.expect("it works again");
    bench.meet(Person::Ann, "after").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_limits_is_passed_on_call_by_call() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    bench.platform.with(|state| state.storm = Some(9));
    let calls = bench.platform.with(|state| state.calls.len());
    for _ in 0..3 {
        let sent = bench.send(&to_ann("x")).await;
        assert_eq!(sent, Err(ChannelError::RateLimited(Duration::from_secs(9))));
    }
    assert_eq!(bench.platform.with(|state| state.calls.len()), calls + 3, "one call each");
    bench.stop().await;
    assert_eq!(bench.listen().await, Err(ChannelError::RateLimited(Duration::from_secs(9))));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_says_that_nothing_was_heard_and_which_permission_is_missing() {
    let mut bench = bench().await;
    bench.limited(Some("nothing heard since the start")).await;
    bench.meet(Person::Ann, "hello").await;
    bench.limited(None).await;
    bench.platform.with(|state| {
        state.refusals.insert("POST im/v1/images".to_owned(), (400, 99_991_672));
    });
    let image = Image { png: b"\x89PNG\r\n\x1a\n".to_vec(), caption: Text::plain("scan") };
    let picture = to(&person("ann"), Body::Image(image));
    bench.refuses(&picture, "a picture without the permission").await;
    bench.limited(Some("im:resource")).await;
    bench.send(&picture).await.expect("it goes with the permission");
    bench.stop().await;
    bench.listen().await.expect("it connects again");
    bench.limited(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_be_written_to_gets_nothing_and_the_account_goes_on() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    bench.platform.with(|state| state.unavailable.insert("bob".to_owned()));
    bench.refuses(&to(&person("bob"), Text::plain("x")), "a person outside").await;
    let group = GROUP.replace("aa", "bb");
    bench.refuses(&to(&group, Text::plain("x")), "a group that we are not in").await;
    bench.meet(Person::Namesake, "still here").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_edited_no_more_is_sent_anew_in_its_place() {
    let mut bench = bench().await;
    let ann = bench.meet(Person::Ann, "hello").await;
    bench.platform.with(|state| state.most_edits = 2);
    let mut sent = bench.say(&ann, Text::plain("0")).await;
    for number in 1..=7 {
        let mut edit = to_ann(&number.to_string());
        // An answer that grows keeps its key.
        (edit.replaces, edit.key) = (Some(sent.clone()), Some("grows".to_owned()));
        let now = bench.send(&edit).await.expect("it goes");
        assert_eq!(now == sent, number % 3 != 0, "{number}");
        assert_eq!(shown(&bench), [number.to_string()]);
        sent = now;
    }
    let mut card = to(&person("ann"), Card { title: "a card".to_owned(), ..Card::default() });
    card.replaces = Some(sent);
    let sent = bench.send(&card).await.expect("a card takes the place of a text");
    assert_eq!(shown(&bench), ["a card"]);
    let file = File::new(Some("my report.pdf"), Bytes::from_static(b"%PDF-1"));
    let mut file = to(&person("ann"), Body::File(file));
    file.replaces = Some(sent);
    bench.send(&file).await.expect("a file takes the place of a card");
    let file = last(&bench);
    assert_eq!(file.kind, "file");
    let key = file.content["file_key"].as_str().expect("a key").to_owned();
    assert_eq!(
        bench.platform.with(|state| state.files.remove(&key)).as_deref(),
        Some(&b"%PDF-1"[..])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_whose_marks_feishu_refuses_goes_without_them() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    bench.platform.with(|state| {
        state.refusals.insert("POST im/v1/messages".to_owned(), (400, 230_001));
    });
    let marked = to(&person("ann"), Text::markdown("**one** two"));
    let sent = bench.send(&marked).await.expect("it goes");
    let plain = last(&bench);
    assert_eq!(plain.reads(), "one two");
    assert!(!plain.content.to_string().contains("bold"), "{}", plain.content);
    let edit = OutboundMessage { replaces: Some(sent.clone()), ..marked };
    assert_eq!(bench.send(&edit).await, Ok(sent));
    assert!(last(&bench).content.to_string().contains("bold"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_taken_away_is_not_said_to_be_gone() {
    let mut bench = bench().await;
    let ann = bench.meet(Person::Ann, "hello").await;
    let sent = bench.say(&ann, Text::plain("a code")).await;
    bench.platform.with(|state| {
        state.refusals.insert("DELETE im".to_owned(), (400, 230_026));
    });
    let removal = OutboundMessage::removal(ann.conversation, sent);
    bench.refuses(&removal, "a removal that is refused").await;
    bench.send(&removal).await.expect("it goes");
    assert!(shown(&bench).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_answered_in_the_topic_and_a_group_in_the_group() {
    let mut bench = bench().await;
    bench.happen(Event::Group(Mention::Us, "hello".to_owned())).await;
    let message = bench.message().await;
    assert_eq!((message.text.as_str(), message.conversation.id.as_str()), ("hello", GROUP));
    let sent = bench.say(&message, Text::plain("hello, all")).await;
    assert_eq!((last(&bench).chat, last(&bench).parent), (GROUP.to_owned(), None));
    let mut reply = said("thanks");
    reply["parent_id"] = sent.id.as_str().into();
    bench.platform.message("ann", GROUP, "group", reply);
    assert!(bench.message().await.mentions_us, "an answer to us is meant for us");
    let mut topic = to_us("in a topic");
    topic["thread_id"] = "omt_1".into();
    let root = bench.platform.message("ann", GROUP, "topic_group", topic);
    let asked = bench.message().await;
    let further = InboundRef::Further(asked.id.clone());
    for answers in [None, Some(further), Some(InboundRef::Message(asked.id.clone()))] {
        let answer = OutboundMessage::new(asked.conversation.clone(), Text::plain("here"));
        bench.send(&OutboundMessage { answers, ..answer }).await.expect("it goes");
        let shown = last(&bench);
        assert_eq!((shown.parent.as_deref(), shown.in_thread), (Some(root.as_str()), true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_094_nothing_is_asked_for_a_stranger_and_files_are_fetched_by_their_message() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "hello").await;
    let calls = bench.platform.with(|state| state.calls.len());
    bench.happen(Event::Attachment(openclaw_plugin_sdk::Attachment::File, String::new())).await;
    let message = bench.message().await;
    assert_eq!(bench.platform.with(|state| (state.calls.len(), state.fetched)), (calls, 0));
    let [file] = message.files.as_slice() else { panic!("{:?}", message.files.len()) };
    let table = bench.platform.settings();
    let (account, commands) = (AccountId::default_account(), Vec::new());
    let settings = Settings { account, table, key: [0; 32], commands };
    let channel = (channel_feishu::PLUGIN.open)(settings).expect("it opens");
    assert!(matches!(channel.fetch(file, 100).await, Err(FetchError::Unavailable(_))), "not there");
    bench
        .platform
        .with(|state| state.files.insert("file_v3_a".to_owned(), b"twelve bytes".to_vec()));
    assert_eq!(channel.fetch(file, 12).await.ok().as_deref(), Some(&b"twelve bytes"[..]));
    assert!(matches!(channel.fetch(file, 11).await, Err(FetchError::TooLarge)));
}

#[tokio::test(flavor = "multi_thread")]
async fn case_111_markup_in_texts_arrives_as_it_is_and_mentions_nobody() {
    let mut bench = bench().await;
    let name = "<at user_id=\"all\"></at> <users/all> @everyone **x**";
    bench.platform.direct("eve", name);
    let eve = bench.message().await;
    assert_eq!((eve.text.as_str(), eve.mentions_us), (name, false));
    bench.say(&eve, Text::plain(name)).await;
    let runs = json!({ "zh_cn": { "content": [[{ "tag": "text", "text": name }]] } });
    assert_eq!((last(&bench).kind.as_str(), last(&bench).content), ("post", runs));
    assert_ne!(BOT, eve.sender.id.as_str());
}

async fn called() -> Bench<FakeFeishu> {
    started(FakeFeishu::start_calling(seal::seal).await).await
}

/// What a request with this body is answered with.
async fn answer(bench: &Bench<FakeFeishu>, body: String, key: &str, age: u64) -> (u16, Value) {
    let now = std::time::UNIX_EPOCH.elapsed().expect("a clock").as_secs();
    let (exchange, answered) = signed(body, key, now - age);
    bench.platform.put(exchange);
    let answer = answered.await.expect("it is answered");
    (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn case_090_only_what_feishu_has_signed_and_encrypted_in_time_is_read() {
    let mut bench = called().await;
    let event = bench
        .platform
        .with(|state| state.message("ann", &direct_chat("ann"), "p2p", said("forged")));
    let payload = bench.platform.with(|state| state.payload("im.message.receive_v1", event));
    let sealed = |key: &str| seal::seal(key, &payload.to_string());
    for (body, key, age) in [
        (sealed(ENCRYPT_KEY), "another key", 0),
        (sealed(ENCRYPT_KEY), ENCRYPT_KEY, 301),
        (sealed(ENCRYPT_KEY), "", 0),
        (payload.to_string(), "another key", 0),
    ] {
        assert_eq!(answer(&bench, body, key, age).await.0, 401, "{key} {age}");
    }
    // Signed, and yet not with our key inside, or with another token, or in the clear.
    let mut other = payload.clone();
    other["header"]["token"] = "another token".into();
    for body in [
        sealed("another key"),
        payload.to_string(),
        seal::seal(ENCRYPT_KEY, &other.to_string()),
        "{}".to_owned(),
    ] {
        assert_eq!(answer(&bench, body, ENCRYPT_KEY, 0).await.0, 401);
    }
    bench.meet(Person::Ann, "a real one").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_recent_is_told_by_the_clock_of_feishu() {
    let fake = FakeFeishu::start_calling(seal::seal).await;
    fake.with(|state| state.ahead = 600);
    let mut bench = started(fake).await;
    let event = bench
        .platform
        .with(|state| state.message("ann", &direct_chat("ann"), "p2p", said("in time")));
    let payload = bench.platform.with(|state| state.payload("im.message.receive_v1", event));
    let sealed = seal::seal(ENCRYPT_KEY, &payload.to_string());
    assert_eq!(answer(&bench, sealed.clone(), ENCRYPT_KEY, 0).await.0, 401, "by our own clock");
    let now = std::time::UNIX_EPOCH.elapsed().expect("a clock").as_secs();
    let (exchange, _answered) = signed(sealed, ENCRYPT_KEY, now + 600);
    bench.platform.put(exchange);
    assert_eq!(bench.message().await.text, "in time");
    assert!(bench.inbox().ahead_by().expect("a clock") < -590_000, "the state says so");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_104_a_flood_of_forged_requests_takes_no_turn_of_feishus() {
    let mut bench = called().await;
    let mut statuses = Vec::new();
    for _ in 0..300 {
        statuses.push(answer(&bench, "{}".to_owned(), "another key", 0).await.0);
    }
    assert_eq!((statuses[0], statuses.contains(&429)), (401, true));
    bench.meet(Person::Ann, "by the same address").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_is_answered_to_who_knows_the_key_and_the_token_also_without_a_signature() {
    let bench = called().await;
    let asks = |token: &str| {
        json!({ "type": "url_verification", "token": token, "challenge": "c" }).to_string()
    };
    let right = seal::seal(ENCRYPT_KEY, &asks(VERIFICATION_TOKEN));
    for key in [ENCRYPT_KEY, "no signature"] {
        let answered = answer(&bench, right.clone(), key, 0).await;
        assert_eq!(answered, (200, json!({ "challenge": "c" })), "{key}");
    }
    for body in [
        seal::seal(ENCRYPT_KEY, &asks("another token")),
        seal::seal("another key", &asks(VERIFICATION_TOKEN)),
        asks(VERIFICATION_TOKEN),
    ] {
        for key in [ENCRYPT_KEY, "no signature"] {
            assert_eq!(answer(&bench, body.clone(), key, 0).await.0, 401, "{key}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_acknowledged_when_it_is_durable() {
    let mut bench = called().await;
    bench.platform.direct("ann", "hold this");
    let delivery = bench.delivery().await;
    assert_eq!(bench.platform.with(|state| state.open.len()), 1, "not yet");
    delivery.done.send(()).expect("it waits");
    bench.platform.until("it is acknowledged", |state| state.open.is_empty()).await;
}
