//! `/doctor` and `openclaw_findings`: what is wrong is told to owners, without secrets and paths, and counted.

use std::{
    fs::{self, Permissions},
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::Path,
};

use super::OWNED;
use crate::{
    fake_telegram::TOKEN,
    world::{World, number},
};

const DENIED: &str = "Only the owner of this gateway can use that command.";
const STORE: &str = "credentials/owners.json";
const AT_THE_HOST: &str =
    "Where and how: `openclaw doctor` and `openclaw security audit` on the gateway's machine.";
/// A gateway of root is a finding: it runs as a user that nobody is.
const USER: u32 = 4711;

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A gateway with which nothing is wrong.
async fn healthy() -> World {
    let mut world = World::prepare(OWNED).await;
    let (state, file) = (world.home.state(), world.home.state().join("config.toml"));
    mode(&file, 0o600);
    let mut command = world.home.program(&["gateway", "run", "--port", "0"]);
    if nix::unistd::geteuid().is_root() {
        mode(state.parent().unwrap(), 0o755);
        for path in [&state, &file] {
            chown(path, Some(USER), Some(USER)).unwrap();
        }
        command.uid(USER).gid(USER);
    }
    assert!(world.home.cli(&["owner", "add", "telegram:1002"]).status.success());
    world.gateway = Some(world.home.started(command, "trace"));
    world
}

/// The answer to `/doctor`.
async fn asked(world: &mut World, name: &str) -> String {
    while !world.unread(number(name)).is_empty() {
        world.next(number(name)).await;
    }
    world.say(name, "/doctor").await;
    world.next(number(name)).await
}

/// The gateway's own, for a client of another user.
fn secret(world: &World) -> String {
    let secret = world.home.read("credentials/gateway-token").trim().to_owned();
    assert_ne!(secret, "");
    secret
}

/// How many findings the metrics count: critical, error, warn and info.
async fn counted(world: &World) -> [String; 4] {
    let page = format!("http://127.0.0.1:{}/metrics", world.port());
    let asking = reqwest::Client::new().get(page).bearer_auth(secret(world));
    let page = asking.send().await.unwrap().text().await.unwrap();
    assert!(page.contains("# TYPE openclaw_findings gauge\n"), "{page}");
    ["critical", "error", "warn", "info"].map(|severity| {
        let name = format!("openclaw_findings{{severity=\"{severity}\"}} ");
        let line = page.lines().find_map(|line| line.strip_prefix(&name));
        line.ok_or_else(|| format!("{severity}:\n{page}")).unwrap().to_owned()
    })
}

/// What is told names no folder, and shows no secret.
#[track_caller]
fn is_discreet(world: &World, said: &str) {
    let folder = world.home.state().parent().unwrap().display().to_string();
    for hidden in [TOKEN, &secret(world), &folder, "/tmp", "/run/", "config.toml:"] {
        assert!(!said.contains(hidden), "{hidden}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_asks_what_is_wrong_and_the_metrics_count_it() {
    let mut world = healthy().await;
    assert_eq!(counted(&world).await, ["0", "0", "0", "0"]);
    let said = asked(&mut world, "owner").await;
    assert!(said.starts_with("Nothing found: ") && said.ends_with(" checks."), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");

    let store = world.home.state().join(STORE);
    mode(&store, 0o644);
    let line = format!("state.mode ({STORE}): A file or folder is open to others.\n");
    assert_eq!(asked(&mut world, "owner").await, format!("warn {line}{AT_THE_HOST}"));
    assert_eq!(counted(&world).await, ["0", "0", "1", "0"]);

    // What others can change is believed no more, which is wrong too.
    mode(&store, 0o666);
    let said = asked(&mut world, "owner").await;
    assert!(said.starts_with(&format!("error {line}")) && said.ends_with(AT_THE_HOST), "{said}");
    let errors = said.lines().filter(|line| line.starts_with("error ")).count().to_string();
    assert_eq!(counted(&world).await, ["0", &errors, "0", "0"]);
    is_discreet(&world, &said);

    mode(&store, 0o600);
    assert!(asked(&mut world, "owner").await.starts_with("Nothing found: "));
    assert_eq!(counted(&world).await, ["0", "0", "0", "0"]);

    let config = world.home.read("config.toml");
    world.home.put("config.toml", &format!("{config}nonsense = \"{TOKEN}\"\n"));
    world.say("owner", "/doctor").await;
    let said = world.shows("owner", "config.unreadable").await;
    assert!(said.contains("error config.unreadable: The configuration has an error.\n"), "{said}");
    is_discreet(&world, &said);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_for_owners_alone() {
    let mut world = healthy().await;
    world.say("guest", "hello").await;
    world.press("owner", "Approve").await;
    world.press("owner", "For good").await;
    world.say("guest", "hello again").await;
    world.shows("guest", "hello again").await;
    mode(&world.home.state().join("credentials/telegram-allowFrom.json"), 0o666);
    assert_eq!(asked(&mut world, "guest").await, DENIED);
    world.say("stranger", "/doctor").await;
    world.next(number("stranger")).await;
    world.say_in_group("owner", "/doctor").await;
    for name in ["guest", "stranger", "group"] {
        let shown = world.telegram.with(|state| {
            let all = state.messages.iter().filter(|shown| shown.chat["id"] == World::chat(name));
            all.map(|shown| shown.text.clone()).collect::<String>()
        });
        assert!(!shown.contains("state.mode") && !shown.contains("Nothing found"), "{shown}");
    }
    world.say("guest", "/help").await;
    let help = world.shows("guest", "/whoami").await;
    assert!(!help.contains("/doctor"), "{help}");
    world.say("owner", "/help").await;
    let help = world.shows("owner", "/whoami").await;
    assert!(help.contains("/doctor – shows what is wrong with this gateway"), "{help}");
    world.say("owner", "/doctor").await;
    world.shows("owner", "error state.mode").await;
}
