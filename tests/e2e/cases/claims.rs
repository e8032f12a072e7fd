//! A claim code in other words than `/claim`: it is spent, nobody reads it, and nobody becomes an owner by it.

use serde_json::json;

use super::{OWNED, sockets::TOKEN};
use crate::{
    fake_telegram::{group, person},
    process::texts,
    wire::Wire,
    world::{World, number},
};

const OWNER: i64 = 1001;

fn claim_code(world: &World) -> String {
    let (said, _) = texts(&world.home.cli(&["owner", "claim"]));
    let is_code = |word: &&str| word.len() == 14 && word.matches('-').count() == 2;
    said.split_whitespace().find(is_code).expect(&said).to_owned()
}

async fn is_spent(world: &mut World, code: &str) {
    let told = world.next(OWNER).await;
    assert!(told.contains("was shown in a message of"), "{told}");
    world.say("bob", &format!("/claim {code}")).await;
    assert!(!world.next(number("bob")).await.contains("You are an owner"));
    world.next(OWNER).await;
    assert!(world.home.cli(&["pairing", "list"]).status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn case_131_a_claim_code_in_a_sentence_is_spent_and_withheld() {
    let listed =
        "allow_from = [\"4096737\"]\ngroup_policy = \"open\"\nrequire_mention = false\nbot_token";
    let mut world = World::start(&OWNED.replace("bot_token", listed)).await;
    assert_eq!(number("ann"), 4_096_737);
    let code = claim_code(&world);
    let plain = code.replace('-', "").to_lowercase();
    world
        .say(
            "ann",
            &format!("take \u{201c}{}\u{200b}{}\u{201d}, will you?", &plain[..5], &plain[5..]),
        )
        .await;
    let said = world.next(number("ann")).await;
    assert!(said.contains("It is spent now") && !said.to_lowercase().contains(&plain), "{said}");
    is_spent(&mut world, &code).await;
    // In a group, where everybody reads it.
    let code = claim_code(&world);
    let text = json!({ "text": format!("my code: {code}.") });
    world.tell(group(), person(number("ann"), "ann"), text).await;
    let told = world.next(OWNER).await;
    assert!(told.contains("was shown in a message of telegram:4096737"), "{told}");
    world.say("ann", &format!("/claim {code}")).await;
    assert!(world.next(number("ann")).await.contains("That claim code is not open"));
    world.stop();
    let log = world.home.read("audit/access.jsonl");
    assert_eq!(log.matches("\"action\":\"claim-spent\"").count(), 2, "{log}");
    assert!(!log.contains("\"action\":\"claim\""), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_131_a_device_that_shows_the_claim_code_has_spent_it() {
    let mut world = World::start(&format!("[gateway.auth]\ntoken = \"{TOKEN}\"\n{OWNED}")).await;
    let mut wire = Wire::open(world.gateway.as_ref().unwrap().port).await;
    let scopes = ["operator.read", "operator.write"];
    let mut params = Wire::params("operator", &scopes, json!({ "token": TOKEN }));
    params["client"]["instanceId"] = "one".into();
    wire.connect(params).await.unwrap();
    for (run, text) in [("r1", "so it is CODE, I think"), ("r2", "/claim CODE")] {
        let code = claim_code(&world);
        let message = json!({
            "sessionKey": "main", "message": text.replace("CODE", &code), "idempotencyKey": run,
        });
        wire.call("chat.send", message).await.unwrap();
        let said = wire.event("chat").await["payload"].to_string();
        assert!(said.contains("It is spent now") && !said.contains(&code), "{said}");
        let told = world.next(OWNER).await;
        assert!(told.contains("was shown in a message of"), "{told}");
        world.say("owner", &format!("/claim {code}")).await;
        assert!(world.next(OWNER).await.contains("That claim code is not open"), "{text}");
    }
    world.stop();
}
