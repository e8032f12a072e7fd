//! `openclaw setup` at a terminal: each question, what is written, and what is not.

use std::{os::unix::fs::PermissionsExt, process::Command};

use crate::{
    console::Console,
    fake_telegram::TOKEN,
    process::{Home, texts},
    world::{World, number},
};

const WRONG: &str = "7000001:AAF-a-token-that-nobody-knows";
const CONFIG: &str = "# ours\n[channels.telegram]\nenabled = false\napi_root = \"{root}\"\n";
const WHICH: &str = "Which channel?";
const SECRET: &str = "channels.telegram.bot_token (it is not shown";

/// `setup` with a terminal of its own, which secrets are asked on.
fn sit_down(home: &Home) -> Console {
    let program = home.program(&["setup"]);
    let mut command = Command::new("setsid");
    command.arg("--ctty").arg(program.get_program()).args(program.get_args()).env_clear();
    for (name, value) in program.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    if let Some(folder) = program.get_current_dir() {
        command.current_dir(folder);
    }
    Console::of(command)
}

/// Types the token once more, and wants nothing else.
fn types_the_right_one(person: &mut Console) {
    person.types("yes");
    person.sees(SECRET);
    person.types(TOKEN);
    person.sees("✅ Telegram answers");
    person.sees(WHICH);
    person.types("");
    person.sees("in the background");
    person.types("no");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_is_asked_for_tried_and_written_and_nothing_that_waits_is_taken() {
    let mut world = World::prepare(CONFIG).await;
    world.telegram.direct(number("mallory"), "Mallory", "hello?");
    let mut person = sit_down(&world.home);
    person.sees(WHICH);
    person.types("telegram");
    person.sees(SECRET);
    person.types(WRONG);
    person.sees("Type it again?");
    assert_eq!(world.home.read("config.toml").matches("bot_token").count(), 0);
    world.telegram.with(|state| state.repeats = true);
    person.types("yes");
    person.sees(SECRET);
    person.types(TOKEN);
    person.sees("words hold a secret and are left out");
    person.sees("Type it again?");
    world.telegram.with(|state| state.repeats = false);
    types_the_right_one(&mut person);
    person.sees("openclaw gateway run");
    let all = person.ends();
    assert!(!all.contains(TOKEN) && !all.contains(WRONG), "{all}");
    let config = world.home.read("config.toml");
    assert!(
        config.starts_with("# ours\n")
            && config.contains(TOKEN)
            && config.contains("enabled = true")
    );
    let mode = world.home.state().join("config.toml").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0);
    world.run();
    let code = world.next(number("mallory")).await;
    assert!(code.contains("Pairing code"), "{code}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_does_not_answer_is_written_on_request_only() {
    let world = World::prepare(CONFIG).await;
    let before = world.home.read("config.toml");
    for (keep, is_written) in [("no", false), ("yes", true)] {
        let mut person = sit_down(&world.home);
        person.sees(WHICH);
        person.types("Telegram");
        person.sees(SECRET);
        person.types(WRONG);
        person.sees("Type it again?");
        person.types("no");
        person.sees("all the same?");
        person.types(keep);
        person.sees(WHICH);
        person.types("");
        person.sees("in the background");
        person.types("no");
        let all = person.ends();
        assert_eq!(all.contains("nothing was written"), !is_written, "{all}");
        assert_eq!(world.home.read("config.toml") != before, is_written);
    }
    // What is written is no reason to stay wrong.
    let mut person = sit_down(&world.home);
    person.sees(WHICH);
    person.types("telegram");
    person.sees("Type it again?");
    types_the_right_one(&mut person);
    person.ends();
    let config = world.home.read("config.toml");
    assert!(config.contains(TOKEN) && !config.contains(WRONG), "{config}");
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_running_gateway_a_person_becomes_the_owner() {
    let mut world =
        World::start("[channels.telegram]\napi_root = \"{root}\"\nbot_token = \"{token}\"\n").await;
    let mut person = sit_down(&world.home);
    person.sees(WHICH);
    person.types("");
    person.sees("/claim ");
    let code = person.sees("\r\n");
    person.sees("The gateway runs");
    let all = person.ends();
    assert!(!all.contains("in the background"), "{all}");
    world.say("ann", &format!("/claim {code}")).await;
    world.shows("ann", "You are an owner").await;
    let said = texts(&world.home.cli(&["setup"])).0;
    assert!(said.starts_with("Everything is set up."), "{said}");
    let _unread = world.unread(number("ann"));
    world.stop();
}

#[test]
fn what_another_openclaw_has_is_offered_first() {
    let home = Home::new();
    let other = r#"{ "channels": { "telegram": { "botToken": "1:AAF-of-the-other-one", "enabled": false } } }"#;
    home.put("openclaw.json", other);
    let said = texts(&home.cli(&["setup"])).0;
    assert!(said.contains("1. Take over") && said.contains("openclaw import"), "{said}");
    let mut person = sit_down(&home);
    person.sees("Take over its settings, people and devices?");
    person.types("yes");
    person.sees("Write this configuration?");
    person.types("yes");
    person.sees(WHICH);
    person.types("");
    person.sees("in the background");
    person.types("");
    person.ends();
    assert!(home.read("config.toml").contains("1:AAF-of-the-other-one"));
    let said = texts(&home.cli(&["setup", "--json"])).0;
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let steps: Vec<_> = said["left"].as_array().unwrap().iter().map(|one| &one["step"]).collect();
    assert_eq!(steps, ["channel", "service", "owner"], "{said}");
}
