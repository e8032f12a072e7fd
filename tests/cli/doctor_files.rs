//! `doctor` and `security audit` on files of an age that no test waits for, on folders of other kinds, and on certificates.

use std::{fs, fs::Permissions, os::unix::fs::PermissionsExt, path::Path};

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use crate::{
    doctor::{Row, each_is_found, fresh, ids, own, said},
    support::{CODE, Folder, Ran, ago, file, keep_private, request},
};

const DEVICE: &str = "56475aa75463474c0285df5dbf2bcab73da651358839e9b77481b2eab107708c";
const KEY: &str = "A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg";
pub(crate) const REQUEST: &str = "0b1f7f3c-6a0e-4f53-9a68-6f1d2f0a7f11";
const HOUR_MS: i64 = 3_600_000;

fn ms_ago(hours: i64) -> i64 {
    Timestamp::now().as_millisecond() - hours * HOUR_MS
}

/// A phone that asked so long ago, and still does.
pub(crate) fn asks(folder: &Folder, hours: i64, scope: &str) {
    let row = json!({
        "requestId": REQUEST, "deviceId": DEVICE, "publicKey": KEY, "displayName": "Ann's iPhone",
        "platform": "iOS 18.0.0", "role": "operator", "roles": ["operator"],
        "scopes": [scope], "ts": ms_ago(hours), "refreshedAtMs": ms_ago(0),
    });
    own(folder, "devices/pending.json", &json!({ (REQUEST): row }).to_string());
}

/// A device that was let in so long ago, with what else its row says.
fn paired(folder: &Folder, days: i64, more: &Value) {
    let mut row = json!({
        "deviceId": DEVICE, "publicKey": KEY, "role": "operator", "roles": ["operator"],
        "scopes": ["operator.read"], "approvedScopes": ["operator.read"], "approvedVia": "owner",
        "createdAtMs": ms_ago(24 * days), "approvedAtMs": ms_ago(24 * days), "tokens": {},
    });
    row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    own(folder, "devices/paired.json", &json!({ (DEVICE): row }).to_string());
}

fn telegram(folder: &Folder, more: &str) {
    let text = format!(
        "[owner]\nallow_from = [\"telegram:9\"]\n[channels.telegram]\nbot_token = \"1:abcdef\"\n{more}"
    );
    own(folder, "config.toml", &text);
}

/// Requests of three people so many minutes ago: as many as there are places.
fn strangers(folder: &Folder, minutes: i64) {
    telegram(folder, "");
    let all = ["7", "8", "9"].map(|sender| {
        let mut one = request(sender, &CODE.replace('9', sender));
        one["createdAt"] = ago(minutes).into();
        one
    });
    own(folder, "credentials/telegram-pairing.json", &file(&all));
}

/// A port with a certificate of the user's own that ends in so many days.
fn ends_in(folder: &Folder, days: i64) {
    let pair = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let end = Timestamp::from_millisecond(ms_ago(-24 * days)).unwrap().to_zoned(TimeZone::UTC);
    let byte = |number: i8| u8::try_from(number).unwrap();
    params.not_after = rcgen::date_time_ymd(end.year().into(), byte(end.month()), byte(end.day()));
    let certificate = params.self_signed(&pair).unwrap();
    let (cert, key) = (folder.cwd().join("cert.pem"), folder.cwd().join("key.pem"));
    for (path, text) in [(&cert, certificate.pem()), (&key, pair.serialize_pem())] {
        crate::support::write(path, &text);
        keep_private(path);
    }
    let (cert, key) = (cert.display(), key.display());
    let text =
        format!("[gateway.tls]\nenabled = true\ncert_path = \"{cert}\"\nkey_path = \"{key}\"\n");
    own(folder, "config.toml", &text);
}

