//! Security cases on Signal that a story cannot tell: the whole program, and a daemon that does what is wanted of it.

use openclaw_plugin_sdk::SentRef;
use serde_json::json;

use crate::{
    chats::{Chats, How},
    fake_signal::{
        Failing, FakeSignal, GROUP, LINK, NUMBER, State, aci, group, is_running, mention, number,
    },
    process::{Gateway, Home, look_again, texts},
};

const KEYS: &str = "account = \"{signal.account}\"\nurl = \"{signal.url}\"\n";

/// A gateway on a Signal, with these keys more, beside these files of another gateway.
async fn gateway(more: &str, files: &[(&str, &str)]) -> (FakeSignal, Home, Gateway) {
    let (signal, home) = (FakeSignal::start().await, Home::new());
    let owner = "[owner]\nallow_from = [\"signal:{signal.owner}\"]\n";
    home.configure(&signal.fill(&format!("{owner}[channels.signal]\n{KEYS}{more}")));
    for (path, text) in files {
        home.put(path, text);
    }
    let gateway = home.gateway("trace");
    signal.until("it listens", |state| state.listener.is_some()).await;
    (signal, home, gateway)
}

/// What a person has been sent, once that is something.
async fn hears(signal: &FakeSignal, name: &str, what: &str) -> String {
    let chat = aci(name);
    let find = |state: &State| {
        let mut shown = state.messages.iter().rev().filter(|shown| shown.chat == chat);
        shown.find(|shown| shown.text.contains(what)).map(|shown| shown.text.clone())
    };
    signal.until(what, |state| find(state).is_some()).await;
    signal.with(|state| find(state)).unwrap()
}

async fn settled(home: &Home, event: &str) {
    home.logs(&format!("event={event} channel=\"signal\"")).await;
}

fn code(challenge: &str) -> &str {
    &challenge.split_once("Pairing code: ").unwrap().1[..8]
}

fn end(gateway: Gateway, home: &Home) {
    assert!(gateway.stop().success(), "{}", home.logged());
}

