//! What costs no write, what is seen of other processes, and what a flush keeps.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use super::*;
use crate::{
    expiry::Clock,
    rules::device::request::{LIFETIME_MS, MOST},
    tests::processes::without_root,
};

#[test]
fn a_retry_and_a_refused_request_write_nothing() {
    let bed = Bed::new();
    let asked = wish(1, operator(&[Scope::Read]));
    let first = bed.open_request(&asked);
    let from = |number: u8, address: &str| {
        let described = Described { address: Some(address.to_owned()), ..described() };
        NewDeviceRequest { described, ..wish(number, operator(&[Scope::Read])) }
    };
    for number in 2..=u8::try_from(MOST).unwrap() {
        bed.open_request(&from(number, &format!("198.51.100.{number}")));
    }
    let before = bed.snapshot();
    for number in 100..200 {
        let ask = bed.store.ask_device(&from(number, "203.0.113.1"), later(10)).unwrap();
        assert!(matches!(ask, Ask::Full { retry_after_ms } if retry_after_ms > 0), "{ask:?}");
    }
    for minute in 1..=20 {
        let now = later(minute * LIFETIME_MS / 2);
        let again = bed.store.ask_device(&asked, now).unwrap();
        assert_eq!(again, Ask::Refreshed(first.id.clone()), "{minute}");
        let waiting = bed.store.device_requests(now).unwrap();
        assert!(waiting.iter().any(|request| request.refreshed_at == now));
    }
    assert_eq!(bed.snapshot(), before);
    let ask = bed.store.ask_device(&from(200, "203.0.113.1"), later(LIFETIME_MS * 20)).unwrap();
    assert!(matches!(ask, Ask::Opened { .. }), "the places are free again");
}

#[test]
fn a_retry_is_told_to_other_processes_once_a_minute() {
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let bed = Bed::new();
    let mut store = bed.other();
    store.devices.clock = Clock(|| Duration::from_millis(PASSED.load(Ordering::Relaxed)));
    // The flush asks the clock itself: for it, all of this has been.
    let now = UnixMs(crate::world::now().0 - 1_000);
    let at = |ms: u64| UnixMs(now.0 + ms);
    let asked = wish(1, operator(&[Scope::Read]));
    assert!(matches!(store.ask_device(&asked, now).unwrap(), Ask::Opened { .. }));
    let refreshed = || bed.other().device_requests(at(9)).unwrap()[0].refreshed_at;
    for (ms, passed, told) in [(3, 0, 3), (5, 59_999, 3), (6, 60_000, 6)] {
        PASSED.store(passed, Ordering::Relaxed);
        store.ask_device(&asked, at(ms)).unwrap();
        store.flush_devices().unwrap();
        assert_eq!(refreshed(), at(told), "{ms}");
    }
    // The wall clock stands still, and the request is over all the same.
    PASSED.store(60_000 + LIFETIME_MS + 1, Ordering::Relaxed);
    assert!(store.device_requests(at(9)).unwrap().is_empty());
    assert!(matches!(store.ask_device(&asked, at(9)).unwrap(), Ask::Opened { .. }));
}

#[test]
fn a_token_that_was_shown_is_known_at_once_and_written_by_the_flush() {
    let bed = Bed::new();
    let id = bed.pairs(1, operator(&[Scope::Read])).id();
    bed.pairs(2, operator(&[Scope::Read]));
    let before = bed.snapshot();
    assert!(bed.device(1).awaits_token(Role::Operator));
    bed.store.device_seen(&id, Some((Role::Operator, token(9).digest())), later(1));
    assert!(bed.device(1).awaits_token(Role::Operator), "another token");
    bed.store.device_seen(&id, Some((Role::Operator, token(1).digest())), later(2));
    assert!(
        !bed.device(1).awaits_token(Role::Operator) && bed.device(2).awaits_token(Role::Operator)
    );
    assert_eq!(bed.snapshot(), before);
    assert!(known(&bed.other(), 1).awaits_token(Role::Operator));
    bed.store.flush_devices().unwrap();
    let used = |store: &Store| known(store, 1).tokens[&Role::Operator].last_used_at;
    assert_eq!((used(&bed.other()), used(&bed.store)), (Some(later(2)), Some(later(2))));
    assert_eq!(bed.json("devices/paired.json")[id.as_str()]["lastSeenAtMs"], later(2).0);
    assert_eq!(known(&bed.other(), 1).seen_at, Some(later(2)));
    let flushed = bed.snapshot();
    bed.store.flush_devices().unwrap();
    assert_eq!(bed.snapshot(), flushed, "nothing has gathered");
    // One that comes with the shared secret is seen too, and an older moment counts for nothing.
    bed.store.device_seen(&id, None, later(4));
    assert_eq!(bed.device(1).seen_at, Some(later(4)));
    bed.store.flush_devices().unwrap();
    assert_eq!(known(&bed.other(), 1).seen_at, Some(later(4)));
    // Another token in its place was never shown.
    bed.store.device_seen(&id, Some((Role::Operator, token(1).digest())), later(3));
    let change = (Role::Operator, None, &token(8));
    bed.other().rotate_token(&host(), &id, change, NOW).unwrap().unwrap();
    bed.store.flush_devices().unwrap();
    assert_eq!((used(&bed.other()), used(&bed.store)), (None, None));
}

