//! `invite`: access in advance, and the end of it.

use serde_json::Value;

use crate::support::Folder;

fn open(folder: &Folder) -> Vec<Value> {
    let said: Value = serde_json::from_str(&folder.done("invite list --json")).unwrap();
    said["invitations"].as_array().unwrap().clone()
}

#[test]
fn an_invitation_is_made_listed_and_cancelled() {
    let folder = Folder::empty();
    assert_eq!(folder.done("invite list"), "No invitation is open.\n");
    let said = folder.done("invite create Ann of the rivers --for 2h");
    let code = said.lines().next().unwrap();
    assert!(code.starts_with("inv-") && said.contains("within 2 h 0 min"), "{said}");
    let listed = open(&folder);
    let [one] = &*listed else { panic!("{listed:?}") };
    let id = one["id"].as_str().unwrap();
    assert_eq!(one["note"], "Ann of the rivers");
    assert!(said.ends_with(&format!("openclaw invite cancel {id}\n")), "{said}");
    let table = folder.done("invite list");
    assert!(table.contains(&format!("{id}\tAnn of the rivers\t1 h 59 min\t")), "{table}");
    // The code is printed once, and kept as a digest.
    let kept = folder.text("access/grants.json") + &folder.text("audit/access.jsonl");
    assert!(!kept.contains(code) && !table.contains(code) && kept.contains(id), "{kept}");
    folder.done(&format!("invite cancel {id}"));
    assert_eq!(open(&folder), [Value::Null; 0]);
    let said = folder.fails(3, &format!("invite cancel {id}"));
    assert!(said.starts_with(&format!("No open invitation found: {id}\nhint: ")), "{said}");
}

#[test]
fn an_invitation_is_open_for_a_day_at_most() {
    let folder = Folder::empty();
    for line in ["invite create --for 25h", "invite create --for x", "invite create --for 0h"] {
        assert!(folder.fails(2, line).contains("a day at most"), "{line}");
    }
    assert!(folder.fails(2, "invite create Ann 2h").contains("--for 2h"));
    assert_eq!(open(&folder), [Value::Null; 0]);
    let said: Value = serde_json::from_str(&folder.done("invite create --json")).unwrap();
    assert!(said["code"].as_str().unwrap().starts_with("inv-") && said["note"].is_null(), "{said}");
    assert_eq!(
        open(&folder)[0]["until"].as_str().map(str::len),
        said["until"].as_str().map(str::len)
    );
}

#[test]
fn a_code_that_is_typed_in_place_of_an_id_is_not_repeated() {
    let folder = Folder::empty();
    let said = folder.done("invite create Ann");
    let code = said.lines().next().unwrap();
    for line in [format!("invite cancel {code}"), format!("invite cancel {code} --json")] {
        let ran = folder.run(&line);
        assert_eq!(ran.code, Some(3), "{ran:?}");
        let said = format!("{}{}", ran.out, ran.err);
        assert!(!said.contains(&code[4..]), "{said}");
        assert!(said.contains("is not the id of one") && said.contains("invite list"), "{said}");
    }
    assert_eq!(open(&folder).len(), 1, "it can still be used");
}
