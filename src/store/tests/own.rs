//! Files that nobody else writes: gone, changed or put there by others, they stop what depends on them.

use std::path::Path;

use super::*;
use crate::{
    audit::action,
    rules::{owner::Owners, records::Standing},
};

const RECORDS: &str = "access/grants.json";

fn block(store: &Store, sender: &str) -> Result<(), StoreError> {
    store.block(&by(), &at("default", sender), &Owners::default(), NOW).map(drop)
}

/// A folder in which 66 is blocked, 7 is let in, and 9 is an owner.
fn bed() -> Bed {
    let bed = Bed::new();
    bed.approve("default", "7");
    block(&bed.store, "66").unwrap();
    bed.store.add_owner(&by(), &owner("9"), NOW).unwrap();
    bed
}

fn owner(sender: &str) -> Owner {
    Owner { channel: "telegram".to_owned(), sender: id(sender) }
}

/// What a gateway that knows the files already says, and one that has just been started: whether 66 is a stranger.
#[track_caller]
fn refuses(bed: &Bed, file: &str) {
    refused_by(&[&bed.store, &open(bed.dir.path())], bed, file);
}

#[track_caller]
fn refused_by(stores: &[&Store], bed: &Bed, file: &str) {
    for store in stores {
        let damaged = |error: StoreError| match error {
            StoreError::Damaged { path, why, .. } => {
                assert!(why.contains("openclaw audit accept"), "{why}");
                assert_eq!(path, bed.dir.path().join(file));
            }
            error => panic!("{error}"),
        };
        damaged(store.readable(&key("default")).unwrap_err());
        if file == RECORDS {
            damaged(store.standing(&key("default"), &id("66"), NOW).unwrap_err());
            damaged(store.ask(&knock("default", "66"), MANY, NOW).err().unwrap());
            damaged(block(store, "5").unwrap_err());
        } else {
            damaged(store.owners().unwrap_err());
        }
    }
    assert!(!open(bed.dir.path()).verify(NOW).unwrap().is_whole());
}

#[test]
fn case_126_a_missing_file_of_our_own_is_damage_and_lets_nobody_in() {
    for file in [RECORDS, "credentials/owners.json"] {
        for warm in [false, true] {
            let bed = bed();
            if warm {
                bed.store.readable(&key("default")).unwrap();
            }
            std::fs::remove_file(bed.dir.path().join(file)).unwrap();
            refuses(&bed, file);
            bed.store.accept_as_is(&by(), NOW).unwrap();
            bed.store.readable(&key("default")).unwrap();
            assert_eq!(
                bed.store.standing(&key("default"), &id("7"), NOW).unwrap(),
                Standing::Unknown
            );
            assert!(open(bed.dir.path()).verify(NOW).unwrap().is_whole());
        }
    }
}

#[test]
fn case_126_a_folder_whose_log_and_limits_are_both_gone_is_no_new_one() {
    let bed = bed();
    for folder in ["audit", "access"] {
        std::fs::remove_dir_all(bed.dir.path().join(folder)).unwrap();
    }
    for store in [&bed.store, &open(bed.dir.path())] {
        let damaged = |error: StoreError| {
            let said = error.to_string();
            assert!(said.contains("head") && said.contains("openclaw audit accept"), "{said}");
        };
        damaged(store.standing(&key("default"), &id("66"), NOW).unwrap_err());
        damaged(store.readable(&key("default")).unwrap_err());
        damaged(store.owners().unwrap_err());
        damaged(store.start(NOW).unwrap_err());
        damaged(block(store, "5").unwrap_err());
    }
    assert!(!bed.dir.path().join("audit/head").exists(), "nothing makes it look like a new one");
    bed.store.accept_as_is(&by(), NOW).unwrap();
    open(bed.dir.path()).start(NOW).unwrap();
    assert!(open(bed.dir.path()).verify(NOW).unwrap().is_whole());
}

/// What an attacker leaves who takes everything away that tells of the log.
fn without_traces(bed: &Bed) {
    std::fs::remove_dir_all(bed.dir.path().join("audit")).unwrap();
    std::fs::remove_file(bed.store.state.log_mark()).unwrap();
}

