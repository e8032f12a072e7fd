//! Files that vanish, are cut off, or belong to others: nothing of it gives access, and nothing waits.

use std::{
    fs::{self, Permissions},
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::Path,
    process::Output,
};

use nix::unistd::{Uid, geteuid};
use serde_json::json;

use super::OWNED;
use crate::{
    process::{Home, PROGRAM, look_again, texts, write},
    world::{World, number},
};

mod table;

const OWNER: i64 = 1001;
/// A user that nobody is.
const ANN: u32 = 4711;

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Waits until the gateway has said this once more.
async fn again(home: &Home, what: &str, act: impl FnOnce()) {
    let before = home.logged().matches(what).count();
    act();
    let said = async {
        while home.logged().matches(what).count() == before {
            look_again().await;
        }
    };
    tokio::time::timeout(crate::process::PATIENCE, said)
        .await
        .unwrap_or_else(|_| panic!("{what}: {}", home.logged()));
}

#[tokio::test(flavor = "multi_thread")]
async fn case_125_a_configuration_that_is_gone_empty_or_cut_off_changes_nothing_and_starts_nothing()
{
    let mut world = World::start(OWNED).await;
    let path = world.home.state().join("config.toml");
    let whole = world.home.read("config.toml");
    let owner_part = whole.find("[channels").unwrap();
    let hurts: [(&str, Option<&str>); 5] = [
        ("existed before and is missing", None),
        ("is empty", Some("")),
        ("is empty", Some("\n \n")),
        ("looks cut off", Some(&whole[..owner_part])),
        ("looks cut off", Some("\n[owner]\n")),
    ];
    let hurt = |text: Option<&str>| match text {
        Some(text) => write(&path, text),
        None => fs::remove_file(&path).unwrap(),
    };
    for (why, text) in hurts {
        again(&world.home, "the configuration has an error", || hurt(text)).await;
        let told = world.next(OWNER).await;
        assert!(told.contains("the previous one stays in effect") && told.contains(why), "{told}");
        world.say("owner", "/whoami").await;
        assert!(world.next(OWNER).await.contains("you are an owner"), "{why}");
        again(&world.home, "configuration reloaded", || write(&path, &whole)).await;
        assert_eq!(world.next(OWNER).await, "The configuration is repaired, and holds now.");
    }
    world.stop();
    for (why, text) in hurts {
        hurt(text);
        let output = world.home.cli(&["gateway", "run", "--port", "0"]);
        let (_, said) = texts(&output);
        assert_eq!(output.status.code(), Some(78), "{why}: {said}");
        assert!(said.contains(why) && said.contains("config.toml"), "{why}: {said}");
        write(&path, &whole);
    }
    // What is meant is said, and then it holds.
    write(&path, &format!("{}# end\n", &whole[..owner_part]));
    world.run();
    world.stop();
}

