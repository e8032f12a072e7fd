//! What pages say, and what becomes of it.

use openclaw_plugin_sdk::{ChatKind, InboundEvent, Link};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};

use super::{
    bench::Bench,
    browser::{Page, fresh_id},
};

const LIMIT: usize = 16 * 1024;

/// What is said is refused, in a sentence, and the socket is kept.
async fn refused(page: &mut Page, what: &str) -> Value {
    assert!(page.put(Message::text(what)).await);
    let said = page.hear().await;
    assert_eq!(said["type"], "refused", "{what}");
    let why = said["why"].as_str().unwrap();
    assert!(why.len() > 10 && why.ends_with('.'), "{why}");
    said["id"].clone()
}

#[tokio::test]
async fn a_message_is_taken_when_it_is_durable() {
    let mut bench = Bench::open().await;
    let (mut page, ready) = bench.visitor().await.connect().await;
    let id = page.say("hello").await;
    let delivery = bench.delivery().await;
    let InboundEvent::Message(message) = &delivery.event else { panic!("a message") };
    assert_eq!(message.id.as_str(), id);
    assert_eq!(message.text, "hello");
    assert_eq!(message.conversation.kind, ChatKind::Direct);
    assert_eq!(ready["you"], message.sender.id.as_str());
    assert_eq!(ready["you"], message.conversation.id.as_str());
    assert_eq!(
        (message.sender.name.as_ref(), message.sender.meta.len()),
        (None, 0),
        "from this machine"
    );
    assert_eq!(message.link, Link::Private);
    // What the gateway says before is told before: nothing is acknowledged yet.
    bench
        .send(ready["you"].as_str().unwrap(), openclaw_plugin_sdk::Text::plain("wait"))
        .await
        .unwrap();
    assert_eq!(page.hear().await["type"], "message");
    delivery.done.send(()).unwrap();
    let taken = page.hear().await;
    assert_eq!((&taken["type"], &taken["id"]), (&json!("taken"), &json!(id)));
}

#[tokio::test]
async fn what_the_gateway_cannot_hold_is_refused_and_the_page_goes_on() {
    let mut bench = Bench::open().await;
    let browser = bench.visitor().await;
    let (mut page, _) = browser.connect().await;
    let id = page.say("hello").await;
    drop(bench.delivery().await);
    let refused = page.hear().await;
    assert_eq!((&refused["type"], &refused["id"]), (&json!("refused"), &json!(id)));
    // Nothing of it is kept.
    assert_eq!(browser.connect().await.1["history"], json!([]));
    page.say("hello?").await;
    assert_eq!(bench.message().await.text, "hello?");
    assert_eq!(page.hear().await["type"], "taken");
}

#[tokio::test]
async fn what_was_not_taken_can_be_said_again_and_what_was_is_not_delivered_twice() {
    let mut bench = Bench::open().await;
    let browser = bench.visitor().await;
    let (mut page, _) = browser.connect().await;
    let say = json!({"type": "say", "id": fresh_id(), "text": "hold this"});
    page.put_json(&say).await;
    let delivery = bench.delivery().await;
    bench.stop().await;
    drop(delivery);
    assert!(page.next().await.is_none(), "nothing keeps running");
    bench.receive();
    let (mut page, ready) = browser.connect().await;
    assert_eq!(ready["history"], json!([]), "not taken, so not shown");
    page.put_json(&say).await;
    let again = bench.message().await;
    assert_eq!(
        (again.text.as_str(), again.id.as_str()),
        ("hold this", say["id"].as_str().unwrap())
    );
    assert_eq!(page.hear().await["type"], "taken");
    page.put_json(&say).await;
    assert_eq!(page.hear().await["type"], "taken", "acknowledged once more");
    assert!(bench.is_quiet(), "and not delivered once more");
}

#[tokio::test]
async fn a_text_over_16_kib_is_refused_with_the_socket_kept() {
    let mut bench = Bench::open().await;
    let (mut page, _) = bench.visitor().await.connect().await;
    for text in ["x".repeat(LIMIT + 1), "é".repeat(LIMIT / 2 + 1), "x".repeat(100_000)] {
        let id = fresh_id();
        let say = json!({"type": "say", "id": id, "text": text});
        assert_eq!(refused(&mut page, &say.to_string()).await, id);
    }
    assert!(bench.is_quiet());
    // Exactly the limit goes, even where each byte takes six in the frame.
    for text in ["x".repeat(LIMIT), "\u{1}".repeat(LIMIT)] {
        page.say(&text).await;
        assert!(bench.message().await.text == text);
        assert_eq!(page.hear().await["type"], "taken");
    }
}

