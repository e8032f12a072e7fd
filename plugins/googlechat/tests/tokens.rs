//! The table of tokens, for each of the four kinds that Google proves itself with: what is taken, and what is not.
#![allow(clippy::expect_used, clippy::panic, reason = "a failed set-up fails the test")]

mod fake;

use fake::{FakeGoogle, Kind, claims, direct};
use openclaw_plugin_sdk::{
    contract::Bench,
    testing::issuer::{Issuer, unsigned},
};
use ring::hmac;
use serde_json::{Value, json};

/// The key that tokens of a kind are signed with.
fn kid(kind: Kind) -> &'static str {
    if kind == Kind::Number { "chat" } else { "google" }
}

/// Claims with this one in place of the other, or without it.
fn with(kind: Kind, key: &str, value: Value) -> Value {
    let mut says = claims(kind);
    if value.is_null() {
        says.as_object_mut().expect("claims").remove(key);
    } else {
        says[key] = value;
    }
    says
}

/// A token by HMAC whose secret is the public key.
fn by_public_key(kind: Kind) -> String {
    let signed = unsigned(&json!({ "alg": "HS256", "kid": kid(kind) }), &claims(kind));
    let modulus = Issuer::default().jwk(kid(kind))["n"].as_str().expect("a number").to_owned();
    let key = hmac::Key::new(hmac::HMAC_SHA256, modulus.as_bytes());
    let tag = hmac::sign(&key, signed.as_bytes());
    let tag = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, tag);
    format!("{signed}.{tag}")
}

/// What a token is, the token, and whether it is taken.
fn table(kind: Kind) -> Vec<(&'static str, String, bool)> {
    let (issuer, key_id) = (Issuer::default(), kid(kind));
    let now = claims(kind)["iat"].as_u64().expect("a time") + 5;
    let signed = |says: Value| issuer.token(key_id, &says);
    let at = |key: &str, second: u64| signed(with(kind, key, json!(second)));
    let good = signed(claims(kind));
    let tampered = format!("{}AAAA", &good[..good.len() - 4]);
    let unsigned = unsigned(&json!({ "alg": "none", "kid": key_id }), &claims(kind)) + ".";
    let other_kind = if kind == Kind::Number { Kind::Url } else { Kind::Number };
    let aud = claims(kind)["aud"].as_str().expect("a text").to_owned();
    let mut table = vec![
        ("good", good, true),
        ("expired 4 minutes ago", at("exp", now - 240), true),
        ("expired 6 minutes ago", at("exp", now - 360), false),
        ("valid in 6 minutes", at("nbf", now + 360), false),
        ("issued in 6 minutes", at("iat", now + 360), false),
        ("without a moment of issue", signed(with(kind, "iat", Value::Null)), false),
        ("without an end", signed(with(kind, "exp", Value::Null)), false),
        ("for more than a day", at("exp", now + 90_000), false),
        ("another issuer", signed(with(kind, "iss", json!("https://evil.example"))), false),
        ("another audience", signed(with(kind, "aud", json!("other"))), false),
        ("an audience like ours", signed(with(kind, "aud", json!(format!("api://{aud}")))), false),
        ("not signed", unsigned, false),
        ("HMAC by the public key", by_public_key(kind), false),
        ("an unknown key", issuer.token("zz", &claims(kind)), false),
        ("tampered", tampered, false),
        ("of another kind", fake::token(other_kind, &claims(other_kind)), false),
        ("nothing", String::new(), false),
        ("no token", "x.y.z".to_owned(), false),
    ];
    if kind != Kind::Number {
        let stranger = json!("mallory@evil.iam.gserviceaccount.com");
        let project = json!("service-999999999999@gcp-sa-gsuiteaddons.iam.gserviceaccount.com");
        table.extend([
            ("a stranger's own", signed(with(kind, "email", stranger)), false),
            ("another project's add-on", signed(with(kind, "email", project)), false),
            ("an address not verified", signed(with(kind, "email_verified", json!(false))), false),
            (
                "an issuer without https",
                signed(with(kind, "iss", json!("accounts.google.com"))),
                true,
            ),
        ]);
    }
    table
}

#[tokio::test(flavor = "multi_thread")]
async fn case_090_each_kind_of_token_is_judged_as_the_table_says() {
    for kind in [Kind::Number, Kind::Url, Kind::Addon, Kind::Pushed] {
        let google = FakeGoogle::calling_as(kind).await;
        let mut bench = Bench::start(&channel_googlechat::PLUGIN, google).await;
        for (what, token, taken) in table(kind) {
            let event = bench
                .platform
                .with(|state| state.message("ann", &direct("ann"), json!({ "text": what })).1);
            let body = fake::body(kind, event).to_string();
            if taken {
                bench.platform.post(body, Some(token));
                assert_eq!(bench.message().await.text, what, "{kind:?}");
            } else {
                let status = bench.platform.request(&body, Some(&token)).await;
                assert_eq!(status, 401, "{kind:?}: {what}");
            }
        }
    }
}
