//! Asking, deciding, revoking.

use super::*;

#[test]
fn an_approval_admits_and_forgets_and_leaves_its_line() {
    let bed = Bed::new();
    let request = bed.opened("default", "4711");
    assert_eq!(bed.waiting(), ["4711"]);
    let Outcome::Done(done) = bed.decide(&request, Decision::Approve).unwrap() else {
        panic!("gone")
    };
    assert_eq!((done.id, done.sender), (request.id.clone(), id("4711")));
    assert!(bed.has("default", "4711") && bed.waiting().is_empty());
    let text = "{\n  \"version\": 1,\n  \"allowFrom\": [\n    \"4711\"\n  ]\n}\n";
    assert_eq!(bed.text("telegram-allowFrom.json"), text);
    assert_eq!(bed.actions(), ["request", "approve"]);
    let line = &bed.lines()[1];
    assert_eq!((line.surface.as_str(), line.actor.as_str()), ("cli", "uid:1000"));
    assert_eq!(line.request.as_deref(), Some(request.id.as_str()));
    assert_eq!(line.subject.as_deref(), Some("4711"));
    assert!(bed.store.owners().unwrap().is_empty());
}

#[test]
fn case_117_every_decision_has_one_line_and_no_line_is_without_one() {
    let bed = Bed::new();
    for sender in ["1", "2", "3"] {
        let request = bed.opened("default", sender);
        bed.decide(&request, Decision::Approve).unwrap();
        // A second click, and one from another place.
        assert!(matches!(bed.decide(&request, Decision::Approve).unwrap(), Outcome::Gone));
        assert!(matches!(bed.decide(&request, Decision::Deny).unwrap(), Outcome::Gone));
    }
    assert!(bed.revoke("default", "2") && !bed.revoke("default", "2"));
    let decisions = bed.actions().into_iter().filter(|action| action != "request");
    assert_eq!(decisions.collect::<Vec<_>>(), ["approve", "approve", "approve", "revoke"]);
    assert_eq!(list(&bed.store.approved(&key("default")).unwrap()), ["1", "3"]);
}

#[test]
fn a_denied_sender_gets_no_code_until_the_hour_of_the_request_is_over() {
    let bed = Bed::new();
    let request = bed.opened("default", "4711");
    bed.decide(&request, Decision::Deny).unwrap();
    assert!(bed.waiting().is_empty() && !bed.has("default", "4711"));
    let ask = |account, at| bed.store.ask(&knock(account, "4711"), PLACES, UnixMs(at)).unwrap();
    assert!(matches!(ask("default", NOW.0 + HOUR - 1), AskOutcome::Denied));
    assert!(matches!(ask("default", NOW.0 + HOUR), AskOutcome::Opened { .. }));
    assert!(matches!(ask("work", NOW.0 + 1), AskOutcome::Opened { .. }));
}

#[test]
fn case_106_a_repeated_knock_writes_nothing_but_once_a_minute() {
    let bed = Bed::new();
    let request = bed.opened("default", "4711");
    let before = bed.snapshot();
    for at in 1..100 {
        let asked = bed.store.ask(&knock("default", "4711"), PLACES, UnixMs(NOW.0 + at)).unwrap();
        assert!(matches!(asked, AskOutcome::Waiting { touched: false, .. }));
    }
    assert!(bed.snapshot() == before);
    let mut later = knock("default", "4711");
    later.meta.insert("firstName".to_owned(), "Eve".to_owned());
    let asked = bed.store.ask(&later, PLACES, UnixMs(NOW.0 + 60_000)).unwrap();
    assert!(matches!(asked, AskOutcome::Waiting { touched: true, .. }));
    let row = &bed.json("telegram-pairing.json")["requests"][0];
    assert_eq!(row["meta"]["firstName"], "Ann");
    assert_eq!(row["meta"]["laterName"], "Eve");
    assert_ne!(row["lastSeenAt"], row["createdAt"]);
    let waiting = bed.store.waiting("telegram", NOW).unwrap();
    assert_eq!(waiting[0].id, request.id);
    assert_eq!(waiting[0].later_name.as_deref(), Some("Eve"));
    assert_eq!(bed.actions(), ["request"]);
}

