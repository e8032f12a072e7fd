//! Security cases on iMessage that a story cannot tell: the whole program, and a server that does what is wanted of it.

use serde_json::{Value, json};

use crate::{
    chats::{Chats, How},
    fake_bluebubbles::{FakeBlueBubbles, GROUP, State, chat, direct, group, handle},
    process::{Gateway, Home, texts},
};

const KEYS: &str = "server_url = \"{bluebubbles.url}\"\npassword = \"{bluebubbles.password}\"\n\
    callback_url = \"{bluebubbles.callback}\"\n";

const OWNER: &str = "[owner]\nallow_from = [\"bluebubbles:{bluebubbles.owner}\"]\n";

/// A gateway on a server, with these keys more, beside these files of another gateway.
async fn gateway(more: &str, files: &[(&str, &str)]) -> (FakeBlueBubbles, Home, Gateway) {
    let (mac, home) = (FakeBlueBubbles::start().await, Home::new());
    home.configure(&mac.fill(&format!("{OWNER}[channels.bluebubbles]\n{KEYS}{more}")));
    for (path, text) in files {
        home.put(path, text);
    }
    let gateway = again(&mac, &home).await;
    (mac, home, gateway)
}

/// A gateway that has caught up with what the server keeps.
async fn again(mac: &FakeBlueBubbles, home: &Home) -> Gateway {
    let asked = |state: &State| state.asked("POST", "message/query");
    let before = mac.with(|state| asked(state));
    let gateway = home.gateway("trace");
    mac.calls_at(gateway.port);
    mac.until("it catches up", |state| asked(state) > before).await;
    gateway
}

/// What a person has been sent, once that is something.
async fn hears(mac: &FakeBlueBubbles, name: &str, what: &str) -> String {
    let person = handle(name);
    let find = |state: &State| {
        let mut shown = state.sent.iter().rev().filter(|shown| shown.chat.ends_with(&person));
        shown.find(|shown| shown.text.contains(what)).map(|shown| shown.text.clone())
    };
    mac.until(what, |state| find(state).is_some()).await;
    mac.with(|state| find(state)).unwrap()
}

/// The account's keys, with a path of its own.
fn at_its_own_path(keys: &str) -> String {
    let callback = "http://127.0.0.1:9/webhook";
    keys.replace("{bluebubbles.callback}", callback) + "webhook_path = \"/webhook\"\n"
}

async fn settled(home: &Home, event: &str) {
    home.logs(&format!("event={event} channel=\"bluebubbles\"")).await;
}

fn code(challenge: &str) -> &str {
    &challenge.split_once("Pairing code: ").unwrap().1[..8]
}

fn end(gateway: Gateway, home: &Home) {
    assert!(gateway.stop().success(), "{}", home.logged());
}

