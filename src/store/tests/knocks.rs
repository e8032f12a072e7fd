//! Many strangers at once: what each is told, and in how many changes it is written.

use super::*;
use crate::lock::OcLock;

/// Knocks from so many strangers at once, all of them while another thread writes.
fn all_at_once(bed: &Bed, places: Places, strangers: usize) -> Vec<AskOutcome> {
    crate::private::ensure_dir(&bed.store.state.audit()).unwrap();
    let before = bed.store.asks.came();
    let lock = OcLock::take(&bed.store.state.access_log(), bed.store.patience).unwrap();
    std::thread::scope(|scope| {
        let asks: Vec<_> = (0..strangers)
            .map(|n| {
                scope.spawn(move || {
                    bed.store.ask(&knock("default", &n.to_string()), places, NOW).unwrap()
                })
            })
            .collect();
        while bed.store.asks.came() < before + strangers {
            std::thread::yield_now();
        }
        drop(lock);
        asks.into_iter().map(|ask| ask.join().unwrap()).collect()
    })
}

#[test]
fn strangers_who_come_while_the_disk_is_busy_are_written_in_one_change() {
    let bed = Bed::new();
    bed.store.ask(&knock("default", "1000"), MANY, NOW).unwrap();
    let told = all_at_once(&bed, MANY, 40);
    let codes: std::collections::BTreeSet<_> =
        told.into_iter().map(|asked| opened(asked).code.spell()).collect();
    assert_eq!((codes.len(), bed.waiting().len()), (40, 41));
    assert!(bed.store.verify(NOW).unwrap().is_whole());
    // The first one had the disk alone; those behind it had it together.
    let changes = bed.store.asks.changes();
    assert!(changes <= 3, "{changes}");
}

#[test]
fn no_more_wait_than_there_are_places_and_each_line_of_one_who_made_room_is_carried_out() {
    let bed = Bed::new();
    let told = all_at_once(&bed, PLACES, 20);
    let full = told.iter().filter(|asked| matches!(asked, AskOutcome::Full)).count();
    assert_eq!((full, bed.waiting().len()), (17, 3));
    let makes_room = Places { when_full: WhenFull::EvictOldest, ..PLACES };
    let told = all_at_once(&Bed::new(), makes_room, 12);
    assert!(told.iter().all(|asked| matches!(asked, AskOutcome::Opened { .. })));
    let bed = Bed::new();
    all_at_once(&bed, makes_room, 12);
    let count = |action: &str| bed.actions().iter().filter(|one| *one == action).count();
    assert_eq!((count("request"), count("evict"), bed.waiting().len()), (12, 9, 3));
    assert!(bed.store.verify(NOW).unwrap().is_whole());
    let changes = bed.store.asks.changes();
    assert!(changes <= 3, "{changes}");
}

#[test]
fn all_who_took_a_place_have_taken_it_after_a_crash() {
    let bed = Bed::new();
    let makes_room = Places { max_pending: 2, when_full: WhenFull::EvictOldest };
    bed.opened("default", "1000");
    bed.opened("default", "1001");
    let pairing = bed.text("telegram-pairing.json");
    let head = std::fs::read(bed.dir.path().join("audit/head")).unwrap();
    all_at_once(&bed, makes_room, 12);
    let lines = bed.lines();
    let last = lines.last().unwrap();
    assert_eq!(last.staged.len(), 1, "{last:?}");
    // Killed between the lines and the rename.
    let made = bed.text("telegram-pairing.json");
    bed.write(last.staged[0].strip_prefix("credentials/").unwrap(), made);
    bed.write("telegram-pairing.json", pairing);
    let store = open(bed.dir.path());
    let before = bed.waiting();
    write(&bed.dir.path().join("audit/head"), &head);
    assert_eq!(before, ["1000", "1001"]);
    store.start(NOW).unwrap();
    assert!(bed.waiting().iter().all(|waits| waits.len() < 3), "{:?}", bed.waiting());
}

