//! What is done for a card, by what stands there and what is known.

use super::*;
use crate::{
    accounts::owners_chat::OwnersChat,
    approvals::{
        outbox::Outbox,
        outcome::{How, Outcome},
    },
};
use openclaw_plugin_sdk::{ChatId, SenderId};

const NOW: UnixMs = UnixMs(1_000_000);

fn chat() -> OwnersChat {
    let key = crate::rules::AccountKey::default_of("telegram");
    OwnersChat::new(&key, &ChatId::new("7"), &SenderId::new("7").unwrap())
}

fn card() -> CardCopy {
    let about = About::Device { request: "r".to_owned(), device: "d".to_owned() };
    CardCopy { wants: "one".to_owned(), ..CardCopy::new(1, about, chat(), NOW) }
}

fn shown() -> CardCopy {
    let look = Some(look("one", CardState::Ask));
    CardCopy { sent: Some("9".to_owned()), look, revision: "one".to_owned(), ..card() }
}

fn sight() -> ChatState {
    let (rate, spent) = (CardRate { burst: 1, per_minute: 1 }, Spent::default());
    ChatState { now: NOW, quiet: false, rate, spent, edits: true, undoes: false }
}

fn outcome(by: Option<&str>) -> Outcome {
    let (by, surface) = (by.map(str::to_owned), Some("chat".to_owned()));
    Outcome { how: How::Denied, by, surface, at: 1, until: None }
}

#[test]
fn a_new_card_goes_when_the_rate_lets_it_and_no_quiet_hour_holds_it() {
    assert_eq!(next(&card(), sight()), Step::Post { counts: true });
    let spent = sight().rate.spend(Spent::default(), NOW);
    assert_eq!(next(&card(), ChatState { spent, ..sight() }), Step::Held(UnixMs(NOW.0 + 60_000)));
    assert_eq!(next(&card(), ChatState { quiet: true, ..sight() }), Step::Rest);
    assert_eq!(next(&CardCopy { held: true, ..card() }, sight()), Step::Rest, "listed first");
    let failed = CardCopy { next: NOW.0 + 5, ..card() };
    assert_eq!(next(&failed, sight()), Step::Wait(UnixMs(NOW.0 + 5)));
    let notice = About::Notice { id: "n".to_owned(), text: "t".to_owned() };
    let quiet = ChatState { quiet: true, spent, ..sight() };
    assert_eq!(next(&CardCopy { about: notice, ..card() }, quiet), Step::Post { counts: false });
}

#[test]
fn what_is_moot_before_it_was_sent_is_dropped() {
    assert_eq!(next(&CardCopy { outcome: Some(outcome(None)), ..card() }, sight()), Step::Forget);
}

#[test]
fn a_card_is_edited_when_something_changes_and_rests_otherwise() {
    assert_eq!(next(&shown(), sight()), Step::Rest);
    let changed = CardCopy { wants: "two".to_owned(), ..shown() };
    assert_eq!(next(&changed, sight()), Step::Edit);
    let mut decided = CardCopy { outcome: Some(outcome(Some("telegram:8"))), ..shown() };
    assert_eq!(
        next(&decided, ChatState { quiet: true, ..sight() }),
        Step::Edit,
        "also in quiet hours"
    );
    decided.look = Some("over/denied".to_owned());
    assert!(decided.is_over());
    assert_eq!(next(&decided, sight()), Step::Rest);
}

#[test]
fn later_is_a_new_message_and_the_old_one_loses_its_buttons() {
    let until = NOW.0 + 60_000;
    let put_off = CardCopy { face: CardState::Later(until), ..shown() };
    assert_eq!(next(&put_off, sight()), Step::Edit, "it says so");
    let told = CardCopy { look: Some(look("one", CardState::Later(until))), ..put_off };
    assert_eq!(next(&told, sight()), Step::Wait(UnixMs(until)));
    let then = ChatState { now: UnixMs(until), ..sight() };
    assert_eq!(next(&told, then), Step::Post { counts: true });
    let again = CardCopy { stale: Some("9".to_owned()), sent: Some("10".to_owned()), ..shown() };
    assert_eq!(next(&again, sight()), Step::Retire);
}

#[test]
fn where_nothing_is_edited_only_what_others_did_is_told() {
    let plain = ChatState { edits: false, ..sight() };
    let changed = CardCopy { wants: "two".to_owned(), ..shown() };
    assert_eq!(next(&changed, plain), Step::Post { counts: false });
    let until = NOW.0 + 60_000;
    let put_off = CardCopy { face: CardState::Later(until), ..shown() };
    assert_eq!(next(&put_off, plain), Step::Wait(UnixMs(until)), "the owner who put it off knows");
    let by = |by| CardCopy { outcome: Some(outcome(Some(by))), ..shown() };
    assert_eq!(next(&by("telegram:7"), plain), Step::Leave, "and the owner who decided");
    assert_eq!(next(&by("telegram:8"), plain), Step::Post { counts: false });
    assert_eq!(next(&by("telegram:8"), ChatState { quiet: true, ..plain }), Step::Rest);
}

