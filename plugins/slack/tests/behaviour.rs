//! What the contract does not ask: sockets that end, waits, scopes, repeated and foreign requests, and addresses that
//! are not Slack's.
#![allow(clippy::expect_used, clippy::panic, reason = "a failed set-up fails the test")]

mod fake;

use std::time::Duration;

use fake::{ANN, CHANNEL, FakeSlack, NAMESAKE, SIGNING_SECRET, direct_chat};
use openclaw_plugin_sdk::{
    AccountId, Body, Button, Card, ChannelError, ChatId, ChatKind, Conversation, Image, InboundRef,
    Inbox, OutboundMessage, Settings, Text, ThreadId,
    contract::{Bench, FakePlatform, Mention, Person},
};
use serde_json::json;
use tokio::sync::{mpsc, watch};

async fn bench(fake: FakeSlack) -> Bench<FakeSlack> {
    Bench::start(&channel_slack::PLUGIN, fake).await
}

fn owner() -> Conversation {
    Conversation::new(ChatId::new(ANN), ChatKind::Direct)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_ends_is_replaced_before_it_does() {
    let mut bench = bench(FakeSlack::start().await).await;
    bench.meet(Person::Ann, "before").await;
    for reason in ["warning", "refresh_requested"] {
        let greeted = bench.platform.with(|state| state.greeted);
        bench.platform.disconnect(reason);
        bench.platform.until("another socket", |state| state.greeted > greeted).await;
        // Both serve: what comes on either arrives once.
        bench.meet(Person::Ann, reason).await;
    }
    bench.platform.until("all is acknowledged", |state| state.open.is_empty()).await;
}

/// In one thread, so that its time can be moved.
#[tokio::test]
async fn a_socket_that_does_not_greet_in_time_is_given_up() {
    let fake = FakeSlack::start().await;
    fake.with(|state| state.mute = true);
    let (account, commands) = (AccountId::default_account(), Vec::new());
    let settings =
        Settings { account: account.clone(), table: fake.settings(), key: [0; 32], commands };
    let channel = (channel_slack::PLUGIN.open)(settings).expect("it opens");
    let inbox =
        Inbox::new(account, mpsc::channel(1).0, mpsc::channel(1).1, watch::channel(false).0);
    for round in 1..=2 {
        let waits = async {
            fake.until("a socket", |state| state.greeted == round).await;
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(30)).await;
            tokio::time::resume();
        };
        let (ended, ()) = tokio::join!(channel.receive(&inbox), waits);
        let Err(ChannelError::Disconnected(text)) = &ended else { panic!("{ended:?}") };
        assert!(text.contains("does not greet"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_is_switched_off_says_what_to_do() {
    for (reason, stops) in [("link_disabled", true), ("too_many_websockets", false)] {
        let mut bench = bench(FakeSlack::start().await).await;
        bench.platform.disconnect(reason);
        match bench.ended().await {
            Err(ChannelError::Unauthorized(text)) if stops => {
                assert!(text.contains("app_token") || text.contains("Socket Mode"), "{text}");
            }
            Err(ChannelError::Contended(text)) if !stops => {
                assert!(text.contains("other programs"), "{text}");
            }
            other => panic!("{reason}: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_105_an_event_that_is_repeated_arrives_once() {
    let mut bench = bench(FakeSlack::start().await).await;
    let message = bench.meet(Person::Ann, "once").await;
    bench.platform.until("it is acknowledged", |state| !state.acknowledged.is_empty()).await;
    let id = bench.platform.with(|state| state.acknowledged.last().cloned()).expect("an id");
    bench.platform.repeat(&id);
    bench.meet(Person::Ann, "another").await;
    assert_eq!(message.text, "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mention_that_is_announced_twice_is_one_message() {
    let mut bench = bench(FakeSlack::start().await).await;
    bench.happen(openclaw_plugin_sdk::contract::Event::Group(Mention::Us, "hello".into())).await;
    let message = bench.message().await;
    assert_eq!((message.conversation.kind, message.mentions_us), (ChatKind::Group, true));
    bench.meet(Person::Ann, "after").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_088_a_group_of_several_people_is_no_direct_chat() {
    let mut bench = bench(FakeSlack::start().await).await;
    bench.platform.message("G0SEVERAL0", "mpim", ANN, json!({ "text": "hello" }));
    assert_eq!(bench.message().await.conversation.kind, ChatKind::Group);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_is_passed_on_and_a_storm_makes_no_busy_loop() {
    let mut bench = bench(FakeSlack::start().await).await;
    let ann = bench.meet(Person::Ann, "hello").await;
    bench.platform.with(|state| state.storm = Some(9));
    let calls = bench.platform.with(|state| state.calls.len());
    for _ in 0..3 {
        let sent =
            bench.send(&OutboundMessage::new(ann.conversation.clone(), Text::plain("x"))).await;
        assert_eq!(sent, Err(ChannelError::RateLimited(Duration::from_secs(9))));
    }
    assert_eq!(bench.platform.with(|state| state.calls.len()), calls + 3, "one call each");
    bench.stop().await;
    assert_eq!(bench.listen().await, Err(ChannelError::RateLimited(Duration::from_secs(9))));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_app_lacks_is_said_though_it_is_connected() {
    let fake = FakeSlack::start().await;
    fake.with(|state| state.scopes = "chat:write,im:history".to_owned());
    let mut bench = bench(fake).await;
    bench.meet(Person::Ann, "it works").await;
    bench.platform.with(|state| {
        let refusal = json!({ "ok": false, "error": "missing_scope", "needed": "chat:write" });
        state.refusals.insert("chat.postMessage".to_owned(), refusal);
    });
    let sent = bench.send(&OutboundMessage::new(owner(), Text::plain("x"))).await;
    let Err(ChannelError::Undeliverable(text)) = sent else { panic!("{sent:?}") };
    assert!(text.contains("`chat:write`") && text.contains("install"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_piece_of_an_answer_stands_in_the_thread_of_the_question() {
    let mut bench = bench(FakeSlack::start().await).await;
    let root = "1790000000.000100";
    let more = json!({ "text": "hi", "thread_ts": root });
    for (chat, kind) in [(direct_chat(ANN), "im"), (CHANNEL.to_owned(), "channel")] {
        let ts = bench.platform.message(&chat, kind, ANN, more.clone());
        let asked = bench.message().await;
        assert_eq!(asked.conversation.thread.as_ref().map(ThreadId::as_str), Some(root));
        bench.say(&asked, Text::plain("in the thread")).await;
        // What begins no thread by itself: a question outside of one, and the further pieces of its answer.
        bench.platform.message(&chat, kind, ANN, json!({ "text": "top" }));
        let top = bench.message().await;
        assert_eq!(top.conversation.thread, None);
        let mut further = OutboundMessage::new(top.conversation.clone(), Text::plain("further"));
        further.answers = Some(InboundRef::Further(top.id.clone()));
        bench.send(&further).await.expect("it goes");
        let threads = bench.platform.with(|state| {
            let posts = state.calls.iter().filter(|(method, _)| method == "chat.postMessage");
            posts.map(|(_, call)| call["thread_ts"].clone()).collect::<Vec<_>>()
        });
        let [.., first, second] = threads.as_slice() else { panic!("two answers: {threads:?}") };
        assert_eq!((first, second), (&json!(root), &json!(top.id.as_str())), "{ts}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_who_has_not_written_yet_is_written_to() {
    let bench = bench(FakeSlack::start().await).await;
    let sent = bench.send(&OutboundMessage::new(owner(), Text::plain("hello"))).await;
    let sent = sent.expect("it goes");
    assert_eq!(sent.chat.as_str(), ANN, "the direct chat with a person bears their id");
    let mut edit = OutboundMessage::new(owner(), Text::plain("better"));
    edit.replaces = Some(sent.clone());
    assert_eq!(bench.send(&edit).await, Ok(sent));
    assert_eq!(bench.platform.with(|state| state.called("conversations.open")), 1, "asked once");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_said_at_an_address_that_is_not_slacks() {
    let fake = FakeSlack::start().await;
    let mut bench = bench(fake).await;
    let ann = bench.meet(Person::Ann, "hello").await;
    let button = Button { label: "Yes".to_owned(), data: "a:1".to_owned() };
    let card = Card { title: "?".to_owned(), buttons: vec![vec![button]], ..Card::default() };
    let on = bench.say(&ann, card).await;
    bench.platform.with(|state| state.elsewhere = Some("https://evil.example/x".to_owned()));
    let image = Image { png: b"\x89PNG\r\n\x1a\n".to_vec(), caption: Text::plain("scan") };
    let sent = bench.send(&OutboundMessage::new(owner(), Body::Image(image.clone()))).await;
    assert!(matches!(sent, Err(ChannelError::Undeliverable(_))), "{sent:?}");
    bench.platform.with(|state| state.elsewhere = None);
    bench.send(&OutboundMessage::new(owner(), Body::Image(image))).await.expect("it goes");
    let uploads = bench.platform.with(|state| {
        let uploads = state.calls.iter().filter(|(method, _)| method == "upload");
        uploads.map(|(_, call)| call.clone()).collect::<Vec<_>>()
    });
    assert_eq!(uploads, [json!({ "token": false })], "no token goes along");
    // The answer to a press is for the person who pressed.
    bench.platform.press(ANN, &on, "a:1");
    let press = bench.press().await;
    let mut answer = OutboundMessage::new(press.conversation.clone(), Text::plain("pressed"));
    answer.answers = Some(InboundRef::Press(press.id));
    bench.send(&answer).await.expect("it goes");
    let toast = bench.platform.seen().await.pop().expect("an answer");
    assert!(toast.toast && toast.text == "pressed", "{toast:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_017_a_slash_word_is_of_the_person_who_typed_it_and_seen_by_nobody_else() {
    let mut bench = bench(FakeSlack::start().await).await;
    for channel in [direct_chat(NAMESAKE), CHANNEL.to_owned()] {
        bench.platform.slash(NAMESAKE, &channel, "pairing list");
        let message = bench.message().await;
        assert_eq!(message.text, "/openclaw pairing list");
        assert_eq!(message.sender.id.as_str(), NAMESAKE);
        assert_eq!(message.conversation.kind, ChatKind::Direct);
        assert_eq!(message.conversation.id.as_str(), NAMESAKE, "answered where they alone read");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_press_that_names_another_workspace_is_of_the_person_who_writes() {
    for has_written in [true, false] {
        let mut bench = bench(FakeSlack::start().await).await;
        let button = Button { label: "Yes".to_owned(), data: "a:1".to_owned() };
        let card = Card { title: "?".to_owned(), buttons: vec![vec![button]], ..Card::default() };
        if has_written {
            bench.meet(Person::Ann, "hello").await;
        }
        let on = bench.send(&OutboundMessage::new(owner(), card)).await.expect("it goes");
        if !has_written {
            // Since then there was a restart: nobody knows whose direct chat that is.
            bench = reopened(bench).await;
        }
        bench.platform.with(|state| {
            state.press_team = Some("T0OTHER000".to_owned());
            state.teams = vec!["T0OTHER000".to_owned(), fake::TEAM.to_owned()];
        });
        bench.platform.press(ANN, &on, "a:1");
        let press = bench.press().await;
        assert_eq!(press.sender.id.as_str(), ANN, "{has_written}");
        assert_eq!((press.conversation.id.as_str(), &press.on), (ANN, &on));
        if !has_written {
            bench = reopened(bench).await;
            bench.platform.with(|state| state.teams.truncate(1));
            bench.platform.press(ANN, &on, "a:1");
            let foreign = bench.press().await.sender.id;
            assert_eq!(foreign.as_str(), format!("team:T0OTHER000:user:{ANN}"), "not of ours");
        }
    }
}

/// The same platform, and a gateway that knows nothing any more.
async fn reopened(mut bench: Bench<FakeSlack>) -> Bench<FakeSlack> {
    bench.stop().await;
    Bench::start(&channel_slack::PLUGIN, bench.platform).await
}

#[tokio::test(flavor = "multi_thread")]
async fn case_090_only_what_slack_has_signed_is_read() {
    let mut bench = bench(FakeSlack::start_calling().await).await;
    let body = |text: &str| {
        json!({
            "type": "event_callback", "team_id": fake::TEAM, "event_id": format!("Ev{text}"),
            "event": { "type": "message", "channel": direct_chat(ANN), "channel_type": "im", "user": ANN,
                       "ts": "1790000000.000100", "team": fake::TEAM, "text": text },
        })
        .to_string()
    };
    let status = async |answered: Option<tokio::sync::oneshot::Receiver<_>>| {
        let answer: openclaw_plugin_sdk::http::Response<openclaw_plugin_sdk::Bytes> =
            answered.expect("it is sent").await.expect("it is answered");
        answer.status().as_u16()
    };
    for secret in ["", "00000000000000000000000000000000", &SIGNING_SECRET[1..]] {
        assert_eq!(status(bench.platform.request(body("forged"), secret)).await, 401);
    }
    bench.meet(Person::Ann, "a real one").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_080_a_name_is_shown_and_its_absence_holds_nobody_up() {
    let mut bench = bench(FakeSlack::start().await).await;
    let message = bench.meet(Person::Namesake, "hello").await;
    assert_eq!(message.sender.name.as_deref(), Some("Ann"));
    assert_eq!(message.sender.id.as_str(), NAMESAKE, "and nothing is decided by it");
    bench.meet(Person::Namesake, "again").await;
    assert_eq!(bench.platform.with(|state| state.called("users.info")), 1, "asked once");
    let refusal = json!({ "ok": false, "error": "missing_scope", "needed": "users:read" });
    bench.platform.with(|state| state.refusals.insert("users.info".to_owned(), refusal));
    for text in ["one", "two"] {
        assert_eq!(bench.meet(Person::Ann, text).await.sender.name, None);
    }
    assert_eq!(
        bench.platform.with(|state| state.called("users.info")),
        2,
        "and not at each message"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: a socket is given up after 35 s of silence"]
async fn a_socket_that_says_nothing_any_more_is_given_up() {
    let mut bench = bench(FakeSlack::start().await).await;
    bench.meet(Person::Ann, "before").await;
    bench.platform.with(|state| state.order(|| fake::Order::Freeze));
    // The suite waits for thirty seconds at most.
    tokio::time::sleep(Duration::from_secs(20)).await;
    let ended = bench.ended().await;
    assert!(matches!(ended, Err(ChannelError::Disconnected(_))), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_whose_marks_slack_refuses_goes_without_them() {
    let mut bench = bench(FakeSlack::start().await).await;
    bench.meet(Person::Ann, "hello").await;
    let marked = |source: &str| OutboundMessage::new(owner(), Text::markdown(source));
    let sent = bench.send(&marked("**one**")).await.expect("it is sent");
    let refusal = json!({ "ok": false, "error": "invalid_blocks" });
    bench.platform.with(|state| state.refusals.insert("chat.update".to_owned(), refusal));
    let edit = OutboundMessage { replaces: Some(sent.clone()), ..marked("**one** two") };
    assert_eq!(bench.send(&edit).await, Ok(sent));
    let shown = bench.platform.with(|state| state.messages.clone());
    assert_eq!(shown.len(), 1);
    assert!(!shown[0].blocks.to_string().contains("bold"), "{:?}", shown[0].blocks);
    assert!(shown[0].blocks.to_string().contains("one two"));
}
