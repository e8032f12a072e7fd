//! Setup codes in a chat: what is in them, where they stand, and for how long.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{OWNED, sockets};
use crate::{
    fake_telegram::TOKEN,
    process::{PATIENCE, look_again},
    world::{World, number},
};

const OWNER: i64 = 1001;

/// Lets the owner have a code for this machine.
async fn mint(world: &mut World, words: &str) -> String {
    world.say("owner", &format!("/pair {words}")).await;
    let told = world.next(OWNER).await;
    assert!(told.starts_with("A setup code for one device"), "{told}");
    world.next(OWNER).await
}

/// Waits until the gateway has written where a code stands.
async fn noted(world: &World) {
    let written = async {
        while !world.home.read("inbox/setup-messages.json").contains("standing") {
            look_again().await;
        }
    };
    tokio::time::timeout(PATIENCE, written).await.expect("where the code stands is written");
}

fn payload(code: &str) -> Value {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(code).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn case_048_case_054_a_code_holds_one_fresh_token_and_the_least_access() {
    let mut world = World::start(OWNED).await;
    let mut tokens = Vec::new();
    for (words, access) in [("local", "limited"), ("local full", "full")] {
        let code = mint(&mut world, words).await;
        let holds = payload(&code);
        assert_eq!(holds["access"], access);
        assert_eq!(holds["token"], holds["bootstrapToken"]);
        assert!(holds["url"].as_str().unwrap().starts_with("ws://127.0.0.1:"), "{holds}");
        let token = holds["token"].as_str().unwrap().to_owned();
        assert_eq!(token.len(), 43, "256 bits");
        let text = holds.to_string();
        for secret in [TOKEN.to_owned(), BASE64_URL_SAFE_NO_PAD.encode(TOKEN)] {
            assert!(!text.contains(&secret) && !code.contains(&secret));
        }
        let kept = world.home.read("devices/bootstrap.json");
        assert!(!kept.contains(&token), "only its digest rests");
        tokens.push(token);
    }
    assert_ne!(tokens[0], tokens[1]);
    world.stop();
    let logged = world.home.logged();
    assert!(tokens.iter().all(|token| !logged.contains(token)), "case_108");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_049_a_code_that_is_taken_back_is_shown_no_more() {
    let mut world = World::start(OWNED).await;
    let code = mint(&mut world, "local").await;
    world.say("owner", "/pair cleanup").await;
    assert!(world.next(OWNER).await.starts_with("Cancelled the one"));
    world.gone(OWNER, &code).await;
    world.say("owner", "/pair qr local").await;
    world.next(OWNER).await;
    assert!(world.next(OWNER).await.starts_with("(picture) Scan this"));
    world.say("owner", "/pair cleanup").await;
    assert!(world.next(OWNER).await.starts_with("Cancelled the one"));
    world.gone(OWNER, "(picture)").await;
    world.say("owner", "/pair cleanup").await;
    assert!(world.next(OWNER).await.starts_with("There is no unused"));
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_049_what_expired_while_the_gateway_was_away_is_taken_away_and_told_once() {
    let mut world = World::start(OWNED).await;
    let code = mint(&mut world, "local").await;
    noted(&world).await;
    world.gateway.take().unwrap().kill();
    world.home.put("devices/bootstrap.json", "{}");
    for _ in 0..2 {
        world.run();
        world.gone(OWNER, &code).await;
        world.say("owner", "/whoami").await;
        let told = world.next(OWNER).await;
        if told.starts_with("Your setup code has expired") {
            assert!(world.next(OWNER).await.contains("you are an owner"));
        }
        world.stop();
    }
    assert_eq!(world.unread(OWNER), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn case_116_a_setup_code_in_a_chat_reaches_no_assistant() {
    let mut world = World::start(
        &OWNED.replace("bot_token", "allow_from = [\"*\"]\ndm_policy = \"open\"\nbot_token"),
    )
    .await;
    let code = mint(&mut world, "local").await;
    let token = payload(&code)["token"].as_str().unwrap().to_owned();
    let broken = format!("{}\n {}", &code[..50], &code[50..]);
    for text in [code.clone(), format!("is it {code}?"), broken, format!("oc-pair://{code}"), token]
    {
        for (name, chat) in [("owner", OWNER), ("ann", number("ann"))] {
            world.say(name, &text).await;
            let told = world.next(chat).await;
            assert!(told.starts_with("That is a setup code"), "{told}");
        }
    }
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_049_a_code_that_is_taken_back_leaves_the_page_too() {
    let mut world = World::start(&format!("{OWNED}[channels.webchat]\n")).await;
    let you = world.visitor("bob").await.you.clone();
    assert!(world.home.cli(&["owner", "add", &format!("webchat:{you}")]).status.success());
    let bob = world.visitor("bob").await;
    for words in ["local", "qr local"] {
        bob.say(&format!("/pair {words}")).await.unwrap();
        assert!(bob.next().await.starts_with("A setup code for one device"));
        bob.next().await;
        let shown = bob.last.clone();
        bob.say("/pair cleanup").await.unwrap();
        assert!(bob.next().await.starts_with("Cancelled the one"));
        assert_eq!(Some(bob.loses().await), shown);
    }
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_054_the_owner_on_the_page_lets_a_phone_in_and_it_stays() {
    let mut world = World::start("[channels.webchat]\n").await;
    let you = world.visitor("bob").await.you.clone();
    assert!(world.home.cli(&["owner", "add", &format!("webchat:{you}")]).status.success());
    let bob = world.visitor("bob").await;
    bob.say("/pair local").await.unwrap();
    assert!(bob.next().await.starts_with("A setup code for one device"));
    let code = bob.next().await;
    let phone = world.phone("bob");
    phone.told(&format!("connect with {code}")).await;
    assert!(phone.shown().await.starts_with("waits for approval "));
    let mut told = String::new();
    while !told.contains("bob's phone") {
        told = world.visitor("bob").await.next().await;
    }
    assert!(told.contains("/pair approve") && !told.contains(&code), "{told}");
    let bob = world.visitor("bob").await;
    bob.say("/pair approve").await.unwrap();
    while !told.starts_with("✅ Paired bob's phone") {
        told = bob.next().await;
    }
    assert_eq!(world.phone("bob").shown().await, "connected");
    world.phone("bob").told("say what is for lunch?").await;
    assert!(world.phone("bob").shown().await.ends_with("what is for lunch?"));
    world.stop();
    assert!(world.phone("bob").shown().await.starts_with("disconnected: 1012"));
    world.run();
    let phone = world.phone("bob");
    phone.told("connect").await;
    assert_eq!(phone.shown().await, "connected");
    phone.told("say and for dinner?").await;
    assert!(phone.shown().await.ends_with("and for dinner?"));
    world.stop();
}

#[tokio::test]
async fn case_048_a_client_of_an_administrator_gets_a_code_and_learns_what_became_of_it() {
    let more = "[plugins.device-pair]\npublic_url = \"wss://gw.example.com\"\nprobe = false\n";
    let (home, gateway) = sockets::gateway(more);
    let mut wire = sockets::admin(&gateway).await;
    let made = wire.call("device.pair.setupCode", json!({})).await.unwrap();
    assert_eq!(made["gatewayUrl"], "wss://gw.example.com");
    assert_eq!((&made["access"], &made["auth"]), (&json!("limited"), &json!("token")));
    assert!(made["qrDataUrl"].as_str().unwrap().starts_with("data:image/png;base64,"));
    let code = made["setupCode"].as_str().unwrap();
    let holds: Value =
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(code).unwrap()).unwrap();
    assert_eq!(holds["url"], "wss://gw.example.com");
    assert_eq!(holds["expiresAtMs"], made["expiresAtMs"]);
    assert!(!holds.to_string().contains(sockets::TOKEN), "no configured secret");
    let of = json!({ "setupId": made["setupId"] });
    assert_eq!(
        wire.call("device.pair.setupStatus", of).await.unwrap(),
        json!({}),
        "nobody came yet"
    );
    for params in [
        json!({ "joinUrl": true }),
        json!({ "joinUrl": true, "bootstrapProfile": "limited" }),
        json!({ "bootstrapProfile": "phone" }),
    ] {
        let refused = wire.call("device.pair.setupCode", params).await.unwrap_err();
        assert_eq!(refused["code"], "INVALID_REQUEST");
    }
    let kept: Value = serde_json::from_str(&home.read("devices/bootstrap.json")).unwrap();
    assert_eq!(kept.as_object().map(serde_json::Map::len), Some(1), "what was refused made none");
    assert!(!home.logged().contains(holds["token"].as_str().unwrap()), "case_107");
}