#[tokio::test]
async fn case_080_what_is_said_names_nobody() {
    let mut bench = Bench::open().await;
    bench.from("192.168.1.5", Link::Exposed, false);
    let (mut page, ready) = bench.visitor().await.connect().await;
    let other = format!("web:{}", "0".repeat(32));
    for claim in ["sender", "from", "you", "id_label", "conversation"] {
        let mut say = json!({"type": "say", "id": fresh_id(), "text": "it is me"});
        say[claim] = json!(other);
        refused(&mut page, &say.to_string()).await;
    }
    assert!(bench.is_quiet());
    let say = json!({"type": "say", "id": fresh_id(), "text": "it is me", "name": other});
    assert!(page.put_json(&say).await);
    let message = bench.message().await;
    assert_eq!(ready["you"], message.sender.id.as_str());
    assert_eq!(message.sender.name, Some(other), "a name is shown, and is no id");
    assert_eq!(message.sender.meta["address"], "192.168.1.5");
    assert_eq!(message.link, Link::Exposed);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_the_socket_kept() {
    let mut bench = Bench::open().await;
    let (mut page, _) = bench.visitor().await.connect().await;
    let id = fresh_id();
    let ours = format!("m{id}");
    let say = |id: &str, text: &str| json!({"type": "say", "id": id, "text": text}).to_string();
    let bad = [
        String::new(),
        "{".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        "{}".to_owned(),
        r#"{"type":"dance"}"#.to_owned(),
        r#"{"type":"say"}"#.to_owned(),
        "[".repeat(1000),
        say("", "no id"),
        say("1", "a short id"),
        say(&id.to_uppercase(), "another form"),
        say(&ours, "an id of ours"),
        say(&id, ""),
        say(&id, " \n\t"),
        json!({"type": "say", "id": id, "text": 5}).to_string(),
        json!({"type": "say", "id": id, "text": "x", "replyTo": id}).to_string(),
        json!({"type": "say", "id": id, "text": "x", "replyTo": "web:1"}).to_string(),
        json!({"type": "press", "id": id, "on": id, "data": "x"}).to_string(),
        json!({"type": "press", "id": id, "on": ours, "data": ""}).to_string(),
        json!({"type": "press", "id": id, "on": ours, "data": "x".repeat(65)}).to_string(),
        json!({"type": "press", "id": "1", "on": ours, "data": "x"}).to_string(),
    ];
    for what in &bad {
        refused(&mut page, what).await;
    }
    assert!(bench.is_quiet());
    page.say("after").await;
    assert_eq!(bench.message().await.text, "after");
}

#[tokio::test]
async fn what_is_no_text_or_far_too_long_ends_the_socket() {
    let mut bench = Bench::open().await;
    let browser = bench.visitor().await;
    let (mut page, _) = browser.connect().await;
    page.put(Message::Binary(vec![1, 2, 3].into())).await;
    assert_eq!(page.closed().await.0, CloseCode::Unsupported);
    let (mut page, _) = browser.connect().await;
    page.put(Message::text("x".repeat(200_000))).await;
    assert_eq!(page.closed().await.0, CloseCode::Size);
    assert!(bench.is_quiet());
}

#[tokio::test]
async fn case_106_who_says_too_much_at_once_is_slowed_then_closed() {
    let mut bench = Bench::open().await;
    let (mut page, _) = bench.visitor().await.connect().await;
    for _ in 0..30 {
        page.say("again").await;
        bench.message().await;
        assert_eq!(page.hear().await["type"], "taken");
    }
    page.say("once too often").await;
    let refused = page.hear().await;
    assert!(refused["why"].as_str().unwrap().contains("ten seconds"), "{refused}");
    for _ in 0..270 {
        page.say("flood").await;
    }
    assert_eq!(page.closed().await.0, CloseCode::Policy);
    assert!(bench.is_quiet());
}

#[tokio::test]
async fn a_name_too_long_or_empty_is_none() {
    let mut bench = Bench::open().await;
    let (mut page, _) = bench.visitor().await.connect().await;
    for (name, kept) in [("Ann", Some("Ann")), ("", None), (" ", None), (&*"x".repeat(257), None)] {
        let say = json!({"type": "say", "id": fresh_id(), "text": "hello", "name": name});
        assert!(page.put_json(&say).await);
        assert_eq!(bench.message().await.sender.name.as_deref(), kept);
    }
}

#[tokio::test]
async fn what_a_press_did_is_a_toast_that_no_page_shows_again() {
    let bench = Bench::open().await;
    let browser = bench.visitor().await;
    let (mut page, ready) = browser.connect().await;
    bench.answer_press(ready["you"].as_str().unwrap(), "Nothing was done.").await.unwrap();
    let toast = page.hear().await;
    assert_eq!(toast, json!({"type": "toast", "text": "Nothing was done."}));
    assert_eq!(browser.connect().await.1["history"], json!([]));
}

#[tokio::test]
async fn a_press_names_the_visitor_who_pressed() {
    let mut bench = Bench::open().await;
    let (ann, bob) = (bench.visitor().await, bench.visitor().await);
    let (mut page, ready) = bob.connect().await;
    let (_, of_ann) = ann.connect().await;
    let sent = bench
        .send(of_ann["you"].as_str().unwrap(), openclaw_plugin_sdk::Text::plain("yes?"))
        .await
        .unwrap();
    // Bob claims a button of a card that only Ann was shown.
    let id = fresh_id();
    page.put_json(&json!({"type": "press", "id": id, "on": sent.id.as_str(), "data": "yes"})).await;
    let InboundEvent::Press(press) = bench.event().await else { panic!("a press") };
    assert_eq!(ready["you"], press.sender.id.as_str());
    assert_eq!(
        ready["you"],
        press.on.chat.as_str(),
        "in the visitor's own conversation, where that card is not"
    );
    assert_ne!(press.on, sent);
    assert_eq!((press.id.as_str(), press.data.as_str()), (id.as_str(), "yes"));
    assert_eq!(page.hear().await["type"], "taken");
}
