//! A gateway that ends between sending a card and noting it, and leave that ends.

use serde_json::{Value, json};

use super::OWNED;
use crate::{
    process::{PATIENCE, look_again},
    world::{World, number},
};

const OWNER: i64 = 1001;

/// The book as if the gateway had ended after it sent the card on this channel, and before it noted that.
fn unnote(world: &World, channel: &str) {
    let mut book: Value = serde_json::from_str(&world.home.read("outbox/cards.json")).unwrap();
    let cards = book["cards"].as_array_mut().unwrap();
    let card = cards.iter_mut().find(|card| card["to"]["channel"] == channel).unwrap();
    card["sending"] = json!({ "key": "one-random-key", "look": card["look"] });
    (card["sent"], card["look"]) = (Value::Null, Value::Null);
    world.home.put("outbox/cards.json", &book.to_string());
}

/// The message that shows the card on this channel, once that is noted.
async fn noted(world: &World, channel: &str) -> String {
    let sent = || -> Option<String> {
        let book: Value = serde_json::from_str(&world.home.read("outbox/cards.json")).ok()?;
        let card =
            book["cards"].as_array()?.iter().find(|card| card["to"]["channel"] == channel)?.clone();
        Some(card["sent"].as_str()?.to_owned())
    };
    let wait = async {
        loop {
            if let Some(sent) = sent() {
                return sent;
            }
            look_again().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("it is noted")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_was_sent_and_not_noted_is_repeated_once_and_on_the_page_never() {
    let mut world = World::start(&format!("{OWNED}[channels.webchat]\n")).await;
    let you = world.visitor("bob").await.you.clone();
    assert!(world.home.cli(&["owner", "add", &format!("webchat:{you}")]).status.success());
    world.say("ann", "hello").await;
    world.next(OWNER).await;
    noted(&world, "webchat").await;
    let (first, data) = world.button("owner", "Deny").await;
    world.stop();
    let mut shown = Vec::new();
    for channel in ["webchat", "webchat", "telegram"] {
        unnote(&world, channel);
        world.run();
        shown.push(noted(&world, channel).await);
        world.stop();
    }
    assert_eq!(shown[0], shown[1], "the page shows one message, however often it is sent");
    assert_eq!(world.unread(OWNER).len(), 1, "one repetition for one crash");
    world.run();
    assert!(world.press_with("owner", &first, &data).await.contains("no card of mine"));
    let told = world.press("owner", "Deny").await;
    assert!(told.starts_with("⛔ Denied"), "the newest copy is the card: {told}");
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn leave_that_has_ended_is_told_and_given_again_on_the_card() {
    let mut world = World::start(OWNED).await;
    world.say("ann", "hello").await;
    let challenge = world.next(number("ann")).await;
    let code = challenge.split_once("Pairing code: ").unwrap().1[..8].to_owned();
    world.next(OWNER).await;
    let approve = ["pairing", "approve", "telegram", &code, "--for", "1s"];
    assert!(world.home.cli(&approve).status.success());
    let told = world.next(OWNER).await;
    assert!(told.starts_with("Access expired.\nWho: telegram:"), "{told}");
    assert!(told.contains("Approved by: uid:"), "{told}");
    assert_eq!(world.press("owner", "Extend").await, "Approve for how long?");
    let told = world.press("owner", "24 h").await;
    assert!(told.starts_with("✅ Access extended until ") && told.contains("by you, "), "{told}");
    world.shows("owner", "✅ Access extended").await;
    world.shows("owner", "Until: ").await;
    assert!(world.buttons("owner").is_empty());
    world.say("ann", "am I in?").await;
    assert!(world.next(number("ann")).await.contains("am I in?"));
    world.stop();
    let log = world.home.read("audit/access.jsonl");
    assert_eq!(log.matches("\"action\":\"extend\"").count(), 1);
    assert_eq!(world.unread(OWNER), Vec::<String>::new(), "told once");
}
