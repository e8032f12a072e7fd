//! A clock set back lengthens nothing.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use super::*;
use crate::{Store, expiry::Clock, rules::claim};

/// A store that looks at another clock.
fn with_clock(bed: &Bed, clock: fn() -> Duration) -> Store {
    let mut store = open(bed.dir.path());
    store.ages.clock = Clock(clock);
    store
}

#[test]
fn a_code_lives_an_hour_by_the_other_clock_too() {
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let bed = Bed::new();
    let store = with_clock(&bed, || Duration::from_millis(PASSED.load(Ordering::Relaxed)));
    let request = opened(store.ask(&knock("default", "7"), PLACES, NOW).unwrap());
    // Fifty minutes later the wall clock is set back by forty.
    PASSED.store(HOUR - 1, Ordering::Relaxed);
    let back = UnixMs(NOW.0 + 600_000);
    assert_eq!(store.waiting("telegram", back).unwrap().len(), 1);
    PASSED.store(HOUR, Ordering::Relaxed);
    assert!(store.waiting("telegram", back).unwrap().is_empty());
    let approve = Decide {
        channel: "telegram",
        request: &request.id,
        decision: Decision::Approve,
        until: None,
        shown: None,
    };
    assert!(matches!(store.decide(&by(), &approve, back).unwrap(), Outcome::Gone));
    assert!(!store.approved(&key("default")).unwrap().names(&id("7")));
    let again = opened(store.ask(&knock("default", "7"), PLACES, back).unwrap());
    assert!(!again.code.matches(&request.code) && again.id != request.id);
    assert_eq!(store.waiting("telegram", back).unwrap().len(), 1);
}

#[test]
fn an_hour_counts_from_when_a_request_was_found() {
    static PASSED: AtomicU64 = AtomicU64::new(5);
    let bed = Bed::new();
    bed.opened("default", "7");
    let store = with_clock(&bed, || Duration::from_millis(PASSED.load(Ordering::Relaxed)));
    store.check(&[key("default")]).unwrap();
    PASSED.store(5 + HOUR, Ordering::Relaxed);
    assert!(store.waiting("telegram", NOW).unwrap().is_empty());
    assert_eq!(bed.waiting(), ["7"], "another process has its own clock");
}

#[test]
fn a_claim_code_lives_ten_minutes_by_the_other_clock_too() {
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let bed = Bed::new();
    let store = with_clock(&bed, || Duration::from_millis(PASSED.load(Ordering::Relaxed)));
    let code = ClaimCode::from_random([1; 12]);
    // Printed by another process; seen at the next verdict.
    bed.store.open_claim(&code, NOW).unwrap();
    assert!(store.owners().unwrap().is_empty());
    PASSED.store(claim::LIFETIME_MS, Ordering::Relaxed);
    let owner = Owner { channel: "telegram".to_owned(), sender: id("7") };
    assert!(!store.redeem_claim(&code, &owner, NOW).unwrap());
    assert!(open(bed.dir.path()).redeem_claim(&code, &owner, NOW).unwrap());
}

#[test]
fn a_denial_lasts_no_longer_than_an_hour() {
    let bed = Bed::new();
    let request = bed.opened("default", "7");
    bed.decide(&request, Decision::Deny).unwrap();
    let ask = |now| bed.store.ask(&knock("default", "7"), PLACES, UnixMs(now)).unwrap();
    assert!(matches!(ask(NOW.0 + HOUR - 1), AskOutcome::Denied));
    // The wall clock is set back by a day.
    assert!(matches!(ask(NOW.0 - 24 * HOUR), AskOutcome::Opened { .. }));
}
