//! The whole life of a permission: for a while, blocked, joined, invited; and what stays of it on disk.

use super::*;
use crate::{
    access::{Blocked, Ends},
    rules::{
        Contact,
        owner::Owners,
        records::Standing,
        ticket::{LINK_MS, Ticket, TicketKind},
    },
};

const DAY: u64 = 24 * HOUR;

fn later(ms: u64) -> UnixMs {
    UnixMs(NOW.0 + ms)
}

impl Bed {
    fn standing(&self, sender: &str, now: UnixMs) -> Standing {
        self.store.standing(&key("default"), &id(sender), now).unwrap()
    }

    fn rule(&self, request: &PairingRequest, decision: Decision, until: Option<UnixMs>) -> Outcome {
        let shown = request.displayed().revision;
        let (channel, shown) = ("telegram", Some(&*shown));
        let decide = Decide { channel, request: &request.id, decision, until, shown };
        self.store.decide(&by(), &decide, NOW).unwrap()
    }

    fn block(&self, sender: &str) -> Blocked {
        let who = at("default", sender);
        self.store.block(&by(), &who, &Owners::default(), NOW).unwrap()
    }

    fn note(&self, sender: &str) -> Option<String> {
        let index = self.store.records().unwrap();
        index.records().note("telegram", &id(sender)).map(str::to_owned)
    }

    fn link(&self, sender: &str, n: u8) -> Ticket {
        let link = Ticket::from_random(TicketKind::Link, [n; 12]);
        self.store.open_link(&at("default", sender), &link, NOW).unwrap();
        link
    }

    /// The request of a sender who shows a link.
    fn says_to_be(&self, sender: &str, link: &Ticket) -> PairingRequest {
        let claims = self.store.linked(link, NOW).unwrap().map(Box::new);
        assert!(claims.is_some());
        let knock = AccessRequest { claims, ..knock("default", sender) };
        opened(self.store.ask(&knock, MANY, NOW).unwrap())
    }
}

#[test]
fn a_grant_for_a_while_stands_in_no_list_of_the_field_and_ends() {
    let bed = Bed::new();
    let request = bed.opened("default", "1");
    assert!(matches!(bed.rule(&request, Decision::Approve, Some(later(DAY))), Outcome::Done(_)));
    assert!(!bed.has("default", "1") && bed.waiting().is_empty());
    assert_eq!(bed.standing("1", later(DAY - 1)), Standing::Granted);
    assert_eq!(bed.standing("1", later(DAY)), Standing::Unknown);
    assert!(matches!(bed.store.ask(&knock("default", "1"), MANY, NOW), Ok(AskOutcome::Approved)));
    let again = bed.store.ask(&knock("default", "1"), MANY, later(DAY)).unwrap();
    assert!(matches!(again, AskOutcome::Opened { .. }), "an ended grant is a stranger's");
    assert!(
        bed.store
            .extend(
                &by(),
                &at("default", "1"),
                Ends { was: None, until: Some(later(2 * DAY)) },
                later(DAY)
            )
            .unwrap()
    );
    assert_eq!(bed.standing("1", later(2 * DAY - 1)), Standing::Granted);
    assert!(bed.store.waiting("telegram", later(DAY)).unwrap().is_empty(), "and waits no more");
    assert!(bed.revoke("default", "1"));
    assert_eq!(bed.standing("1", later(DAY)), Standing::Unknown);
    assert!(bed.store.verify(later(DAY)).unwrap().is_whole());
}

#[test]
fn case_071_a_block_takes_grants_and_requests_with_it_and_holds_until_it_is_taken_away() {
    let bed = Bed::new();
    bed.approve("default", "1");
    bed.approve("work", "1");
    let request = bed.opened("default", "2");
    assert!(matches!(bed.rule(&request, Decision::Block, None), Outcome::Done(_)));
    assert!(matches!(bed.block("1"), Blocked::Done(_)));
    assert_eq!(bed.block("1"), Blocked::Already);
    for sender in ["1", "2"] {
        assert_eq!(bed.standing(sender, NOW), Standing::Blocked);
        assert!(!bed.has("default", sender) && !bed.has("work", sender));
        assert!(matches!(bed.store.ask(&knock("work", sender), MANY, NOW), Ok(AskOutcome::Denied)));
    }
    assert!(bed.waiting().is_empty());
    assert_eq!(bed.store.unblock(&by(), &at("default", "1"), NOW).unwrap().len(), 1);
    assert_eq!(bed.standing("1", NOW), Standing::Unknown, "an end of a block lets nobody in");
    assert!(!bed.has("default", "1"));
    let decisions = bed.actions().into_iter().filter(|action| action != "request");
    let decisions: Vec<_> = decisions.collect();
    assert_eq!(decisions, ["approve", "approve", "block", "block", "unblock"], "case_117");
}

