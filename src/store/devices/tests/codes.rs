//! Setup codes: whose they are, how long, and what is remembered of them.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use super::*;
use crate::{
    expiry::Clock,
    rules::device::setup_code::{LIFETIME_MS, Spent, State},
};

fn spent(setup: Setup) -> Option<Spent> {
    match setup {
        Setup::Known(Err(spent), _) => Some(spent),
        _ => None,
    }
}

#[test]
fn case_039_case_042_of_64_who_come_at_once_with_one_code_one_has_it() {
    let bed = Bed::new();
    bed.mints(200);
    let stores: Vec<_> = (0..4).map(|_| bed.other()).collect();
    let start = Barrier::new(64);
    let won: Vec<u8> = thread::scope(|scope| {
        let all: Vec<_> = (1..=64)
            .map(|number: u8| {
                let (store, start) = (&stores[usize::from(number % 4)], &start);
                scope.spawn(move || {
                    start.wait();
                    waits(redeems(store, 200, number, NOW)).then_some(number)
                })
            })
            .collect();
        all.into_iter().filter_map(|one| one.join().unwrap()).collect()
    });
    let [winner] = won[..] else { panic!("{won:?}") };
    for number in 1..=64 {
        let again = redeems(&bed.store, 200, number, NOW);
        assert_eq!(waits(again), number == winner, "{number}");
    }
    let binds = bed.actions().iter().filter(|action| *action == "code-bind").count();
    assert_eq!(binds, 1);
}

#[test]
fn case_046_another_key_burns_nothing_and_writes_nothing() {
    let bed = Bed::new();
    bed.mints(1);
    // Looking at a code takes nothing.
    let shown = bed.store.code_shown(&token(1).digest(), &key(7), NOW).unwrap();
    assert!(waits(shown));
    assert!(waits(redeems(&bed.store, 1, 5, NOW)));
    let before = bed.snapshot();
    for _ in 0..3 {
        assert_eq!(spent(redeems(&bed.store, 1, 6, NOW)), Some(Spent::Used));
        assert!(matches!(redeems(&bed.store, 99, 6, NOW), Setup::Unknown));
        assert!(waits(redeems(&bed.store, 1, 5, NOW)), "the first one still has it");
    }
    assert_eq!(bed.snapshot(), before);
}

#[test]
fn a_device_that_keeps_coming_keeps_its_code_and_others_learn_of_it_by_the_flush() {
    let bed = Bed::new();
    let now = crate::world::now();
    let at = |ms: u64| UnixMs(now.0 + ms);
    bed.store.mint_code(&host(), Profile::Limited, &token(1), now).unwrap();
    assert!(waits(redeems(&bed.store, 1, 5, now)));
    let before = bed.snapshot();
    assert!(waits(redeems(&bed.store, 1, 5, at(LIFETIME_MS - 1))));
    assert_eq!(bed.snapshot(), before, "a visit writes nothing");
    let late = at(LIFETIME_MS + 200_000);
    assert_eq!(spent(redeems(&bed.other(), 1, 5, late)), Some(Spent::Expired));
    assert!(waits(redeems(&bed.store, 1, 5, late)));
    bed.store.flush_devices().unwrap();
    assert!(waits(redeems(&bed.other(), 1, 5, late)));
    let flushed = bed.snapshot();
    bed.store.flush_devices().unwrap();
    assert_eq!(bed.snapshot(), flushed, "nothing has gathered");
}

#[test]
fn a_code_lives_ten_minutes_by_the_other_clock_too() {
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let bed = Bed::new();
    let mut store = bed.other();
    store.ages.clock = Clock(|| Duration::from_millis(PASSED.load(Ordering::Relaxed)));
    store.mint_code(&host(), Profile::Limited, &token(1), NOW).unwrap();
    PASSED.store(LIFETIME_MS - 1, Ordering::Relaxed);
    assert!(waits(store.code_shown(&token(1).digest(), &key(5), NOW).unwrap()));
    PASSED.store(LIFETIME_MS, Ordering::Relaxed);
    assert_eq!(spent(redeems(&store, 1, 5, NOW)), Some(Spent::Expired));
    assert!(store.cancel_codes(&host(), None, NOW).unwrap().is_empty());
}

