//! Security cases on Google Chat that a story cannot tell: the whole program, and a Google that does what is wanted of it.

use serde_json::json;

use crate::{
    chats::{Chats, How},
    fake_googlechat::{
        FakeGoogle, GROUP, Kind, State, claims, direct, group, mention, person, space_of,
    },
    googlechat,
    process::{Gateway, Home, look_again, texts},
};

const KEYS: &str = "service_account = '''{googlechat.account}'''\naudience_type = \"project-number\"\n\
    audience = \"{googlechat.project}\"\napi_root = \"{googlechat.root}\"\nkeys_root = \"{googlechat.root}\"\n";

const OWNER: &str = "[owner]\nallow_from = [\"googlechat:{googlechat.owner}\"]\n";

/// A gateway on a Google Chat, with these keys more, beside these files of another gateway.
async fn gateway(more: &str, files: &[(&str, &str)]) -> (FakeGoogle, Home, Gateway) {
    let (google, home) = (googlechat::start().await, Home::new());
    home.configure(&google.fill(&format!("{OWNER}[channels.googlechat]\n{KEYS}{more}")));
    for (path, text) in files {
        home.put(path, text);
    }
    let gateway = home.gateway("trace");
    google.calls_at(gateway.port, "");
    (google, home, gateway)
}

/// What a person has been sent, once that is something.
async fn hears(google: &FakeGoogle, name: &str, what: &str) -> String {
    let space = space_of(&person(name));
    let find = |state: &State| {
        let mut shown = state.messages.iter().rev().filter(|shown| shown.space == space);
        shown.find_map(|shown| Some(shown.reads()).filter(|text| text.contains(what)))
    };
    google.until(what, |state| find(state).is_some()).await;
    google.with(|state| find(state)).unwrap()
}

async fn settled(home: &Home, event: &str) {
    home.logs(&format!("event={event} channel=\"googlechat\"")).await;
}

fn end(gateway: Gateway, home: &Home) {
    assert!(gateway.stop().success(), "{}", home.logged());
}