#[tokio::test(flavor = "multi_thread")]
async fn case_036_case_080_case_083_a_name_is_nowhere_and_lets_nobody_in() {
    let (mac, home, gateway) = gateway("", &[]).await;
    let name = format!("Begin{}End \u{202e}<users/all>", "x".repeat(4096));
    let named = |who: &str| {
        let place = chat(&format!("iMessage;-;{}", handle(who)), 45, &name);
        mac.message(who, place, json!({ "text": "hello" }));
    };
    named("ann");
    let card = hears(&mac, "owner", "A sender asks").await;
    assert!(card.contains(&handle("ann")) && !card.contains("Begin"), "{card}");
    let challenge = hears(&mac, "ann", "Pairing code: ").await;
    assert!(home.cli(&["pairing", "approve", "bluebubbles", code(&challenge)]).status.success());
    let stored = home.read("credentials/bluebubbles-allowFrom.json");
    assert!(stored.contains(&handle("ann")) && !stored.contains("Begin"), "{stored}");
    named("eve");
    hears(&mac, "eve", "Pairing code: ").await;
    end(gateway, &home);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_014_case_121_who_replies_to_the_owners_card_from_elsewhere_decides_nothing() {
    let (mac, home, gateway) = gateway("", &[]).await;
    mac.say("ann", How::Directly, "hello").await;
    let code = code(&hears(&mac, "ann", "Pairing code: ").await).to_owned();
    hears(&mac, "owner", &code).await;
    let card = mac.shown("owner").pop().unwrap().id.unwrap();
    let reply = || json!({ "text": "approve", "threadOriginatorGuid": card.as_str() });
    let by_sms = json!({ "address": handle("owner"), "service": "SMS" });
    let mut forged = reply();
    forged["handle"] = by_sms;
    for (name, place) in [("ann", direct("ann")), ("eve", direct("eve")), ("owner", group())] {
        settled(&home, &mac.message(name, place, reply())).await;
    }
    mac.message("owner", direct("owner"), forged);
    mac.say("owner", How::Replying, "deny").await;
    hears(&mac, "owner", "⛔ Denied bluebubbles sender").await;
    end(gateway, &home);
    let log = home.read("audit/access.jsonl");
    assert_eq!(log.matches("\"action\":\"approve\"").count(), 0);
    assert_eq!(log.matches("\"action\":\"deny\"").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_080_an_owners_number_by_sms_is_no_owner() {
    let (mac, home, gateway) = gateway("service = \"auto\"\n", &[]).await;
    let by_sms = |text: &str| {
        let from = json!({ "address": handle("owner"), "service": "SMS" });
        let place = chat(&format!("SMS;-;{}", handle("owner")), 45, "");
        mac.message("owner", place, json!({ "text": text, "handle": from }))
    };
    mac.say("ann", How::Directly, "hello").await;
    let code = code(&hears(&mac, "ann", "Pairing code: ").await).to_owned();
    hears(&mac, "owner", &code).await;
    for text in [&format!("/pairing approve bluebubbles {code}"), "/pair", "/access list"] {
        settled(&home, &by_sms(text)).await;
    }
    let (waiting, _) = texts(&home.cli(&["pairing", "list", "bluebubbles", "--json"]));
    assert!(waiting.contains(&code), "Ann still waits: {waiting}");
    mac.say("owner", How::Directly, &format!("/pairing approve bluebubbles {code}")).await;
    hears(&mac, "owner", "✅ Approved bluebubbles sender").await;
    end(gateway, &home);
    let by_sms = mac.with(|state| {
        state
            .sent
            .iter()
            .filter(|it| it.chat.starts_with("SMS"))
            .map(|it| it.text.clone())
            .collect::<String>()
    });
    assert!(!by_sms.contains("setup code for") && !by_sms.contains(&code), "{by_sms}");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_081_a_group_counts_by_its_id_and_not_by_its_name() {
    let listed = |group: &str| {
        format!("group_allow_from = [\"{}\"]\ngroups = [\"{group}\"]\n", handle("ann"))
    };
    for (listed_group, answered) in [("iMessage;+;chat1", false), (GROUP, true)] {
        let (mac, home, gateway) = gateway(&listed(listed_group), &[]).await;
        let event = mac.to_us("ann", "are you there?");
        settled(&home, &event).await;
        if answered {
            let is_there = |state: &State| state.sent.iter().any(|shown| shown.chat == GROUP);
            mac.until("an answer in the group", is_there).await;
        }
        end(gateway, &home);
        assert_eq!(!mac.shown("group").is_empty(), answered, "{listed_group}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_088_case_089_case_090_an_unknown_chat_and_a_forged_call_get_no_code() {
    let (mac, home, gateway) = gateway("", &[]).await;
    let place = chat(&format!("iMessage;-;{}", handle("ann")), 47, "ann");
    let event = mac.message("ann", place, json!({ "text": "psst" }));
    settled(&home, &event).await;
    let data =
        mac.with(|state| state.message("eve", direct("eve"), json!({ "text": "let me in" })));
    let body = json!({ "type": "new-message", "data": data }).to_string();
    for query in ["", "?secret=", "?secret=abc", "?password=mac-password-0001"] {
        assert_eq!(mac.request(query, &body).await, 401, "{query}");
    }
    end(gateway, &home);
    assert_eq!(mac.with(|state| state.sent.len()), 0);
    assert!(home.read("credentials/bluebubbles-pairing.json").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn case_115_nobody_hears_a_word_about_what_was_written_before_the_start() {
    let (mac, home, gateway) = gateway("", &[]).await;
    end(gateway, &home);
    let last = mac.with(|state| {
        let old = |n: usize| json!({ "text": "hello", "dateCreated": openclaw_plugin_sdk::now().0 - 30_000 + n as u64 });
        let all = (0..500).map(|n| {
            let name = format!("old{n}");
            state.message(&name, direct(&name), old(n))
        });
        all.last().unwrap()["guid"].as_str().unwrap().to_owned()
    });
    let gateway = again(&mac, &home).await;
    settled(&home, &last).await;
    mac.say("ann", How::Directly, "hello").await;
    hears(&mac, "ann", "Pairing code: ").await;
    hears(&mac, "owner", "A sender asks").await;
    end(gateway, &home);
    let told =
        mac.with(|state| state.sent.iter().map(|shown| shown.chat.clone()).collect::<Vec<_>>());
    let known = ["ann", "owner"].map(|name| format!("iMessage;-;{}", handle(name)));
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
        mac.with(|state| state.message("ann", direct("ann"), json!({ "text": text })));
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
async fn a_card_that_the_mac_could_not_deliver_is_known_as_not_shown() {
    let (mac, home, gateway) = gateway("", &[]).await;
    mac.say("ann", How::Directly, "hello").await;
    hears(&mac, "owner", "A sender asks").await;
    let card = mac.shown("owner").pop().unwrap().id.unwrap();
    mac.fails(card.as_str());
    home.logs("could not deliver it (error 22)").await;
    end(gateway, &home);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_077_two_accounts_on_one_path_do_not_start() {
    let (mac, home) = (FakeBlueBubbles::start().await, Home::new());
    let work = format!("[channels.bluebubbles.accounts.work]\n{KEYS}");
    let config = format!("[channels.bluebubbles]\n{KEYS}{work}");
    home.configure(&mac.fill(&config));
    let (said, error) = texts(&home.cli(&["config", "check"]));
    assert!(format!("{said}{error}").contains("/bluebubbles-webhook"), "{said}{error}");
    let config = format!("[channels.bluebubbles]\n{KEYS}{}", at_its_own_path(&work));
    home.configure(&mac.fill(&config));
    let output = home.cli(&["config", "check"]);
    assert!(output.status.success(), "{:?}", texts(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn case_074_case_101_two_macs_share_no_grant_and_no_places() {
    let other = FakeBlueBubbles::start().await;
    let work = format!("[channels.bluebubbles.accounts.work]\n{KEYS}");
    let work = other.fill(&at_its_own_path(&work));
    let (mac, home, gateway) = gateway(&work, &[]).await;
    other.calls_at(gateway.port);
    other.until("it is registered", |state| !state.webhooks.is_empty()).await;
    for name in ["ann", "bob", "eve"] {
        mac.say(name, How::Directly, "hello").await;
        hears(&mac, name, "Pairing code: ").await;
    }
    // This server calls its own path, with a secret of its own.
    let [here, there] = [&mac, &other].map(|it| it.with(|state| state.webhooks[0].url.clone()));
    let secret = |url: &str| url.split_once("secret=").unwrap().1.to_owned();
    assert_ne!(secret(&here), secret(&there));
    other.say("ann", How::Directly, "hello").await;
    let challenge = hears(&other, "ann", "Pairing code: ").await;
    assert!(home.cli(&["pairing", "approve", "bluebubbles", code(&challenge)]).status.success());
    assert!(home.read("credentials/bluebubbles-work-allowFrom.json").contains(&handle("ann")));
    assert_eq!(home.read("credentials/bluebubbles-allowFrom.json"), "");
    let told = mac.shown("ann").len();
    settled(&home, mac.say("ann", How::Directly, "and here?").await.as_str()).await;
    end(gateway, &home);
    assert_eq!(mac.shown("ann").len(), told, "Ann still waits here");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_078_case_080_people_of_openclaw_keep_their_access_and_chats_open_nothing() {
    let written = handle("ann").replacen("+1555", "imessage:+1 (555) ", 1);
    let listed = json!({ "version": 1, "allowFrom": [
        written, "Bob@Example.COM", "chat_id:7", "chat_guid:iMessage;-;+15550000009", "5550000008",
    ] })
    .to_string();
    let now = openclaw::world::iso(openclaw::world::now());
    let waits = json!({ "version": 1, "requests": [{
        "id": handle("second").replacen("+1555", "+1 555 ", 1), "code": "ABCD2345", "createdAt": now, "lastSeenAt": now,
    }] })
    .to_string();
    let theirs = "{ channels: { bluebubbles: { serverUrl: 'http://192.168.1.20:1234', password: 'x', \
                  webhookPath: '/bluebubbles-webhook', dmPolicy: 'pairing' } } }";
    let files = [
        ("openclaw.json", theirs),
        ("credentials/bluebubbles-allowFrom.json", listed.as_str()),
        ("credentials/bluebubbles-pairing.json", waits.as_str()),
    ];
    let (mac, home, gateway) = gateway("", &files).await;
    mac.say("ann", How::Directly, "it is me").await;
    hears(&mac, "ann", "it is me").await;
    let bob = json!({ "address": "bob@example.com", "service": "iMessage" });
    let place = chat("iMessage;-;bob@example.com", 45, "bob");
    mac.message("bob", place, json!({ "text": "me too", "handle": bob }));
    let answered = |state: &State| state.sent.iter().any(|it| it.text.contains("me too"));
    mac.until("an answer for bob", answered).await;
    assert!(home.cli(&["pairing", "approve", "bluebubbles", "ABCD2345"]).status.success());
    mac.say("second", How::Directly, "and I").await;
    hears(&mac, "second", "and I").await;
    // Who is in the chat of an entry has no access by it.
    let number = |number: &str| json!({ "address": number, "service": "iMessage" });
    for listed in ["+15550000009", "+15550000008"] {
        let place = chat(&format!("iMessage;-;{listed}"), 45, "");
        mac.message("eve", place, json!({ "text": "hello", "handle": number(listed) }));
        let is_asked = |state: &State| {
            state
                .sent
                .iter()
                .any(|it: &_| it.chat.ends_with(listed) && it.text.contains("Pairing code"))
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
    for key in ["server_url", "password", "webhook_path", "dm_policy"] {
        assert!(said.contains(&format!("channels.bluebubbles.{key}")), "{key}: {said}");
    }
    assert_eq!(mac.with(|state| state.fetched), 0);
    let _: Value =
        serde_json::from_str(&home.read("credentials/bluebubbles-allowFrom.json")).unwrap();
}
