//! `reset`: what goes, what stays, and that nobody is let in by it.

use std::fs;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::{
    running::{Running, json as asked},
    support::{CODE, Folder, grants, keep_private, request},
};

const CONFIG: &str =
    "[channels.telegram]\nenabled = false\nbot_token = \"1:a\"\nallow_from = [\"66\"]\n# end\n";
const LISTS: [&str; 4] =
    ["access list --json", "owner list --json", "pairing list --json", "invite list --json"];

/// A folder in which 7 is approved, 8 until tomorrow, 9 waits, 66 and 67 are blocked, and 1 is an owner.
fn decided() -> Folder {
    let folder =
        Folder::waiting(&[request("7", CODE), request("8", "AB3D7X9M"), request("9", "AB3D7X9N")]);
    folder.put("config.toml", CONFIG);
    keep_private(&folder.path("config.toml"));
    folder.done("pairing approve telegram AB3D7X9K");
    folder.done("pairing approve telegram AB3D7X9M --for 24h");
    folder.done("access block telegram:66");
    folder.done("access block telegram:67");
    folder.done("owner add telegram:1");
    folder.done("invite create Bea");
    folder
}

fn verdict(folder: &Folder, who: &str) -> String {
    let ran = folder.run(&format!("access explain telegram {who}"));
    format!("{}{}", ran.out, ran.err)
}

#[test]
fn nothing_goes_without_a_yes_or_beside_a_gateway() {
    let folder = decided();
    let before = folder.files();
    let told = folder.done("reset --scope access --dry-run");
    for said in ["telegram-allowFrom.json: 1 entry", "owners.json: 1 entry", "backup create"] {
        assert!(told.contains(said), "{told}");
    }
    assert_eq!(folder.files(), before);
    for scope in ["config", "access", "devices", "all --unblock"] {
        let ran = folder.run(&format!("reset --scope {scope}"));
        if scope == "devices" {
            assert_eq!(
                (ran.code, ran.out.contains("nothing to reset")),
                (Some(0), true),
                "{ran:?}"
            );
            continue;
        }
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.err.contains("--yes") && ran.err.contains("openclaw backup create"), "{ran:?}");
    }
    folder.fails(2, "reset");
    assert!(folder.fails(2, "reset --scope access --unblock --yes").contains("--scope all"));
    let of_state = |folder: &Folder| {
        let mut files = folder.files();
        files.retain(|(path, _)| !path.starts_with(folder.path("run")));
        files
    };
    assert_eq!(of_state(&folder), before);
    let mut gateway = Running::gateway(&folder);
    let list = folder.text("credentials/telegram-allowFrom.json");
    let refused = |scope: &str| {
        let error = folder.fails(1, &format!("reset --scope {scope} --yes"));
        assert!(error.contains("gateway runs") && error.contains("service stop"), "{error}");
    };
    ["config", "access", "devices", "all --unblock"].into_iter().for_each(refused);
    // Its lock may be gone, and it still runs.
    fs::remove_file(folder.path("run/gateway.lock")).unwrap();
    refused("access");
    assert_eq!(folder.text("credentials/telegram-allowFrom.json"), list);
    gateway.stop(Signal::SIGTERM);
    folder.done("reset --scope access --yes");
}

