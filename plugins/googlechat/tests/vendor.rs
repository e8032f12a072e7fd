//! The tokens of the fake, judged by Google's own library: what the channel takes, an app on that library takes, and the
//! other way round but for what the library leaves to its caller. `OPENCLAW_CLIENTS` names the folder in which `.ci/run`
//! has installed it.
#![allow(clippy::expect_used, clippy::panic, reason = "a failed set-up fails the test")]

mod fake;

use fake::{FakeGoogle, Kind, PROJECT, URL, claims};
use openclaw_plugin_sdk::{contract::Bench, testing::vendor::Vendor};
use serde_json::{Value, json};

/// A token, whether the library takes it, and whether we do.
struct Told {
    kind: Kind,
    says: Value,
    library: bool,
    ours: bool,
}

fn told() -> Vec<Told> {
    let mut all = Vec::new();
    for kind in [Kind::Number, Kind::Url, Kind::Addon, Kind::Pushed] {
        let with = |key: &str, value: Value| {
            let mut says = claims(kind);
            if value.is_null() {
                says.as_object_mut().expect("claims").remove(key);
            } else {
                says[key] = value;
            }
            says
        };
        let at = |key: &str, shift: i64| {
            let now = claims(kind)["iat"].as_i64().expect("a time") + 5;
            with(key, json!(now + shift))
        };
        let mut add = |says, library, ours| all.push(Told { kind, says, library, ours });
        add(claims(kind), true, true);
        add(at("exp", -240), true, true);
        add(at("exp", -360), false, false);
        add(at("exp", 90_000), false, false);
        add(with("exp", Value::Null), false, false);
        add(with("iat", Value::Null), false, false);
        add(with("aud", json!("999")), false, false);
        add(with("iss", json!("https://evil.example")), false, false);
        if kind != Kind::Number {
            add(with("iss", json!("accounts.google.com")), true, true);
            // The library leaves the e-mail to its caller.
            add(with("email", json!("mallory@evil.iam.gserviceaccount.com")), true, false);
            add(with("email_verified", json!(false)), true, false);
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the vendor's library"]
async fn the_vendors_library_judges_our_tokens_as_we_do() {
    let certificates = FakeGoogle::start().await;
    let url = format!("{}/oauth2/v1/certs", certificates.root());
    let all = told();
    let mut arguments = vec![url];
    for one in &all {
        let audience = if one.kind == Kind::Number { PROJECT } else { URL };
        let token = fake::token(one.kind, &one.says);
        arguments.extend([format!("{:?}", one.kind), audience.to_owned(), token]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vendor/judge.mjs");
    let mut judge = Vendor::start(script, &arguments);
    for one in &all {
        let judged = judge.says("judged").await;
        assert_eq!(judged["judged"], format!("{:?}", one.kind));
        assert_eq!(judged.get("refused").is_none(), one.library, "{}: {judged}", one.says);
        let google = FakeGoogle::calling_as(one.kind).await;
        let mut bench = Bench::start(&channel_googlechat::PLUGIN, google).await;
        let (_, event) = bench
            .platform
            .with(|state| state.message("ann", &fake::direct("ann"), json!({ "text": "hello" })));
        let body = fake::body(one.kind, event).to_string();
        let token = bench.platform.token(&one.says);
        if one.ours {
            bench.platform.post(body, Some(token));
            assert_eq!(bench.message().await.text, "hello", "{}", one.says);
        } else {
            assert_eq!(bench.platform.request(&body, Some(&token)).await, 401, "{}", one.says);
        }
    }
}
