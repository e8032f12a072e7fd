//! What goes wrong between an account and its platform: clocks, refusals, other programs, groups that move.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use serde_json::{Value, json};

use super::OWNED;
use crate::{
    fake_telegram::{Clock, GROUP, TOKEN, person, private},
    process::{PATIENCE, texts},
    world::{World, number},
};

/// What the status says of the Telegram account.
fn status(world: &World) -> String {
    let said = texts(&world.home.cli(&["channels", "status", "--json"])).0;
    let status: Value = serde_json::from_str(&said).unwrap_or_default();
    status["channelAccounts"]["telegram"][0].to_string()
}

/// Waits until the status of the Telegram account says this.
async fn says(world: &World, what: &str) {
    let said = async {
        while !status(world).contains(what) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let said = tokio::time::timeout(PATIENCE, said).await;
    assert!(said.is_ok(), "{what}\n{}\n{}", status(world), world.home.logged());
}

/// How often the bot wrote this to the owner.
fn told(world: &World, what: &str) -> usize {
    world.unread(1001).iter().filter(|text| text.contains(what)).count()
}

fn guest() -> Value {
    json!({ "id": 4711, "is_bot": false, "first_name": "Guest" })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_ahead_of_the_platforms_silences_nobody_and_is_told_of_once() {
    let mut world = World::prepare(OWNED).await;
    let clock = Clock::Behind(7_200);
    world.telegram.with(|state| state.clock = clock);
    // `case_115` holds by the platform's own clock.
    let old = json!({ "text": "hello", "date": clock.now() - 60 });
    world.telegram.message(private(9_000_001), person(9_000_001, "x"), old);
    world.run();
    world.say("ann", "hello").await;
    assert!(world.next(number("ann")).await.contains("Pairing code: "));
    says(&world, "this machine's clock is 2 h 0 min ahead of the clock of Telegram").await;
    world.telegram.with(|state| state.broken = true);
    world.say("ann", "again").await;
    world.stop();
    assert_eq!(world.chats(), [1001, number("ann")], "what is older than the start got no word");
    assert_eq!(world.home.logged().matches("this machine's clock is").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_115_without_a_clock_of_the_platform_what_waited_gets_no_word() {
    let mut world = World::prepare(OWNED).await;
    world.telegram.with(|state| state.clock = Clock::Silent);
    for id in 0..150 {
        let text = json!({ "text": "hello" });
        world.telegram.message(private(9_000_000 + id), person(9_000_000 + id, "x"), text);
    }
    world.run();
    world.telegram.until("the backlog is passed over", |state| state.updates.is_empty()).await;
    world.say("ann", "I am new").await;
    assert!(world.next(number("ann")).await.contains("Pairing code: "));
    world.stop();
    assert_eq!(world.chats(), [1001, number("ann")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_program_that_polls_is_shown_until_it_is_over_and_told_once() {
    let mut world = World::start(OWNED).await;
    let what = "another program polls this bot";
    says(&world, "\"connected\":true").await;
    for round in 0..3 {
        let polls = |state: &crate::fake_telegram::State| {
            let waits = |call: &&(String, Value)| call.0 == "getupdates" && call.1["timeout"] != 0;
            state.calls.iter().filter(waits).count()
        };
        world.telegram.until("a poll that waits", |state| polls(state) > round).await;
        assert_eq!(status(&world).contains(what), round > 0, "round {round}");
        world.telegram.with(|state| state.poller += 1);
        says(&world, what).await;
    }
    let now = world.telegram.with(|state| state.calls.len());
    world.telegram.until("it polls again", |state| state.calls.len() > now + 2).await;
    says(&world, "\"connected\":true").await;
    assert!(status(&world).contains(what), "connected, and still shown");
    world.shows("owner", what).await;
    world.stop();
    assert_eq!(told(&world, what), 1);
    let logged = world.home.logged().matches("with growing waits").count();
    assert_eq!(logged, 1, "the log has it once");
    let set = |state: &mut crate::fake_telegram::State| {
        state.calls.iter().filter(|(method, _)| method == "setmycommands").count()
    };
    assert_eq!(world.telegram.with(set), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_account_begins_anew_with_another_token_file_and_at_a_reload() {
    let file = tempfile::tempdir().unwrap();
    let file = file.path().join("token");
    crate::process::write(&file, "7000001:AAF-not-this-one");
    let key = format!("token_file = \"{}\"", file.display());
    let mut world = World::start(&OWNED.replace("bot_token = \"{token}\"", &key)).await;
    says(&world, "\"unauthorized\"").await;
    crate::process::write(&file, TOKEN);
    says(&world, "\"connected\":true").await;
    world.shows("owner", "telegram (default) works again").await;
    world.say("ann", "hello").await;
    assert!(world.next(number("ann")).await.contains("Pairing code: "));
    world.stop();
    world.telegram.with(|state| state.revoked = true);
    world.run();
    says(&world, "\"unauthorized\"").await;
    world.telegram.with(|state| state.revoked = false);
    kill(world.gateway.as_ref().unwrap().pid(), Signal::SIGHUP).unwrap();
    says(&world, "\"connected\":true").await;
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: a refusal between successes is tried again after 30 s"]
async fn a_single_refusal_between_successes_does_not_stop_the_account() {
    let mut world = World::start(OWNED).await;
    says(&world, "\"connected\":true").await;
    world.telegram.with(|state| (state.refusals, state.broken) = (1, true));
    world.home.logs("refused, although it worked before").await;
    tokio::time::sleep(Duration::from_secs(25)).await;
    says(&world, "\"connected\":true").await;
    assert!(!world.home.logged().contains("account stopped"));
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_becomes_a_supergroup_is_still_heard_and_the_owner_knows_the_line() {
    let lists = "group_policy = \"open\"\ngroups = [\"-100999\"]\nbot_token";
    let mut world = World::start(&OWNED.replace("bot_token", lists)).await;
    let group = |id: i64, kind: &str| json!({ "id": id, "type": kind, "title": "Family" });
    let said = |text: &str| {
        let text = format!("@gate_test_bot {text}");
        json!({ "text": text, "entities": [{ "type": "mention", "offset": 0, "length": 14 }] })
    };
    world.tell(group(-222, "supergroup"), guest(), said("not yet")).await;
    let moves = json!({ "migrate_to_chat_id": -222 });
    world.tell(group(-100_999, "group"), guest(), moves).await;
    let told = world.shows("owner", "-222").await;
    assert!(
        told.contains("in line 6 of ") && told.contains("write -222 instead of -100999"),
        "{told}"
    );
    let other = json!({ "migrate_from_chat_id": -333 });
    world.tell(group(-444, "supergroup"), guest(), other).await;
    world.tell(group(-222, "supergroup"), guest(), said("here")).await;
    assert!(world.next(-222).await.contains("here"));
    world.stop();
    world.run();
    world.tell(group(-222, "supergroup"), guest(), said("after a restart")).await;
    assert!(world.next(-222).await.contains("after a restart"));
    world.tell(group(-444, "supergroup"), guest(), said("not listed")).await;
    world.stop();
    assert_eq!(world.chats(), [-222, 1001]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_moved_unseen_is_found_by_an_answer_and_known_to_explain_and_simulate() {
    let old = GROUP.to_string();
    let lists = format!("group_policy = \"open\"\ngroups = [\"{old}\"]\nbot_token");
    let mut world = World::start(&OWNED.replace("bot_token", &lists)).await;
    world.telegram.with(|state| state.migrated = Some(-222));
    let bob = number("bob");
    world.say_in_group("bob", "@gate_test_bot hello").await;
    assert!(world.next(-222).await.contains("hello"), "the answer follows the group");
    let told = world.shows("owner", "-222").await;
    assert!(told.contains(&format!("write -222 instead of {old}")), "{told}");
    let said = |text: &str| {
        let text = format!("@gate_test_bot {text}");
        json!({ "text": text, "entities": [{ "type": "mention", "offset": 0, "length": 14 }] })
    };
    let group = json!({ "id": -222, "type": "supergroup", "title": "Family" });
    world.tell(group, person(bob, "bob"), said("here")).await;
    assert!(world.next(-222).await.contains("here"));
    for id in ["-222", &*old] {
        let (out, _) = texts(&world.home.cli(&["access", "explain", "telegram", id]));
        assert!(out.contains("admitted when the bot is mentioned"), "{id}: {out}");
    }
    let (out, _) = texts(&world.home.cli(&["access", "explain", "telegram", "-333"]));
    assert!(out.contains("this group is not listed"), "{out}");
    world.stop();
    // The verdicts were noted under both ids, and neither line changes one.
    let config = world.home.read("config.toml");
    for listed in [&*old, "-222"] {
        world.home.put("new.toml", &config.replace(&old, listed));
        let file = world.home.state().join("new.toml");
        let said = world.home.cli(&["access", "simulate", file.to_str().unwrap()]);
        let (out, err) = texts(&said);
        assert!(out.contains("Nothing would change"), "{listed}: {out}{err}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_says_where_the_bot_is_not_shown_what_it_is_to_hear() {
    let lists = "group_policy = \"open\"\nrequire_mention = false\nbot_token";
    for (config, is_said) in [(OWNED.replace("bot_token", lists), true), (OWNED.to_owned(), false)]
    {
        let mut world = World::prepare(&config).await;
        world.telegram.with(|state| state.private = true);
        world.run();
        says(&world, "\"connected\":true").await;
        assert_eq!(status(&world).contains("/setprivacy"), is_said, "{}", status(&world));
        world.stop();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_107_a_server_that_repeats_the_token_is_not_repeated() {
    let world = World::prepare(OWNED).await;
    world.telegram.with(|state| state.repeats = true);
    let gateway = world.home.gateway("trace");
    world.home.logs("words hold a secret and are left out").await;
    let (status, _) = texts(&world.home.cli(&["channels", "status"]));
    assert!(status.contains("words hold a secret"), "{status}");
    drop(gateway);
    let logged = world.home.logged();
    let secret = TOKEN.split_once(':').unwrap().1;
    assert!(!logged.contains(secret) && !status.contains(secret), "{logged}");
}
