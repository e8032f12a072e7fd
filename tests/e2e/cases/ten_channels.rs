//! One owner on every chat channel at once: each stranger is decided about from another channel than their own.

use openclaw::registry;
use openclaw_plugin_sdk::ChannelPlugin;
use serde_json::Value;

use crate::{
    chats::{CHANNELS, How, everywhere},
    process::texts,
    world::World,
};

/// A decision: its button, what the cards show then, the emoji that gives it, and its name in the access log.
type Decision = (&'static str, &'static str, Option<&'static str>);

const DECISIONS: [Decision; 3] = [
    ("Approve", "✅ Approved", Some("👍")),
    ("Deny", "⛔ Denied", Some("👎")),
    ("Block", "⛔ Blocked", None),
];
const STRANGERS: [&str; 3] = ["ann", "bob", "eve"];

/// The chat channels, Telegram among them.
fn channels() -> Vec<&'static str> {
    CHANNELS.iter().map(|(channel, ..)| *channel).chain(["telegram"]).collect()
}

async fn says(world: &World, channel: &str, name: &str, text: &str) {
    if channel == "telegram" {
        world.say(name, text).await;
    } else {
        world.say_on(channel, name, How::Directly, text).await;
    }
}

async fn hears(world: &World, channel: &str, name: &str, what: &str) {
    if channel == "telegram" {
        world.shows(name, what).await;
    } else {
        world.talks[channel].shows(name, what).await;
    }
}

/// The owner decides about the newest card on this channel: by its button, by an emoji, or by a word in reply.
async fn answer(world: &mut World, channel: &str, (label, _, emoji): Decision) {
    match (channel, emoji) {
        ("telegram", _) => {
            world.press("owner", label).await;
            if label == "Approve" {
                world.press("owner", "For good").await;
            }
        }
        ("signal", Some(emoji)) => world.react_on(channel, "owner", emoji).await,
        ("bluebubbles" | "imessage" | "signal", _) => {
            world.say_on(channel, "owner", How::Replying, &label.to_lowercase()).await;
        }
        // It has room for three buttons.
        ("whatsapp", None) => world.say_on(channel, "owner", How::Replying, "block").await,
        ("whatsapp", _) => world.press_on(channel, "owner", label).await,
        _ => {
            world.press_on(channel, "owner", label).await;
            if label == "Approve" {
                world.press_on(channel, "owner", "For good").await;
            }
        }
    }
}

/// The code and the id of the one person who waits there.
fn waits(world: &World, channel: &str) -> (String, String) {
    let (waiting, _) = texts(&world.home.cli(&["pairing", "list", channel, "--json"]));
    let waiting: Value = serde_json::from_str(&waiting).unwrap();
    let [one] = waiting["requests"].as_array().unwrap().as_slice() else { panic!("{waiting}") };
    (one["code"].as_str().unwrap().to_owned(), one["id"].as_str().unwrap().to_owned())
}

fn plugin(channel: &str) -> &'static ChannelPlugin {
    registry::CHANNELS.iter().find(|plugin| plugin.id == channel).unwrap()
}

/// What an owner's chat shows of a decision: the card as it is now, or a sentence where they decided and no card changes.
fn outcome(said: &str, channel: &str, id: &str, sentence: bool) -> String {
    if sentence {
        return format!("{said} {channel} sender {id}");
    }
    format!("{said}\nChannel: {} (default)\nId: {id}\n", plugin(channel).label)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_channel_decides_for_the_others_and_every_card_shows_it() {
    let channels = channels();
    let many = channels.len();
    let mut world = World::start(&everywhere()).await;
    let mut rounds = 0;
    for (turn, (decision, name)) in DECISIONS.into_iter().zip(STRANGERS).enumerate() {
        for (at, channel) in channels.iter().enumerate() {
            let by = channels[(at + 1 + turn * 3) % many];
            assert_ne!(*channel, by);
            says(&world, channel, name, "hello").await;
            hears(&world, channel, name, "Pairing code: ").await;
            let (code, id) = waits(&world, channel);
            for each in &channels {
                hears(&world, each, "owner", &code).await;
            }
            rounds += 1;
            if rounds == many * 3 / 2 {
                world.stop();
                world.run();
            }
            answer(&mut world, by, decision).await;
            for each in &channels {
                hears(
                    &world,
                    each,
                    "owner",
                    &outcome(
                        decision.1,
                        channel,
                        &id,
                        *each == by && !plugin(each).abilities.edits,
                    ),
                )
                .await;
            }
            if decision.0 == "Approve" {
                hears(&world, channel, name, "✅ OpenClaw access approved.").await;
                says(&world, channel, name, "am I in?").await;
                hears(&world, channel, name, "am I in?").await;
            }
        }
    }
    let log = world.home.read("audit/access.jsonl");
    for action in ["approve", "deny", "block"] {
        let line = format!("\"action\":\"{action}\"");
        assert_eq!(log.matches(&line).count(), many, "{action}");
    }
    world.stop();
    assert!(world.home.cli(&["audit", "verify"]).status.success());
}
