//! A thousand strangers at the door.

use serde_json::json;

use super::OWNED;
use crate::{
    fake_telegram::{person, private},
    world::{World, number},
};

/// So many knock.
const STRANGERS: i64 = 1000;

/// A gateway with this rule for full places, and a guest who is listed.
async fn besieged(when_full: &str) -> World {
    let pairing = format!(
        "[pairing]\nwhen_full = \"{when_full}\"\n[channels.telegram]\nallow_from = [\"4711\"]"
    );
    let mut world = World::prepare(&OWNED.replace("[channels.telegram]", &pairing)).await;
    world.gateway = Some(world.home.gateway("info"));
    world
}

/// All of them knock, and the guest writes in the middle.
async fn flood(world: &mut World) {
    for id in 0..STRANGERS {
        world.telegram.direct(6_000_000 + id, "x", "let me in");
        if id == STRANGERS / 2 {
            world.telegram.direct(4711, "Guest", "still there?");
        }
    }
    assert!(world.next(4711).await.ends_with("still there?"));
    world.telegram.until("the flood is over", |state| state.updates.is_empty()).await;
}

/// The code in the bot's next message to this person.
async fn code(world: &mut World, name: &str) -> String {
    let text = world.next(number(name)).await;
    text.split_once("Pairing code: ").unwrap_or_else(|| panic!("no code: {text}")).1[..8].to_owned()
}

/// What a flood leaves on disk does not grow with it, but for the log of what was opened.
fn check_size(world: &World) {
    for file in ["telegram-pairing.json", "telegram-allowFrom.json", "telegram-denied.json"] {
        let length = world.home.read(&format!("credentials/{file}")).len();
        assert!(length < 4096, "{file} has {length} bytes");
    }
    let requests = world.home.read("credentials/telegram-pairing.json").matches("\"code\"").count();
    assert!(requests <= 3, "{requests} wait");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_102_case_106_a_flood_makes_room_for_the_last_under_evict_oldest() {
    let mut world = besieged("evict-oldest").await;
    flood(&mut world).await;
    // What a group's move is about waits for all before it: who writes after it is the last.
    let moves = json!({ "migrate_from_chat_id": -333 });
    let group = json!({ "id": -444, "type": "supergroup", "title": "x" });
    world.tell(group, person(4711, "Guest"), moves).await;
    world.say("ann", "hello").await;
    let code = code(&mut world, "ann").await;
    let chats = world.telegram.with(|state| {
        let chats = state.messages.iter().filter_map(|shown| shown.chat["id"].as_i64());
        chats.filter(|chat| *chat != 1001).collect::<Vec<_>>()
    });
    let guest = chats.iter().position(|to| *to == 4711).unwrap();
    assert!(chats[guest..].iter().any(|to| *to >= 6_000_000), "a guest is answered meanwhile");
    check_size(&world);
    assert!(world.home.cli(&["pairing", "approve", "telegram", &code]).status.success());
    world.say("ann", "I am in").await;
    assert!(world.next(number("ann")).await.ends_with("I am in"));
    world.stop();
    assert!(world.home.cli(&["audit", "verify"]).status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_102_case_106_a_flood_takes_no_code_from_who_waits_under_ignore() {
    let mut world = besieged("ignore").await;
    world.say("ann", "hello").await;
    let code = code(&mut world, "ann").await;
    flood(&mut world).await;
    check_size(&world);
    let answered = world.chats().into_iter().filter(|chat| *chat >= 6_000_000).count();
    assert_eq!(answered, 2, "two places were left, and one code each");
    assert!(world.chats().into_iter().all(|chat| world.telegram.with(|state| {
        let to_them = state.messages.iter().filter(|shown| shown.chat["id"] == chat);
        chat < 6_000_000 || to_them.count() == 1
    })));
    let log = world.home.read("audit/access.jsonl").lines().count();
    assert_eq!(log, 3, "who is ignored is not written down");
    assert!(world.home.cli(&["pairing", "approve", "telegram", &code]).status.success());
    world.say("ann", "I am in").await;
    assert!(world.next(number("ann")).await.ends_with("I am in"));
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_106_a_hundred_messages_of_one_stranger_are_one_row_and_one_reply() {
    let mut world = World::start(OWNED).await;
    let id = number("ann");
    for _ in 0..100 {
        let text = json!({ "text": "hello?" });
        world.telegram.message(private(id), person(id, "ann"), text);
    }
    code(&mut world, "ann").await;
    world.telegram.until("all is taken", |state| state.updates.is_empty()).await;
    world.stop();
    assert_eq!(world.unread(id), Vec::<String>::new());
    assert_eq!(world.home.read("credentials/telegram-pairing.json").matches("\"code\"").count(), 1);
}
