//! What is taken over from another OpenClaw, what is not, and what an undo takes back.

use serde_json::{Map, json};

use super::*;
use crate::{
    devices::Known,
    imports::{Entry, Importer, Left, foreign_files, read_device, read_request, unimported},
    rules::{
        device::{
            approver::{DeviceApprover, Listed},
            identity::{DeviceId, DeviceKey},
        },
        owner::Owners,
    },
};

fn row(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn sender(sender: &str) -> Entry {
    Entry::Sender(at("default", sender))
}

fn device(number: u8) -> Entry {
    let key = DeviceKey::from_raw([number; 32]);
    let row = row(&json!({
        "deviceId": key.id().as_str(), "publicKey": key.spell(), "displayName": "phone",
        "role": "operator", "roles": ["operator"], "scopes": ["operator.read"], "approvedVia": "owner",
        "tokens": { "operator": { "token": "a-plain-token", "role": "operator",
            "scopes": ["operator.read"], "createdAtMs": 5 } },
        "createdAtMs": 5, "approvedAtMs": 6,
    }));
    Entry::Device(read_device(&row).unwrap())
}

fn device_of(entry: &Entry) -> DeviceId {
    match entry {
        Entry::Device(device) => device.id(),
        _ => panic!("no device"),
    }
}

fn request(sender: &str, code: &str, minutes_old: u64) -> Entry {
    let at = world::iso(UnixMs(NOW.0 - minutes_old * 60_000));
    let row = row(&json!({ "id": sender, "code": code, "createdAt": at, "lastSeenAt": at,
        "meta": { "accountId": "default", "firstName": "Bo", "claims": "telegram:1" } }));
    Entry::Request(read_request("telegram", &row, parse).unwrap())
}

impl Bed {
    fn take(&self, entry: &Entry) -> Option<Left> {
        let mut importer = Importer::new(&self.store, by()).unwrap();
        let weighed = importer.weigh(entry, NOW).unwrap();
        let taken = importer.take(entry, NOW).unwrap();
        assert_eq!(weighed, taken, "what was shown is not what was done");
        taken
    }

    fn record(&self, senders: &[&str], devices: &[&DeviceId]) {
        let record = |list: &mut Vec<String>, names: Vec<String>| list.extend(names);
        self.store
            .record_import(self.dir.path().to_owned(), NOW, |source| {
                source.finished = true;
                let names = senders.iter().map(|it| at("default", it).to_string()).collect();
                record(&mut source.senders, names);
                let names = devices.iter().map(|it| it.as_str().to_owned()).collect();
                record(&mut source.devices, names);
            })
            .unwrap();
    }

    fn undo(&self) -> Vec<bool> {
        let undone = self.store.undo_imports(&by(), NOW).unwrap();
        undone.into_iter().map(|one| one.taken_back).collect()
    }

    fn is_whole(&self) {
        let report = self.store.verify(NOW).unwrap();
        assert!(report.is_whole(), "{:?}", report.problems);
    }
}

#[test]
fn a_person_is_taken_over_once_with_a_line_that_says_so() {
    let bed = Bed::new();
    assert_eq!(bed.take(&sender("7")), None);
    assert_eq!(bed.take(&sender("7")), Some(Left::Known));
    assert!(bed.has("default", "7") && !bed.has("work", "7"));
    let lines = bed.lines();
    let said: Vec<_> = lines.iter().map(|line| (&*line.action, &*line.actor)).collect();
    assert_eq!(said, [("approve", "import")]);
    bed.is_whole();
}

#[test]
fn who_lost_access_here_is_not_brought_back() {
    let bed = Bed::new();
    for (who, how) in [("1", "revoke"), ("2", "block"), ("3", "unblock"), ("4", "end")] {
        let request = bed.opened("default", who);
        if how == "end" {
            let until = Some(UnixMs(NOW.0 + 1));
            let decide = Decide {
                channel: "telegram",
                request: &request.id,
                decision: Decision::Approve,
                until,
                shown: None,
            };
            assert!(matches!(bed.store.decide(&by(), &decide, NOW).unwrap(), Outcome::Done(_)));
            continue;
        }
        bed.decide(&request, Decision::Approve).unwrap();
        if how == "revoke" {
            assert!(bed.revoke("default", who));
            continue;
        }
        bed.store.block(&by(), &at("default", who), &Owners::default(), NOW).unwrap();
        if how == "unblock" {
            bed.store.unblock(&by(), &at("default", who), NOW).unwrap();
        }
    }
    let later = UnixMs(NOW.0 + HOUR);
    let mut importer = Importer::new(&bed.store, by()).unwrap();
    for (who, left) in [
        ("1", Some(Left::TakenAway)),
        ("2", Some(Left::Blocked)),
        ("3", Some(Left::TakenAway)),
        ("4", Some(Left::TakenAway)),
        ("5", None),
    ] {
        assert_eq!(importer.take(&sender(who), later).unwrap(), left, "{who}");
        assert_eq!(bed.has("default", who), left.is_none(), "{who}");
    }
    bed.is_whole();
}

#[test]
fn a_decision_between_the_look_and_the_lock_counts() {
    let bed = Bed::new();
    bed.approve("default", "1");
    let mut importer = Importer::new(&bed.store, by()).unwrap();
    assert_eq!(importer.weigh(&sender("2"), NOW).unwrap(), None);
    assert!(bed.revoke("default", "1"));
    bed.store.block(&by(), &at("default", "2"), &Owners::default(), NOW).unwrap();
    assert_eq!(importer.take(&sender("1"), NOW).unwrap(), Some(Left::TakenAway));
    assert_eq!(importer.take(&sender("2"), NOW).unwrap(), Some(Left::Blocked));
    assert!(!bed.has("default", "1") && !bed.has("default", "2"));
}

#[test]
fn a_request_keeps_its_code_and_its_time_and_claims_nothing() {
    let bed = Bed::new();
    assert_eq!(bed.take(&request("8", "ABCDEFGH", 59)), None);
    assert_eq!(bed.take(&request("8", "ABCDEFGH", 59)), Some(Left::Known));
    assert_eq!(bed.take(&request("9", "ABCDEFGH", 1)), Some(Left::Known), "one code, one request");
    assert_eq!(bed.take(&request("9", "ABCDEFGJ", 61)), Some(Left::Expired));
    bed.approve("default", "10");
    assert_eq!(bed.take(&request("10", "ABCDEFGK", 1)), Some(Left::Known));
    let waiting = bed.store.waiting("telegram", NOW).unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].code.spell(), "ABCDEFGH");
    assert_eq!(waiting[0].created_at, UnixMs(NOW.0 - 59 * 60_000));
    assert!(waiting[0].claims.is_none());
    // Who is taken over waits no more.
    assert_eq!(bed.take(&sender("8")), None);
    assert_eq!(bed.waiting().len(), 0);
    bed.is_whole();
}