#[tokio::test(flavor = "multi_thread")]
async fn case_036_case_080_case_083_a_name_is_shown_by_its_ends_and_lets_nobody_in() {
    let (google, home, gateway) = gateway("", &[]).await;
    let name = format!("Begin{}End \u{202e}<users/all>", "x".repeat(4096));
    let named = |who: &str| {
        let sender = json!({
            "name": person(who), "type": "HUMAN", "displayName": name, "email": "owner@example.com",
        });
        google.message(who, direct(who), json!({ "text": "hello", "sender": sender }));
    };
    named("ann");
    let card = hears(&google, "owner", "A sender asks").await;
    let at = |text: &str| card.find(text).unwrap_or_else(|| panic!("no {text} in {card}"));
    assert!(at(&person("ann")) < at("Begin") && card.contains(" characters)"), "{card}");
    assert!(
        card.len() < 900 && !card.contains('\u{202e}') && card.contains("<users/all>"),
        "{card}"
    );
    let challenge = hears(&google, "ann", "Pairing code: ").await;
    let code = &challenge.split_once("Pairing code: ").unwrap().1[..8];
    assert!(home.cli(&["pairing", "approve", "googlechat", code]).status.success());
    let stored = home.read("credentials/googlechat-allowFrom.json");
    assert!(stored.contains(&person("ann")) && !stored.contains("Begin"), "{stored}");
    assert!(!stored.contains("example.com"), "{stored}");
    // Another person with that name and that address is a stranger.
    named("eve");
    hears(&google, "eve", "Pairing code: ").await;
    end(gateway, &home);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_081_a_space_counts_by_its_id_and_not_by_its_name() {
    let listed = |group: &str| {
        format!("group_allow_from = [\"{}\"]\ngroups = [\"{group}\"]\n", person("ann"))
    };
    // A name is refused by the configuration; see `what_no_space_can_have_as_its_id_is_refused`.
    for (listed_group, answered) in [("spaces/AAAAother", false), (GROUP, true)] {
        let (google, home, gateway) = gateway(&listed(listed_group), &[]).await;
        let event = google.message("ann", group(), mention("are you there?"));
        settled(&home, &event).await;
        if answered {
            let is_there = |state: &State| state.messages.iter().any(|shown| shown.space == GROUP);
            google.until("an answer in the space", is_there).await;
        }
        end(gateway, &home);
        assert_eq!(!google.shown("group").is_empty(), answered, "{listed_group}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_088_what_two_people_write_to_each_other_gets_no_code() {
    let (google, home, gateway) = gateway("", &[]).await;
    let mut space = direct("ann");
    space["singleUserBotDm"] = false.into();
    let event = google.message("ann", space, json!({ "text": "psst" }));
    settled(&home, &event).await;
    end(gateway, &home);
    assert_eq!(google.with(|state| state.messages.len()), 0);
    assert!(home.read("credentials/googlechat-pairing.json").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn case_089_case_090_a_forged_event_makes_no_row_and_no_reply() {
    let (google, home, gateway) = gateway("", &[]).await;
    let (_, event) =
        google.with(|state| state.message("ann", &direct("ann"), json!({ "text": "let me in" })));
    let mut says = claims(Kind::Number);
    says["aud"] = "999999999999".into();
    let other = google.token(&says);
    for token in [None, Some(""), Some("x.y.z"), Some(other.as_str())] {
        assert_eq!(google.request(&event.to_string(), token).await, 401);
    }
    end(gateway, &home);
    assert_eq!(google.with(|state| (state.messages.len(), state.keys_asked)), (0, 0));
    assert!(home.read("credentials/googlechat-pairing.json").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn case_115_nobody_hears_a_word_about_what_was_written_before_the_start() {
    let (google, home, gateway) = gateway("", &[]).await;
    let mut last = String::new();
    for n in 0..20 {
        let name = format!("old{n}");
        let more = json!({ "text": "hello", "createTime": "2026-01-01T00:00:00.000000Z" });
        last = google.message(&name, direct(&name), more);
    }
    settled(&home, &last).await;
    google.say("ann", How::Directly, "hello").await;
    hears(&google, "ann", "Pairing code: ").await;
    hears(&google, "owner", "A sender asks").await;
    end(gateway, &home);
    let told = google
        .with(|state| state.messages.iter().map(|shown| shown.space.clone()).collect::<Vec<_>>());
    let known = ["ann", "owner"].map(|name| space_of(&person(name)));
    assert!(told.iter().all(|space| known.contains(space)), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_cannot_be_fetched_are_shown_beside_the_account_and_other_channels_go_on() {
    let (google, home, gateway) = gateway("", &[]).await;
    google.with(|state| state.no_keys = true);
    google.say("ann", How::Directly, "hello").await;
    google.until("Google is told to come again", |state| state.answered == [503]).await;
    let status = || texts(&home.cli(&["channels", "status"])).0;
    while !status().contains("keys cannot be fetched") {
        look_again().await;
    }
    let line = status().lines().find(|line| line.contains("Google Chat")).unwrap().to_owned();
    assert!(line.contains("connected") && line.contains("limited"), "{line}");
    end(gateway, &home);
    assert_eq!(google.with(|state| (state.messages.len(), state.keys_asked)), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn case_077_two_accounts_on_one_path_do_not_start() {
    let (google, home) = (googlechat::start().await, Home::new());
    let config =
        format!("[channels.googlechat]\n{KEYS}[channels.googlechat.accounts.work]\n{KEYS}");
    home.configure(&google.fill(&config));
    let output = home.cli(&["config", "check"]);
    let (said, error) = texts(&output);
    assert!(
        !output.status.success() && format!("{said}{error}").contains("/googlechat"),
        "{said}{error}"
    );
    let config = config.clone() + "webhook_path = \"/work\"\n";
    home.configure(&google.fill(&config));
    assert!(home.cli(&["config", "check"]).status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn case_080_what_openclaw_has_approved_stays_and_an_address_opens_nothing() {
    let digits = person("ann").replace("users/", "");
    let listed =
        json!({ "version": 1, "allowFrom": [digits, "bob@example.com", "users/eve@example.com"] })
            .to_string();
    let waiting = json!({ "version": 1, "requests": [{
        "id": person("second"), "code": "AB3D7X9K", "createdAt": "{now}", "lastSeenAt": "{now}",
        "meta": { "name": "second", "email": "second@example.com" },
    }] });
    let now = jiff::Timestamp::now().to_string();
    let waiting = waiting.to_string().replace("{now}", &now);
    let theirs =
        "{ channels: { googlechat: { serviceAccountFile: '/x', dm: { policy: 'pairing' } } } }";
    let files = [
        ("openclaw.json", theirs),
        ("credentials/googlechat-allowFrom.json", listed.as_str()),
        ("credentials/googlechat-pairing.json", waiting.as_str()),
    ];
    let (google, home, gateway) = gateway("", &files).await;
    google.say("ann", How::Directly, "it is me").await;
    hears(&google, "ann", "it is me").await;
    for name in ["bob", "eve"] {
        google.say(name, How::Directly, "hello").await;
        hears(&google, name, "Pairing code: ").await;
    }
    google.with(|state| state.met.insert(space_of(&person("second"))));
    assert!(home.cli(&["pairing", "approve", "googlechat", "AB3D7X9K"]).status.success());
    google.say("second", How::Directly, "and I").await;
    hears(&google, "second", "and I").await;
    end(gateway, &home);
    let check = texts(&home.cli(&["config", "check"]));
    let said = format!("{}{}", check.0, check.1);
    for entry in ["bob＠example.com", "users/eve＠example.com"] {
        assert!(said.contains(entry), "{entry} is listed: {said}");
    }
    assert!(!said.contains(&digits), "{said}");
    for key in ["channels.googlechat.service_account_file", "channels.googlechat.dm_policy"] {
        assert!(said.contains(key), "{key}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_of_the_environment_needs_an_audience_and_no_other_key() {
    let (google, home) = (googlechat::start().await, Home::new());
    home.configure("");
    for name in ["GOOGLE_CHAT_SERVICE_ACCOUNT_FILE", "GOOGLE_CHAT_SERVICE_ACCOUNT"] {
        for command in [["config", "check"], ["channels", "status"]] {
            let output = home.program(&command).env(name, "/etc/chat.json").output().unwrap();
            let (said, error) = texts(&output);
            let said = format!("{said}{error}");
            assert!(!output.status.success(), "{command:?}: {said}");
            for part in ["`channels.googlechat.audience_type`", &format!("`{name}` is set")] {
                assert!(said.contains(part), "{command:?}: no {part} in {said}");
            }
        }
    }
    let keys = KEYS.replace("service_account = '''{googlechat.account}'''\n", "");
    home.configure(&google.fill(&format!("{OWNER}[channels.googlechat]\n{keys}")));
    let mut command = home.program(&["gateway", "run", "--port", "0"]);
    command.env("GOOGLE_CHAT_SERVICE_ACCOUNT", google.fill("{googlechat.account}"));
    let gateway = home.started(command, "trace");
    google.calls_at(gateway.port, "");
    google.say("ann", How::Directly, "hello").await;
    hears(&google, "ann", "Pairing code: ").await;
    end(gateway, &home);
}