#[test]
fn case_126_forged_files_do_not_count_though_the_log_and_its_mark_are_gone() {
    for file in [RECORDS, "credentials/owners.json"] {
        let bed = bed();
        let path = bed.dir.path().join(file);
        let forged = std::fs::read_to_string(&path).unwrap().replace("66", "67").replace('9', "8");
        without_traces(&bed);
        std::fs::remove_file(&path).unwrap();
        write(&path, forged.as_bytes());
        refused_by_head(&[&bed.store, &open(bed.dir.path())]);
        assert!(!bed.dir.path().join("audit/head").exists(), "nobody vouches for them");
        let kept = std::fs::read_to_string(&path).unwrap();
        assert_eq!(kept, forged);
        assert!(open(bed.dir.path()).accept_as_is(&by(), NOW).unwrap(), "the way out");
    }
}

#[track_caller]
fn refused_by_head(stores: &[&Store]) {
    for store in stores {
        let damaged = |error: StoreError| {
            let said = error.to_string();
            assert!(said.contains("head") && said.contains("openclaw audit accept"), "{said}");
        };
        damaged(store.readable(&key("default")).unwrap_err());
        damaged(store.start(NOW).unwrap_err());
        damaged(block(store, "5").unwrap_err());
    }
}

#[test]
fn case_126_a_running_process_that_has_seen_a_log_takes_no_folder_for_a_new_one() {
    let bed = bed();
    bed.store.readable(&key("default")).unwrap();
    without_traces(&bed);
    refused_by_head(&[&bed.store]);
    std::fs::remove_dir_all(bed.dir.path().join("access")).unwrap();
    std::fs::remove_file(bed.path("owners.json")).unwrap();
    refused_by_head(&[&bed.store]);
    bed.store.standing(&key("default"), &id("66"), NOW).unwrap_err();
    bed.store.owners().unwrap_err();
    bed.store.accept_as_is(&by(), NOW).unwrap();
    bed.store.readable(&key("default")).unwrap();
}

