//! `audit`: what it finds, and the owner's way out.

use std::fs;

use crate::support::{CODE, Folder, request};

/// A folder in which 66 is blocked and 7 is approved.
fn decided() -> Folder {
    let folder = Folder::waiting(&[request("7", CODE)]);
    folder.done("pairing approve telegram AB3D7X9K");
    folder.done("access block telegram:66");
    assert_eq!(folder.done("audit verify"), "The access log is intact: 2 lines.\n");
    folder
}

/// Nothing is decided, `verify` names what is wrong, and nothing is accepted by accident.
#[track_caller]
fn stands_still(folder: &Folder, command: &str, wrong: &str) {
    let before = folder.files();
    let said = folder.fails(1, command);
    assert!(said.contains(wrong) && said.contains("openclaw audit accept"), "{said}");
    let found = folder.run("audit verify");
    assert_eq!(found.code, Some(1), "{found:?}");
    assert!(found.out.contains(wrong) && found.err.contains("openclaw audit accept"), "{found:?}");
    let asked = folder.run("audit accept");
    assert_eq!(asked.code, Some(1), "{asked:?}");
    assert!(asked.out.contains(wrong) && asked.err.contains("Nothing was changed."), "{asked:?}");
    assert!(asked.err.contains("openclaw audit accept --yes"), "{asked:?}");
    let is_lock = |path: &std::path::Path| path.to_string_lossy().contains(".oc-");
    let kept = |files: Vec<(std::path::PathBuf, Vec<u8>)>| {
        files.into_iter().filter(|(path, _)| !is_lock(path)).collect::<Vec<_>>()
    };
    assert!(kept(folder.files()) == kept(before), "{command}");
}

#[track_caller]
fn accepted(folder: &Folder) {
    let said = folder.done("audit accept --yes");
    assert!(said.ends_with("Accepted. A new line in the access log says so.\n"));
    folder.done("access block telegram:67");
    assert!(folder.done("audit verify").contains("The access log is intact: "));
}

#[test]
fn case_126_without_the_records_nothing_is_decided_until_the_owner_accepts_it() {
    let folder = decided();
    fs::remove_file(folder.path("access/grants.json")).unwrap();
    let wrong = "access/grants.json: it is missing, and this program wrote it";
    stands_still(&folder, "access block telegram:67", wrong);
    let said = folder.run("audit verify").out;
    assert!(said.contains("line 2 blocks telegram:66, and access/grants.json"), "{said}");
    accepted(&folder);
}

#[test]
fn case_126_records_that_others_changed_are_damage() {
    let folder = decided();
    let text = folder.text("access/grants.json").replace("66", "65");
    folder.put("access/grants.json", &text);
    let wrong = "access/grants.json: it is not as this program wrote it";
    stands_still(&folder, "access block telegram:67", wrong);
    let said = folder.run("audit verify").out;
    assert!(said.contains("No line explains the block of telegram:65"), "{said}");
    accepted(&folder);
}

#[test]
fn case_127_a_log_without_its_head_decides_nothing_until_the_owner_accepts_it() {
    let folder = decided();
    fs::remove_file(folder.path("audit/head")).unwrap();
    let wrong = "audit/head: it is missing beside its access log";
    stands_still(&folder, "access block telegram:67", wrong);
    accepted(&folder);
}

#[test]
fn case_127_a_head_without_its_log_decides_nothing_until_the_owner_accepts_it() {
    let folder = decided();
    fs::remove_file(folder.path("audit/access.jsonl")).unwrap();
    let wrong = "audit/access.jsonl: it is missing; its head says that it has 2 lines";
    stands_still(&folder, "access block telegram:67", wrong);
    accepted(&folder);
    assert!(folder.done("audit verify").contains("Accepted in line 3: lines 1 to 2 are missing."));
}
