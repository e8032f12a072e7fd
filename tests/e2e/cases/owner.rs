//! Ownership: over which links it counts, and where the owner is told.

use serde_json::json;

use super::OWNED;
use crate::{
    fake_telegram::{GROUP, group, person},
    process::texts,
    world::{World, number},
};

/// A gateway that a proxy without TLS may stand before.
fn behind_a_proxy() -> String {
    format!("{OWNED}[channels.webchat]\nallowed_hosts = [\"chat.example\"]\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn when_an_owner_last_wrote_is_kept() {
    let mut world = World::prepare(OWNED).await;
    world.home.put("access/owners-seen.json", "{\"telegram:1001\":1000000000000,\"telegram:7\":1}");
    let audit = |world: &World| texts(&world.home.cli(&["security", "audit"])).0;
    assert!(audit(&world).contains("owner.unseen  telegram:1001"), "{}", audit(&world));
    world.run();
    world.say("owner", "/whoami").await;
    world.next(1001).await;
    world.stop();
    let seen = world.home.read("access/owners-seen.json");
    let seen: serde_json::Value = serde_json::from_str(&seen).unwrap();
    assert!(seen["telegram:1001"].as_u64() > Some(1_700_000_000_000), "{seen}");
    assert_eq!(seen.as_object().unwrap().len(), 1, "{seen}");
    assert!(!audit(&world).contains("owner.unseen"));
}

fn claim_code(world: &World) -> String {
    let (said, _) = texts(&world.home.cli(&["owner", "claim"]));
    let is_code = |word: &&str| word.len() == 14 && word.matches('-').count() == 2;
    said.split_whitespace().find(is_code).expect(&said).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn case_132_a_claim_code_that_was_shown_over_an_exposed_link_is_spent() {
    let mut world = World::start(&behind_a_proxy()).await;
    let code = claim_code(&world);
    let port = world.gateway.as_ref().unwrap().port;
    let bob = world.visitor("bob").await;
    bob.come_by("chat.example");
    bob.connect(port).await;
    bob.say(&format!("/claim {code}")).await.unwrap();
    let said = bob.next().await;
    assert!(said.contains("It is spent now") && said.contains("openclaw owner claim"), "{said}");
    let told = world.next(1001).await;
    assert!(told.contains("was shown in a message of webchat:") && !told.contains(&code), "{told}");
    let ann = world.visitor("ann").await;
    ann.say(&format!("/claim {code}")).await.unwrap();
    assert!(ann.next().await.contains("Pairing code: "), "the code is good for nothing");
    let code = claim_code(&world);
    let ann = world.visitor("ann").await;
    ann.say(&format!("/claim {code}")).await.unwrap();
    assert!(ann.next().await.contains("You are an owner"), "a new one is");
    world.stop();
    let log = world.home.read("audit/access.jsonl");
    assert_eq!(log.matches("\"action\":\"claim-spent\"").count(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owners_cookie_counts_on_this_machine_only() {
    let mut world = World::start(&behind_a_proxy()).await;
    let port = world.gateway.as_ref().unwrap().port;
    let you = world.visitor("bob").await.you.clone();
    assert!(world.home.cli(&["owner", "add", &format!("webchat:{you}")]).status.success());
    let bob = world.visitor("bob").await;
    bob.say("/whoami").await.unwrap();
    assert!(bob.next().await.contains("you are an owner"), "at the next message");
    bob.come_by("chat.example");
    bob.connect(port).await;
    bob.say("/whoami").await.unwrap();
    assert!(bob.next().await.contains("Pairing code: "), "there the owner is a stranger");
    bob.come_by("");
    bob.connect(port).await;
    let removed = world.home.cli(&["owner", "remove", &format!("webchat:{you}")]);
    assert!(removed.status.success());
    world.visitor("bob").await.say("/pairing list").await.unwrap();
    world.stop();
    let unread = world.home.logged();
    assert!(!unread.contains("owner command refused"), "the sender was never admitted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configured_owner_is_removed_in_the_configuration_only() {
    let mut world = World::start(OWNED).await;
    let output = world.home.cli(&["owner", "remove", "telegram:1001"]);
    let (_, error) = texts(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(error.contains("config.toml") && error.contains("owner.allow_from"), "{error}");
    world.say("owner", "/whoami").await;
    assert!(world.next(1001).await.contains("you are an owner"));
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_073_an_owner_who_writes_in_a_group_is_told_of_codes_directly_all_the_same() {
    let groups = "group_allow_from = [\"1001\"]\nbot_token";
    let mut world = World::start(&OWNED.replace("bot_token", groups)).await;
    world.say("owner", "/whoami").await;
    world.next(1001).await;
    let content = json!({ "text": "@gate_test_bot hello", "entities": [{ "type": "mention", "offset": 0, "length": 14 }] });
    world.tell(group(), person(1001, "owner"), content).await;
    assert!(world.next(GROUP).await.contains("hello"));
    world.say("ann", "hello").await;
    assert!(world.next(number("ann")).await.contains("Pairing code: "));
    assert!(world.next(1001).await.contains("asks for access"));
    world.stop();
    assert_eq!(world.unread(GROUP), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn case_012_case_010_with_no_owner_nobody_decides_in_a_chat() {
    let config = OWNED.replace("allow_from = [\"telegram:1001\"]", "allow_from = []");
    let config =
        config.replace("bot_token", "dm_policy = \"open\"\nallow_from = [\"*\"]\nbot_token");
    let mut world = World::start(&config).await;
    world.visitor("bob").await.say("hello").await.unwrap();
    let challenge = world.visitor("bob").await.next().await;
    let code = challenge.split_once("Pairing code: ").unwrap().1[..8].to_owned();
    for command in
        ["/pairing list", &format!("/pairing approve {code}"), &format!("/pairing deny {code}")]
    {
        world.say("ann", command).await;
        let refused = world.next(number("ann")).await;
        assert_eq!(refused, "Only the owner of this gateway can use that command.");
    }
    world.stop();
    assert_eq!(world.home.read("credentials/webchat-allowFrom.json"), "");
    assert!(world.home.read("credentials/webchat-pairing.json").contains(&code));
}

#[tokio::test(flavor = "multi_thread")]
async fn case_117_whatever_is_asked_decided_refused_or_claimed_has_its_line() {
    let mut world = World::start(OWNED).await;
    let ann = number("ann").to_string();
    world.say("ann", "hello").await;
    let challenge = world.next(number("ann")).await;
    let code = challenge.split_once("Pairing code: ").unwrap().1[..8].to_owned();
    world.next(1001).await;
    world.say("owner", &format!("/pairing approve {code}")).await;
    assert_eq!(world.next(1001).await, format!("✅ Approved telegram sender {ann} (ann Lee)"));
    world.next(number("ann")).await;
    world.say("ann", "/pairing list").await;
    world.next(number("ann")).await;
    assert!(world.home.cli(&["pairing", "revoke", "telegram", &ann]).status.success());
    let claim = claim_code(&world);
    for _ in 0..6 {
        world.say("bob", "/claim AAAA-BBBB-CCCC").await;
    }
    world.say("second", &format!("/claim {claim}")).await;
    assert!(world.next(1002).await.contains("You are an owner"));
    world.stop();
    let lines: Vec<serde_json::Value> = world
        .home
        .read("audit/access.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let told: Vec<String> = lines
        .iter()
        .map(|line| {
            assert!(line["at"].is_string());
            let text = |key: &str| line[key].as_str().unwrap_or("-").to_owned();
            format!("{} {} {} {}", text("action"), text("surface"), text("actor"), text("subject"))
        })
        .collect();
    let (bob, host) = (number("bob"), format!("uid:{}", nix::unistd::Uid::effective()));
    assert_eq!(
        told,
        [
            format!("request channel telegram:{ann} {ann}"),
            format!("approve chat telegram:1001 {ann}"),
            format!("refused chat telegram:{ann} pairing"),
            format!("revoke cli {host} {ann}"),
            format!("claim-open cli {host} -"),
            format!("request channel telegram:{bob} {bob}"),
            format!("claim-refused chat telegram:{bob} claim"),
            "claim chat telegram:1002 1002".to_owned(),
        ]
    );
}
