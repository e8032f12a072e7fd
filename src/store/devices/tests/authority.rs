//! What was taken away while a change waited for the lock decides nothing any more.

use std::sync::{Barrier, mpsc};

use openclaw_plugin_sdk::{AccountId, ChatKind, Decision, Link};
use proptest::prelude::*;

use super::*;
use crate::{
    Decide, Store,
    access::Ends,
    rules::{
        AccountKey, Contact,
        authority::{Grounds, SecretMark},
        device::handshake::SecretKind,
        owner::{Owner, Owners, Writer, recognise},
        pairing::{AccessRequest, AskOutcome, Places, RequestId, WhenFull},
        ticket::{Ticket, TicketKind},
    },
};

const PLACES: Places = Places { max_pending: 8, when_full: WhenFull::Ignore };

const ADMIN: [Scope; 1] = [Scope::Admin];

fn secret(text: &str) -> SecretMark {
    SecretMark::new(SecretKind::Token, Some(TokenDigest::of(text)))
}

fn owner() -> Owner {
    Owner { channel: "telegram".to_owned(), sender: SenderId::new("7").unwrap() }
}

/// The owner, in a direct chat.
fn in_chat() -> Approver {
    let (account, owner) = (AccountId::default_account(), owner());
    let writer = Writer {
        channel: "telegram",
        account: &account,
        sender: &owner.sender,
        link: Link::Private,
        console: false,
    };
    let owners = Owners([owner.clone()].into());
    let proof = recognise(&owners, &Owners::default(), writer, ChatKind::Direct).unwrap();
    Approver::in_chat(&proof).unwrap()
}

fn contact(sender: &str) -> Contact {
    let key = AccountKey::default_of("telegram");
    Contact { key, sender: SenderId::new(sender).unwrap() }
}

fn knocks(store: &Store, sender: &str) -> RequestId {
    let Contact { key, sender } = contact(sender);
    let knock = AccessRequest {
        key,
        sender,
        meta: BTreeMap::new(),
        address: None,
        claims: None,
        first: None,
    };
    match store.ask(&knock, PLACES, NOW).unwrap() {
        AskOutcome::Opened { request, .. } => request.id,
        _ => panic!("nothing was opened"),
    }
}

/// How a person has the right to decide, and how they lose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    Remove,
    Revoke,
    Rotate,
    Secret,
    SecretOfDevice,
    Owner,
    ConfiguredOwner,
}

const LOSSES: [Loss; 7] = [
    Loss::Remove,
    Loss::Revoke,
    Loss::Rotate,
    Loss::Secret,
    Loss::SecretOfDevice,
    Loss::Owner,
    Loss::ConfiguredOwner,
];

impl Loss {
    /// Who decides, and is about to lose the right to it.
    fn approver(self) -> Approver {
        let own = rights(1, &ADMIN);
        let shown = Shown::Secret(secret("old"));
        let over = |rights: Rights| Approver::over_socket(&rights, "them").unwrap();
        match self {
            Self::Remove | Self::Revoke | Self::Rotate => over(own),
            Self::Secret => over(Rights { device: None, shown, ..own }),
            Self::SecretOfDevice => over(Rights { shown, ..own }),
            Self::Owner | Self::ConfiguredOwner => in_chat(),
        }
    }

    fn prepare(self, bed: &Bed) {
        let mut owners = Owners::default();
        match self {
            Self::Owner => drop(bed.store.add_owner(&Approver::on_host(1), &owner(), NOW).unwrap()),
            Self::ConfiguredOwner => owners = Owners([owner()].into()),
            _ => {}
        }
        bed.store.rely_on(Grounds { owners, secret: Some(secret("old")) });
    }

    /// The right goes; another process does that where it can.
    fn happens(self, bed: &Bed) {
        let (other, id) = (bed.other(), key(1).id());
        match self {
            Self::Remove | Self::SecretOfDevice => {
                other.remove_device(&host(), &id, NOW).unwrap().unwrap();
            }
            Self::Revoke => {
                other.revoke_token(&host(), &id, Role::Operator, NOW).unwrap().unwrap();
            }
            Self::Rotate => {
                let change = (Role::Operator, None, &token(66));
                other.rotate_token(&host(), &id, change, NOW).unwrap().unwrap();
            }
            Self::Owner => {
                assert!(other.remove_owner(&Approver::on_host(1), &owner(), NOW).unwrap());
            }
            Self::Secret => {
                bed.store.rely_on(Grounds { secret: Some(secret("new")), ..Grounds::default() });
            }
            Self::ConfiguredOwner => {
                bed.store.rely_on(Grounds { secret: Some(secret("old")), ..Grounds::default() });
            }
        }
    }

