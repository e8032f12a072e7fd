//! Answers in their turn: how many at once, in what order, and to nobody who was revoked while they waited or while
//! the assistant thought.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::OWNED;
use crate::{
    fake_telegram::private,
    process::{PATIENCE, look_again},
    world::World,
};

/// A responder that notes in `$HOME/asked` what it is asked and when it ends, which is once `$HOME/go` is there.
fn waiting(allow: &str) -> String {
    let script = r#"read -r line; echo \"$line\" >> $HOME/asked; while [ ! -e $HOME/go ] && [ -d $HOME ]; do sleep 0.02; done; echo end >> $HOME/asked; echo \"$line\" | sed 's/.*text\":\"\\([^\"]*\\).*/answer to \\1/'"#;
    let assistant = format!(
        "[assistant]\nresponder = \"command\"\n[assistant.command]\nprogram = \"/bin/sh\"\nargs = [\"-c\", \"\"\"{script}\"\"\"]\n"
    );
    format!("{}{assistant}", OWNED.replace("bot_token", &format!("{allow}bot_token")))
}

fn home(world: &World) -> PathBuf {
    world.home.state().parent().unwrap().to_owned()
}

async fn asked(world: &World, times: usize) {
    let file = home(world).join("asked");
    let lines = |file: &Path| {
        let noted = std::fs::read_to_string(file).unwrap_or_default();
        noted.lines().filter(|line| *line != "end").count()
    };
    let enough = async {
        while lines(&file) < times {
            look_again().await;
        }
    };
    tokio::time::timeout(PATIENCE, enough).await.expect("the responder is asked");
    assert_eq!(lines(&file), times);
}

fn go(world: &World) {
    std::fs::File::create(home(world).join("go")).unwrap();
}

async fn guest(world: &World, id: i64, text: &str) {
    let from = json!({ "id": id, "is_bot": false, "first_name": "Guest" });
    world.tell(private(id), from, json!({ "text": text })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_037_a_message_of_a_person_revoked_while_it_waits_is_dropped() {
    let mut world = World::prepare(&waiting("")).await;
    let list = "{ \"version\": 1, \"allowFrom\": [\"4711\"] }\n";
    world.home.put("credentials/telegram-allowFrom.json", list);
    world.run();
    guest(&world, 4711, "first").await;
    asked(&world, 1).await;
    guest(&world, 4711, "second").await;
    assert!(world.home.cli(&["pairing", "revoke", "telegram", "4711"]).status.success());
    go(&world);
    world.home.logs("no longer admitted: not answered").await;
    world.home.logs("no longer admitted: dropped").await;
    world.stop();
    assert_eq!(world.unread(4711), Vec::<String>::new());
    asked(&world, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn typing_is_shown_until_the_answer_and_to_no_stranger() {
    let mut world = World::start(&waiting("")).await;
    guest(&world, 4711, "let me in").await;
    world.next(4711).await;
    world.next(1001).await;
    world.say("owner", "hello").await;
    let typed = |world: &World| {
        world.telegram.with(|state| {
            let signs = state.calls.iter().filter(|(method, _)| method == "sendchataction");
            signs.map(|(_, sign)| sign["chat_id"].clone()).collect::<Vec<_>>()
        })
    };
    let twice = async {
        while typed(&world).len() < 2 {
            look_again().await;
        }
    };
    tokio::time::timeout(PATIENCE, twice).await.expect("typing is shown, and goes on");
    go(&world);
    assert_eq!(world.next(1001).await, "answer to hello");
    assert!(typed(&world).iter().all(|chat| *chat == 1001), "{:?}", typed(&world));
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_037_typing_ends_with_an_access_that_ends_by_its_time() {
    let mut world = World::start(&waiting("")).await;
    guest(&world, 4711, "let me in").await;
    let challenge = world.next(4711).await;
    let code = challenge.split_once("Pairing code: ").unwrap().1[..8].to_owned();
    let approve = ["pairing", "approve", "telegram", &code, "--for", "10s"];
    assert!(world.home.cli(&approve).status.success());
    guest(&world, 4711, "hello").await;
    asked(&world, 1).await;
    world.home.logs("no longer admitted: not answered").await;
    let typed = world
        .telegram
        .with(|state| state.calls.iter().filter(|(method, _)| method == "sendchataction").count());
    assert!((1..=3).contains(&typed), "{typed}");
    go(&world);
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_116_commands_approvals_and_codes_never_reach_the_responder() {
    let mut world = World::start(&waiting("")).await;
    go(&world);
    let stranger = json!({ "id": 4711, "is_bot": false, "first_name": "Ann" });
    world.tell(private(4711), stranger, json!({ "text": "let me in" })).await;
    let challenge = world.next(4711).await;
    let code = challenge.split_once("Pairing code: ").unwrap().1[..8].to_owned();
    assert!(world.next(1001).await.contains(&code));
    let (claim, _) = crate::process::texts(&world.home.cli(&["owner", "claim"]));
    let claim = claim.split_whitespace().next().unwrap().to_owned();
    for text in [
        &code,
        &format!("{} please", code.to_lowercase()),
        &claim,
        "/pairing",
        "/pairing list",
        &format!("/Pairings approve {code}"),
        &format!("/pairing@other_bot approve {code}"),
        "/claim AAAA-BBBB-CCCC",
        "/whoami",
    ] {
        world.say("owner", text).await;
        world.next(1001).await;
        if text == claim {
            // It is spent, and every owner is told.
            world.next(1001).await;
        }
    }
    world.say("owner", &format!("/pairing approve {code}")).await;
    world.next(4711).await;
    assert!(world.next(1001).await.contains("Approved"));
    world.say("owner", "hello").await;
    assert_eq!(world.next(1001).await, "answer to hello");
    world.stop();
    asked(&world, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_are_answered_at_once_and_each_in_order() {
    let mut world = World::start(&waiting("allow_from = [\"*\"]\ndm_policy = \"open\"\n")).await;
    for id in 1..=12 {
        for text in ["one", "two"] {
            guest(&world, 4000 + id, text).await;
        }
    }
    asked(&world, 8).await;
    go(&world);
    for id in 1..=12 {
        assert_eq!(world.next(4000 + id).await, "answer to one");
        assert_eq!(world.next(4000 + id).await, "answer to two");
    }
    world.stop();
    let noted = std::fs::read_to_string(home(&world).join("asked")).unwrap();
    let at_once = noted.lines().scan(0, |running, line| {
        *running += if line == "end" { -1 } else { 1 };
        Some(*running)
    });
    assert_eq!(at_once.max(), Some(8));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_responder_that_hangs_does_not_hold_up_the_stop() {
    let mut world = World::start(&waiting("allow_from = [\"4711\"]\n")).await;
    guest(&world, 4711, "hello").await;
    asked(&world, 1).await;
    let stopping = std::time::Instant::now();
    world.stop();
    assert!(stopping.elapsed().as_secs() < 5, "{:?}", stopping.elapsed());
}