#[test]
fn a_folder_of_openclaw_is_a_new_one() {
    let bed = Bed::new();
    bed.write("telegram-allowFrom.json", r#"{ "version": 1, "allowFrom": ["7"] }"#);
    bed.store.readable(&key("default")).unwrap();
    bed.store.start(NOW).unwrap();
    assert!(bed.has("default", "7"));
    assert!(bed.store.verify(NOW).unwrap().is_whole());
}

#[test]
fn case_126_a_block_by_another_process_counts_though_its_file_goes_at_once() {
    let bed = Bed::new();
    bed.approve("default", "66");
    assert_eq!(bed.store.standing(&key("default"), &id("66"), NOW).unwrap(), Standing::Unknown);
    block(&open(bed.dir.path()), "66").unwrap();
    std::fs::remove_file(bed.dir.path().join(RECORDS)).unwrap();
    bed.store.standing(&key("default"), &id("66"), NOW).unwrap_err();
}

#[test]
fn case_126_a_file_of_our_own_that_others_changed_is_damage() {
    for file in [RECORDS, "credentials/owners.json"] {
        let bed = bed();
        let path = bed.dir.path().join(file);
        let whole = std::fs::read(&path).unwrap();
        let mut longer = whole.clone();
        longer.push(b'\n');
        write(&path, &longer);
        refuses(&bed, file);
        // The same bytes in another file are the same, as after a backup was put back.
        std::fs::remove_file(&path).unwrap();
        write(&path, &whole);
        bed.store.readable(&key("default")).unwrap();
        assert!(open(bed.dir.path()).verify(NOW).unwrap().is_whole());
    }
}

#[test]
fn case_126_an_older_copy_of_a_file_of_our_own_is_damage() {
    let bed = bed();
    let path = bed.dir.path().join(RECORDS);
    let older = std::fs::read(&path).unwrap();
    block(&bed.store, "67").unwrap();
    write(&path, &older);
    refuses(&bed, RECORDS);
}

#[test]
fn case_126_a_file_of_our_own_that_we_did_not_write_is_damage() {
    let bed = Bed::new();
    bed.approve("default", "7");
    bed.store.readable(&key("default")).unwrap();
    std::fs::create_dir(bed.dir.path().join("access")).unwrap();
    write(&bed.dir.path().join(RECORDS), b"{\"version\":1}");
    refused_by(&[&open(bed.dir.path())], &bed, RECORDS);
    // A store that knows that there is none reads none, and writes nothing over it.
    bed.store.readable(&key("default")).unwrap();
    assert_eq!(bed.store.standing(&key("default"), &id("66"), NOW).unwrap(), Standing::Unknown);
    let refused = block(&bed.store, "5").unwrap_err().to_string();
    assert!(refused.contains("openclaw audit accept"), "{refused}");
}

#[test]
fn case_126_a_missing_file_of_the_field_is_damage_and_a_changed_one_is_read() {
    for file in ["telegram-allowFrom.json", "telegram-pairing.json"] {
        let bed = bed();
        bed.store.readable(&key("default")).unwrap();
        let whole = bed.text(file);
        bed.write(file, format!("{whole}\n"));
        bed.store.readable(&key("default")).unwrap();
        std::fs::remove_file(bed.path(file)).unwrap();
        bed.store.readable(&key("default")).unwrap_err();
        let report = open(bed.dir.path()).verify(NOW).unwrap();
        assert!(report.problems.iter().any(|it| it.to_string().contains(file)), "{report:?}");
    }
}

#[test]
fn case_126_what_is_written_just_now_is_no_damage() {
    let bed = bed();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let ordering = std::sync::atomic::Ordering::Relaxed;
    std::thread::scope(|scope| {
        let read = || {
            let store = open(bed.dir.path());
            while !stop.load(ordering) {
                let standing = store.standing(&key("default"), &id("66"), NOW);
                assert!(matches!(standing, Ok(Standing::Blocked)), "{standing:?}");
            }
        };
        scope.spawn(read);
        for round in 0..40 {
            block(&bed.store, &format!("{}", 100 + round)).unwrap();
        }
        stop.store(true, ordering);
    });
}

/// As an older version left it: a head without digests, lines without them.
fn older(bed: &Bed, head: Option<&[u8]>) {
    let path = bed.store.state.access_head();
    let audit::HeadRead::Head(said) = audit::read_head(&path).unwrap() else { panic!("no head") };
    let said = audit::Head { own: None, ..said };
    let text = format!("{}\n", serde_json::to_string(&said).unwrap());
    write(&path, head.unwrap_or(text.as_bytes()));
}

#[test]
fn a_folder_of_an_older_version_starts_and_is_watched_from_then_on() {
    let bed = bed();
    older(&bed, None);
    let store = open(bed.dir.path());
    store.readable(&key("default")).unwrap();
    store.start(NOW).unwrap();
    store.readable(&key("default")).unwrap();
    assert!(store.verify(NOW).unwrap().is_whole());
    write(&bed.dir.path().join(RECORDS), b"{\"version\":1}");
    refuses(&bed, RECORDS);
    // An older version that was started once and decided nothing.
    let fresh = Bed::new();
    std::fs::create_dir(fresh.dir.path().join("audit")).unwrap();
    write(&fresh.store.state.access_log(), b"");
    write(&fresh.store.state.access_head(), b"");
    fresh.store.start(NOW).unwrap();
    fresh.approve("default", "7");
    assert!(fresh.store.verify(NOW).unwrap().is_whole());
}

#[test]
fn a_decision_of_an_older_version_that_was_cut_off_is_finished() {
    let bed = bed();
    let log = bed.store.state.access_log();
    let (before, kept) = (std::fs::read(&log).unwrap(), bed.dir.path().join(RECORDS));
    older(&bed, None);
    let head = std::fs::read(bed.store.state.access_head()).unwrap();
    let records = std::fs::read(&kept).unwrap();
    block(&open(bed.dir.path()), "67").unwrap();
    let line = bed.lines().pop().unwrap();
    assert_eq!(line.action, action::BLOCK);
    // Its line and what was written aside are there, and nothing else.
    let aside = line.staged.iter().find(|name| name.starts_with(RECORDS)).unwrap();
    std::fs::rename(&kept, bed.dir.path().join(Path::new(aside))).unwrap();
    write(&kept, &records);
    write(&bed.store.state.access_head(), &head);
    let line = Line { made: BTreeMap::new(), ..line };
    let line = format!("{}\n", serde_json::to_string(&line).unwrap());
    write(&log, &[before, line.into_bytes()].concat());
    let store = open(bed.dir.path());
    store.start(NOW).unwrap();
    assert_eq!(store.standing(&key("default"), &id("67"), NOW).unwrap(), Standing::Blocked);
    assert!(store.verify(NOW).unwrap().is_whole());
}
