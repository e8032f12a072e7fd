//! Tokens of an issuer of our own, with the keys that it publishes on a port of this machine.

use axum::{Router, http::Uri};
use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::testing::{
    Server, Shared, answer,
    issuer::{CERTIFICATE, Issuer, unsigned},
};

const NOW: u64 = 1_800_000_000;
const ISSUER: &str = "https://issuer.example";
const EXPECTED: Expected<'_> =
    Expected { issuers: &[ISSUER], audience: "app", endorsed: Some("chat") };

/// Signed with a key of 1024 bits, whose modulus is `WEAK`.
const WEAKLY_SIGNED: &str = "eyJhbGciOiAiUlMyNTYiLCAia2lkIjogIndlYWsifQ.eyJpc3MiOiAiaHR0cHM6Ly9pc3N1ZXIuZXhhbXBsZSIsICJhdWQiOiAiYXBwIiwgImV4cCI6IDE4MDAwMDM2MDB9.cxID1qiju6RwA85gVAQZpabkchKr0CHcO0mUISa1pLCh4R6TymEhditXYJfWwT3qKioGfM5xZXefl005vHsVd7l5iG2o8hoNFgPNtWMrOQDRDTMYy8wJLrzMuAhDdvdQ_lJEXxaMhv8FXTSvUJeNO5w8ZmSWHw0pYIBwG_JlVuA";
const WEAK: &str = "n7VZZybqra4xE4wbUurEHV6RNdSNsoMVe4lysd_2btzTVBAgENIleA4TA74n0jj_cdAnIuzY9Za30b55I4tbS3n84CDoXlNIo7HsYHYrU2dN1Tj1OZj9jWYz8o_GE2S6BoGg11qyE3CLPAP_mJag4dZQfrQ17iUAkosZ_8ugk70";

#[derive(Debug, Deserialize, PartialEq, Eq)]
struct Claims {
    iss: String,
}

/// What the place of the keys answers.
struct Place {
    body: Value,
    status: u16,
    asked: usize,
}

async fn place(body: Value) -> (Server, Shared<Place>, Url) {
    let shared = Shared::new(Place { body, status: 200, asked: 0 });
    let answering = shared.clone();
    let server = Server::start(move |address| {
        Router::new().fallback(move |uri: Uri| async move {
            if uri.path() == "/metadata" {
                return answer(200, json!({ "jwks_uri": format!("http://{address}/keys") }));
            }
            answering.change(|place| {
                place.asked += 1;
                answer(place.status, place.body.clone())
            })
        })
    })
    .await;
    let url = Url::parse(&format!("http://{}/keys", server.address)).unwrap();
    (server, shared, url)
}

fn set() -> Value {
    let issuer = Issuer::default();
    let key = |kid: &str, endorsements: Value| {
        let mut key = issuer.jwk(kid);
        key["endorsements"] = endorsements;
        key
    };
    let weak =
        json!({ "kty": "RSA", "kid": "weak", "n": WEAK, "e": "AQAB", "endorsements": ["chat"] });
    json!({ "keys": [
        key("k1", json!(["chat", "web"])),
        key("web", json!(["web"])),
        issuer.jwk("plain"),
        weak,
        { "kty": "EC", "kid": "ec" },
    ] })
}

fn claims(more: &[(&str, Value)]) -> Value {
    let mut claims = json!({ "iss": ISSUER, "aud": "app", "nbf": NOW - 10, "exp": NOW + 3600 });
    for (key, value) in more {
        claims[*key] = value.clone();
    }
    claims
}

fn now() -> UnixMs {
    UnixMs(NOW * 1000)
}

async fn judged(keys: &Keys, token: &str) -> Result<Claims, Refused> {
    keys.verify(token, &EXPECTED, now()).await
}