#[tokio::test(flavor = "multi_thread")]
async fn case_014_a_reaction_of_another_hand_or_on_another_message_decides_nothing() {
    let (signal, home, gateway) = gateway("", &[]).await;
    signal.say("ann", How::Directly, "hello").await;
    let code = code(&hears(&signal, "ann", "Pairing code: ").await).to_owned();
    hears(&signal, "owner", &code).await;
    let card = signal.shown("owner").pop().unwrap();
    let challenge = signal.shown("ann").pop().unwrap();
    let on = |seen: &openclaw_plugin_sdk::contract::Seen| SentRef {
        chat: seen.chat.clone().unwrap(),
        id: seen.id.clone().unwrap(),
    };
    for (name, seen) in [("ann", &card), ("ann", &challenge), ("eve", &card), ("owner", &challenge)]
    {
        let event = signal.react(name, &on(seen), "👍").await;
        settled(&home, event.as_str()).await;
    }
    for emoji in ["❤️", "😂", "1️⃣"] {
        let event = signal.react("owner", &on(&card), emoji).await;
        settled(&home, event.as_str()).await;
    }
    let (waiting, _) = texts(&home.cli(&["pairing", "list", "signal", "--json"]));
    assert!(waiting.contains(&code), "Ann still waits: {waiting}");
    let event = signal.react("owner", &on(&card), "👎🏾").await;
    settled(&home, event.as_str()).await;
    hears(&signal, "owner", "⛔ Denied signal sender").await;
    end(gateway, &home);
    let log = home.read("audit/access.jsonl");
    assert_eq!(log.matches("\"action\":\"approve\"").count(), 0);
    assert_eq!(log.matches("\"action\":\"deny\"").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_036_case_080_case_083_a_name_is_shown_by_its_ends_and_lets_nobody_in() {
    let (signal, home, gateway) = gateway("", &[]).await;
    let name = format!("Begin{}End \u{202e}@everyone", "x".repeat(4096));
    let named = || json!({ "sourceName": name, "dataMessage": { "message": "hello" } });
    signal.envelope("ann", named());
    let card = hears(&signal, "owner", "A sender asks").await;
    let at = |text: &str| card.find(text).unwrap_or_else(|| panic!("no {text} in {card}"));
    assert!(at(&aci("ann")) < at("Begin") && card.contains(" characters)"), "{card}");
    assert!(card.len() < 900 && !card.contains('\u{202e}') && !card.contains("@every"), "{card}");
    let challenge = hears(&signal, "ann", "Pairing code: ").await;
    assert!(home.cli(&["pairing", "approve", "signal", code(&challenge)]).status.success());
    let stored = home.read("credentials/signal-allowFrom.json");
    assert!(stored.contains(&aci("ann")) && !stored.contains("Begin"), "{stored}");
    // Another person with that name is a stranger.
    signal.envelope("eve", named());
    hears(&signal, "eve", "Pairing code: ").await;
    end(gateway, &home);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_080_a_number_that_was_approved_opens_once_and_for_nobody_who_inherits_it() {
    let listed = json!({ "version": 1, "allowFrom": [number("ann")] }).to_string();
    let files = [("credentials/signal-allowFrom.json", listed.as_str())];
    let (signal, home, gateway) = gateway("", &files).await;
    signal.say("ann", How::Directly, "it is me").await;
    hears(&signal, "ann", "it is me").await;
    signal.envelope("eve", json!({ "sourceNumber": number("ann"), "dataMessage": { "message": "I have that number now" } }));
    hears(&signal, "eve", "Pairing code: ").await;
    signal.envelope(
        "ann",
        json!({ "sourceNumber": null, "dataMessage": { "message": "without my number" } }),
    );
    hears(&signal, "ann", "without my number").await;
    // The number alone says nothing any more: it may be another person's.
    signal
        .envelope("ann", json!({ "sourceUuid": null, "dataMessage": { "message": "by number" } }));
    let is_stranger = |state: &State| {
        let mut shown = state.messages.iter().filter(|shown| shown.chat == number("ann"));
        shown.any(|shown| shown.text.contains("Pairing code: "))
    };
    signal.until("a challenge for the number", is_stranger).await;
    assert!(signal.with(|state| state.messages.iter().all(|shown| shown.text != "by number")));
    end(gateway, &home);
    assert!(home.cli(&["audit", "verify"]).status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_linked_again_works_again_and_its_owner_is_told() {
    let (signal, home) = (FakeSignal::start().await, Home::new());
    signal.with(|state| state.unlinked = true);
    let owner = "[owner]\nallow_from = [\"signal:{signal.owner}\"]\n";
    home.configure(&signal.fill(&format!("{owner}[channels.signal]\n{KEYS}")));
    let gateway = home.gateway("debug");
    home.logs("account stopped: unauthorized").await;
    signal.with(|state| state.unlinked = false);
    // After ten seconds.
    home.logs("account works again").await;
    hears(&signal, "owner", "signal (default) works again.").await;
    end(gateway, &home);
    assert_eq!(home.logged().matches("account stopped").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_107_a_platform_that_repeats_a_code_is_not_repeated_in_the_log() {
    let (signal, home, gateway) = gateway("", &[]).await;
    signal.say("ann", How::Directly, "hello").await;
    hears(&signal, "ann", "Pairing code: ").await;
    signal.say("bob", How::Directly, "hello").await;
    let of_bob = code(&hears(&signal, "bob", "Pairing code: ").await).to_owned();
    hears(&signal, "owner", &of_bob).await;
    let words = format!("Failed to send: {of_bob}").leak();
    let storm = Failing::Error(-1, words, serde_json::Value::Null);
    signal.with(|state| state.storm = Some(storm));
    let of_ann = code(&hears(&signal, "ann", "Pairing code: ").await).to_owned();
    assert!(home.cli(&["pairing", "deny", "signal", &of_ann]).status.success());
    home.logs("an owner was not told yet").await;
    signal.with(|state| state.storm = None);
    end(gateway, &home);
    let logged = home.logged();
    assert!(logged.contains("words hold a code") && !logged.contains(&of_bob), "{logged}");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_086_an_id_and_its_number_are_one_person_for_the_owner() {
    let (signal, home, gateway) = gateway("", &[]).await;
    signal.say("ann", How::Directly, "hello").await;
    let challenge = hears(&signal, "ann", "Pairing code: ").await;
    assert!(home.cli(&["pairing", "approve", "signal", code(&challenge)]).status.success());
    signal.say("ann", How::Directly, "it is me").await;
    hears(&signal, "ann", "it is me").await;
    for id in [aci("ann"), number("ann")] {
        let (said, _) = texts(&home.cli(&["access", "explain", "signal", &id]));
        assert!(said.contains("Now: admitted") && said.contains("Other ids: signal:"), "{said}");
    }
    let revoked = home.cli(&["access", "revoke", &format!("signal:{}", number("ann"))]);
    assert!(revoked.status.success() && texts(&revoked).0.contains(&aci("ann")), "{revoked:?}");
    signal.say("ann", How::Directly, "and now?").await;
    let challenges = |state: &State| {
        let shown = state.messages.iter().filter(|shown| shown.chat == aci("ann"));
        shown.filter(|shown| shown.text.contains("Pairing code: ")).count()
    };
    signal.until("a second challenge", |state| challenges(state) == 2).await;
    end(gateway, &home);
    assert!(home.cli(&["audit", "verify"]).status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn case_084_people_and_requests_of_openclaw_are_taken_over_and_names_match_nobody() {
    let listed = json!({ "version": 1, "allowFrom": [format!("uuid:{}", aci("ann")), "eve"] });
    let now = openclaw::world::iso(openclaw::world::now());
    let waits = json!({ "version": 1, "requests": [{
        "id": number("bob"), "code": "ABCD2345", "createdAt": now, "lastSeenAt": now,
    }] });
    let (listed, waits) = (listed.to_string(), waits.to_string());
    let files = [
        ("credentials/signal-allowFrom.json", listed.as_str()),
        ("credentials/signal-pairing.json", waits.as_str()),
    ];
    let (signal, home, gateway) = gateway("", &files).await;
    signal.say("ann", How::Directly, "it is me").await;
    hears(&signal, "ann", "it is me").await;
    let (waiting, _) = texts(&home.cli(&["pairing", "list", "signal", "--json"]));
    assert!(waiting.contains("ABCD2345") && waiting.contains(&number("bob")), "{waiting}");
    assert!(home.cli(&["pairing", "approve", "signal", "ABCD2345"]).status.success());
    signal.say("bob", How::Directly, "and me").await;
    hears(&signal, "bob", "and me").await;
    signal.say("eve", How::Directly, "and me?").await;
    hears(&signal, "eve", "Pairing code: ").await;
    let (said, noted) = texts(&home.cli(&["config", "check"]));
    assert!((said + &noted).contains("entries that are no ids and admit nobody: `eve`"));
    end(gateway, &home);
    assert!(home.cli(&["audit", "verify"]).status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn case_074_case_101_two_accounts_share_no_grant_and_no_places() {
    let other = FakeSignal::start().await;
    let work = format!(
        "[channels.signal.accounts.work]\naccount = \"{NUMBER}\"\nurl = \"{}\"\n",
        other.root()
    );
    let (signal, home, gateway) = gateway(&work, &[]).await;
    other.until("it listens", |state| state.listener.is_some()).await;
    for name in ["ann", "bob", "eve"] {
        signal.say(name, How::Directly, "hello").await;
        hears(&signal, name, "Pairing code: ").await;
    }
    other.say("ann", How::Directly, "hello").await;
    let challenge = hears(&other, "ann", "Pairing code: ").await;
    assert!(home.cli(&["pairing", "approve", "signal", code(&challenge)]).status.success());
    assert!(home.read("credentials/signal-work-allowFrom.json").contains(&aci("ann")));
    assert_eq!(home.read("credentials/signal-allowFrom.json"), "");
    let event = signal.say("ann", How::Directly, "and here?").await;
    settled(&home, event.as_str()).await;
    end(gateway, &home);
    assert_eq!(signal.shown("ann").len(), 1, "Ann still waits here");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_081_a_group_counts_by_its_id_and_not_by_its_name() {
    let listed =
        |group: &str| format!("group_allow_from = [\"{}\"]\ngroups = [\"{group}\"]\n", aci("ann"));
    // A name is refused by the configuration; see `what_no_group_can_have_as_its_id_is_refused`.
    for (listed_group, answered) in [("AAAAAAAAAAAAAAAAAAAAAA==", false), (GROUP, true)] {
        let (signal, home, gateway) = gateway(&listed(listed_group), &[]).await;
        let text = json!({ "message": "\u{fffc} are you there?", "groupInfo": group(), "mentions": mention() });
        let event = signal.message("ann", text);
        settled(&home, &event).await;
        if answered {
            let is_there = |state: &State| state.messages.iter().any(|shown| shown.chat == GROUP);
            signal.until("an answer in the group", is_there).await;
        }
        end(gateway, &home);
        assert_eq!(!signal.shown("group").is_empty(), answered, "{listed_group}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_115_nobody_hears_a_word_about_what_was_written_before_the_start() {
    let (signal, home) = (FakeSignal::start().await, Home::new());
    let owner = "[owner]\nallow_from = [\"signal:{signal.owner}\"]\n";
    home.configure(&signal.fill(&format!("{owner}[channels.signal]\n{KEYS}")));
    let mut last = String::new();
    for n in 0..50 {
        let at = signal.with(|state| state.now()) - 3_600_000 + n;
        let data = json!({ "timestamp": at, "message": "hello" });
        let old = json!({ "timestamp": at, "serverReceivedTimestamp": at, "dataMessage": data });
        last = signal.envelope(&format!("old{n}"), old);
    }
    let gateway = home.gateway("trace");
    settled(&home, &last).await;
    signal.say("ann", How::Directly, "hello").await;
    hears(&signal, "ann", "Pairing code: ").await;
    hears(&signal, "owner", "A sender asks").await;
    end(gateway, &home);
    let told = signal
        .with(|state| state.messages.iter().map(|shown| shown.chat.clone()).collect::<Vec<_>>());
    assert!(told.iter().all(|chat| [aci("ann"), aci("owner")].contains(chat)), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_captcha_that_signal_wants_is_shown_beside_the_account_and_nothing_loops() {
    let (signal, home, gateway) = gateway("", &[]).await;
    let captcha = Failing::Error(-6, "captcha rejected", json!(null));
    signal.with(|state| state.storm = Some(captcha));
    let event = signal.say("ann", How::Directly, "hello").await;
    settled(&home, event.as_str()).await;
    let status = || texts(&home.cli(&["channels", "status"])).0;
    while !status().contains("captcha") {
        look_again().await;
    }
    let line = status().lines().find(|line| line.contains("Signal")).unwrap().to_owned();
    assert!(
        line.contains("connected") && line.contains("limited: Signal wants a captcha"),
        "{line}"
    );
    end(gateway, &home);
    let sent =
        signal.with(|state| state.calls.iter().filter(|(method, _)| method == "send").count());
    assert!(sent < 8, "{sent} calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_107_a_daemon_that_the_gateway_starts_ends_with_it_and_its_noise_stays_out_of_the_log()
{
    let (signal, home) = (FakeSignal::program("0.14.6").await, Home::new());
    let program = signal.program_path();
    home.configure(&signal.fill(&format!(
        "[owner]\nallow_from = [\"signal:{{signal.owner}}\"]\n[channels.signal]\n\
         account = \"{{signal.account}}\"\ncli_path = \"{}\"\n",
        program.display()
    )));
    for is_killed in [true, false] {
        let gateway = home.gateway("trace");
        signal.until("it listens", |state| state.listener.is_some()).await;
        let event = signal.say("owner", How::Directly, "hello").await;
        settled(&home, event.as_str()).await;
        hears(&signal, "owner", "hello").await;
        let (id, _) = signal.program_starts().pop().unwrap();
        assert!(is_running(id));
        if is_killed {
            gateway.kill();
        } else {
            end(gateway, &home);
        }
        while is_running(id) {
            look_again().await;
        }
        signal.until("nobody listens", |state| state.listener.is_none()).await;
    }
    assert_eq!(signal.program_starts().len(), 2);
    assert!(!home.logged().contains("NOISE"));
}

/// What a scanner reads in a picture.
fn scanned(file: &std::path::Path) -> String {
    let mut png = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(file).unwrap()));
    png.set_transformations(png::Transformations::EXPAND);
    let mut png = png.read_info().unwrap();
    let mut pixels = vec![0; png.output_buffer_size().unwrap()];
    let frame = png.next_frame(&mut pixels).unwrap();
    let (width, height) = (frame.width as usize, frame.height as usize);
    let luma = |x: usize, y: usize| pixels[y * frame.line_size + x];
    let mut picture = rqrr::PreparedImage::prepare_from_greyscale(width, height, luma);
    picture.detect_grids()[0].decode().unwrap().1
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_linked_by_a_code_that_a_phone_scans() {
    let (signal, home) = (FakeSignal::start().await, Home::new());
    home.configure(&signal.fill(&format!("[channels.signal]\n{KEYS}")));
    signal.with(|state| (state.unlinked, state.links) = (true, Some("+15559999999")));
    let png = home.state().join("code.png");
    let line = ["channels", "login", "signal", "--png", png.to_str().unwrap()];
    let ran = home.cli(&line);
    let (said, noted) = texts(&ran);
    assert!(ran.status.success(), "{noted}");
    assert!(said.starts_with("✅ Linked to +15559999999 on Signal.\n"), "{said}");
    assert!(said.contains("openclaw config set channels.signal.account +15559999999\n"), "{said}");
    assert!(noted.contains("█▀") && !(said + &noted).contains("pub_key"), "{noted}");
    assert_eq!(scanned(&png), LINK);
    let ran = home.cli(&["channels", "login", "signal", "--json"]);
    let linked: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(linked["linked"], "+15559999999");
    assert_eq!(linked["set"]["key"], "channels.signal.account");
    signal.with(|state| state.unscanned = Some("Link request error: Connection closed!"));
    let ran = home.cli(&line);
    let (_, noted) = texts(&ran);
    assert_eq!(ran.status.code(), Some(1), "{noted}");
    assert!(noted.contains("Connection closed!") && !noted.contains("pub_key"), "{noted}");
    let ran = home.cli(&["channels", "login", "signal", "--account", "work"]);
    assert_eq!(ran.status.code(), Some(3), "{:?}", texts(&ran));
}
