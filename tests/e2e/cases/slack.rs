//! Security cases on Slack that a story cannot tell: the whole program, and a Slack that does what is wanted of it.

use serde_json::json;

use crate::{
    chats::{Chats, How},
    fake_slack::{BOT, CHANNEL, FakeSlack, State, direct_chat, person},
    process::{Gateway, Home},
};

/// A gateway on a Slack, with these keys more.
async fn gateway(more: &str) -> (FakeSlack, Home, Gateway) {
    let (slack, home) = (FakeSlack::start().await, Home::new());
    let text = format!(
        "[owner]\nallow_from = [\"slack:{{slack.owner}}\"]\n[channels.slack]\nbot_token = \"{{slack.bot_token}}\"\n\
         app_token = \"{{slack.app_token}}\"\napi_url = \"{{slack.api}}\"\n{more}"
    );
    home.configure(&slack.fill(&text));
    let gateway = home.gateway("trace");
    slack.until("it listens", |state| !state.sockets.is_empty()).await;
    (slack, home, gateway)
}

/// What a person has been sent, once that is something.
async fn hears(slack: &FakeSlack, name: &str, what: &str) -> String {
    let chat = direct_chat(&person(name));
    let find = |state: &State| {
        let mut shown = state.messages.iter().filter(|shown| shown.chat == chat);
        shown.find_map(|shown| Some(shown.reads()).filter(|text| text.contains(what)))
    };
    slack.until(what, |state| find(state).is_some()).await;
    slack.with(|state| find(state)).unwrap()
}

fn end(gateway: Gateway, home: &Home) {
    assert!(gateway.stop().success(), "{}", home.logged());
}

#[tokio::test(flavor = "multi_thread")]
async fn case_036_case_080_case_083_a_name_is_shown_by_its_ends_and_lets_nobody_in() {
    let (slack, home, gateway) = gateway("").await;
    let name = format!("Begin{}End \u{202e}<!channel>", "x".repeat(4096));
    slack.with(|state| state.names.insert(person("ann"), name.clone()));
    slack.say("ann", How::Directly, "hello").await;
    let card = hears(&slack, "owner", "A sender asks").await;
    let at = |text: &str| card.find(text).unwrap_or_else(|| panic!("no {text} in {card}"));
    assert!(at("U000000ANN") < at("Begin") && card.contains(" characters)"), "{card}");
    assert!(card.len() < 600 && !card.contains('\u{202e}'), "{card}");
    let challenge = hears(&slack, "ann", "Pairing code: ").await;
    let code = &challenge.split_once("Pairing code: ").unwrap().1[..8];
    assert!(home.cli(&["pairing", "approve", "slack", code]).status.success());
    let stored = home.read("credentials/slack-allowFrom.json");
    assert!(stored.contains("U000000ANN") && !stored.contains("Begin"), "{stored}");
    // Another person with that name is a stranger.
    slack.with(|state| state.names.insert(person("eve"), name));
    slack.say("eve", How::Directly, "it is me").await;
    hears(&slack, "eve", "Pairing code: ").await;
    end(gateway, &home);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_081_a_channel_counts_by_its_id_and_not_by_its_name() {
    let listed = |group: &str| {
        let ann = person("ann");
        format!("group_allow_from = [\"{ann}\"]\ngroups = [\"{group}\"]\n")
    };
    // A name is refused by the configuration; see `what_no_channel_can_have_as_its_id_is_refused`.
    for (group, answered) in [("C0OTHERONE", false), (CHANNEL, true)] {
        let (slack, home, gateway) = gateway(&listed(group)).await;
        let text = json!({ "text": format!("<@{BOT}> are you there?") });
        let ts = slack.message(CHANNEL, "channel", &person("ann"), text);
        home.logs(&format!("event={ts} channel=\"slack\"")).await;
        end(gateway, &home);
        let said = slack.with(|state| state.messages.iter().any(|shown| shown.chat == CHANNEL));
        assert_eq!(said, answered, "{group}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_115_nobody_hears_a_word_about_what_was_written_before_the_start() {
    let (slack, home, gateway) = gateway("").await;
    let mut last = String::new();
    for n in 0..50 {
        let user = person(&format!("old{n}"));
        let old = json!({ "text": "hello", "ts": format!("1500000000.{n:06}") });
        slack.message(&direct_chat(&user), "im", &user, old);
        last = format!("1500000000.{n:06}");
    }
    home.logs(&format!("event={last} channel=\"slack\"")).await;
    slack.say("ann", How::Directly, "hello").await;
    hears(&slack, "ann", "Pairing code: ").await;
    end(gateway, &home);
    let told = slack.with(|state| {
        let chats = state.messages.iter().map(|shown| shown.chat.clone());
        chats.collect::<std::collections::BTreeSet<_>>()
    });
    let expected = ["ann", "owner"].map(|name| direct_chat(&person(name)));
    assert!(told.iter().all(|chat| expected.contains(chat)), "{told:?}");
}
