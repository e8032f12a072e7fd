//! Security cases on WhatsApp that a story cannot tell: the whole program, and a Meta that does what is wanted of it.

use serde_json::{Value, json};

use crate::{
    chats::{Chats, How},
    fake_whatsapp::{
        APP_SECRET, FakeMeta, GROUP, PATH, State, VERIFY_TOKEN, change, number, payload, person,
        signature, value,
    },
    process::{Gateway, Home, look_again, texts},
    whatsapp,
};

const KEYS: &str = "{whatsapp.keys}\naccess_token = \"{whatsapp.token}\"\n";
/// What another number has for itself.
const OTHER: (&str, &str, &str) = (
    "EAAJB0another0token0of0another0user",
    "0123456789abcdef0123456789abcdef",
    "another-text-of-another-one",
);
const OWNER: &str = "[owner]\nallow_from = [\"whatsapp:{whatsapp.owner}\"]\n";

/// A gateway on a WhatsApp, with these keys more, beside these files of another gateway.
async fn gateway(more: &str, files: &[(&str, &str)]) -> (FakeMeta, Home, Gateway) {
    let (meta, home) = (whatsapp::start().await, Home::new());
    home.configure(&meta.fill(&format!("{OWNER}[channels.whatsapp]\n{KEYS}{more}")));
    for (path, text) in files {
        home.put(path, text);
    }
    let gateway = home.gateway("trace");
    meta.calls_at(gateway.port, PATH);
    (meta, home, gateway)
}

/// What a person has been sent, once that is something.
async fn hears(meta: &FakeMeta, name: &str, what: &str) -> String {
    let to = person(name);
    let find = |state: &State| {
        let mut shown = state.messages.iter().rev().filter(|shown| shown.to == to);
        shown.find_map(|shown| Some(shown.reads()).filter(|text| text.contains(what)))
    };
    meta.until(what, |state| find(state).is_some()).await;
    meta.with(|state| find(state)).unwrap()
}

async fn settled(home: &Home, event: &str) {
    home.logs(&format!("event={event} channel=\"whatsapp\"")).await;
}

fn code(challenge: &str) -> &str {
    &challenge.split_once("Pairing code: ").unwrap().1[..8]
}

fn text(text: &str) -> Value {
    json!({ "type": "text", "text": { "body": text } })
}

fn end(gateway: Gateway, home: &Home) {
    assert!(gateway.stop().success(), "{}", home.logged());
}

/// The keys of another number on this WhatsApp.
fn other_keys(meta: &FakeMeta) -> String {
    let (token, secret, verify) = OTHER;
    let keys = KEYS.replace("{whatsapp.token}", token);
    meta.fill(&keys).replace(APP_SECRET, secret).replace(VERIFY_TOKEN, verify)
}

/// Waits until the account's line in the state says this.
async fn status(home: &Home, what: &str) -> String {
    loop {
        let (said, _) = texts(&home.cli(&["channels", "status"]));
        let line = said.lines().find(|line| line.contains("WhatsApp")).unwrap_or_default();
        if said.contains(what) {
            return line.to_owned();
        }
        look_again().await;
    }
}

