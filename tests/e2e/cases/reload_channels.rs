//! Channels are changed while the gateway runs: the one concerned begins anew, comes or goes, and no other notices.

use std::{fmt::Write, fs, path::PathBuf};

use serde_json::Value;

use super::{OWNED, reload::changed};
use crate::{
    fake_telegram::{FakeTelegram, TOKEN},
    process::{PATIENCE, look_again, texts},
    world::{World, number},
};

const OWNER: i64 = 1001;
/// Another bot's token.
const OTHER: &str = "7000002:AAG-another-token-of-the-tests_0123456";
const RELOADED: &str = "configuration reloaded";

/// A Telegram for another bot.
async fn other() -> FakeTelegram {
    let other = FakeTelegram::start().await;
    other.with(|state| {
        state.tokens.insert(OTHER.to_owned());
        state.chats.insert(OWNER);
    });
    other
}

/// The state of an account, once it is the one that is waited for.
async fn state(world: &World, account: &str, wanted: &str) {
    let is = || {
        let output = world.home.cli(&["channels", "status", "--json"]);
        let status: Value = serde_json::from_str(&texts(&output).0).unwrap();
        let rows = status["channelAccounts"]["telegram"].as_array().cloned().unwrap_or_default();
        let row = rows.into_iter().find(|row| row["accountId"] == account);
        row.map(|row| row["state"].as_str().unwrap_or("none").to_owned())
    };
    let reached = async {
        while is().as_deref() != Some(wanted) {
            look_again().await;
        }
    };
    let reached = tokio::time::timeout(PATIENCE, reached).await;
    assert!(reached.is_ok(), "{account} is {:?}\n{}", is(), world.home.logged());
}

