//! What was written while the gateway was away, and what arrives twice.

use serde_json::json;

use super::OWNED;
use crate::{
    fake_telegram::{person, private},
    world::{World, number},
};

#[tokio::test(flavor = "multi_thread")]
async fn people_who_wait_in_a_folder_of_openclaw_keep_their_code_and_get_no_second_one() {
    let mut world = World::prepare(OWNED).await;
    let now = openclaw::world::iso(openclaw::world::now());
    let ann = number("ann");
    let request =
        json!({ "id": ann.to_string(), "code": "ABCD2345", "createdAt": now, "lastSeenAt": now });
    let file = json!({ "version": 1, "requests": [request] }).to_string();
    world.home.put("credentials/telegram-pairing.json", &file);
    world.run();
    world.say("ann", "hello?").await;
    world.stop();
    assert_eq!(world.unread(ann), Vec::<String>::new(), "Ann was told before");
    world.run();
    world.say("owner", "/pairing approve abcd2345").await;
    assert!(world.next(ann).await.contains("access approved"));
    world.stop();
}

fn ago(seconds: u64) -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() - seconds
}

#[tokio::test(flavor = "multi_thread")]
async fn case_115_strangers_get_no_word_for_what_is_older_than_the_start() {
    let mut world = World::prepare(OWNED).await;
    for id in 0..500 {
        let text = json!({ "text": "hello", "date": ago(60) });
        world.telegram.message(private(9_000_000 + id), person(9_000_000 + id, "x"), text);
    }
    world.run();
    world.telegram.until("the backlog is passed over", |state| state.updates.is_empty()).await;
    world.say("ann", "I am new").await;
    assert!(world.next(number("ann")).await.contains("Pairing code: "));
    world.stop();
    let chats = world.chats();
    assert_eq!(chats, [1001, number("ann")], "only the new one and the owner heard anything");
    assert_eq!(world.home.read("credentials/telegram-pairing.json").matches("\"id\"").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_115_an_allowlist_answers_nobody_else_at_all() {
    let list = "dm_policy = \"allowlist\"\nallow_from = [\"4711\"]\nbot_token";
    let mut world = World::start(&OWNED.replace("bot_token", list)).await;
    world.say("ann", "hello").await;
    world.say("ann", "/start").await;
    world.stop();
    assert_eq!(world.chats(), Vec::<i64>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guests_message_of_the_last_ten_minutes_is_answered_after_a_restart_but_not_at_the_first_start()
 {
    let mut world =
        World::prepare(&OWNED.replace("bot_token", "allow_from = [\"4711\"]\nbot_token")).await;
    let guest = json!({ "id": 4711, "is_bot": false, "first_name": "Guest" });
    let write = |world: &World, text: &str, seconds: u64| {
        let content = json!({ "text": text, "date": ago(seconds) });
        world.telegram.message(private(4711), guest.clone(), content);
    };
    write(&world, "before the first start", 5);
    world.run();
    world.telegram.until("passed over", |state| state.updates.is_empty()).await;
    world.stop();
    assert_eq!(world.unread(4711), Vec::<String>::new());
    write(&world, "too long ago", 700);
    write(&world, "while you were away", 60);
    world.run();
    assert!(world.next(4711).await.contains("while you were away"));
    world.stop();
    assert_eq!(world.unread(4711), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn case_105_the_same_event_is_answered_once_even_across_a_restart() {
    let mut world =
        World::start(&OWNED.replace("bot_token", "allow_from = [\"4711\"]\nbot_token")).await;
    let guest = json!({ "id": 4711, "is_bot": false, "first_name": "Guest" });
    let message = json!({ "message_id": 5, "from": guest, "chat": private(4711), "date": ago(0), "text": "once" });
    world.telegram.with(|state| state.chats.insert(4711));
    for _ in 0..3 {
        world.telegram.update(json!({ "message": message }));
    }
    assert!(world.next(4711).await.contains("once"));
    world.telegram.until("acknowledged", |state| state.updates.is_empty()).await;
    world.stop();
    world.run();
    world.telegram.update(json!({ "message": message }));
    // The same number in another chat is another event.
    let other = json!({ "message_id": 5, "from": person(1001, "owner"), "chat": private(1001), "date": ago(0), "text": "mine" });
    world.telegram.with(|state| state.chats.insert(1001));
    world.telegram.update(json!({ "message": other }));
    assert!(world.next(1001).await.contains("mine"));
    world.stop();
    assert_eq!(world.unread(4711), Vec::<String>::new());
}
