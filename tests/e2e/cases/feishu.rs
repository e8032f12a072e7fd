//! Security cases on Feishu that a story cannot tell: the whole program, and a platform that does what is wanted of it.

use serde_json::json;

use crate::{
    chats::{Chats, How},
    fake_feishu::{FakeFeishu, GROUP, State, person, said, to_us},
    process::{Gateway, Home, texts},
};

const KEYS: &str = "app_id = \"{feishu.app_id}\"\napp_secret = \"{feishu.app_secret}\"\ndomain = \"{feishu.domain}\"\n";

/// A gateway on a Feishu, with these keys more, beside these files of another gateway.
async fn gateway(more: &str, files: &[(&str, &str)]) -> (FakeFeishu, Home, Gateway) {
    let (feishu, home) = (FakeFeishu::start().await, Home::new());
    let owner = "[owner]\nallow_from = [\"feishu:{feishu.owner}\"]\n";
    home.configure(&feishu.fill(&format!("{owner}[channels.feishu]\n{KEYS}{more}")));
    for (path, text) in files {
        home.put(path, text);
    }
    let gateway = home.gateway("trace");
    feishu.until("it listens", |state| !state.sockets.is_empty()).await;
    (feishu, home, gateway)
}

/// What a person has been sent, once that is something.
async fn hears(feishu: &FakeFeishu, name: &str, what: &str) -> String {
    let chat = person(name);
    let find = |state: &State| {
        let mut shown = state.messages.iter().rev().filter(|shown| shown.chat == chat);
        shown.find_map(|shown| Some(shown.reads()).filter(|text| text.contains(what)))
    };
    feishu.until(what, |state| find(state).is_some()).await;
    feishu.with(|state| find(state)).unwrap()
}

async fn settled(home: &Home, event: &str) {
    home.logs(&format!("event={event} channel=\"feishu\"")).await;
}

fn end(gateway: Gateway, home: &Home) {
    assert!(gateway.stop().success(), "{}", home.logged());
}

#[tokio::test(flavor = "multi_thread")]
async fn case_080_what_openclaw_has_approved_stays_its_requests_wait_and_a_name_opens_nothing() {
    let listed =
        json!({ "version": 1, "allowFrom": [person("ann"), "ann@example.com", "Eve Example"] })
            .to_string();
    let now = openclaw::world::iso(openclaw::world::now());
    let waits = json!({ "version": 1, "requests": [{
        "id": person("bob"), "code": "ABCD2345", "createdAt": now, "lastSeenAt": now,
    }] })
    .to_string();
    let files = [
        ("credentials/feishu-allowFrom.json", listed.as_str()),
        ("credentials/feishu-pairing.json", waits.as_str()),
    ];
    let (feishu, home, gateway) = gateway("", &files).await;
    feishu.say("ann", How::Directly, "it is me").await;
    hears(&feishu, "ann", "it is me").await;
    let (waiting, _) = texts(&home.cli(&["pairing", "list", "feishu", "--json"]));
    assert!(waiting.contains("ABCD2345") && waiting.contains(&person("bob")), "{waiting}");
    assert!(home.cli(&["pairing", "approve", "feishu", "ABCD2345"]).status.success());
    feishu.say("bob", How::Directly, "and me").await;
    hears(&feishu, "bob", "and me").await;
    // An address and a name are nobody's id, whatever a person is called.
    for name in ["ann@example.com", "eve"] {
        feishu.say(name, How::Directly, "and me?").await;
        hears(&feishu, name, "Pairing code: ").await;
    }
    end(gateway, &home);
    let (said, error) = texts(&home.cli(&["config", "check"]));
    let said = format!("{said}{error}");
    for entry in ["ann＠example.com", "Eve Example"] {
        assert!(said.contains(entry), "{entry} is listed: {said}");
    }
    assert!(!said.contains(&person("ann")), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_081_a_group_counts_by_its_id_and_not_by_its_name() {
    let listed = |group: &str| {
        format!("group_allow_from = [\"{}\"]\ngroups = [\"{group}\"]\n", person("ann"))
    };
    for (listed_group, answered) in [("oc_another0another0", false), (GROUP, true)] {
        let (feishu, home, gateway) = gateway(&listed(listed_group), &[]).await;
        let event = feishu.message("ann", GROUP, "group", to_us("are you there?"));
        settled(&home, &event).await;
        if answered {
            let is_there = |state: &State| state.messages.iter().any(|shown| shown.chat == GROUP);
            feishu.until("an answer in the group", is_there).await;
        }
        end(gateway, &home);
        assert_eq!(!feishu.shown("group").is_empty(), answered, "{listed_group}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_036_a_person_of_another_organisation_has_an_id_of_their_own() {
    let (feishu, home, gateway) = gateway("", &[]).await;
    let mut event =
        feishu.with(|state| state.message("eve", "oc_direct0direct0", "p2p", said("hello")));
    event["sender"]["tenant_key"] = "another".into();
    feishu.announce("im.message.receive_v1", event);
    hears(&feishu, "eve", "Pairing code: ").await;
    let card = hears(&feishu, "owner", "A sender asks").await;
    assert!(card.contains(&person("eve")), "{card}");
    let (waiting, _) = texts(&home.cli(&["pairing", "list", "feishu", "--json"]));
    assert!(waiting.contains("another"), "{waiting}");
    end(gateway, &home);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_115_nobody_hears_a_word_about_what_was_written_before_the_start() {
    let (feishu, home) = (FakeFeishu::start().await, Home::new());
    let owner = "[owner]\nallow_from = [\"feishu:{feishu.owner}\"]\n";
    home.configure(&feishu.fill(&format!("{owner}[channels.feishu]\n{KEYS}")));
    let mut last = String::new();
    for n in 0..50 {
        let mut old = said("hello");
        let since = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() - 3_600_000;
        old["create_time"] = since.to_string().into();
        last = feishu.message(&format!("old{n}"), "oc_direct0direct0", "p2p", old);
    }
    let gateway = home.gateway("trace");
    settled(&home, &last).await;
    feishu.say("ann", How::Directly, "hello").await;
    hears(&feishu, "ann", "Pairing code: ").await;
    hears(&feishu, "owner", "A sender asks").await;
    end(gateway, &home);
    let told = feishu
        .with(|state| state.messages.iter().map(|shown| shown.chat.clone()).collect::<Vec<_>>());
    assert!(told.iter().all(|chat| [person("ann"), person("owner")].contains(chat)), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_app_may_not_do_and_that_nothing_was_heard_is_shown_beside_the_account() {
    let (feishu, home, gateway) = gateway("", &[]).await;
    let status = || {
        let (status, _) = texts(&home.cli(&["channels", "status"]));
        status.lines().find(|line| line.contains("Feishu")).unwrap().to_owned()
    };
    let line = status();
    assert!(line.contains("connected") && line.contains("nothing heard since the start"), "{line}");
    feishu.say("ann", How::Directly, "hello").await;
    hears(&feishu, "ann", "Pairing code: ").await;
    let line = status();
    assert!(line.contains("connected") && !line.contains("limited"), "{line}");
    end(gateway, &home);
}
