//! Reading a state, and taking over what was read.

use super::*;

#[test]
fn a_database_is_read_with_its_log_and_left_as_it_is() {
    let bed = Bed::new();
    let database = bed.filled();
    add_sender(&database, "telegram", "default", "777001");
    add_sender(&database, "Telegram", "work", "777002");
    add_sender(&database, "telegram", "default", "@ann");
    add_request(&database, "777003", "ABCDEFGH");
    let phone = add_device(&database, 1, "openclaw-ios", "owner");
    let page = add_device(&database, 2, "openclaw-control-ui", "silent");
    let files = || {
        let folder = std::fs::read_dir(bed.theirs().join("state")).unwrap();
        let mut all: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
        all.sort();
        all.into_iter().map(|path| (std::fs::read(&path).unwrap(), path)).collect::<Vec<_>>()
    };
    let before = files();
    let found = bed.read();
    assert!(files() == before, "a file of the other program has changed");
    assert!(!bed.dir.path().join("ours/run/import").exists(), "the copy is still there");
    let mut expected = vec!["telegram/work:777002", "telegram:777001", "telegram:777003", &phone];
    expected.sort_unstable();
    assert_eq!(names(&found), expected);
    let refusals =
        [("telegram/default:@ann", Refused::NoStableId), (&*page, Refused::PassingBrowser)];
    assert_eq!(refused(&found), refusals);
    let schema = found.database.as_ref().unwrap();
    assert_eq!((schema.version, schema.program.as_deref()), (18, Some("2026.9.6")));
    assert!(!schema.is_newer());
    assert_eq!(bed.read_with(true).unwrap().unwrap().entries.len(), 5);
}

#[test]
fn what_was_read_is_taken_over_and_the_next_time_it_is_known() {
    let bed = Bed::new();
    let database = bed.filled();
    add_sender(&database, "telegram", "default", "777001");
    add_request(&database, "777003", "ABCDEFGH");
    add_device(&database, 1, "openclaw-ios", "owner");
    database.execute("UPDATE device_pairing_paired SET last_seen_at_ms = 7", []).unwrap();
    let (found, store) = (bed.read(), bed.store());
    assert_eq!(preview(&found, &store, by(), now()).unwrap(), [None; 3]);
    assert_eq!(write(&found, &store, by(), now()).unwrap(), [None; 3]);
    let known = [Some(Left::Known); 3];
    assert_eq!(write(&bed.read(), &store, by(), now()).unwrap(), known);
    let devices = store.devices().unwrap();
    assert_eq!(devices[0].seen_at, Some(openclaw_plugin_sdk::UnixMs(7)));
    let scopes = devices[0].approved.scopes.words();
    assert_eq!(scopes, ["operator.read"], "what was approved counts, not what was asked for");
    let waiting = store.waiting("telegram", now()).unwrap();
    assert_eq!(waiting[0].code.spell(), "ABCDEFGH");
    let kept = std::fs::read_to_string(bed.dir.path().join("ours/devices/paired.json")).unwrap();
    assert!(!kept.contains("a-plain-token"));
    // What was taken over can be taken back, also after the second time.
    let undone = store.undo_imports(&by(), now()).unwrap();
    assert_eq!(undone.iter().filter(|one| one.taken_back).count(), 2);
    assert!(store.verify(now()).unwrap().is_whole());
}

#[test]
fn a_person_that_only_an_old_list_names_stays_out() {
    let bed = Bed::new();
    let database = bed.filled();
    add_sender(&database, "telegram", "default", "777001");
    bed.write(
        "credentials/telegram-allowFrom.json",
        r#"{"version":1,"allowFrom":["999","777001"]}"#,
    );
    let found = bed.read();
    assert_eq!(names(&found), ["telegram:777001"]);
    assert_eq!(refused(&found), [("telegram:999", Refused::LeftOver)]);
    // The same in our own state folder: the list is emptied.
    let store = Store::new(StateDir::at(bed.theirs()), parse);
    assert_eq!(write(&found, &store, by(), now()).unwrap(), [None]);
    let list = std::fs::read_to_string(bed.theirs().join("credentials/telegram-allowFrom.json"));
    let list = list.unwrap();
    assert!(list.contains("777001") && !list.contains("999"), "{list}");
    assert!(openclaw_store::imports::unimported(store.state()).unwrap().is_none());
    assert!(store.verify(now()).unwrap().is_whole());
}

