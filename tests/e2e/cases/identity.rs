//! How a person is known: by the stable id, and by nothing that they choose.

use serde_json::json;

use super::OWNED;
use crate::{
    fake_telegram::{GROUP, private},
    world::{World, number},
};

/// The code in the bot's next message to this person.
async fn code(world: &mut World, name: &str) -> String {
    let text = world.next(number(name)).await;
    let code = text.split_once("Pairing code: ").unwrap_or_else(|| panic!("no code in: {text}")).1;
    code[..8].to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn case_080_the_owners_name_and_handle_make_no_owner() {
    let mut world = World::start(OWNED).await;
    let imposter = json!({ "id": 666, "is_bot": false, "first_name": "owner", "last_name": "Lee", "username": "owner" });
    world.say("owner", "/whoami").await;
    assert!(world.next(1001).await.contains("you are an owner"));
    world.tell(private(666), imposter, json!({ "text": "/pairing list" })).await;
    assert!(world.next(666).await.contains("Pairing code: "));
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_083_case_084_a_handle_that_moves_takes_no_permission_along() {
    let mut world = World::start(OWNED).await;
    world.say("ann", "hello").await;
    let code = code(&mut world, "ann").await;
    world.say("owner", &format!("/pairing approve {code}")).await;
    assert!(world.next(number("ann")).await.contains("access approved"));
    let stored = world.home.read("credentials/telegram-allowFrom.json");
    assert!(stored.contains(&number("ann").to_string()) && !stored.contains("ann_lee"), "{stored}");
    let heir = json!({ "id": 667, "is_bot": false, "first_name": "ann", "last_name": "Lee", "username": "ann_lee" });
    world.tell(private(667), heir, json!({ "text": "hello" })).await;
    assert!(world.next(667).await.contains("Pairing code: "));
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_082_code_and_welcome_go_to_the_id_that_asked_not_to_the_new_holder_of_its_handle() {
    let mut world = World::start(OWNED).await;
    world.say("ann", "hello").await;
    let of_ann = code(&mut world, "ann").await;
    assert!(world.next(1001).await.contains(&of_ann));
    let heir = json!({ "id": 667, "is_bot": false, "first_name": "ann", "last_name": "Lee", "username": "ann_lee" });
    world.tell(private(667), heir, json!({ "text": "hello" })).await;
    assert!(!world.next(667).await.contains(&of_ann));
    assert!(world.next(1001).await.contains("667"));
    world.say("owner", &format!("/pairing approve {of_ann}")).await;
    let done = world.next(1001).await;
    assert!(done.contains(&number("ann").to_string()) && !done.contains("667"), "{done}");
    assert!(world.next(number("ann")).await.contains("access approved"));
    world.stop();
    assert_eq!(world.unread(667), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn case_035_a_decision_shows_the_first_name_and_the_later_one() {
    let mut world = World::prepare(OWNED).await;
    let iso = openclaw::world::iso(openclaw::world::now());
    // As it stands in the file once the sender has changed the name.
    world.home.put(
        "credentials/telegram-pairing.json",
        &json!({ "version": 1, "requests": [{ "id": "4711", "code": "AB3D7X9K", "createdAt": iso, "lastSeenAt": iso,
            "meta": { "firstName": "Ann", "laterName": "The Owner" } }] })
        .to_string(),
    );
    world.run();
    let card = world.next(1001).await;
    assert!(
        card.contains(": Ann\n") && card.contains("\nNew name (not verified): The Owner\n"),
        "{card}"
    );
    world.say("owner", "/pairing list").await;
    assert!(world.next(1001).await.contains("(Ann; later: The Owner)"));
    world.say("owner", "/pairing approve AB3D7X9K").await;
    assert_eq!(world.next(1001).await, "✅ Approved telegram sender 4711 (Ann; later: The Owner)");
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_015_nobody_approves_their_own_request() {
    let mut world = World::start(OWNED).await;
    world.say("ann", "hello").await;
    let code = code(&mut world, "ann").await;
    for text in ["yes", "approve", "ok", &code, &format!("/pairing approve {code}")] {
        world.reply("ann", text).await;
    }
    world.stop();
    assert_eq!(world.unread(number("ann")), Vec::<String>::new());
    assert_eq!(world.home.read("credentials/telegram-allowFrom.json"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_020_each_message_of_a_batch_is_judged_by_its_own_sender() {
    let mut world = World::prepare(OWNED).await;
    for (name, text) in
        [("ann", "/whoami"), ("owner", "/whoami"), ("ann", "/whoami"), ("owner", "/pairing list")]
    {
        let id = number(name);
        let from = crate::fake_telegram::person(id, name);
        world.telegram.message(private(id), from, json!({ "text": text, "date": later() }));
    }
    world.run();
    assert!(world.next(number("ann")).await.contains("Pairing code: "));
    world.telegram.until("the gateway acknowledges", |state| state.updates.is_empty()).await;
    world.stop();
    assert_eq!(world.unread(number("ann")), Vec::<String>::new());
    let to_owner = world.unread(1001).join("\n");
    assert!(to_owner.contains("you are an owner") && to_owner.contains("ann"), "{to_owner}");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_078_case_085_a_groups_id_or_a_part_of_an_id_admits_nobody() {
    for entry in
        [GROUP.to_string(), "@ann_lee".to_owned(), "ann".to_owned(), String::new(), "-1".to_owned()]
    {
        let world = World::prepare(&OWNED.replace(
            "bot_token",
            &format!("dm_policy = \"allowlist\"\nallow_from = [\"{entry}\"]\nbot_token"),
        ))
        .await;
        let output = world.home.cli(&["config", "check"]);
        let (_, error) = crate::process::texts(&output);
        assert_eq!(output.status.code(), Some(1), "{entry}: {error}");
        assert!(error.contains("allow_from") && error.contains("config.toml:"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_098_a_guests_wrong_codes_slow_down_nobody_else() {
    let mut world =
        World::start(&OWNED.replace("bot_token", "allow_from = [\"4711\"]\nbot_token")).await;
    world.say("ann", "hello").await;
    let code = code(&mut world, "ann").await;
    let guest = json!({ "id": 4711, "is_bot": false, "first_name": "Guest" });
    for _ in 0..12 {
        world
            .tell(private(4711), guest.clone(), json!({ "text": "/pairing approve AAAAAAAA" }))
            .await;
        assert_eq!(world.next(4711).await, "Only the owner of this gateway can use that command.");
    }
    world.say("owner", &format!("/pairing approve {code}")).await;
    assert!(world.next(number("ann")).await.contains("access approved"));
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_096_case_100_ten_wrong_codes_make_the_owner_wait_and_hurt_nobody_who_waits() {
    let mut world = World::start(OWNED).await;
    world.say("ann", "hello").await;
    let code = code(&mut world, "ann").await;
    assert!(world.next(1001).await.contains(&code));
    for _ in 0..10 {
        world.say("owner", "/pairing approve AAAAAAAA").await;
        world.next(1001).await;
    }
    world.say("owner", "/pairing approve AAAAAAAA").await;
    let slow = world.next(1001).await;
    assert!(slow.to_lowercase().contains("wrong"), "{slow}");
    assert!(world.home.read("credentials/telegram-pairing.json").contains(&code));
    // Nobody guesses a button, the command line guesses nothing, and a right code is none that was guessed.
    world.press("owner", "Approve").await;
    let told = world.press("owner", "For good").await;
    assert!(told.starts_with("✅ Approved telegram sender"), "{told}");
    assert!(world.next(number("ann")).await.contains("access approved"));
    let knocks = async |world: &mut World, name: &str| {
        world.say(name, "hello").await;
        let challenge = world.next(number(name)).await;
        challenge.split_once("Pairing code: ").unwrap().1[..8].to_owned()
    };
    let code = knocks(&mut world, "eve").await;
    assert!(world.next(1001).await.contains(&code));
    world.say("owner", &format!("/pairing approve {code}")).await;
    world.shows("owner", "✅ Approved telegram sender").await;
    assert!(world.next(number("eve")).await.contains("access approved"));
    let code = knocks(&mut world, "bob").await;
    assert!(world.home.cli(&["pairing", "approve", "telegram", &code]).status.success());
    world.stop();
}

/// A second ahead, so that it is not older than a start that follows.
fn later() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() + 2
}