#[test]
fn a_reset_of_access_lets_nobody_in_who_was_not() {
    let folder = decided();
    assert!(folder.path("credentials/telegram-allowFrom.json").exists());
    let told = folder.done("reset --scope access --yes");
    assert!(told.contains("Reset `access`") && told.contains("owner claim"), "{told}");
    let [access, owners, requests, invitations] = LISTS.map(|line| asked(&folder, line));
    // 66 stands in the configuration, and 67 may stand in another one: without the block they would be let in.
    let rows = access["access"].as_array().unwrap();
    assert!(rows.len() == 2 && rows[0].to_string().contains("66"), "{access}");
    for empty in [&owners, &requests, &invitations] {
        assert!(!empty.to_string().contains("telegram"), "{empty}");
    }
    folder.put("config.toml", &CONFIG.replace("enabled = false\n", ""));
    keep_private(&folder.path("config.toml"));
    for who in ["66", "67"] {
        assert!(verdict(&folder, who).contains("block"), "{}", verdict(&folder, who));
    }
    for who in ["1", "7", "8"] {
        assert!(verdict(&folder, who).contains("code"), "{}", verdict(&folder, who));
    }
    assert!(folder.done("audit verify").contains("intact"));
    let lines: Vec<Value> = folder
        .text("audit/access.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let last = lines.last().unwrap();
    assert_eq!((&last["action"], &last["subject"]), (&json!("reset"), &json!("access")));
    assert!(last["actor"].as_str().unwrap().starts_with("uid:"), "{last}");
    // What is decided from here on is explained again.
    folder.done("access block telegram:70");
    folder.done("owner add telegram:2");
    assert!(folder.done("audit verify").contains("intact"));
}

#[test]
fn a_reset_of_access_can_be_done_again_and_adds_no_files() {
    let folder = decided();
    let names = || std::fs::read_dir(folder.path("credentials")).unwrap().count();
    folder.done("reset --scope access --yes");
    let before = names();
    for _ in 0..10 {
        folder.done("reset --scope access --yes");
    }
    assert_eq!(names(), before);
    assert!(folder.done("audit verify").contains("intact"));
}

#[test]
fn a_reset_follows_no_link() {
    for (name, scope) in [("credentials", "access"), ("conversations", "all"), ("inbox", "all")] {
        let folder = decided();
        let real = folder.cwd().join("theirs");
        if folder.path(name).exists() {
            std::fs::rename(folder.path(name), &real).unwrap();
        }
        crate::support::write(&real.join("my-files/a"), "mine");
        std::os::unix::fs::symlink(&real, folder.path(name)).unwrap();
        let before = folder.files();
        let error = folder.fails(1, &format!("reset --scope {scope} --yes"));
        assert!(error.contains("it is a link"), "{name}: {error}");
        assert_eq!(folder.files(), before);
        assert!(real.join("my-files/a").exists());
    }
}

#[test]
fn a_reset_makes_no_foreign_list_count() {
    let folder = Folder::empty();
    folder.put("credentials/telegram-allowFrom.json", &grants(&["7"]));
    folder.put("credentials/telegram-work-allowFrom.json", &grants(&["8"]));
    folder.put("state/openclaw.sqlite", "x");
    // Nothing of it was imported: the start stops.
    let refused = folder.run("gateway run --port 0");
    assert!(refused.code != Some(0) && refused.err.contains("openclaw import"), "{refused:?}");
    folder.done("reset --scope access --yes");
    assert!(!folder.path("access/imported.json").exists());
    assert!(folder.path("state/openclaw.sqlite").exists());
    for name in ["telegram", "telegram-work"] {
        let list = folder.json(&format!("credentials/{name}-allowFrom.json"));
        assert_eq!(list["allowFrom"], json!([]), "{name}");
    }
    let mut gateway = Running::gateway(&folder);
    gateway.stop(Signal::SIGTERM);
    // One that is put back is foreign again.
    folder.put("credentials/telegram-allowFrom.json", &grants(&["7"]));
    let refused = folder.run("gateway run --port 0");
    assert!(refused.code != Some(0) && refused.err.contains("openclaw import"), "{refused:?}");
}

#[test]
fn devices_go_with_their_tokens_and_people_stay() {
    let folder = decided();
    let mut gateway = Running::gateway(&folder);
    gateway.stop(Signal::SIGTERM);
    let row = json!({
        "deviceId": "56475aa75463474c0285df5dbf2bcab73da651358839e9b77481b2eab107708c",
        "publicKey": "A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg", "role": "operator",
        "roles": ["operator"], "scopes": ["operator.read"], "createdAtMs": 1, "approvedAtMs": 1,
    });
    let id = row["deviceId"].as_str().unwrap().to_owned();
    folder.put("devices/paired.json", &json!({ (id): row }).to_string());
    assert!(folder.run("devices list").out.contains("Paired (1)"));
    let token = folder.text("credentials/gateway-token");
    let said = asked(&folder, "reset --scope devices --yes --json");
    assert_eq!((&said["reset"], &said["scope"]), (&json!(true), &json!("devices")));
    assert!(folder.run("devices list").out.contains("No device"));
    assert!(!folder.path("credentials/gateway-token").exists());
    assert!(folder.done("access list").contains("telegram:7"));
    assert!(folder.done("audit verify").contains("intact"));
    let mut gateway = Running::gateway(&folder);
    gateway.stop(Signal::SIGTERM);
    assert_ne!(folder.text("credentials/gateway-token"), token);
}

#[test]
fn the_configuration_goes_and_the_next_start_does_not_take_it_for_lost() {
    let folder = decided();
    let mut gateway = Running::gateway(&folder);
    gateway.stop(Signal::SIGTERM);
    assert!(folder.path("settings/config-memory.json").exists());
    let elsewhere = folder.cwd().join("other.toml");
    crate::support::write(&elsewhere, "# other\n");
    keep_private(&elsewhere);
    let config = format!("--config {}", elsewhere.display());
    let error = folder.fails(2, &format!("reset --scope config --yes {config}"));
    assert!(error.contains("outside the state folder"), "{error}");
    folder.done("reset --scope config --yes");
    assert!(!folder.path("config.toml").exists());
    assert!(folder.done("access list").contains("telegram:7"));
    assert!(folder.done("config check").contains("no configuration file"));
    let mut gateway = Running::gateway(&folder);
    gateway.stop(Signal::SIGTERM);
}

#[test]
fn a_block_is_no_entry_that_goes() {
    let folder = decided();
    folder.done("reset --scope access --yes");
    let told = folder.done("reset --scope access --dry-run");
    assert!(told.contains("nothing to reset"), "{told}");
    assert!(folder.done("access list").contains("telegram:66"));
}

#[test]
fn all_of_ours_goes_and_nothing_else() {
    let folder = decided();
    let mut gateway = Running::gateway(&folder);
    gateway.stop(Signal::SIGTERM);
    let theirs = [
        "openclaw.json",
        "state/openclaw.sqlite",
        "credentials/oauth.json",
        "keys/readme.txt",
        "identity/notes",
        "env",
        "agents/main/x.jsonl",
        "devices/old/paired.json",
    ];
    for name in theirs {
        folder.put(name, "theirs");
    }
    // Some configuration may let 66 in.
    let error = folder.fails(1, "reset --scope all --yes");
    assert!(error.contains("2 blocks") && error.contains("--unblock"), "{error}");
    assert!(folder.text("access/grants.json").contains("\"66\""));
    folder.put("config.toml.imported", CONFIG);
    folder.done("reset --scope all --yes --unblock");
    let left: Vec<String> = folder
        .files()
        .iter()
        .map(|(path, _)| path.strip_prefix(folder.state()).unwrap().display().to_string())
        .collect();
    let mut expected: Vec<String> = theirs.iter().map(ToString::to_string).collect();
    expected.sort();
    let mut left = left;
    left.sort();
    assert_eq!(left, expected);
    // The folder itself stays, or an older one beside it would count.
    for name in theirs {
        fs::remove_file(folder.path(name)).unwrap();
    }
    assert!(folder.state().is_dir());
    assert!(folder.done("reset --scope all --yes").contains("nothing to reset"));
    let mut gateway = Running::gateway(&folder);
    gateway.stop(Signal::SIGTERM);
}
