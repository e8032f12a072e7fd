//! One arrival a row, and what is decided about it.

use proptest::prelude::*;

use super::*;
use crate::device::{
    identity::{DeviceKey, Nonce, Proof, Signed, Version, prove, signed_text},
    request::{DeviceRequest, DeviceRequestId},
    role::Scope,
    token::Token,
};

const NOW: UnixMs = UnixMs(1_000_000_000);
const POLICY: Policy = Policy {
    auto_approve_local: true,
    trusted_network: false,
    setup_approval: SetupApproval::Owner,
};
const READ: [Scope; 1] = [Scope::Read];

/// A device that really has answered a nonce: there is no other way to one.
fn proven() -> ProvenDevice {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use ring::signature::{Ed25519KeyPair, KeyPair};
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let key = DeviceKey::from_raw(pair.public_key().as_ref().try_into().unwrap());
    let nonce = Nonce::from_random([1; 16]);
    let signed = Signed {
        client_id: "cli",
        client_mode: "cli",
        role: "operator",
        scopes: &[],
        token: "",
        platform: "",
        device_family: "",
    };
    let (id, public_key, text) = (key.id(), key.spell(), nonce.as_str().to_owned());
    let payload = signed_text(Version::V3, id.as_str(), &signed, NOW, &text);
    let signature = URL_SAFE_NO_PAD.encode(pair.sign(payload.as_bytes()));
    let proof = Proof {
        id: id.as_str(),
        public_key: &public_key,
        signature: &signature,
        signed_at: NOW,
        nonce: Some(&text),
    };
    prove(proof, signed, nonce, NOW).unwrap()
}

fn arrival(role: Role, scopes: &[Scope]) -> Arrival<'static> {
    Arrival {
        role,
        scopes: Scopes::of(scopes),
        commands: &[],
        capabilities: &[],
        described: Described::default(),
        locality: Locality::Remote,
        program: Program::Plain,
        shared: Shared::Matched(SecretKind::Token),
        setup: Setup::NotShown,
        token: None,
        token_is_explicit: false,
        locked_ms: None,
        device: Some(Ok(proven())),
    }
}