    /// The line that says so; a change of the configuration has none.
    fn line(self) -> Option<&'static str> {
        match self {
            Self::Remove | Self::SecretOfDevice => Some("device-remove"),
            Self::Revoke => Some("token-revoke"),
            Self::Rotate => Some("token-rotate"),
            Self::Owner => Some("owner-remove"),
            Self::Secret | Self::ConfiguredOwner => None,
        }
    }
}

/// Every decision, each about something of its own.
const DEEDS: usize = 21;

fn deed(bed: &Bed, by: &Approver, which: usize) -> Result<(), StoreError> {
    let (store, of, own) = (&bed.store, DeviceApprover::of(by, Listed::Commands), key(9).id());
    let at = |n: usize| contact(&format!("9{n}"));
    let waiting = |number| {
        let all = store.device_requests(NOW).unwrap();
        all.into_iter().find(|row| row.device == key(number).id()).unwrap()
    };
    let decide = |sender: &str, decision| {
        let requests = store.waiting("telegram", NOW).unwrap();
        let request = &requests.iter().find(|row| row.sender.as_str() == sender).unwrap().id;
        Decide {
            channel: "telegram",
            request: &request.clone(),
            decision,
            until: None,
            shown: None,
        }
        .run(store, by)
    };
    let words = (None, later(60_000));
    match which {
        0 => decide("50", Decision::Approve),
        1 => decide("51", Decision::Deny),
        2 => decide("52", Decision::Block),
        3 => store.add_owner(by, &Owner { channel: "a".into(), ..owner() }, NOW).map(drop),
        4 => store.remove_owner(by, &Owner { channel: "b".into(), ..owner() }, NOW).map(drop),
        5 => store.revoke(by, &contact("60"), NOW).map(drop),
        6 => store.block(by, &at(6), &Owners::default(), NOW).map(drop),
        7 => store.unblock(by, &contact("61"), NOW).map(drop),
        8 => store.annotate(by, &at(8), Some("a"), NOW).map(drop),
        9 => store.extend(by, &contact("62"), Ends::default(), NOW).map(drop),
        10 => {
            let code = Ticket::from_random(TicketKind::Invitation, [7; 12]);
            store.invite(by, &code, words, NOW).map(drop)
        }
        11 => store.uninvite(by, "none", NOW).map(drop),
        12 => {
            let row = waiting(2);
            store.approve_device(&of, &row.id, row.revision(), NOW).map(drop)
        }
        13 => {
            let row = waiting(3);
            store.reject_device(&of, &row.id, row.revision(), NOW).map(drop)
        }
        14 => store.remove_device(&of, &key(8).id(), NOW).map(drop),
        15 => store.rename_device(&of, &own, "new", NOW).map(drop),
        16 => store.rotate_token(&of, &own, (Role::Operator, None, &token(70)), NOW).map(drop),
        17 => store.revoke_token(&of, &key(7).id(), Role::Operator, NOW).map(drop),
        18 => store.mint_code(&of, Profile::Limited, &token(71), NOW).map(drop),
        19 => store.cancel_codes(&of, None, NOW).map(drop),
        _ => {
            let mut act = || Ok(());
            store.while_holding(by.authority(), &mut act)
        }
    }
}

impl Decide<'_> {
    fn run(&self, store: &Store, by: &Approver) -> Result<(), StoreError> {
        store.decide(by, self, NOW).map(drop)
    }
}

/// What the deeds are about.
fn bed() -> Bed {
    let bed = Bed::new();
    for number in [1, 7, 8, 9] {
        bed.pairs(number, operator(&ADMIN));
    }
    for number in [2, 3] {
        bed.open_request(&wish(number, operator(&[Scope::Read])));
    }
    bed.mints(20);
    for sender in ["50", "51", "52"] {
        knocks(&bed.store, sender);
    }
    bed
}

