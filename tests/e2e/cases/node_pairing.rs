//! Who lets nodes in, through whichever of the methods, and the legacy node store.

use serde_json::{Value, json};

use super::sockets::{TOKEN, admin, gateway};
use crate::{
    process::Gateway,
    wire::{Key, Wire},
};

/// A node comes with these commands.
pub(crate) async fn node(
    gateway: &Gateway,
    key: &Key,
    commands: &[&str],
    auth: Value,
) -> Result<(Wire, Value), Value> {
    let mut wire = Wire::open(gateway.port).await;
    let mut params = Wire::params("node", &[], auth);
    params["client"]["displayName"] = "Cellar".into();
    (params["commands"], params["caps"]) = (json!(commands), json!(["device"]));
    let params = wire.signed(key, params);
    let hello = wire.connect(params).await?;
    Ok((wire, hello))
}

/// A node comes, is approved, and comes again.
pub(crate) async fn paired(
    gateway: &Gateway,
    admin: &mut Wire,
    key: &Key,
    commands: &[&str],
) -> (Wire, Value) {
    let shared = || json!({ "token": TOKEN });
    let Err(waits) = node(gateway, key, commands, shared()).await else { panic!("not yet") };
    approve(admin, "node.pair.approve", &waits["details"]["requestId"]).await.unwrap();
    for event in ["node.pair.requested", "node.pair.resolved"] {
        assert_eq!(admin.event(event).await["payload"]["nodeId"], key.id());
    }
    node(gateway, key, commands, shared()).await.unwrap()
}

pub(crate) async fn approve(by: &mut Wire, method: &str, request: &Value) -> Result<Value, Value> {
    by.call(method, json!({ "requestId": request })).await
}

async fn operator(gateway: &Gateway, scopes: &[&str]) -> Wire {
    let mut wire = Wire::open(gateway.port).await;
    let params = Wire::params("operator", scopes, json!({ "token": TOKEN }));
    wire.connect(params).await.unwrap();
    wire
}

/// A device that was let in by the shared token, and comes with its own.
pub(crate) async fn device(gateway: &Gateway, scopes: &[&str], key: &Key) -> Wire {
    let mut auth = json!({ "token": TOKEN });
    for _ in 0..2 {
        let mut wire = Wire::open(gateway.port).await;
        let params = wire.signed(key, Wire::params("operator", scopes, auth));
        let hello = wire.connect(params).await.unwrap();
        if hello["auth"]["method"] == "device-token" {
            return wire;
        }
        auth = json!({ "deviceToken": hello["auth"]["deviceToken"] });
    }
    panic!("the device's own token is not taken");
}

#[tokio::test]
async fn case_002_case_003_case_004_a_node_is_an_admins_to_let_in_by_any_method() {
    let (home, gateway) = gateway("");
    let mut admin = admin(&gateway).await;
    let mut clerk = operator(&gateway, &["operator.pairing", "operator.write"]).await;
    let mut phone = device(&gateway, &["operator.pairing"], &Key::new(9)).await;
    let mut reader = operator(&gateway, &["operator.read"]).await;
    let requests = [
        (Key::new(1), "device.pair.approve", vec![]),
        (Key::new(2), "node.pair.approve", vec!["device.info"]),
        (Key::new(3), "node.pair.approve", vec!["system.run"]),
    ];
    for (key, method, commands) in &requests {
        let shared = json!({ "token": TOKEN });
        let Err(waits) = node(&gateway, key, commands, shared.clone()).await else { panic!() };
        let id = &waits["details"]["requestId"];
        let listed = clerk.call("node.pair.list", json!({})).await.unwrap();
        let row = listed["pending"].as_array().unwrap().iter().find(|row| row["requestId"] == *id);
        let needed = row.unwrap()["requiredApproveScopes"].clone();
        assert!(needed.as_array().unwrap().contains(&json!("operator.admin")), "{needed}");
        for by in [&mut clerk, &mut phone] {
            let denied = approve(by, method, id).await.unwrap_err();
            assert_eq!(denied["message"], "device pairing approval denied", "{method}");
        }
        let denied = approve(&mut reader, method, id).await.unwrap_err();
        assert_eq!(denied["details"]["missingScope"], "operator.pairing");
        assert!(!home.read("devices/paired.json").contains(&key.id()), "nothing was changed");
        approve(&mut admin, method, id).await.unwrap();
        let (mut host, _) = node(&gateway, key, commands, shared).await.unwrap();
        let own = approve(&mut host, method, id).await.unwrap_err();
        assert_eq!(own["message"], "unauthorized role: node");
    }
    let mine = phone.call("node.pair.list", json!({})).await.unwrap();
    assert_eq!(mine, json!({ "pending": [], "paired": [] }), "a device sees itself alone");
    let listed = admin.call("node.pair.list", json!({})).await.unwrap();
    assert_eq!(listed["paired"].as_array().unwrap().len(), requests.len());
}

