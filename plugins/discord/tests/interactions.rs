//! Slash commands and buttons: answered in time, also those of strangers, who are told nothing.
#![allow(clippy::expect_used, clippy::panic, reason = "a failed set-up fails the test")]

mod fake;

use fake::{ANN, ChannelKind, FakeDiscord, GUILD, NAMESAKE, ROOM, person};
use openclaw_plugin_sdk::{
    Button, Card, ChatId, ChatKind, Conversation, InboundRef, OutboundMessage, SentRef, Text,
    contract::{Bench, Event, FakePlatform, Person},
};
use serde_json::{Value, json};

async fn bench() -> Bench<FakeDiscord> {
    Bench::start(&channel_discord::PLUGIN, FakeDiscord::start().await).await
}

fn card() -> Card {
    let button = Button { label: "Yes".to_owned(), data: "a:1".to_owned() };
    Card { title: "Approve?".to_owned(), buttons: vec![vec![button]], ..Card::default() }
}

fn direct() -> Conversation {
    Conversation::new(ChatId::new(ANN), ChatKind::Direct)
}

fn answer(to: Conversation, press: &openclaw_plugin_sdk::EventId, text: &str) -> OutboundMessage {
    let mut answer = OutboundMessage::new(to, Text::plain(text));
    answer.answers = Some(InboundRef::Press(press.clone()));
    answer
}

