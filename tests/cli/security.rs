//! `security audit`: each check finds what it is for. That nothing is found on a healthy set-up, the tests of `doctor` say.

use std::{fs, fs::Permissions, os::unix::fs::PermissionsExt};

use crate::{
    doctor::{Row, each_is_found, fresh, own, said},
    support::{CODE, Folder, file, keep_private, request, write},
};

fn telegram(folder: &Folder, more: &str) {
    let text = format!(
        "[owner]\nallow_from = [\"telegram:9\"]\n[channels.telegram]\nbot_token = \"123456:abcdef\"\n{more}"
    );
    own(folder, "config.toml", &text);
}

fn gateway(folder: &Folder, text: &str) {
    own(folder, "config.toml", text);
}

const OPEN: &str = "dm_policy = \"open\"\nallow_from = [\"*\"]\ngroup_policy = \"disabled\"\n";

const ROWS: &[Row] = &[
    ("access.open", "critical", |folder| telegram(folder, OPEN)),
    ("access.group-open", "critical", |folder| {
        telegram(folder, "group_policy = \"open\"\nrequire_mention = false\n");
    }),
    ("access.group-open", "warn", |folder| {
        telegram(folder, "group_policy = \"open\"\nrequire_mention = true\n");
    }),
    ("access.wildcard", "critical", |folder| telegram(folder, "allow_from = [\"*\"]\n")),
    ("access.config-and-store", "info", |folder| {
        own(folder, "credentials/telegram-pairing.json", &file(&[request("7", CODE)]));
        folder.done("pairing approve telegram AB3D7X9K");
        telegram(folder, "allow_from = [\"7\"]\n");
    }),
    ("access.blocked-but-listed", "warn", |folder| {
        folder.done("access block telegram:7");
        telegram(folder, "allow_from = [\"7\"]\n");
    }),
    ("access.many", "info", |folder| {
        let people: Vec<String> = (100..130).map(|id| id.to_string()).collect();
        let people: Vec<&str> = people.iter().map(String::as_str).collect();
        telegram(folder, "");
        own(folder, "credentials/telegram-allowFrom.json", &crate::support::grants(&people));
    }),
    ("owner.many", "warn", |folder| {
        let four = "[\"telegram:1\", \"telegram:2\", \"telegram:3\", \"telegram:4\"]";
        own(
            folder,
            "config.toml",
            &format!(
                "[owner]\nallow_from = {four}\n[channels.telegram]\nbot_token = \"1:abcdef\"\n"
            ),
        );
    }),
    ("gateway.exposed", "critical", |folder| gateway(folder, "[gateway]\nbind = \"lan\"\n")),
    ("gateway.auth-none", "critical", |folder| {
        gateway(folder, "[gateway]\nbind = \"lan\"\n[gateway.auth]\nmode = \"none\"\n");
    }),
    ("gateway.exposed", "critical", |folder| {
        gateway(folder, "[gateway]\nbind = \"lan\"\ntrusted_proxies = [\"127.0.0.1\", \"::1\"]\n");
    }),
    ("gateway.token-weak", "critical", |folder| {
        gateway(folder, "[gateway.auth]\ntoken = \"abc\"\n");
    }),
    ("gateway.token-weak", "warn", |folder| {
        gateway(folder, "[gateway.auth]\ntoken = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\n");
    }),
    ("gateway.token-inline", "info", |folder| {
        gateway(folder, "[gateway.auth]\ntoken = \"Jk3-91xQ_pLm7zRtUvW5aB8c\"\n");
    }),
    ("gateway.token-in-unit", "warn", |folder| {
        let path = folder.state().parent().unwrap().join(".config/systemd/user/openclaw.service");
        write(&path, "[Service]\nExecStart=/bin/sh\nEnvironment=TELEGRAM_BOT_TOKEN=1:abc\n");
        keep_private(&path);
    }),
    ("gateway.funnel", "critical", |folder| {
        gateway(folder, "[gateway.tailscale]\nmode = \"funnel\"\n");
    }),
    ("gateway.proxy", "critical", |folder| {
        gateway(folder, "[gateway]\ntrusted_proxies = [\"0.0.0.0/0\"]\n");
    }),
    ("owner.unseen", "warn", |folder| {
        own(folder, "config.toml", "[owner]\nallow_from = [\"telegram:9\"]\n");
        own(folder, "access/owners-seen.json", "{\"telegram:9\":1000000000000}");
    }),
    ("gateway.origins", "critical", |folder| {
        gateway(folder, "[gateway.control_ui]\nallowed_origins = [\"http://panel.example\"]\n");
    }),
    ("gateway.origins", "critical", |folder| {
        gateway(folder, "[gateway.control_ui]\nallowed_origins = [\"*\"]\n");
    }),
    ("device.cidr", "critical", |folder| {
        gateway(folder, "[gateway.nodes.pairing]\nauto_approve_cidrs = [\"10.0.0.0/8\"]\n");
    }),
    ("device.plain-code", "warn", |folder| {
        let text = "[gateway]\nbind = \"lan\"\n[plugins.device-pair]\napprove = \"code\"\n";
        gateway(folder, text);
    }),
    ("node.dangerous", "warn", |folder| {
        gateway(folder, "[gateway.nodes.commands]\nallow = [\"camera.snap\"]\n");
    }),
    ("node.deny-pattern", "warn", |folder| {
        gateway(folder, "[gateway.nodes.commands]\ndeny = [\"camera.*\"]\n");
    }),
    ("secret.file-mode", "critical", |folder| {
        let path = folder.cwd().join("token");
        write(&path, "123456:abcdef\n");
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let text = format!(
            "[owner]\nallow_from = [\"telegram:9\"]\n[channels.telegram]\ntoken_file = \"{}\"\n",
            path.display()
        );
        own(folder, "config.toml", &text);
    }),
    ("secret.env-dump", "info", |folder| {
        folder.put(".env", "A=1\n");
        fs::set_permissions(folder.path(".env"), Permissions::from_mode(0o644)).unwrap();
    }),
    ("secret.in-log", "critical", |folder| {
        telegram(folder, "");
        own(folder, "gateway.log", "fetching /bot123456:abcdef/getMe\n");
        fs::set_permissions(folder.state(), Permissions::from_mode(0o700)).unwrap();
    }),
    ("state.link", "warn", |folder| {
        let real = folder.cwd().join("access");
        fs::create_dir(&real).unwrap();
        fs::set_permissions(&real, Permissions::from_mode(0o700)).unwrap();
        std::os::unix::fs::symlink(real, folder.path("access")).unwrap();
    }),
    ("state.mode", "error", |folder| {
        fs::set_permissions(folder.state(), Permissions::from_mode(0o777)).unwrap();
    }),
    ("config.unreadable", "error", |folder| gateway(folder, "[gateway\n")),
];

