//! What approvals, tokens and revocations leave of a device's rights.

use super::*;
use crate::device::{request::DeviceRequestId, role::Scope};

fn request(at: u8, roles: &[Role], scopes: &[Scope]) -> DeviceRequest {
    let key = DeviceKey::from_raw([at; 32]);
    DeviceRequest {
        id: DeviceRequestId::parse("r").unwrap(),
        device: key.id(),
        key,
        asked: RequestedRights {
            roles: roles.iter().copied().collect(),
            scopes: Scopes::of(scopes),
            ..RequestedRights::default()
        },
        described: Described { platform: Some("iOS 18.0.0".to_owned()), ..Described::default() },
        profile: None,
        words: None,
        repair: false,
        asked_at: UnixMs(0),
        refreshed_at: UnixMs(0),
    }
}

fn device(roles: &[Role], scopes: &[Scope]) -> Device {
    Device::approve(None, &request(1, roles, scopes), ApprovedVia::Owner, UnixMs(1)).unwrap()
}

#[test]
fn case_034_an_approval_never_changes_a_key() {
    let known = device(&[Role::Operator], &[Scope::Read]);
    let other = request(2, &[Role::Operator], &[Scope::Admin]);
    let grant = |known, request| Device::approve(known, request, ApprovedVia::Owner, UnixMs(2));
    assert!(grant(Some(known.clone()), &other).is_none());
    let borrowed = DeviceRequest { device: known.id(), ..other.clone() };
    assert!(grant(Some(known), &borrowed).is_none());
    assert!(grant(None, &borrowed).is_none(), "an id that is not the key's");
}

#[test]
fn an_approval_adds_and_ends_the_tokens_of_its_roles() {
    let mut known = device(&[Role::Operator], &[Scope::Read]);
    let token = Token::from_random([1; 32]);
    assert!(known.issue(&token, Role::Operator, UnixMs(2)));
    let node = request(1, &[Role::Node], &[]);
    let both = Device::approve(Some(known), &node, ApprovedVia::Owner, UnixMs(3)).unwrap();
    assert_eq!(both.approved.roles, [Role::Node, Role::Operator].into());
    assert_eq!(both.approved.scopes.words(), ["operator.read"]);
    assert!(both.tokens.contains_key(&Role::Operator), "another role's token is untouched");
    assert_eq!((both.created_at, both.approved_at), (UnixMs(1), UnixMs(3)));
    let again = request(1, &[Role::Operator], &[Scope::Write]);
    let again = Device::approve(Some(both), &again, ApprovedVia::Owner, UnixMs(4)).unwrap();
    assert_eq!(again.approved.scopes.words(), ["operator.read", "operator.write"]);
    assert!(again.tokens.is_empty() && again.awaits_token(Role::Operator));
}

#[test]
fn case_031_a_node_that_may_do_more_keeps_its_token_unless_it_came_anew() {
    let mut known = device(&[Role::Node], &[]);
    assert!(known.issue(&Token::from_random([1; 32]), Role::Node, UnixMs(2)));
    let mut more = request(1, &[Role::Node], &[]);
    more.asked.commands = ["system.run".to_owned()].into();
    let grant = |known: &Device, request: &DeviceRequest| {
        Device::approve(Some(known.clone()), request, ApprovedVia::Owner, UnixMs(3)).unwrap()
    };
    let wider = grant(&known, &more);
    assert_eq!(wider.approved.commands, more.asked.commands);
    assert!(wider.tokens.contains_key(&Role::Node), "it may have nothing else to come with");
    more.profile = Some(crate::device::role::Profile::Limited);
    assert!(grant(&known, &more).tokens.is_empty(), "with a code it fetches a new one");
    more.profile = None;
    assert!(known.revoke(Role::Node, UnixMs(3)));
    let back = grant(&known, &more);
    assert!(back.tokens.is_empty() && back.awaits_token(Role::Node), "case_068");
}

#[test]
fn case_068_a_revoked_role_comes_back_by_an_approval_only_and_without_its_old_scopes() {
    let mut known = device(&[Role::Node, Role::Operator], &[Scope::Admin]);
    assert!(known.revoke(Role::Operator, UnixMs(2)), "also before it has a token");
    assert!(!known.may_be(Role::Operator) && known.may_be(Role::Node));
    assert_eq!(known.scopes_as(Role::Operator), None);
    assert!(!known.issue(&Token::from_random([1; 32]), Role::Operator, UnixMs(3)));
    assert!(!known.awaits_token(Role::Operator));
    let read = request(1, &[Role::Operator], &[Scope::Read]);
    let back = Device::approve(Some(known), &read, ApprovedVia::Owner, UnixMs(4)).unwrap();
    assert_eq!(back.scopes_as(Role::Operator).map(Scopes::words), Some(vec!["operator.read"]));
    let mut node = device(&[Role::Node], &[]);
    assert!(!node.revoke(Role::Operator, UnixMs(2)));
}

#[test]
fn approving_another_role_does_not_bring_a_revoked_one_back() {
    let mut known = device(&[Role::Operator], &[Scope::Admin]);
    known.revoke(Role::Operator, UnixMs(2));
    let node = request(1, &[Role::Node], &[]);
    let known = Device::approve(Some(known), &node, ApprovedVia::Owner, UnixMs(3)).unwrap();
    assert!(known.may_be(Role::Node) && !known.may_be(Role::Operator));
    assert!(known.approved.scopes.is_empty());
}

#[test]
fn a_token_is_fetched_until_it_is_shown() {
    let mut known = device(&[Role::Node, Role::Operator], &[Scope::Read]);
    let (first, second) = (Token::from_random([1; 32]), Token::from_random([2; 32]));
    assert!(known.issue(&first, Role::Node, UnixMs(2)));
    assert!(known.awaits_token(Role::Node) && !known.has_shown_a_token());
    assert!(known.issue(&second, Role::Node, UnixMs(3)));
    known.shown(Role::Node, &first.digest(), UnixMs(4));
    assert!(known.awaits_token(Role::Node), "the first is over");
    known.shown(Role::Node, &second.digest(), UnixMs(4));
    assert!(!known.awaits_token(Role::Node) && known.has_shown_a_token());
    assert!(known.awaits_token(Role::Operator));
    let token = known.tokens[&Role::Node];
    assert_eq!((token.created_at, token.rotated_at), (UnixMs(2), Some(UnixMs(3))));
}

#[test]
fn case_032_another_system_is_a_disguise_and_another_version_is_not() {
    let known = device(&[Role::Node], &[]);
    let table = [
        (Some("iOS 18.0.0"), false),
        (Some(" IOS 19.2"), false),
        (Some("iPadOS 19"), false),
        (Some("android"), true),
        (Some("i\u{43e}s 18"), true),
        (Some("iosx"), true),
        (None, true),
    ];
    for (platform, disguised) in table {
        let described = Described { platform: platform.map(str::to_owned), ..Described::default() };
        assert_eq!(known.is_disguised(&described), disguised, "{platform:?}");
    }
    let silent = Device { described: Described::default(), ..known };
    let described = Described { platform: Some("linux".to_owned()), ..Described::default() };
    assert!(!silent.is_disguised(&described), "nothing was pinned");
}