#[test]
fn files_of_2026_2_are_read_as_they_are() {
    let bed = Bed::new();
    std::fs::remove_dir(bed.theirs().join("state")).unwrap();
    assert!(bed.read_with(false).unwrap().is_none(), "there is nothing");
    bed.write("credentials/telegram-allowFrom.json", r#"{"version":1,"allowFrom":["1","@ann"]}"#);
    bed.write("credentials/discord-work-allowFrom.json", r#"{"version":1,"allowFrom":["2"]}"#);
    let at = world::iso(now());
    let request = format!(
        r#"{{"version":1,"requests":[{{"id":"3","code":"ABCDEFGH","createdAt":"{at}","lastSeenAt":"{at}"}}]}}"#
    );
    bed.write("credentials/telegram-pairing.json", &request);
    let node = r#"{"n1":{"nodeId":"n1","token":"a-node-token","approvedAtMs":4}}"#;
    bed.write("nodes/paired.json", node);
    let found = bed.read();
    assert_eq!(names(&found), ["discord/work:2", "n1", "telegram:1", "telegram:3"]);
    assert_eq!(refused(&found), [("telegram/default:@ann", Refused::NoStableId)]);
    let store = bed.store();
    assert_eq!(write(&found, &store, by(), now()).unwrap(), [None; 4]);
    let nodes = std::fs::read_to_string(bed.dir.path().join("ours/nodes/paired.json")).unwrap();
    assert!(!nodes.contains("a-node-token"));
    bed.write("credentials/telegram-pairing.json", "{");
    assert!(bed.error().contains("telegram-pairing.json:1"));
}

#[test]
fn before_2026_2_26_every_account_has_the_people_of_the_list_of_its_channel() {
    let bed = Bed::new();
    std::fs::remove_dir(bed.theirs().join("state")).unwrap();
    bed.write("credentials/telegram-allowFrom.json", r#"{"version":1,"allowFrom":["1","2","2"]}"#);
    bed.write("credentials/telegram-work-allowFrom.json", r#"{"version":1,"allowFrom":["2"]}"#);
    let at = world::iso(now());
    let request = format!(
        r#"{{"version":1,"requests":[{{"id":"3","code":"ABCDEFGH","createdAt":"{at}","lastSeenAt":"{at}"}}]}}"#
    );
    bed.write("credentials/telegram-pairing.json", &request);
    let shared = |accounts: &[&str]| {
        let key = |id: &&str| AccountKey {
            channel: "telegram".to_owned(),
            account: openclaw_plugin_sdk::AccountId::parse(id).unwrap(),
        };
        let sharing: Vec<AccountKey> = accounts.iter().map(key).collect();
        read(&bed.theirs(), &bed.dir.path().join("ours/run"), parse, (&sharing, false))
            .unwrap()
            .unwrap()
    };
    let own = ["telegram/work:2", "telegram:1", "telegram:2", "telegram:3"];
    assert_eq!(names(&bed.read()), own, "nothing is shared unasked");
    let found = shared(&["default", "work"]);
    let both = ["telegram/work:1", "telegram/work:2", "telegram:1", "telegram:2", "telegram:3"];
    assert_eq!(names(&found), both);
    assert!(refused(&found).is_empty());
    let found = shared(&["work"]);
    let work =
        ["telegram/work:1", "telegram/work:2", "telegram/work:3", "telegram:1", "telegram:2"];
    assert_eq!(names(&found), work, "the request came to the only account");
    assert_eq!(write(&found, &bed.store(), by(), now()).unwrap(), [None; 5]);
    let found = shared(&["home", "work"]);
    assert_eq!(refused(&found), [("telegram:3", Refused::NoAccount)]);
}

#[test]
fn a_database_that_says_too_little_is_refused_by_name() {
    let bed = Bed::new();
    let file = bed.theirs().join(DATABASE);
    for text in ["", "no database at all", "SQLite format 3\0 and no more"] {
        put(&file, text.as_bytes());
        assert!(bed.error().starts_with(&*file.canonicalize().unwrap().display().to_string()));
    }
    std::fs::remove_file(&file).unwrap();
    let database = bed.database();
    let sql = "CREATE TABLE channel_pairing_allow_entries (channel_key TEXT, entry TEXT)";
    database.execute_batch(sql).unwrap();
    assert!(bed.error().contains("has no column `account_id`"));
    database.execute_batch("DROP TABLE channel_pairing_allow_entries").unwrap();
    // A view that would never end is no table.
    let sql = "CREATE VIEW channel_pairing_allow_entries AS WITH RECURSIVE n(x) AS \
        (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT 'telegram' AS channel_key, 'default' AS account_id, x AS entry FROM n";
    database.execute_batch(sql).unwrap();
    assert!(bed.error().contains("it has no table"));
}

#[test]
fn a_database_without_people_empties_no_list() {
    let bed = Bed::new();
    bed.database().execute_batch("PRAGMA user_version = 18; CREATE TABLE a (b)").unwrap();
    assert!(bed.read().entries.is_empty(), "it may keep its people elsewhere");
    bed.write("credentials/telegram-allowFrom.json", r#"{"version":1,"allowFrom":["1"]}"#);
    assert!(bed.error().contains("it has no table `channel_pairing_allow_entries`"));
}

#[test]
fn an_import_that_was_cut_off_is_taken_back_whole() {
    let bed = Bed::new();
    std::fs::remove_dir(bed.theirs().join("state")).unwrap();
    bed.write("credentials/telegram-allowFrom.json", r#"{"version":1,"allowFrom":["1","2"]}"#);
    let (found, store) = (bed.read(), bed.store());
    store.record_import(found.folder.clone(), now(), |source| source.finished = false).unwrap();
    let mut importer = Importer::new(&store, by()).unwrap();
    assert_eq!(importer.take(&found.entries[0], now()).unwrap(), None);
    let undone = store.undo_imports(&by(), now()).unwrap();
    assert_eq!(undone.iter().filter(|one| one.taken_back).count(), 1, "{undone:?}");
    assert!(store.grants_report(None, now()).unwrap().is_empty());
    assert!(store.verify(now()).unwrap().is_whole());
}

#[test]
fn hostile_rows_let_nobody_in() {
    let bed = Bed::new();
    let database = bed.filled();
    add_sender(&database, "telegram", "../../etc", "1");
    add_sender(&database, "", "default", "1");
    add_sender(&database, "telegram", "default", "*");
    add_sender(&database, "telegram", "default", "");
    add_request(&database, "4", "not a code");
    let id = add_device(&database, 1, "x", "owner");
    let sql = "UPDATE device_pairing_paired SET public_key = 'AAAA' WHERE device_id = ?1";
    database.execute(sql, [&id]).unwrap();
    let other = add_device(&database, 2, "x", "owner");
    let sql = "UPDATE device_pairing_paired SET roles_json = '[\"king\"]', role = NULL WHERE device_id = ?1";
    database.execute(sql, [&other]).unwrap();
    let found = bed.read();
    assert_eq!(names(&found), [""; 0]);
    assert_eq!(found.refused.len(), 7);
}

#[test]
fn a_gateway_that_still_runs_is_to_be_stopped_first() {
    let bed = Bed::new();
    let database = bed.filled();
    let until = i64::try_from(now().0).unwrap() + 60_000;
    let sql = "INSERT INTO state_leases VALUES ('gateway-owner', 'global', 'x', 0, ?1, '{}')";
    database.execute(sql, [until]).unwrap();
    let error = bed.error();
    assert!(error.contains("still runs on it") && error.contains("try again in"), "{error}");
    database.execute_batch("UPDATE state_leases SET expires_at = 5").unwrap();
    assert!(bed.read().entries.is_empty());
}

#[test]
fn an_import_that_did_not_end_is_seen_and_can_be_repeated() {
    let bed = Bed::new();
    let database = bed.filled();
    add_sender(&database, "telegram", "default", "777001");
    let (found, store) = (bed.read(), bed.store());
    let folder = found.folder.clone();
    store.record_import(folder.clone(), now(), |source| source.finished = false).unwrap();
    assert_eq!(openclaw_store::imports::unfinished(store.state()).unwrap(), Some(folder));
    write(&found, &store, by(), now()).unwrap();
    assert_eq!(openclaw_store::imports::unfinished(store.state()).unwrap(), None);
}
