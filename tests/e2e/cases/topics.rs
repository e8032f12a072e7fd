//! Topics and threads: an answer goes where its question stood, whole, and each has a history of its own.

use serde_json::{Value, json};

use super::OWNED;
use crate::{
    fake_telegram::{group, private},
    world::World,
};

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
