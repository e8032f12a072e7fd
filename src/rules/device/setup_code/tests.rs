//! Whose a code becomes, for how long, and that nobody else's messages change that.

use proptest::prelude::*;

use super::*;

const MINTED: UnixMs = UnixMs(1_000_000);

fn key(at: u8) -> DeviceKey {
    DeviceKey::from_raw([at; 32])
}

fn code() -> SetupCode {
    let token = Token::from_random([5; 32]);
    SetupCode::mint(SetupId::from_text("s"), &token, Profile::Limited, MINTED)
}

fn at(ms: u64) -> UnixMs {
    UnixMs(MINTED.0 + ms)
}

#[test]
fn case_039_the_first_key_has_it_for_good() {
    let mut code = code();
    assert_eq!(code.show(&key(1), at(1)), Ok(Standing::Waiting));
    let bound = code.state.clone();
    for other in 2..66 {
        assert_eq!(code.show(&key(other), at(1)), Err(Spent::Used));
        assert_eq!(code.state, bound, "case_024");
    }
    assert_eq!(code.show(&key(1), at(2)), Ok(Standing::Waiting));
    code.approve(&key(2), at(3));
    assert_eq!(code.show(&key(1), at(3)), Ok(Standing::Waiting), "not approved for another key");
    code.approve(&key(1), at(3));
    assert_eq!(code.show(&key(2), at(4)), Err(Spent::Used));
    assert_eq!(code.show(&key(1), at(4)), Ok(Standing::Approved { at: at(3) }));
}

#[test]
fn case_049_an_unused_code_lives_ten_minutes_and_says_how_it_ended() {
    let table = [
        (0, Ok(Standing::Waiting), None),
        (LIFETIME_MS - 1, Ok(Standing::Waiting), None),
        (LIFETIME_MS, Err(Spent::Expired), Some(Spent::Expired)),
    ];
    for (after, shown, spent) in table {
        let mut code = code();
        assert_eq!(code.spent(at(after)), spent);
        assert_eq!(code.is_unused(at(after)), spent.is_none());
        assert_eq!(code.show(&key(1), at(after)), shown);
    }
    let mut early = code();
    assert_eq!(early.show(&key(1), UnixMs(MINTED.0 - 1)), Err(Spent::Expired));
    assert_eq!(early.state, State::Unused);
    let mut used = code();
    assert!(used.show(&key(1), at(1)).is_ok());
    assert_eq!(used.spent(at(1)).map(Spent::word), Some("used"));
    used.cancel();
    assert_eq!(used.spent(at(1)).map(Spent::word), Some("cancelled"));
    assert_eq!(used.show(&key(1), at(1)), Err(Spent::Cancelled));
}

#[test]
fn a_waiting_device_may_come_back_as_long_as_its_request_waits() {
    let mut code = code();
    assert!(code.show(&key(1), at(LIFETIME_MS - 1)).is_ok());
    let last = LIFETIME_MS - 1 + WAITING_MS;
    assert!(code.show(&key(1), at(last)).is_ok());
    assert_eq!(code.show(&key(1), at(last + WAITING_MS + 1)), Err(Spent::Expired));
}

#[test]
fn after_the_approval_there_are_ten_more_minutes_and_then_no_end() {
    let approved = || {
        let mut code = code();
        assert!(code.show(&key(1), at(0)).is_ok());
        code.approve(&key(1), at(LIFETIME_MS + 1));
        code
    };
    let standing = Ok(Standing::Approved { at: at(LIFETIME_MS + 1) });
    let mut late = approved();
    assert_eq!(late.show(&key(1), at(2 * LIFETIME_MS + 1)), Err(Spent::Expired));
    let mut code = approved();
    assert_eq!(code.show(&key(1), at(2 * LIFETIME_MS)), standing);
    assert_eq!(code.show(&key(1), at(900 * LIFETIME_MS)), standing, "as good as its tokens");
    code.cancel();
    assert_eq!(code.show(&key(1), at(901 * LIFETIME_MS)), Err(Spent::Cancelled));
}

#[test]
fn approving_what_nobody_has_shown_does_nothing() {
    let mut code = code();
    code.approve(&key(1), at(1));
    assert_eq!(code.state, State::Unused);
    code.cancel();
    code.approve(&key(1), at(1));
    assert_eq!(code.state, State::Cancelled);
}

#[test]
fn the_words_are_the_first_33_bits_in_the_list_of_bip_39() {
    let list = Language::English.word_list();
    assert_eq!((list[0], list[2047], list.is_sorted()), ("abandon", "zoo", true));
    let device =
        DeviceId::parse("56475aa75463474c0285df5dbf2bcab73da651358839e9b77481b2eab107708c")
            .unwrap();
    assert_eq!(words(&device, &TokenDigest::of("tok_abc")).to_string(), "turn cruel sponsor");
    assert_ne!(
        words(&device, &TokenDigest::of("tok_abd")),
        words(&device, &TokenDigest::of("tok_abc"))
    );
    assert_ne!(
        words(&key(1).id(), &TokenDigest::of("a")),
        words(&key(2).id(), &TokenDigest::of("a"))
    );
}

#[derive(Clone, Debug)]
enum Step {
    Show(u8),
    Approve(u8),
    Wait(u64),
    Cancel,
}

proptest! {
    #[test]
    fn case_042_under_any_order_of_events_one_key_at_most_is_let_in(
        steps in prop::collection::vec(prop_oneof![
            8 => (0u8..4).prop_map(Step::Show),
            3 => (0u8..4).prop_map(Step::Approve),
            2 => (0u64..700_000).prop_map(Step::Wait),
            1 => Just(Step::Cancel),
        ], 0..60),
    ) {
        let (mut code, mut now) = (code(), MINTED);
        let (mut let_in, mut cancelled) = (std::collections::BTreeSet::new(), false);
        for step in steps {
            match step {
                Step::Wait(ms) => now = UnixMs(now.0 + ms),
                Step::Approve(by) => code.approve(&key(by), now),
                Step::Cancel => { code.cancel(); cancelled = true; }
                Step::Show(by) => {
                    let shown = code.show(&key(by), now);
                    prop_assert!(!cancelled || shown.is_err());
                    if shown.is_ok() { let_in.insert(by); }
                }
            }
        }
        prop_assert!(let_in.len() <= 1, "{:?}", let_in);
    }
}