/// A set-up of OpenClaw, whose first guest became its owner, taken over.
fn import(folder: &Folder, how: &str) {
    let theirs = json!({
        "commands": { "ownerAllowFrom": ["telegram:9"] },
        "channels": { "telegram": { "botToken": "1:abcdef", "dmPolicy": "pairing" } },
    });
    own(folder, "openclaw.json", &theirs.to_string());
    let ran = folder.run(&format!("import {how}"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

const DOCTOR: &[Row] = &[
    ("device.waiting", "info", |folder| asks(folder, 2, "operator.read")),
    ("pairing.account", "warn", |folder| {
        telegram(folder, "");
        let list = r#"{"version":1,"allowFrom":["7"]}"#;
        own(folder, "credentials/telegram-work-allowFrom.json", list);
    }),
    ("pairing.stuck", "warn", |folder| strangers(folder, 40)),
    ("tls.expiry", "warn", |folder| ends_in(folder, 10)),
    ("tls.expiry", "error", |folder| ends_in(folder, -1)),
];

const AUDIT: &[Row] = &[
    ("device.admin", "info", |folder| {
        let all = json!(["operator.admin"]);
        paired(folder, 1, &json!({ "scopes": all, "approvedScopes": all }));
    }),
    ("device.silent", "warn", |folder| {
        let node = json!({ "role": "node", "roles": ["node"], "approvedVia": "silent" });
        paired(folder, 1, &node);
    }),
    ("device.stale", "warn", |folder| paired(folder, 100, &json!({}))),
    ("owner.imported", "warn", |folder| import(folder, "--owners")),
];

#[test]
fn each_check_finds_what_it_is_for() {
    each_is_found("doctor", DOCTOR);
    each_is_found("security audit", AUDIT);
}

#[test]
fn what_is_younger_or_was_decided_is_not_found() {
    let young: [fn(&Folder); 7] = [
        |folder| {
            telegram(folder, "");
            let list = r#"{"version":1,"allowFrom":["7"]}"#;
            own(folder, "credentials/telegram-allowFrom.json", list);
            own(folder, "credentials/discord-work-allowFrom.json", list);
            own(folder, "credentials/telegram-work-allowFrom.json", &list.replace("\"7\"", ""));
        },
        |folder| asks(folder, 0, "operator.read"),
        |folder| strangers(folder, 10),
        |folder| ends_in(folder, 60),
        |folder| paired(folder, 1, &json!({})),
        |folder| paired(folder, 100, &json!({ "lastSeenAtMs": ms_ago(24) })),
        |folder| {
            let token = json!({ "role": "operator", "lastUsedAtMs": ms_ago(24),
                "tokenSha256": "0".repeat(64), "scopes": ["operator.read"] });
            paired(folder, 100, &json!({ "tokens": { "operator": token } }));
        },
    ];
    for (place, spoil) in young.into_iter().enumerate() {
        let folder = fresh();
        spoil(&folder);
        for list in ["doctor", "security audit"] {
            assert_eq!(ids(&folder, &format!("{list} --json")), [""; 0], "{place}: {list}");
        }
    }
}

#[test]
fn a_lock_that_is_held_too_long_is_found_with_its_process() {
    let folder = fresh();
    let pid = std::process::id().to_string();
    own(&folder, "audit/access.jsonl.oc-lock", &pid);
    let lock = fs::File::options().write(true).open(folder.path("audit/access.jsonl.oc-lock"));
    let lock = lock.unwrap();
    assert_eq!(ids(&folder, "doctor --json"), [""; 0], "nobody holds it");
    lock.lock().unwrap();
    assert_eq!(ids(&folder, "doctor --json"), [""; 0], "not for long");
    let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    lock.set_modified(old).unwrap();
    let said = said(&folder, "doctor --json");
    let found = finding(&said, "state.lock");
    assert!(found["message"].as_str().unwrap().contains(&format!("Process {pid} (")), "{found}");
    assert!(
        found["fix"]["command"].as_str().unwrap().starts_with(&format!("kill {pid}")),
        "{found}"
    );
}

/// A list on another state folder than the test's own.
fn on(folder: &Folder, state: &Path, list: &str) -> Value {
    let mut command = folder.command(&format!("{list} --json"));
    let ran = Ran::from(command.env("OPENCLAW_STATE_DIR", state).output().unwrap());
    serde_json::from_str(&ran.out).map_err(|error| format!("{error}: {ran:?}")).unwrap()
}

fn finding<'a>(said: &'a Value, id: &str) -> &'a Value {
    let found = said["findings"].as_array().unwrap().iter().find(|one| one["id"] == id);
    found.ok_or_else(|| format!("{id}: {said:#}")).unwrap()
}

// Without root, no test makes a disk full, short of inodes, read-only or remote: `/proc`, which has no room at all, and
// the names of folders that are copied stand for these.
#[test]
fn a_folder_that_a_service_copies_is_found_by_both_lists() {
    let folder = fresh();
    let copied = folder.cwd().join("Dropbox/state");
    fs::create_dir_all(&copied).unwrap();
    fs::set_permissions(&copied, Permissions::from_mode(0o700)).unwrap();
    for (list, id) in [("doctor", "state.disk"), ("security audit", "state.synced")] {
        let said = on(&folder, &copied, list);
        let found = finding(&said, id);
        assert_eq!(found["severity"], "warn");
        assert!(found["message"].as_str().unwrap().starts_with("Dropbox copies "), "{found}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_without_room_is_found() {
    let said = on(&fresh(), Path::new("/proc/openclaw-is-not-here"), "doctor");
    let found = finding(&said, "state.disk");
    assert_eq!(found["severity"], "error", "{said:#}");
    assert!(found["message"].as_str().unwrap().contains(" has 0 MB left"), "{found}");
}

#[test]
fn an_owner_that_was_not_imported_or_is_none_any_more_is_not_told() {
    let is_told = |folder: &Folder| {
        ids(folder, "security audit --json").contains(&"owner.imported".to_owned())
    };
    let folder = fresh();
    import(&folder, "");
    telegram(&folder, "");
    assert!(!is_told(&folder), "named by hand");
    let folder = fresh();
    import(&folder, "--owners");
    assert!(is_told(&folder));
    let text = folder.text("config.toml").replace("telegram:9", "telegram:8");
    own(&folder, "config.toml", &text);
    assert!(!is_told(&folder), "an owner no more");
    let folder = fresh();
    import(&folder, "--owners");
    folder.done("import --undo");
    assert!(!folder.text("access/imported.json").contains("telegram:9"));
}
