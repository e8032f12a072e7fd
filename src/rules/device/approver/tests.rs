//! The table of the approvers, row by row and column by column.

use openclaw_plugin_sdk::{AccountId, ChatKind, Link, SenderId, UnixMs};

use super::*;
use crate::{
    authority::Rights,
    device::{identity::DeviceKey, request::Described},
    owner::{Owner, Owners, Writer, recognise},
};

fn request(roles: &[Role], scopes: &[Scope], commands: &[&str]) -> DeviceRequest {
    let key = DeviceKey::from_raw([1; 32]);
    DeviceRequest {
        id: crate::device::request::DeviceRequestId::parse("r").unwrap(),
        device: key.id(),
        key,
        asked: RequestedRights {
            roles: roles.iter().copied().collect(),
            scopes: Scopes::of(scopes),
            commands: commands.iter().map(|command| (*command).to_owned()).collect(),
            ..RequestedRights::default()
        },
        described: Described::default(),
        profile: None,
        words: None,
        repair: false,
        asked_at: UnixMs(0),
        refreshed_at: UnixMs(0),
    }
}

fn host() -> DeviceApprover {
    DeviceApprover::of(&Approver::on_host(0), Listed::Nothing)
}

fn owner(listed: Listed) -> DeviceApprover {
    let (account, sender) = (AccountId::default_account(), SenderId::new("7").unwrap());
    let owner = Owner { channel: "telegram".to_owned(), sender: sender.clone() };
    let owners = Owners([owner].into());
    let writer = Writer {
        channel: "telegram",
        account: &account,
        sender: &sender,
        link: Link::Private,
        console: false,
    };
    let proof = recognise(&owners, &Owners::default(), writer, ChatKind::Direct).unwrap();
    DeviceApprover::of(&Approver::in_chat(&proof).unwrap(), listed)
}

fn session(scopes: &[Scope]) -> DeviceApprover {
    DeviceApprover::of_session(&Rights::of_test(Role::Operator, Scopes::of(scopes), None), "a")
        .unwrap()
}

const PAIRING: [Scope; 1] = [Scope::Pairing];
const YES: Result<(), Denied> = Ok(());
const DENIED: Result<(), Denied> = Err(Denied::NotYours);

#[test]
fn case_002_case_003_case_004_one_table_for_every_path() {
    let node = request(&[Role::Node], &[], &["camera.list"]);
    let exec = request(&[Role::Node], &[], &["camera.list", "system.run"]);
    let limited = request(&[Role::Operator], &[Scope::Read, Scope::Write], &[]);
    let admin = request(&[Role::Operator], &[Scope::Admin], &[]);
    let full = DeviceRequest { profile: Some(Profile::Full), ..admin.clone() };
    let cut = DeviceRequest { profile: Some(Profile::Limited), ..admin.clone() };
    let pairing = request(&[Role::Operator], &PAIRING, &[]);
    let full_pairing = DeviceRequest { profile: Some(Profile::Full), ..pairing.clone() };
    let lacks = |scope| Err(Denied::Scope(scope));
    let listing = owner(Listed::Commands);
    let silent = owner(Listed::Nothing);
    let boss = session(&[Scope::Admin]);
    let clerk = session(&PAIRING);
    let reader = session(&[Scope::Pairing, Scope::Write]);
    let table = [
        (&host(), &node, YES),
        (&host(), &exec, YES),
        (&host(), &limited, YES),
        (&host(), &admin, YES),
        (&host(), &pairing, YES),
        (&listing, &node, YES),
        (&silent, &node, YES),
        (&listing, &exec, YES),
        (&silent, &exec, DENIED),
        (&listing, &limited, YES),
        (&listing, &admin, lacks(Scope::Admin)),
        (&listing, &cut, lacks(Scope::Admin)),
        (&listing, &full, YES),
        (&listing, &pairing, lacks(Scope::Pairing)),
        (&listing, &full_pairing, lacks(Scope::Pairing)),
        (&boss, &node, YES),
        (&boss, &exec, YES),
        (&boss, &limited, YES),
        (&boss, &admin, YES),
        (&boss, &pairing, YES),
        (&clerk, &node, DENIED),
        (&clerk, &exec, DENIED),
        (&clerk, &limited, lacks(Scope::Read)),
        (&reader, &limited, YES),
        (&reader, &admin, lacks(Scope::Admin)),
        (&clerk, &pairing, YES),
    ];
    for (at, (approver, request, expected)) in table.into_iter().enumerate() {
        assert_eq!(approver.may_approve(request), expected, "row {at}: {approver:?} {request:?}");
    }
}

#[test]
fn case_016_no_other_right_makes_an_approver() {
    let others: Vec<_> =
        Scope::ALL.into_iter().filter(|s| !matches!(s, Scope::Admin | Scope::Pairing)).collect();
    assert!(
        DeviceApprover::of_session(
            &Rights::of_test(Role::Operator, Scopes::of(&others), None),
            "a"
        )
        .is_none()
    );
    assert!(
        DeviceApprover::of_session(&Rights::of_test(Role::Operator, Scopes::NONE, None), "a")
            .is_none()
    );
    assert!(
        DeviceApprover::of_session(
            &Rights::of_test(Role::Node, Scopes::of(&Scope::ALL), None),
            "a"
        )
        .is_none()
    );
}

