//! `doctor`: each check finds what it is for, and nothing on a healthy set-up.

use std::{fs, fs::Permissions, os::unix::fs::PermissionsExt, os::unix::net::UnixListener};

use serde_json::{Value, json};

use crate::{
    running::Running,
    support::{CODE, Folder, file, grants, keep_private, request, write},
};

/// A folder that only this user can look into, as the gateway makes it.
pub(crate) fn fresh() -> Folder {
    let folder = Folder::empty();
    fs::create_dir_all(folder.path("credentials")).unwrap();
    for path in [folder.state(), folder.path("credentials")] {
        fs::set_permissions(path, Permissions::from_mode(0o700)).unwrap();
    }
    folder
}

/// A file of this user alone.
pub(crate) fn own(folder: &Folder, name: &str, text: &str) {
    folder.put(name, text);
    keep_private(&folder.path(name));
    let above = folder.path(name).parent().unwrap().to_owned();
    fs::set_permissions(above, Permissions::from_mode(0o700)).unwrap();
}

/// What a list says, as JSON; nothing else stands on standard output.
#[track_caller]
pub(crate) fn said(folder: &Folder, command: &str) -> Value {
    let ran = folder.run(command);
    let said: Value = serde_json::from_str(&ran.out)
        .map_err(|error| format!("{command}: {error}: {ran:?}"))
        .unwrap();
    for finding in said["findings"].as_array().into_iter().flatten() {
        let fix = finding["fix"]["command"].as_str().unwrap_or_default();
        for line in fix.split(" && ").filter_map(|line| line.strip_prefix("openclaw ")) {
            // The help of a command is printed only if all before it is understood.
            let ran = folder.run(&format!("{line} --help"));
            assert_eq!(ran.code, Some(0), "{fix}: {ran:?}");
        }
    }
    said
}

