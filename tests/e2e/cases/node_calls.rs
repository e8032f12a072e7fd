//! What nodes are asked to do over the gateway's socket, and what they may say: the one that is meant, once, within
//! its rights at that moment.

use serde_json::{Value, json};

use super::{
    node_pairing::{approve, node, paired},
    sockets::{TOKEN, admin, gateway},
};
use crate::wire::{Key, Wire};

/// Calls, lets the node answer, and says what came of it.
pub(crate) async fn asked(by: &mut Wire, of: &mut Wire, key: &Key, command: &str) -> Value {
    let id = by.ask("node.invoke", invoke(key, command, command)).await;
    let request = of.event("node.invoke.request").await;
    assert!(request["seq"].is_null(), "for this node alone: {request}");
    let request = &request["payload"];
    assert_eq!((&request["nodeId"], &request["command"]), (&json!(key.id()), &json!(command)));
    let said = request["paramsJSON"].as_str().unwrap().to_owned();
    let result =
        json!({ "id": request["id"], "nodeId": key.id(), "ok": true, "payloadJSON": said });
    assert_eq!(of.call("node.invoke.result", result).await.unwrap(), json!({ "ok": true }));
    by.answer(&id).await.unwrap()
}

pub(crate) fn invoke(key: &Key, command: &str, repeat: &str) -> Value {
    json!({
        "nodeId": key.id(), "command": command, "params": { "a": [1] }, "timeoutMs": 60_000,
        "idempotencyKey": repeat,
    })
}

async fn operator(port: u16, scopes: &[&str]) -> Wire {
    let mut wire = Wire::open(port).await;
    let params = Wire::params("operator", scopes, json!({ "token": TOKEN }));
    wire.connect(params).await.unwrap();
    wire
}

#[tokio::test]
async fn case_031_a_node_that_declares_more_keeps_what_it_had_and_the_rest_waits() {
    let (_home, gateway) = gateway("");
    let (mut admin, key) = (admin(&gateway).await, Key::new(1));
    let (first, hello) = paired(&gateway, &mut admin, &key, &["device.info"]).await;
    let token = hello["auth"]["deviceToken"].clone();
    drop(first);

    let more = ["device.info", "system.run", "camera.snap"];
    let (mut host, _) = node(&gateway, &key, &more, json!({ "deviceToken": token })).await.unwrap();
    let asks = admin.event("node.pair.requested").await["payload"].clone();
    assert_eq!(
        asks["commands"],
        json!(["device.info", "system.run"]),
        "a dangerous one is not asked"
    );
    assert_eq!((&asks["nodeId"], &asks["isRepair"]), (&json!(key.id()), &json!(true)));
    assert_eq!(host.event("node.pair.requested").await["payload"], asks, "the node hears of it");
    let answer = asked(&mut admin, &mut host, &key, "device.info").await;
    assert_eq!(answer["payload"], json!({ "a": [1] }));
    for (command, reason) in [
        ("system.run", "it waits for approval"),
        ("camera.snap", "the configuration does not permit it"),
        ("sms.send", "the node does not offer it"),
    ] {
        let refused = admin.call("node.invoke", invoke(&key, command, command)).await.unwrap_err();
        assert_eq!(refused["message"], "node command not allowed");
        assert_eq!(refused["details"], json!({ "reason": reason, "command": command }));
    }
    let list = admin.call("node.list", json!({})).await.unwrap();
    let row = &list["nodes"][0];
    assert_eq!(row["commands"], json!(["device.info"]));
    assert_eq!(row["approvalState"], "pending-reapproval");
    assert_eq!(row["pendingRequestId"], asks["requestId"]);
    assert_eq!(row["pendingDeclaredCommands"], asks["commands"]);
    let mut reader = operator(gateway.port, &["operator.read"]).await;
    let seen = reader.call("node.describe", json!({ "nodeId": key.id() })).await.unwrap();
    assert_eq!(seen["pendingDeclaredCommands"], Value::Null, "for those who may decide");

    approve(&mut admin, "node.pair.approve", &asks["requestId"]).await.unwrap();
    let told = host.event("node.pair.resolved").await["payload"].clone();
    assert_eq!((&told["requestId"], &told["decision"]), (&asks["requestId"], &json!("approved")));
    asked(&mut admin, &mut host, &key, "system.run").await;
    let auth = json!({ "deviceToken": token });
    node(&gateway, &key, &more, auth).await.expect("its token is good as before");
}

