//! Set-ups that are damaged as people's are, and which checks say so. Each finding names where it stands, and a way out.
//! A clock that is wrong has no row: the clock of a client is not this machine's, and that of the machine a unit test of
//! `device.clock` has.

use std::{fs, fs::Permissions, net::TcpListener, os::unix::fs::PermissionsExt};

use serde_json::{Value, json};

use crate::{
    doctor::{fresh, own, said},
    support::{CODE, Folder, file, grants, request},
};

/// What is wrong, how it came about, and the ids that `doctor` and `security audit` say.
struct Damage {
    what: &'static str,
    spoil: fn(&Folder) -> Option<TcpListener>,
    doctor: &'static [&'static str],
    audit: &'static [&'static str],
}

const fn row(
    what: &'static str,
    doctor: &'static [&'static str],
    audit: &'static [&'static str],
    spoil: fn(&Folder) -> Option<TcpListener>,
) -> Damage {
    Damage { what, spoil, doctor, audit }
}

fn config(folder: &Folder, text: &str) -> Option<TcpListener> {
    own(folder, "config.toml", text);
    None
}

fn mode(folder: &Folder, name: &str, mode: u32) {
    fs::set_permissions(folder.path(name), Permissions::from_mode(mode)).unwrap();
}

const OPEN: &str = "[owner]\nallow_from = [\"telegram:9\"]\n[channels.telegram]\nbot_token = \"1:abcdef\"\n\
                    dm_policy = \"open\"\nallow_from = [\"*\"]\ngroup_policy = \"open\"\n";

const ROWS: &[Damage] = &[
    row("a healthy one", &[], &[], |_| None),
    row(
        "modes 777 and 666",
        &["state.mode", "state.mode", "state.mode"],
        &["state.mode", "state.mode", "state.mode"],
        |folder| {
            own(folder, "config.toml", "# ours\n");
            mode(folder, "config.toml", 0o666);
            mode(folder, "credentials", 0o777);
            mode(folder, "", 0o777);
            None
        },
    ),
    row("open to everyone", &[], &["access.open", "access.group-open"], |folder| {
        config(folder, OPEN)
    }),
    row(
        "beyond this machine without a secret",
        &["config.unreadable"],
        &["gateway.auth-none", "config.unreadable"],
        |folder| config(folder, "[gateway]\nbind = \"lan\"\n[gateway.auth]\nmode = \"none\"\n"),
    ),
    // The gateway makes a token where none is written: this is healthy.
    row("token mode without a token", &[], &[], |folder| {
        config(folder, "[gateway.auth]\nmode = \"token\"\n")
    }),
    row("an empty token", &["config.unreadable"], &["config.unreadable"], |folder| {
        config(folder, "[gateway.auth]\nmode = \"token\"\ntoken = \"\"\n")
    }),
    row(
        "a short token on a network",
        &[],
        &["gateway.exposed", "gateway.token-weak", "gateway.token-inline"],
        // With `lan`, what is found depends on the addresses of the machine.
        |folder| {
            let bind = "[gateway]\nbind = \"custom\"\ncustom_bind_host = \"0.0.0.0\"\n";
            config(folder, &format!("{bind}[gateway.auth]\ntoken = \"abc\"\n"))
        },
    ),
    row("an unknown key", &["config.unreadable"], &["config.unreadable"], |folder| {
        config(folder, "[gateway]\nprot = 18789\n")
    }),
    row("a bad value", &["config.unreadable"], &["config.unreadable"], |folder| {
        config(folder, "[gateway]\nport = \"many\"\n")
    }),
    row("a torn configuration", &["config.unreadable"], &["config.unreadable"], |folder| {
        config(folder, "# ours\n[gateway]\nport = 18\nbind = \"lo")
    }),
    row("a name that is not set", &["config.env-missing"], &["config.env-missing"], |folder| {
        config(folder, "[gateway.auth]\ntoken = \"${NOT_SET_HERE}\"\n")
    }),
    // None of these can be written at all.
    row("a group as an owner", &["config.unreadable"], &["config.unreadable"], |folder| {
        config(folder, "[owner]\nallow_from = [\"telegram:-1001234567890\"]\n")
    }),
    row(
        "more than a name on the network",
        &["config.unreadable"],
        &["config.unreadable"],
        |folder| config(folder, "[discovery.mdns]\nmode = \"full\"\n"),
    ),
    row("a taken port", &["gateway.port"], &[], |folder| {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        own(folder, "config.toml", &format!("[gateway]\nport = {port}\n"));
        Some(taken)
    }),
    row("a torn list of people", &["state.damaged"], &[], |folder| {
        own(folder, "credentials/telegram-allowFrom.json", "{ \"version\": 1,\n \"allow");
        None
    }),
    row("a torn list of requests", &["state.damaged"], &[], |folder| {
        let text = file(&[request("7", CODE)]);
        own(folder, "credentials/telegram-pairing.json", &text[..text.len() / 2]);
        None
    }),
    row("a list of a newer version", &["state.damaged"], &[], |folder| {
        let text = grants(&["7"]).replace("\"version\": 1", "\"version\": 2");
        own(folder, "credentials/telegram-allowFrom.json", &text);
        None
    }),
    row(
        "the state of another generation",
        &["state.foreign-database", "state.foreign-leftover", "config.foreign"],
        &[],
        |folder| {
            own(folder, "openclaw.json", "{}");
            own(folder, "state/openclaw.sqlite", "SQLite");
            own(folder, "credentials/telegram-allowFrom.json", &grants(&["7"]));
            None
        },
    ),
    row("a lock of a program that is gone", &["state.lock"], &[], |folder| {
        let lock = json!({ "pid": 4_000_000, "createdAt": "2026-01-01T00:00:00.000Z" });
        own(folder, "credentials/telegram-allowFrom.json.lock", &lock.to_string());
        None
    }),
    row("a socket of a gateway that is gone", &["gateway.socket-stale"], &[], |folder| {
        fs::create_dir(folder.path("run")).unwrap();
        mode(folder, "run", 0o700);
        drop(std::os::unix::net::UnixListener::bind(folder.path("run/gateway.sock")).unwrap());
        None
    }),
    row("plain ws to a public name", &["config.unreadable"], &["config.unreadable"], |folder| {
        config(folder, "[plugins.device-pair]\npublic_url = \"ws://gw.example.com\"\n")
    }),
    row("plain ws on a private network", &[], &["device.plain-code"], |folder| {
        let url = "public_url = \"ws://192.168.1.10:18789\"\napprove = \"code\"\n";
        config(folder, &format!("[plugins.device-pair]\n{url}"))
    }),
];

