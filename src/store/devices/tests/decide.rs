//! Requests, decisions, and what becomes of rights.

use super::*;
use crate::rules::{
    authority::{Grounds, SecretMark},
    device::{approver::Denied, handshake::SecretKind, setup_code::Spent},
};

#[test]
fn a_phone_waits_is_approved_and_known_to_every_process() {
    let bed = Bed::new();
    let code = bed.mints(9);
    assert!(waits(redeems(&bed.store, 9, 1, NOW)));
    let request = bed.open_request(&coded(1, &token(9).digest(), Profile::Limited));
    assert_eq!((request.profile, request.words.is_some()), (Some(Profile::Limited), true));
    assert!(matches!(bed.store.device(&request.device).unwrap(), Known::Stranger));
    let device = bed.approves(&request).unwrap();
    assert_eq!(device.approved.scopes, Profile::Limited.scopes());
    assert!(matches!(
        redeems(&bed.store, 9, 1, NOW),
        Setup::Known(Ok(Standing::Approved { .. }), Profile::Limited)
    ));
    let fresh = [(Role::Node, token(1)), (Role::Operator, token(2))];
    bed.store.issue_tokens(&Authority::Host, &request.device, &fresh, NOW).unwrap().unwrap();
    let other = bed.other();
    let seen = known(&other, 1);
    assert!(seen.tokens[&Role::Operator].digest.matches(&token(2).digest()));
    assert!(seen.tokens[&Role::Node].scopes.is_empty());
    assert!(other.device_requests(NOW).unwrap().is_empty());
    assert_eq!(
        bed.actions(),
        ["code-mint", "code-bind", "device-request", "device-approve", "code-fetch", "token-issue"]
    );
    for name in ["devices/paired.json", "devices/bootstrap.json", "audit/access.jsonl"] {
        let text = bed.text(name);
        for number in [1, 2, 9] {
            assert!(!text.contains(&token(number).spell()), "{name}");
        }
    }
    assert!(!bed.text("audit/access.jsonl").contains(&token(1).digest().spell()));
    assert_eq!(bed.store.setup_codes().unwrap()[0].id, code.id);
    assert!(bed.store.verify(NOW).unwrap().is_whole());
}

#[test]
fn case_027_a_wider_request_is_another_one_and_the_old_id_says_so_in_every_process() {
    let bed = Bed::new();
    let first = bed.open_request(&wish(1, operator(&[Scope::Read])));
    let second = bed.open_request(&wish(1, operator(&[Scope::Read, Scope::Write])));
    let third = bed.open_request(&wish(1, operator(&[Scope::Admin])));
    for store in [&bed.store, &bed.other()] {
        for old in [&first, &second] {
            let decided = store.approve_device(&host(), &old.id, old.revision(), NOW).unwrap();
            assert_eq!(decided.unwrap_err(), Undecided::Superseded(third.id.clone()));
        }
        let decided = store.approve_device(&host(), &third.id, first.revision(), NOW).unwrap();
        assert_eq!(decided.unwrap_err(), Undecided::Changed);
    }
    assert!(matches!(bed.store.device(&first.device).unwrap(), Known::Stranger));
}

#[test]
fn case_034_case_040_an_approval_counts_once_and_for_its_own_device() {
    let bed = Bed::new();
    let device = bed.pairs(1, operator(&[Scope::Read]));
    let request = bed.open_request(&wish(2, operator(&[Scope::Write])));
    assert!(bed.approves(&request).is_ok());
    assert_eq!(bed.approves(&request).unwrap_err(), Undecided::Unknown);
    assert_eq!(bed.device(1).key, device.key);
    assert_eq!(bed.device(1).approved, device.approved);
    assert_eq!(bed.device(2).key, key(2));
    let approvals = bed.actions().iter().filter(|action| *action == "device-approve").count();
    assert_eq!(approvals, 2);
}