#[tokio::test]
async fn case_064_a_node_answers_what_it_was_asked_and_drives_nobody() {
    let (home, gateway) = gateway("");
    let (mut admin, one, other) = (admin(&gateway).await, Key::new(2), Key::new(3));
    let (mut host, _) = paired(&gateway, &mut admin, &one, &["device.info"]).await;
    let (mut liar, _) = paired(&gateway, &mut admin, &other, &["device.info"]).await;
    let call = admin.ask("node.invoke", invoke(&one, "device.info", "k")).await;
    let request = host.event("node.invoke.request").await["payload"].clone();
    let result = |node: &Key, id: &Value, said: &str| json!({ "id": id, "nodeId": node.id(), "ok": true, "payload": said });
    let forged = liar.call("node.invoke.result", result(&one, &request["id"], "lie")).await;
    assert_eq!(forged.unwrap_err()["message"], "nodeId mismatch");
    let foreign = liar.call("node.invoke.result", result(&other, &request["id"], "lie")).await;
    assert_eq!(foreign.unwrap(), json!({ "ok": true, "ignored": true }));
    let unasked = host.call("node.invoke.result", result(&one, &json!("nothing"), "lie")).await;
    assert_eq!(unasked.unwrap(), json!({ "ok": true, "ignored": true }));
    host.call("node.invoke.result", result(&one, &request["id"], "truth")).await.unwrap();
    assert_eq!(admin.answer(&call).await.unwrap()["payload"], "truth");
    let twice = host.call("node.invoke.result", result(&one, &request["id"], "more")).await;
    assert_eq!(twice.unwrap()["ignored"], true);
    home.logs("a node answers what it was not asked").await;

    let driven = [
        ("agent.request", json!({ "message": "said aloud" })),
        ("voice.transcript", json!({ "text": "said aloud" })),
        ("chat", json!({ "state": "final" })),
        ("device.pair.resolved", json!({ "decision": "approved" })),
        ("exec.finished", json!({ "success": true })),
    ];
    for (event, payload) in driven {
        let told = json!({ "event": event, "payloadJSON": payload.to_string() });
        let answer = host.call("node.event", told).await.unwrap();
        let expected =
            json!({ "ok": true, "event": event, "handled": false, "reason": "unsupported_event" });
        assert_eq!(answer, expected);
    }
    let long = format!("\u{1b}[2J{}", "long ".repeat(2_000));
    host.call("node.event", json!({ "event": long, "payload": "said aloud" })).await.unwrap();
    home.logs("a node's word starts nothing").await;
    home.logs("passed over").await;
    let logged = home.logged();
    assert!(!logged.contains("said aloud") && !logged.contains('\u{1b}'), "{logged}");
    assert!(logged.lines().all(|line| line.len() < 1_000), "{logged}");
    let alive = json!({ "event": "node.presence.alive", "payload": { "trigger": "manual" } });
    assert_eq!(host.call("node.event", alive).await.unwrap()["handled"], true);
    let stats =
        json!({ "event": "node.host.stats", "payloadJSON": r#"{"cpuCount":2,"host":"x"}"# });
    assert_eq!(host.call("node.event", stats).await.unwrap()["handled"], true);
    let seen = admin.call("node.describe", json!({ "nodeId": one.id() })).await.unwrap();
    assert_eq!(
        (&seen["lastSeenReason"], &seen["hostStats"]),
        (&json!("manual"), &json!({ "cpuCount": 2 }))
    );
    for event in ["agent.request", "chat", "exec.finished"] {
        assert!(!admin.has_heard(event), "{event}");
    }
    for method in ["chat.send", "node.invoke", "device.pair.approve", "health"] {
        let refused = host.call(method, json!({})).await.unwrap_err();
        assert_eq!(refused["message"], "unauthorized role: node");
    }
}

#[tokio::test]
async fn a_call_is_done_once_and_ends_in_time_with_its_node_and_with_its_rights() {
    let (_home, gateway) = gateway("");
    let (mut admin, key) = (admin(&gateway).await, Key::new(4));
    let nobody = admin.call("node.invoke", invoke(&key, "device.info", "0")).await.unwrap_err();
    assert_eq!(
        (&nobody["code"], &nobody["details"]["code"]),
        (&json!("UNAVAILABLE"), &json!("NOT_CONNECTED"))
    );
    let commands = ["device.info", "device.status"];
    let (mut host, _) = paired(&gateway, &mut admin, &key, &commands).await;

    // The same key joins what runs, and gets the same answer afterwards.
    let first = admin.ask("node.invoke", invoke(&key, "device.info", "0")).await;
    let request = host.event("node.invoke.request").await["payload"].clone();
    let second = admin.ask("node.invoke", invoke(&key, "device.info", "0")).await;
    let error = json!({ "code": "BUSY", "message": "not now" });
    let result = json!({ "id": request["id"], "nodeId": key.id(), "ok": false, "error": error });
    host.call("node.invoke.result", result).await.unwrap();
    for id in [first, second] {
        let refused = admin.answer(&id).await.unwrap_err();
        assert_eq!(
            (&refused["code"], &refused["message"]),
            (&json!("UNAVAILABLE"), &json!("not now"))
        );
        assert_eq!(refused["details"]["nodeError"], error);
    }
    let again = admin.call("node.invoke", invoke(&key, "device.info", "0")).await.unwrap_err();
    assert_eq!(again["details"]["nodeError"]["code"], "BUSY");
    let other = admin.call("node.invoke", invoke(&key, "device.status", "0")).await.unwrap_err();
    assert_eq!(other["code"], "INVALID_REQUEST");

    // Out of time.
    let mut hasty = invoke(&key, "device.info", "1");
    hasty["timeoutMs"] = 1.into();
    let late = admin.call("node.invoke", hasty).await.unwrap_err();
    assert_eq!(late["details"]["code"], "TIMEOUT");
    let request = host.event("node.invoke.request").await["payload"].clone();
    assert_eq!(host.event("node.invoke.cancel").await["payload"]["invokeId"], request["id"]);
    let result = json!({ "id": request["id"], "nodeId": key.id(), "ok": true });
    assert_eq!(host.call("node.invoke.result", result).await.unwrap()["ignored"], true);

    // Progress is heard of what is asked.
    let waits = admin.ask("node.invoke", invoke(&key, "device.info", "2")).await;
    let request = host.event("node.invoke.request").await["payload"].clone();
    let progress = json!({ "invokeId": request["id"], "nodeId": key.id(), "seq": 0, "chunk": "" });
    assert_eq!(host.call("node.invoke.progress", progress).await.unwrap(), json!({ "ok": true }));

    // The right is taken away: the socket goes, and the call with it.
    let params = json!({ "deviceId": key.id(), "role": "node" });
    admin.call("device.token.revoke", params).await.unwrap();
    let ended = admin.answer(&waits).await.unwrap_err();
    assert_eq!(ended["details"]["code"], "NOT_CONNECTED");
    assert_eq!(host.closed().await.0, 4001);
    let gone = admin.call("node.list", json!({})).await.unwrap();
    assert_eq!(gone["nodes"], json!([]));
}

#[tokio::test]
async fn case_016_case_065_deciding_about_devices_calls_no_node_and_acting_runs_no_program() {
    let key = Key::new(5);
    let (_home, gateway) = gateway(&format!("[gateway.nodes]\nshared = [\"{}\"]\n", key.id()));
    let mut admin = admin(&gateway).await;
    let commands = ["device.info", "system.which"];
    let (mut host, _) = paired(&gateway, &mut admin, &key, &commands).await;
    let mut clerk = operator(gateway.port, &["operator.pairing"]).await;
    let refused = clerk.call("node.invoke", invoke(&key, "device.info", "0")).await.unwrap_err();
    assert_eq!(refused["details"]["missingScope"], "operator.write");

    // A device has the rights it was approved for: a call carries no others.
    let mut phone = Wire::open(gateway.port).await;
    let scopes = ["operator.read", "operator.write"];
    let params = Wire::params("operator", &scopes, json!({ "token": TOKEN }));
    let params = phone.signed(&Key::new(6), params);
    phone.connect(params).await.unwrap();
    let refused = phone.call("node.invoke", invoke(&key, "system.which", "1")).await.unwrap_err();
    assert_eq!(refused["details"]["missingScope"], "operator.admin");
    asked(&mut phone, &mut host, &key, "device.info").await;
    asked(&mut admin, &mut host, &key, "system.which").await;
    // Another caller's key is another key: nobody reads what was answered to another.
    let own = phone.call("node.invoke", invoke(&key, "system.which", "system.which")).await;
    assert_eq!(own.unwrap_err()["details"]["missingScope"], "operator.admin");
}

#[tokio::test]
async fn a_node_has_no_more_than_so_much_to_do() {
    let (_home, gateway) = gateway("");
    let (mut admin, key) = (admin(&gateway).await, Key::new(7));
    let (mut host, _) = paired(&gateway, &mut admin, &key, &["device.info"]).await;
    let mut other = operator(gateway.port, &["operator.write"]).await;
    for number in 0..32 {
        for (by, key_of) in [(&mut admin, "a"), (&mut other, "b")] {
            let repeat = format!("{key_of}{number}");
            by.ask("node.invoke", invoke(&key, "device.info", &repeat)).await;
            host.event("node.invoke.request").await;
        }
    }
    let full = other.call("node.invoke", invoke(&key, "device.info", "last")).await.unwrap_err();
    assert_eq!((&full["code"], &full["retryAfterMs"]), (&json!("UNAVAILABLE"), &json!(1_000)));
}

#[tokio::test]
async fn what_nodes_ask_on_arrival_keeps_them_quiet() {
    let (_home, gateway) = gateway("");
    let (mut admin, key) = (admin(&gateway).await, Key::new(8));
    admin.call("voicewake.set", json!({ "triggers": ["oak"] })).await.unwrap();
    let (mut host, _) = paired(&gateway, &mut admin, &key, &["device.info"]).await;
    let waking = host.event("voicewake.changed").await;
    assert_eq!(waking["payload"]["triggers"], json!(["oak"]));
    assert!(waking["seq"].is_null(), "{waking}");
    let routing = host.event("voicewake.routing.changed").await;
    assert_eq!(routing["payload"]["config"]["version"], 1);
    let id = json!(key.id());
    let table = [
        ("node.pending.pull", json!({}), json!({ "nodeId": id, "actions": [] })),
        (
            "node.pending.ack",
            json!({ "ids": ["a"] }),
            json!({ "nodeId": id, "ackedIds": ["a"], "remainingCount": 0 }),
        ),
        (
            "node.pending.drain",
            json!({}),
            json!({ "nodeId": id, "revision": 0, "items": [], "hasMore": false }),
        ),
        ("node.skills.update", json!({ "skills": [] }), json!({ "nodeId": id, "skills": [] })),
        ("node.pluginTools.update", json!({ "tools": [] }), json!({ "nodeId": id, "tools": [] })),
        ("skills.bins", json!({}), json!({ "bins": [] })),
    ];
    for (method, params, answer) in table {
        assert_eq!(host.call(method, params).await.unwrap(), answer, "{method}");
    }
    let unknown = host.call("node.runnerInventory.update", json!({})).await.unwrap_err();
    assert_eq!(unknown["message"], "unknown method: node.runnerInventory.update");
    let surface = host.call("node.pluginSurface.refresh", json!({ "surface": "canvas" })).await;
    let surface = surface.unwrap_err();
    assert_eq!(surface["message"], "canvas plugin surface unavailable");
    assert!(surface["retryable"].is_null(), "it would try for ever: {surface}");
}