#[test]
fn a_device_decides_about_no_other_device() {
    let request = request(&[Role::Operator], &PAIRING, &[]);
    let other = DeviceKey::from_raw([2; 32]).id();
    let at = |scopes: &[Scope], device: &DeviceId| {
        DeviceApprover::of_session(
            &Rights::of_test(Role::Operator, Scopes::of(scopes), Some(device.clone())),
            "a",
        )
        .unwrap()
    };
    let own = request.device.clone();
    assert_eq!(at(&PAIRING, &other).may_approve(&request), DENIED);
    assert_eq!(at(&PAIRING, &other).may_manage(&own, Scopes::NONE), DENIED);
    assert_eq!(at(&PAIRING, &own).may_approve(&request), YES);
    let admin = Scopes::of(&[Scope::Admin]);
    assert_eq!(at(&PAIRING, &own).may_manage(&own, admin), YES);
    assert_eq!(at(&[Scope::Admin], &other).may_approve(&request), YES);
}

#[test]
fn case_016_the_shared_secret_manages_no_administrators_device_without_that_right() {
    let device = DeviceKey::from_raw([1; 32]).id();
    let lacks = |scope| Err(Denied::Scope(scope));
    let table: &[(&[Scope], &[Scope], _)] = &[
        (&[Scope::Pairing], &[], YES),
        (&[Scope::Pairing], &[Scope::Pairing], YES),
        (&[Scope::Pairing], &[Scope::Admin], lacks(Scope::Admin)),
        (&[Scope::Pairing], &[Scope::Read], YES),
        (&[Scope::Pairing, Scope::Write], &[Scope::Read], YES),
        (&[Scope::Admin], &[Scope::Admin], YES),
    ];
    for (scopes, held, expected) in table {
        let held = Scopes::of(held);
        assert_eq!(session(scopes).may_manage(&device, held), *expected, "{scopes:?} {held:?}");
    }
}

#[test]
fn case_006_case_007_a_rotation_widens_nothing() {
    let device = DeviceKey::from_raw([1; 32]).id();
    let admin = Scopes::of(&[Scope::Admin]);
    let read = Scopes::of(&[Scope::Read]);
    let rotate = |who: &DeviceApprover, approved, role, wished| {
        who.may_rotate(&device, approved, role, wished)
    };
    let (operator, lacks) = (Role::Operator, |scope| Err(Denied::Scope(scope)));
    let clerk = session(&PAIRING);
    assert_eq!(rotate(&clerk, Some(admin), operator, admin), lacks(Scope::Admin));
    assert_eq!(rotate(&clerk, Some(read), operator, read), lacks(Scope::Read));
    assert_eq!(rotate(&clerk, Some(Scopes::NONE), Role::Node, admin), Ok(Scopes::NONE));
    let boss = session(&[Scope::Admin]);
    assert_eq!(rotate(&boss, Some(admin), operator, read), Ok(read));
    assert_eq!(rotate(&boss, Some(read), operator, admin), lacks(Scope::Admin));
    for who in [&boss, &host(), &owner(Listed::Commands)] {
        assert_eq!(rotate(who, None, operator, read), Err(Denied::NotYours), "no such role");
        assert_eq!(rotate(who, Some(Scopes::NONE), operator, read), lacks(Scope::Read));
    }
    assert_eq!(rotate(&host(), Some(admin), operator, admin), Ok(admin));
}

#[test]
fn every_denial_names_what_was_denied() {
    let acts =
        [Act::Approve, Act::Reject, Act::Remove, Act::Rename, Act::RevokeToken, Act::RotateToken];
    let texts = acts.map(Act::denial);
    assert_eq!(
        texts,
        [
            "device pairing approval denied",
            "device pairing rejection denied",
            "device pairing removal denied",
            "device pairing rename denied",
            "device token revocation denied",
            "device token rotation denied",
        ]
    );
}

#[test]
fn case_004_a_node_of_the_legacy_store_is_no_exception() {
    let exec = ["camera.list".to_owned(), "system.run".to_owned()];
    let plain = ["camera.list".to_owned()];
    let table = [
        (host(), YES, YES),
        (owner(Listed::Commands), YES, YES),
        (owner(Listed::Nothing), YES, DENIED),
        (session(&[Scope::Admin]), YES, YES),
        (session(&[Scope::Pairing, Scope::Write]), DENIED, DENIED),
    ];
    for (by, with_plain, with_exec) in &table {
        assert_eq!(by.may_approve_legacy(&plain), *with_plain, "{by:?}");
        assert_eq!(by.may_approve_legacy(&exec), *with_exec, "{by:?}");
        assert_eq!(by.may_approve_legacy(&[]), *with_plain, "{by:?}");
        assert_eq!(by.may_manage_legacy(), YES, "{by:?}");
    }
    let own = DeviceKey::from_raw([1; 32]).id();
    let at_device = |scopes: &[Scope]| {
        let (scopes, device) = (Scopes::of(scopes), Some(own.clone()));
        DeviceApprover::of_session(&Rights::of_test(Role::Operator, scopes, device), "a").unwrap()
    };
    assert_eq!(at_device(&PAIRING).may_manage_legacy(), DENIED);
    assert_eq!(at_device(&[Scope::Admin]).may_manage_legacy(), YES);
}