#[test]
fn the_fourth_waits_outside_or_the_oldest_makes_room() {
    let bed = Bed::new();
    for sender in ["1", "2", "3"] {
        bed.opened("default", sender);
    }
    let before = bed.snapshot();
    let ask = |places| bed.store.ask(&knock("default", "4"), places, UnixMs(NOW.0 + 1)).unwrap();
    assert!(matches!(ask(PLACES), AskOutcome::Full));
    assert!(bed.snapshot() == before);
    let evict = Places { when_full: WhenFull::EvictOldest, ..PLACES };
    let AskOutcome::Opened { evicted: Some(evicted), .. } = ask(evict) else { panic!("no room") };
    assert_eq!(evicted.sender, id("1"));
    assert_eq!(bed.waiting(), ["2", "3", "4"]);
    assert_eq!(bed.actions()[3..], ["request", "evict"]);
    assert_eq!(bed.lines()[4].subject.as_deref(), Some("1"));
}

#[test]
fn what_has_run_its_hour_waits_no_more() {
    let bed = Bed::new();
    let request = bed.opened("default", "4711");
    let later = UnixMs(NOW.0 + HOUR);
    assert!(bed.store.waiting("telegram", later).unwrap().is_empty());
    let decide = Decide {
        channel: "telegram",
        request: &request.id,
        decision: Decision::Approve,
        until: None,
        shown: None,
    };
    assert!(matches!(bed.store.decide(&by(), &decide, later).unwrap(), Outcome::Gone));
    let again = opened(bed.store.ask(&knock("default", "4711"), PLACES, later).unwrap());
    assert!(again.id != request.id && !again.code.matches(&request.code));
    assert_eq!(bed.json("telegram-pairing.json")["requests"].as_array().unwrap().len(), 1);
}

#[test]
fn case_046_a_wrong_try_neither_burns_nor_tells() {
    let bed = Bed::new();
    let request = bed.opened("work", "4711");
    let before = bed.snapshot();
    let unknown = RequestId::from_text("8yQgWb20Sq4JK5bdUy6meg1tmG4Smwo6");
    for (channel, request) in [("webchat", &request.id), ("telegram", &unknown)] {
        let decide =
            Decide { channel, request, decision: Decision::Approve, until: None, shown: None };
        assert!(matches!(bed.store.decide(&by(), &decide, NOW).unwrap(), Outcome::Gone));
    }
    assert!(bed.store.waiting("webchat", NOW).unwrap().is_empty());
    let found = bed.store.waiting("telegram", NOW).unwrap();
    assert!(found.iter().all(|found| found.key == key("work")));
    // An empty head is made at the first look; nothing else.
    assert!(bed.snapshot() == before);
    assert!(matches!(bed.decide(&request, Decision::Approve).unwrap(), Outcome::Done(_)));
}

#[test]
fn case_074_case_076_a_grant_counts_on_its_account_only() {
    let bed = Bed::new();
    bed.approve("work", "4711");
    assert!(bed.has("work", "4711") && !bed.has("default", "4711") && !bed.has("home", "4711"));
    assert_eq!(bed.json("telegram-work-allowFrom.json")["allowFrom"][0], "4711");
    let asked = bed.store.ask(&knock("home", "4711"), PLACES, NOW).unwrap();
    assert!(matches!(asked, AskOutcome::Opened { .. }));
    bed.approve("default", "4712");
    assert!(!bed.has("work", "4712") && !bed.has("home", "4712"));
}

#[test]
fn case_075_one_entry_stays_one() {
    let bed = Bed::new();
    let text = r#"{ "version": 1, "allowFrom": ["tg:4711"] }"#;
    let request = bed.opened("default", "4711");
    bed.write("telegram-default-allowFrom.json", text);
    assert!(matches!(bed.decide(&request, Decision::Approve).unwrap(), Outcome::Done(_)));
    assert!(!bed.path("telegram-allowFrom.json").exists());
    assert_eq!(bed.text("telegram-default-allowFrom.json"), text);
    bed.approve("default", "4712");
    assert_eq!(bed.json("telegram-allowFrom.json")["allowFrom"].as_array().unwrap().len(), 1);
    assert_eq!(list(&bed.store.approved(&key("default")).unwrap()), ["4711", "4712"]);
}

#[test]
fn case_070_after_the_last_one_the_list_is_empty_and_stays_so() {
    let bed = Bed::new();
    bed.approve("default", "4711");
    assert!(bed.revoke("default", "4711"));
    let text = "{\n  \"version\": 1,\n  \"allowFrom\": []\n}\n";
    assert_eq!(bed.text("telegram-allowFrom.json"), text);
    let again = open(bed.dir.path());
    again.start(NOW).unwrap();
    assert!(again.approved(&key("default")).unwrap().is_empty());
    assert_eq!(bed.text("telegram-allowFrom.json"), text);
}