#[test]
fn case_135_strangers_who_push_each_other_out_have_no_more_than_their_share_of_the_log() {
    let bed = Bed::new();
    let crowded = Places { max_pending: 1, when_full: WhenFull::EvictOldest };
    let strangers = crate::strangers::LINES_AN_HOUR;
    let ask = |n: usize| bed.store.ask(&knock("default", &n.to_string()), crowded, NOW).unwrap();
    let told: Vec<_> = (0..strangers).map(ask).collect();
    assert!(told.iter().all(|one| matches!(one, AskOutcome::Opened { .. })));
    assert_eq!(bed.waiting(), [(strangers - 1).to_string()], "the last one has a place");
    // The first had a free place; each of the next costs two lines.
    assert_eq!(bed.lines().len(), strangers - 1);
    let waiting = bed.store.waiting("telegram", NOW).unwrap().remove(0);
    bed.decide(&waiting, Decision::Deny).unwrap();
    (0..2).for_each(|n| {
        drop(opened(bed.store.ask(&knock("work", &n.to_string()), MANY, NOW).unwrap()));
    });
    assert_eq!(bed.lines().len(), strangers + 1, "one line was left of the share");
    assert_eq!(bed.waiting().len(), 2, "who has no line waits all the same");
    assert!(bed.store.verify(NOW).unwrap().is_whole());
}

/// A folder whose strangers have had their share of the log: the first has waited from now on, the second came later.
fn crowded() -> (Bed, PairingRequest, UnixMs) {
    let (bed, later) = (Bed::new(), UnixMs(NOW.0 + 5_000));
    while bed.store.strangers.may_write(1) {}
    let first = bed.opened("default", "1");
    opened(bed.store.ask(&knock("default", "2"), MANY, later).unwrap());
    assert!(bed.lines().is_empty());
    (bed, first, later)
}

/// Another process decides, by a time from before the second came.
fn decide(store: &Store, of: &PairingRequest, decision: Decision, until: Option<UnixMs>) {
    let shown = of.displayed().revision;
    let (channel, request) = ("telegram", &of.id);
    let decide = Decide { channel, request, decision, until, shown: Some(&shown) };
    assert!(matches!(store.decide(&by(), &decide, NOW).unwrap(), Outcome::Done(_)));
}

#[test]
fn case_047_case_135_a_request_without_a_line_outlives_what_others_write_whose_time_is_before_it() {
    type Act = fn(&Store, &PairingRequest);
    let acts: [(Act, usize); 6] = [
        (|store, of| decide(store, of, Decision::Approve, None), 1),
        (|store, of| decide(store, of, Decision::Approve, Some(UnixMs(NOW.0 + HOUR))), 1),
        (|store, of| decide(store, of, Decision::Deny, None), 1),
        (|store, of| decide(store, of, Decision::Block, None), 1),
        (|store, _| drop(opened(store.ask(&knock("default", "3"), MANY, NOW).unwrap())), 3),
        (|store, _| store.start(NOW).unwrap(), 2),
    ];
    for (at, (act, left)) in acts.into_iter().enumerate() {
        for is_warm in [false, true] {
            let (bed, first, later) = crowded();
            let other = open(bed.dir.path());
            if is_warm {
                other.readable(&key("default")).unwrap();
                assert_eq!(other.waiting("telegram", later).unwrap().len(), 2);
            }
            act(&other, &first);
            let waiting = bed.store.waiting("telegram", later).unwrap();
            assert!(waiting.iter().any(|one| one.sender == id("2")), "lost by {at}");
            assert_eq!(waiting.len(), left, "{at}");
            assert!(open(bed.dir.path()).verify(later).unwrap().is_whole(), "{at}");
        }
    }
}

#[test]
fn case_041_case_135_a_request_without_a_line_outlives_a_decision_that_is_finished_after_a_crash() {
    for is_older in [false, true] {
        let (bed, first, later) = crowded();
        let before = bed.snapshot();
        bed.decide(&first, Decision::Approve).unwrap();
        // The line is there, and what it names is not renamed; an older version's line names nothing.
        let mut line = bed.lines().pop().unwrap();
        for name in line.staged.drain(..).filter(|_| !is_older) {
            let target = bed.dir.path().join(name.rsplit_once(".oc-").unwrap().0);
            std::fs::copy(target, bed.dir.path().join(name)).unwrap();
        }
        if is_older {
            // It is the first line of all.
            let line = format!("{}\n", serde_json::to_string(&line).unwrap());
            write(&bed.store.state.access_log(), line.as_bytes());
        }
        for (name, bytes) in before.iter().filter(|(name, _)| !name.ends_with("access.jsonl")) {
            write(&bed.dir.path().join(name), bytes);
        }
        std::fs::remove_file(bed.path("telegram-allowFrom.json")).unwrap();
        open(bed.dir.path()).start(NOW).unwrap();
        assert!(bed.has("default", "1"));
        let waiting = bed.store.waiting("telegram", later).unwrap();
        assert_eq!(waiting.iter().map(|one| one.sender.as_str()).collect::<Vec<_>>(), ["2"]);
    }
}