#[test]
fn a_device_keeps_its_token_as_a_digest_and_a_removed_one_stays_out() {
    let bed = Bed::new();
    let (one, two) = (device(1), device(2));
    assert_eq!(bed.take(&one), None);
    assert_eq!(bed.take(&one), Some(Left::Known));
    let file = std::fs::read_to_string(bed.dir.path().join("devices/paired.json")).unwrap();
    assert!(file.contains("tokenSha256") && !file.contains("a-plain-token"), "{file}");
    assert_eq!(bed.take(&two), None);
    let host = DeviceApprover::of(&by(), Listed::Commands);
    bed.store.remove_device(&host, &device_of(&two), NOW).unwrap().unwrap();
    assert_eq!(bed.take(&two), Some(Left::Removed));
    assert!(matches!(bed.store.device(&device_of(&two)).unwrap(), Known::Removed));
    bed.is_whole();
}

#[test]
fn an_undo_takes_back_what_nothing_has_changed_and_the_import_can_be_repeated() {
    let bed = Bed::new();
    let (one, two) = (device(1), device(2));
    for entry in [&sender("1"), &sender("2"), &one, &two] {
        assert_eq!(bed.take(entry), None);
    }
    // The owner has decided about these two since.
    assert!(bed.revoke("default", "2"));
    bed.approve("default", "2");
    let host = DeviceApprover::of(&by(), Listed::Commands);
    bed.store.rename_device(&host, &device_of(&two), "mine", NOW).unwrap().unwrap();
    bed.record(&["1", "2"], &[&device_of(&one), &device_of(&two)]);
    assert_eq!(bed.undo(), [true, false, true, false]);
    assert!(!bed.has("default", "1") && bed.has("default", "2"));
    assert!(matches!(bed.store.device(&device_of(&one)).unwrap(), Known::Removed));
    assert!(matches!(bed.store.device(&device_of(&two)).unwrap(), Known::Device(_)));
    assert_eq!(bed.undo(), [false; 0], "there is nothing more to take back");
    bed.is_whole();
    assert_eq!(bed.take(&sender("1")), None);
    assert_eq!(bed.take(&one), None);
    assert!(matches!(bed.store.device(&device_of(&one)).unwrap(), Known::Device(_)));
    bed.is_whole();
}

#[test]
fn lists_beside_a_database_stop_a_start_until_they_are_put_aside() {
    let bed = Bed::new();
    let state = bed.store.state();
    let database = bed.dir.path().join("state/openclaw.sqlite");
    let name = "telegram-allowFrom.json";
    bed.write(name, r#"{"version":1,"allowFrom":["999"]}"#);
    assert_eq!(unimported(state).unwrap(), None, "no database, no doubt");
    std::fs::create_dir(bed.dir.path().join("state")).unwrap();
    write(&database, b"");
    assert_eq!(unimported(state).unwrap(), Some(database.clone()));
    assert!(bed.has("default", "999"));
    let importer = Importer::new(&bed.store, by()).unwrap();
    for path in foreign_files(state).unwrap() {
        importer.put_aside(&path, NOW).unwrap();
    }
    assert!(!bed.has("default", "999"));
    assert!(bed.text("telegram-allowFrom.json.orig").contains("999"));
    assert_eq!(unimported(state).unwrap(), None, "what stands there now is ours");
    // Another program writes there again.
    bed.write(name, r#"{"version":1,"allowFrom":["998"]}"#);
    assert_eq!(unimported(state).unwrap(), Some(database));
    let here = bed.dir.path().canonicalize().unwrap();
    bed.store
        .record_import(here, NOW, |source| {
            source.finished = true;
            source.database = Some("state/openclaw.sqlite".to_owned());
        })
        .unwrap();
    assert_eq!(unimported(state).unwrap(), None, "an import has looked at it");
    bed.is_whole();
}

#[test]
fn a_record_that_cannot_be_read_stops_and_counts_for_no_import() {
    let bed = Bed::new();
    std::fs::create_dir(bed.dir.path().join("state")).unwrap();
    write(&bed.dir.path().join("state/openclaw.sqlite"), b"");
    bed.write("telegram-allowFrom.json", r#"{"version":1,"allowFrom":["999"]}"#);
    std::fs::create_dir_all(bed.dir.path().join("access")).unwrap();
    for text in ["", "{}", "null", "{\"version\":2,\"sources\":[]}", "{\"version\":1"] {
        write(&bed.store.state().imported(), text.as_bytes());
        assert!(unimported(bed.store.state()).is_err(), "{text}");
    }
}