/// A person with a name of their own choice writes.
fn named(meta: &FakeMeta, who: &str, name: &str) {
    let (_, message) = meta.with(|state| state.message(who, text("hello")));
    let mut value = value(who, &[message]);
    value["contacts"][0]["profile"] = json!({ "name": name, "username": "owner" });
    meta.announce(&payload(&[change(value)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn case_036_case_080_case_083_case_111_a_name_is_shown_by_its_ends_and_lets_nobody_in() {
    let (meta, home, gateway) = gateway("", &[]).await;
    let name = format!("Begin @{} *x*{}End \u{202e}", number("bob"), "x".repeat(4096));
    named(&meta, "ann", &name);
    let card = hears(&meta, "owner", "A sender asks").await;
    let at = |text: &str| card.find(text).unwrap_or_else(|| panic!("no {text} in {card}"));
    assert!(at(&person("ann")) < at("Begin") && card.contains(" characters)"), "{card}");
    assert!(card.len() < 1024 && !card.contains('\u{202e}'), "{card}");
    assert!(!card.contains("(called:"), "nobody is mentioned: {card}");
    let challenge = hears(&meta, "ann", "Pairing code: ").await;
    assert!(home.cli(&["pairing", "approve", "whatsapp", code(&challenge)]).status.success());
    let stored = home.read("credentials/whatsapp-allowFrom.json");
    assert!(stored.contains(&person("ann")) && !stored.contains("Begin"), "{stored}");
    assert!(!stored.contains(&number("ann")), "{stored}");
    // Another person with that name and that username is a stranger.
    named(&meta, "eve", &name);
    hears(&meta, "eve", "Pairing code: ").await;
    end(gateway, &home);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_080_case_086_what_openclaw_has_approved_opens_once_and_its_login_stays() {
    let listed = json!({ "version": 1, "allowFrom": [format!("+{}", number("ann"))] }).to_string();
    let now = jiff::Timestamp::now().to_string();
    let waiting = json!({ "version": 1, "requests": [{
        "id": format!("+{}", number("second")), "code": "AB3D7X9K", "createdAt": now,
        "lastSeenAt": now, "meta": { "name": "second" },
    }] })
    .to_string();
    let theirs = "{ channels: { whatsapp: { dmPolicy: 'pairing', authDir: '/x' } } }";
    let login = "{\"me\":{\"id\":\"15550001111:7@s.whatsapp.net\"},\"noiseKey\":\"secret\"}";
    let files = [
        ("openclaw.json", theirs),
        ("credentials/whatsapp-allowFrom.json", listed.as_str()),
        ("credentials/whatsapp-pairing.json", waiting.as_str()),
        ("credentials/whatsapp/default/creds.json", login),
        ("credentials/whatsapp/default/pre-key-1.json", "{}"),
    ];
    let (meta, home, gateway) = gateway("", &files).await;
    meta.say("ann", How::Directly, "it is me").await;
    hears(&meta, "ann", "it is me").await;
    // The number has gone to another person; and it may be hidden.
    let (_, mut message) = meta.with(|state| state.message("eve", text("I have that number now")));
    message["from"] = number("ann").into();
    meta.announce(&payload(&[change(value("eve", &[message]))]));
    hears(&meta, "eve", "Pairing code: ").await;
    let (_, mut message) = meta.with(|state| state.message("ann", text("without my number")));
    message["from"] = Value::Null;
    let mut hidden = value("ann", &[message]);
    hidden["contacts"][0]["wa_id"] = Value::Null;
    meta.announce(&payload(&[change(hidden)]));
    hears(&meta, "ann", "without my number").await;
    assert!(home.cli(&["pairing", "approve", "whatsapp", "AB3D7X9K"]).status.success());
    meta.say("second", How::Directly, "and I").await;
    hears(&meta, "second", "and I").await;
    end(gateway, &home);
    assert_eq!(home.read("credentials/whatsapp/default/creds.json"), login);
    assert_eq!(home.read("credentials/whatsapp/default/pre-key-1.json"), "{}");
    assert!(home.cli(&["audit", "verify"]).status.success());
    let (said, error) = texts(&home.cli(&["config", "check"]));
    assert!(format!("{said}{error}").contains("channels.whatsapp.dm_policy"), "{said}{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_with_another_number_is_a_stranger_and_the_owner_is_told() {
    let (meta, home, gateway) = gateway("", &[]).await;
    meta.say("ann", How::Directly, "hello").await;
    let challenge = hears(&meta, "ann", "Pairing code: ").await;
    assert!(home.cli(&["pairing", "approve", "whatsapp", code(&challenge)]).status.success());
    let changed = |name: &str, new: &str| {
        let system = json!({
            "type": "user_changed_number", "wa_id": number(new), "user_id": person(new),
            "previous_user_id": person(name), "body": "changed",
        });
        meta.message(name, json!({ "type": "system", "system": system }))
    };
    // Nobody is told of strangers.
    changed("eve", "bob");
    changed("ann", "second");
    let told = hears(&meta, "owner", "has another number now").await;
    assert!(told.contains(&person("ann")) && told.contains(&person("second")), "{told}");
    meta.say("second", How::Directly, "it is me").await;
    hears(&meta, "second", "Pairing code: ").await;
    end(gateway, &home);
    let told = meta.with(|state| {
        state.messages.iter().filter(|shown| shown.reads().contains("another number")).count()
    });
    assert_eq!(told, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_waits_for_an_owner_who_was_silent_for_a_day_and_one_that_failed_comes_again() {
    let (meta, home, gateway) = gateway("", &[]).await;
    meta.with(|state| state.closed.insert(person("owner")));
    meta.say("ann", How::Directly, "hello").await;
    let challenge = hears(&meta, "ann", "Pairing code: ").await;
    let line = status(&home, "writes again").await;
    assert!(line.contains("connected") && line.contains("limited"), "{line}");
    assert!(meta.shown("owner").is_empty());
    meta.say("owner", How::Directly, "/help").await;
    hears(&meta, "owner", code(&challenge)).await;
    let cards = |meta: &FakeMeta| {
        let shown = meta.shown("owner").into_iter();
        shown.filter(|seen| seen.text.contains("A sender asks")).collect::<Vec<_>>()
    };
    let card = cards(&meta).pop().unwrap();
    meta.with(|state| state.closed.insert(person("owner")));
    meta.fails(card.id.unwrap().as_str(), 131_047);
    home.logs("has not delivered a message").await;
    meta.say("owner", How::Directly, "/help").await;
    while cards(&meta).len() < 2 {
        look_again().await;
    }
    end(gateway, &home);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_081_a_group_counts_by_its_id_and_not_by_its_name() {
    let listed = |group: &str| {
        format!("group_allow_from = [\"{}\"]\ngroups = [\"{group}\"]\n", person("ann"))
    };
    for (listed_group, answered) in [("Y2FwaV9ncm91cDpvdGhlcg", false), (GROUP, true)] {
        let (meta, home, gateway) = gateway(&listed(listed_group), &[]).await;
        let event = meta.say("ann", How::InGroup, "@bot are you there?").await;
        settled(&home, event.as_str()).await;
        if answered {
            let is_there = |state: &State| state.messages.iter().any(|shown| shown.to == GROUP);
            meta.until("an answer in the group", is_there).await;
        }
        end(gateway, &home);
        assert_eq!(!meta.shown("group").is_empty(), answered, "{listed_group}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_088_what_is_neither_direct_nor_a_group_gets_no_code() {
    let (meta, home, gateway) = gateway("", &[]).await;
    let mut last = String::new();
    for odd in [json!(null), json!(7), json!({ "id": "x" }), json!("")] {
        let mut message = text("psst");
        message["group_id"] = odd;
        last = meta.message("ann", message);
    }
    settled(&home, &last).await;
    end(gateway, &home);
    assert_eq!(meta.with(|state| state.messages.len()), 0);
    assert!(home.read("credentials/whatsapp-pairing.json").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn case_089_case_090_a_forged_event_makes_no_row_and_no_reply() {
    let (meta, home, gateway) = gateway("", &[]).await;
    let (_, message) = meta.with(|state| state.message("ann", text("let me in")));
    let body = payload(&[change(value("ann", &[message]))]).to_string();
    let right = signature(APP_SECRET, &body);
    let other = signature("another-secret-of-another-app", &body);
    for signature in [None, Some(""), Some("sha256=00"), Some(&*other), Some(&right[7..])] {
        assert_eq!(meta.request(&body, signature).await, 401);
    }
    assert_eq!(meta.verifies("another-text-of-another-one", "1").await.0, 403);
    assert_eq!(meta.verifies(VERIFY_TOKEN, "1158201444").await, (200, "1158201444".to_owned()));
    end(gateway, &home);
    let (calls, sent) = meta.with(|state| (state.calls.len(), state.messages.len()));
    assert_eq!((calls, sent), (1, 0), "the probe alone");
    assert!(home.read("credentials/whatsapp-pairing.json").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn case_115_nobody_hears_a_word_about_what_was_written_before_the_start() {
    let (meta, home, gateway) = gateway("", &[]).await;
    let mut last = String::new();
    let before = (jiff::Timestamp::now().as_second() - 3600).to_string();
    for n in 0..20 {
        let mut message = text("hello");
        message["timestamp"] = before.clone().into();
        last = meta.message(&format!("old{n}"), message);
    }
    settled(&home, &last).await;
    meta.say("ann", How::Directly, "hello").await;
    hears(&meta, "ann", "Pairing code: ").await;
    hears(&meta, "owner", "A sender asks").await;
    end(gateway, &home);
    let known = [person("ann"), person("owner")];
    let told =
        meta.with(|state| state.messages.iter().map(|shown| shown.to.clone()).collect::<Vec<_>>());
    assert!(told.iter().all(|to| known.contains(to)), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_077_two_accounts_on_one_path_do_not_start() {
    let (meta, home) = (whatsapp::start().await, Home::new());
    let work = other_keys(&meta);
    let config = format!("[channels.whatsapp]\n{KEYS}[channels.whatsapp.accounts.work]\n{work}");
    home.configure(&meta.fill(&config));
    let output = home.cli(&["config", "check"]);
    let (said, error) = texts(&output);
    assert!(!output.status.success() && format!("{said}{error}").contains(PATH), "{said}{error}");
    home.configure(&meta.fill(&format!("{config}webhook_path = \"/work\"\n")));
    assert!(home.cli(&["config", "check"]).status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn case_074_case_101_two_numbers_share_no_grant() {
    let (meta, other, home) = (whatsapp::start().await, FakeMeta::start().await, Home::new());
    other.with(|state| (state.token, state.secret) = (Some(OTHER.0), Some(OTHER.1)));
    let work = other_keys(&other);
    let config = format!(
        "{OWNER}[channels.whatsapp]\n{KEYS}[channels.whatsapp.accounts.work]\n\
         webhook_path = \"/work\"\n{work}"
    );
    home.configure(&meta.fill(&config));
    let gateway = home.gateway("trace");
    meta.calls_at(gateway.port, PATH);
    other.calls_at(gateway.port, "/work");
    other.say("ann", How::Directly, "hello").await;
    let challenge = hears(&other, "ann", "Pairing code: ").await;
    assert!(home.cli(&["pairing", "approve", "whatsapp", code(&challenge)]).status.success());
    meta.say("ann", How::Directly, "and here?").await;
    hears(&meta, "ann", "Pairing code: ").await;
    end(gateway, &home);
    assert!(home.read("credentials/whatsapp-work-allowFrom.json").contains(&person("ann")));
    assert_eq!(home.read("credentials/whatsapp-allowFrom.json"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_says_that_whatsapp_alone_tells_an_owner_late() {
    let (meta, home) = (whatsapp::start().await, Home::new());
    let config = |notify: &str| {
        let owner = OWNER.replace("\"]", "\", \"telegram:1001\"]");
        meta.fill(&format!(
            "{owner}notify = [{notify}]\n[channels.whatsapp]\n{KEYS}[channels.telegram]\nbot_token = \"1:x\"\n"
        ))
    };
    for (notify, warned) in [
        ("\"whatsapp:{whatsapp.owner}\"", true),
        ("\"telegram:1001\"", false),
        ("\"whatsapp:{whatsapp.owner}\", \"telegram:1001\"", false),
    ] {
        home.configure(&config(notify));
        let (said, error) = texts(&home.cli(&["config", "check"]));
        let said = format!("{said}{error}");
        assert_eq!(said.contains("names WhatsApp alone"), warned, "{notify}: {said}");
    }
}
