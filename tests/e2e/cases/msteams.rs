//! Security cases on Microsoft Teams that a story cannot tell: the whole program, and a Teams that calls it.

use serde_json::json;

use crate::{
    chats::{Chats, How},
    fake_msteams::{FakeTeams, GROUP, State, TENANT, invocation, mention, person, press},
    process::{Gateway, Home, texts},
};

/// A gateway on a Teams, with these keys more, beside these files of another gateway.
async fn gateway(more: &str, files: &[(&str, &str)]) -> (FakeTeams, Home, Gateway) {
    let (teams, home) = (FakeTeams::start().await, Home::new());
    let owner = "[owner]\nallow_from = [\"msteams:{msteams.owner}\"]\n";
    home.configure(&teams.fill(&format!("{owner}[channels.msteams]\n{{msteams.keys}}\napp_password = \"{{msteams.password}}\"\n{more}")));
    for (path, text) in files {
        home.put(path, &text.replace("{service}", &teams.service()));
    }
    teams.with(|state| state.chat_with("owner"));
    let gateway = home.gateway("trace");
    teams.calls(gateway.port, "");
    (teams, home, gateway)
}

/// What a person has been sent, once that is something.
async fn hears(teams: &FakeTeams, name: &str, what: &str) -> String {
    let chat = person(name);
    let find = |state: &State| {
        let mut seen = state.seen().into_iter().rev();
        seen.find(|it| {
            it.chat.as_ref().is_some_and(|it| it.as_str() == chat) && it.text.contains(what)
        })
    };
    teams.until(what, |state| find(state).is_some()).await;
    teams.with(|state| find(state)).unwrap().text
}

async fn settled(home: &Home, event: &str) {
    home.logs(&format!("event={event} channel=\"msteams\"")).await;
}

fn code(challenge: &str) -> &str {
    &challenge.split_once("Pairing code: ").unwrap().1[..8]
}

fn end(gateway: Gateway, home: &Home) {
    assert!(gateway.stop().success(), "{}", home.logged());
}