#[tokio::test]
async fn case_090_each_kind_of_token_is_judged_as_the_table_says() {
    let (_server, _, url) = place(set()).await;
    let (keys, issuer) = (Keys::at(url), Issuer::default());
    let with = |more: &[(&str, Value)]| issuer.token("k1", &claims(more));
    let mut no_exp = claims(&[]);
    no_exp.as_object_mut().unwrap().remove("exp");
    let header = |alg: &str| json!({ "alg": alg, "kid": "k1" });
    let by_public_key = {
        let signed = unsigned(&header("HS256"), &claims(&[]));
        let secret = issuer.jwk("k1")["n"].as_str().unwrap().to_owned();
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
        let tag = ring::hmac::sign(&key, signed.as_bytes());
        format!("{signed}.{}", BASE64URL_NOPAD.encode(tag.as_ref()))
    };
    let good = with(&[]);
    let tampered = format!("{}AAAA", &good[..good.len() - 4]);
    let other_claims = {
        let signature = good.rsplit_once('.').unwrap().1;
        format!("{}.{signature}", unsigned(&header("RS256"), &claims(&[("sub", json!("ann"))])))
    };
    let critical = json!({ "alg": "RS256", "kid": "k1", "crit": ["b64"] });
    for (what, token, taken) in [
        ("good", good.clone(), true),
        ("late by 4 minutes", with(&[("exp", json!(NOW - 240))]), true),
        ("late by 6 minutes", with(&[("exp", json!(NOW - 360))]), false),
        ("no end", issuer.token("k1", &no_exp), false),
        ("an end that is a text", with(&[("exp", json!("4102444800"))]), false),
        ("a life of two days", with(&[("exp", json!(NOW + 172_800))]), false),
        ("early by 6 minutes", with(&[("nbf", json!(NOW + 360))]), false),
        ("issued in 6 minutes", with(&[("iat", json!(NOW + 360))]), false),
        ("another issuer", with(&[("iss", json!("https://evil.example"))]), false),
        ("another audience", with(&[("aud", json!("other"))]), false),
        ("api://", with(&[("aud", json!("api://app"))]), false),
        ("api://botid-", with(&[("aud", json!("api://botid-app"))]), false),
        ("two audiences", with(&[("aud", json!(["app", "other"]))]), false),
        ("none", unsigned(&header("none"), &claims(&[])) + ".", false),
        ("HS256 with the public key", by_public_key, false),
        ("another algorithm", issuer.sign(&header("RS384"), &claims(&[])), false),
        ("crit", issuer.sign(&critical, &claims(&[])), false),
        ("no kid", issuer.sign(&json!({ "alg": "RS256" }), &claims(&[])), false),
        ("an unknown kid", issuer.token("zz", &claims(&[])), false),
        ("a key of another kind", issuer.token("ec", &claims(&[])), false),
        ("a key for something else", issuer.token("web", &claims(&[])), false),
        ("a key without endorsements", issuer.token("plain", &claims(&[])), false),
        ("tampered", tampered, false),
        ("the signature of another", other_claims, false),
        ("nothing", String::new(), false),
        ("two parts", "e30.e30".to_owned(), false),
        ("four parts", format!("{good}.e30"), false),
        ("no JSON", "e30.bm8.AAAA".to_owned(), false),
        ("too long", with(&[("x", json!("x".repeat(LONGEST_PART)))]), false),
    ] {
        let judged = judged(&keys, &token).await;
        assert_eq!(judged.is_ok(), taken, "{what}: {judged:?}");
        let status = judged.err().map_or(200, |refused| refused.status().as_u16());
        assert_eq!(status, if taken { 200 } else { 401 }, "{what}");
    }
    assert_eq!(judged(&keys, &good).await, Ok(Claims { iss: ISSUER.to_owned() }));
}

#[tokio::test]
async fn a_weak_key_signs_nothing() {
    let (_server, _, url) = place(set()).await;
    let refused = judged(&Keys::at(url), WEAKLY_SIGNED).await.unwrap_err();
    assert_eq!(refused, Refused::Token("is not signed with its key"));
}

#[tokio::test]
async fn certificates_and_metadata_lead_to_keys_too() {
    let anywhere = Expected { endorsed: None, ..EXPECTED };
    let (_server, _, url) = place(json!({ "k1": CERTIFICATE, "k2": "no certificate" })).await;
    let (keys, issuer) = (Keys::at(url), Issuer::default());
    let by = |kid| issuer.token(kid, &claims(&[]));
    let taken: Result<Claims, _> = keys.verify(&by("k1"), &anywhere, now()).await;
    assert!(taken.is_ok(), "{taken:?}");
    for token in [by("k2"), by("k1").replace(".ey", ".eyJ9")] {
        let refused: Result<Claims, _> = keys.verify(&token, &anywhere, now()).await;
        assert!(matches!(refused, Err(Refused::Token(_))), "{refused:?}");
    }
    assert!(judged(&keys, &by("k1")).await.is_err(), "a certificate is endorsed for nothing");

    let (_server, set_place, set_url) = place(set()).await;
    let named = Keys::at(set_url.join("/metadata").unwrap());
    assert!(judged(&named, &by("k1")).await.is_ok());
    assert_eq!(set_place.lock().asked, 1);
    let metadata = json!({ "issuer": ISSUER, "jwks_uri": set_url.as_str() });
    let (_metadata, _, url) = place(metadata).await;
    let elsewhere = judged(&Keys::at(url), &by("k1")).await.unwrap_err();
    assert!(matches!(elsewhere, Refused::NoKeys(_)), "{elsewhere}");
    assert_eq!(set_place.lock().asked, 1, "another port is another place");
}