#[test]
fn case_138_a_folder_or_configuration_that_others_may_write_is_refused_by_every_command() {
    let home = Home::new();
    home.configure("# mine\n");
    let refused = |needed: &[&str]| {
        for line in
            [&["gateway", "run", "--port", "0"][..], &["access", "list"], &["pairing", "list"]]
        {
            let output = home.cli(line);
            let (_, said) = texts(&output);
            let code = if line[0] == "gateway" { 78 } else { 1 };
            assert_eq!(output.status.code(), Some(code), "{line:?}: {said}");
            assert!(needed.iter().all(|needed| said.contains(needed)), "{line:?}: {said}");
        }
    };
    let (state, config) = (home.state(), home.state().join("config.toml"));
    mode(&state, 0o777);
    refused(&["mode 0777", &format!("user {}", geteuid())]);
    mode(&state, 0o700);
    if geteuid().is_root() {
        chown(&config, Some(ANN), None).unwrap();
        let (_, said) = texts(&home.cli(&["config", "check"]));
        assert!(said.contains("user 4711 owns it, with mode 0"), "{said}");
        chown(&config, Some(0), None).unwrap();
        chown(&state, Some(ANN), None).unwrap();
        let (_, said) = texts(&home.cli(&["gateway", "run", "--port", "0"]));
        assert!(said.contains("user 4711 owns it, with mode 0700"), "{said}");
        chown(&state, Some(0), None).unwrap();
    }
    mode(&config, 0o666);
    let (_, said) = texts(&home.cli(&["config", "check"]));
    assert!(said.contains("mode 0666") && said.contains("config.toml"), "{said}");
    let (_, said) = texts(&home.cli(&["gateway", "run", "--port", "0"]));
    assert!(said.contains("mode 0666"), "{said}");
    mode(&config, 0o644);
    mode(&state, 0o1777);
    assert!(home.cli(&["access", "list"]).status.success(), "a sticky folder is fine");
    mode(&state, 0o700);
    // A link that others may replace is theirs, whatever it leads to today.
    let shared = tempfile::tempdir().unwrap();
    let through = shared.path().join("config.toml");
    std::os::unix::fs::symlink(&config, &through).unwrap();
    let line = ["config", "check", "--config", through.to_str().unwrap()];
    assert!(home.cli(&line).status.success());
    mode(shared.path(), 0o777);
    let (_, said) = texts(&home.cli(&line));
    assert!(said.contains("leads to it") && said.contains("mode 0777"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_138_a_reload_refuses_what_others_may_write() {
    let mut world = World::start(OWNED).await;
    let path = world.home.state().join("config.toml");
    let open = world
        .home
        .read("config.toml")
        .replace("[owner]", "[owner]\nallow_from = [\"telegram:1002\"]\n#");
    again(&world.home, "the configuration has an error", || {
        write(&path, &open);
        mode(&path, 0o666);
    })
    .await;
    let told = world.next(OWNER).await;
    assert!(told.contains("mode 0666"), "{told}");
    world.say("second", "/pairing list").await;
    assert!(world.next(number("second")).await.contains("Pairing code"), "no owner");
    world.stop();
}

fn owners(folder: &Path, found: &mut Vec<(String, u32)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        found.push((path.display().to_string(), fs::symlink_metadata(&path).unwrap().uid()));
        if path.is_dir() {
            owners(&path, found);
        }
    }
}

/// A state folder of a user that this is not.
fn of_ann() -> Option<Home> {
    if !geteuid().is_root() {
        return None;
    }
    let home = Home::new();
    home.configure("# the owner's\n");
    mode(home.state().parent().unwrap(), 0o755);
    chown(home.state(), Some(ANN), Some(ANN)).unwrap();
    chown(home.state().join("config.toml"), Some(ANN), Some(ANN)).unwrap();
    Some(home)
}

fn as_ann(home: &Home, arguments: &[&str]) -> Output {
    home.program(arguments).uid(ANN).gid(ANN).output().unwrap()
}

#[test]
fn case_139_what_root_does_on_the_folder_of_another_user_is_theirs() {
    let Some(home) = of_ann() else { return };
    for line in [
        &["owner", "add", "telegram:5"][..],
        &["access", "block", "telegram:7"],
        &["audit", "verify"],
        &["pairing", "list"],
    ] {
        let output = home.cli(line);
        assert!(output.status.success(), "{line:?}: {:?}", texts(&output));
    }
    let mut found = Vec::new();
    owners(&home.state(), &mut found);
    assert!(found.iter().any(|(path, _)| path.ends_with("owners.json")), "{found:?}");
    assert!(found.iter().all(|(_, owner)| *owner == ANN), "{found:?}");
    let output = as_ann(&home, &["access", "list"]);
    assert!(output.status.success() && texts(&output).0.contains('7'), "{:?}", texts(&output));
    let mut command = home.program(&["gateway", "run", "--port", "0"]);
    command.uid(ANN).gid(ANN);
    home.started(command, "info").stop();
}

#[test]
fn case_139_a_program_that_the_other_users_file_names_is_not_started_with_the_rights_of_root() {
    let Some(home) = of_ann() else { return };
    let (program, told) = (home.state().join("signal-cli"), home.state().join("ids"));
    let script = format!("#!/bin/sh\ngrep Uid /proc/$$/status > {}\n", told.display());
    let config = format!(
        "[channels.signal]\naccount = \"+15550001\"\ncli_path = \"{}\"\n",
        program.display()
    );
    for (file, text) in [(&program, script), (&home.state().join("config.toml"), config)] {
        write(file, &text);
        chown(file, Some(ANN), Some(ANN)).unwrap();
        mode(file, 0o700);
    }
    home.cli(&["channels", "login", "signal"]);
    let ids = fs::read_to_string(told).unwrap();
    assert_eq!(ids.matches(&ANN.to_string()).count(), 4, "{ids}");
}

#[test]
fn case_139_where_root_cannot_be_that_user_it_refuses_before_it_writes() {
    let Some(home) = of_ann() else { return };
    let mut without = std::process::Command::new("setpriv");
    without.args(["--bounding-set", "-setuid,-setgid", PROGRAM, "owner", "add", "telegram:5"]);
    let output = without.env("OPENCLAW_STATE_DIR", home.state()).env("HOME", "/").output();
    // A machine without that program cannot take the right away.
    let Ok(output) = output else { return };
    let (_, said) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("run it as user 4711"), "{said}");
    assert!(!home.state().join("credentials").exists() && !home.state().join("audit").exists());
}

#[test]
fn case_139_a_gateway_of_root_does_not_run_on_the_folder_of_another_user() {
    let Some(home) = of_ann() else { return };
    let output = home.cli(&["gateway", "run", "--port", "0"]);
    let (_, said) = texts(&output);
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("user 4711 owns it") && said.contains("run it as the owner"), "{said}");
    assert!(!home.state().join("audit").exists());
    assert!(Uid::effective().is_root());
}

