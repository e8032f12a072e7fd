//! The rules of waiting, as tables and against a small model.

use std::convert::Infallible;

use proptest::prelude::*;

use super::*;

const HOUR: u64 = LIFETIME_MS;

fn knock(account: &str, sender: &str) -> AccessRequest {
    let key =
        AccountKey { channel: "telegram".to_owned(), account: AccountId::parse(account).unwrap() };
    AccessRequest {
        key,
        sender: SenderId::new(sender).unwrap(),
        meta: BTreeMap::new(),
        address: None,
        claims: None,
        first: None,
    }
}

fn named(sender: &str, name: &str) -> AccessRequest {
    AccessRequest {
        meta: [("name".to_owned(), name.to_owned())].into(),
        ..knock("default", sender)
    }
}

fn codes() -> impl FnMut() -> Result<PairingCode, Infallible> {
    let mut next = 0u8;
    move || {
        next += 1;
        Ok(PairingCode::from_random([next; 8]))
    }
}

const IGNORE: Places = Places { max_pending: 3, when_full: WhenFull::Ignore };
const EVICT: Places = Places { max_pending: 3, when_full: WhenFull::EvictOldest };

fn ask(all: &mut PairingRequests, knock: &AccessRequest, now: u64, places: Places) -> AskOutcome {
    all.ask(knock, (UnixMs(now), &now.to_string()), places, codes()).unwrap()
}

fn opened(asked: AskOutcome) -> PairingRequest {
    match asked {
        AskOutcome::Opened { request, .. } => request,
        _ => panic!("no request was opened"),
    }
}

#[test]
fn case_106_a_hundred_messages_make_one_request() {
    let mut all = PairingRequests::default();
    let first = opened(ask(&mut all, &knock("default", "7"), 0, IGNORE));
    for now in 1..100 {
        let asked = ask(&mut all, &knock("default", "7"), now, IGNORE);
        let AskOutcome::Waiting { request, touched } = asked else { panic!("asked twice") };
        assert!(request.code.matches(&first.code) && !touched);
    }
    assert_eq!(all.requests.len(), 1);
}

#[test]
fn the_hour_is_not_extended() {
    let mut all = PairingRequests::default();
    ask(&mut all, &knock("default", "7"), 0, IGNORE);
    assert!(matches!(
        ask(&mut all, &knock("default", "7"), HOUR - 1, IGNORE),
        AskOutcome::Waiting { touched: true, .. }
    ));
    assert!(matches!(
        ask(&mut all, &knock("default", "7"), HOUR, IGNORE),
        AskOutcome::Opened { .. }
    ));
}

#[test]
fn a_request_from_the_future_is_over_but_one_that_came_meanwhile_is_not() {
    let mut all = PairingRequests::default();
    let request = opened(ask(&mut all, &knock("default", "7"), HOUR, IGNORE));
    assert!(request.is_open(UnixMs(HOUR - MEANWHILE_MS)));
    assert!(!request.is_open(UnixMs(HOUR - MEANWHILE_MS - 1)));
}

#[test]
fn case_101_each_account_has_its_own_places() {
    let mut all = PairingRequests::default();
    for sender in ["1", "2", "3"] {
        ask(&mut all, &knock("a", sender), 0, IGNORE);
    }
    assert!(matches!(ask(&mut all, &knock("a", "4"), 1, IGNORE), AskOutcome::Full));
    assert!(matches!(ask(&mut all, &knock("b", "4"), 1, IGNORE), AskOutcome::Opened { .. }));
}

#[test]
fn case_102_the_oldest_makes_room_where_the_owner_wants_it() {
    let mut all = PairingRequests::default();
    for (now, sender) in [(0, "1"), (1, "2"), (2, "3")] {
        ask(&mut all, &knock("default", sender), now, EVICT);
    }
    let AskOutcome::Opened { evicted: Some(gone), .. } =
        ask(&mut all, &knock("default", "4"), 3, EVICT)
    else {
        panic!("nobody made room")
    };
    assert_eq!(gone.sender.as_str(), "1");
    assert_eq!(all.requests.len(), 3);
}

