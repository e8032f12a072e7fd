//! Side by side with the programs that these files come from.

use std::{os::unix::fs::PermissionsExt, time::Duration};

use super::*;
use crate::world;

/// As a 2026.2 gateway leaves it, with fields that we do not know.
const WAITING: &str = r#"{
  "version": 1,
  "origin": { "by": "2026.2.12" },
  "requests": [
    {
      "id": "123456789",
      "code": "ABCD2345",
      "createdAt": "2026-11-20T09:50:00.000Z",
      "lastSeenAt": "2026-11-20T09:51:00.000Z",
      "meta": {
        "username": "alice",
        "firstName": "Alice"
      },
      "locale": "de"
    },
    {
      "id": "987654321",
      "code": "WXYZ6789",
      "createdAt": "2026-11-20T09:55:00.000Z",
      "lastSeenAt": "2026-11-20T09:55:00.000Z",
      "meta": {
        "accountId": "work"
      }
    }
  ]
}
"#;

fn now() -> UnixMs {
    world::from_iso("2026-11-20T10:00:00.000Z").unwrap()
}

#[test]
fn a_folder_of_2026_2_is_read_as_it_is() {
    let bed = Bed::new();
    bed.write("telegram-pairing.json", WAITING);
    bed.write("telegram-allowFrom.json", r#"{"version":1,"allowFrom":["tg:1","*",""," ","x"]}"#);
    bed.store.check(&[key("default"), key("work")]).unwrap();
    let waiting = bed.store.waiting("telegram", now()).unwrap();
    assert_eq!(waiting.len(), 2);
    assert_eq!((&waiting[0].key, &waiting[1].key), (&key("default"), &key("work")));
    assert_eq!(waiting[0].name().as_deref(), Some("Alice"));
    assert_eq!(waiting[0].code.spell(), "ABCD2345");
    assert_eq!(list(&bed.store.approved(&key("default")).unwrap()), ["1"]);
    assert!(!bed.store.approved(&key("default")).unwrap().everyone());
}

#[test]
fn the_opaque_id_is_the_one_that_the_field_derives() {
    let bed = Bed::new();
    bed.write("telegram-pairing.json", WAITING.replace("2026-11-20T09:50", "2026-02-13T10:00"));
    let then = world::from_iso("2026-02-13T10:30:00.000Z").unwrap();
    let waiting = bed.store.waiting("telegram", then).unwrap();
    assert_eq!(waiting[0].id.as_str(), "8yQgWb20Sq4JK5bdUy6meg1tmG4Smwo6");
}

#[test]
fn what_we_do_not_know_survives_and_the_first_rewrite_keeps_the_original() {
    let bed = Bed::new();
    bed.write("telegram-pairing.json", WAITING);
    let allowed = r#"{ "version": 1, "note": "mine", "allowFrom": ["tg:1"], "more": [1, 2] }"#;
    bed.write("telegram-allowFrom.json", allowed);
    let waiting = bed.store.waiting("telegram", now()).unwrap();
    let approve = |request: &PairingRequest| {
        let decide = Decide {
            channel: "telegram",
            request: &request.id,
            decision: Decision::Approve,
            until: None,
            shown: None,
        };
        assert!(matches!(bed.store.decide(&by(), &decide, now()).unwrap(), Outcome::Done(_)));
    };
    approve(&waiting[1]);
    assert_eq!(bed.text("telegram-pairing.json.orig"), WAITING);
    let left = bed.json("telegram-pairing.json");
    assert_eq!(left["origin"]["by"], "2026.2.12");
    assert_eq!(left["requests"][0]["locale"], "de");
    assert_eq!(left["requests"].as_array().unwrap().len(), 1);
    assert!(!bed.path("telegram-work-allowFrom.json.orig").exists());
    approve(&waiting[0]);
    assert_eq!(bed.text("telegram-allowFrom.json.orig"), allowed);
    assert_eq!(
        bed.text("telegram-allowFrom.json"),
        "{\n  \"version\": 1,\n  \"note\": \"mine\",\n  \"allowFrom\": [\n    \"tg:1\",\n    \
         \"123456789\"\n  ],\n  \"more\": [\n    1,\n    2\n  ]\n}\n"
    );
    assert_eq!(bed.text("telegram-pairing.json.orig"), WAITING);
}

#[test]
fn our_own_files_need_no_original_but_a_strangers_do_later_too() {
    let bed = Bed::new();
    bed.approve("default", "1");
    bed.approve("default", "2");
    let again = open(bed.dir.path());
    again.revoke(&by(), &at("default", "2"), NOW).unwrap();
    let orig = bed.path("telegram-allowFrom.json.orig");
    assert!(!orig.exists() && !bed.path("telegram-pairing.json.orig").exists());
    let theirs = r#"{ "version": 1, "allowFrom": ["1", "3"] }"#;
    bed.write("telegram-allowFrom.json", theirs);
    bed.approve("default", "4");
    assert_eq!(std::fs::read_to_string(&orig).unwrap(), theirs);
    assert_eq!(list(&bed.store.approved(&key("default")).unwrap()), ["1", "3", "4"]);
    // The first original is the one that counts.
    bed.write("telegram-allowFrom.json", r#"{ "version": 1, "allowFrom": ["5"] }"#);
    bed.approve("default", "6");
    assert_eq!(std::fs::read_to_string(&orig).unwrap(), theirs);
}

#[test]
fn a_request_gets_its_account_when_it_is_written_again() {
    let bed = Bed::new();
    bed.write("telegram-pairing.json", WAITING);
    let knock = knock("default", "123456789");
    let asked = bed.store.ask(&knock, PLACES, now()).unwrap();
    assert!(matches!(asked, AskOutcome::Waiting { touched: true, .. }));
    let row = &bed.json("telegram-pairing.json")["requests"][0];
    assert_eq!(row["meta"]["accountId"], "default");
    assert_eq!(row["meta"]["laterName"], "Ann");
    assert_eq!((&row["code"], &row["locale"]), (&"ABCD2345".into(), &"de".into()));
}

#[test]
fn a_request_that_means_nothing_to_us_stays_for_its_hour() {
    let bed = Bed::new();
    let odd = WAITING.replace("\"123456789\"", "\"@alice\"");
    bed.write("telegram-pairing.json", &odd);
    assert_eq!(bed.store.waiting("telegram", now()).unwrap().len(), 1);
    opened(bed.store.ask(&knock("default", "5"), PLACES, now()).unwrap());
    assert_eq!(bed.json("telegram-pairing.json")["requests"][0]["id"], "@alice");
    let later = UnixMs(now().0 + HOUR);
    opened(bed.store.ask(&knock("default", "6"), PLACES, later).unwrap());
    assert_eq!(bed.json("telegram-pairing.json")["requests"].as_array().unwrap().len(), 1);
}

#[test]
fn a_lock_of_the_field_is_waited_for_and_its_holder_named() {
    let mut bed = Bed::new();
    let request = bed.opened("default", "4711");
    bed.store.patience = Duration::from_millis(20);
    let lock = bed.path("telegram-allowFrom.json.lock");
    for holder in ["process 1", "another program"] {
        match holder {
            "process 1" => write(&lock, b"{\n  \"pid\": 1\n}"),
            _ => std::fs::create_dir(&lock).unwrap(),
        }
        let before = bed.snapshot();
        let error = bed.decide(&request, Decision::Approve).err().unwrap();
        assert!(error.to_string().ends_with(&format!("is locked by {holder}")), "{error}");
        assert!(bed.snapshot() == before && !bed.has("default", "4711"));
        // Readers do not wait.
        assert_eq!(bed.waiting(), ["4711"]);
        if lock.is_dir() {
            std::fs::remove_dir(&lock).unwrap();
        } else {
            std::fs::remove_file(&lock).unwrap();
        }
    }
    bed.decide(&request, Decision::Approve).unwrap();
    assert!(bed.has("default", "4711") && !lock.exists());
}

#[test]
fn a_start_clears_what_was_left_behind() {
    let bed = Bed::new();
    let dead = "{\n  \"pid\": 4194305,\n  \"createdAt\": \"2026-11-20T09:50:00.000Z\"\n}";
    bed.write("telegram-pairing.json.lock", dead);
    bed.write("telegram-allowFrom.json.oc-0123456789abcdef.tmp", "{");
    let theirs = "telegram-allowFrom.json.1b4e28ba-2fa1-11d2-883f-0016d3cca427.tmp";
    bed.write(theirs, "{");
    bed.write("whatsapp-pairing.json.lock", "{\n  \"pid\": 1\n}");
    bed.store.start(NOW).unwrap();
    assert!(!bed.path("telegram-pairing.json.lock").exists());
    assert!(!bed.path("telegram-allowFrom.json.oc-0123456789abcdef.tmp").exists());
    // They may be at work just now.
    assert!(bed.path(theirs).exists() && bed.path("whatsapp-pairing.json.lock").exists());
    let old = std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for name in [theirs, "whatsapp-pairing.json.lock"] {
        File::open(bed.path(name)).unwrap().set_modified(old).unwrap();
    }
    bed.store.start(NOW).unwrap();
    assert!(!bed.path(theirs).exists() && !bed.path("whatsapp-pairing.json.lock").exists());
}

#[test]
fn case_113_nobody_else_can_read_a_byte() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    for mask in [0o022, 0o027] {
        let before = nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(mask));
        let store = open(&state);
        store.start(NOW).unwrap();
        store.key(&format!("webchat-{mask}")).unwrap();
        write(&state.join("credentials/telegram-work-allowFrom.json"), b"{\"allowFrom\":[]}");
        let request = opened(store.ask(&knock("work", "4711"), PLACES, NOW).unwrap());
        let path = state.join("credentials/telegram-pairing.json");
        // Another program writes it, and does not mind who reads it.
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        write(&path, text.as_bytes());
        let decide = Decide {
            channel: "telegram",
            request: &request.id,
            decision: Decision::Approve,
            until: None,
            shown: None,
        };
        store.decide(&by(), &decide, NOW).unwrap();
        store.open_claim(&ClaimCode::from_random([1; 12]), NOW).unwrap();
        let _temporary = file::StagedFile::write(&path, b"x", None).unwrap();
        let _lock = lock::FieldLock::take(&path, Duration::ZERO).unwrap();
        nix::sys::stat::umask(before);
        let mut seen = Vec::new();
        check_modes(&state, &mut seen);
        for part in [".orig", ".tmp", ".lock", ".oc-lock", "head", ".key", ".jsonl"] {
            assert!(seen.iter().any(|name| name.ends_with(part)), "{part}: {seen:?}");
        }
        std::fs::remove_dir_all(&state).unwrap();
    }
}