#[test]
fn case_068_a_revoked_role_comes_back_by_an_approval_only() {
    let bed = Bed::new();
    let id = bed.pairs(1, operator(&[Scope::Read])).id();
    let at = bed.store.revoke_token(&host(), &id, Role::Operator, NOW).unwrap().unwrap();
    assert_eq!(bed.store.revoke_token(&host(), &id, Role::Operator, later(9)).unwrap(), Ok(at));
    for store in [&bed.store, &bed.other()] {
        let fresh = [(Role::Operator, token(7))];
        assert!(store.issue_tokens(&Authority::Host, &id, &fresh, NOW).unwrap().is_none());
        let rotated = store.rotate_token(&host(), &id, (Role::Operator, None, &token(7)), NOW);
        assert_eq!(rotated.unwrap().unwrap_err(), Untouched::Denied(Denied::NotYours));
        let silently = (&wish(1, operator(&[Scope::Read])), ApprovedVia::Silent);
        let admitted = store.admit_device(&Authority::Host, silently, &fresh, NOW);
        assert!(admitted.unwrap().is_none());
    }
    assert!(!bed.device(1).may_be(Role::Operator));
    let request = bed.open_request(&wish(1, operator(&[Scope::Write])));
    bed.approves(&request).unwrap();
    assert!(bed.device(1).may_be(Role::Operator));
    assert!(!bed.device(1).approved.scopes.name(Scope::Read), "the revoked scopes are gone");
}

#[test]
fn case_070_a_removed_device_stays_removed_whatever_is_written_past_us() {
    let bed = Bed::new();
    let id = bed.pairs(1, operator(&[Scope::Read])).id();
    let before = bed.text("devices/paired.json");
    bed.open_request(&wish(1, operator(&[Scope::Write])));
    bed.store.remove_device(&host(), &id, NOW).unwrap().unwrap();
    assert!(bed.is_removed(1) && bed.store.device_requests(NOW).unwrap().is_empty());
    // A whole-file rewrite by another program brings the row back.
    bed.write("devices/paired.json", before);
    assert!(bed.is_removed(1) && bed.store.devices().unwrap().is_empty());
    let fresh = [(Role::Operator, token(1))];
    let silently = (&wish(1, operator(&[])), ApprovedVia::Silent);
    let admitted = bed.other().admit_device(&Authority::Host, silently, &fresh, NOW);
    assert!(admitted.unwrap().is_none());
    assert!(bed.store.issue_tokens(&Authority::Host, &id, &fresh, NOW).unwrap().is_none());
    // Only an owner lifts it, and the rights of before do not come with it.
    let request = bed.open_request(&wish(1, operator(&[Scope::Talk])));
    bed.approves(&request).unwrap();
    assert_eq!(bed.device(1).approved.scopes, Scopes::of(&[Scope::Talk]));
    assert!(bed.device(1).tokens.is_empty());
}

#[test]
fn a_code_dies_with_the_rights_of_its_device() {
    let bed = Bed::new();
    for (number, act) in ["remove", "rotate", "revoke", "reject"].into_iter().enumerate() {
        let number = u8::try_from(number).unwrap() + 1;
        bed.mints(number);
        assert!(waits(redeems(&bed.store, number, number, NOW)));
        let request = bed.open_request(&coded(number, &token(number).digest(), Profile::Limited));
        let id = request.device.clone();
        if act == "reject" {
            let (by, revision) = (host(), request.revision());
            bed.store.reject_device(&by, &request.id, revision, NOW).unwrap().unwrap();
        } else {
            bed.approves(&request).unwrap();
        }
        let fresh = [(Role::Operator, token(number + 50))];
        match act {
            "remove" => bed.store.remove_device(&host(), &id, NOW).unwrap().unwrap(),
            "rotate" => {
                bed.store.issue_tokens(&Authority::Host, &id, &fresh, NOW).unwrap().unwrap();
                let change = (Role::Operator, None, &token(99));
                let kept = bed.store.rotate_token(&host(), &id, change, NOW).unwrap().unwrap();
                assert_eq!(kept.scopes, Profile::Limited.scopes());
                let wide = (Role::Operator, Some(Scopes::of(&[Scope::Admin])), &token(98));
                let denied = bed.store.rotate_token(&host(), &id, wide, NOW).unwrap();
                assert!(matches!(denied, Err(Untouched::Denied(_))));
            }
            "revoke" => {
                let at = bed.store.revoke_token(&host(), &id, Role::Operator, NOW).unwrap();
                assert_eq!(at, Ok(NOW));
            }
            _ => {}
        }
        let shown = redeems(&bed.other(), number, number, NOW);
        assert!(matches!(shown, Setup::Known(Err(Spent::Cancelled), _)), "{act} {shown:?}");
    }
}