fn local(arrival: Arrival<'static>) -> Arrival<'static> {
    Arrival { locality: Locality::Direct, ..arrival }
}

fn own(arrival: Arrival<'static>) -> Arrival<'static> {
    Arrival { locality: Locality::Own, ..arrival }
}

fn coded(standing: Standing, profile: Profile, arrival: Arrival<'static>) -> Arrival<'static> {
    Arrival { shared: wrong(), setup: Setup::Known(Ok(standing), profile), ..arrival }
}

fn wrong() -> Shared {
    Shared::Mismatch(SecretKind::Token)
}

fn device(roles: &[Role], scopes: &[Scope]) -> Device {
    let proven = proven();
    let request = DeviceRequest {
        id: DeviceRequestId::parse("r").unwrap(),
        device: proven.id().clone(),
        key: *proven.key(),
        asked: RequestedRights {
            roles: roles.iter().copied().collect(),
            scopes: Scopes::of(scopes),
            ..RequestedRights::default()
        },
        described: Described::default(),
        profile: None,
        words: None,
        repair: false,
        asked_at: NOW,
        refreshed_at: NOW,
    };
    Device::approve(None, &request, ApprovedVia::Owner, NOW).unwrap()
}

fn with_token(mut device: Device, role: Role, text: [u8; 32]) -> (Device, TokenDigest) {
    let token = Token::from_random(text);
    assert!(device.issue(&token, role, NOW));
    (device, token.digest())
}

#[track_caller]
fn hello(outcome: Outcome) -> Hello {
    match outcome {
        Outcome::Hello(hello) => hello,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn waits(outcome: Outcome) -> Waiting {
    match outcome {
        Outcome::Waiting(waiting) => waiting,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(outcome: Outcome) -> Refusal {
    match outcome {
        Outcome::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

fn decide_now(arrival: &Arrival<'_>, record: Record<'_>) -> Outcome {
    decide(arrival, record, POLICY, NOW)
}

#[test]
fn case_058_without_a_device_scopes_are_kept_on_this_machine_only() {
    let bare = || Arrival { device: None, ..arrival(Role::Operator, &[Scope::Admin]) };
    let table = [
        (local(bare()), vec!["operator.admin"]),
        (bare(), vec![]),
        (local(Arrival { program: Program::Page, ..bare() }), vec![]),
        // case_128: where nothing is asked for, rights come with the command line's socket alone.
        (local(Arrival { shared: Shared::Open, ..bare() }), vec![]),
        (own(Arrival { shared: Shared::Open, ..bare() }), vec!["operator.admin"]),
        (own(bare()), vec!["operator.admin"]),
    ];
    for (arrival, scopes) in table {
        let hello = hello(decide_now(&arrival, Record::Stranger));
        assert_eq!(hello.scopes.words(), scopes, "{arrival:?}");
        assert_eq!((hello.device, hello.issue, hello.approve), (None, vec![], None));
    }
}

#[test]
fn case_128_where_no_secret_is_asked_for_no_device_is_paired_in_silence() {
    let open = local(Arrival { shared: Shared::Open, ..arrival(Role::Operator, &[Scope::Admin]) });
    let waits = decide_now(&open, Record::Stranger);
    assert!(matches!(waits, Outcome::Waiting(Waiting { why: Why::NotPaired, .. })), "{waits:?}");
}

#[test]
fn case_063_without_a_device_nobody_else_comes_in() {
    let bare = |role| local(Arrival { device: None, ..arrival(role, &[]) });
    let operator = || bare(Role::Operator);
    let missing = Shared::Missing(SecretKind::Token);
    let token = Some(TokenDigest::of("x"));
    let known = Setup::Known(Ok(Standing::Waiting), Profile::Full);
    let unauthorized = |shared| Refusal::Unauthorized(Unauthorized::Shared(shared));
    let page = Program::ControlPage;
    let table = [
        (bare(Role::Node), Refusal::DeviceIdentity),
        (Arrival { setup: known, ..operator() }, Refusal::DeviceIdentity),
        (Arrival { setup: Setup::Unknown, ..operator() }, Refusal::DeviceIdentity),
        (Arrival { shared: missing, ..operator() }, Refusal::DeviceIdentity),
        (Arrival { shared: wrong(), ..operator() }, unauthorized(wrong())),
        (Arrival { shared: wrong(), ..bare(Role::Node) }, unauthorized(wrong())),
        (Arrival { shared: missing, token, ..operator() }, unauthorized(missing)),
        (Arrival { program: page, ..operator() }, Refusal::ControlPageIdentity),
        (Arrival { program: page, shared: missing, ..operator() }, Refusal::ControlPageIdentity),
    ];
    for (arrival, refusal) in table {
        assert_eq!(refused(decide_now(&arrival, Record::Stranger)), refusal, "{arrival:?}");
    }
    let locked = Arrival { locked_ms: Some(5), ..operator() };
    let limited = Unauthorized::RateLimited { retry_after_ms: 5 };
    assert_eq!(refused(decide_now(&locked, Record::Stranger)), Refusal::Unauthorized(limited));
}

#[test]
fn a_bad_proof_is_refused_before_any_secret_is_looked_at() {
    for why in ProofRefusal::ALL {
        let bad = local(Arrival { device: Some(Err(why)), ..arrival(Role::Operator, &READ) });
        assert_eq!(refused(decide_now(&bad, Record::Stranger)), Refusal::Proof(why));
        let bad = Arrival { shared: wrong(), locked_ms: Some(1), ..bad };
        assert_eq!(refused(decide_now(&bad, Record::Stranger)), Refusal::Proof(why));
    }
}

#[test]
fn what_was_shown_in_vain_decides_the_sentence() {
    let vain = || Arrival { shared: wrong(), ..arrival(Role::Operator, &READ) };
    let spent = Setup::Known(Err(Spent::Used), Profile::Limited);
    let token = Some(TokenDigest::of("x"));
    let table = [
        (vain(), Unauthorized::Shared(wrong())),
        (Arrival { token, ..vain() }, Unauthorized::Shared(wrong())),
        (Arrival { token, token_is_explicit: true, ..vain() }, Unauthorized::DeviceToken),
        (Arrival { setup: Setup::Unknown, ..vain() }, Unauthorized::SetupCode(None)),
        (Arrival { setup: spent, ..vain() }, Unauthorized::SetupCode(Some(Spent::Used))),
        (Arrival { locked_ms: Some(9), ..vain() }, Unauthorized::RateLimited { retry_after_ms: 9 }),
    ];
    let device = device(&[Role::Operator], &READ);
    for (arrival, why) in table {
        for record in [Record::Stranger, Record::Removed, Record::Known(&device)] {
            let refusal = refused(decide_now(&arrival, record));
            assert_eq!(refusal, Refusal::Unauthorized(why), "{arrival:?}");
        }
    }
}

#[test]
fn case_060_only_a_fresh_local_operator_with_the_secret_is_let_in_at_once() {
    let fresh = || local(arrival(Role::Operator, &[Scope::Admin]));
    let admitted = hello(decide_now(&fresh(), Record::Stranger));
    assert_eq!(admitted.scopes.words(), ["operator.admin"]);
    assert_eq!(admitted.issue, [Role::Operator]);
    assert!(matches!(admitted.approve, Some((ApprovedVia::Silent, _))));
    let known = device(&[Role::Operator], &READ);
    let node = device(&[Role::Node], &[]);
    let mut revoked = device(&[Role::Operator], &[Scope::Admin]);
    revoked.revoke(Role::Operator, NOW);
    let table = [
        (fresh(), Record::Known(&known), Why::ScopeUpgrade),
        (fresh(), Record::Known(&node), Why::RoleUpgrade),
        (fresh(), Record::Known(&revoked), Why::RoleUpgrade),
        (fresh(), Record::Removed, Why::NotPaired),
        (Arrival { program: Program::Page, ..fresh() }, Record::Stranger, Why::NotPaired),
        (Arrival { program: Program::ControlPage, ..fresh() }, Record::Stranger, Why::NotPaired),
        (arrival(Role::Operator, &READ), Record::Stranger, Why::NotPaired),
        (local(arrival(Role::Node, &[])), Record::Stranger, Why::NotPaired),
    ];
    for (arrival, record, why) in table {
        assert_eq!(waits(decide_now(&arrival, record)).why, why, "{arrival:?}");
    }
    let strict = Policy { auto_approve_local: false, ..POLICY };
    assert_eq!(waits(decide(&fresh(), Record::Stranger, strict, NOW)).why, Why::NotPaired);
}

#[test]
fn a_trusted_network_lets_in_fresh_nodes_that_ask_for_nothing() {
    let trusting = Policy { trusted_network: true, ..POLICY };
    let commands = ["camera.list".to_owned()];
    let node = || arrival(Role::Node, &[]);
    let admitted = hello(decide(&node(), Record::Stranger, trusting, NOW));
    assert!(matches!(admitted.approve, Some((ApprovedVia::Network, _))));
    let table = [
        Arrival { commands: &commands, ..node() },
        arrival(Role::Node, &READ),
        local(node()),
        Arrival { program: Program::Page, ..node() },
        arrival(Role::Operator, &[]),
    ];
    for arrival in table {
        waits(decide(&arrival, Record::Stranger, trusting, NOW));
    }
    waits(decide(&node(), Record::Removed, trusting, NOW));
    waits(decide_now(&node(), Record::Stranger));
}

#[test]
fn case_058_a_known_device_gets_what_it_asks_within_its_approval() {
    let known = device(&[Role::Operator], &[Scope::Write]);
    let table: [(&[Scope], &[&str]); 4] = [
        (&[], &[]),
        (&[Scope::Read], &["operator.read"]),
        (&[Scope::Write], &["operator.write"]),
        (&[Scope::Talk, Scope::Read], &["operator.read", "operator.talk"]),
    ];
    for (asked, granted) in table {
        let hello = hello(decide_now(&arrival(Role::Operator, asked), Record::Known(&known)));
        assert_eq!((hello.scopes.words().as_slice(), hello.method), (granted, Method::Token));
        assert_eq!((hello.issue, hello.approve), (vec![Role::Operator], None));
    }
    let more = arrival(Role::Operator, &[Scope::Read, Scope::Admin]);
    let waiting = waits(decide_now(&more, Record::Known(&known)));
    assert_eq!((waiting.why, waiting.repair), (Why::ScopeUpgrade, true));
    assert_eq!(waiting.asked.scopes.words(), ["operator.admin", "operator.read"]);
}

#[test]
fn case_029_an_approval_without_scopes_carries_none() {
    let known = device(&[Role::Operator], &[]);
    let waiting = waits(decide_now(&arrival(Role::Operator, &READ), Record::Known(&known)));
    assert_eq!(waiting.why, Why::ScopeUpgrade);
    let none = hello(decide_now(&arrival(Role::Operator, &[]), Record::Known(&known)));
    assert!(none.scopes.is_empty());
}

#[test]
fn a_device_token_is_enough_narrows_and_goes_back_as_it_came() {
    let (known, digest) =
        with_token(device(&[Role::Operator], &[Scope::Write]), Role::Operator, [3; 32]);
    let shows = |role, scopes: &[Scope]| Arrival {
        shared: wrong(),
        token: Some(digest),
        token_is_explicit: true,
        ..arrival(role, scopes)
    };
    let hello = hello(decide_now(&shows(Role::Operator, &READ), Record::Known(&known)));
    assert_eq!((hello.method, hello.scopes.words()), (Method::DeviceToken, vec!["operator.read"]));
    assert!(hello.echo_token && hello.issue.is_empty());
    let unauthorized = |why| Outcome::Refused(Refusal::Unauthorized(why));
    let wider = shows(Role::Operator, &[Scope::Admin]);
    let table = [
        (&wider, Record::Known(&known), Unauthorized::DeviceTokenScopes),
        (&shows(Role::Node, &[]), Record::Known(&known), Unauthorized::DeviceToken),
        (&shows(Role::Operator, &READ), Record::Removed, Unauthorized::DeviceToken),
        (&shows(Role::Operator, &READ), Record::Stranger, Unauthorized::DeviceToken),
    ];
    for (arrival, record, why) in table {
        assert_eq!(decide_now(arrival, record), unauthorized(why));
    }
    let mut revoked = known.clone();
    revoked.revoke(Role::Operator, NOW);
    let decided = decide_now(&shows(Role::Operator, &READ), Record::Known(&revoked));
    assert_eq!(decided, unauthorized(Unauthorized::DeviceToken), "case_067");
}

#[test]
fn with_the_secret_a_shown_token_is_not_replaced() {
    let (mut known, digest) = with_token(device(&[Role::Operator], &READ), Role::Operator, [3; 32]);
    let again = |known: &Device| {
        hello(decide_now(&arrival(Role::Operator, &READ), Record::Known(known))).issue
    };
    assert_eq!(again(&known), [Role::Operator]);
    known.shown(Role::Operator, &digest, NOW);
    assert_eq!(again(&known), []);
}

#[test]
fn case_032_a_known_device_in_disguise_waits() {
    let mut known = device(&[Role::Node], &[]);
    known.described.platform = Some("iOS 18.0.0".to_owned());
    let comes_as = |platform: &str| {
        let described = Described { platform: Some(platform.to_owned()), ..Described::default() };
        decide_now(&Arrival { described, ..arrival(Role::Node, &[]) }, Record::Known(&known))
    };
    hello(comes_as("iOS 19.1"));
    assert_eq!(waits(comes_as("linux")).why, Why::MetadataUpgrade);
}

#[test]
fn case_024_a_code_asks_for_its_whole_profile_and_nothing_else() {
    for (profile, asked) in
        [(Profile::Limited, &[Scope::Admin][..]), (Profile::Full, &[]), (Profile::Limited, &READ)]
    {
        for role in Profile::ROLES {
            let phone = coded(Standing::Waiting, profile, local(arrival(role, asked)));
            let waiting = waits(decide_now(&phone, Record::Stranger));
            assert_eq!(waiting.asked.roles, Profile::ROLES.into());
            assert_eq!(waiting.asked.scopes, profile.scopes());
            assert_eq!((waiting.why, waiting.profile), (Why::NotPaired, Some(profile)));
        }
    }
}

#[test]
fn a_known_device_with_a_new_code_waits_too() {
    let known = device(&Profile::ROLES, &[Scope::Admin]);
    let phone = coded(Standing::Waiting, Profile::Limited, arrival(Role::Node, &[]));
    let waiting = waits(decide_now(&phone, Record::Known(&known)));
    assert_eq!((waiting.why, waiting.repair), (Why::NotPaired, true));
}

#[test]
fn after_the_approval_the_code_fetches_the_tokens_of_both_roles_until_one_is_shown() {
    let approved = Standing::Approved { at: NOW };
    let mut known = device(&Profile::ROLES, &[Scope::Read, Scope::Write]);
    let node = coded(approved, Profile::Limited, arrival(Role::Node, &[]));
    let late = UnixMs(NOW.0 + setup_code::LIFETIME_MS);
    let first = hello(decide_now(&node, Record::Known(&known)));
    assert_eq!((first.method, first.scopes), (Method::SetupCode, Scopes::NONE));
    assert_eq!(first.issue, [Role::Node, Role::Operator]);
    let after = hello(decide(&node, Record::Known(&known), POLICY, late));
    assert_eq!(after.issue, [], "accepted by the code, and without a new token");
    let wish = [Scope::Admin, Scope::Read];
    let operator = coded(approved, Profile::Limited, arrival(Role::Operator, &wish));
    let cut = hello(decide_now(&operator, Record::Known(&known)));
    assert_eq!(cut.scopes.words(), ["operator.read"]);
    assert_eq!(cut.issue, [Role::Operator, Role::Node]);
    let (shown, digest) = with_token(known.clone(), Role::Node, [4; 32]);
    known = shown;
    known.shown(Role::Node, &digest, NOW);
    assert_eq!(hello(decide_now(&operator, Record::Known(&known))).issue, []);
}

#[test]
fn a_code_is_approval_enough_only_where_the_owner_says_so_and_only_for_the_limited_profile() {
    let trusting = Policy { setup_approval: SetupApproval::Code, ..POLICY };
    let phone = |profile| coded(Standing::Waiting, profile, arrival(Role::Node, &[]));
    let limited = phone(Profile::Limited);
    let admitted = hello(decide(&limited, Record::Stranger, trusting, NOW));
    assert_eq!(admitted.issue, [Role::Node, Role::Operator]);
    let (via, asked) = admitted.approve.unwrap();
    assert_eq!((via, asked.scopes), (ApprovedVia::Code, Profile::Limited.scopes()));
    let known = device(&[Role::Node], &[]);
    let run = ["system.run".to_owned()];
    waits(decide_now(&limited, Record::Stranger));
    waits(decide(&phone(Profile::Full), Record::Stranger, trusting, NOW));
    waits(decide(&limited, Record::Removed, trusting, NOW));
    waits(decide(&limited, Record::Known(&known), trusting, NOW));
    let armed = Arrival { commands: &run, ..limited };
    waits(decide(&armed, Record::Stranger, trusting, NOW));
}

#[test]
fn case_059_no_method_is_the_word_of_a_proxy() {
    let methods =
        [Method::DeviceToken, Method::Open, Method::Password, Method::SetupCode, Method::Token];
    let words = methods.map(Method::word);
    assert_eq!(words, ["device-token", "none", "password", "bootstrap-token", "token"]);
}

fn any_scopes() -> impl Strategy<Value = Vec<Scope>> {
    prop::sample::subsequence(Scope::ALL.to_vec(), 0..=10)
}

proptest! {
    #[test]
    fn no_connection_has_a_scope_that_its_approval_lacks(
        held in any_scopes(),
        asked in any_scopes(),
        near: bool,
        by_code in proptest::option::of(any::<bool>()),
        by_secret: bool,
        by_token: bool,
        removed: bool,
        trusting: bool,
    ) {
        let (known, digest) = with_token(device(&[Role::Operator], &held), Role::Operator, [1; 32]);
        let mut phone = arrival(Role::Operator, &asked);
        if near { phone = local(phone); }
        if !by_secret { phone.shared = wrong(); }
        if by_token { phone.token = Some(digest); }
        if let Some(full) = by_code {
            let profile = if full { Profile::Full } else { Profile::Limited };
            phone.setup = Setup::Known(Ok(Standing::Approved { at: NOW }), profile);
        }
        let policy = Policy { auto_approve_local: trusting, trusted_network: trusting, setup_approval: SetupApproval::Code };
        let (asked, held) = (Scopes::of(&asked), Scopes::of(&held));
        match decide(&phone, Record::Known(&known), policy, NOW) {
            Outcome::Hello(hello) => {
                prop_assert!(hello.approve.is_none());
                prop_assert!(held.lacks(hello.scopes).is_none());
                prop_assert_eq!(hello.scopes.union(asked), asked);
                prop_assert!(by_secret || by_token || by_code.is_some());
            }
            Outcome::Waiting(waiting) => prop_assert!(waiting.repair),
            Outcome::Refused(_) => prop_assert!(!by_secret),
        }
        if removed {
            let outcome = decide(&phone, Record::Removed, policy, NOW);
            prop_assert!(!matches!(outcome, Outcome::Hello(_)), "{:?}", outcome);
        }
    }
}