/// The ids in the order of the list, and that each finding says where it stands and what ends it.
#[track_caller]
fn findings(what: &str, said: &Value) -> Vec<String> {
    let findings = said["findings"].as_array().unwrap();
    for found in findings {
        let place = !found["where"].is_null() || found["subject"] != "";
        let ends = found["fix"]["command"].as_str().is_some_and(|it| !it.is_empty());
        let says = found["message"].as_str().is_some_and(|it| it.len() > 10);
        assert!(place && ends && says, "{what}: {found}");
    }
    findings.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_damaged_set_up_is_told_by_the_checks_that_fit_it_and_by_no_other() {
    let mut wrong = Vec::new();
    for Damage { what, spoil, doctor, audit } in ROWS {
        let folder = fresh();
        let _taken = spoil(&folder);
        for (list, expected) in [("doctor", doctor), ("security audit", audit)] {
            let said = said(&folder, &format!("{list} --json"));
            let (found, code) = (findings(what, &said), folder.run(list).code);
            if found != *expected || code != Some(i32::from(!expected.is_empty())) {
                wrong.push(format!("{what}: {list}: {code:?}, {expected:?}: {said:#}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_configuration_that_has_an_error_is_told_with_its_line() {
    for (text, line, says) in [
        ("[gateway]\nprot = 18789\n", 2, "port"),
        ("[gateway]\nport = \"many\"\n", 2, "port"),
        ("# ours\n[gateway]\nport = 18\nbind = \"lo", 4, ""),
    ] {
        let folder = fresh();
        own(&folder, "config.toml", text);
        let said = said(&folder, "doctor --json");
        let found = &said["findings"][0];
        assert_eq!(found["where"]["line"], json!(line), "{found}");
        assert!(found["message"].as_str().unwrap().contains(says), "{found}");
    }
}

#[test]
fn a_gateway_that_cannot_run_on_it_says_so_and_ends() {
    let folder = fresh();
    own(&folder, "config.toml", "[gateway]\nbind = \"lan\"\n[gateway.auth]\nmode = \"none\"\n");
    let said = folder.fails(78, "gateway run --port 0");
    assert!(said.contains("`gateway.auth.mode`"), "{said}");
    let folder = fresh();
    own(&folder, "credentials/telegram-pairing.json", "{ \"version\"");
    let said = folder.fails(1, "pairing list telegram");
    assert!(said.contains("telegram-pairing.json"), "{said}");
}