#[test]
fn a_user_who_may_only_pair_manages_their_own_device() {
    let bed = Bed::new();
    let own = bed.pairs(1, operator(&[Scope::Pairing])).id();
    let foreign = bed.pairs(2, operator(&[Scope::Read])).id();
    let by = pairer(1);
    let denied = Err(Untouched::Denied(Denied::NotYours));
    assert_eq!(bed.store.remove_device(&by, &foreign, NOW).unwrap(), denied);
    assert_eq!(bed.store.rename_device(&by, &foreign, "x", NOW).unwrap(), denied);
    bed.store.rename_device(&by, &own, "Mine", NOW).unwrap().unwrap();
    assert_eq!(known(&bed.other(), 1).label.as_deref(), Some("Mine"));
    let shared = Rights::of_test(Role::Operator, Scopes::of(&[Scope::Pairing]), None);
    let shared = DeviceApprover::of_session(&shared, "a").unwrap();
    let secret = Some(SecretMark::new(SecretKind::Token, None));
    bed.store.rely_on(Grounds { secret, ..Grounds::default() });
    let boss = bed.pairs(3, operator(&[Scope::Admin])).id();
    let denied = Untouched::Denied(Denied::Scope(Scope::Admin));
    assert_eq!(bed.store.remove_device(&shared, &boss, NOW).unwrap(), Err(denied.clone()));
    let revoked = bed.store.revoke_token(&shared, &boss, Role::Operator, NOW).unwrap();
    assert_eq!(revoked, Err(denied));
    let gone = key(7).id();
    assert_eq!(bed.store.remove_device(&shared, &gone, NOW).unwrap(), Err(Untouched::Unknown));
    assert_eq!(bed.store.remove_device(&host(), &gone, NOW).unwrap(), Err(Untouched::Unknown));
}

#[test]
fn case_126_without_the_list_of_removed_devices_no_device_is_known_or_admitted() {
    let bed = Bed::new();
    let device = bed.pairs(1, operator(&[Scope::Read])).id();
    bed.pairs(2, operator(&[Scope::Read]));
    bed.store.remove_device(&host(), &device, NOW).unwrap().unwrap();
    let path = bed.store.state.devices().join("removed.json");
    let whole = std::fs::read(&path).unwrap();
    for changed in [None, Some("{}"), Some("")] {
        std::fs::remove_file(&path).unwrap();
        if let Some(text) = changed {
            write(&path, text.as_bytes());
        }
        for store in [&bed.store, &bed.other()] {
            store.device(&device).unwrap_err();
            let wish = wish(1, operator(&[Scope::Read]));
            let fresh = [(Role::Operator, token(70))];
            store
                .admit_device(&Authority::Host, (&wish, ApprovedVia::Silent), &fresh, NOW)
                .unwrap_err();
        }
        assert!(!bed.store.verify(NOW).unwrap().is_whole());
        write(&path, &whole);
        assert!(matches!(bed.other().device(&device).unwrap(), Known::Removed));
    }
    assert!(bed.store.verify(NOW).unwrap().is_whole());
}
