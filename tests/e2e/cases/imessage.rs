//! Security cases on iMessage that a story cannot tell: the whole program, and an imsg that does what is wanted of it.

use serde_json::{Value, json};

use crate::{
    chats::{Chats, How},
    fake_imessage::{
        Failing, FakeMessages, GROUP, State, by_sms, chat, direct, group, handle, time,
    },
    process::{Gateway, Home, texts},
};

const KEYS: &str = "cli_path = \"{imessage.cli}\"\n";

const OWNER: &str = "[owner]\nallow_from = [\"imessage:{imessage.owner}\"]\n";

/// A gateway on a Mac, with these keys more, beside these files of another gateway.
async fn gateway(more: &str, files: &[(&str, &str)]) -> (FakeMessages, Home, Gateway) {
    let (mac, home) = (FakeMessages::start().await, Home::new());
    home.configure(&mac.fill(&format!("{OWNER}[channels.imessage]\n{KEYS}{more}")));
    for (path, text) in files {
        home.put(path, text);
    }
    let gateway = again(&mac, &home).await;
    (mac, home, gateway)
}

/// A gateway that has caught up.
async fn again(mac: &FakeMessages, home: &Home) -> Gateway {
    let asked = |state: &State| state.asked("watch.subscribe");
    let before = mac.with(|state| asked(state));
    let gateway = home.gateway("trace");
    mac.until("it catches up", |state| asked(state) > before).await;
    gateway
}

/// What a person has been sent, once that is something.
async fn hears(mac: &FakeMessages, name: &str, what: &str) -> String {
    let person = handle(name);
    let find = |state: &State| {
        let mut shown = state.sent.iter().rev().filter(|shown| shown.chat.ends_with(&person));
        shown.find(|shown| shown.text.contains(what)).map(|shown| shown.text.clone())
    };
    mac.until(what, |state| find(state).is_some()).await;
    mac.with(|state| find(state)).unwrap()
}

async fn settled(home: &Home, event: &str) {
    home.logs(&format!("event={event} channel=\"imessage\"")).await;
}

fn code(challenge: &str) -> &str {
    &challenge.split_once("Pairing code: ").unwrap().1[..8]
}

fn end(gateway: Gateway, home: &Home) {
    assert!(gateway.stop().success(), "{}", home.logged());
}

