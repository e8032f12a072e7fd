//! The channel against an emulator that others wrote. `OPENCLAW_CRABLINE` names the folder in which npm
//! has installed `node@22` and `@openclaw/crabline@0.1.27`.
#![allow(clippy::expect_used, reason = "a failed set-up fails the test")]

mod crabline;

use crabline::{Crabline, PEOPLE};
use openclaw_plugin_sdk::{
    Body, ChannelError, ChatId, ChatKind, Conversation, Image, OutboundMessage, Text,
    contract::{Bench, Event, FakePlatform, Mention, Person},
    toml,
};
use serde_json::json;

async fn bench() -> Bench<Crabline> {
    Bench::start(&channel_discord::PLUGIN, Crabline::start().await).await
}

#[tokio::test]
#[ignore = "needs the emulator"]
async fn a_text_comes_and_an_answer_goes_and_is_edited_and_taken_away() {
    let mut bench = bench().await;
    let message = bench.meet(Person::Ann, "hello 😀 <b>").await;
    assert_eq!(message.sender.id.as_str(), PEOPLE[1]);
    assert_eq!(message.conversation.kind, ChatKind::Direct);
    let sent = bench.say(&message, Text::plain("1 < 2 & *x* ").code("AB3D7X9K")).await;
    let bodies = bench.platform.accepted("POST", "/messages");
    assert_eq!(bodies.len(), 1);
    assert_eq!(bodies[0]["content"], "1 \\< 2 & \\*x\\* `AB3D7X9K`");
    assert_eq!(bodies[0]["allowed_mentions"]["parse"], json!([]));
    let mut edit = OutboundMessage::new(message.conversation.clone(), Text::plain("better"));
    edit.replaces = Some(sent.clone());
    assert_eq!(bench.send(&edit).await, Ok(sent.clone()));
    let removal = OutboundMessage::removal(message.conversation, sent.clone());
    assert_eq!(bench.send(&removal).await, Ok(sent.clone()));
    assert_eq!(bench.send(&removal).await, Ok(sent), "gone already");
    let image = Image { png: b"\x89PNG\r\n\x1a\n".to_vec(), caption: Text::plain("scan & pair") };
    let ann = bench.meet(Person::Ann, "a picture?").await;
    bench.say(&ann, Body::Image(image)).await;
}

#[tokio::test]
#[ignore = "needs the emulator"]
async fn a_server_is_a_group_and_a_namesake_another_person() {
    let mut bench = bench().await;
    bench.happen(Event::Group(Mention::Others, "hello, all".to_owned())).await;
    let message = bench.message().await;
    assert_eq!((message.conversation.kind, message.mentions_us), (ChatKind::Group, false));
    bench.say(&message, Text::plain("hello")).await;
    let ann = bench.meet(Person::Ann, "hello").await;
    let namesake = bench.meet(Person::Namesake, "hello").await;
    assert_ne!(ann.sender.id, namesake.sender.id);
    assert_eq!(bench.platform.seen().await.len(), 1, "nobody was told anything");
}

#[tokio::test]
#[ignore = "needs the emulator"]
async fn the_commands_are_listed_and_an_owner_is_written_to_first() {
    let bench = bench().await;
    let owner = Conversation::new(ChatId::new(PEOPLE[1]), ChatKind::Direct);
    bench.send(&OutboundMessage::new(owner, Text::plain("a sender waits"))).await.expect("it goes");
    assert_eq!(bench.platform.accepted("POST", "/users/@me/channels").len(), 1);
}

#[tokio::test]
#[ignore = "needs the emulator"]
async fn a_dropped_connection_begins_again_and_a_wrong_token_does_not() {
    let mut bench = bench().await;
    bench.meet(Person::Ann, "before").await;
    bench.stop().await;
    // The emulator goes on with a session only at its very last event.
    if bench.listen().await.is_err() {
        bench.listen().await.expect("it connects again");
    }
    bench.meet(Person::Ann, "after").await;
    let mut table = bench.platform.settings();
    table.insert("token".to_owned(), toml::Value::String("MTk4.not.this-one".to_owned()));
    let settings = openclaw_plugin_sdk::Settings {
        account: openclaw_plugin_sdk::AccountId::default_account(),
        table,
        key: [0; 32],
        commands: Vec::new(),
    };
    let channel = (channel_discord::PLUGIN.open)(settings).expect("it opens");
    let owner = Conversation::new(ChatId::new(PEOPLE[1]), ChatKind::Direct);
    let refused = channel.send(&OutboundMessage::new(owner, Text::plain("x"))).await;
    assert!(matches!(refused, Err(ChannelError::Unauthorized(_))), "{refused:?}");
}