async fn shown(bench: &mut Bench<FakeDiscord>) -> SentRef {
    let ann = bench.meet(Person::Ann, "hello").await;
    bench.say(&ann, card()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn case_093_a_strangers_slash_command_is_a_message_and_nothing_is_said_by_discord() {
    let mut bench = bench().await;
    let id = bench.platform.command(&ChannelKind::Direct, &person(ANN, "Ann"), "pairing", "list");
    let delivery = bench.delivery().await;
    let asked = bench.platform.with(|state| state.asked(&id).cloned()).expect("an interaction");
    assert_eq!(
        (asked.answered, asked.waits),
        (Some(5), true),
        "answered before it was handed over"
    );
    let (call, body) = bench.platform.with(|state| {
        let answers = |(call, _): &&(String, Value)| call.ends_with("/callback");
        state.calls.iter().find(answers).cloned().expect("an answer")
    });
    assert_eq!(call, format!("POST interactions/{id}/*/callback"));
    assert_eq!(body, json!({ "type": 5, "data": { "flags": 64 } }), "for the sender only");
    delivery.done.send(()).expect("it waits");
    let over = |state: &fake::State| state.asked(&id).is_some_and(|asked| !asked.waits);
    bench.platform.until("Discord stops waiting", over).await;
    assert_eq!(bench.platform.seen().await, [], "and nobody was told anything");
    let openclaw_plugin_sdk::InboundEvent::Message(message) = delivery.event else {
        panic!("a message")
    };
    assert_eq!((message.text.as_str(), message.conversation), ("/pairing list", direct()));
    assert_eq!(message.id.as_str(), id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commands_answer_is_a_message_that_can_be_edited() {
    let mut bench = bench().await;
    bench.platform.command(&ChannelKind::Direct, &person(ANN, "Ann"), "help", "");
    let command = bench.message().await;
    let mut answer = OutboundMessage::new(command.conversation, Text::plain("help"));
    answer.answers = Some(InboundRef::Message(command.id));
    let sent = bench.send(&answer).await.expect("it goes");
    let seen = bench.platform.seen().await;
    assert_eq!((seen.len(), &seen[0].answers, seen[0].toast), (1, &None, false));
    answer.replaces = Some(sent.clone());
    assert_eq!(bench.send(&answer).await, Ok(sent));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_press_is_answered_at_once_while_the_gateway_is_busy() {
    let mut bench = bench().await;
    let sent = shown(&mut bench).await;
    bench.happen(Event::Direct(Person::Ann, "hold this".to_owned())).await;
    let busy = bench.delivery().await;
    let id = bench.platform.press(&ChannelKind::Direct, &person(ANN, "Ann"), &sent, "a:1");
    let answered = |state: &fake::State| state.asked(&id).is_some_and(|it| it.answered == Some(6));
    bench.platform.until("it is answered", answered).await;
    busy.done.send(()).expect("it waits");
    let press = bench.press().await;
    assert_eq!((press.id.as_str(), press.data.as_str()), (id.as_str(), "a:1"));
    bench.send(&answer(press.conversation, &press.id, "Approved.")).await.expect("it goes");
    let last = bench.platform.seen().await.pop().expect("something");
    assert_eq!((last.text.as_str(), last.toast), ("Approved.", true), "for the sender only");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_press_that_discord_gave_up_counts_and_its_answer_is_a_message() {
    let mut bench = bench().await;
    let sent = shown(&mut bench).await;
    bench.platform.with(|state| state.holds_answers = true);
    let id = bench.platform.press(&ChannelKind::Direct, &person(ANN, "Ann"), &sent, "a:1");
    let press = bench.press().await;
    bench.platform.with(|state| {
        let asked = state.interactions.values_mut().find(|asked| asked.id == id);
        asked.expect("an interaction").late = true;
        state.holds_answers = false;
    });
    bench.send(&answer(press.conversation, &press.id, "Approved.")).await.expect("it goes");
    let last = bench.platform.seen().await.pop().expect("something");
    assert_eq!((last.text.as_str(), last.toast), ("Approved.", false));
    bench.meet(Person::Ann, "and it goes on").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_014_a_foreign_press_names_the_person_who_pressed() {
    let mut bench = bench().await;
    let room = Conversation::new(ChatId::new(ROOM), ChatKind::Group);
    let sent = bench.send(&OutboundMessage::new(room.clone(), card())).await.expect("it goes");
    bench.platform.press(&ChannelKind::Room, &person(NAMESAKE, "Ann"), &sent, "forged");
    let press = bench.press().await;
    assert_eq!(press.sender.id.as_str(), NAMESAKE);
    assert_eq!((press.on, press.conversation, press.data.as_str()), (sent, room, "forged"));
}

#[tokio::test(flavor = "multi_thread")]
async fn case_017_every_way_to_act_is_handed_over_with_its_sender() {
    let mut bench = bench().await;
    let sent = shown(&mut bench).await;
    let eve = person(NAMESAKE, "Ann");
    for place in
        [ChannelKind::Room, ChannelKind::Thread, ChannelKind::GroupDirect, ChannelKind::Hologram]
    {
        bench.platform.command(&place, &eve, "pairing", "approve AB3D7X9K");
        let command = bench.message().await;
        assert_eq!(command.sender.id.as_str(), NAMESAKE, "{place:?}");
        assert_ne!(command.conversation.kind, ChatKind::Direct, "{place:?}");
        bench.platform.press(&place, &eve, &sent, "a:1");
        assert_eq!(bench.press().await.sender.id.as_str(), NAMESAKE, "{place:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_091_an_interaction_of_another_kind_is_answered_and_is_no_event() {
    let mut bench = bench().await;
    let eve = person(NAMESAKE, "Eve");
    for kind in [4, 5, 42] {
        let data = json!({ "data": { "name": "pairing", "type": 1, "custom_id": "a:1" } });
        let id =
            bench.platform.with(|state| state.interact(kind, &ChannelKind::Direct, &eve, data));
        let answered =
            |state: &fake::State| state.asked(&id).is_some_and(|it| it.answered.is_some());
        bench.platform.until("it is answered", answered).await;
        let over = |state: &fake::State| state.asked(&id).is_some_and(|asked| !asked.waits);
        bench.platform.until("Discord stops waiting", over).await;
    }
    bench.meet(Person::Ann, "after").await;
    assert_eq!(bench.platform.seen().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_092_what_is_neither_a_message_nor_an_interaction_is_nothing() {
    let mut bench = bench().await;
    let user = person(NAMESAKE, "Eve");
    for kind in [
        "MESSAGE_REACTION_ADD",
        "MESSAGE_REACTION_REMOVE",
        "CHANNEL_PINS_UPDATE",
        "GUILD_MEMBER_ADD",
        "TYPING_START",
        "MESSAGE_UPDATE",
        "MESSAGE_POLL_VOTE_ADD",
        "VOICE_STATE_UPDATE",
        "THREAD_CREATE",
        "INVITE_CREATE",
        "PRESENCE_UPDATE",
    ] {
        bench.platform.announce(kind, &json!({
            "id": "1", "user_id": NAMESAKE, "user": user, "author": user, "guild_id": GUILD, "channel_id": ROOM,
            "message_id": "1", "content": "/pairing list", "emoji": { "name": "x" }, "type": 0,
        }));
    }
    bench.meet(Person::Ann, "after").await;
    let calls = bench.platform.with(|state| state.calls.clone());
    let sent = calls.iter().filter(|(call, _)| call.starts_with("POST")).count();
    assert_eq!(sent, 0, "{calls:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_told_to_discord_once_and_work_in_direct_chats() {
    let mut bench = bench().await;
    bench.platform.until("they are listed", |state| !state.commands.is_empty()).await;
    let command = bench.platform.with(|state| state.commands[0].clone());
    assert_eq!((&command["name"], &command["contexts"]), (&json!("help"), &json!([0, 1])));
    bench.platform.with(|state| state.sessions[0].over = true);
    bench.stop().await;
    assert!(bench.listen().await.is_err(), "the session is over");
    bench.listen().await.expect("it connects again");
    let counted = |wanted: &str| {
        let wanted = wanted.to_owned();
        move |state: &fake::State| {
            state
                .calls
                .iter()
                .filter(|(call, _)| call.starts_with(&wanted) && call.contains("/commands"))
                .count()
        }
    };
    let asked = counted("GET");
    bench.platform.until("they are compared again", |state| asked(state) == 2).await;
    bench.meet(Person::Ann, "after").await;
    assert_eq!(bench.platform.with(|state| counted("PUT")(state)), 1);
}
