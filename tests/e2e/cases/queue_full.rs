//! What the owner, and people without a place, are told when the queue is full; and whose request is closed.

use serde_json::json;

use super::{OWNED, reload::changed};
use crate::{
    fake_telegram::{person, private},
    process::texts,
    world::{World, number},
};

const OWNER: i64 = 1001;

/// A bot with room for one, and the page.
fn one_place() -> String {
    let page =
        "[channels.webchat]\nenabled = true\n[pairing]\nmax_pending = 1\n[channels.telegram]";
    OWNED.replace("[channels.telegram]", page)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_is_told_how_many_were_turned_away() {
    let mut world = World::start(&one_place()).await;
    world.say("ann", "hi").await;
    let challenge = world.next(number("ann")).await;
    let code = challenge.split_once("Pairing code: ").unwrap().1[..8].to_owned();
    assert!(world.next(OWNER).await.starts_with("A sender asks for access."));
    for name in ["bob", "bob", "eve"] {
        world.say(name, "hi").await;
    }
    world.shows("owner", "The queue is full: 2 people were turned away without a code").await;
    assert_eq!((world.unread(number("bob")), world.unread(number("eve"))), (vec![], vec![]));
    let status = texts(&world.home.cli(&["status"])).0;
    assert!(status.contains("telegram 1 of 1"), "{status}");
    // With a place, nobody counts as turned away any more.
    assert!(world.home.cli(&["pairing", "deny", "telegram", &code]).status.success());
    world.shows("owner", "Nobody else waits.").await;
    world.say("eve", "hi").await;
    assert!(world.next(number("eve")).await.contains("Pairing code"));
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_says_that_nobody_can_be_asked_now() {
    let mut world = World::start(&one_place()).await;
    let first = world.visitor("ann").await;
    first.say("hi").await.unwrap();
    assert!(first.next().await.contains("Pairing code"));
    let second = world.visitor("bob").await;
    second.say("hi").await.unwrap();
    assert!(second.next().await.starts_with("Nobody can be asked now"));
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_let_in_by_the_configuration_waits_no_more() {
    let mut world = World::start(OWNED).await;
    for name in ["ann", "bob"] {
        world.say(name, "hi").await;
        world.next(number(name)).await;
        assert!(world.next(OWNER).await.starts_with("A sender asks for access."));
    }
    let (ann, bob) = (number("ann"), number("bob"));
    let first = world.home.read("config.toml");
    let listed = first.replace("bot_token", &format!("allow_from = [\"{ann}\"]\nbot_token"));
    let listed = listed.replace("1001\"]", &format!("1001\", \"telegram:{bob}\"]"));
    changed(&world.home, &listed, "configuration reloaded").await;
    world.shows("owner", "✅ Let in by the configuration").await;
    let waiting = texts(&world.home.cli(&["pairing", "list", "telegram"])).0;
    assert!(
        !waiting.contains(&ann.to_string()) && !waiting.contains(&bob.to_string()),
        "{waiting}"
    );
    world.stop();
    let log = world.home.read("audit/access.jsonl");
    let lines = log.lines().filter(|line| line.contains(r#""action":"evict","surface":"config""#));
    assert_eq!(lines.count(), 2, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repaired_configuration_is_told() {
    let mut world = World::start(OWNED).await;
    let first = world.home.read("config.toml");
    changed(&world.home, &format!("{first}[pairing"), "the configuration has an error").await;
    assert!(world.next(OWNER).await.contains("the previous one stays in effect"));
    changed(&world.home, &first, "configuration reloaded").await;
    assert_eq!(world.next(OWNER).await, "The configuration is repaired, and holds now.");
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_close_to_a_choice_is_answered_with_the_choices() {
    let mut world = World::start(OWNED).await;
    let from =
        json!({ "id": number("ann"), "is_bot": false, "first_name": "Ann", "username": "ann_lee" });
    world.tell(private(number("ann")), from, json!({ "text": "hi" })).await;
    world.next(number("ann")).await;
    let card = world.next(OWNER).await;
    assert!(
        card.contains("Name (not verified): Ann\nUsername (not verified): ＠ann_lee\n"),
        "{card}"
    );
    for word in ["ja", "aprove", "yes please"] {
        let card = world.telegram.with(|state| {
            let cards = state.messages.iter().filter(|shown| shown.chat["id"] == OWNER);
            cards.min_by_key(|shown| shown.wire()["message_id"].as_i64()).unwrap().wire()
        });
        let content = json!({ "text": word, "reply_to_message": card });
        world.tell(private(OWNER), person(OWNER, "owner"), content).await;
        let told = world.next(OWNER).await;
        assert!(told.starts_with("Nothing was done: this card takes approve, "), "{word}: {told}");
    }
    assert!(texts(&world.home.cli(&["pairing", "list", "telegram"])).0.contains("Ann"));
    world.stop();
}
