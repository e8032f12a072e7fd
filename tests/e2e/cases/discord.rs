//! Discord and the whole program: how people are known there, and what opens nothing.

use openclaw_plugin_sdk::{EventId, SentRef, contract::Seen};
use serde_json::{Value, json};

use crate::{
    chats::{Chats, How},
    discord::{Discord, id},
    fake_discord::{ChannelKind, GUILD, Order, State, person, wire::bot},
    process::{Gateway, Home, texts},
};

const OWNED: &str = r#"
[owner]
allow_from = ["discord:{discord.owner}"]
[channels.discord]
token = "{discord.token}"
api_root = "{discord.root}"
"#;

/// A gateway on Discord.
struct World {
    home: Home,
    discord: Discord,
    gateway: Option<Gateway>,
}

impl World {
    async fn start(config: &str) -> Self {
        let (home, discord) = (Home::new(), Discord::start().await);
        home.configure(&discord.fill(config));
        let gateway = Some(home.gateway("trace"));
        Self { home, discord, gateway }
    }

    async fn say(&self, name: &str, text: &str) {
        let event = self.discord.say(name, How::Directly, text).await;
        self.settled(&event).await;
    }

    async fn settled(&self, event: &EventId) {
        self.home.logs(&format!("event={} channel=\"discord\"", event.as_str())).await;
    }

    /// Waits until the bot shows this in a person's chat.
    async fn shows(&self, name: &str, what: &str) -> Seen {
        self.shows_on(&self.discord, name, what).await
    }

    async fn shows_on(&self, discord: &Discord, name: &str, what: &str) -> Seen {
        let mut changes = discord.changes();
        let found = async {
            loop {
                let shown = discord.shown(name);
                if let Some(seen) = shown.into_iter().find(|seen| seen.text.contains(what)) {
                    return seen;
                }
                changes.changed().await.unwrap();
            }
        };
        let found = tokio::time::timeout(crate::process::PATIENCE, found).await;
        found.unwrap_or_else(|_| panic!("{name} is not shown `{what}`\n{}", self.home.logged()))
    }

    async fn code(&self, name: &str) -> String {
        let text = self.shows(name, "Pairing code: ").await.text;
        text.split_once("Pairing code: ").unwrap().1[..8].to_owned()
    }