#[test]
fn case_018_an_owner_is_not_blocked() {
    let bed = Bed::new();
    let owner = Owner { channel: "telegram".to_owned(), sender: id("1") };
    let configured = Owners([owner.clone()].into());
    let who = at("work", "1");
    assert_eq!(bed.store.block(&by(), &who, &configured, NOW).unwrap(), Blocked::Owner);
    bed.store.add_owner(&by(), &owner, NOW).unwrap();
    assert_eq!(bed.block("1"), Blocked::Owner);
    assert_eq!(bed.standing("1", NOW), Standing::Unknown);
}

#[test]
fn case_086_joined_ids_are_revoked_and_blocked_together() {
    let bed = Bed::new();
    bed.approve("default", "1");
    let request = bed.says_to_be("2", &bed.link("1", 7));
    assert_eq!(request.claims.as_deref(), Some(&at("default", "1")));
    assert_eq!(bed.standing("2", NOW), Standing::Unknown, "only an approval joins");
    assert!(matches!(bed.rule(&request, Decision::Approve, None), Outcome::Done(_)));
    for sender in ["1", "2"] {
        assert_eq!(bed.standing(sender, NOW), Standing::Granted);
        assert!(!bed.has("default", sender), "other readers know of no joined ids");
    }
    assert_eq!(bed.store.revoke(&by(), &at("default", "2"), NOW).unwrap().len(), 2);
    assert_eq!(bed.standing("1", NOW), Standing::Unknown);

    bed.approve("default", "1");
    let request = bed.says_to_be("2", &bed.link("1", 8));
    assert!(matches!(bed.rule(&request, Decision::Approve, None), Outcome::Done(_)));
    assert!(matches!(bed.block("1"), Blocked::Done(ids) if ids.len() == 2));
    assert_eq!(bed.standing("2", NOW), Standing::Blocked);
    assert_eq!(bed.store.unblock(&by(), &at("default", "2"), NOW).unwrap().len(), 2);
}

#[test]
fn a_link_is_used_once_within_ten_minutes_and_says_nothing_of_the_revoked() {
    let bed = Bed::new();
    bed.approve("default", "1");
    let link = bed.link("1", 7);
    assert!(bed.store.linked(&link, later(LINK_MS)).unwrap().is_none());
    let request = bed.says_to_be("2", &link);
    assert!(bed.store.linked(&link, NOW).unwrap().is_none(), "once");
    assert!(bed.revoke("default", "1"));
    assert!(bed.waiting().is_empty(), "a claim to be them needs a new request");
    assert!(matches!(bed.rule(&request, Decision::Approve, None), Outcome::Gone));
}

#[test]
fn a_link_replaces_the_request_that_said_less() {
    let bed = Bed::new();
    bed.approve("default", "1");
    let first = bed.opened("default", "2");
    let second = bed.says_to_be("2", &bed.link("1", 7));
    assert_eq!(bed.waiting(), ["2"]);
    assert!(matches!(bed.rule(&first, Decision::Approve, None), Outcome::Gone));
    assert!(matches!(bed.rule(&second, Decision::Approve, None), Outcome::Done(_)));
}

#[test]
fn an_invitation_lets_one_bearer_in_once() {
    let bed = Bed::new();
    let code = Ticket::from_random(TicketKind::Invitation, [9; 12]);
    let note = (Some("for Ann"), later(DAY * 9));
    let name = bed.store.invite(&by(), &code, note, NOW).unwrap();
    let link = Ticket::from_random(TicketKind::Link, [9; 12]);
    assert!(bed.store.accept(&link, &at("default", "1"), NOW).unwrap().is_none());
    assert!(bed.store.accept(&code, &at("default", "1"), later(DAY)).unwrap().is_none(), "a day");
    bed.block("3");
    assert!(bed.store.accept(&code, &at("default", "3"), NOW).unwrap().is_none());
    bed.opened("default", "1");
    let accepted = bed.store.accept(&code, &at("default", "1"), NOW).unwrap().unwrap();
    assert_eq!((accepted.id, accepted.note.as_deref()), (name.clone(), Some("for Ann")));
    assert!(bed.waiting().is_empty());
    assert_eq!(bed.standing("1", NOW), Standing::Granted);
    assert_eq!(bed.note("1").as_deref(), Some("for Ann"));
    assert!(bed.store.accept(&code, &at("default", "2"), NOW).unwrap().is_none(), "once");
    assert!(!bed.store.uninvite(&by(), &name, NOW).unwrap());
    let again = Ticket::from_random(TicketKind::Invitation, [8; 12]);
    let name = bed.store.invite(&by(), &again, (None, later(HOUR)), NOW).unwrap();
    assert!(bed.store.uninvite(&by(), &name, NOW).unwrap());
    assert!(bed.store.accept(&again, &at("default", "2"), NOW).unwrap().is_none());
}