/// A stranger writes to another bot, and gets a code.
async fn gets_a_code(telegram: &FakeTelegram, id: i64) {
    telegram.direct(id, "eve", "hello");
    let is_told = |state: &crate::fake_telegram::State| {
        let mut told = state.messages.iter().filter(|shown| shown.chat["id"] == id);
        told.any(|shown| shown.text.contains("Pairing code"))
    };
    telegram.until("a code", is_told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_comes_is_changed_and_goes_and_no_other_notices() {
    let mut world = World::start(OWNED).await;
    let (first, work) = (world.home.read("config.toml"), other().await);
    let you = world.visitor("bob").await.you.clone();
    let named = |token: &str, root: &str| {
        format!(
            "{first}[channels.telegram.accounts.work]\nbot_token = \"{token}\"\napi_root = \"{root}\"\n"
        )
    };
    changed(&world.home, &named(OTHER, &work.root()), RELOADED).await;
    gets_a_code(&work, 5_000_001).await;

    // A token that does not work stops that account alone, and the next one that works begins it anew.
    changed(&world.home, &named("7000003:AAG-nobody-knows-this-one", &work.root()), RELOADED).await;
    state(&world, "work", "unauthorized").await;
    world.shows("owner", "telegram (work) has stopped").await;
    let moved = other().await;
    changed(&world.home, &named(OTHER, &moved.root()), RELOADED).await;
    state(&world, "work", "connected").await;
    gets_a_code(&moved, 5_000_002).await;

    // Without its table it is gone: what people write there is not even read.
    changed(&world.home, &first, RELOADED).await;
    let listed = texts(&world.home.cli(&["channels", "status"])).0;
    assert!(!listed.contains("work"), "{listed}");
    moved.direct(5_000_003, "eve", "hello");
    world.say("owner", "/whoami").await;
    world.shows("owner", "you are an owner").await;
    assert!(moved.with(|state| !state.updates.is_empty()), "nobody listens there");
    // And it comes back with all that it knew.
    changed(&world.home, &named(OTHER, &moved.root()), RELOADED).await;
    moved.until("it is read now", |state| state.updates.is_empty()).await;

    // All the time the others stayed as they were.
    world.visitor("bob").await.say("are you there?").await.unwrap();
    assert!(world.visitor("bob").await.next().await.contains("Pairing code"));
    assert_eq!(world.visitor("bob").await.you, you);
    let logged = world.home.logged();
    let begun = logged.matches("account begins anew").count();
    assert_eq!(begun, 2, "{logged}");
    for secret in [TOKEN, OTHER, "nobody-knows-this-one"] {
        assert!(!logged.contains(secret), "case_107");
    }
    assert_eq!(world.visitor("bob").await.unread(), Vec::<String>::new());
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_while_a_channel_changes_is_answered_by_its_successor() {
    let folder = tempfile::tempdir().unwrap();
    let gate = folder.path().join("gate");
    let wait = format!("while [ ! -e {} ]; do sleep 0.1; done; cat", gate.display());
    let program = format!(
        "[assistant]\nresponder = \"command\"\n[assistant.command]\nprogram = \"/bin/sh\"\n\
         args = [\"-c\", \"{wait}\"]\n"
    );
    let mut world = World::start(&format!("{OWNED}{program}")).await;
    let (first, moved) = (world.home.read("config.toml"), FakeTelegram::start().await);
    moved.with(|state| state.chats.insert(OWNER));
    world.say("owner", "what is asked").await;
    let root = world.telegram.root();
    changed(&world.home, &first.replace(&root, &moved.root()), RELOADED).await;
    let answered = |state: &crate::fake_telegram::State| {
        state.messages.iter().any(|shown| shown.text.contains("what is asked"))
    };
    crate::process::write(&gate, "");
    moved.until("the answer", answered).await;
    world.stop();
    assert_eq!(world.unread(OWNER), Vec::<String>::new(), "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_assistant_answers_the_next_message() {
    let mut world = World::start(OWNED).await;
    let first = world.home.read("config.toml");
    world.say("owner", "hello").await;
    assert!(world.next(OWNER).await.contains("hello"));
    let other = format!(
        "{first}[assistant]\nresponder = \"command\"\n[assistant.command]\nprogram = \"/bin/echo\"\n\
         args = [\"another answer\"]\n"
    );
    changed(&world.home, &other, RELOADED).await;
    world.say("owner", "hello").await;
    assert_eq!(world.next(OWNER).await.trim(), "another answer");
    changed(&world.home, &first, RELOADED).await;
    world.say("owner", "hello").await;
    assert!(world.next(OWNER).await.contains("hello"));
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_changes_end_in_the_last_one() {
    let mut world = World::start(OWNED).await;
    let (first, work) = (world.home.read("config.toml"), other().await);
    let root = work.root();
    let with = format!(
        "{first}[channels.telegram.accounts.work]\nbot_token = \"{OTHER}\"\napi_root = \"{root}\"\n"
    );
    for turn in 0..20 {
        world.home.configure(if turn % 2 == 0 { &with } else { &first });
        nix::sys::signal::kill(
            world.gateway.as_ref().unwrap().pid(),
            nix::sys::signal::Signal::SIGHUP,
        )
        .unwrap();
    }
    changed(&world.home, &with, RELOADED).await;
    state(&world, "work", "connected").await;
    gets_a_code(&work, number("ann")).await;
    world.say("owner", "/whoami").await;
    let mut heard = Vec::new();
    while !heard.iter().any(|text: &String| text.contains("you are an owner")) {
        heard.push(world.next(OWNER).await);
    }
    // The page comes and goes with its table, too.
    let off = format!("{with}[channels.webchat]\nenabled = false\n");
    changed(&world.home, &off, RELOADED).await;
    let port = world.gateway.as_ref().unwrap().port;
    let page = |path| reqwest::get(format!("http://127.0.0.1:{port}{path}"));
    assert_eq!(page("/chat").await.unwrap().status(), 404);
    assert_eq!(page("/").await.unwrap().status(), 404);
    changed(&world.home, &with, RELOADED).await;
    assert_eq!(page("/chat").await.unwrap().status(), 200);
    let root = page("/").await.unwrap();
    assert_eq!((root.status().as_u16(), root.url().path()), (200, "/chat"), "the root leads there");
    world.stop();
}

/// The journals that the gateway has open, each as often as it is open.
fn open_journals(world: &World) -> Vec<PathBuf> {
    let fds = format!("/proc/{}/fd", world.gateway.as_ref().unwrap().pid());
    let open = fs::read_dir(fds).unwrap().filter_map(|fd| fs::read_link(fd.unwrap().path()).ok());
    let is_journal = |file: &PathBuf| file.parent().is_some_and(|it| it.ends_with("inbox"));
    let mut open: Vec<PathBuf> = open.filter(is_journal).collect();
    open.sort();
    open
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_that_went_keep_no_journal_open() {
    let mut world = World::start(OWNED).await;
    let (first, work) = (world.home.read("config.toml"), other().await);
    let before = open_journals(&world);
    assert!(!before.is_empty(), "the account that stays has its journal open");
    let root = work.root();
    for round in 0..3 {
        let mut many = first.clone();
        for n in 0..12 {
            let token =
                format!("{}:AAG-one-of-many-tokens-of-the-tests_01", 7_100_000 + round * 12 + n);
            work.with(|state| state.tokens.insert(token.clone()));
            write!(
                many,
                "[channels.telegram.accounts.guest{round}x{n}]\nbot_token = \"{token}\"\napi_root = \"{root}\"\n"
            )
            .unwrap();
        }
        changed(&world.home, &many, RELOADED).await;
        assert_eq!(open_journals(&world).len(), before.len() + 12, "one for each account");
        changed(&world.home, &first, RELOADED).await;
        let closed = async {
            while open_journals(&world) != before {
                look_again().await;
            }
        };
        let closed = tokio::time::timeout(PATIENCE, closed).await;
        assert!(closed.is_ok(), "round {round}: {:?}", open_journals(&world));
    }

    // One that comes back writes into its journal again.
    let with = format!(
        "{first}[channels.telegram.accounts.guest0x0]\nbot_token = \"{OTHER}\"\napi_root = \"{root}\"\n"
    );
    changed(&world.home, &with, RELOADED).await;
    gets_a_code(&work, 5_000_004).await;
    assert_eq!(open_journals(&world).len(), before.len() + 1);
    world.stop();
}