#[test]
fn case_072_another_process_is_believed_at_once() {
    let bed = Bed::new();
    let other = open(bed.dir.path());
    bed.approve("default", "4711");
    assert!(other.approved(&key("default")).unwrap().names(&id("4711")));
    other.revoke(&by(), &at("default", "4711"), NOW).unwrap();
    assert!(!bed.has("default", "4711"));
    // The same length, within one tick of a coarse clock.
    for round in 0..100 {
        let sender = (round + 1000).to_string();
        bed.approve("default", &sender);
        assert!(other.approved(&key("default")).unwrap().names(&id(&sender)), "{sender}");
        assert!(bed.revoke("default", &sender));
        assert!(!other.approved(&key("default")).unwrap().names(&id(&sender)), "{sender}");
    }
}

#[test]
fn an_unchanged_list_is_not_read_again() {
    let bed = Bed::new();
    bed.approve("default", "4711");
    let first = bed.store.approved(&key("default")).unwrap();
    assert!(Arc::ptr_eq(&first, &bed.store.approved(&key("default")).unwrap()));
}

#[test]
fn what_a_store_remembers_of_its_own_grants_is_what_stands_there() {
    let bed = Bed::new();
    let fresh = || open(bed.dir.path()).approved(&key("default")).unwrap();
    let mut held = Vec::new();
    for sender in 1..=20 {
        bed.approve("default", &sender.to_string());
        if sender % 5 == 0 {
            bed.revoke("default", &(sender - 1).to_string());
        }
        if sender % 7 == 0 {
            open(bed.dir.path()).revoke(&by(), &at("default", &sender.to_string()), NOW).unwrap();
        }
        let seen = bed.store.approved(&key("default")).unwrap();
        assert_eq!(list(&seen), list(&fresh()));
        held.push((list(&seen).len(), seen.clone()));
    }
    // A verdict that is being thought about is not changed meanwhile.
    assert!(held.iter().all(|(length, seen)| list(seen).len() == *length));
}

#[test]
fn a_revocation_takes_the_grant_out_of_every_file() {
    let bed = Bed::new();
    bed.write("telegram-allowFrom.json", r#"{ "version": 1, "allowFrom": ["tg:1", "1", "2"] }"#);
    bed.write("telegram-default-allowFrom.json", r#"{ "version": 1, "allowFrom": ["3", 1] }"#);
    bed.write("telegram-work-allowFrom.json", r#"{ "version": 1, "allowFrom": ["1"] }"#);
    assert_eq!(list(&bed.store.approved(&key("default")).unwrap()), ["1", "2", "3"]);
    assert!(bed.revoke("default", "1"));
    assert_eq!(list(&bed.store.approved(&key("default")).unwrap()), ["2", "3"]);
    assert!(bed.has("work", "1"));
    assert_eq!(bed.actions(), ["revoke"]);
}

#[test]
fn one_place_for_one_address() {
    let bed = Bed::new();
    let from = |sender: &str| {
        let knock = knock("default", sender);
        AccessRequest { address: Some("192.0.2.7".to_owned()), ..knock }
    };
    opened(bed.store.ask(&from("1"), PLACES, NOW).unwrap());
    assert!(matches!(bed.store.ask(&from("2"), PLACES, NOW).unwrap(), AskOutcome::Full));
    assert_eq!(bed.json("telegram-pairing.json")["requests"][0]["meta"]["address"], "192.0.2.7");
}

#[test]
fn case_047_a_decision_that_waited_for_the_lock_forgets_nobody_who_came_meanwhile() {
    let bed = Bed::new();
    let first = bed.opened("default", "1");
    let later = UnixMs(NOW.0 + 5_000);
    opened(bed.store.ask(&knock("default", "2"), MANY, later).unwrap());
    // Its time is from before the second came.
    bed.decide(&first, Decision::Approve).unwrap();
    let waiting = bed.store.waiting("telegram", later).unwrap();
    assert_eq!(waiting.len(), 1, "the second still waits");
    // But a clock that was set back is believed.
    let back = UnixMs(NOW.0 - HOUR);
    opened(bed.store.ask(&knock("default", "3"), MANY, back).unwrap());
    assert_eq!(bed.store.waiting("telegram", back).unwrap().len(), 1);
}

#[test]
fn case_047_a_sender_who_was_approved_meanwhile_gets_no_code() {
    let bed = Bed::new();
    bed.approve("default", "1");
    assert!(matches!(
        bed.store.ask(&knock("default", "1"), MANY, NOW).unwrap(),
        AskOutcome::Approved
    ));
    assert!(matches!(
        bed.store.ask(&knock("work", "1"), MANY, NOW).unwrap(),
        AskOutcome::Opened { .. }
    ));
    assert_eq!(bed.waiting(), ["1"]);
}
