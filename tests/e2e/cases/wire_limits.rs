//! Wrong secrets over the socket: counted by address and kind, whatever is shown at once, and never against the owner.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::sockets::{TOKEN, gateway};
use crate::wire::{Key, Wire};

const PROXIED: &str = "trusted_proxies = [\"127.0.0.2\"]\nlimits = { per_address = 256 }\n";
const READ: [&str; 1] = ["operator.read"];

/// The shared token, behind a proxy that is trusted.
fn behind_a_proxy() -> (crate::process::Home, crate::process::Gateway) {
    let home = crate::process::Home::new();
    home.configure(&format!("[gateway]\n{PROXIED}auth = {{ token = \"{TOKEN}\" }}\n"));
    let gateway = home.gateway("info");
    (home, gateway)
}

/// `error.details.code` of a connect from such an address.
async fn refused(port: u16, from: &str, key: Option<&Key>, auth: Value) -> String {
    let mut wire = Wire::open_with(port, &[("x-forwarded-for", from)]).await;
    let params = Wire::params("operator", &READ, auth);
    let params = match key {
        Some(key) => wire.signed(key, params),
        None => params,
    };
    match wire.connect(params).await {
        Ok(_) => "let in".to_owned(),
        Err(error) => error["details"]["code"].as_str().unwrap_or_default().to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_097_of_a_hundred_wrong_secrets_at_once_ten_of_a_kind_are_looked_at() {
    let (_home, gateway) = behind_a_proxy();
    let key = Key::new(1);
    let kinds = ["token", "deviceToken", "bootstrapToken"];
    let tries = (0..102).map(async |number| {
        let kind = kinds[number % 3];
        let auth = json!({ kind: format!("wrong-{number}") });
        let key = (kind != "token").then_some(&key);
        (kind, refused(gateway.port, "203.0.113.9", key, auth).await)
    });
    let told = join_all(tries).await;
    for kind in kinds {
        let of_kind: Vec<_> = told.iter().filter(|(of, _)| *of == kind).collect();
        let limited = of_kind.iter().filter(|(_, code)| code == "AUTH_RATE_LIMITED").count();
        assert_eq!((of_kind.len(), limited), (34, 24), "{kind}: {of_kind:?}");
    }
}

#[tokio::test]
async fn case_098_wrong_secrets_of_one_lock_out_no_other_and_what_is_harmless_counts_for_nothing() {
    let (home, gateway) = behind_a_proxy();
    let right = || json!({ "token": TOKEN });
    let key = Key::new(2);
    for round in 0..30 {
        // Nobody has shown a wrong secret: no secret, a pairing that waits, no connect at all.
        let code = refused(gateway.port, "203.0.113.9", None, json!({})).await;
        assert_eq!(code, "DEVICE_IDENTITY_REQUIRED", "{round}");
        let code = refused(gateway.port, "203.0.113.9", Some(&key), right()).await;
        assert_eq!(code, "PAIRING_REQUIRED", "{round}");
        let mut wire = Wire::open_with(gateway.port, &[("x-forwarded-for", "203.0.113.9")]).await;
        wire.say("hello").await;
        assert_eq!(wire.closed().await.0, 1008);
    }
    assert_eq!(refused(gateway.port, "203.0.113.9", None, right()).await, "let in");
    for round in 0..12 {
        let code = refused(gateway.port, "203.0.113.9", None, json!({ "token": "wrong" })).await;
        let expected = if round < 10 { "AUTH_TOKEN_MISMATCH" } else { "AUTH_RATE_LIMITED" };
        assert_eq!(code, expected, "{round}");
    }
    // The right one is of no use now, from there; it is from everywhere else.
    assert_eq!(refused(gateway.port, "203.0.113.9", None, right()).await, "AUTH_RATE_LIMITED");
    assert_eq!(refused(gateway.port, "203.0.113.10", None, right()).await, "let in");
    for _ in 0..30 {
        let mut wire = Wire::open(gateway.port).await;
        let wrong = Wire::params("operator", &READ, json!({ "token": "wrong" }));
        let refused = wire.connect(wrong).await.unwrap_err();
        assert_eq!(refused["details"]["code"], "AUTH_TOKEN_MISMATCH");
    }
    let mut owner = Wire::open(gateway.port).await;
    owner.connect(Wire::params("operator", &READ, right())).await.unwrap();
    owner.call("health", json!({})).await.unwrap();
    assert!(!home.logged().contains(TOKEN), "case_107");
}

#[tokio::test]
async fn case_099_another_forwarding_header_is_no_other_address() {
    let (_home, through) = behind_a_proxy();
    let (_other, direct) = gateway("");
    for round in 0..12 {
        // The proxy adds the address that it sees; what stands before it is the client's own word.
        let header = format!("198.51.100.{round}, 203.0.113.9");
        for (port, header) in [(through.port, header), (direct.port, format!("203.0.113.{round}"))]
        {
            let code = refused(port, &header, None, json!({ "token": "wrong" })).await;
            let expected = if round < 10 { "AUTH_TOKEN_MISMATCH" } else { "AUTH_RATE_LIMITED" };
            assert_eq!(code, expected, "{header}");
        }
    }
    let mut owner = Wire::open(direct.port).await;
    let params = Wire::params("operator", &READ, json!({ "token": TOKEN }));
    owner.connect(params).await.unwrap();
}
