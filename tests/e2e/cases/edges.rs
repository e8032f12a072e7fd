//! Accounts, claims and limits at the edge of what is meant.

use super::OWNED;
use crate::{
    fake_telegram::FakeTelegram,
    process::texts,
    world::{World, number},
};

#[tokio::test(flavor = "multi_thread")]
async fn case_074_case_076_case_101_two_accounts_share_no_grant_and_no_places() {
    let other = FakeTelegram::start().await;
    let config = format!(
        "{OWNED}[channels.telegram.accounts.work]\nbot_token = \"7000002:other\"\napi_root = \"{}\"\n",
        other.root()
    );
    other.with(|state| state.tokens.insert("7000002:other".to_owned()));
    let mut world = World::start(&config).await;
    for (n, name) in ["ann", "bob", "cid"].into_iter().enumerate() {
        world.say(name, "hello").await;
        assert!(world.next(number(name)).await.contains("Pairing code: "), "{n}");
    }
    other.direct(number("ann"), "ann", "hello");
    other
        .until("a code of the other account", |state| {
            state.messages.iter().any(|m| m.text.contains("Pairing code: "))
        })
        .await;
    let code = other.with(|state| {
        let mut texts = state.messages.iter().map(|shown| &shown.text);
        texts.find_map(|text| Some(text.split_once("Pairing code: ")?.1[..8].to_owned())).unwrap()
    });
    let approved = world.home.cli(&["pairing", "approve", "telegram", &code]);
    assert!(approved.status.success(), "{:?}", texts(&approved));
    assert!(
        world
            .home
            .read("credentials/telegram-work-allowFrom.json")
            .contains(&number("ann").to_string())
    );
    assert_eq!(world.home.read("credentials/telegram-allowFrom.json"), "");
    world.say("ann", "and here?").await;
    world.stop();
    assert_eq!(world.unread(number("ann")), Vec::<String>::new(), "Ann still waits here");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_079_a_disabled_account_answers_nothing_and_mints_nothing() {
    let mut world = World::start(&OWNED.replace("bot_token", "enabled = false\nbot_token")).await;
    world.telegram.direct(number("ann"), "ann", "hello");
    world.visitor("bob").await.say("hello").await.unwrap();
    assert!(world.visitor("bob").await.next().await.contains("Pairing code: "));
    world.stop();
    assert!(world.telegram.with(|state| state.calls.is_empty()), "nobody called");
    assert_eq!(world.home.read("credentials/telegram-pairing.json"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_makes_an_owner_once_and_every_owner_hears_of_it() {
    let mut world = World::start(OWNED).await;
    let (said, _) = texts(&world.home.cli(&["owner", "claim"]));
    let code = said
        .split_whitespace()
        .find(|word| word.len() == 14 && word.matches('-').count() == 2)
        .expect(&said)
        .to_owned();
    world.say("ann", &format!("/claim {}", code.to_lowercase())).await;
    assert!(world.next(number("ann")).await.contains("You are an owner"));
    assert!(world.next(1001).await.contains("has claimed ownership"));
    world.say("ann", "/pairing list").await;
    assert!(!world.next(number("ann")).await.contains("Only the owner"));
    world.say("bob", &format!("/claim {code}")).await;
    assert!(
        world.next(number("bob")).await.contains("Pairing code: "),
        "a spent code is an ordinary message"
    );
    let heard = world.next(number("ann")).await;
    assert!(heard.contains("asks for access"), "the new owner is told of requests: {heard}");
    let owners = world.home.read("credentials/owners.json");
    assert!(owners.contains(&number("ann").to_string()) && !owners.contains(&code));
    let (shown, _) = texts(&world.home.cli(&["owner", "show"]));
    assert!(shown.contains("claimed") && shown.contains("configured"), "{shown}");
    assert!(
        world
            .home
            .cli(&["owner", "remove", &format!("telegram:{}", number("ann"))])
            .status
            .success()
    );
    world.say("ann", "/pairing list").await;
    assert!(
        world.next(number("ann")).await.contains("Pairing code: "),
        "no owner, and never approved: a stranger"
    );
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_101_five_wrong_claims_silence_one_person_and_leave_the_code_open() {
    let mut world =
        World::start(&OWNED.replace("bot_token", "allow_from = [\"4711\"]\nbot_token")).await;
    let (said, _) = texts(&world.home.cli(&["owner", "claim"]));
    let code = said
        .split_whitespace()
        .find(|word| word.len() == 14 && word.matches('-').count() == 2)
        .expect(&said)
        .to_owned();
    let guest = serde_json::json!({ "id": 4711, "is_bot": false, "first_name": "Guest" });
    let try_it = async |world: &World, text: String| {
        world
            .tell(
                crate::fake_telegram::private(4711),
                guest.clone(),
                serde_json::json!({ "text": text }),
            )
            .await;
    };
    for _ in 0..5 {
        try_it(&world, "/claim AAAA-BBBB-CCCC".to_owned()).await;
    }
    for _ in 0..4 {
        assert!(world.next(4711).await.contains("not open"));
    }
    try_it(&world, format!("/claim {code}")).await;
    world.say("ann", &format!("/claim {code}")).await;
    assert!(world.next(number("ann")).await.contains("You are an owner"), "others can still claim");
    world.stop();
    assert!(world.unread(4711).iter().all(|text| !text.contains("You are an owner")));
}
