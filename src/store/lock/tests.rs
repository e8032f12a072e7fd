//! Locks of ours, of the field, and left behind.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use super::*;

const SHORT: Duration = Duration::from_millis(20);
/// Above any pid that Linux gives.
const DEAD: u32 = 4_194_305;

fn folder() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("telegram-pairing.json");
    let lock = with_suffix(&file, ".lock");
    (dir, file, lock)
}

fn leave(lock: &Path, pid: u32) {
    let text = format!("{{\n  \"pid\": {pid},\n  \"createdAt\": \"2026-02-13T10:00:00.000Z\"\n}}");
    File::create(lock).unwrap().write_all(text.as_bytes()).unwrap();
}

fn age(path: &Path, seconds: u64) {
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(world::now().0);
    File::open(path).unwrap().set_modified(now - Duration::from_secs(seconds)).unwrap();
}

#[track_caller]
fn held_by<T: std::fmt::Debug>(taken: Result<T, StoreError>, who: &str) {
    let error = taken.unwrap_err();
    let StoreError::Busy { holder, .. } = &error else { panic!("{error}") };
    assert_eq!(holder, who, "{error}");
}

#[test]
fn our_lock_excludes_and_names_its_holder() {
    let (_dir, file, _) = folder();
    let held = OcLock::take(&file, PATIENCE).unwrap();
    held_by(OcLock::take(&file, SHORT), &format!("process {}", std::process::id()));
    drop(held);
    OcLock::take(&file, SHORT).unwrap();
}

/// Waits until a thread is in the queue of this file. A process that a test beside this one starts has every open file
/// for a moment, the locked ones too: one look is not enough.
fn until_one_waits(file: &Path) {
    let (queue, mut looks) = (with_suffix(file, ".oc-wait"), 0);
    let waits = || {
        looks = if open(&queue).unwrap().try_lock().is_err() { looks + 1 } else { 0 };
        Ok((looks > 20).then_some(()))
    };
    wait(PATIENCE, waits).unwrap().expect("nobody waits");
}

#[test]
fn case_047_a_holder_that_takes_the_lock_again_is_behind_those_who_waited() {
    let (_dir, file, _) = folder();
    let mut held = OcLock::take(&file, PATIENCE).unwrap();
    for _ in 0..20 {
        let (had, has) = (Arc::new(AtomicBool::new(false)), file.clone());
        let tell = Arc::clone(&had);
        let waiter = std::thread::spawn(move || {
            let _held = OcLock::take(&has, PATIENCE).unwrap();
            tell.store(true, Ordering::SeqCst);
        });
        until_one_waits(&file);
        drop(held);
        held = OcLock::take(&file, PATIENCE).unwrap();
        assert!(had.load(Ordering::SeqCst), "the waiter was passed by");
        waiter.join().unwrap();
    }
}

#[test]
fn case_047_a_suspended_first_of_the_queue_keeps_nobody_out_for_long() {
    let (_dir, file, _) = folder();
    let suspended = open(&with_suffix(&file, ".oc-wait")).unwrap();
    suspended.try_lock().unwrap();
    held_by(OcLock::take(&file, SHORT), "another program");
    OcLock::take(&file, PATIENCE).unwrap();
}

#[test]
fn the_fields_lock_says_who_and_when_and_goes_when_released() {
    let (_dir, file, lock) = folder();
    let held = FieldLock::take(&file, PATIENCE).unwrap();
    let text = std::fs::read_to_string(&lock).unwrap();
    let said: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(said["pid"], std::process::id());
    assert!(world::from_iso(said["createdAt"].as_str().unwrap()).is_some());
    assert!(text.starts_with("{\n  \"pid\": "), "{text}");
    drop(held);
    assert!(!lock.exists());
}

#[test]
fn a_living_process_is_waited_for() {
    let (_dir, file, lock) = folder();
    leave(&lock, 1);
    held_by(FieldLock::take(&file, SHORT), "process 1");
    assert!(lock.exists());
    let releaser = std::thread::spawn(move || std::fs::remove_file(lock).unwrap());
    FieldLock::take(&file, PATIENCE).unwrap();
    releaser.join().unwrap();
}

#[test]
fn a_directory_is_a_lock_too() {
    let (_dir, file, lock) = folder();
    std::fs::create_dir(&lock).unwrap();
    held_by(FieldLock::take(&file, SHORT), "another program");
    age(&lock, 33);
    FieldLock::take(&file, PATIENCE).unwrap();
    assert!(!lock.exists());
}

#[test]
fn what_the_dead_and_the_old_left_behind_is_removed() {
    let (_dir, file, lock) = folder();
    for pid in [DEAD, std::process::id()] {
        leave(&lock, pid);
        FieldLock::take(&file, SHORT).unwrap();
    }
    leave(&lock, 1);
    age(&lock, 33);
    FieldLock::take(&file, SHORT).unwrap();
    File::create(&lock).unwrap();
    held_by(FieldLock::take(&file, SHORT), "another program");
    // A clock that was set back.
    std::fs::remove_file(&lock).unwrap();
    leave(&lock, 1);
    let later = SystemTime::UNIX_EPOCH + Duration::from_millis(world::now().0 + 3_600_000);
    File::open(&lock).unwrap().set_modified(later).unwrap();
    FieldLock::take(&file, SHORT).unwrap();
}

#[test]
fn case_047_a_lock_that_another_took_over_is_left_to_them() {
    let (_dir, file, lock) = folder();
    let ours = FieldLock::take(&file, SHORT).unwrap();
    // Kept beside, so that the new lock cannot be given the old inode.
    std::fs::rename(&lock, with_suffix(&file, ".old")).unwrap();
    leave(&lock, 1);
    assert!(!ours.is_ours());
    drop(ours);
    assert!(lock.exists());
}

#[test]
fn case_047_what_a_killed_process_of_ours_left_behind_is_gone_at_once() {
    let (_dir, file, lock) = folder();
    // Its pid still counts as alive: nobody has waited for it, or another process has it now.
    let text =
        format!("{{ \"pid\": 1, \"createdAt\": \"2026-02-13T10:00:00.000Z\", \"{OURS}\": true }}");
    // Killed before, and behind, the moment in which the lock appears.
    let aside = with_suffix(&file, ".oc-lock.tmp");
    for linked in [false, true] {
        File::create(&aside).unwrap().write_all(text.as_bytes()).unwrap();
        if linked {
            std::fs::hard_link(&aside, &lock).unwrap();
        }
        FieldLock::take(&file, SHORT).unwrap();
        assert!(!lock.exists() && !aside.exists());
    }
}