#[test]
fn codes_are_taken_back_by_name_or_all_that_nobody_has_used() {
    let bed = Bed::new();
    let ids: Vec<_> = (1..=4).map(|number| bed.mints(number).id).collect();
    assert!(waits(redeems(&bed.store, 1, 5, NOW)));
    let one = std::slice::from_ref(&ids[1]);
    assert_eq!(bed.store.cancel_codes(&host(), Some(one), NOW).unwrap(), one);
    assert!(bed.store.cancel_codes(&host(), Some(one), NOW).unwrap().is_empty());
    let mut rest = bed.store.cancel_codes(&host(), None, NOW).unwrap();
    rest.sort();
    let mut expected = ids[2..].to_vec();
    expected.sort();
    assert_eq!(rest, expected);
    assert!(waits(redeems(&bed.other(), 1, 5, NOW)), "it is in use");
    for number in 2..=4 {
        assert_eq!(spent(redeems(&bed.other(), number, 6, NOW)), Some(Spent::Cancelled));
    }
}

#[test]
fn what_is_long_over_is_forgotten_and_what_a_device_lives_by_is_not() {
    let bed = Bed::new();
    for number in [1, 2] {
        bed.mints(number);
        assert!(waits(redeems(&bed.store, number, number, NOW)));
        let request = bed.open_request(&coded(number, &token(number).digest(), Profile::Limited));
        bed.approves(&request).unwrap();
        redeems(&bed.store, number, number, NOW);
    }
    bed.mints(3);
    bed.store.remove_device(&host(), &key(2).id(), NOW).unwrap().unwrap();
    let day = later(86_400_001);
    bed.store.mint_code(&host(), Profile::Full, &token(4), day).unwrap();
    let kept = bed.store.setup_codes().unwrap();
    let digests = |number: u8| kept.iter().any(|code| code.digest.matches(&token(number).digest()));
    assert_eq!([1, 2, 3, 4].map(digests), [true, false, false, true]);
    assert!(matches!(kept[1].state, State::Approved { .. }));
    for number in 0..=255u8 {
        let mut bytes = [7; 32];
        bytes[1] = number;
        let fresh = Token::from_random(bytes);
        bed.store.mint_code(&host(), Profile::Limited, &fresh, later(86_400_002)).unwrap();
    }
    assert_eq!(bed.store.setup_codes().unwrap().len(), 257);
    assert!(matches!(
        redeems(&bed.store, 1, 1, later(90_000_000)),
        Setup::Known(Ok(Standing::Approved { .. }), _)
    ));
}

#[test]
fn a_device_let_in_by_its_code_lives_by_it_and_one_whose_code_was_taken_back_is_not_let_in() {
    let bed = Bed::new();
    bed.mints(1);
    assert!(waits(redeems(&bed.store, 1, 5, NOW)));
    let asked = RequestedRights {
        roles: Profile::ROLES.into(),
        scopes: Profile::Limited.scopes(),
        ..node(&[])
    };
    let fresh = [(Role::Node, token(20)), (Role::Operator, token(21))];
    let admit = |number: u8| {
        let wish = wish(number, asked.clone());
        bed.store.admit_device(&Authority::Host, (&wish, ApprovedVia::Code), &fresh, NOW).unwrap()
    };
    assert_eq!(admit(5).unwrap().via, ApprovedVia::Code);
    let again = redeems(&bed.other(), 1, 5, NOW);
    assert!(matches!(again, Setup::Known(Ok(Standing::Approved { .. }), _)), "{again:?}");
    assert!(admit(5).is_none(), "it is known");
    let second = bed.mints(2);
    assert!(waits(redeems(&bed.store, 2, 6, NOW)));
    bed.store.cancel_codes(&host(), Some(&[second.id]), NOW).unwrap();
    assert!(admit(6).is_none());
    assert!(matches!(bed.store.device(&key(6).id()).unwrap(), Known::Stranger));
}
