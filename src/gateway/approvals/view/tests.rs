//! What a card offers where the platform can do more, and where it can do less.

use openclaw_plugin_sdk::{SenderId, TextUnit};

use super::*;
use crate::{
    registry,
    rules::{
        AccountKey,
        pairing::{PairingCode, PairingRequest, RequestId},
    },
};

fn request() -> PairingRequest {
    PairingRequest {
        id: RequestId::from_text("request"),
        key: AccountKey::default_of("telegram"),
        sender: SenderId::new("4711").unwrap(),
        code: PairingCode::parse("AB3D7X9K").unwrap(),
        created_at: UnixMs(1_000),
        last_seen_at: UnixMs(1_000),
        meta: [("name".to_owned(), "Ann".to_owned())].into(),
        later_name: None,
        claims: None,
        held: None,
        opened: None,
    }
}

/// The text of Ann's card on a platform that can do this.
fn drawn(buttons: Option<u8>, replies: bool) -> String {
    let plugin = registry::CHANNELS.iter().find(|plugin| plugin.abilities.groups).unwrap();
    drawn_with(Abilities { buttons, replies, reactions: false, ..plugin.abilities }, CardState::Ask)
}

fn drawn_with(abilities: Abilities, face: CardState) -> String {
    let limit = TextLimit { max: 4096, unit: TextUnit::Chars };
    let zone = &TimeZone::UTC;
    let canvas = Layout { abilities, limit, zone, face, before: &[], tokens: &[] };
    let about = About::Sender {
        channel: "telegram".to_owned(),
        account: "default".to_owned(),
        sender: "4711".to_owned(),
        request: "request".to_owned(),
    };
    let (facts, what) = (Vec::new(), Asking::Sender(request()));
    let ask = Ask { about, ends: 3_601_000, revision: "one".to_owned(), facts, what };
    match asking(&ask, canvas) {
        Body::Card(card) => card.to_text().to_plain(),
        _ => panic!("it fits into a card"),
    }
}

#[test]
fn without_buttons_a_reply_has_a_number_and_without_replies_the_card_prints_the_commands() {
    let with_buttons = drawn(Some(8), true);
    assert!(with_buttons.ends_with("Approve: /pairing approve telegram AB3D7X9K"));
    assert!(!with_buttons.contains("number"), "{with_buttons}");
    let with_replies = drawn(None, true);
    let numbers = "Reply to this message with a number: 1 approve, 2 deny, 3 block, 4 later. ";
    assert!(with_replies.contains(numbers), "{with_replies}");
    let plain = drawn(None, false);
    assert!(!plain.contains("Reply"), "{plain}");
    assert!(plain.contains("/pairing approve telegram AB3D7X9K\n"), "{plain}");
    let away = "Deny: /pairing deny telegram AB3D7X9K\n\
                Block: /pairing block telegram AB3D7X9K";
    assert!(plain.ends_with(away), "{plain}");
}

#[test]
fn what_has_no_button_is_said_by_its_word() {
    let shown = drawn(Some(3), true);
    assert!(shown.contains("Or reply to this message with “later”. Approve: "), "{shown}");
    assert!(!drawn(Some(4), true).contains("Or reply"));
}

#[test]
fn where_reactions_arrive_a_card_says_which_decide_while_they_do() {
    let told = "React to this message with 👍 to approve or with 👎 to deny. ";
    let can = Abilities { reactions: true, replies: true, ..Abilities::NONE };
    for face in [CardState::Ask, CardState::Later(60_000)] {
        let shown = drawn_with(can, face);
        assert!(
            shown.contains(&format!("{told}Reply to this message with a number: 1 approve")),
            "{shown}"
        );
    }
    assert!(!drawn_with(can, CardState::Terms).contains("React"));
    assert!(!drawn_with(Abilities { buttons: Some(8), ..can }, CardState::Ask).contains("React"));
}