#[test]
fn case_141_a_kept_original_holds_no_token_after_the_next_start() {
    let home = Home::new();
    home.configure("# mine\n");
    let paired = json!({ "d1": { "deviceId": "d1", "tokens": { "operator": { "token": "tok-one", "role": "operator" } } } });
    let codes = json!({ "tok-two": { "token": "tok-two", "ts": 1 } });
    let nodes = json!({ "n1": { "nodeId": "n1", "token": "tok-three" } });
    home.put("devices/paired.json.orig", &paired.to_string());
    home.put("devices/bootstrap.json.orig", &codes.to_string());
    home.put("nodes/paired.json.orig", &nodes.to_string());
    home.gateway("info").stop();
    for file in
        ["devices/paired.json.orig", "devices/bootstrap.json.orig", "nodes/paired.json.orig"]
    {
        let text = home.read(file);
        assert!(!text.contains("tok-") && text.contains("tokenSha256"), "{file}: {text}");
        let rights = fs::metadata(home.state().join(file)).unwrap().mode() & 0o777;
        assert_eq!(rights, 0o600, "{file}");
    }
    assert!(home.read("devices/paired.json.orig").contains("\"deviceId\": \"d1\""));
}

#[test]
fn a_fresh_folder_beside_a_used_one_says_so() {
    let home = Home::new();
    home.configure("# mine\n");
    fs::create_dir_all(home.state().parent().unwrap().join(".clawdbot/credentials")).unwrap();
    home.gateway("info").stop();
    let said = home.logged();
    assert!(said.contains(".clawdbot is not used"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_126_an_older_book_of_cards_and_changed_verdicts_let_nobody_in() {
    let mut world = World::start(OWNED).await;
    world.say("ann", "hello").await;
    world.next(number("ann")).await;
    let (on, data) = world.button("owner", "Approve").await;
    world.stop();
    let book = world.home.read("outbox/cards.json");
    assert!(book.contains(&data), "the button is in the book");
    let ann = number("ann").to_string();
    assert!(world.home.cli(&["access", "block", &format!("telegram:{ann}")]).status.success());
    world.home.put("outbox/cards.json", &book);
    let seen = json!([{
        "at": 1, "channel": "telegram", "account": "default", "sender": ann, "verdict": "admitted",
    }]);
    world.home.put("access/verdicts.json", &seen.to_string());
    world.run();
    let told = world.press_with("owner", &on, &data).await;
    assert!(!told.starts_with("Approve for how long?") && !told.starts_with("✅"), "{told}");
    world.say("ann", "am I in?").await;
    world.stop();
    assert_eq!(world.unread(number("ann")), Vec::<String>::new());
    assert_eq!(world.home.read("credentials/telegram-allowFrom.json"), "");
    assert!(!world.home.read("audit/access.jsonl").contains("\"approve\""));
    assert!(world.home.cli(&["audit", "verify"]).status.success());
}
