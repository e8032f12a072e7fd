//! A reply with a number, where cards have no buttons.

use super::*;

#[test]
fn a_number_is_the_choice_that_the_card_numbers_so_and_no_other_number_is_any() {
    let about = About::Sender {
        channel: "telegram".to_owned(),
        account: "default".to_owned(),
        sender: "4711".to_owned(),
        request: "request".to_owned(),
    };
    let chosen = |number: usize, offered| {
        let said = said::said(&format!(" {number}. "), true).unwrap();
        Answer::Said(said).choice(offered)
    };
    for face in [CardState::Ask, CardState::Later(1), CardState::Terms] {
        let offered = view::choices(&about, face, &[]);
        for (at, choice) in offered.iter().enumerate() {
            assert_eq!(chosen(at + 1, offered), Some(*choice));
            assert!(deed(&about, *choice, false, CardState::Ask).is_some(), "{choice:?}");
        }
        assert_eq!((chosen(0, offered), chosen(offered.len() + 1, offered)), (None, None));
    }
    assert_eq!(said::said("1", false), None, "where there are buttons it is an ordinary message");
}
