//! Devices that come without a setup code, and the owners who asked to be told.

use serde_json::{Value, json};

use super::OWNED;
use crate::{
    wire::{Key, Wire},
    world::World,
};

const TOKEN: &str = "shared-token-of-the-test-0123456789";
const OWNER: i64 = 1001;

async fn world() -> World {
    World::start(&format!("{OWNED}[gateway.auth]\ntoken = \"{TOKEN}\"\n[channels.webchat]\n")).await
}

/// A node with this key comes with the shared secret, and these commands.
async fn comes(world: &World, key: &Key, commands: &[&str]) -> Result<Value, Value> {
    let mut wire = Wire::open(world.gateway.as_ref().unwrap().port).await;
    let mut params = Wire::params("node", &[], json!({ "token": TOKEN }));
    params["commands"] = json!(commands);
    let params = wire.signed(key, params);
    wire.connect(params).await
}

#[tokio::test(flavor = "multi_thread")]
async fn case_027_an_owner_approves_what_they_were_told_and_nothing_that_came_since() {
    let mut world = world().await;
    world.say("owner", "/pair notify once").await;
    let told = world.next(OWNER).await;
    assert!(told.starts_with("You are told here of every device"), "an owner always is: {told}");
    let key = Key::new(1);
    let refused = comes(&world, &key, &["system.run"]).await.unwrap_err();
    let first = refused["details"]["requestId"].as_str().unwrap().to_owned();
    let told = world.next(OWNER).await;
    assert!(told.starts_with("A device asks for access.\n"), "{told}");
    assert!(told.contains("Code: none") && told.contains("Commands: system.run"), "{told}");
    assert!(told.contains("⚠️ Warning") && told.contains(&format!("Request: {first}")), "{told}");

    // It asks for more now: what the owner was told of is over.
    let refused = comes(&world, &key, &["system.run", "fs.listDir"]).await.unwrap_err();
    let second = refused["details"]["requestId"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    world.say("owner", &format!("/pair approve {first}")).await;
    let both = [world.next(OWNER).await, world.next(OWNER).await];
    let [first_told, then] = both;
    let is_card = first_told.starts_with("A device asks");
    let (card, told) = if is_card { (first_told, then) } else { (then, first_told) };
    assert!(card.contains("fs.listDir") && card.contains(&second), "{card}");
    assert!(
        told.starts_with("It has changed since") || told.starts_with("No device waits under"),
        "{told}"
    );
    assert!(told.contains("fs.listDir"), "{told}");
    world.shows("owner", "Replaced; see the newest card").await;
    world.say("owner", "/pair approve").await;
    assert!(world.next(OWNER).await.starts_with("✅ Paired "));
    comes(&world, &key, &["system.run", "fs.listDir"]).await.unwrap();

    comes(&world, &Key::new(2), &[]).await.unwrap_err();
    assert!(world.next(OWNER).await.starts_with("A device asks for access.\n"));
    world.stop();
    assert_eq!(world.unread(OWNER), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_who_is_not_named_to_be_told_may_ask_to_be_told_once() {
    let config = OWNED.replace("[\"telegram:1001\"]", "[\"telegram:1001\", \"telegram:1002\"]");
    let config =
        config.replace("[channels.telegram]", "notify = [\"telegram:1002\"]\n[channels.telegram]");
    let auth = format!("{config}[gateway.auth]\ntoken = \"{TOKEN}\"\n[channels.webchat]\n");
    let mut world = World::prepare(&auth).await;
    world.telegram.with(|state| state.chats.insert(1002));
    world.run();
    world.say("owner", "/pair notify once").await;
    assert!(world.next(OWNER).await.starts_with("You are told here of the next"));
    for n in [1, 2] {
        comes(&world, &Key::new(n), &[]).await.unwrap_err();
        assert!(world.next(1002).await.starts_with("A device asks for access.\n"));
    }
    assert!(world.next(OWNER).await.starts_with("A device asks for access.\n"));
    world.say("owner", "/pair notify status").await;
    assert!(world.next(OWNER).await.starts_with("You are not told here"), "once was once");
    world.stop();
    assert_eq!(world.unread(OWNER), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_let_in_and_turned_away_by_its_card_also_after_a_restart() {
    let mut world = world().await;
    comes(&world, &Key::new(1), &["camera.snap"]).await.unwrap_err();
    assert!(world.next(OWNER).await.starts_with("A device asks for access.\n"));
    world.stop();
    world.run();
    let told = world.press("owner", "Approve").await;
    assert!(told.starts_with("✅ Paired "), "{told}");
    let card = world.shows("owner", "✅ Approved").await;
    assert!(card.contains("by you, ") && card.contains("Commands: camera.snap"), "{card}");
    comes(&world, &Key::new(1), &["camera.snap"]).await.unwrap();

    comes(&world, &Key::new(2), &[]).await.unwrap_err();
    let (on, data) = world.button("owner", "Deny").await;
    let told = world.press_with("owner", &on, &data).await;
    assert!(told.starts_with("⛔ Rejected "), "{told}");
    world.shows("owner", "⛔ Denied").await;
    assert!(world.press_with("owner", &on, &data).await.starts_with("⛔ Denied by you, "));
    assert!(world.buttons("owner").is_empty());
    world.stop();
    let log = world.home.read("audit/access.jsonl");
    assert_eq!(log.matches("\"device-reject\"").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_028_with_two_that_wait_nothing_is_approved_without_a_name() {
    let mut world = world().await;
    for n in [1, 2] {
        comes(&world, &Key::new(n), &["camera.snap"]).await.unwrap_err();
        assert!(world.next(OWNER).await.starts_with("A device asks for access."));
    }
    for words in ["approve", "approve", "approve latest"] {
        world.say("owner", &format!("/pair {words}")).await;
        let told = world.next(OWNER).await;
        assert!(told.contains("To approve one:"), "{told}");
    }
    comes(&world, &Key::new(1), &["camera.snap"]).await.unwrap_err();
    world.stop();
    assert!(!world.home.read("devices/paired.json").contains(&Key::new(1).id()));
}