#[test]
fn what_another_process_wrote_holds_at_once() {
    let bed = Bed::new();
    let id = bed.pairs(1, operator(&[Scope::Read])).id();
    let other = bed.other();
    assert!(known(&other, 1).may_be(Role::Operator));
    bed.store.revoke_token(&host(), &id, Role::Operator, NOW).unwrap().unwrap();
    assert!(!known(&other, 1).may_be(Role::Operator));
    other.remove_device(&host(), &id, NOW).unwrap().unwrap();
    assert!(bed.is_removed(1));
}

#[test]
fn case_045_what_cannot_be_written_did_not_happen() {
    let name = "devices::tests::memory::case_045_what_cannot_be_written_did_not_happen";
    without_root(name, || {
        let bed = Bed::new();
        let id = bed.pairs(1, operator(&[Scope::Read])).id();
        let request = bed.open_request(&wish(2, operator(&[Scope::Write])));
        bed.mints(9);
        let (folder, before) = (bed.path("devices"), bed.snapshot());
        let mode = |mode| {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(0o500);
        let (store, by) = (&bed.store, host());
        store.approve_device(&by, &request.id, request.revision(), NOW).unwrap_err();
        store.revoke_token(&by, &id, Role::Operator, NOW).unwrap_err();
        store.remove_device(&by, &id, NOW).unwrap_err();
        store.redeem_code(&token(9).digest(), &key(5), NOW).unwrap_err();
        store.ask_device(&wish(3, operator(&[])), NOW).unwrap_err();
        let fresh = [(Role::Operator, token(7))];
        store.issue_tokens(&Authority::Host, &id, &fresh, NOW).unwrap_err();
        assert!(bed.device(1).tokens[&Role::Operator].digest.matches(&token(1).digest()));
        assert!(matches!(store.device(&request.device).unwrap(), Known::Stranger));
        assert_eq!(store.device_requests(NOW).unwrap().len(), 1);
        mode(0o700);
        assert_eq!(bed.snapshot(), before);
        assert!(waits(redeems(&bed.store, 9, 6, NOW)), "nobody has it");
        assert!(bed.approves(&request).is_ok());
    });
}

#[test]
fn very_many_devices_are_read_page_by_page_and_each_once() {
    let bed = Bed::new();
    for number in 1..=8 {
        bed.pairs(number, operator(&[Scope::Read]));
    }
    bed.store.remove_device(&host(), &key(4).id(), NOW).unwrap().unwrap();
    let ids = |devices: &[Arc<Device>]| devices.iter().map(|one| one.id()).collect::<Vec<_>>();
    let whole = bed.store.device_page(None, 7).unwrap();
    assert_eq!(ids(&whole.devices), ids(&bed.store.devices().unwrap()), "one page is the list");
    assert_eq!((whole.next, whole.total), (None, 7));
    let first = bed.store.device_page(None, 3).unwrap();
    assert_eq!((first.devices.len(), first.total), (3, 7));
    // The one that the next page begins behind is removed meanwhile.
    let after = first.next.clone().unwrap();
    bed.store.remove_device(&host(), &after, NOW).unwrap().unwrap();
    let second = bed.other().device_page(Some(&after), 3).unwrap();
    let third = bed.store.device_page(second.next.as_ref(), 3).unwrap();
    let read: Vec<_> =
        [first, second, third.clone()].iter().flat_map(|p| ids(&p.devices)).collect();
    let mut all = ids(&whole.devices);
    all.sort();
    assert_eq!((read, third.next), (all, None));
}