    fn stop(&mut self) {
        let status = self.gateway.take().unwrap().stop();
        assert!(status.success(), "{}", self.home.logged());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_074_case_101_two_bots_share_no_grant_and_no_places() {
    let other = Discord::start().await;
    other.fake.with(|state| state.token = "MTk5.the-other.bot".to_owned());
    let work = format!(
        "[channels.discord.accounts.work]\ntoken = \"MTk5.the-other.bot\"\napi_root = \"{}\"\n",
        other.fake.root()
    );
    let mut world = World::start(&format!("{OWNED}{work}")).await;
    for name in ["ann", "bob", "cid"] {
        world.say(name, "hello").await;
        world.code(name).await;
    }
    let event = other.say("ann", How::Directly, "hello").await;
    world.settled(&event).await;
    let text = world.shows_on(&other, "ann", "Pairing code: ").await.text;
    let code = &text.split_once("Pairing code: ").unwrap().1[..8];
    let approved = world.home.cli(&["pairing", "approve", "discord", code]);
    assert!(approved.status.success(), "{:?}", texts(&approved));
    assert!(world.home.read("credentials/discord-work-allowFrom.json").contains(&id("ann")));
    assert_eq!(world.home.read("credentials/discord-allowFrom.json"), "");
    world.say("ann", "and here?").await;
    world.stop();
    assert_eq!(world.discord.shown("ann").len(), 1, "Ann still waits here");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_079_a_disabled_account_answers_nothing_and_mints_nothing() {
    let mut world = World::start(&OWNED.replace("token =", "enabled = false\ntoken =")).await;
    world.discord.fake.direct(&id("ann"), "ann", "hello");
    world.stop();
    assert!(world.discord.fake.with(|state| state.calls.is_empty()), "nobody called");
    assert_eq!(world.home.read("credentials/discord-pairing.json"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_080_case_083_case_084_a_name_makes_nobody_an_owner_or_a_guest() {
    let mut world = World::start(OWNED).await;
    world.say("ann", "hello").await;
    let code = world.code("ann").await;
    world.say("owner", &format!("/pairing approve {code}")).await;
    world.shows("ann", "access approved").await;
    let stored = world.home.read("credentials/discord-allowFrom.json");
    assert!(stored.contains(&id("ann")) && !stored.contains("ann_lee"), "{stored}");
    // Ann's names and the owner's, and an id of their own.
    for name in ["ann", "owner"] {
        let imposter = person(&id(&format!("false {name}")), name);
        world.discord.heard(&format!("false {name}")).await;
        let content = json!({ "content": "/pairing list" });
        let event = world.discord.fake.write(&ChannelKind::Direct, &imposter, content);
        world.settled(&EventId::new(event)).await;
        world.shows(&format!("false {name}"), "Pairing code: ").await;
    }
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_073_case_078_case_081_a_direct_approval_opens_no_server_and_no_id_of_one_lets_in() {
    let config = OWNED.replace(
        "token =",
        &format!("allow_from = [\"{GUILD}\"]\ngroups = [\"810000000000000009\"]\ntoken ="),
    );
    let mut world = World::start(&config).await;
    world.say("ann", "hello").await;
    let code = world.code("ann").await;
    world.say("owner", &format!("/pairing approve {code}")).await;
    world.shows("ann", "access approved").await;
    let mention = json!({ "content": "<@700000000000000001> hello", "mentions": [bot()] });
    for place in
        [ChannelKind::Room, ChannelKind::Thread, ChannelKind::GroupDirect, ChannelKind::Hologram]
    {
        let ann = world.discord.heard("ann").await;
        let event = world.discord.fake.write(&place, &ann, mention.clone());
        world.settled(&EventId::new(event)).await;
    }
    world.stop();
    let shown = world
        .discord
        .fake
        .with(|state| state.messages.iter().filter(|it| it.channel["type"] != 1).count());
    assert_eq!(shown, 0, "nothing was said where others read along");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_014_case_091_a_press_of_anyone_but_the_owner_does_nothing() {
    let mut world = World::start(OWNED).await;
    world.say("ann", "hello").await;
    let card = world.shows("owner", "asks for access").await;
    let on = SentRef { chat: card.chat.clone().unwrap(), id: card.id.clone().unwrap() };
    let approve = card
        .buttons
        .iter()
        .flatten()
        .find(|button| button.label == "Approve")
        .unwrap()
        .data
        .clone();
    let eve = world.discord.heard("eve").await;
    for place in [ChannelKind::Direct, ChannelKind::Room, ChannelKind::GroupDirect] {
        let event = world.discord.fake.press(&place, &eve, &on, &approve);
        world.settled(&EventId::new(event)).await;
    }
    // The owner, where others read along.
    let owner = world.discord.heard("owner").await;
    let event = world.discord.fake.press(&ChannelKind::Room, &owner, &on, &approve);
    world.settled(&EventId::new(event)).await;
    let waits = world.home.read("credentials/discord-pairing.json");
    assert!(waits.contains(&id("ann")), "{waits}");
    assert_eq!(world.home.read("credentials/discord-allowFrom.json"), "");
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_087_case_093_case_115_under_a_list_a_stranger_gets_nothing_whatever_they_do() {
    let mut world =
        World::start(&OWNED.replace("token =", "dm_policy = \"allowlist\"\ntoken =")).await;
    world.say("owner", "/help").await;
    let help = world.shows("owner", "/pairing").await;
    let on = SentRef { chat: help.chat.unwrap(), id: help.id.unwrap() };
    world.say("eve", "hello").await;
    let eve = world.discord.heard("eve").await;
    let mut acts = vec![world.discord.fake.press(&ChannelKind::Direct, &eve, &on, "a:1")];
    for (command, _) in openclaw::registry::listed_commands() {
        acts.push(world.discord.fake.command(&ChannelKind::Direct, &eve, &command, "list"));
    }
    for id in &acts {
        world.settled(&EventId::new(id.clone())).await;
        let over = |state: &State| {
            state.asked(id).is_some_and(|asked| asked.answered.is_some() && !asked.waits)
        };
        world.discord.fake.until("Discord does not wait", over).await;
    }
    world.stop();
    assert_eq!(world.discord.shown("eve"), []);
    assert_eq!(world.home.read("credentials/discord-pairing.json"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_105_the_same_event_is_answered_once_even_across_a_restart() {
    let mut world =
        World::start(&OWNED.replace("token =", "allow_from = [\"{discord.ann}\"]\ntoken =")).await;
    let ann = world.discord.heard("ann").await;
    let message = world.discord.fake.with(|state| {
        let message = state.message(&ChannelKind::Direct, &ann, json!({ "content": "once" }));
        for _ in 0..3 {
            state.announce("MESSAGE_CREATE", &message);
        }
        message
    });
    world.shows("ann", "once").await;
    world.say("ann", "after").await;
    world.stop();
    world.gateway = Some(world.home.gateway("trace"));
    world.discord.heard("ann").await;
    world.discord.fake.announce("MESSAGE_CREATE", &message);
    world.say("ann", "the last").await;
    world.shows("ann", "the last").await;
    world.stop();
    let once = world.discord.shown("ann").iter().filter(|seen| seen.text.contains("once")).count();
    assert_eq!(once, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_115_nobody_hears_a_word_about_what_they_wrote_long_ago() {
    let mut world = World::start(OWNED).await;
    let ann = world.discord.heard("ann").await;
    let old = |number: u64| ((1_700_000_000_000 - 1_420_070_400_000 + number) << 22).to_string();
    let mut last = String::new();
    for number in 0..500 {
        let content = json!({ "id": old(number), "content": "hello?" });
        last = world.discord.fake.write(&ChannelKind::Direct, &ann, content);
    }
    world.settled(&EventId::new(last)).await;
    world.stop();
    assert_eq!(world.discord.shown("ann"), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_work_shows_in_the_status_with_the_next_step() {
    let mut world = World::start(OWNED).await;
    world.say("ann", "hello").await;
    let status = |world: &World| texts(&world.home.cli(&["channels", "status", "--json"])).0;
    let state = |world: &World| {
        let status: Value = serde_json::from_str(&status(world)).unwrap();
        status.to_string()
    };
    assert!(state(&world).contains("connected"), "{}", state(&world));
    world.discord.fake.with(|state| state.revoked = true);
    world.discord.fake.order(Order::Close(4004));
    // It worked before: it is tried once more, after a while.
    world.home.logs("refused, although it worked before").await;
    assert!(state(&world).contains("Developer Portal"), "{}", state(&world));
    world.stop();
    world.gateway = Some(world.home.gateway("trace"));
    world.home.logs("account stopped: unauthorized").await;
    let said = state(&world);
    assert!(said.contains("unauthorized") && said.contains("Developer Portal"), "{said}");
    world.stop();
    let calls = world.discord.fake.with(|state| state.calls.len());
    assert!(calls < 30, "no busy loop: {calls}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_intent_the_status_says_what_is_not_heard() {
    let (home, discord) = (Home::new(), Discord::start().await);
    discord.fake.with(|state| state.no_content = true);
    home.configure(&discord.fill(OWNED));
    let mut world = World { gateway: Some(home.gateway("trace")), home, discord };
    world.say("ann", "hello").await;
    world.code("ann").await;
    let said = texts(&world.home.cli(&["channels", "status"])).0;
    assert!(said.contains("connected") && said.contains("Message Content Intent"), "{said}");
    world.stop();
}