#[tokio::test(flavor = "multi_thread")]
async fn case_014_case_121_who_replies_to_the_owners_card_from_elsewhere_decides_nothing() {
    let (mac, home, gateway) = gateway("", &[]).await;
    mac.say("ann", How::Directly, "hello").await;
    let code = code(&hears(&mac, "ann", "Pairing code: ").await).to_owned();
    hears(&mac, "owner", &code).await;
    let card = mac.shown("owner").pop().unwrap().id.unwrap();
    let reply = |text: &str| json!({ "text": text, "thread_originator_guid": card.as_str() });
    for (name, place) in [("ann", direct("ann")), ("eve", direct("eve")), ("owner", group())] {
        settled(&home, &mac.message(name, place, reply("approve"))).await;
    }
    // The message before is no card that is answered.
    let after = json!({ "text": "approve", "reply_to_guid": card.as_str() });
    settled(&home, &mac.message("owner", direct("owner"), after)).await;
    mac.message("owner", by_sms("owner"), reply("approve"));
    mac.say("owner", How::Replying, "deny").await;
    end(gateway, &home);
    let log = home.read("audit/access.jsonl");
    assert_eq!(log.matches("\"action\":\"approve\"").count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_080_an_owners_number_by_sms_is_no_owner() {
    let (mac, home, gateway) = gateway("service = \"auto\"\n", &[]).await;
    mac.say("ann", How::Directly, "hello").await;
    let code = code(&hears(&mac, "ann", "Pairing code: ").await).to_owned();
    hears(&mac, "owner", &code).await;
    let any = chat(&format!("any;-;{}", handle("owner")));
    for text in [&format!("/pairing approve imessage {code}"), "/pair", "/access list"] {
        for place in [by_sms("owner"), any.clone()] {
            let event = mac.message("owner", place, json!({ "text": text }));
            settled(&home, &event).await;
        }
    }
    let (waiting, _) = texts(&home.cli(&["pairing", "list", "imessage", "--json"]));
    assert!(waiting.contains(&code), "Ann still waits: {waiting}");
    mac.say("owner", How::Directly, &format!("/pairing approve imessage {code}")).await;
    hears(&mac, "owner", "✅ Approved imessage sender").await;
    end(gateway, &home);
    let elsewhere = mac.with(|state| {
        let sent = state.sent.iter().filter(|it| !it.chat.starts_with("iMessage"));
        sent.map(|it| it.text.clone()).collect::<String>()
    });
    assert!(!elsewhere.contains("setup code for") && !elsewhere.contains(&code), "{elsewhere}");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_036_case_080_case_083_a_name_is_nowhere_and_lets_nobody_in() {
    let (mac, home, gateway) = gateway("", &[]).await;
    let name = format!("Begin{}End \u{202e}<users/all>", "x".repeat(4096));
    let named = json!({ "text": "hello", "sender_name": name, "chat_name": name });
    mac.message("ann", direct("ann"), named.clone());
    let card = hears(&mac, "owner", "A sender asks").await;
    assert!(card.contains(&handle("ann")) && !card.contains("Begin"), "{card}");
    let challenge = hears(&mac, "ann", "Pairing code: ").await;
    assert!(home.cli(&["pairing", "approve", "imessage", code(&challenge)]).status.success());
    let stored = home.read("credentials/imessage-allowFrom.json");
    assert!(stored.contains(&handle("ann")) && !stored.contains("Begin"), "{stored}");
    mac.message("eve", direct("eve"), named);
    hears(&mac, "eve", "Pairing code: ").await;
    end(gateway, &home);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_081_case_088_a_group_counts_by_its_id_and_an_unknown_chat_gets_no_code() {
    let listed = |group: &str| {
        format!("group_allow_from = [\"{}\"]\ngroups = [\"{group}\"]\n", handle("ann"))
    };
    for (listed_group, answered) in [("iMessage;+;chat1", false), (GROUP, true)] {
        let (mac, home, gateway) = gateway(&listed(listed_group), &[]).await;
        let mut place = direct("eve");
        place["is_group"] = true.into();
        settled(&home, &mac.message("eve", place, json!({ "text": "psst" }))).await;
        let event = mac.to_us("ann", "are you there?");
        settled(&home, &event).await;
        if answered {
            let is_there = |state: &State| state.sent.iter().any(|shown| shown.chat == GROUP);
            mac.until("an answer in the group", is_there).await;
        }
        end(gateway, &home);
        assert_eq!(!mac.shown("group").is_empty(), answered, "{listed_group}");
        assert!(mac.shown("eve").is_empty(), "no code");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_115_nobody_hears_a_word_about_what_was_written_before_the_start() {
    let (mac, home, gateway) = gateway("", &[]).await;
    mac.say("ann", How::Directly, "hello").await;
    hears(&mac, "owner", "A sender asks").await;
    end(gateway, &home);
    let before = mac.with(|state| state.sent.len());
    let last = mac.with(|state| {
        let all = (0..300).map(|n| {
            let name = format!("old{n}");
            let at = time(openclaw_plugin_sdk::now().0 - 30_000 + n);
            state.message(&name, direct(&name), json!({ "text": "hello", "created_at": at }))
        });
        all.last().unwrap()
    });
    let gateway = again(&mac, &home).await;
    settled(&home, &last).await;
    mac.say("bob", How::Directly, "hello").await;
    hears(&mac, "bob", "Pairing code: ").await;
    hears(&mac, "owner", &handle("bob")).await;
    end(gateway, &home);
    let told = mac.with(|state| {
        state.sent[before..].iter().map(|shown| shown.chat.clone()).collect::<Vec<_>>()
    });
    let known = ["bob", "owner"].map(|name| format!("iMessage;-;{}", handle(name)));
    assert!(told.iter().all(|chat| known.contains(chat)), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_while_the_gateway_was_away_is_answered_once() {
    let more = format!("allow_from = [\"{}\"]\n", handle("ann"));
    let (mac, home, gateway) = gateway(&more, &[]).await;
    mac.say("ann", How::Directly, "before").await;
    hears(&mac, "ann", "before").await;
    end(gateway, &home);
    for text in ["first of three", "second of three", "third of three"] {
        mac.direct("ann", text);
    }
    for text in ["after one", "after two"] {
        let gateway = again(&mac, &home).await;
        hears(&mac, "ann", "third of three").await;
        mac.say("ann", How::Directly, text).await;
        hears(&mac, "ann", text).await;
        end(gateway, &home);
    }
    let told: Vec<String> = mac.shown("ann").into_iter().map(|seen| seen.text).collect();
    assert_eq!(told.len(), 6, "{told:?}");
    for (text, told) in
        ["before", "first of", "second of", "third of", "after one", "after two"].iter().zip(&told)
    {
        assert!(told.contains(text), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_dies_is_started_again_and_nothing_is_lost() {
    let more = format!("allow_from = [\"{}\"]\n", handle("ann"));
    let (mac, home, gateway) = gateway(&more, &[]).await;
    mac.say("ann", How::Directly, "before").await;
    hears(&mac, "ann", "before").await;
    mac.dies("out of memory");
    mac.direct("ann", "meanwhile");
    hears(&mac, "ann", "meanwhile").await;
    home.logs("ended with exit status: 3: out of memory").await;
    end(gateway, &home);
    assert_eq!(mac.shown("ann").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_077_case_084_people_of_openclaw_are_taken_over_and_chats_match_nobody() {
    let written = handle("ann").replacen("+1555", "+1 (555) ", 1);
    let listed = json!({ "version": 1, "allowFrom": [
        written, "Bob@Example.COM", "chat_id:7", "chat_guid:iMessage;-;+15550000009", "5550000008",
    ] })
    .to_string();
    let now = openclaw::world::iso(openclaw::world::now());
    let waits = json!({ "version": 1, "requests": [{
        "id": handle("second").replacen("+1555", "+1 555 ", 1), "code": "ABCD2345", "createdAt": now, "lastSeenAt": now,
    }] })
    .to_string();
    let theirs = "{ channels: { imessage: { cliPath: '/x/imsg', dbPath: '/x/chat.db', remoteHost: 'mac', \
                  region: 'US', dmPolicy: 'pairing' } } }";
    let files = [
        ("openclaw.json", theirs),
        ("credentials/imessage-allowFrom.json", listed.as_str()),
        ("credentials/imessage-pairing.json", waits.as_str()),
    ];
    let (mac, home, gateway) = gateway("", &files).await;
    mac.say("ann", How::Directly, "it is me").await;
    hears(&mac, "ann", "it is me").await;
    let place = chat("iMessage;-;bob@example.com");
    mac.message("bob", place, json!({ "text": "me too", "sender": "bob@example.com" }));
    let answered = |state: &State| state.sent.iter().any(|it| it.text.contains("me too"));
    mac.until("an answer for bob", answered).await;
    assert!(home.cli(&["pairing", "approve", "imessage", "ABCD2345"]).status.success());
    mac.say("second", How::Directly, "and I").await;
    hears(&mac, "second", "and I").await;
    // Who is in the chat of an entry has no access by it.
    for listed in ["+15550000009", "+15550000008"] {
        let place = chat(&format!("iMessage;-;{listed}"));
        mac.message("eve", place, json!({ "text": "hello", "sender": listed }));
        let is_asked = |state: &State| {
            let mut sent = state.sent.iter();
            sent.any(|it| it.chat.ends_with(listed) && it.text.contains("Pairing code"))
        };
        mac.until("a code", is_asked).await;
    }
    end(gateway, &home);
    let check = texts(&home.cli(&["config", "check"]));
    let said = format!("{}{}", check.0, check.1);
    for entry in ["chat_id:7", "chat_guid:iMessage;-;+15550000009", "5550000008"] {
        assert!(said.contains(entry), "{entry} is listed: {said}");
    }
    assert!(!said.contains("(555)") && !said.contains("Bob"), "{said}");
    for key in ["cli_path", "db_path", "dm_policy"] {
        assert!(said.contains(&format!("channels.imessage.{key}")), "{key}: {said}");
    }
    let _: Value = serde_json::from_str(&home.read("credentials/imessage-allowFrom.json")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_code_reaches_the_log_by_the_words_of_the_platform() {
    let (mac, home, gateway) = gateway("", &[]).await;
    mac.say("ann", How::Directly, "hello").await;
    let code = code(&hears(&mac, "ann", "Pairing code: ").await).to_owned();
    hears(&mac, "owner", &code).await;
    let words = format!("cannot send: Approve: /pairing approve imessage {code}");
    mac.with(|state| state.failing.push_back(Failing::Error(-32603, json!(words))));
    mac.say("owner", How::Directly, "/pairing list").await;
    home.logs("message not sent: the platform refuses it").await;
    end(gateway, &home);
    assert!(!home.logged().contains(&code), "{}", home.logged());
}
