//! That a reset is one change, and lets nobody in on its way.

use std::{fs, os::unix::fs::PermissionsExt};

use super::*;
use crate::rules::{AccountKey, owner::Owner};

fn folder() -> (tempfile::TempDir, StateDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let state = StateDir::at(dir.path());
    let store = Store::new(state.clone(), |_, id| SenderId::new(id));
    (dir, state, store)
}

fn put(state: &StateDir, name: &str, text: &str) {
    private::replace(&state.path().join(name), text.as_bytes()).unwrap();
}

#[test]
fn a_kill_before_the_line_changes_nothing_and_one_behind_it_is_finished() {
    let (_dir, state, store) = folder();
    let (by, now) = (Approver::on_host(1000), UnixMs(1_000));
    let list = "{\"version\":1,\"allowFrom\":[\"7\"]}\n";
    put(&state, "credentials/telegram-allowFrom.json", list);
    let owner = Owner { channel: "telegram".to_owned(), sender: SenderId::new("1").unwrap() };
    store.add_owner(&by, &owner, now).unwrap();
    let key = AccountKey::default_of("telegram");
    let seven = SenderId::new("7").unwrap();
    // Written aside, and then killed: no line names it.
    let mut tx = Transaction::open(&store, Some(by.authority()), now).unwrap();
    tx.empty_file(&state.owners()).unwrap();
    drop(tx);
    assert!(store.approved(&key).unwrap().names(&seven));
    assert_eq!(store.owners().unwrap().0.len(), 1);
    // The line is there, and nothing has taken its place yet.
    let before = fs::read(state.owners()).unwrap();
    let head = fs::read(state.audit().join("head")).unwrap();
    let alone = without_gateway(&state).unwrap().unwrap();
    store.reset(Scope::Access, &by, now, &alone, |_| Ok::<_, StoreError>(())).unwrap();
    let line = crate::audit::show(&state, 1).unwrap().remove(0);
    assert_eq!((line.action.as_str(), line.subject.as_deref()), ("reset", Some("access")));
    for staged in &line.staged {
        let temp = state.path().join(staged);
        let target = staged.rsplit_once(".oc-").unwrap().0;
        fs::rename(state.path().join(target), temp).unwrap();
    }
    put(&state, "credentials/owners.json", std::str::from_utf8(&before).unwrap());
    put(&state, "credentials/telegram-allowFrom.json", list);
    put(&state, "audit/head", std::str::from_utf8(&head).unwrap());
    let store = Store::new(state.clone(), |_, id| SenderId::new(id));
    store.start(now).unwrap();
    assert!(!store.approved(&key).unwrap().names(&seven));
    assert!(store.owners().unwrap().0.is_empty());
    assert!(store.verify(now).unwrap().is_whole());
}

#[test]
fn a_whole_folder_goes_in_an_order_in_which_nobody_more_is_let_in() {
    let (_dir, state, _store) = folder();
    let names = [
        "access/grants.json",
        "access/unconfirmed",
        "audit/access.jsonl",
        "config.toml",
        "credentials/access-log",
        "credentials/owners.json",
        "credentials/telegram-allowFrom.json",
        "credentials/telegram-denied.json",
        "devices/paired.json",
        "devices/removed.json",
        "settings/config-memory.json",
    ];
    for name in names {
        put(&state, name, "{}");
    }
    let stages = known::removed(&state, Scope::All).unwrap();
    let place = |name: &str| {
        let path = state.path().join(name);
        stages.iter().position(|stage| stage.contains(&path)).expect(name)
    };
    for (first, then) in [
        ("credentials/telegram-allowFrom.json", "access/grants.json"),
        ("credentials/owners.json", "access/grants.json"),
        ("devices/paired.json", "devices/removed.json"),
        ("config.toml", "access/grants.json"),
        ("config.toml", "settings/config-memory.json"),
        ("access/grants.json", "audit/access.jsonl"),
        ("access/unconfirmed", "settings/config-memory.json"),
    ] {
        assert!(place(first) < place(then), "{first} goes before {then}");
    }
    assert_eq!(stages.iter().map(Vec::len).sum::<usize>(), names.len());
}