#[tokio::test]
async fn case_004_the_legacy_store_keeps_a_digest_and_follows_the_same_table() {
    let (home, gateway) = gateway("");
    let mut admin = admin(&gateway).await;
    let mut clerk = operator(&gateway, &["operator.pairing"]).await;
    let asks = json!({
        "nodeId": "cellar", "displayName": "Cellar", "platform": "linux", "caps": ["system"],
        "commands": ["system.run"], "remoteIp": "203.0.113.9", "silent": true,
    });
    let asked = clerk.call("node.pair.request", asks.clone()).await.unwrap();
    assert_eq!((&asked["status"], &asked["created"]), (&json!("pending"), &json!(true)));
    assert_eq!(asked["request"]["remoteIp"], "127.0.0.1", "what the socket says");
    assert_eq!(asked["request"]["silent"], false);
    let id = asked["request"]["requestId"].clone();
    assert_eq!(admin.event("node.pair.requested").await["payload"], asked["request"]);
    let again = clerk.call("node.pair.request", asks.clone()).await.unwrap();
    assert_eq!((&again["created"], &again["request"]), (&json!(false), &asked["request"]));
    let listed = clerk.call("node.pair.list", json!({})).await.unwrap();
    assert_eq!(listed["pending"], json!([asked["request"]]));
    let denied = approve(&mut clerk, "node.pair.approve", &id).await.unwrap_err();
    assert_eq!(denied["message"], "device pairing approval denied");

    let done = approve(&mut admin, "node.pair.approve", &id).await.unwrap();
    let token = done["node"]["token"].as_str().unwrap().to_owned();
    let told = clerk.event("node.pair.resolved").await["payload"].clone();
    assert_eq!((&told["nodeId"], &told["decision"]), (&json!("cellar"), &json!("approved")));
    let verify = |token: &str| json!({ "nodeId": "cellar", "token": token });
    let good = clerk.call("node.pair.verify", verify(&token)).await.unwrap();
    assert_eq!((&good["ok"], &good["node"]["nodeId"]), (&json!(true), &json!("cellar")));
    for bad in ["", "cellar", &token[1..]] {
        assert_eq!(
            clerk.call("node.pair.verify", verify(bad)).await.unwrap(),
            json!({ "ok": false })
        );
    }
    let listed = admin.call("node.pair.list", json!({})).await.unwrap();
    assert!(listed["paired"][0]["token"].is_null(), "it is shown once: {listed}");
    for place in [home.read("nodes/paired.json"), home.read("nodes/pending.json"), home.logged()] {
        assert!(!place.contains(&token), "case_107");
    }
    let nodes = admin.call("node.list", json!({})).await.unwrap();
    assert_eq!(
        (&nodes["nodes"][0]["paired"], &nodes["nodes"][0]["connected"]),
        (&json!(true), &json!(false))
    );

    let rename = json!({ "nodeId": "cellar", "displayName": " Loft " });
    let renamed = clerk.call("node.rename", rename).await.unwrap();
    assert_eq!(renamed, json!({ "nodeId": "cellar", "displayName": "Loft" }));
    let nameless = clerk.call("node.rename", json!({ "nodeId": "cellar" })).await.unwrap_err();
    assert_eq!(nameless["message"], "displayName required");
    let row = admin.call("node.describe", json!({ "nodeId": "cellar" })).await.unwrap();
    assert_eq!(row["displayName"], "Loft");
    clerk.call("node.pair.remove", json!({ "nodeId": "cellar" })).await.unwrap();
    let gone = clerk.call("node.pair.remove", json!({ "nodeId": "cellar" })).await.unwrap_err();
    assert_eq!(gone["message"], "unknown nodeId");
    assert_eq!(clerk.call("node.pair.verify", verify(&token)).await.unwrap()["ok"], false);

    // Turned away.
    let asked = clerk.call("node.pair.request", asks).await.unwrap();
    let id = asked["request"]["requestId"].clone();
    let rejected = approve(&mut clerk, "node.pair.reject", &id).await.unwrap();
    assert_eq!(rejected, json!({ "requestId": id, "nodeId": "cellar" }));
    let over = approve(&mut admin, "node.pair.approve", &id).await.unwrap_err();
    assert_eq!(over["message"], "unknown requestId");
}

#[tokio::test]
async fn a_node_that_is_removed_goes_at_once_and_one_that_is_renamed_stays() {
    let (home, gateway) = gateway("");
    let (mut admin, key) = (admin(&gateway).await, Key::new(4));
    let (mut host, hello) = paired(&gateway, &mut admin, &key, &["device.info"]).await;
    let rename = json!({ "nodeId": key.id(), "displayName": "Loft" });
    admin.call("node.rename", rename).await.unwrap();
    let list = admin.call("node.list", json!({})).await.unwrap();
    let row = &list["nodes"][0];
    assert_eq!((&row["displayName"], &row["connected"]), (&json!("Loft"), &json!(true)));
    assert_eq!(
        (&row["approvalState"], &row["clientId"]),
        (&json!("approved"), &json!("node-host"))
    );
    assert_eq!(row["caps"], json!(["device"]));

    admin.call("node.pair.remove", json!({ "nodeId": key.id() })).await.unwrap();
    assert_eq!(admin.event("node.pair.resolved").await["payload"]["decision"], "removed");
    assert_eq!(host.closed().await.0, 4001);
    let auth = json!({ "deviceToken": hello["auth"]["deviceToken"] });
    assert!(node(&gateway, &key, &[], auth).await.is_err());
    assert!(!home.read("devices/paired.json").contains(&key.id()));
}
