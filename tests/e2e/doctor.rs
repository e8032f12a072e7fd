//! `doctor` and `security audit` beside a gateway whose account is connected.

use serde_json::Value;

use super::{process::texts, world::World};

#[tokio::test(flavor = "multi_thread")]
async fn a_connected_account_and_an_owner_that_is_told_are_no_findings() {
    let world = World::start(
        "[owner]\nallow_from = [\"telegram:1001\"]\n\
         [channels.telegram]\nbot_token = \"{token}\"\napi_root = \"{root}\"\n",
    )
    .await;
    world.say("owner", "hello").await;
    for list in [&["doctor", "--json"][..], &["security", "audit", "--json"]] {
        let ran = texts(&world.home.cli(list));
        let said: Value = serde_json::from_str(&ran.0).unwrap();
        let mut found: Vec<&str> = said["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["id"].as_str().unwrap())
            .collect();
        // Stories write their configuration with the modes of a careless program, and may run as root.
        found.retain(|id| !["state.mode", "process.root"].contains(id));
        assert_eq!(found, [""; 0], "{ran:?}");
        assert!(!said["skipped"].to_string().contains("no gateway"), "{ran:?}");
    }
}
