//! `/pair`: whose it is, and what it changes.

use serde_json::Value;

use super::OWNED;
use crate::{
    fake_telegram::GROUP,
    world::{World, number},
};

const OWNER: i64 = 1001;

/// Everything that may follow `/pair`, and some that may not.
const WORDS: [&str; 20] = [
    "",
    "qr",
    "full",
    "local",
    "qr full local",
    "status",
    "pending",
    "approve",
    "approve latest",
    "approve x",
    "reject x",
    "cleanup",
    "notify on",
    "notify off",
    "notify once",
    "notify status",
    "help",
    "please",
    "approve a b",
    "config gateway.bind lan",
];

/// The setup codes that are kept, used or not.
fn minted(world: &World) -> usize {
    let kept: Value =
        serde_json::from_str(&world.home.read("devices/bootstrap.json")).unwrap_or_default();
    kept.as_object().map_or(0, serde_json::Map::len)
}

#[tokio::test(flavor = "multi_thread")]
async fn case_008_case_009_pair_is_refused_to_those_who_are_no_owner_and_makes_nothing() {
    let mut world = World::start(
        &OWNED.replace("bot_token", "allow_from = [\"*\"]\ndm_policy = \"open\"\nbot_token"),
    )
    .await;
    let ann = number("ann");
    for words in WORDS {
        world.say("ann", &format!("/pair {words}")).await;
        let told = world.next(ann).await;
        assert_eq!(told, "Only the owner of this gateway can use that command.", "{words:?}");
    }
    assert_eq!(minted(&world), 0);
    world.stop();
    assert_eq!(world.unread(OWNER), Vec::<String>::new());
    assert_eq!(world.home.read("inbox/setup-messages.json"), "", "no chat is remembered for one");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_050_in_a_group_an_owner_is_told_to_write_directly() {
    let mut world = World::start(OWNED).await;
    for words in WORDS {
        world.say_in_group("owner", &format!("/pair {words}")).await;
    }
    assert!(world.next(GROUP).await.contains("direct chat only"));
    assert_eq!(minted(&world), 0);
    world.stop();
    assert_eq!(world.unread(GROUP), Vec::<String>::new(), "once");
    assert_eq!(world.unread(OWNER), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn case_053_no_word_of_pair_changes_the_configuration() {
    let mut world = World::start(OWNED).await;
    let before = world.home.read("config.toml");
    for words in WORDS {
        world.say("owner", &format!("/pair {words}")).await;
        world.next(OWNER).await;
    }
    world.stop();
    assert_eq!(world.home.read("config.toml"), before);
}