/// The ids that a list finds.
#[track_caller]
pub(crate) fn ids(folder: &Folder, command: &str) -> Vec<String> {
    let said = said(folder, command);
    let findings = said["findings"].as_array().unwrap().iter();
    findings.map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

/// A set-up that is broken in one way, and the id that says so.
pub(crate) type Row = (&'static str, &'static str, fn(&Folder));

/// Each row is found, names a way out, with exit code 1 unless it is only news.
pub(crate) fn each_is_found(command: &str, rows: &[Row]) {
    for (id, severity, spoil) in rows {
        let folder = fresh();
        spoil(&folder);
        let said = said(&folder, &format!("{command} --json"));
        let findings = said["findings"].as_array().unwrap();
        let found = findings.iter().find(|one| one["id"] == *id);
        let found = found.ok_or_else(|| format!("{id}: {said:#}")).unwrap();
        assert_eq!(found["severity"], *severity, "{id}: {found}");
        assert_ne!(found["fix"]["command"].as_str().unwrap_or_default(), "", "{id}: {found}");
        let is_news = findings.iter().all(|one| one["severity"] == "info");
        assert_eq!(folder.run(command).code, Some(i32::from(!is_news)), "{id}");
    }
}

fn unit(folder: &Folder, text: &str) {
    let path = folder.state().parent().unwrap().join(".config/systemd/user/openclaw.service");
    write(&path, text);
    keep_private(&path);
}

fn telegram(folder: &Folder, more: &str) {
    let text = format!("[channels.telegram]\nbot_token = \"123456:abcdef\"\n{more}");
    own(folder, "config.toml", &text);
}

fn decided(folder: &Folder) {
    own(folder, "credentials/telegram-pairing.json", &file(&[request("7", CODE)]));
    folder.done("pairing approve telegram AB3D7X9K");
}

const ROWS: &[Row] = &[
    ("config.unreadable", "error", |folder| own(folder, "config.toml", "[gatewy]\nport = 1\n")),
    ("config.unreadable", "error", |folder| own(folder, "config.toml", "[gateway\n")),
    ("state.unconfirmed", "error", |folder| own(folder, "access/unconfirmed", "{}")),
    ("config.env-missing", "error", |folder| {
        own(folder, "config.toml", "[gateway.auth]\ntoken = \"${NOT_SET_HERE}\"\n");
    }),
    ("config.foreign", "info", |folder| own(folder, "openclaw.json", "{}")),
    ("state.foreign-database", "error", |folder| own(folder, "state/openclaw.sqlite", "SQLite")),
    ("state.foreign-leftover", "error", |folder| {
        own(folder, "state/openclaw.sqlite", "SQLite");
        own(folder, "credentials/telegram-allowFrom.json", &grants(&["7"]));
    }),
    ("state.mode", "error", |folder| {
        fs::set_permissions(folder.state(), Permissions::from_mode(0o777)).unwrap();
    }),
    ("state.mode", "error", |folder| {
        own(folder, "config.toml", "# ours\n");
        fs::set_permissions(folder.path("config.toml"), Permissions::from_mode(0o666)).unwrap();
    }),
    ("state.mode", "warn", |folder| {
        decided(folder);
        let path = folder.path("credentials/telegram-allowFrom.json");
        fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
    }),
    ("state.mode", "error", |folder| {
        own(folder, "env", "TOKEN=x\n");
        fs::set_permissions(folder.path("env"), Permissions::from_mode(0o666)).unwrap();
    }),
    ("state.mode", "warn", |folder| {
        own(folder, "node.json", "{}");
        fs::set_permissions(folder.path("node.json"), Permissions::from_mode(0o644)).unwrap();
    }),
    ("state.damaged", "error", |folder| {
        own(folder, "credentials/telegram-allowFrom.json", "{ \"version\": 1,\n \"allow");
    }),
    ("state.damaged", "error", |folder| own(folder, "devices/paired.json", "{")),
    ("state.log-broken", "error", |folder| {
        decided(folder);
        let text = folder.text("audit/access.jsonl").replace("approve", "approvd");
        own(folder, "audit/access.jsonl", &text);
    }),
    ("state.unfinished", "warn", |folder| {
        decided(folder);
        let name = "credentials/owners.json.oc-0123456789abcdef.tmp";
        own(folder, name, "{}");
        let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        fs::File::open(folder.path(name)).unwrap().set_modified(old).unwrap();
    }),
    ("state.lock", "warn", |folder| {
        let lock = json!({ "pid": 4_000_000, "createdAt": "2026-01-01T00:00:00.000Z" });
        own(folder, "credentials/telegram-allowFrom.json.lock", &lock.to_string());
    }),
    ("state.two", "warn", |folder| {
        let other = folder.state().parent().unwrap().join(".clawdbot/credentials");
        fs::create_dir_all(other).unwrap();
    }),
    ("gateway.socket-stale", "warn", |folder| {
        fs::create_dir(folder.path("run")).unwrap();
        fs::set_permissions(folder.path("run"), Permissions::from_mode(0o700)).unwrap();
        drop(UnixListener::bind(folder.path("run/gateway.sock")).unwrap());
    }),
    ("owner.none", "error", |folder| telegram(folder, "")),
    ("device.reach", "error", |folder| {
        let text = "[gateway]\nbind = \"custom\"\ncustom_bind_host = \"192.0.2.77\"\n";
        own(folder, "config.toml", text);
    }),
    ("service.path", "error", |folder| unit(folder, "[Service]\nExecStart=/gone/openclaw\n")),
    ("service.env", "error", |folder| {
        own(folder, "config.toml", "[gateway.auth]\ntoken = \"${NOT_IN_UNIT}\"\n");
        unit(folder, "[Service]\nExecStart=/bin/sh\n");
    }),
    ("service.linger", "warn", |folder| unit(folder, "[Service]\nExecStart=/bin/sh\n")),
    ("gateway.down", "error", |folder| unit(folder, "[Service]\nExecStart=/bin/sh\n")),
];

#[test]
fn each_check_finds_what_it_is_for() {
    each_is_found("doctor", ROWS);
}

#[test]
fn a_taken_port_is_found() {
    let folder = fresh();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    own(&folder, "config.toml", &format!("[gateway]\nport = {port}\n"));
    assert_eq!(ids(&folder, "doctor --json"), ["gateway.port"]);
}

/// Nothing is found by either list.
#[track_caller]
fn is_healthy(folder: &Folder, but: &[&str]) {
    for command in ["doctor", "security audit"] {
        let mut found = ids(folder, &format!("{command} --json"));
        found.retain(|id| !but.contains(&&**id));
        assert_eq!(found, [""; 0], "{command}");
    }
}

#[test]
fn nothing_is_found_on_a_healthy_set_up() {
    let folder = fresh();
    is_healthy(&folder, &[]);
    for command in ["doctor", "security audit"] {
        let said = folder.done(command);
        assert!(said.starts_with("Nothing found: ") && said.lines().count() == 1, "{said}");
    }
    is_healthy(&Folder::empty(), &[]);
    decided(&folder);
    telegram(&folder, "");
    folder.done("owner add telegram:7");
    is_healthy(&folder, &[]);
}

#[test]
fn nothing_above_news_is_found_with_a_person_and_a_device_that_were_approved() {
    let folder = fresh();
    decided(&folder);
    telegram(&folder, "");
    folder.done("owner add telegram:9");
    crate::doctor_files::asks(&folder, 0, "operator.admin");
    let ran = folder.run(&format!("devices approve {}", crate::doctor_files::REQUEST));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    is_healthy(&folder, &["device.admin"]);
    let audit = said(&folder, "security audit --json");
    assert_eq!((&audit["ok"], &audit["findings"][0]["severity"]), (&true.into(), &"info".into()));
    for list in ["doctor", "security audit"] {
        assert_eq!(folder.run(list).code, Some(0), "{list}");
    }
}

#[test]
fn nothing_is_found_while_a_gateway_runs_on_it() {
    let folder = fresh();
    let mut gateway = Running::gateway(&folder);
    // In a container, tests are root.
    let but: &[&str] = if nix::unistd::geteuid().is_root() { &["process.root"] } else { &[] };
    is_healthy(&folder, but);
    gateway.stop(nix::sys::signal::Signal::SIGTERM);
}

#[test]
fn nothing_is_changed_without_fix_and_with_it_only_modes_and_leftovers() {
    let folder = fresh();
    decided(&folder);
    own(&folder, "config.toml", "# ours\n");
    fs::set_permissions(folder.path("config.toml"), Permissions::from_mode(0o666)).unwrap();
    fs::create_dir(folder.path("run")).unwrap();
    fs::set_permissions(folder.path("run"), Permissions::from_mode(0o755)).unwrap();
    drop(UnixListener::bind(folder.path("run/gateway.sock")).unwrap());
    let state = |folder: &Folder| {
        let mode = |name: &str| crate::support::mode(&folder.path(name));
        (folder.text("audit/access.jsonl"), mode("run"), folder.path("run/gateway.sock").exists())
    };
    let before = state(&folder);
    folder.run("doctor");
    assert_eq!(state(&folder), before);
    let fixed = said(&folder, "doctor --fix --json");
    let did: Vec<&str> =
        fixed["fixed"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert!(did.contains(&"state.mode") && did.contains(&"gateway.socket-stale"), "{fixed:#}");
    assert_eq!((&fixed["ok"], &fixed["findings"]), (&true.into(), &serde_json::json!([])));
    assert_eq!(folder.text("config.toml"), "# ours\n");
    let log = folder.text("audit/access.jsonl");
    assert_eq!(log.matches("doctor-fix").count(), did.len(), "{log}");
    assert_eq!(ids(&folder, "doctor --json"), [""; 0]);
    folder.done("audit verify");
}

#[test]
fn a_repair_follows_no_link() {
    let folder = fresh();
    let target = folder.cwd().join("theirs");
    write(&target, "x");
    std::os::unix::fs::symlink(&target, folder.path("credentials/owners-old.json")).unwrap();
    folder.run("doctor --fix");
    folder.run("security audit --fix");
    assert_ne!(crate::support::mode(&target), 0o600);
}

#[test]
fn a_deep_look_needs_a_running_gateway() {
    let folder = fresh();
    let ran = folder.run("doctor --deep");
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(ran.err.contains("no gateway runs"), "{ran:?}");
}

#[test]
fn each_check_is_listed_with_what_it_finds_and_nothing_is_looked_at() {
    let folder = Folder::empty();
    own(&folder, "config.toml", "[gatewy]\n");
    for (command, id) in [("doctor", "state.damaged"), ("security audit", "access.open")] {
        assert!(folder.done(&format!("{command} --list")).contains(id));
        let all = said(&folder, &format!("{command} --list --json"));
        let all = all.as_array().unwrap();
        assert!(all.len() > 20 && all.iter().any(|check| check["id"] == id), "{all:?}");
        assert!(
            all.iter().all(|check| check["finds"].as_str().is_some_and(|it| it.ends_with('.')))
        );
    }
    assert!(folder.fails(2, "doctor --list --fix").contains("--list"));
}
