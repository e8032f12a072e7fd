//! Who can reach the port, what it proves to them, and what it does not tell them.

use std::{fs, os::unix::fs::PermissionsExt, process::Output};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use openclaw::network::tls::{Fingerprint, Trust, client};
use reqwest::Client;
use serde_json::Value;

use crate::{
    network::{beside, started},
    process::{Home, texts},
};

const TLS: &str = "[gateway.tls]\nenabled = true\n";

fn pinned(pin: &str) -> Client {
    let tls = client(Trust::Pinned(Fingerprint::parse(pin).unwrap())).unwrap();
    Client::builder().use_preconfigured_tls(tls).no_proxy().build().unwrap()
}

fn at(config: &str) -> Home {
    let home = Home::new();
    home.configure(config);
    home
}

#[tokio::test(flavor = "multi_thread")]
async fn case_052_the_printed_fingerprint_is_the_ports_and_stays_it() {
    let home = at(TLS);
    let mut pins = Vec::new();
    for _ in 0..2 {
        let gateway = home.gateway("trace");
        let pin = gateway.says("TLS:");
        let url = format!("https://127.0.0.1:{}/healthz", gateway.port);
        let health: Value = pinned(&pin).get(&url).send().await.unwrap().json().await.unwrap();
        assert_eq!(health["ok"], true);
        let other = format!("sha256:{}", "0".repeat(64));
        assert!(pinned(&other).get(&url).send().await.is_err());
        assert!(reqwest::get(&url).await.is_err(), "nobody vouches for it");
        let plain = url.replace("https", "http");
        assert!(reqwest::get(&plain).await.is_err(), "there is no way around");
        let called = home.cli(&["gateway", "call", "health"]);
        assert!(called.status.success(), "the command line knows it: {:?}", texts(&called));
        pins.push(pin);
        gateway.stop();
    }
    assert_eq!(pins[0], pins[1]);
    let key = home.state().join("gateway/tls/gateway-key.pem");
    assert_eq!(fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_055_case_056_no_page_of_the_port_gives_a_secret() {
    let home = at("");
    let none = home.cli(&["gateway", "auth-token", "--show"]);
    assert_eq!(none.status.code(), Some(3), "none was made yet");
    let gateway = home.gateway("trace");
    let (said, _) = texts(&home.cli(&["gateway", "auth-token"]));
    let (shown, _) = texts(&home.cli(&["gateway", "auth-token", "--show"]));
    let token = shown.trim();
    assert!(token.len() == 43 && !said.contains(token) && said.contains("gateway-token"), "{said}");
    let (code, _) = texts(&home.cli(&["qr", "--local", "--setup-code-only"]));
    let holds: Value =
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(code.trim()).unwrap()).unwrap();
    let secrets = [token, code.trim(), holds["token"].as_str().unwrap()];
    let root = format!("http://127.0.0.1:{}", gateway.port);
    for path in [
        "/",
        "/chat",
        "/pair/code",
        "/config",
        "/healthz",
        "/.well-known/openclaw?nonce=abcdefghijklmnop",
    ] {
        let body = reqwest::get(format!("{root}{path}")).await.unwrap().text().await.unwrap();
        assert!(secrets.iter().all(|secret| !body.contains(secret)), "{path}");
    }
    let asked = |nonce: &str| reqwest::get(format!("{root}/.well-known/openclaw?nonce={nonce}"));
    let first: Value = asked("abcdefghijklmnop").await.unwrap().json().await.unwrap();
    let second: Value = asked("abcdefghijklmnoq").await.unwrap().json().await.unwrap();
    assert_eq!(
        (&first["gateway"], &first["nonce"]),
        (&second["gateway"], &"abcdefghijklmnop".into())
    );
    assert_ne!(first["signature"], second["signature"]);
    assert_eq!(asked("short").await.unwrap().status(), 400);
    gateway.stop();
    let logged = home.logged();
    assert!(secrets.iter().all(|secret| !logged.contains(secret)), "case_108");
}

#[test]
fn what_cannot_be_served_stops_the_start_with_the_reason() {
    for (config, said) in [
        (
            "gateway = { bind = \"lan\", auth.mode = \"none\" }",
            "`gateway.bind` is `loopback` where `gateway.auth.mode` is `none`",
        ),
        (
            "gateway = { bind = \"custom\", custom_bind_host = \"192.0.2.1\" }",
            "`gateway.custom_bind_host` is 192.0.2.1, which is not an address of this machine",
        ),
        (
            "gateway.tls = { enabled = true, cert_path = \"/no/c.pem\", key_path = \"/no/k.pem\" }",
            "there is no /no/c.pem",
        ),
    ] {
        let done = at(config).cli(&["gateway", "run", "--port", "0"]);
        let (_, error) = texts(&done);
        assert!(done.status.code() == Some(78) && error.contains(said), "{config}: {error}");
    }
}

fn payload(output: &Output) -> (Value, Value) {
    let (out, error) = texts(output);
    let said: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{error}"));
    let code = BASE64_URL_SAFE_NO_PAD.decode(said["setupCode"].as_str().unwrap()).unwrap();
    (said.clone(), serde_json::from_slice(&code).unwrap())
}

#[test]
#[ignore = "needs network namespaces: unshare, nsenter and ip"]
fn case_051_a_code_for_the_network_at_home_is_limited_and_with_tls_it_is_pinned() {
    let home = at("gateway.bind = \"lan\"\ndiscovery.mdns.mode = \"minimal\"\n");
    let gateway = started(&home);
    assert_eq!(gateway.says("Network:"), format!("192.168.77.10:{}", gateway.port));
    let (said, code) = payload(&beside(&home, &gateway, &["qr", "--json", "--full"]));
    assert_eq!(code["url"], format!("ws://192.168.77.10:{}", gateway.port));
    assert_eq!((&said["access"], &said["accessDowngraded"]), (&"limited".into(), &true.into()));
    let (told, _) = texts(&beside(&home, &gateway, &["qr"]));
    assert!(told.contains("is not encrypted") && !told.contains("could not be reached"), "{told}");
    gateway.stop();

    home.configure(&format!("{TLS}[gateway]\nbind = \"tailnet\"\n"));
    let gateway = started(&home);
    assert_eq!(gateway.says("Network:"), format!("100.64.7.7:{}", gateway.port));
    let pin = gateway.says("TLS:");
    let (said, code) = payload(&beside(&home, &gateway, &["qr", "--json", "--full"]));
    assert_eq!(code["url"], format!("wss://100.64.7.7:{}", gateway.port));
    assert_eq!(format!("sha256:{}", code["tlsFingerprint"].as_str().unwrap()), pin);
    assert_eq!(said["access"], "full");
    gateway.stop();

    home.configure("[gateway]\nbind = \"custom\"\ncustom_bind_host = \"192.168.77.10\"\n");
    let gateway = started(&home);
    let listed = beside(&home, &gateway, &["devices", "list"]);
    assert!(listed.status.success(), "it is this machine's command line: {:?}", texts(&listed));
    gateway.stop();

    home.configure("gateway.bind = \"tailnet\"\n");
    let gateway = started(&home);
    let refused = beside(&home, &gateway, &["qr"]);
    let (_, error) = texts(&refused);
    assert!(refused.status.code() == Some(1) && error.contains("only `wss://`"), "{error}");
    gateway.stop();
}