#[test]
fn an_owners_own_note_stays_when_an_invitation_is_accepted() {
    let bed = Bed::new();
    let code = Ticket::from_random(TicketKind::Invitation, [9; 12]);
    bed.store.invite(&by(), &code, (Some("for Ann"), later(HOUR)), NOW).unwrap();
    bed.store.annotate(&by(), &at("default", "1"), Some("the neighbour"), NOW).unwrap();
    bed.store.accept(&code, &at("default", "1"), NOW).unwrap().unwrap();
    assert_eq!(bed.note("1").as_deref(), Some("the neighbour"));
}

#[test]
fn no_code_stands_in_the_files() {
    let bed = Bed::new();
    bed.approve("default", "1");
    let link = bed.link("1", 7);
    let code = Ticket::from_random(TicketKind::Invitation, [9; 12]);
    bed.store.invite(&by(), &code, (None, later(HOUR)), NOW).unwrap();
    let text = std::fs::read_to_string(bed.store.state.access_records()).unwrap();
    for ticket in [link, code] {
        let (_, secret) =
            ticket.spell().split_once('-').map(|(a, b)| (a.len(), b.to_owned())).unwrap();
        assert!(!text.contains(&secret));
    }
}

#[test]
fn case_044_records_that_cannot_be_read_stop_the_account_and_stay_as_they_are() {
    let bed = Bed::new();
    bed.approve("default", "1");
    bed.block("2");
    let path = bed.store.state.access_records();
    for text in ["", "{", r#"{"version":2}"#, r#"{"version":1,"block":[]}"#] {
        write(&path, text.as_bytes());
        assert!(matches!(bed.store.readable(&key("default")), Err(StoreError::Damaged { .. })));
        assert!(matches!(
            bed.store.unblock(&by(), &at("default", "2"), NOW),
            Err(StoreError::Damaged { .. })
        ));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn a_note_and_the_holders_say_who_is_who() {
    let bed = Bed::new();
    bed.approve("default", "1");
    let request = bed.opened("work", "2");
    bed.rule(&request, Decision::Approve, Some(later(DAY)));
    assert!(bed.store.annotate(&by(), &at("default", "1"), Some("Ann"), NOW).unwrap());
    assert!(!bed.store.annotate(&by(), &at("default", "1"), Some("Ann"), NOW).unwrap());
    let records = bed.store.records().unwrap();
    assert_eq!(records.records().note("telegram", &id("1")), Some("Ann"));
    let holders = bed.store.grants_report(Some("telegram"), NOW).unwrap();
    let shown: Vec<(Contact, Option<UnixMs>, Option<&str>)> = holders
        .iter()
        .map(|holder| (holder.contact.clone(), holder.until, holder.by.as_deref()))
        .collect();
    assert_eq!(
        shown,
        [
            (at("default", "1"), None, Some("uid:1000")),
            (at("work", "2"), Some(later(DAY)), Some("uid:1000"))
        ]
    );
    assert!(bed.store.grants_report(Some("webchat"), NOW).unwrap().is_empty());
}

#[test]
fn a_clock_set_back_by_an_hour_makes_no_guest_a_stranger_and_the_list_agrees() {
    let bed = Bed::new();
    let request = bed.opened("default", "2");
    bed.rule(&request, Decision::Approve, Some(later(DAY)));
    for back in [0, 1, 3_600_000, 7 * DAY] {
        let now = UnixMs(NOW.0 - back);
        for store in [&bed.store, &open(bed.dir.path())] {
            let standing = store.standing(&key("default"), &id("2"), now).unwrap();
            assert_eq!(standing, Standing::Granted, "{back}");
            let listed = store.grants_report(None, now).unwrap().remove(0);
            assert_eq!(listed.until, Some(UnixMs(now.0 + DAY)), "{back}");
        }
    }
}

#[test]
fn leave_that_no_line_explains_is_named() {
    let bed = Bed::new();
    bed.approve("default", "1");
    let request = bed.says_to_be("2", &bed.link("1", 7));
    bed.rule(&request, Decision::Approve, None);
    let code = Ticket::from_random(TicketKind::Invitation, [9; 12]);
    bed.store.invite(&by(), &code, (None, later(HOUR)), NOW).unwrap();
    bed.store.accept(&code, &at("work", "3"), NOW).unwrap().unwrap();
    assert_eq!(bed.store.verify(NOW).unwrap().unexplained, []);
    let path = bed.store.state.access_records();
    let text = std::fs::read_to_string(&path).unwrap().replace("\"3\"", "\"4\"");
    write(&path, text.as_bytes());
    let report = bed.store.verify(NOW).unwrap();
    assert_eq!(report.unexplained, [audit::verify::Unexplained::Grant(at("work", "4"))]);
    assert!(!report.is_whole());
}

#[test]
fn case_035_what_was_not_shown_is_not_decided() {
    let bed = Bed::new();
    let request = bed.opened("default", "1");
    let decide = |shown: &str, decision| {
        let until = None;
        let (channel, request, shown) = ("telegram", &request.id, Some(shown));
        let decide = Decide { channel, request, decision, until, shown };
        bed.store.decide(&by(), &decide, NOW).unwrap()
    };
    for decision in [Decision::Approve, Decision::Block, Decision::Deny] {
        assert!(matches!(decide("another", decision), Outcome::Changed));
    }
    assert_eq!(bed.store.waiting("telegram", NOW).unwrap().len(), 1, "nothing was changed");
    assert!(matches!(decide(&request.displayed().revision, Decision::Deny), Outcome::Done(_)));
}

#[test]
fn an_id_that_the_platform_vouches_for_has_the_same_access_and_no_second_one_has() {
    let bed = Bed::new();
    let (one, other) = (at("default", "10"), at("default", "11"));
    let vouched = |who: &Contact| bed.store.join_vouched(who, &[id("1")], NOW).unwrap();
    assert_eq!(vouched(&one), None, "nobody has approved the other id");
    let request = bed.opened("default", "1");
    bed.rule(&request, Decision::Approve, Some(later(DAY)));
    assert_eq!(vouched(&one), Some(at("default", "1")));
    assert_eq!(bed.standing("1", NOW), Standing::Unknown, "alone it opens nothing any more");
    let listed = bed.store.approved(&key("default")).unwrap();
    assert!(!listed.names(&id("1")));
    assert!(bed.store.verify(NOW).unwrap().is_whole());
    assert_eq!(bed.standing("10", later(DAY - 1)), Standing::Granted);
    assert_eq!(bed.standing("10", later(DAY)), Standing::Unknown, "and no longer");
    assert_eq!((vouched(&one), vouched(&other)), (None, None), "it belongs to the first");
    assert!(matches!(bed.block("1"), Blocked::Done(ids) if ids.len() == 2));
    assert_eq!(bed.standing("10", NOW), Standing::Blocked);
    assert_eq!(vouched(&other), None);
}

#[test]
fn an_id_and_a_number_of_one_person_are_revoked_and_blocked_by_either() {
    for (way, asked) in [("revoke", "1"), ("revoke", "10"), ("block", "1"), ("block", "10")] {
        let bed = Bed::new();
        bed.approve("default", "10");
        // The number was approved too, by a list of old.
        bed.approve("default", "1");
        let vouched =
            |who: &str, now| bed.store.join_vouched(&at("default", who), &[id("1")], now).unwrap();
        assert_eq!(vouched("10", NOW), Some(at("default", "1")), "{way} {asked}");
        assert_eq!(vouched("10", NOW), None, "nothing is done twice");
        assert!(bed.has("default", "10") && !bed.has("default", "1"), "alone it opens nothing");
        assert_eq!(vouched("11", NOW), None, "it belongs to the first");
        if way == "revoke" {
            assert!(bed.revoke("default", asked), "{asked}");
        } else {
            assert!(matches!(bed.block(asked), Blocked::Done(ids) if ids.len() == 2), "{asked}");
        }
        let listed = bed.store.approved(&key("default")).unwrap();
        for sender in ["1", "10"] {
            assert!(bed.standing(sender, NOW) != Standing::Granted && !listed.names(&id(sender)));
        }
        assert_eq!(vouched("10", NOW), None, "{way} {asked}: a stranger again");
        assert!(bed.store.verify(NOW).unwrap().is_whole());
    }
}

#[test]
fn nothing_is_joined_to_a_stranger_or_to_a_person_who_is_blocked() {
    let bed = Bed::new();
    let vouched = || bed.store.join_vouched(&at("default", "10"), &[id("1")], NOW).unwrap();
    assert_eq!(vouched(), None, "a stranger");
    bed.approve("default", "10");
    assert!(matches!(bed.block("1"), Blocked::Done(_)));
    assert_eq!(vouched(), None, "a blocked number");
    assert!(matches!(bed.block("10"), Blocked::Done(_)));
    assert_eq!(vouched(), None);
}
