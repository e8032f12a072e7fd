//! Setup codes for nodes, and the one page that gives a live code: to the client that has its name, once.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::sockets::{TOKEN, admin, gateway};
use crate::wire::{Key, Wire};

async fn made(by: &mut Wire, params: Value) -> Result<Value, Value> {
    by.call("device.pair.setupCode", params).await
}

/// A device comes with a code's token.
async fn comes(port: u16, key: &Key, role: &str, scopes: &[&str], token: &str) -> Value {
    let mut wire = Wire::open(port).await;
    let params = Wire::params(role, scopes, json!({ "bootstrapToken": token }));
    let params = wire.signed(key, params);
    wire.connect(params).await.unwrap_err()
}

#[tokio::test]
async fn case_055_a_join_url_gives_the_code_of_a_node_once_and_is_in_no_log() {
    let (home, gateway) = gateway("");
    let mut admin = admin(&gateway).await;
    let place = format!("127.0.0.1:{}", gateway.port);
    let params = json!({
        "publicUrl": format!("ws://{place}"), "bootstrapProfile": "node", "includeQr": false,
        "joinUrl": true,
    });
    let said = made(&mut admin, params).await.unwrap();
    assert!(said["qrDataUrl"].is_null() && said["access"] == "node", "{said}");
    let url = said["joinUrl"].as_str().unwrap();
    let name = url.strip_prefix(&format!("http://{place}/j/")).unwrap().to_owned();
    assert_eq!(name.len(), 22);
    let http = reqwest::Client::new();
    for method in [reqwest::Method::POST, reqwest::Method::HEAD, reqwest::Method::PUT] {
        let refused = http.request(method, url).send().await.unwrap();
        assert_eq!(refused.status(), 404, "and it is not spent by that");
    }
    let given = http.get(url).send().await.unwrap();
    let header = |name: &str| given.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(given.status(), 200);
    assert_eq!(
        (header("content-type"), header("cache-control")),
        ("application/json".to_owned(), "no-store".to_owned())
    );
    let holds: Value = given.json().await.unwrap();
    let code = BASE64_URL_SAFE_NO_PAD.decode(said["setupCode"].as_str().unwrap()).unwrap();
    assert_eq!(holds, serde_json::from_slice::<Value>(&code).unwrap());
    let again = http.get(url).send().await.unwrap();
    assert_eq!(again.status(), 404);
    assert_eq!(again.json::<Value>().await.unwrap(), json!({ "error": "not_found" }));

    let token = holds["bootstrapToken"].as_str().unwrap();
    let (key, port) = (Key::new(1), gateway.port);
    let refused = comes(port, &key, "operator", &["operator.read"], token).await;
    assert_eq!(refused["details"]["code"], "AUTH_BOOTSTRAP_TOKEN_INVALID", "{refused}");
    let waits = comes(port, &key, "node", &[], token).await;
    assert_eq!(waits["details"]["code"], "PAIRING_REQUIRED", "{waits}");
    let listed = admin.call("device.pair.list", json!({})).await.unwrap();
    let asks = &listed["pending"][0];
    assert_eq!((&asks["roles"], &asks["scopes"]), (&json!(["node"]), &json!([])), "{listed}");
    drop(gateway);
    let logged = home.logged();
    for secret in [name.as_str(), token, TOKEN] {
        assert!(!logged.contains(secret), "case_107");
    }
}

#[tokio::test]
async fn case_055_names_of_join_urls_are_not_guessed() {
    let (_home, gateway) = gateway("");
    let url = format!("http://127.0.0.1:{}/j/AAAAAAAAAAAAAAAAAAAAAA", gateway.port);
    let mut last = reqwest::get(&url).await.unwrap();
    for _ in 0..10 {
        last = reqwest::get(&url).await.unwrap();
    }
    assert_eq!(last.status(), 429);
    let wait: u64 = last.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=300).contains(&wait), "{wait}");
    assert_eq!(last.json::<Value>().await.unwrap(), json!({ "error": "rate_limited" }));
}

#[tokio::test]
async fn case_055_no_join_url_is_for_a_phone_or_an_open_line() {
    let (home, gateway) = gateway("[plugins.device-pair]\nprobe = false\n");
    let mut admin = admin(&gateway).await;
    let before = home.state().join("devices/bootstrap.json").exists();
    let local = format!("ws://127.0.0.1:{}", gateway.port);
    for (profile, url, why) in [
        ("limited", local.as_str(), "joinUrl needs bootstrapProfile"),
        ("full", "wss://gw.example.com", "joinUrl needs bootstrapProfile"),
        ("node", "ws://192.168.1.4:18789", "an address with TLS"),
    ] {
        let params = json!({ "publicUrl": url, "bootstrapProfile": profile, "joinUrl": true });
        let refused = made(&mut admin, params).await.unwrap_err();
        assert!(refused["message"].as_str().unwrap().contains(why), "{refused}");
    }
    assert_eq!(home.state().join("devices/bootstrap.json").exists(), before, "none was made");
    let params = json!({
        "publicUrl": "wss://gw.example.com", "bootstrapProfile": "voice-node", "joinUrl": true,
    });
    let said = made(&mut admin, params).await.unwrap();
    assert!(said["joinUrl"].as_str().unwrap().starts_with("https://gw.example.com/j/"), "{said}");
    assert!(said["qrDataUrl"].is_string(), "the picture is there unless it is left out: {said}");
}

#[tokio::test]
async fn a_code_for_a_node_that_one_speaks_with_reads_and_talks() {
    let (_home, gateway) = gateway("");
    let mut admin = admin(&gateway).await;
    let local = format!("ws://127.0.0.1:{}", gateway.port);
    let params = json!({ "publicUrl": local, "bootstrapProfile": "voice-node" });
    let said = made(&mut admin, params).await.unwrap();
    let code = BASE64_URL_SAFE_NO_PAD.decode(said["setupCode"].as_str().unwrap()).unwrap();
    let holds: Value = serde_json::from_slice(&code).unwrap();
    let token = holds["bootstrapToken"].as_str().unwrap();
    comes(gateway.port, &Key::new(1), "node", &[], token).await;
    let listed = admin.call("device.pair.list", json!({})).await.unwrap();
    let asks = &listed["pending"][0];
    assert_eq!(asks["roles"], json!(["node", "operator"]));
    assert_eq!(asks["scopes"], json!(["operator.read", "operator.talk"]));
}