#[test]
fn each_check_finds_what_it_is_for() {
    each_is_found("security audit", ROWS);
}

#[test]
fn an_accepted_finding_counts_no_more_and_stays_visible() {
    let folder = fresh();
    let accept = |until: &str| {
        format!(
            "{OPEN}[audit]\naccept = [{{ id = \"access.open\", subject = \"telegram\", reason = \"a help desk\", \
             until = \"{until}\" }}]\n"
        )
    };
    telegram(&folder, &accept("2999-01-01"));
    let said_so = said(&folder, "security audit --json");
    assert_eq!(
        (&said_so["ok"], &said_so["accepted"][0]["id"]),
        (&true.into(), &"access.open".into())
    );
    assert_eq!(said_so["findings"][0]["id"], "audit.accepted");
    let text = folder.done("security audit");
    assert!(text.contains("accepted  access.open  telegram (critical) until 2999-01-01"), "{text}");
    telegram(&folder, &accept("2001-01-01"));
    let over = said(&folder, "security audit --json");
    assert_eq!((&over["ok"], &over["accepted"]), (&false.into(), &serde_json::json!([])));
    let told = folder.run("security audit").out;
    assert!(told.contains("access.open was accepted until 2001-01-01: it counts again."), "{told}");
    telegram(&folder, &accept("2999-01-01").replace("access.open", "acess.open"));
    let told = folder.run("security audit");
    let said =
        "No finding has the id `acess.open`, so this accepts nothing. Did you mean `access.open`?";
    assert!(told.code == Some(1) && told.out.contains(said), "{told:?}");
    telegram(
        &folder,
        &accept("2999-01-01").replace("access.open", "channel.telegram.default.token"),
    );
    assert!(!folder.run("security audit").out.contains("No finding has"));
}

#[test]
fn nothing_is_accepted_without_a_reason_and_an_end() {
    for (missing, rest) in [("reason", "until = \"2999-01-01\""), ("until", "reason = \"x\"")] {
        let folder = fresh();
        let text = format!("[audit]\naccept = [{{ id = \"access.open\", {rest} }}]\n");
        own(&folder, "config.toml", &text);
        let said = folder.fails(1, "config check");
        assert!(said.contains(&format!("`audit.accept.{missing}` is missing")), "{said}");
    }
}

#[test]
fn no_secret_stands_in_what_is_found() {
    let folder = fresh();
    telegram(&folder, "[gateway.auth]\ntoken = \"short-secret\"\n");
    own(&folder, "gateway.log", "short-secret 123456:abcdef\n");
    for command in ["security audit", "security audit --json", "doctor --json"] {
        let ran = folder.run(command);
        assert!(!ran.out.contains("short-secret") && !ran.out.contains("abcdef"), "{ran:?}");
    }
}
