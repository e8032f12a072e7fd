//! `status --all`: what is pasted into an issue tells how a set-up is, and not whose it is.

use serde_json::{Value, json};

use crate::{
    running::Running,
    support::{CODE, Folder, Ran, keep_private, request, write},
};

const SECRET: &str = "4242:AAH-not-a-real-token-of-telegram-00000";
const CONFIG: &str = r#"
[owner]
allow_from = ["telegram:900001"]

[channels.telegram]
enabled = false
bot_token = "4242:AAH-not-a-real-token-of-telegram-00000"
allow_from = ["800002"]
groups = ["-100700003"]

[channels.telegram.accounts.annswork]
bot_token = "4242:AAH-not-a-real-token-of-telegram-00000"
"#;

/// A set-up full of what nobody else is to know: ids, names, a token, and the folder's own path.
fn full() -> Folder {
    let folder = Folder::waiting(&[request("600004", CODE), request("600005", "AB3D7X9M")]);
    folder.put("config.toml", CONFIG);
    keep_private(&folder.path("config.toml"));
    folder.done("pairing approve telegram AB3D7X9K");
    folder.done("access rename telegram:600004 Annika");
    folder.done("access block telegram:500006");
    folder.done("owner add telegram:900007");
    folder
}

#[track_caller]
fn names_nobody(folder: &Folder, ran: &Ran) {
    let root = folder.state().parent().unwrap().display().to_string();
    let user = std::env::var("USER").unwrap_or_default();
    let private = [
        "900001", "800002", "700003", "600004", "600005", "500006", "900007", "annswork", "Annika",
        "Ann", "ann", CODE, "AB3D7X9M", SECRET, "4242", "AAH", &root, "/home/", "/root",
    ];
    for word in private.into_iter().chain((user.len() > 4).then_some(&*user)) {
        for text in [&ran.out, &ran.err] {
            // `channel` and `channels` hold a short name of a test.
            let text = text.replace("hannel", "").replace("cannot", "");
            assert!(!text.contains(word), "{word}: {ran:?}");
        }
    }
}

#[test]
fn a_report_names_no_person_account_token_or_folder() {
    let folder = full();
    let ran = folder.run("status --all");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    names_nobody(&folder, &ran);
    for said in ["people with access: 1", "people blocked: 1", "requests: 1", "owners: 2"] {
        assert!(ran.out.contains(said), "{said}: {ran:?}");
    }
    assert!(ran.out.contains("does not run") && ran.out.contains("dm:pairing"), "{ran:?}");
    let ran = folder.run("status --all --json");
    names_nobody(&folder, &ran);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["configuration"], "loads");
    assert_eq!(report["counts"]["groups"], 2, "{report}");
    assert_eq!(report["gateway"], json!({ "state": "does not run" }));
    assert_eq!(report["channels"].as_array().unwrap().len(), 3, "{report}");
}

#[test]
fn a_report_needs_no_configuration_and_tells_of_the_gateway() {
    let folder = full();
    folder.put("config.toml", "annswork = \"600004\"\n[owner\n");
    folder.put("credentials/owners.json", "{ \"600004\"");
    let ran = folder.run("status --all --json");
    names_nobody(&folder, &ran);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["configuration"], "does not load");
    assert_eq!((&report["channels"], &report["counts"]["owners"]), (&Value::Null, &Value::Null));
    let found = report["findings"].as_array().unwrap();
    let has = |id: &str| found.iter().any(|one| one["id"] == id);
    assert!(has("config.unreadable") && has("state.damaged"), "{report}");

    let folder = Folder::empty();
    let gateway = Running::gateway(&folder);
    let report: Value = serde_json::from_str(&folder.done("status --all --json")).unwrap();
    assert_eq!(report["gateway"]["state"], "runs", "{report}");
    assert_eq!(report["gateway"]["version"], env!("CARGO_PKG_VERSION"));
    assert!(report["gateway"]["uptimeSeconds"].as_u64().unwrap() < 3_600, "{report}");
    assert!(folder.done("status --all").contains("Gateway        runs, version"));
    drop(gateway);
    let unit = folder.cwd().parent().unwrap().join(".config/systemd/user/openclaw.service");
    write(&unit, "[Service]\n");
    let report: Value = serde_json::from_str(&folder.run("status --all --json").out).unwrap();
    assert_eq!(report["services"][0]["kind"], "systemd, of the user", "{report}");
}
