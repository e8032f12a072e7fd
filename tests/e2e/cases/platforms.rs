//! Security cases that hold on every platform that plays in stories beside Telegram: the whole program, real sockets.

use openclaw::registry;
use openclaw_plugin_sdk::SentRef;

use crate::{
    chats::{self, CHANNELS, Chats, How},
    fake_slack::FakeSlack,
    process::{Home, texts},
    world::World,
};

/// On these there are no buttons.
const WITHOUT_BUTTONS: [&str; 3] = ["bluebubbles", "imessage", "signal"];

fn config(channel: &str, owner: &str, keys: &str, more: &str) -> String {
    format!("[owner]\nallow_from = [\"{owner}\"]\n[channels.{channel}]\n{keys}{more}")
}

/// The code that a person was given, by the platform.
async fn code(world: &mut World, channel: &str, name: &str) -> String {
    let challenge = world.talks.get_mut(channel).unwrap().next(name).await;
    challenge.split_once("Pairing code: ").unwrap().1[..8].to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn case_017_case_091_case_093_whatever_a_stranger_says_they_get_one_code() {
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
async fn who_is_approved_in_a_shell_is_told_so_where_that_is_wanted() {
    for (channel, owner, keys) in CHANNELS {
        let mut world = World::start(&config(channel, owner, keys, "")).await;
        world.say_on(channel, "ann", How::Directly, "hello").await;
        let code = code(&mut world, channel, "ann").await;
        let approve = ["pairing", "approve", channel, &code, "--notify"];
        assert!(world.home.cli(&approve).status.success());
        world.talks[channel].shows("ann", "✅ OpenClaw access approved.").await;
        world.stop();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_014_who_presses_the_owners_button_with_another_hand_decides_nothing() {
    let with_buttons = |channel: &str| !WITHOUT_BUTTONS.contains(&channel);
    for (channel, owner, keys) in CHANNELS.into_iter().filter(|(channel, ..)| with_buttons(channel))
    {
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
        assert!(waiting.contains(&code), "{channel}: Ann still waits: {waiting}");
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

#[test]
fn case_077_two_accounts_on_one_path_do_not_start() {
    for (channel, keys) in [
        (
            "feishu",
            "app_id = \"cli_a1b2c3d4e5f60718\"\napp_secret = \"abcdefgh\"\nconnection_mode = \"webhook\"\n\
             encrypt_key = \"abcdefgh\"\nverification_token = \"abcdefgh\"\n",
        ),
        (
            "msteams",
            "app_id = \"0f1e2d3c-4b5a-4968-8776-655443322110\"\napp_password = \"a-secret-of-32-characters\"\n\
             tenant_id = \"0f1e2d3c-4b5a-4968-8776-655443322111\"\n",
        ),
    ] {
        let home = Home::new();
        let config =
            format!("[channels.{channel}]\n{keys}[channels.{channel}.accounts.work]\n{keys}");
        home.configure(&config);
        let output = home.cli(&["config", "check"]);
        let (said, error) = texts(&output);
        let said = format!("{said}{error}");
        assert!(
            !output.status.success() && said.contains("is to be served at"),
            "{channel}: {said}"
        );
        home.configure(&format!("{config}webhook_path = \"/work\"\n"));
        let output = home.cli(&["config", "check"]);
        let (said, error) = texts(&output);
        assert!(!format!("{said}{error}").contains("is to be served at"), "{channel}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_074_case_101_two_accounts_share_no_grant_and_no_places() {
    let apart = [
        ("feishu", ""),
        ("googlechat", "webhook_path = \"/googlechat-work\"\n"),
        ("imessage", ""),
        ("msteams", "webhook_path = \"/api/messages-work\"\n"),
    ];
    for (channel, path) in apart {
        let (_, owner, keys) = CHANNELS.into_iter().find(|(id, ..)| *id == channel).unwrap();
        let mut other = chats::start(channel).await.unwrap();
        let keys_there = other.chats.fill(keys);
        let work = format!("[channels.{channel}.accounts.work]\n{keys_there}{path}");
        let mut world = World::start(&config(channel, owner, keys, &work)).await;
        other.chats.is_called_at(world.port(), "-work");
        for name in ["ann", "bob", "eve"] {
            world.say_on(channel, name, How::Directly, "hello").await;
            code(&mut world, channel, name).await;
        }
        other.chats.say("ann", How::Directly, "hello").await;
        let challenge = other.next("ann").await;
        let code = &challenge.split_once("Pairing code: ").unwrap().1[..8];
        assert!(world.home.cli(&["pairing", "approve", channel, code]).status.success());
        assert_ne!(world.home.read(&format!("credentials/{channel}-work-allowFrom.json")), "");
        assert_eq!(world.home.read(&format!("credentials/{channel}-allowFrom.json")), "");
        world.say_on(channel, "ann", How::Directly, "and here?").await;
        world.stop();
        assert_eq!(world.talks[channel].unread("ann"), Vec::<String>::new(), "{channel}");
    }
}

/// A Slack for another app.
const OTHER: (&str, &str) =
    ("xoxb-000000000002-another-bot-token", "xapp-2-A0WORK0000-another-app-token");

#[tokio::test(flavor = "multi_thread")]
async fn case_074_case_101_two_apps_on_slack_share_no_grant_and_no_places() {
    let other = FakeSlack::start().await;
    other.with(|state| state.tokens = Some((OTHER.0.to_owned(), OTHER.1.to_owned())));
    let (channel, owner, keys) = CHANNELS[3];
    let work = format!(
        "[channels.slack.accounts.work]\nbot_token = \"{}\"\napp_token = \"{}\"\napi_url = \"{}\"\n",
        OTHER.0,
        OTHER.1,
        other.root()
    );
    let mut world = World::start(&config(channel, owner, keys, &work)).await;
    for name in ["ann", "bob", "eve"] {
        world.say_on(channel, name, How::Directly, "hello").await;
        code(&mut world, channel, name).await;
    }
    other.until("an app that listens", |state| !state.sockets.is_empty()).await;
    other.say("ann", How::Directly, "hello").await;
    let shown = |state: &crate::fake_slack::State| {
        let mut texts = state.messages.iter().map(crate::fake_slack::Shown::reads);
        texts.find_map(|text| Some(text.split_once("Pairing code: ")?.1[..8].to_owned()))
    };
    other.until("a place of its own", |state| shown(state).is_some()).await;
    let code = other.with(|state| shown(state)).unwrap();
    assert!(world.home.cli(&["pairing", "approve", "slack", &code]).status.success());
    assert!(world.home.read("credentials/slack-work-allowFrom.json").contains("U000000ANN"));
    assert_eq!(world.home.read("credentials/slack-allowFrom.json"), "");
    world.say_on(channel, "ann", How::Directly, "and here?").await;
    world.stop();
    assert_eq!(world.talks[channel].unread("ann"), Vec::<String>::new(), "Ann still waits here");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_refused_stops_alone_and_says_what_to_look_at() {
    for (channel, owner, keys) in CHANNELS {
        let wrong = keys
            .replace("{bluebubbles.password}", "mac-0009-wrong-token")
            .replace("{discord.token}", "wrong.token.of-a-bot")
            .replace("{feishu.app_secret}", "feishu-0009-wrong-token")
            .replace("{googlechat.account}", "{googlechat.wrong}")
            .replace("{imessage.cli}\"", "{imessage.cli}\"\ndb_path = \"/closed/chat.db\"")
            .replace("{msteams.password}", "another-value-0009-wrong-token")
            .replace("{signal.account}", "+15550000009")
            .replace("{slack.bot_token}", "xoxb-000000000009-wrong-token")
            .replace("{whatsapp.token}", "whatsapp-0009-wrong-token");
        let mut world = World::start(&config(channel, owner, &wrong, "")).await;
        world.home.logs("account stopped: unauthorized").await;
        let (status, _) = texts(&world.home.cli(&["channels", "status"]));
        let shown = if channel == "msteams" { "microsoft teams" } else { channel };
        let is_line = |line: &&str| {
            line.to_lowercase().contains(shown)
                || line.to_lowercase().replace(' ', "").contains(channel)
        };
        let line = status.lines().find(is_line).unwrap();
        let key = match channel {
            "bluebubbles" => "`password`",
            "feishu" => "`app_secret`",
            "googlechat" => "`service_account`",
            "imessage" => "Full Disk Access",
            "msteams" => "`app_password`",
            "signal" => "`account`",
            _ => "token`",
        };
        assert!(line.contains("unauthorized") && line.contains(key), "{line}");
        assert_eq!(world.home.logged().matches("account stopped").count(), 1, "no loop");
        world.visitor("bob").await.say("hello").await.unwrap();
        assert!(world.visitor("bob").await.next().await.contains("Pairing code"));
        world.stop();
        assert!(
            !world.home.logged().contains("wrong.token")
                && !world.home.logged().contains("0009-wrong-token")
        );
    }
}
