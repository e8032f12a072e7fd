//! Files that cannot be read or written: an error, and not one byte changed.

use std::{os::unix::fs::PermissionsExt, path::Path};

use super::{
    processes::{in_process, without_root},
    *,
};

const ALLOWED: &str = "telegram-allowFrom.json";

#[test]
fn case_044_what_cannot_be_understood_is_an_error_and_stays_as_it_is() {
    for text in [
        "",
        " ",
        "{",
        "{}",
        "[]",
        "{\"version\":1,\"allowFrom\":{}}",
        "{\"version\":1,\"allowFrom\":[\"1\",null]}",
        "{\"version\":2,\"allowFrom\":[\"1\"]}",
        "{\"version\":1,\"allowFrom\":[\"1\"],\"allowFrom\":[\"2\"]}",
        "{\"version\":1,\"allowFrom\":[\"1\"]} {}",
        "{\"version\":1,\"allowFrom\":[\"1\"",
    ] {
        let bed = Bed::new();
        let request = bed.opened("default", "4711");
        bed.write(ALLOWED, text);
        let before = bed.snapshot();
        let error = bed.store.approved(&key("default")).unwrap_err();
        let StoreError::Damaged { path, line: Some(_), .. } = error else {
            panic!("{text}: {error}")
        };
        assert_eq!(path, bed.path(ALLOWED), "{text}");
        bed.store.approved(&key("default")).unwrap_err();
        bed.store.check(&[key("default")]).unwrap_err();
        assert!(bed.decide(&request, Decision::Approve).is_err(), "{text}");
        bed.store.revoke(&by(), &at("default", "1"), NOW).unwrap_err();
        assert!(bed.snapshot() == before, "{text}");
        // Its other accounts, and their decisions, are not concerned.
        bed.store.check(&[key("work")]).unwrap();
        bed.approve("work", "1");
    }
}

#[test]
fn case_044_nobody_is_asked_or_decided_in_a_damaged_file() {
    for name in ["telegram-pairing.json", "telegram-denied.json"] {
        for text in ["", "{\"version\":1}", "{\n\"requests\": [\"ABCD2345\"]}", "nonsense"] {
            let bed = Bed::new();
            bed.write(name, text);
            let before = bed.snapshot();
            let error = bed.store.ask(&knock("default", "1"), PLACES, NOW).err().unwrap();
            assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
            assert!(!error.to_string().contains("ABCD2345"), "{error}");
            bed.store.waiting("telegram", NOW).err().unwrap();
            bed.store.check(&[key("default")]).unwrap_err();
            assert!(bed.snapshot() == before, "{name} {text}");
        }
    }
}

#[test]
fn case_044_damaged_owners_are_an_error_not_no_owners() {
    for text in [
        "",
        "{\"version\":1,\"owners\":[{\"channel\":\"telegram\"}]}",
        "{\"version\":1,\"owners\":[{\"channel\":\"t\",\"id\":\"*\",\"how\":\"added\",\"at\":\"\"}]}",
        "{\"version\":1,\"owners\":[],\"claim\":{\"digest\":\"00\"}}",
    ] {
        let bed = Bed::new();
        bed.write("owners.json", text);
        bed.store.owners().unwrap_err();
        let owner = Owner { channel: "telegram".to_owned(), sender: id("1") };
        bed.store.add_owner(&by(), &owner, NOW).unwrap_err();
        bed.store.open_claim(&ClaimCode::from_random([1; 12]), NOW).unwrap_err();
        assert_eq!(bed.text("owners.json"), text);
    }
}