#[test]
fn an_outage_is_told_once_changed_in_place_and_told_to_be_over() {
    let outage = |text: &str| About::Outage { text: text.to_owned() };
    let quiet = ChatState { quiet: true, ..sight() };
    let unsent = CardCopy { about: outage("401"), ..card() };
    assert_eq!(next(&unsent, quiet), Step::Post { counts: false }, "at any time");
    let look = Some("401".to_owned());
    let told = CardCopy { look: look.clone(), sent: Some("9".to_owned()), ..unsent };
    let plain = ChatState { edits: false, ..sight() };
    assert_eq!((next(&told, sight()), next(&told, plain)), (Step::Rest, Step::Rest));
    let changed = CardCopy { about: outage("500"), ..told.clone() };
    assert_eq!((next(&changed, sight()), next(&changed, plain)), (Step::Edit, Step::Rest));
    let over = Some(Outcome::nobody(How::Recovered, NOW));
    let over = CardCopy { outcome: over, ..told };
    assert_eq!(next(&over, sight()), Step::Edit);
    assert_eq!(next(&over, plain), Step::Post { counts: false });
}

#[test]
fn the_digest_counts_those_who_wait_and_the_morning_comes_first() {
    let mut outbox = Outbox::default();
    let some = |waiting| Counts { waiting, turned_away: 0 };
    let at =
        |outbox: &Outbox, counts, held, sight| beside(&outbox.chat(&chat()), counts, held, sight);
    assert_eq!(at(&outbox, some(0), 0, sight()), Beside::Rest);
    assert_eq!(at(&outbox, some(14), 0, sight()), Beside::Count(some(14)));
    assert_eq!(at(&outbox, some(14), 2, sight()), Beside::Morning);
    assert_eq!(at(&outbox, some(14), 2, ChatState { quiet: true, ..sight() }), Beside::Rest);
    outbox.change_chat(&chat(), |chat| {
        let sent = Some("5".to_owned());
        chat.digest = Some(crate::approvals::outbox::Digest {
            key: String::new(),
            sent,
            others: 14,
            turned_away: 0,
        });
    });
    assert_eq!(at(&outbox, some(14), 0, sight()), Beside::Rest);
    assert_eq!(at(&outbox, some(13), 0, sight()), Beside::Count(some(13)));
    assert_eq!(at(&outbox, some(0), 0, sight()), Beside::Count(some(0)));
    let plain = ChatState { edits: false, ..sight() };
    assert_eq!(
        (at(&outbox, some(13), 0, plain), at(&outbox, some(0), 0, plain)),
        (Beside::Rest, Beside::Forget)
    );
    let turned_away = Counts { turned_away: 2, ..some(14) };
    assert_eq!(at(&outbox, turned_away, 0, sight()), Beside::Count(turned_away));
    outbox.change_chat(&chat(), |chat| chat.next = NOW.0 + 3);
    assert_eq!(at(&outbox, some(13), 0, sight()), Beside::Wait(UnixMs(NOW.0 + 3)));
}

#[test]
fn a_block_of_the_chats_own_owner_can_be_undone_for_ten_seconds_where_that_is_offered() {
    let about = About::Sender {
        channel: "telegram".to_owned(),
        account: "default".to_owned(),
        sender: "8".to_owned(),
        request: "r".to_owned(),
    };
    let by = |by| Outcome { how: How::Blocked, at: NOW.0, ..outcome(Some(by)) };
    let blocked = |who| CardCopy { outcome: Some(by(who)), about: about.clone(), ..shown() };
    let (page, until) = (ChatState { undoes: true, ..sight() }, UnixMs(NOW.0 + 10_000));
    let look = |card: CardCopy, look: &str| CardCopy { look: Some(look.to_owned()), ..card };
    let own = blocked("telegram:7");
    assert_eq!(next(&own, page), Step::Edit);
    let offered = look(own.clone(), UNDOABLE);
    assert!(!offered.is_over() && !offered.is_owed());
    assert_eq!(next(&offered, page), Step::Wait(until));
    assert_eq!(next(&offered, ChatState { now: until, ..page }), Step::Edit, "offered no longer");
    assert_eq!(
        next(&look(own.clone(), "over/blocked"), ChatState { now: until, ..page }),
        Step::Rest
    );
    assert_eq!(next(&look(own, "over/blocked"), sight()), Step::Rest, "elsewhere it never is");
    let others = look(blocked("telegram:8"), "over/blocked");
    assert_eq!(next(&others, page), Step::Rest, "nor where another owner has blocked");
}
