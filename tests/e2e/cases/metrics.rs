//! `/metrics`: what is counted, and who may read it.

use std::collections::BTreeMap;

use reqwest::{Client, Response, StatusCode};
use serde_json::json;

use super::{
    OWNED,
    sockets::{ALL, TOKEN, gateway},
};
use crate::{
    process::{Gateway, PATIENCE, look_again, texts},
    wire::Wire,
    world::{World, number},
};

fn at(gateway: &Gateway) -> String {
    format!("http://127.0.0.1:{}/metrics", gateway.port)
}

async fn ask(gateway: &Gateway, headers: &[(&str, &str)]) -> Response {
    let asking = headers
        .iter()
        .fold(Client::new().get(at(gateway)), |asking, (name, value)| asking.header(*name, *value));
    asking.send().await.unwrap()
}

/// The page: every line with its labels, and its value. Every family has its type before its lines.
async fn read(gateway: &Gateway) -> (String, BTreeMap<String, String>) {
    let response = ask(gateway, &[]).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = response.text().await.unwrap();
    let mut family = String::new();
    let mut values = BTreeMap::new();
    for line in text.lines() {
        if let Some(about) = line.strip_prefix("# ") {
            if let Some(rest) = about.strip_prefix("TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                name.clone_into(&mut family);
            }
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with(&family) && name.starts_with("openclaw_"), "{line}");
        value.parse::<f64>().unwrap();
        let twice = values.insert(name.to_owned(), value.to_owned());
        assert!(twice.is_none(), "{line}");
    }
    (text, values)
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_happens_moves_a_number() {
    let mut world = World::start(&format!("[gateway.auth]\ntoken = \"{TOKEN}\"\n{OWNED}")).await;
    world.say("ann", "hello").await;
    world.next(number("ann")).await;
    world.next(number("owner")).await;
    let port = world.gateway.as_ref().unwrap();
    let (_, before) = read(port).await;
    assert_eq!(before[r#"openclaw_pending_requests{channel="telegram"}"#], "1");
    assert_eq!(before[r#"openclaw_verdicts_total{channel="telegram",outcome="stranger"}"#], "1");
    assert_eq!(before["openclaw_decision_duration_seconds_count"], "0");
    let telegram = r#"channel="telegram",account="default""#;
    for (state, is) in [("connected", "1"), ("unauthorized", "0")] {
        assert_eq!(before[&format!(r#"openclaw_channel_state{{{telegram},state="{state}"}}"#)], is);
    }

    world.press("owner", "Approve").await;
    world.press("owner", "For good").await;
    world.say("ann", "hello again").await;
    world.next(number("ann")).await;
    let done = world.home.cli(&["owner", "add", "telegram:1002"]);
    assert!(done.status.success());
    let port = world.gateway.as_ref().unwrap();
    let mut wire = Wire::open(port.port).await;
    wire.connect(Wire::params("operator", &ALL, json!({ "token": TOKEN }))).await.unwrap();
    let mut wrong = Wire::open(port.port).await;
    wrong.connect(Wire::params("operator", &ALL, json!({ "token": "wrong" }))).await.unwrap_err();
    let (text, after) = read(port).await;
    for (name, value) in [
        (r#"openclaw_pending_requests{channel="telegram"}"#, "0"),
        (r#"openclaw_decisions_total{surface="chat",decision="approve"}"#, "1"),
        (r#"openclaw_decisions_total{surface="cli",decision="owner-add"}"#, "1"),
        (r#"openclaw_handshakes_total{outcome="admitted"}"#, "1"),
        (r#"openclaw_handshakes_total{outcome="unauthorized"}"#, "1"),
        (r#"openclaw_sockets{role="operator"}"#, "1"),
        (r#"openclaw_sockets{role="node"}"#, "0"),
        ("openclaw_decision_duration_seconds_count", "1"),
        (r#"openclaw_decision_duration_seconds_bucket{le="+Inf"}"#, "1"),
        ("openclaw_handshake_duration_seconds_count", "2"),
        ("openclaw_responder_duration_seconds_count", "1"),
        ("openclaw_pending_devices", "0"),
        ("openclaw_store_readable", "1"),
    ] {
        assert_eq!(after.get(name).map(String::as_str), Some(value), "{name}\n{text}");
    }
    // Two presses, and Ann's message.
    let admitted = r#"openclaw_verdicts_total{channel="telegram",outcome="admitted"}"#;
    assert_eq!(after[admitted], "3");
    let stranger = number("ann").to_string();
    assert!(!text.contains(&stranger) && !text.contains("1001") && !text.contains("hello"));
    assert!(!text.contains(TOKEN), "case_108");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_061_metrics_are_for_this_machine_or_for_the_secret() {
    let (home, gateway) = gateway("");
    let bearer = format!("Bearer {TOKEN}");
    let proxied = ("x-forwarded-for", "127.0.0.1");
    for refused in [
        &[proxied][..],
        &[("forwarded", "for=127.0.0.1")],
        &[("x-real-ip", "127.0.0.1")],
        // A page, and one whose name leads here today.
        &[("origin", "http://127.0.0.1:3000")],
        &[("host", "evil.example")],
        &[proxied, ("authorization", "Basic dXNlcjpwYXNz")],
        &[proxied, ("authorization", "Bearer ")],
    ] {
        let response = ask(&gateway, refused).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{refused:?}");
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        assert!(!response.text().await.unwrap().contains("openclaw_"));
    }
    let shown = ask(&gateway, &[proxied, ("authorization", &bearer)]).await;
    assert_eq!(shown.status(), StatusCode::OK);
    let posted = Client::new().post(at(&gateway)).send().await.unwrap();
    assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(!home.logged().contains(TOKEN), "case_107");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_097_guesses_at_the_secret_of_the_metrics_are_counted_with_the_others() {
    let (_home, gateway) = gateway("");
    let proxied = ("x-forwarded-for", "203.0.113.5");
    for _ in 0..10 {
        let guess = ask(&gateway, &[proxied, ("authorization", "Bearer guess")]).await;
        assert_eq!(guess.status(), StatusCode::UNAUTHORIZED);
    }
    let bearer = format!("Bearer {TOKEN}");
    let late = ask(&gateway, &[proxied, ("authorization", &bearer)]).await;
    assert_eq!(late.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(late.headers().contains_key("retry-after"));
    // A person at this machine, and another one.
    assert_eq!(ask(&gateway, &[]).await.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_owner_could_not_be_told_is_counted_until_they_are() {
    let mut world = World::start(OWNED).await;
    let owner = number("owner");
    world.telegram.with(|state| state.blocked.insert(owner));
    world.say("ann", "hello").await;
    world.next(number("ann")).await;
    let depth = async |world: &World, wanted: &str| {
        let gateway = world.gateway.as_ref().unwrap();
        let reached = async {
            while read(gateway).await.1["openclaw_outbox_depth"] != wanted {
                look_again().await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.expect("the outbox");
        let (status, _) = texts(&world.home.cli(&["status"]));
        let line = status.lines().find(|line| line.starts_with("Outbox")).unwrap().to_owned();
        (line, read(gateway).await.1["openclaw_outbox_oldest_age_seconds"].clone())
    };
    let (line, age) = depth(&world, "1").await;
    assert!(line.contains(" 1, the oldest for "), "{line}");
    assert_ne!(age, "0.000");
    // It outlives the gateway.
    world.stop();
    world.run();
    depth(&world, "1").await;
    world.telegram.with(|state| state.blocked.remove(&owner));
    world.stop();
    // The time of its next try comes while nobody runs.
    let mut book: serde_json::Value =
        serde_json::from_str(&world.home.read("outbox/cards.json")).unwrap();
    book["cards"].as_array_mut().unwrap().iter_mut().for_each(|card| card["next"] = json!(1));
    world.home.put("outbox/cards.json", &book.to_string());
    world.run();
    assert!(world.next(owner).await.starts_with("A sender asks for access."));
    let (line, age) = depth(&world, "0").await;
    assert_eq!((line.trim_end().ends_with(" 0"), age.as_str()), (true, "0.000"), "{line}");
    world.stop();
}
