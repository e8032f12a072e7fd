//! `owner`: who is, how one becomes one, and what only the configuration changes.

use serde_json::{Value, json};

use crate::support::{CODE, Folder, request};

fn shown(folder: &Folder) -> Vec<(String, String)> {
    let shown: Value = serde_json::from_str(&folder.done("owner show --json")).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let owner = |owner: &Value| {
        let id = format!("{}:{}", text(&owner["channel"]), text(&owner["id"]));
        (id, text(&owner["from"]))
    };
    shown["owners"].as_array().unwrap().iter().map(owner).collect()
}

fn pair(id: &str, from: &str) -> (String, String) {
    (id.to_owned(), from.to_owned())
}

#[test]
fn an_owner_is_added_shown_and_removed() {
    let folder = Folder::empty();
    folder.put("config.toml", "[owner]\nallow_from = [\"telegram:1\"]\n");
    assert_eq!(folder.done("owner add telegram:tg:7"), "✅ Added owner telegram:7\n");
    assert_eq!(folder.done("owner add telegram:7"), "telegram:7 is an owner already\n");
    assert_eq!(shown(&folder), [pair("telegram:1", "configured"), pair("telegram:7", "added")]);
    let table = folder.done("owner show");
    assert!(table.starts_with("Owners (2)\n\n"), "{table}");
    assert!(table.contains("telegram\t7\tadded"), "{table}");
    assert_eq!(folder.done("owner list"), table);
    assert_eq!(folder.done("owner remove telegram:7"), "✅ Removed owner telegram:7\n");
    assert_eq!(shown(&folder), [pair("telegram:1", "configured")]);
    assert!(folder.fails(3, "owner remove telegram:7").starts_with("No owner found: telegram:7\n"));
}

#[test]
fn a_configured_owner_changes_only_in_the_configuration() {
    let folder = Folder::empty();
    folder.put("config.toml", "[owner]\nallow_from = [\"telegram:1\"]\n");
    let file = folder.path("config.toml").display().to_string();
    let said = folder.fails(1, "owner remove telegram:1");
    assert!(said.starts_with(&format!("error: telegram:1 is an owner in {file}\n")), "{said}");
    assert!(folder.done("owner add telegram:1").contains(&file));
    assert!(!folder.path("credentials/owners.json").exists());
}

#[test]
fn case_011_neither_everyone_nor_a_group_is_an_owner() {
    let folder = Folder::empty();
    for typed in ["telegram:*", "telegram:", "telegram:-100123", "telegram:@ann", "7", "*"] {
        let said = folder.fails(2, &format!("owner add {typed}"));
        assert!(said.starts_with("error: "), "{typed}: {said}");
    }
    let said = folder.fails(2, "owner add xxx:7");
    assert!(said.starts_with("Channel xxx does not support pairing\n"), "{said}");
    assert!(!folder.state().exists());
}

#[test]
fn a_claim_code_is_printed_once_and_kept_as_a_digest() {
    let folder = Folder::empty();
    let said = folder.done("owner claim");
    let code = said.lines().next().unwrap();
    assert_eq!(code.split('-').map(str::len).collect::<Vec<_>>(), [4, 4, 4]);
    assert!(said.contains(&format!("/claim {code}")) && said.contains("ten minutes"), "{said}");
    let kept = folder.text("credentials/owners.json");
    assert!(!kept.contains(code) && !kept.contains(&code.replace('-', "")));
    let next = folder.done("owner claim");
    assert_ne!(next.lines().next(), Some(code));
    assert_eq!(shown(&folder), []);
}

#[test]
fn what_was_decided_stands_in_the_access_log() {
    let folder = Folder::waiting(&[request("7", CODE)]);
    assert_eq!(folder.done("audit show"), "The access log is empty.\n");
    folder.done("pairing approve telegram AB3D7X9K");
    folder.done("pairing revoke telegram 7");
    folder.done("owner add telegram:8");
    let lines = folder.done("audit show --json");
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<(&str, &str, &str)> = lines
        .iter()
        .map(|line| {
            let text = |key: &str| line[key].as_str().unwrap_or_default();
            (text("action"), text("surface"), text("subject"))
        })
        .collect();
    assert_eq!(told, [("approve", "cli", "7"), ("revoke", "cli", "7"), ("owner-add", "cli", "8")]);
    assert_eq!(folder.done("audit show 1 --json").lines().count(), 1);
    assert!(folder.done("audit show").contains("\towner-add\t"));
    assert_eq!(folder.done("audit verify"), "The access log is intact: 3 lines.\n");
    let log = folder.text("audit/access.jsonl");
    let (_, without_the_first) = log.split_once('\n').unwrap();
    folder.put("audit/access.jsonl", without_the_first);
    let ran = folder.run("audit verify");
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.contains("missing") && ran.err.starts_with("error: "), "{ran:?}");
}

#[test]
fn a_grant_that_no_line_explains_is_told_and_is_no_failure() {
    let folder = Folder::empty();
    folder.put("credentials/telegram-allowFrom.json", &crate::support::grants(&["7"]));
    let said = folder.done("audit verify");
    assert!(
        said.contains("No line explains 7 in ") && said.contains("is intact: 0 lines"),
        "{said}"
    );
    assert_eq!(json!(shown(&folder)), json!([]));
}