#[tokio::test]
async fn what_is_cheap_to_see_asks_for_no_keys() {
    let (_server, place, url) = place(set()).await;
    let (keys, issuer) = (Keys::at(url), Issuer::default());
    let expired = issuer.token("k1", &claims(&[("exp", json!(NOW - 3600))]));
    let other = issuer.token("k1", &claims(&[("aud", json!("other"))]));
    for token in [expired.as_str(), &other, "", "x.y.z"] {
        assert!(judged(&keys, token).await.is_err());
    }
    assert_eq!(place.lock().asked, 0);
    for _ in 0..3 {
        assert!(judged(&keys, &issuer.token("k1", &claims(&[]))).await.is_ok());
    }
    assert_eq!(place.lock().asked, 1, "they are kept");
}

#[tokio::test]
async fn case_104_unknown_keys_are_asked_for_once_a_minute() {
    let (_server, place, url) = place(set()).await;
    let (keys, issuer) = (Keys::at(url), Issuer::default());
    assert!(judged(&keys, &issuer.token("k1", &claims(&[]))).await.is_ok());
    let new = issuer.token("new", &claims(&[]));
    for _ in 0..5 {
        assert!(matches!(judged(&keys, &new).await, Err(Refused::Token(_))));
    }
    assert_eq!(place.lock().asked, 1);
    place.change(|place| {
        let mut key = issuer.jwk("new");
        key["endorsements"] = json!(["chat"]);
        place.body = json!({ "keys": [key] });
    });
    later(PAUSE).await;
    assert!(judged(&keys, &new).await.is_ok());
    assert_eq!(place.lock().asked, 2);
    let gone = judged(&keys, &issuer.token("k1", &claims(&[]))).await;
    assert!(matches!(gone, Err(Refused::Token(_))), "a key that was taken away is over");
}

#[tokio::test]
async fn keys_that_cannot_be_fetched_are_no_fault_of_the_token() {
    let (_server, place, url) = place(json!({ "keys": [] })).await;
    let (keys, issuer) = (Keys::at(url), Issuer::default());
    let token = issuer.token("k1", &claims(&[]));
    for (status, body) in [(200, json!({ "keys": [] })), (500, Value::Null), (200, json!("x"))] {
        place.change(|place| (place.status, place.body) = (status, body));
        let refused = judged(&keys, &token).await.unwrap_err();
        assert!(matches!(refused, Refused::NoKeys(_)), "{refused}");
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        later(PAUSE_WITHOUT_KEYS).await;
    }
    assert_eq!(place.lock().asked, 3);
    place.change(|place| (place.status, place.body) = (200, set()));
    assert!(judged(&keys, &token).await.is_ok());
    // Old ones stay in use for a while.
    place.change(|place| place.status = 500);
    later(SHORTEST_USE).await;
    assert!(judged(&keys, &token).await.is_ok());
    assert_eq!(place.lock().asked, 5);
    let new = judged(&keys, &issuer.token("new", &claims(&[]))).await;
    assert!(matches!(new, Err(Refused::NoKeys(_))), "it may be one of those that are not known");
    later(STALE).await;
    assert!(matches!(judged(&keys, &token).await, Err(Refused::NoKeys(_))));
}

#[test]
fn keys_are_used_for_as_long_as_their_place_says() {
    let used = |said: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("cache-control", said.parse().unwrap());
        use_for(&headers).as_secs()
    };
    assert_eq!(used("public, max-age=20000, must-revalidate"), 20_000);
    assert_eq!((used("max-age=0"), used("no-store"), used("max-age=999999")), (3600, 3600, 86_400));
}

#[test]
fn a_token_stands_behind_its_scheme() {
    let bearer = |value: &str| {
        let request = Request::builder().header("authorization", value).body(()).unwrap();
        super::bearer(&request).map(str::to_owned)
    };
    assert_eq!(bearer("Bearer abc").as_deref(), Some("abc"));
    assert_eq!(bearer("bearer  abc").as_deref(), Some("abc"));
    assert_eq!((bearer("Basic abc"), bearer("Bearer")), (None, None));
}

/// The time is over without a wait; nothing is under way meanwhile.
async fn later(span: Duration) {
    tokio::time::pause();
    tokio::time::advance(span + Duration::from_secs(1)).await;
    tokio::time::resume();
}