#[test]
fn a_repaired_file_is_believed_again() {
    let bed = Bed::new();
    bed.write(ALLOWED, "{");
    bed.store.approved(&key("default")).unwrap_err();
    bed.write(ALLOWED, "{\"version\":1,\"allowFrom\":[\"7\"]}");
    assert!(bed.has("default", "7"));
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn case_043_a_list_that_cannot_be_read_is_no_empty_list() {
    without_root("damage::case_043_a_list_that_cannot_be_read_is_no_empty_list", || {
        let bed = Bed::new();
        bed.approve("default", "1");
        let request = bed.opened("default", "4711");
        let before = bed.snapshot();
        set_mode(&bed.path(ALLOWED), 0);
        for decision in [Decision::Approve, Decision::Approve] {
            let error = bed.decide(&request, decision).err().unwrap();
            assert!(matches!(error, StoreError::Io { doing: "read", .. }), "{error}");
        }
        open(bed.dir.path()).check(&[key("default")]).unwrap_err();
        open(bed.dir.path()).approved(&key("default")).unwrap_err();
        assert_eq!(bed.waiting(), ["4711"]);
        set_mode(&bed.path(ALLOWED), 0o600);
        assert!(bed.snapshot() == before);
        assert!(matches!(bed.decide(&request, Decision::Approve).unwrap(), Outcome::Done(_)));
        assert_eq!(list(&bed.store.approved(&key("default")).unwrap()), ["1", "4711"]);
    });
}

#[test]
fn case_045_on_a_read_only_folder_nothing_is_decided_and_nothing_said() {
    without_root(
        "damage::case_045_on_a_read_only_folder_nothing_is_decided_and_nothing_said",
        || {
            let bed = Bed::new();
            let request = bed.opened("default", "4711");
            let before = bed.snapshot();
            for folder in ["credentials", "audit"] {
                let folder = bed.dir.path().join(folder);
                set_mode(&folder, 0o500);
                if folder.ends_with("audit") {
                    set_mode(&bed.store.state.access_log(), 0o400);
                }
                assert!(bed.decide(&request, Decision::Approve).is_err());
                assert!(bed.decide(&request, Decision::Deny).is_err());
                assert!(bed.store.ask(&knock("default", "5"), PLACES, NOW).is_err());
                assert!(!bed.has("default", "4711"));
                assert_eq!(bed.waiting(), ["4711"]);
                set_mode(&folder, 0o700);
            }
            set_mode(&bed.store.state.access_log(), 0o600);
            assert!(bed.snapshot() == before);
            assert!(matches!(bed.decide(&request, Decision::Approve).unwrap(), Outcome::Done(_)));
        },
    );
}

#[test]
fn case_045_on_a_full_disk_nothing_is_decided_and_nothing_said() {
    // The limit is one of the whole process.
    in_process("damage::case_045_on_a_full_disk_nothing_is_decided_and_nothing_said", || {
        let (mut refused, mut done) = (0, 0);
        for room in (0..3_000).step_by(40) {
            let bed = Bed::new();
            bed.approve("default", "1");
            let request = bed.opened("default", "4711");
            let before = bed.snapshot();
            match with_room_for(room, || bed.decide(&request, Decision::Approve)) {
                Ok(_) => {
                    assert!(bed.has("default", "4711") && bed.waiting().is_empty(), "{room}");
                    done += 1;
                }
                Err(error) => {
                    assert!(matches!(error, StoreError::Io { .. }), "{room}: {error}");
                    assert!(bed.snapshot() == before, "{room}: {error}");
                    assert!(!bed.has("default", "4711"));
                    let again = bed.decide(&request, Decision::Approve).unwrap();
                    assert!(matches!(again, Outcome::Done(_)), "{room}");
                    refused += 1;
                }
            }
        }
        assert!(refused > 10 && done > 10, "{refused} {done}");
    });
}

/// No file may grow beyond it: behind that, every write fails as it does on a full disk.
fn with_room_for<T>(bytes: u64, body: impl FnOnce() -> T) -> T {
    use nix::sys::{
        resource::{Resource, getrlimit, setrlimit},
        signal::{SigSet, Signal},
    };
    SigSet::from(Signal::SIGXFSZ).thread_block().unwrap();
    let (_, hard) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
    setrlimit(Resource::RLIMIT_FSIZE, bytes, hard).unwrap();
    let done = body();
    setrlimit(Resource::RLIMIT_FSIZE, hard, hard).unwrap();
    done
}