#[test]
fn a_denied_sender_gets_no_code_until_the_hour_is_over() {
    let mut all = PairingRequests::default();
    let request = opened(ask(&mut all, &knock("default", "7"), 0, IGNORE));
    all.forget(&request.id);
    all.deny(&request.key.account, &request.sender, UnixMs(HOUR));
    assert!(matches!(ask(&mut all, &knock("default", "7"), HOUR - 1, IGNORE), AskOutcome::Denied));
    assert!(matches!(
        ask(&mut all, &knock("default", "7"), HOUR, IGNORE),
        AskOutcome::Opened { .. }
    ));
}

#[test]
fn case_035_a_later_name_stands_beside_the_first() {
    let mut all = PairingRequests::default();
    let first = opened(ask(&mut all, &named("7", "Ann"), 0, IGNORE));
    let AskOutcome::Waiting { request, .. } =
        ask(&mut all, &named("7", "Owner"), SEEN_EVERY_MS, IGNORE)
    else {
        panic!("asked twice")
    };
    assert_eq!(
        (request.name().as_deref(), request.later_name.as_deref()),
        (Some("Ann"), Some("Owner"))
    );
    assert!(request.id == first.id && request.code.matches(&first.code));
}

#[test]
fn one_waits_an_address() {
    let mut all = PairingRequests::default();
    let from = |sender| AccessRequest {
        address: Some("192.0.2.1".to_owned()),
        ..knock("default", sender)
    };
    assert!(matches!(ask(&mut all, &from("1"), 0, IGNORE), AskOutcome::Opened { .. }));
    assert!(matches!(ask(&mut all, &from("2"), 0, IGNORE), AskOutcome::Full));
    assert!(matches!(ask(&mut all, &knock("default", "3"), 0, IGNORE), AskOutcome::Opened { .. }));
}

#[test]
fn codes_are_unique_among_those_who_wait() {
    let mut all = PairingRequests::default();
    let mut draws = [1u8, 1, 1, 2].into_iter();
    let mut draw = || Ok::<_, Infallible>(PairingCode::from_random([draws.next().unwrap(); 8]));
    let one = opened(all.ask(&knock("a", "1"), (UnixMs(0), "0"), IGNORE, &mut draw).unwrap());
    let two = opened(all.ask(&knock("b", "2"), (UnixMs(0), "0"), IGNORE, &mut draw).unwrap());
    assert!(!one.code.matches(&two.code));
}

#[test]
fn the_request_id_is_the_fields() {
    let key = AccountKey::default_of("telegram");
    let sender = SenderId::new("123456789").unwrap();
    let id = RequestId::derive(&key, &sender, "2026-02-13T10:00:00.000Z");
    assert_eq!(id.as_str(), "8yQgWb20Sq4JK5bdUy6meg1tmG4Smwo6");
}

#[derive(Clone, Debug)]
enum Step {
    Ask(u8),
    Forget(u8),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..6u8).prop_map(Step::Ask),
        (0..6u8).prop_map(Step::Forget),
        (1..HOUR).prop_map(Step::Wait),
    ]
}

proptest! {
    /// The model: a list of (sender, opened at).
    #[test]
    fn any_interleaving_keeps_three_open_and_one_each(steps in prop::collection::vec(step(), 1..60)) {
        let (mut all, mut model) = (PairingRequests::default(), Vec::<(u8, u64)>::new());
        let (mut now, mut draw) = (0u64, 0u64);
        for step in steps {
            match step {
                Step::Ask(who) => {
                    model.retain(|(_, at)| now - at < HOUR);
                    let expected = !model.iter().any(|(known, _)| *known == who) && model.len() < 3;
                    let asked = all.ask(&knock("default", &who.to_string()), (UnixMs(now), &now.to_string()), IGNORE, || {
                        draw += 1;
                        Ok::<_, Infallible>(PairingCode::from_random(draw.to_le_bytes()))
                    }).unwrap();
                    prop_assert_eq!(matches!(asked, AskOutcome::Opened { .. }), expected);
                    if expected {
                        model.push((who, now));
                    }
                }
                Step::Forget(who) => {
                    let id = all.requests.iter().find(|r| r.sender.as_str() == who.to_string()).map(|r| r.id.clone());
                    if let Some(id) = id {
                        all.forget(&id);
                    }
                    model.retain(|(known, _)| *known != who);
                }
                Step::Wait(ms) => now += ms,
            }
            all.prune(UnixMs(now));
            prop_assert!(all.requests.len() <= 3);
        }
    }
}
