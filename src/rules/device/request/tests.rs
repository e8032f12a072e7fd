//! Who waits, under which name, and what a decision finds.

use proptest::prelude::*;

use super::*;
use crate::{
    approver::Approver,
    authority::Rights,
    device::{approver::Listed, role::Scope},
};

fn id(text: &str) -> DeviceRequestId {
    DeviceRequestId::parse(text).unwrap()
}

fn key(at: u8) -> DeviceKey {
    DeviceKey::from_raw([at; 32])
}

fn host() -> DeviceApprover {
    DeviceApprover::of(&Approver::on_host(1000), Listed::Nothing)
}

fn wish(at: u8, scopes: &[Scope]) -> NewDeviceRequest {
    NewDeviceRequest {
        key: key(at),
        asked: RequestedRights {
            roles: [Role::Operator].into(),
            scopes: Scopes::of(scopes),
            ..RequestedRights::default()
        },
        described: Described {
            name: Some("phone".to_owned()),
            address: Some(format!("192.0.2.{at}")),
            ..Described::default()
        },
        profile: None,
        words: None,
        repair: false,
    }
}

fn opened(ask: &Ask) -> &DeviceRequestId {
    match ask {
        Ask::Opened { id, .. } => id,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_identical_retry_keeps_the_id_and_lives_on() {
    let mut requests = DeviceRequests::default();
    requests.ask(wish(1, &[Scope::Read]), id("a"), 0, UnixMs(0));
    let before = requests.open(UnixMs(0))[0].clone();
    let again = requests.ask(wish(1, &[Scope::Read]), id("b"), 0, UnixMs(LIFETIME_MS));
    assert_eq!(again, Ask::Refreshed(id("a")));
    let after = requests.open(UnixMs(2 * LIFETIME_MS));
    let refreshed = DeviceRequest { refreshed_at: UnixMs(LIFETIME_MS), ..before.clone() };
    assert_eq!(after, [&refreshed]);
    assert_eq!(before.revision(), refreshed.revision(), "what was displayed is the same");
    assert!(requests.open(UnixMs(2 * LIFETIME_MS + 1)).is_empty());
}

#[test]
fn case_027_more_is_a_new_request_and_the_old_one_is_over() {
    let mut requests = DeviceRequests::default();
    requests.ask(wish(1, &[Scope::Read]), id("a"), 0, UnixMs(0));
    let shown = requests.open(UnixMs(0))[0].revision();
    let ask = requests.ask(wish(1, &[Scope::Admin]), id("b"), 0, UnixMs(1));
    assert_eq!(ask, Ask::Opened { id: id("b"), over: vec![id("a")] });
    let decided = requests.approve(&host(), &id("a"), shown, UnixMs(2));
    assert_eq!(decided, Err(Undecided::Unknown));
    let decided = requests.approve(&host(), &id("b"), shown, UnixMs(2));
    assert_eq!(decided, Err(Undecided::Changed));
    assert_eq!(requests.open(UnixMs(2)).len(), 1, "nothing was decided");
}

#[test]
fn two_sockets_of_one_device_come_to_rest_in_one_request() {
    let mut requests = DeviceRequests::default();
    let mut node = wish(1, &[]);
    node.asked.roles = [Role::Node].into();
    node.asked.commands = ["camera.list".to_owned()].into();
    requests.ask(node.clone(), id("a"), 0, UnixMs(0));
    let both = requests.ask(wish(1, &[Scope::Read]), id("b"), 0, UnixMs(1));
    assert_eq!(opened(&both), &id("b"));
    assert_eq!(requests.ask(node, id("c"), 0, UnixMs(2)), Ask::Refreshed(id("b")));
    let again = requests.ask(wish(1, &[Scope::Read]), id("d"), 0, UnixMs(3));
    assert_eq!(again, Ask::Refreshed(id("b")));
    let asked = &requests.open(UnixMs(3))[0].asked;
    assert_eq!(asked.roles, [Role::Node, Role::Operator].into());
    assert_eq!((asked.scopes.words(), asked.commands.len()), (vec!["operator.read"], 1));
}

#[test]
fn another_name_is_another_request() {
    let mut requests = DeviceRequests::default();
    requests.ask(wish(1, &[Scope::Read]), id("a"), 0, UnixMs(0));
    let mut renamed = wish(1, &[Scope::Read]);
    renamed.described.name = Some("owner's phone".to_owned());
    assert_eq!(opened(&requests.ask(renamed, id("b"), 0, UnixMs(1))), &id("b"));
}

#[test]
fn case_033_another_key_of_the_same_claimed_installation_waits_beside_it() {
    let mut requests = DeviceRequests::default();
    for (at, name) in [(1, "a"), (2, "b"), (3, "c")] {
        let mut wish = wish(at, &[Scope::Read]);
        wish.described.instance = Some(if at == 3 { String::new() } else { "same".to_owned() });
        requests.ask(wish, id(name), 0, UnixMs(u64::from(at)));
    }
    let open = requests.open(UnixMs(3));
    let conflicts: Vec<_> = open.iter().map(|row| requests.conflicts(row)).collect();
    assert_eq!(conflicts, [false, true, true]);
}

#[test]
fn case_040_one_request_is_decided_once() {
    let mut requests = DeviceRequests::default();
    requests.ask(wish(1, &[Scope::Read]), id("a"), 0, UnixMs(0));
    let shown = requests.open(UnixMs(0))[0].revision();
    assert_eq!(requests.approve(&host(), &id("a"), shown, UnixMs(1)).unwrap().device, key(1).id());
    let again = requests.approve(&host(), &id("a"), shown, UnixMs(1));
    assert_eq!(again, Err(Undecided::Unknown));
    assert_eq!(requests.reject(&host(), &id("a"), shown, UnixMs(1)), Err(Undecided::Unknown));
}

#[test]
fn case_001_who_may_only_pair_leaves_an_admin_request_as_it_is() {
    let mut requests = DeviceRequests::default();
    requests.ask(wish(1, &[Scope::Admin]), id("a"), 0, UnixMs(0));
    let before = requests.open(UnixMs(0))[0].clone();
    let pairing = Scopes::of(&[Scope::Pairing]);
    let caller =
        DeviceApprover::of_session(&Rights::of_test(Role::Operator, pairing, None), "a").unwrap();
    let decided = requests.approve(&caller, &id("a"), before.revision(), UnixMs(1));
    assert_eq!(decided, Err(Undecided::Denied(Denied::Scope(Scope::Admin))));
    assert_eq!(requests.open(UnixMs(1)), [&before]);
}

#[test]
fn an_expired_request_is_not_decided() {
    let mut requests = DeviceRequests::default();
    requests.ask(wish(1, &[Scope::Read]), id("a"), 0, UnixMs(1000));
    let shown = requests.open(UnixMs(1000))[0].revision();
    for now in [UnixMs(1001 + LIFETIME_MS), UnixMs(999)] {
        assert_eq!(requests.approve(&host(), &id("a"), shown, now), Err(Undecided::Unknown));
    }
}

#[test]
fn eight_wait_at_one_address_and_a_code_still_comes_through() {
    let mut requests = DeviceRequests::default();
    let near = |at: u8| {
        let mut wish = wish(at, &[Scope::Read]);
        wish.described.address = Some("203.0.113.7".to_owned());
        wish
    };
    for at in 1..=8 {
        opened(&requests.ask(near(at), id(&format!("r{at}")), 0, UnixMs(u64::from(at))));
    }
    let full = requests.ask(near(9), id("r9"), 0, UnixMs(8));
    assert_eq!(full, Ask::Full { retry_after_ms: LIFETIME_MS + 1 - 7 });
    assert_eq!(requests.ask(near(1), id("x"), 0, UnixMs(8)), Ask::Refreshed(id("r1")));
    let coded = NewDeviceRequest { profile: Some(Profile::Limited), ..near(10) };
    opened(&requests.ask(coded, id("r10"), 1, UnixMs(8)));
    opened(&requests.ask(wish(11, &[Scope::Read]), id("r11"), 0, UnixMs(8)));
}

#[test]
fn sixty_four_wait_and_a_place_is_kept_for_each_unused_code() {
    let mut requests = DeviceRequests::default();
    for at in 0..62 {
        opened(&requests.ask(wish(at, &[]), id(&format!("r{at}")), 2, UnixMs(u64::from(at))));
    }
    let full = requests.ask(wish(62, &[]), id("r62"), 2, UnixMs(62));
    assert!(matches!(full, Ask::Full { .. }), "{full:?}");
    for at in 62..64 {
        let coded = NewDeviceRequest { profile: Some(Profile::Limited), ..wish(at, &[]) };
        opened(&requests.ask(coded, id(&format!("c{at}")), 1, UnixMs(62)));
    }
    // A code that was minted when all places were taken: the oldest without a code makes way.
    let coded = NewDeviceRequest { profile: Some(Profile::Limited), ..wish(64, &[]) };
    let ask = requests.ask(coded, id("c64"), 1, UnixMs(63));
    assert_eq!(ask, Ask::Opened { id: id("c64"), over: vec![id("r0")] });
    assert_eq!(requests.open(UnixMs(63)).len(), MOST);
    let stranger = requests.ask(wish(65, &[]), id("r65"), 0, UnixMs(63));
    assert!(matches!(stranger, Ask::Full { .. }), "{stranger:?}");
}

#[test]
fn case_024_a_second_use_of_a_code_leaves_its_request_as_it_is() {
    let mut requests = DeviceRequests::default();
    let coded = |scopes: &[Scope]| NewDeviceRequest {
        asked: RequestedRights {
            roles: Profile::ROLES.into(),
            scopes: Profile::Limited.cut(Scopes::of(scopes)).union(Profile::Limited.scopes()),
            ..RequestedRights::default()
        },
        profile: Some(Profile::Limited),
        words: None,
        ..wish(1, &[])
    };
    requests.ask(coded(&[Scope::Read]), id("a"), 0, UnixMs(0));
    let before = requests.open(UnixMs(0))[0].clone();
    let again = requests.ask(coded(&[Scope::Admin, Scope::Write]), id("b"), 0, UnixMs(0));
    assert_eq!(again, Ask::Refreshed(id("a")));
    assert_eq!(requests.open(UnixMs(0)), [&before]);
}

#[test]
fn every_shown_detail_is_in_the_revision() {
    let mut requests = DeviceRequests::default();
    requests.ask(wish(1, &[Scope::Read]), id("a"), 0, UnixMs(0));
    let row = requests.open(UnixMs(0))[0].clone();
    let edits: [fn(&mut DeviceRequest); 10] = [
        |row| row.id = DeviceRequestId("z".to_owned()),
        |row| row.key = key(9),
        |row| row.asked.roles = [Role::Node].into(),
        |row| row.asked.scopes = Scopes::of(&[Scope::Admin]),
        |row| row.asked.commands = ["system.run".to_owned()].into(),
        |row| row.asked.capabilities = ["system.run".to_owned()].into(),
        |row| row.described.name = Some("x".to_owned()),
        |row| row.described.platform = Some("phone".to_owned()),
        |row| row.described.address = None,
        |row| row.profile = Some(Profile::Full),
    ];
    for (at, edit) in edits.iter().enumerate() {
        let mut changed = row.clone();
        edit(&mut changed);
        assert_ne!(changed.revision(), row.revision(), "edit {at}");
    }
    let later = DeviceRequest { refreshed_at: UnixMs(7), ..row.clone() };
    assert_eq!(later.revision(), row.revision());
}

#[test]
fn rows_of_another_program_count_once_a_device() {
    let row = |name: &str, at: u64| DeviceRequest {
        id: id(name),
        device: key(1).id(),
        key: key(1),
        asked: RequestedRights::default(),
        described: Described::default(),
        profile: None,
        words: None,
        repair: false,
        asked_at: UnixMs(at),
        refreshed_at: UnixMs(at),
    };
    for order in [[("a", 1), ("b", 2)], [("b", 2), ("a", 1)]] {
        let requests = DeviceRequests::from_rows(order.map(|(name, at)| row(name, at)));
        assert_eq!(requests.open(UnixMs(2)), [&row("b", 2)]);
    }
}

#[test]
fn a_name_that_clients_would_ignore_is_none() {
    for text in ["", "-a", ".a", "a b", "a/b", &"a".repeat(129)] {
        assert!(DeviceRequestId::parse(text).is_none(), "{text}");
    }
    assert!(DeviceRequestId::parse(&"a".repeat(128)).is_some());
}

#[derive(Clone, Debug)]
enum Step {
    Ask(u8, u16, bool),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let ask =
        (0u8..12, 0u16..8, any::<bool>()).prop_map(|(at, set, coded)| Step::Ask(at, set, coded));
    let wait = (0u64..400_000).prop_map(Step::Wait);
    prop::collection::vec(prop_oneof![4 => ask, 1 => wait], 0..120)
}

proptest! {
    #[test]
    fn case_025_no_sequence_of_messages_changes_a_waiting_id(steps in steps()) {
        let (mut requests, mut now) = (DeviceRequests::default(), UnixMs(0));
        let mut displayed = BTreeMap::new();
        for (at, step) in steps.iter().enumerate() {
            match step {
                Step::Wait(ms) => now = UnixMs(now.0 + ms),
                Step::Ask(device, set, coded) => {
                    let scopes: Vec<_> =
                        Scope::ALL.into_iter().enumerate().filter(|(at, _)| set & (1 << at) != 0).collect();
                    let scopes: Vec<_> = scopes.into_iter().map(|(_, scope)| scope).collect();
                    let mut wish = wish(*device, &scopes);
                    wish.profile = coded.then_some(Profile::Limited);
                    requests.ask(wish, id(&format!("r{at}")), 1, now);
                }
            }
            let open = requests.open(now);
            prop_assert!(open.len() <= MOST);
            let devices: BTreeSet<_> = open.iter().map(|row| &row.device).collect();
            prop_assert_eq!(devices.len(), open.len());
            for row in open {
                prop_assert_eq!(row.key.id(), row.device.clone(), "case_034");
                let first = displayed.entry(row.id.clone()).or_insert_with(|| row.clone());
                let same = DeviceRequest { refreshed_at: row.refreshed_at, ..first.clone() };
                prop_assert_eq!(&same, row);
            }
        }
    }

    #[test]
    fn case_103_strangers_never_fill_more_than_their_places(keys in prop::collection::vec((any::<u8>(), 0u8..20), 0..300)) {
        let mut requests = DeviceRequests::default();
        for (at, (device, address)) in keys.iter().enumerate() {
            let mut wish = wish(*device, &[]);
            wish.described.address = Some(format!("192.0.2.{address}"));
            requests.ask(wish, id(&format!("r{at}")), 3, UnixMs(0));
        }
        let open = requests.open(UnixMs(0));
        prop_assert!(open.len() <= MOST - 3);
        for address in 0..20 {
            let text = Some(format!("192.0.2.{address}"));
            prop_assert!(open.iter().filter(|row| row.described.address == text).count() <= MOST_AN_ADDRESS);
        }
    }
}
