//! A challenge is owed once for each request, whatever happens on its way.

use std::time::{Duration, Instant};

use super::OWNED;
use crate::world::{World, number};

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_that_could_not_be_sent_is_sent_at_the_next_message() {
    let mut world = World::start(OWNED).await;
    let ann = number("ann");
    world.telegram.with(|state| state.blocked.insert(ann));
    world.say("ann", "hello").await;
    let notice = world.next(1001).await;
    world.home.logs("message not sent").await;
    world.telegram.with(|state| state.blocked.remove(&ann));
    world.say("ann", "hello?").await;
    let challenge = world.next(ann).await;
    let code = &challenge.split_once("Pairing code: ").unwrap().1[..8];
    assert!(notice.contains(code), "the same request, of which the owner was told once");
    world.say("ann", "and now?").await;
    world.stop();
    assert_eq!(world.unread(ann), Vec::<String>::new());
    assert_eq!(world.unread(1001), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_that_a_crash_cut_off_is_sent_at_the_next_message_and_once() {
    // Without an owner there is no notice: what the platform slows down is the challenge.
    let mut world = World::start(&OWNED.replace("\"telegram:1001\"", "")).await;
    let ann = number("ann");
    world.telegram.with(|state| state.slow_down = Some(30));
    world.say("ann", "hello").await;
    world.telegram.until("it is tried", |state| tries(state, ann) == 1).await;
    world.gateway.take().unwrap().kill();
    world.run();
    world.say("ann", "hello?").await;
    assert!(world.next(ann).await.contains("Pairing code: "));
    world.stop();
    world.run();
    world.say("ann", "and now?").await;
    world.stop();
    assert_eq!(world.unread(ann), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_asks_to_wait_does_not_hold_up_the_stop() {
    // Without an owner there is no notice: what the platform slows down is the challenge.
    let mut world = World::start(&OWNED.replace("\"telegram:1001\"", "")).await;
    let ann = number("ann");
    world.telegram.with(|state| state.slow_down = Some(30));
    world.say("ann", "hello").await;
    world.telegram.until("it is tried", |state| tries(state, ann) == 1).await;
    let asked = Instant::now();
    world.stop();
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
}

/// How often the bot has tried to write to this person.
fn tries(state: &crate::fake_telegram::State, chat: i64) -> usize {
    let to_them = |(method, call): &&(String, serde_json::Value)| {
        method == "sendmessage" && call["chat_id"].to_string().trim_matches('"') == chat.to_string()
    };
    state.calls.iter().filter(to_them).count()
}
