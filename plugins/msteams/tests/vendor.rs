//! Tokens of the fake before the verifiers that Microsoft wrote, and before the channel. `OPENCLAW_CLIENTS` names the
//! folder in which `.ci/run` has installed them.
#![expect(clippy::expect_used, reason = "a failed set-up fails the test")]

mod fake;

use data_encoding::BASE64URL_NOPAD;
use fake::{APP, FakeTeams, Token};
use openclaw_plugin_sdk::{
    contract::{Bench, Person},
    testing::{
        issuer::{Issuer, unsigned},
        vendor::Vendor,
    },
};
use serde_json::{Value, json};

fn now() -> u64 {
    openclaw_plugin_sdk::now().0 / 1000
}

fn without(it: &mut Value, claim: &str) {
    it["claims"].as_object_mut().expect("claims").remove(claim);
}

fn service(it: &mut Value, change: fn(&str) -> String) {
    let service = it["claims"]["serviceurl"].as_str().expect("a service").to_owned();
    it["claims"]["serviceurl"] = change(&service).into();
}

/// What a token is like, and whether `botframework-connector`, `@microsoft/teams.apps` and the channel take it.
const TABLE: [(&str, Token, [bool; 3]); 17] = [
    ("good", |_| {}, [true, true, true]),
    ("late by 4 minutes", |it| it["claims"]["exp"] = json!(now() - 240), [true, true, true]),
    ("late by 6 minutes", |it| it["claims"]["exp"] = json!(now() - 360), [false, false, false]),
    ("early by 6 minutes", |it| it["claims"]["nbf"] = json!(now() + 360), [false, false, false]),
    ("issuer", |it| it["claims"]["iss"] = "https://evil.example".into(), [false, false, false]),
    ("audience", |it| it["claims"]["aud"] = "x".into(), [false, false, false]),
    ("api", |it| it["claims"]["aud"] = format!("api://{APP}").into(), [false, true, false]),
    ("botid", |it| it["claims"]["aud"] = format!("api://botid-{APP}").into(), [false, true, false]),
    ("without end", |it| without(it, "exp"), [true, true, false]),
    ("unknown key", |it| it["header"]["kid"] = "zz".into(), [false, false, false]),
    ("endorsed", |it| it["header"]["kid"] = "web".into(), [false, true, false]),
    ("not endorsed", |it| it["header"]["kid"] = "plain".into(), [true, true, false]),
    ("service", |it| service(it, |_| "https://evil.example/".to_owned()), [false, false, false]),
    ("no service", |it| without(it, "serviceurl"), [false, false, false]),
    (
        "no last slash",
        |it| service(it, |url| url.trim_end_matches('/').to_owned()),
        [false, true, true],
    ),
    ("none", |it| it["header"]["alg"] = "none".into(), [false, false, false]),
    ("HS256 with the public key", |it| it["header"]["alg"] = "HS256".into(), [false, false, false]),
];

/// The token of a row. Those of another algorithm are signed as that one wants it.
fn token(service: &str, change: Token) -> String {
    let mut parts = fake::parts(&service.into());
    change(&mut parts);
    let (header, claims) = (&parts["header"], &parts["claims"]);
    let issuer = Issuer::default();
    match header["alg"].as_str() {
        Some("none") => unsigned(header, claims) + ".",
        Some("HS256") => {
            let signed = unsigned(header, claims);
            let public = issuer.jwk("k1")["n"].as_str().expect("a number").to_owned();
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, public.as_bytes());
            let tag = ring::hmac::sign(&key, signed.as_bytes());
            format!("{signed}.{}", BASE64URL_NOPAD.encode(tag.as_ref()))
        }
        _ => issuer.sign(header, claims),
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the vendor's verifiers"]
async fn case_090_what_either_verifier_of_microsoft_refuses_is_refused() {
    let mut bench = Bench::start(&channel_msteams::PLUGIN, FakeTeams::start().await).await;
    bench.meet(Person::Ann, "hello").await;
    let (root, service) = (bench.platform.root(), bench.platform.service());
    let mut rows: Vec<(&str, String, [bool; 3])> = TABLE
        .iter()
        .map(|(name, change, taken)| (*name, token(&service, *change), *taken))
        .collect();
    let good = token(&service, |_| {});
    let tampered = format!("{}AAAA", &good[..good.len() - 4]);
    rows.push(("tampered", tampered, [false; 3]));
    let tokens: Value =
        rows.iter().map(|(name, token, _)| ((*name).to_owned(), json!(token))).collect();
    let metadata = format!("{root}/v1/.well-known/openidconfiguration");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vendor/judges.mjs");
    let mut vendor = Vendor::start(script, &[&metadata, APP, &service, &tokens.to_string()]);
    let judged = vendor.says("judged").await;
    for (name, proof, [connector, apps, ours]) in rows {
        let status = bench
            .platform
            .call(&proof, json!({ "type": "typing", "serviceUrl": service }).to_string())
            .await;
        let said = &judged["judged"][name];
        let all = (said[0].as_bool(), said[1].as_bool(), status);
        assert_eq!(all, (Some(connector), Some(apps), if ours { 200 } else { 401 }), "{name}");
    }
}
