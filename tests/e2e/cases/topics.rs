//! Topics and threads: an answer goes where its question stood, whole, and each has a history of its own.

use serde_json::{Value, json};

use super::OWNED;
use crate::{
    fake_telegram::{group, private},
    world::{World, number},
};

/// Where the bot's messages in the owner's chat stand that show this, the newest last: their topics.
fn topics(world: &World, text: &str) -> Vec<Option<i64>> {
    world.telegram.with(|state| {
        let all = state.messages.iter().filter(|it| it.chat["id"] == 1001 && !it.toast);
        all.filter(|it| it.text.contains(text)).map(|it| it.topic).collect()
    })
}

async fn owner_says(world: &World, text: &str, topic: i64) {
    let from = json!({ "id": 1001, "is_bot": false, "first_name": "owner" });
    let content = json!({ "text": text, "message_thread_id": topic, "is_topic_message": true });
    world.tell(private(1001), from, content).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cards_and_answers_come_in_the_topic_where_the_owner_writes() {
    let mut world = World::start(OWNED).await;
    owner_says(&world, "/help", 9).await;
    world.say("ann", "hello").await;
    world.shows("owner", &number("ann").to_string()).await;
    assert_eq!(topics(&world, &number("ann").to_string()), [Some(9)]);
    world.press("owner", "Approve").await;
    world.press("owner", "For good").await;
    world.shows("owner", "✅ Approved").await;
    assert!(topics(&world, "✅ Approved").iter().all(|topic| *topic == Some(9)));
    // A restart does not bring the cards elsewhere, and the owner does.
    world.stop();
    world.run();
    world.say("cyd", "hello").await;
    let cyd = number("cyd").to_string();
    world.shows("owner", &cyd).await;
    assert_eq!(topics(&world, &cyd), [Some(9)]);
    owner_says(&world, "/help", 8).await;
    world.say("dan", "hello").await;
    let dan = number("dan").to_string();
    world.shows("owner", &dan).await;
    assert_eq!(topics(&world, &dan), [Some(8)]);
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn how_many_others_wait_is_told_in_the_topic_where_the_owner_writes() {
    let rate = "[owner.cards]\nburst = 1\nper_minute = 1\n";
    let mut world = World::start(&format!("{OWNED}{rate}")).await;
    owner_says(&world, "/help", 9).await;
    for name in ["ann", "bob"] {
        world.say(name, "hello").await;
        world.next(number(name)).await;
    }
    world.shows("owner", "1 more card waits").await;
    assert!(topics(&world, "").iter().all(|topic| *topic == Some(9)));
    world.stop();
}

/// Answers with what it was asked.
const TOPICS: &str = r#"
[assistant]
responder = "command"
[assistant.command]
program = "/bin/cat"
"#;

fn said(text: &str, topic: i64) -> Value {
    json!({
        "text": format!("@gate_test_bot {text}"), "message_thread_id": topic, "is_topic_message": true,
        "entities": [{ "type": "mention", "offset": 0, "length": 14 }],
    })
}

fn guest() -> Value {
    json!({ "id": 4711, "is_bot": false, "first_name": "Guest" })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_topic_has_its_own_history_and_every_line_its_speaker() {
    let lists = "allow_from = [\"4711\"]\ngroup_allow_from = [\"4711\"]\nbot_token";
    let mut world = World::start(&(OWNED.replace("bot_token", lists) + TOPICS)).await;
    world.tell(group(), guest(), said("one", 7)).await;
    world.tell(group(), guest(), said(&"long ".repeat(1_500), 8)).await;
    world.tell(private(4711), guest(), said("mine", 9)).await;
    let chat = World::chat("group");
    world.telegram.until("all answers", |state| state.messages.len() == 4).await;
    world.stop();
    let shown = world.telegram.with(|state| {
        let all = state.messages.iter();
        all.map(|it| (it.chat["id"].as_i64(), it.topic, it.text.clone())).collect::<Vec<_>>()
    });
    let of = |chat: i64, topic: i64| -> Vec<&String> {
        let here = shown.iter().filter(|it| (it.0, it.1) == (Some(chat), Some(topic)));
        here.map(|it| &it.2).collect()
    };
    let asked: Value = serde_json::from_str(of(chat, 7)[0]).unwrap();
    let conversation = format!("telegram:default:{chat}/7");
    assert_eq!(asked["conversation"], conversation);
    assert_eq!(
        (&asked["shared"], &asked["name"], &asked["sender"]),
        (&json!(true), &json!("Guest"), &json!("4711"))
    );
    assert_eq!(of(chat, 8).len(), 2, "both pieces: {shown:?}");
    assert!(of(chat, 8)[0].contains(&format!("telegram:default:{chat}/8")));
    let asked: Value = serde_json::from_str(of(4711, 9)[0]).unwrap();
    assert_eq!(asked["conversation"], "telegram:default:4711/9");
    assert_eq!(asked.get("shared"), None, "the guest alone writes there");
}
