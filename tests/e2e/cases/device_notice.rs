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
async fn case_027_whoever_asked_once_is_told_once_and_approves_what_he_was_told() {
    let mut world = world().await;
    world.say("owner", "/pair notify once").await;
    assert!(world.next(OWNER).await.starts_with("You are told here of the next"));
    let key = Key::new(1);
    let refused = comes(&world, &key, &["system.run"]).await.unwrap_err();
    let first = refused["details"]["requestId"].as_str().unwrap().to_owned();
    let told = world.next(OWNER).await;
    assert!(told.starts_with("A device asks to be let in.\n"), "{told}");
    assert!(told.contains("Code: none") && told.contains("Does when told: system.run"), "{told}");
    assert!(told.contains("⚠️ Careful") && told.contains(&format!("Request: {first}")), "{told}");

    // It asks for more now: what he was told of is over.
    let refused = comes(&world, &key, &["system.run", "fs.listDir"]).await.unwrap_err();
    let second = refused["details"]["requestId"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    world.say("owner", &format!("/pair approve {first}")).await;
    let told = world.next(OWNER).await;
    assert!(
        told.starts_with("It has changed since") || told.starts_with("No device waits under"),
        "{told}"
    );
    assert!(told.contains("fs.listDir"), "{told}");
    world.say("owner", "/pair approve").await;
    assert!(world.next(OWNER).await.starts_with("✅ Paired "));
    comes(&world, &key, &["system.run", "fs.listDir"]).await.unwrap();

    comes(&world, &Key::new(2), &[]).await.unwrap_err();
    world.say("owner", "/pair notify status").await;
    assert!(world.next(OWNER).await.starts_with("You are not told here"), "once was once");
    world.stop();
    assert_eq!(world.unread(OWNER), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn case_028_with_two_that_wait_nothing_is_approved_without_a_name() {
    let mut world = world().await;
    for n in [1, 2] {
        comes(&world, &Key::new(n), &["camera.snap"]).await.unwrap_err();
    }
    for words in ["approve", "approve", "approve latest"] {
        world.say("owner", &format!("/pair {words}")).await;
        let told = world.next(OWNER).await;
        assert!(told.contains("To let one in:"), "{told}");
    }
    comes(&world, &Key::new(1), &["camera.snap"]).await.unwrap_err();
    world.stop();
    assert!(!world.home.read("devices/paired.json").contains(&Key::new(1).id()));
}
