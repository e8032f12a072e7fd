//! Clauses about cards with buttons, and what comes back when a person presses one.

use super::{Bench, Event, FakePlatform, Happened, Person};
use crate::{
    Button, Card, ChannelPlugin, InboundMessage, InboundRef, OutboundMessage, SentRef, Text,
};

pub(super) async fn check<P: FakePlatform>(
    plugin: &'static ChannelPlugin,
    start: &impl AsyncFn() -> P,
) {
    let Some(most) = plugin.abilities.buttons else {
        buttons_are_refused_where_there_are_none(
            &mut Bench::start(plugin, start().await).await,
            plugin,
        )
        .await;
        return;
    };
    buttons_are_shown_as_given(&mut Bench::start(plugin, start().await).await, plugin, most).await;
    too_many_buttons_are_refused(&mut Bench::start(plugin, start().await).await, most).await;
    a_press_comes_back_with_its_data_and_card(
        &mut Bench::start(plugin, start().await).await,
        plugin,
        most,
    )
    .await;
    a_press_can_be_answered(&mut Bench::start(plugin, start().await).await, plugin, most).await;
    a_card_without_buttons_disarms(&mut Bench::start(plugin, start().await).await, plugin, most)
        .await;
}

async fn buttons_are_refused_where_there_are_none<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
) {
    let ann = bench.meet(Person::Ann, "hello").await;
    let sent = bench.say(&ann, Text::plain("no button")).await;
    let card = OutboundMessage::new(ann.conversation, card(1));
    bench.refuses(&card, "a card with buttons where the facts say that there are none").await;
    let happened = bench.platform.happen(Event::Press(Person::Ann, sent, "b0".to_owned())).await;
    assert_eq!(happened, Happened::Impossible, "{}: nor can one be pressed", plugin.id);
}

async fn buttons_are_shown_as_given<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
    most: u8,
) {
    let ann = bench.meet(Person::Ann, "hello").await;
    bench.say(&ann, card(most)).await;
    let seen = bench.platform.seen().await;
    let [seen] = seen.as_slice() else { panic!("{}: one message, not {seen:?}", plugin.id) };
    assert!(seen.text.contains("Choose"), "{}: {}", plugin.id, seen.text);
    let shown: Vec<_> = seen.buttons.iter().flatten().cloned().collect();
    let given: Vec<_> = card(most).buttons.into_iter().flatten().collect();
    assert_eq!(shown, given, "{}: as many as the facts say, in order", plugin.id);
}

async fn too_many_buttons_are_refused<P: FakePlatform>(bench: &mut Bench<P>, most: u8) {
    let ann = bench.meet(Person::Ann, "hello").await;
    let Some(more) = most.checked_add(1) else { return };
    bench
        .refuses(
            &OutboundMessage::new(ann.conversation, card(more)),
            "more buttons than the facts say",
        )
        .await;
}

/// `case_014` begins here: a press names its sender, and the data is the sender's claim.
async fn a_press_comes_back_with_its_data_and_card<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
    most: u8,
) {
    let id = plugin.id;
    let ann = bench.meet(Person::Ann, "hello").await;
    let sent = bench.say(&ann, card(most)).await;
    for (person, data) in [(Person::Ann, "b0"), (Person::Ann, "forged"), (Person::Namesake, "b0")] {
        let happened =
            bench.platform.happen(Event::Press(person, sent.clone(), data.to_owned())).await;
        if person == Person::Namesake && happened == Happened::Impossible {
            continue;
        }
        assert_eq!(happened, Happened::Announced, "{id}: buttons can be pressed");
        let press = bench.press().await;
        assert_eq!(press.data, data, "{id}: what was claimed, unchanged");
        assert_eq!(press.on, sent, "{id}: the reference that `send` gave");
        assert_eq!(
            press.sender.id == ann.sender.id,
            person == Person::Ann,
            "{id}: the person who pressed"
        );
        if person == Person::Ann {
            assert_eq!(press.conversation, ann.conversation, "{id}: where the card stands");
        }
        let read = (plugin.parse_sender)(press.sender.id.as_str());
        assert_eq!(read.as_ref(), Ok(&press.sender.id), "{id}: a sender id reads back as itself");
    }
    bench.meet(Person::Ann, "after").await;
}

async fn a_press_can_be_answered<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
    most: u8,
) {
    let ann = bench.meet(Person::Ann, "hello").await;
    let sent = bench.say(&ann, card(most)).await;
    bench.happen(Event::Press(Person::Ann, sent, "b0".to_owned())).await;
    let press = bench.press().await;
    for text in ["done & <dusted>", "and once more"] {
        let mut answer = OutboundMessage::new(press.conversation.clone(), Text::plain(text));
        answer.answers = Some(InboundRef::Press(press.id.clone()));
        bench
            .send(&answer)
            .await
            .unwrap_or_else(|error| panic!("{} answers a press: {error:?}", plugin.id));
        let count =
            bench.platform.seen().await.into_iter().filter(|seen| seen.text == text).count();
        assert_eq!(count, 1, "{}: {text:?} is shown once, as a toast or as a message", plugin.id);
    }
}

async fn a_card_without_buttons_disarms<P: FakePlatform>(
    bench: &mut Bench<P>,
    plugin: &ChannelPlugin,
    most: u8,
) {
    if !plugin.abilities.edits {
        return;
    }
    let ann = bench.meet(Person::Ann, "hello").await;
    for disarmed in [true, false] {
        let sent = bench.say(&ann, card(most)).await;
        let title = if disarmed { "Chosen" } else { "Choose" };
        let body = Card { title: title.to_owned(), ..Card::default() };
        replace(bench, plugin, &ann, &sent, body).await;
        let seen = bench.platform.seen().await;
        let seen = seen.iter().find(|seen| seen.id.as_ref() == Some(&sent.id));
        let seen = seen.unwrap_or_else(|| panic!("{}: the card is still there", plugin.id));
        assert!(seen.text.contains(title), "{}: {}", plugin.id, seen.text);
        assert!(seen.buttons.is_empty(), "{}: nothing left to press", plugin.id);
    }
}

async fn replace<P: FakePlatform>(
    bench: &Bench<P>,
    plugin: &ChannelPlugin,
    to: &InboundMessage,
    old: &SentRef,
    new: Card,
) {
    let mut edit = OutboundMessage::new(to.conversation.clone(), new);
    edit.replaces = Some(old.clone());
    bench
        .send(&edit)
        .await
        .unwrap_or_else(|error| panic!("{} replaces a card: {error:?}", plugin.id));
}

fn card(buttons: u8) -> Card {
    let button = |index| Button { label: format!("Button <{index}>"), data: format!("b{index}") };
    let all: Vec<_> = (0..buttons).map(button).collect();
    let buttons = all.chunks(2).map(<[Button]>::to_vec).collect();
    Card { title: "Choose".to_owned(), buttons, ..Card::default() }
}
