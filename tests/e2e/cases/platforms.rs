//! Security cases that hold on every platform that plays in stories beside Telegram: the whole program, real sockets.

use openclaw::registry;
use openclaw_plugin_sdk::SentRef;

use crate::{chats::How, process::texts, world::World};

/// A channel with an owner, and how its table begins.
const CHANNELS: [(&str, &str, &str); 2] = [
    (
        "discord",
        "discord:{discord.owner}",
        "token = \"{discord.token}\"\napi_root = \"{discord.root}\"\n",
    ),
    (
        "slack",
        "slack:{slack.owner}",
        "bot_token = \"{slack.bot_token}\"\napp_token = \"{slack.app_token}\"\napi_url = \"{slack.api}\"\n",
    ),
];

fn config(channel: &str, owner: &str, keys: &str, more: &str) -> String {
    format!("[owner]\nallow_from = [\"{owner}\"]\n[channels.{channel}]\n{keys}{more}")
}

/// The code that a person was given, by the platform.
async fn code(world: &mut World, channel: &str, name: &str) -> String {
    let challenge = world.talks.get_mut(channel).unwrap().next(name).await;
    challenge.split_once("Pairing code: ").unwrap().1[..8].to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn case_017_case_091_case_093_whatever_a_stranger_says_he_gets_one_code() {
    for (channel, owner, keys) in CHANNELS {
        let mut world = World::start(&config(channel, owner, keys, "")).await;
        world.say_on(channel, "bob", How::Directly, "hello").await;
        code(&mut world, channel, "bob").await;
        for (name, _) in registry::listed_commands() {
            world.say_on(channel, "bob", How::ByCommand, &name).await;
            world.say_on(channel, "bob", How::Directly, &format!("/{name} now")).await;
        }
        for words in
            ["/stop", "/start x", "stop", "pairing approve AAAAAAAA", "/claim AAAA-BBBB-CCCC"]
        {
            world.say_on(channel, "bob", How::Directly, words).await;
        }
        world.stop();
        assert_eq!(world.talks[channel].unread("bob"), Vec::<String>::new(), "{channel}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_073_an_approval_in_a_direct_chat_opens_no_group() {
    for (channel, owner, keys) in CHANNELS {
        let mut world = World::start(&config(channel, owner, keys, "")).await;
        world.say_on(channel, "ann", How::Directly, "hello").await;
        let code = code(&mut world, channel, "ann").await;
        assert!(world.home.cli(&["pairing", "approve", channel, &code]).status.success());
        world.say_on(channel, "ann", How::Directly, "are you there?").await;
        world.talks[channel].shows("ann", "are you there?").await;
        world.say_on(channel, "ann", How::InGroup, "@bot are you there?").await;
        world.say_on(channel, "bob", How::InGroup, "@bot let me in").await;
        world.stop();
        let written = world.talks[channel].chats.written_to();
        assert!(!written.contains(&"group".to_owned()), "{channel}: {written:?}");
        assert!(world.talks[channel].chats.shown("group").is_empty(), "{channel}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_014_who_presses_the_owners_button_with_another_hand_decides_nothing() {
    for (channel, owner, keys) in CHANNELS {
        let mut world = World::start(&config(channel, owner, keys, "")).await;
        world.say_on(channel, "ann", How::Directly, "hello").await;
        let code = code(&mut world, channel, "ann").await;
        world.talks[channel].shows("owner", &code).await;
        let card = || {
            let shown = world.talks[channel].chats.shown("owner");
            let card = shown.into_iter().rev().find(|seen| !seen.buttons.is_empty()).unwrap();
            let data = card.buttons.iter().flatten().find(|one| one.label == "Approve").unwrap();
            let on = SentRef { chat: card.chat.clone().unwrap(), id: card.id.clone().unwrap() };
            (on, data.data.clone())
        };
        let (on, data) = card();
        let event = world.talks[channel].chats.press("ann", &on, &data).await;
        world.home.logs(&world.talks[channel].settled(&event)).await;
        let event = world.talks[channel].chats.press("owner", &on, "made up").await;
        world.home.logs(&world.talks[channel].settled(&event)).await;
        let (waiting, _) = texts(&world.home.cli(&["pairing", "list", channel, "--json"]));
        assert!(waiting.contains(&code), "{channel}: she waits still: {waiting}");
        world.press_on(channel, "owner", "Deny").await;
        let log = world.home.read("audit/access.jsonl");
        assert_eq!(log.matches("\"action\":\"approve\"").count(), 0, "{channel}");
        assert_eq!(log.matches("\"action\":\"deny\"").count(), 1, "{channel}");
        world.stop();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_087_case_115_under_an_allowlist_and_when_closed_nobody_hears_a_word() {
    for (channel, owner, keys) in CHANNELS {
        for policy in ["allowlist", "disabled"] {
            let more = format!("dm_policy = \"{policy}\"\n");
            let mut world = World::start(&config(channel, owner, keys, &more)).await;
            for name in ["ann", "bob", "eve"] {
                world.say_on(channel, name, How::Directly, "hello").await;
                world.say_on(channel, name, How::ByCommand, "help").await;
            }
            world.stop();
            for name in ["ann", "bob", "eve"] {
                let said = world.talks[channel].unread(name);
                assert_eq!(said, Vec::<String>::new(), "{channel} {policy}: empty is nobody");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_079_an_account_that_is_switched_off_does_not_connect() {
    for (channel, owner, keys) in CHANNELS {
        let mut world = World::start(&config(channel, owner, keys, "enabled = false\n")).await;
        let (status, _) = texts(&world.home.cli(&["channels", "status"]));
        assert!(status.contains("disabled"), "{status}");
        world.stop();
        assert!(world.talks[channel].chats.written_to().is_empty());
        assert!(
            !world.home.logged().contains(&format!("account reconnects channel=\"{channel}\""))
        );
    }
}
