//! First messages that are kept until the owner decides: delivered once, or erased, and read by nobody.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::json;

use super::OWNED;
use crate::{
    fake_telegram::{person, private},
    process::{PATIENCE, look_again},
    world::{World, number},
};

const OWNER: i64 = 1001;
const WORDS: &str = "is the blue lamp still there?";

fn holding() -> String {
    OWNED
        .replace("[channels.telegram]", "[pairing]\nhold_first_message = true\n[channels.telegram]")
}

fn held(world: &World) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(world.home.state().join("held")).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

async fn nothing_is_held(world: &World) {
    let erased = async {
        while !held(world).is_empty() {
            look_again().await;
        }
    };
    tokio::time::timeout(PATIENCE, erased).await.expect("what was held is erased");
}

/// Ann has written, and the owner has the card.
async fn asked() -> (World, String) {
    let mut world = World::start(&holding()).await;
    world.say("ann", WORDS).await;
    let challenge = world.next(number("ann")).await;
    let code = challenge.split_once("Pairing code: ").unwrap().1[..8].to_owned();
    (world, code)
}

/// What the answers to Ann say; the echo repeats the words.
fn answers(world: &World) -> usize {
    world.telegram.with(|state| {
        let to_ann = state.messages.iter().filter(|shown| shown.chat["id"] == number("ann"));
        to_ann.filter(|shown| shown.text.ends_with(WORDS)).count()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_message_is_delivered_once_and_seen_by_nobody_before() {
    let (mut world, _) = asked().await;
    let card = world.next(OWNER).await;
    assert!(card.contains("held, 29 characters") && !card.contains("lamp"), "{card}");
    let files = held(&world);
    assert_eq!(files.len(), 1);
    let mode = fs::metadata(&files[0]).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    world.say("ann", "hello?").await;
    assert_eq!(held(&world), files, "the first is the one");
    // It outlives a restart.
    world.stop();
    world.run();
    let told = world.press("owner", "Approve and deliver").await;
    assert!(told.starts_with("✅ Approved telegram sender"), "{told}");
    assert!(world.next(number("ann")).await.contains("access approved"));
    assert!(world.next(number("ann")).await.ends_with(WORDS));
    nothing_is_held(&world).await;
    world.stop();
    world.run();
    world.say("ann", "thanks").await;
    assert!(world.next(number("ann")).await.ends_with("thanks"), "and nothing before it");
    world.stop();
    assert_eq!(answers(&world), 1);
    let cards = world.home.read("outbox/cards.json");
    for text in [world.home.logged(), world.home.read("audit/access.jsonl"), cards] {
        assert!(!text.contains("lamp"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_message_is_erased_by_every_other_end() {
    for decide in [["pairing", "deny"], ["pairing", "approve"]] {
        for runs in [true, false] {
            let (mut world, code) = asked().await;
            assert_eq!(held(&world).len(), 1);
            if !runs {
                world.stop();
            }
            let arguments = [decide[0], decide[1], "telegram", &code];
            assert!(world.home.cli(&arguments).status.success());
            if !runs {
                world.run();
            }
            nothing_is_held(&world).await;
            world.stop();
            assert_eq!(answers(&world), 0);
        }
    }
    for label in ["Deny", "Block"] {
        let (mut world, _) = asked().await;
        world.press("owner", label).await;
        assert!(held(&world).is_empty(), "at once");
        world.stop();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_short_words_for_the_assistant_are_held() {
    let mut world = World::start(&holding()).await;
    let long = "x".repeat(4097);
    for text in ["/start", "ABCD2345", &*long] {
        world.say("ann", text).await;
        assert!(held(&world).is_empty(), "{text}");
    }
    let photo =
        json!({ "photo": [{ "file_id": "f", "file_unique_id": "u", "width": 1, "height": 1 }] });
    world.tell(private(number("ann")), person(number("ann"), "ann"), photo).await;
    assert!(held(&world).is_empty(), "nothing is fetched");
    world.say("ann", WORDS).await;
    assert_eq!(held(&world).len(), 1, "the first words of Ann");
    world.stop();
    // Switched off, nothing is kept.
    let mut world = World::start(OWNED).await;
    world.say("ann", WORDS).await;
    assert!(held(&world).is_empty());
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_102_no_more_is_held_than_waits() {
    let rule = "hold_first_message = true\nwhen_full = \"evict-oldest\"";
    let mut world = World::start(&holding().replace("hold_first_message = true", rule)).await;
    for id in 0..40 {
        world.telegram.direct(6_000_000 + id, "x", WORDS);
    }
    world.telegram.until("the flood is over", |state| state.updates.is_empty()).await;
    // What is held of those who made room is erased within a second.
    let erased = async {
        while held(&world).len() > 3 {
            look_again().await;
        }
    };
    tokio::time::timeout(PATIENCE, erased).await.expect("no more is held than waits");
    assert_eq!(held(&world).len(), 3);
    world.stop();
}
