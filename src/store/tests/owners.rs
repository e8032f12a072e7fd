//! Owners and the claim.

use super::*;
use crate::rules::claim::LIFETIME_MS;

fn owner(sender: &str) -> Owner {
    Owner { channel: "telegram".to_owned(), sender: id(sender) }
}

fn code(byte: u8) -> ClaimCode {
    ClaimCode::from_random([byte; 12])
}

#[test]
fn an_owner_is_added_and_removed_once() {
    let bed = Bed::new();
    assert!(bed.store.add_owner(&by(), &owner("1"), NOW).unwrap());
    assert!(!bed.store.add_owner(&by(), &owner("1"), NOW).unwrap());
    assert!(open(bed.dir.path()).owners().unwrap().names("telegram", &id("1")));
    let known = bed.store.known_owners().unwrap();
    assert_eq!((known.len(), known[0].how), (1, How::Added));
    assert!(bed.store.remove_owner(&by(), &owner("1"), NOW).unwrap());
    assert!(!bed.store.remove_owner(&by(), &owner("1"), NOW).unwrap());
    assert!(bed.store.owners().unwrap().is_empty());
    assert_eq!(bed.actions(), ["owner-add", "owner-remove"]);
}

#[test]
fn a_claim_code_works_once_and_only_the_newest() {
    let bed = Bed::new();
    bed.store.open_claim(&code(1), NOW).unwrap();
    bed.store.open_claim(&code(2), NOW).unwrap();
    let redeem = |code: &ClaimCode, who: &str, at| {
        bed.store.redeem_claim(code, &owner(who), UnixMs(at)).unwrap()
    };
    assert!(!redeem(&code(1), "7", NOW.0));
    assert!(!redeem(&code(2), "7", NOW.0 + LIFETIME_MS));
    assert!(redeem(&code(2), "7", NOW.0));
    assert!(!redeem(&code(2), "8", NOW.0) && !redeem(&code(2), "7", NOW.0));
    assert_eq!(bed.store.known_owners().unwrap()[0].how, How::Claimed);
    assert_eq!(bed.store.owners().unwrap().0, [owner("7")].into());
    assert_eq!(bed.actions(), ["claim-open", "claim-open", "claim"]);
    let file = bed.text("owners.json");
    assert!(!file.contains("digest") && !file.contains(&code(2).spell()));
}

#[test]
fn a_new_owner_waits_no_more() {
    let bed = Bed::new();
    let by_claim = bed.opened("default", "7");
    let by_hand = bed.opened("default", "8");
    let other = bed.opened("default", "9");
    bed.store.open_claim(&code(1), NOW).unwrap();
    assert!(bed.store.redeem_claim(&code(1), &owner("7"), NOW).unwrap());
    assert!(bed.store.add_owner(&by(), &owner("8"), NOW).unwrap());
    let waiting = bed.store.waiting("telegram", NOW).unwrap();
    let ids: Vec<_> = waiting.iter().map(|request| &request.id).collect();
    assert!(ids == [&other.id] && by_claim.id != by_hand.id);
}

#[test]
fn case_108_a_code_is_nowhere_but_in_the_request() {
    let bed = Bed::new();
    bed.store.open_claim(&code(9), NOW).unwrap();
    let request = bed.opened("default", "4711");
    let codes = [request.code.spell(), code(9).spell()];
    bed.decide(&request, Decision::Approve).unwrap();
    for (path, bytes) in bed.snapshot() {
        let text = String::from_utf8(bytes).unwrap();
        assert!(codes.iter().all(|code| !text.contains(code)), "{}", path.display());
    }
}

#[test]
fn case_039_of_many_who_redeem_one_code_one_does() {
    let bed = Bed::new();
    bed.store.open_claim(&code(1), NOW).unwrap();
    let dir = bed.dir.path();
    let redeemed: usize = std::thread::scope(|scope| {
        let redeem = |who: usize| {
            let store = open(dir);
            move || store.redeem_claim(&code(1), &owner(&who.to_string()), NOW).unwrap()
        };
        let all: Vec<_> = (1..=16).map(|who| scope.spawn(redeem(who))).collect();
        all.into_iter().map(|one| usize::from(one.join().unwrap())).sum()
    });
    assert_eq!((redeemed, bed.store.owners().unwrap().0.len()), (1, 1));
}