#[tokio::test(flavor = "multi_thread")]
async fn case_036_case_083_case_111_a_name_is_shown_by_its_ends_and_lets_nobody_in() {
    let (teams, home, gateway) = gateway("", &[]).await;
    let name = format!("<at>all</at>{}End \u{202e}**x**", "x".repeat(4096));
    for who in ["ann", "eve"] {
        teams.with(|state| state.chat_with(who));
    }
    let named = |id: &str| json!({ "from": { "id": "29:1another-of-the-tenant", "name": name, "aadObjectId": person(id) }, "text": "hello" });
    teams.message("ann", named("ann"));
    let card = hears(&teams, "owner", "A sender asks").await;
    let at = |text: &str| card.find(text).unwrap_or_else(|| panic!("no {text} in {card}"));
    assert!(at(&person("ann")) < at("<at>all") && card.contains(" characters)"), "{card}");
    assert!(card.len() < 900 && !card.contains('\u{202e}'), "{card}");
    let challenge = hears(&teams, "ann", "Pairing code: ").await;
    assert!(home.cli(&["pairing", "approve", "msteams", code(&challenge)]).status.success());
    let stored = home.read("credentials/msteams-allowFrom.json");
    assert!(stored.contains(&person("ann")) && !stored.contains("all</at>"), "{stored}");
    teams.message("eve", named("eve"));
    hears(&teams, "eve", "Pairing code: ").await;
    end(gateway, &home);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_077_case_084_people_that_openclaw_approved_are_taken_over_and_names_match_nobody() {
    let listed = json!({ "version": 1, "allowFrom": [person("ann").to_uppercase(), "eve", "eve@example.com"] }).to_string();
    let now = openclaw::world::iso(openclaw::world::now());
    let waits = json!({ "version": 1, "requests": [{
        "id": person("bob"), "code": "ABCD2345", "createdAt": now, "lastSeenAt": now,
    }] })
    .to_string();
    let files = [
        ("credentials/msteams-allowFrom.json", listed.as_str()),
        ("credentials/msteams-pairing.json", waits.as_str()),
    ];
    let (teams, home, gateway) = gateway("", &files).await;
    teams.say("ann", How::Directly, "it is me").await;
    hears(&teams, "ann", "it is me").await;
    let (waiting, _) = texts(&home.cli(&["pairing", "list", "msteams", "--json"]));
    assert!(waiting.contains("ABCD2345") && waiting.contains(&person("bob")), "{waiting}");
    assert!(home.cli(&["pairing", "approve", "msteams", "ABCD2345"]).status.success());
    teams.say("bob", How::Directly, "and me").await;
    hears(&teams, "bob", "and me").await;
    teams.with(|state| state.chat_with("eve"));
    let named = json!({ "from": { "id": "29:1eve-of-the-tenant-0001", "name": "eve@example.com", "aadObjectId": person("eve") }, "text": "let me in" });
    teams.message("eve", named);
    hears(&teams, "eve", "Pairing code: ").await;
    end(gateway, &home);
    let (said, error) = texts(&home.cli(&["config", "check"]));
    let said = format!("{said}{error}");
    for entry in ["eve", "eve＠example.com"] {
        assert!(said.contains(entry), "{entry} is listed: {said}");
    }
    assert!(!said.to_lowercase().contains(&person("ann")), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_openclaw_noted_is_where_the_owner_is_written_to() {
    let chat = format!("a:1{:x<24}", "owner");
    let noted = json!({ "version": 1, "conversations": { (chat): {
        "serviceUrl": "{service}", "tenantId": TENANT,
        "user": { "id": "29:1owner", "name": "Owner", "aadObjectId": person("owner").to_uppercase() },
        "conversation": { "conversationType": "personal", "tenantId": TENANT },
    } } })
    .to_string();
    let files = [("msteams-conversations.json", noted.as_str())];
    let (teams, home, gateway) = gateway("", &files).await;
    teams.say("ann", How::Directly, "hello").await;
    hears(&teams, "owner", "A sender asks").await;
    end(gateway, &home);
    let begun = |state: &State| {
        state.calls.iter().filter(|(_, path, _)| path.ends_with("conversations")).count()
    };
    assert_eq!(teams.with(|state| begun(state)), 0, "nobody is asked where the owner is");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_086_a_person_with_two_ids_keeps_access_and_loses_it_under_either() {
    let own = format!("29:1{:x<24}", "ann");
    let listed = json!({ "version": 1, "allowFrom": [own] }).to_string();
    for id in [own.clone(), person("ann")] {
        let files = [("credentials/msteams-allowFrom.json", listed.as_str())];
        let (teams, home, gateway) = gateway("", &files).await;
        teams.say("ann", How::Directly, "it is me").await;
        hears(&teams, "ann", "it is me").await;
        let revoked = home.cli(&["pairing", "revoke", "msteams", &id]);
        assert!(revoked.status.success(), "{id}: {:?}", texts(&revoked));
        teams.say("ann", How::Directly, "still me").await;
        hears(&teams, "ann", "Pairing code: ").await;
        end(gateway, &home);
        assert!(teams.shown("ann").iter().all(|seen| !seen.text.contains("still me")), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_014_a_press_of_either_kind_decides_and_its_card_is_disarmed() {
    for kind in [press, invocation] {
        let (teams, home, gateway) = gateway("", &[]).await;
        teams.say("ann", How::Directly, "hello").await;
        hears(&teams, "owner", "A sender asks").await;
        let card = teams.shown("owner").into_iter().rfind(|seen| !seen.buttons.is_empty()).unwrap();
        let id = card.id.unwrap();
        let deny = card.buttons.into_iter().flatten().find(|it| it.label == "Deny").unwrap();
        let denied = || home.read("audit/access.jsonl").matches("\"action\":\"deny\"").count();
        let wrong = teams.message("ann", kind(id.as_str(), &deny.data));
        settled(&home, &wrong).await;
        assert_eq!(denied(), 0, "Ann is no owner");
        let right = teams.message("owner", kind(id.as_str(), &deny.data));
        assert_eq!(teams.answered(&right).await.0, 200);
        let is_disarmed = |state: &State| {
            let mut puts = state.calls.iter().filter(|(method, ..)| method == "PUT");
            puts.any(|(_, path, body)| {
                path.ends_with(id.as_str()) && !body.to_string().contains("Action.")
            })
        };
        teams.until("a card without buttons", is_disarmed).await;
        assert_eq!(denied(), 1);
        end(gateway, &home);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_081_a_group_counts_by_its_id_and_not_by_its_name() {
    let other = "19:07be000000000000000000000000000a@thread.v2";
    for (listed, answered) in [(other, false), (GROUP, true)] {
        let more = format!("group_allow_from = [\"{}\"]\ngroups = [\"{listed}\"]\n", person("ann"));
        let (teams, home, gateway) = gateway(&more, &[]).await;
        let event = teams.in_group("ann", mention("are you there?"));
        settled(&home, &event).await;
        if answered {
            let is_there = |state: &State| state.messages.iter().any(|shown| shown.chat == GROUP);
            teams.until("an answer in the group", is_there).await;
        }
        end(gateway, &home);
        assert_eq!(!teams.shown("group").is_empty(), answered, "{listed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_089_case_104_who_calls_without_teams_token_is_refused_and_takes_no_turn_of_teams() {
    let (teams, home, gateway) = gateway("", &[]).await;
    let activity = json!({ "type": "message", "text": "let me in" }).to_string();
    let mut answers = Vec::new();
    for _ in 0..300 {
        answers.push(teams.call("x.y.z", activity.clone()).await);
    }
    assert!(answers.iter().all(|answer| matches!(*answer, 401 | 429)), "{answers:?}");
    assert!(teams.written_to().is_empty());
    assert_eq!(teams.with(|state| state.keys_asked), 0, "no key is asked for");
    teams.say("ann", How::Directly, "by the same address").await;
    hears(&teams, "ann", "Pairing code: ").await;
    end(gateway, &home);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_115_nobody_hears_a_word_about_what_was_written_before_the_start() {
    let (teams, home, gateway) = gateway("", &[]).await;
    teams.with(|state| state.chat_with("old"));
    let event =
        teams.message("old", json!({ "timestamp": "2026-01-01T00:00:00.000Z", "text": "hello" }));
    settled(&home, &event).await;
    teams.say("ann", How::Directly, "hello").await;
    hears(&teams, "ann", "Pairing code: ").await;
    hears(&teams, "owner", "A sender asks").await;
    end(gateway, &home);
    assert!(teams.shown("old").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_the_tenant_switches_off_is_tried_once_more_and_names_the_key() {
    let (teams, home, gateway) = gateway("", &[]).await;
    teams.with(|state| state.storm = Some((403, "BotDisabledByAdmin")));
    teams.say("ann", How::Directly, "hello").await;
    home.logs("refused, although it worked before").await;
    let (status, _) = texts(&home.cli(&["channels", "status"]));
    assert!(status.contains("Teams admin center"), "{status}");
    let tries = home.logged().matches("refused, although it worked before").count();
    assert_eq!(tries, 1, "no loop");
    end(gateway, &home);
}
