//! The channel against an emulator that others wrote. `OPENCLAW_CRABLINE` names the folder in which npm
//! has installed `node@22` and `@openclaw/crabline@0.1.27`.

mod crabline;

use crabline::{Crabline, PEOPLE};
use openclaw_plugin_sdk::{
    Body, Button, Card, ChannelError, ChatKind, Image, OutboundMessage, Text,
    contract::{Bench, Event, FakePlatform, Mention, Person},
};
use serde_json::json;

async fn bench() -> Bench<Crabline> {
    Bench::start(&channel_telegram::PLUGIN, Crabline::start().await).await
}

#[tokio::test]
#[ignore = "needs the emulator"]
async fn a_text_comes_and_an_answer_goes() {
    let mut bench = bench().await;
    let message = bench.meet(Person::Ann, "hello 😀 <b>").await;
    assert_eq!(message.sender.id.as_str(), PEOPLE[1].to_string());
    assert_eq!(message.conversation.kind, ChatKind::Direct);
    bench.say(&message, Text::plain("1 < 2 & ").code("AB3D7X9K")).await;
    let sent = bench.platform.accepted(&["sendmessage"]);
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].1["text"], "1 &lt; 2 &amp; <code>AB3D7X9K</code>");
    bench.happen(Event::Group(Mention::Others, "hello, all".to_owned())).await;
    assert_eq!(bench.message().await.conversation.kind, ChatKind::Group);
    bench.meet(Person::Namesake, "hello").await;
}

#[tokio::test]
#[ignore = "needs the emulator"]
async fn a_card_goes_and_is_edited_and_a_picture_goes() {
    let mut bench = bench().await;
    let ann = bench.meet(Person::Ann, "hello").await;
    let button = Button { label: "Yes".to_owned(), data: "a:1".to_owned() };
    let card = Card {
        title: "Approve?".to_owned(),
        buttons: vec![vec![button.clone()]],
        ..Card::default()
    };
    let sent = bench.say(&ann, card).await;
    assert_eq!(bench.platform.seen().await[0].buttons, [[button]]);
    let mut edit = OutboundMessage::new(ann.conversation.clone(), Text::plain("Approved."));
    edit.replaces = Some(sent.clone());
    assert_eq!(bench.send(&edit).await, Ok(sent));
    let edits = bench.platform.accepted(&["editmessagetext"]);
    assert_eq!((edits.len(), &edits[0].1["reply_markup"]), (1, &json!({ "inline_keyboard": [] })));
    let image = Image { png: b"\x89PNG\r\n\x1a\n".to_vec(), caption: Text::plain("scan & pair") };
    bench.say(&ann, Body::Image(image)).await;
    let photos = bench.platform.accepted(&["sendphoto"]);
    assert_eq!((photos.len(), &photos[0].1["caption"]), (1, &json!("scan &amp; pair")));
}

#[tokio::test]
#[ignore = "needs the emulator"]
async fn a_text_of_exactly_the_limit_goes_also_when_html_makes_it_longer() {
    let mut bench = bench().await;
    let ann = bench.meet(Person::Ann, "hello").await;
    bench.say(&ann, Text::plain("<".repeat(4094) + "😀")).await;
    let over = OutboundMessage::new(ann.conversation, Text::plain("x".repeat(4097)));
    bench.refuses(&over, "a text over the limit").await;
}

#[tokio::test]
#[ignore = "needs the emulator"]
async fn another_program_and_its_webhook_are_survived() {
    let mut bench = bench().await;
    let before = bench.meet(Person::Ann, "before").await;
    let rival = bench.platform.rival();
    let ended = tokio::select! {
        ended = bench.ended() => ended,
        () = rival => unreachable!("it polls for ever"),
    };
    assert!(
        matches!(&ended, Err(ChannelError::Contended(text)) if text.contains("another program")),
        "{ended:?}"
    );
    let hooked = bench.platform.call("setWebhook", json!({ "url": "http://127.0.0.1:9/" })).await;
    assert_eq!(hooked["ok"], true, "{hooked}");
    bench.happen(Event::Direct(Person::Ann, "meanwhile".to_owned())).await;
    bench.listen().await.expect("it connects again");
    let mut message = bench.message().await;
    if message.id == before.id {
        message = bench.message().await;
    }
    assert_eq!(message.text, "meanwhile");
}

#[tokio::test]
#[ignore = "needs the emulator"]
async fn what_comes_while_nobody_listens_arrives_later() {
    let mut bench = bench().await;
    let delivery = {
        bench.happen(Event::Direct(Person::Ann, "hold this".to_owned())).await;
        bench.delivery().await
    };
    bench.stop().await;
    drop(delivery);
    bench.happen(Event::Direct(Person::Ann, "and this".to_owned())).await;
    bench.listen().await.expect("it connects again");
    assert_eq!(bench.message().await.text, "hold this");
    assert_eq!(bench.message().await.text, "and this");
}
