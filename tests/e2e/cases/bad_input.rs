//! Bad input, and the one clear answer it gets.

use super::OWNED;
use crate::{
    process::texts,
    world::{World, number},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_gateway_is_refused_and_names_the_first() {
    let mut world = World::start(OWNED).await;
    let (pid, port) = (world.gateway.as_ref().unwrap().pid(), world.gateway.as_ref().unwrap().port);
    let output = world.home.cli(&["gateway", "run", "--port", "0"]);
    let (_, error) = texts(&output);
    assert_eq!(output.status.code(), Some(75));
    assert!(error.contains(&pid.to_string()) && error.contains(&port.to_string()), "{error}");
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_named_with_the_way_out() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let world = World::prepare(OWNED).await;
    let output = world.home.cli(&["gateway", "run", "--port", &port]);
    let (_, error) = texts(&output);
    assert_eq!(output.status.code(), Some(75));
    assert!(error.contains(&port) && error.contains("--port"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_stops_its_account_and_no_other() {
    let mut world = World::start(&OWNED.replace("{token}", "1:wrong")).await;
    let bob = world.visitor("bob").await;
    bob.say("hello").await.unwrap();
    assert!(bob.next().await.contains("Pairing code: "));
    let (status, _) = texts(&world.home.cli(&["channels", "status"]));
    assert!(status.contains("unauthorized"), "{status}");
    assert!(!status.contains("1:wrong"));
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_036_case_111_a_hostile_name_is_neutralised_wherever_it_is_shown() {
    let name = format!("\u{1b}[31mEvil\r\n\u{202e}@everyone `x` {}", "a".repeat(4000));
    let mut world = World::start(OWNED).await;
    let id = number("ann");
    let from = serde_json::json!({ "id": id, "is_bot": false, "first_name": name });
    world
        .tell(crate::fake_telegram::private(id), from, serde_json::json!({ "text": "hello" }))
        .await;
    world.next(id).await;
    let card = world.next(1001).await;
    assert!(
        card.contains(&id.to_string()) && card.contains("characters)") && card.len() < 600,
        "{card}"
    );
    let (list, _) = texts(&world.home.cli(&["pairing", "list", "telegram"]));
    world.stop();
    let (log, audit) = (world.home.logged(), world.home.read("audit/access.jsonl"));
    for (what, text) in [("card", &card), ("list", &list), ("log", &log), ("audit", &audit)] {
        for bad in ['\u{1b}', '\r', '\u{202e}'] {
            assert!(!text.contains(bad), "{what} holds {bad:?}");
        }
        assert!(!text.contains("@everyone"), "{what}");
    }
    assert!(list.contains(&id.to_string()), "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_over_16_kib_is_refused_on_the_page_and_cut_elsewhere() {
    let mut world =
        World::start(&OWNED.replace("bot_token", "allow_from = [\"4711\"]\nbot_token")).await;
    let long = "x".repeat(17 * 1024);
    let bob = world.visitor("bob").await;
    let refused = bob.say(&long).await.unwrap_err();
    assert!(refused.contains("16"), "{refused}");
    bob.say("hello").await.unwrap();
    assert!(bob.next().await.contains("Pairing code: "), "the socket is kept");
    let guest = serde_json::json!({ "id": 4711, "is_bot": false, "first_name": "Guest" });
    world
        .tell(crate::fake_telegram::private(4711), guest, serde_json::json!({ "text": long }))
        .await;
    assert!(world.next(4711).await.contains("longer than 16 KiB"));
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_without_text_gets_one_line() {
    let mut world =
        World::start(&OWNED.replace("bot_token", "allow_from = [\"4711\"]\nbot_token")).await;
    let guest = serde_json::json!({ "id": 4711, "is_bot": false, "first_name": "Guest" });
    let sticker = serde_json::json!({ "sticker": { "file_id": "s", "file_unique_id": "s", "type": "regular",
        "width": 1, "height": 1, "is_animated": false, "is_video": false } });
    world.tell(crate::fake_telegram::private(4711), guest, sticker).await;
    assert!(world.next(4711).await.contains("only read text"));
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_responder_answers_with_one_plain_sentence() {
    let failing =
        "[assistant]\nresponder = \"command\"\n[assistant.command]\nprogram = \"/bin/false\"\n";
    let mut world = World::start(&format!(
        "{}{failing}",
        OWNED.replace("bot_token", "allow_from = [\"4711\"]\nbot_token")
    ))
    .await;
    let guest = serde_json::json!({ "id": 4711, "is_bot": false, "first_name": "Guest" });
    world
        .tell(crate::fake_telegram::private(4711), guest, serde_json::json!({ "text": "hello" }))
        .await;
    assert_eq!(
        world.next(4711).await,
        "The assistant could not answer just now. Please try again in a while."
    );
    world.stop();
    assert!(world.home.logged().contains("responder failed"));
}