fn check_modes(dir: &Path, seen: &mut Vec<String>) {
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(dir), 0o700, "{}", dir.display());
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            check_modes(&path, seen);
        } else {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
            seen.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
}

#[test]
fn case_047_a_writer_that_has_lost_its_lock_changes_nothing() {
    let bed = Bed::new();
    let request = bed.opened("default", "4711");
    let path = bed.path("telegram-pairing.json");
    let before = bed.snapshot();
    let mut tx = transaction::Transaction::open(&bed.store, None, NOW).unwrap();
    tx.lock(&path).unwrap();
    let line =
        Line::by(&by(), "deny", NOW).of(&request.key).about("4711").named(request.id.as_str());
    // The machine slept, and another program took our lock for left behind.
    std::fs::rename(bed.path("telegram-pairing.json.lock"), bed.path("kept")).unwrap();
    bed.write("telegram-pairing.json.lock", "{\n  \"pid\": 1\n}");
    let error = replay::carry_out(tx, line.until(NOW)).unwrap_err();
    assert!(matches!(error, StoreError::Busy { .. }), "{error}");
    std::fs::remove_file(bed.path("kept")).unwrap();
    std::fs::remove_file(bed.path("telegram-pairing.json.lock")).unwrap();
    assert!(bed.snapshot() == before);
}