#[test]
fn case_123_no_change_of_any_kind_is_made_without_a_right_that_was_lost() {
    for loss in LOSSES {
        let bed = bed();
        loss.prepare(&bed);
        let by = loss.approver();
        loss.happens(&bed);
        let before = bed.snapshot();
        for which in 0..DEEDS {
            let done = deed(&bed, &by, which);
            assert!(matches!(done, Err(StoreError::Withdrawn)), "{loss:?} {which} {done:?}");
        }
        assert_eq!(bed.snapshot(), before, "{loss:?}");
    }
}

#[test]
fn every_one_of_these_changes_is_made_with_the_right() {
    for loss in LOSSES {
        let bed = bed();
        loss.prepare(&bed);
        for which in 0..DEEDS {
            deed(&bed, &loss.approver(), which).unwrap();
        }
    }
}

#[test]
fn case_124_a_secret_that_was_changed_meanwhile_pairs_nobody_and_gives_no_tokens() {
    let bed = bed();
    let grounds = |text| Grounds { secret: Some(secret(text)), ..Grounds::default() };
    let (newcomer, fresh) = (wish(40, operator(&ADMIN)), [(Role::Operator, token(41))]);
    let (store, by) = (&bed.store, Authority::Newcomer(Shown::Secret(secret("old"))));
    let admit = || store.admit_device(&by, (&newcomer, ApprovedVia::Silent), &fresh, NOW);
    // A store that was told of no secret pairs nobody by one.
    assert!(matches!(admit(), Err(StoreError::Withdrawn)));
    store.rely_on(grounds("new"));
    assert!(matches!(admit(), Err(StoreError::Withdrawn)));
    let (shown, id) = (Shown::Secret(secret("old")), key(1).id());
    let known = Authority::Session(Rights { shown, ..rights(1, &ADMIN) });
    let issued = store.issue_tokens(&known, &id, &fresh, NOW);
    assert!(matches!(issued, Err(StoreError::Withdrawn)));
    store.rely_on(grounds("old"));
    assert!(admit().unwrap().is_some());
    assert!(store.issue_tokens(&known, &id, &fresh, NOW).unwrap().is_some());
    let stolen = Authority::Session(rights(1, &ADMIN));
    let again = store.issue_tokens(&stolen, &id, &fresh, NOW);
    assert!(matches!(again, Err(StoreError::Withdrawn)), "its token was replaced");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn case_123_case_124_after_the_line_that_takes_a_right_away_no_line_is_by_its_holder(
        which in 0..LOSSES.len(),
        // The calls that wait before the right goes.
        ahead in 0..64_usize,
    ) {
        let (loss, bed) = (LOSSES[which], bed());
        loss.prepare(&bed);
        let (by, start) = (loss.approver(), Barrier::new(65));
        let (done, finished) = mpsc::channel();
        let after = std::thread::scope(|scope| {
            let calls: Vec<_> = (0..64).map(|number| {
                let (bed, by, start, done) = (&bed, &by, &start, done.clone());
                scope.spawn(move || {
                    start.wait();
                    let note = format!("{number}");
                    let told = bed.store.annotate(by, &contact(&note), Some(&note), NOW);
                    done.send(()).unwrap();
                    told
                })
            }).collect();
            start.wait();
            finished.iter().take(ahead).for_each(drop);
            loss.happens(&bed);
            let lines = audit::show(&bed.store.state, usize::MAX).unwrap().len();
            for call in calls {
                let done = call.join().unwrap();
                // On a machine that is slow enough, the 64th waits in vain for the lock.
                let is_told = matches!(
                    done,
                    Ok(true) | Err(StoreError::Withdrawn | StoreError::Busy { .. })
                );
                prop_assert!(is_told, "{done:?}");
            }
            Ok(lines)
        })?;
        let lines = audit::show(&bed.store.state, usize::MAX).unwrap();
        let gone = match loss.line() {
            Some(action) => lines.iter().position(|line| line.action == action).unwrap(),
            None => after,
        };
        let late = lines[gone..].iter().filter(|line| line.actor == by.actor()).count();
        prop_assert_eq!(late, 0);
    }
}
