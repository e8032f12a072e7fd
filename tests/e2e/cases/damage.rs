//! Files that cannot be read, and processes that end at the wrong moment.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use super::OWNED;
use crate::{
    process::{bytes, look_again, texts},
    world::{World, number},
};

#[tokio::test(flavor = "multi_thread")]
async fn case_043_case_044_a_damaged_store_answers_nobody_and_stays_as_it_is() {
    for damage in ["", "{ \"version\": 1,\n \"allowFrom\": [", "[]"] {
        let mut world = World::start(OWNED).await;
        let file = world.home.state().join("credentials/telegram-allowFrom.json");
        world.home.put("credentials/telegram-allowFrom.json", damage);
        world.telegram.direct(number("ann"), "ann", "hello");
        assert!(world.next(1001).await.contains("is paused"));
        let (status, _) = texts(&world.home.cli(&["channels", "status"]));
        assert!(status.contains("store unreadable"), "{status}");
        assert_eq!(world.telegram.with(|state| state.updates.len()), 1, "nothing is acknowledged");
        assert_eq!(fs::read_to_string(&file).unwrap(), damage, "byte for byte");
        world
            .home
            .put("credentials/telegram-allowFrom.json", "{ \"version\": 1, \"allowFrom\": [] }\n");
        assert!(world.next(number("ann")).await.contains("Pairing code: "), "it goes on by itself");
        world.stop();
        world.home.put("credentials/telegram-allowFrom.json", damage);
        let (_, error) = texts(&world.home.cli(&["gateway", "run", "--port", "0"]));
        assert!(
            error.contains("telegram-allowFrom.json"),
            "a start refuses and names the file: {error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_070_case_072_a_revoked_person_is_a_stranger_at_the_next_message_and_after_a_restart()
{
    let mut world = World::prepare(OWNED).await;
    let ann = number("ann").to_string();
    world.home.put(
        "credentials/telegram-allowFrom.json",
        &format!("{{ \"version\": 1, \"allowFrom\": [\"{ann}\"] }}\n"),
    );
    world.run();
    world.say("ann", "hello").await;
    assert!(world.next(number("ann")).await.contains("hello"));
    assert!(world.home.cli(&["pairing", "revoke", "telegram", &ann]).status.success());
    world.say("ann", "and now?").await;
    assert!(world.next(number("ann")).await.contains("Pairing code: "));
    world.stop();
    world.run();
    world.say("ann", "still?").await;
    world.stop();
    assert_eq!(world.unread(number("ann")), Vec::<String>::new());
    assert!(world.home.read("credentials/telegram-allowFrom.json").contains("\"allowFrom\": []"));
}

#[tokio::test(flavor = "multi_thread")]
async fn case_113_everything_written_is_for_its_user_alone() {
    let mut world = World::start(OWNED).await;
    world.say("ann", "hello").await;
    world.next(number("ann")).await;
    world.visitor("bob").await.say("hello").await.unwrap();
    world.say("owner", "/pairing list").await;
    let state = world.home.state();
    let config = state.join("config.toml");
    check_modes(&state, &config);
    world.stop();
    check_modes(&state, &config);
}

fn check_modes(dir: &Path, config: &Path) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let Ok(found) = fs::symlink_metadata(&path) else { continue };
        let mode = found.permissions().mode() & 0o777;
        let wanted = if path.is_dir() { 0o700 } else { 0o600 };
        assert!(path == config || mode == wanted, "{}: {mode:o}", path.display());
        if path.is_dir() {
            check_modes(&path, config);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_109_each_purpose_has_a_key_of_its_own() {
    let mut world = World::start(OWNED).await;
    world.visitor("bob").await;
    world.stop();
    let keys: Vec<_> =
        fs::read_dir(world.home.state().join("keys")).unwrap().map(|e| e.unwrap().path()).collect();
    assert!(keys.iter().any(|key| key.ends_with("webchat-default.key")), "{keys:?}");
    let mut contents: Vec<Vec<u8>> = keys.iter().map(|key| bytes(key)).collect();
    contents.dedup();
    assert_eq!(contents.len(), keys.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_cut_off_by_a_crash_is_given_once_more() {
    let slow = OWNED.replace("[channels.telegram]", "[assistant]\nresponder = \"command\"\n[assistant.command]\nprogram = \"/bin/sh\"\nargs = [\"-c\", \"echo started >> $HOME/started; while [ ! -e $HOME/go ] && [ -d $HOME ]; do sleep 0.05; done; echo here you are\"]\n[channels.telegram]\nallow_from = [\"4711\"]");
    let mut world = World::start(&slow).await;
    let home = world.home.state().parent().unwrap().to_owned();
    let guest = serde_json::json!({ "id": 4711, "is_bot": false, "first_name": "Guest" });
    world
        .tell(
            crate::fake_telegram::private(4711),
            guest,
            serde_json::json!({ "text": "a long question" }),
        )
        .await;
    wait_for(&home.join("started")).await;
    world.gateway.take().unwrap().kill();
    fs::File::create(home.join("go")).unwrap();
    world.run();
    assert_eq!(world.next(4711).await.trim(), "here you are");
    world.stop();
    world.run();
    world.stop();
    assert_eq!(world.unread(4711), Vec::<String>::new(), "once more, and no more");
}

async fn wait_for(path: &Path) {
    let appears = async {
        while !path.exists() {
            look_again().await;
        }
    };
    tokio::time::timeout(crate::process::PATIENCE, appears).await.expect("the responder starts");
}
