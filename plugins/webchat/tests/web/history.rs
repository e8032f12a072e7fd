//! What a page shows that comes, comes back, or was away.

use openclaw_plugin_sdk::{ChannelError, SentRef, Text};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::{bench::Bench, browser::Page};

fn texts(ready: &Value) -> Vec<String> {
    let text = |message: &Value| {
        let spans = message["body"]["spans"].as_array().unwrap().iter();
        let spans = spans.map(|span| span["code"].as_str().or(span["plain"].as_str()).unwrap());
        format!("{}: {}", message["from"].as_str().unwrap(), spans.collect::<String>())
    };
    ready["history"].as_array().unwrap().iter().map(text).collect()
}

fn you(ready: &Value) -> String {
    ready["you"].as_str().unwrap().to_owned()
}

async fn say(bench: &mut Bench, page: &mut Page, text: &str) {
    page.say(text).await;
    bench.message().await;
    assert_eq!(page.hear().await["type"], "taken");
}

#[tokio::test]
async fn a_reloaded_page_shows_the_conversation_in_order() {
    let mut bench = Bench::open().await;
    let browser = bench.visitor().await;
    let (mut page, ready) = browser.connect().await;
    say(&mut bench, &mut page, "hello").await;
    let sent =
        bench.send(&you(&ready), Text::plain("Pairing code: ").code("AB3D7X9K")).await.unwrap();
    assert_eq!(page.hear().await["type"], "message");
    say(&mut bench, &mut page, "hm").await;
    bench.edit(&sent, Text::plain("It has expired.")).await.unwrap();
    let (_, again) = browser.connect().await;
    assert_eq!(texts(&again), ["gateway: It has expired."], "what the visitor wrote is not kept");
    // The gateway reconnects its channel: the same.
    bench.stop().await;
    bench.receive();
    let (_, again) = browser.connect().await;
    assert_eq!(texts(&again).len(), 1);
    let (_, other) = bench.visitor().await.connect().await;
    assert_eq!(other["history"], json!([]), "nobody sees the conversation of another");
}

#[tokio::test]
async fn all_pages_of_a_visitor_show_one_conversation() {
    let mut bench = Bench::open().await;
    let browser = bench.visitor().await;
    let ((mut one, ready), (mut two, _)) = (browser.connect().await, browser.connect().await);
    let (mut stranger, _) = bench.visitor().await.connect().await;
    let id = one.say("hello").await;
    bench.message().await;
    let heard = two.hear().await;
    assert_eq!(
        (&heard["type"], &heard["from"], &heard["id"]),
        (&json!("message"), &json!("you"), &json!(id))
    );
    assert_eq!(one.hear().await["type"], "taken");
    let sent = bench.send(&you(&ready), Text::plain("first")).await.unwrap();
    bench.edit(&sent, Text::plain("better")).await.unwrap();
    for page in [&mut one, &mut two] {
        for kind in ["message", "edit"] {
            let heard = page.hear().await;
            assert_eq!((&heard["type"], &heard["id"]), (&json!(kind), &json!(sent.id.as_str())));
        }
    }
    assert!(stranger.put_json(&json!("?")).await);
    assert_eq!(
        stranger.hear().await["type"],
        "refused",
        "and a stranger's page heard nothing before"
    );
}

#[tokio::test]
async fn what_is_sent_while_nobody_is_there_waits_within_bounds() {
    let bench = Bench::open().await;
    let browser = bench.visitor().await;
    let you = browser.id();
    for number in 0..50 {
        bench.send(&you, Text::plain(format!("number {number}"))).await.unwrap();
    }
    let over = bench.send(&you, Text::plain("one too many")).await;
    assert!(matches!(over, Err(ChannelError::Undeliverable(_))), "{over:?}");
    let (_page, ready) = browser.connect().await;
    let expected: Vec<_> = (0..50).map(|number| format!("gateway: number {number}")).collect();
    assert_eq!(texts(&ready), expected);
    // Seen now: the oldest makes room.
    bench.send(&you, Text::plain("number 50")).await.unwrap();
    let (_, ready) = browser.connect().await;
    assert_eq!(
        (texts(&ready)[0].as_str(), texts(&ready)[49].as_str()),
        ("gateway: number 1", "gateway: number 50")
    );
}

#[tokio::test]
async fn a_message_to_one_absent_person_more_makes_room() {
    let bench = Bench::open().await;
    let (browser, id) = (bench.visitor().await, |number: u32| format!("web:{number:032x}"));
    bench.send(&browser.id(), Text::plain("approved")).await.unwrap();
    for number in 0..1001 {
        bench.send(&id(number), Text::plain("approved")).await.unwrap();
    }
    let (_page, ready) = browser.connect().await;
    assert!(texts(&ready).is_empty(), "the oldest made room: {ready}");
}

#[tokio::test]
async fn an_edit_of_what_is_no_longer_kept_is_shown_all_the_same() {
    let bench = Bench::open().await;
    let browser = bench.visitor().await;
    let (mut page, ready) = browser.connect().await;
    let id = openclaw_plugin_sdk::EventId::new(format!("m{}", "5".repeat(32)));
    let old = SentRef { chat: openclaw_plugin_sdk::ChatId::new(you(&ready)), id };
    assert_eq!(bench.edit(&old, Text::plain("disarmed")).await, Ok(old.clone()));
    assert_eq!(page.hear().await["type"], "edit");
    let foreign = SentRef { id: openclaw_plugin_sdk::EventId::new("5".repeat(32)), ..old };
    let refused =
        bench.edit(&foreign, Text::plain("what a visitor wrote belongs to the visitor")).await;
    assert!(matches!(refused, Err(ChannelError::Undeliverable(_))), "{refused:?}");
}

#[tokio::test]
async fn a_page_that_does_not_listen_is_let_go() {
    let bench = Bench::open().await;
    let browser = bench.visitor().await;
    let (mut page, ready) = browser.connect().await;
    let long = Text::plain("x".repeat(16 * 1024));
    let mut sent = 0;
    while bench.send(&you(&ready), long.clone()).await.is_ok() {
        sent += 1;
        assert!(sent < 500, "a queue has an end");
    }
    assert_eq!(page.closed().await.0, CloseCode::Policy);
    let (_, ready) = browser.connect().await;
    assert_eq!(texts(&ready).len(), 50, "and finds the newest when it comes back");
}
