//! The gateway's socket: which clients are let in, with what, and when they have to go.

use serde_json::{Value, json};

use crate::{
    process::{Gateway, Home},
    wire::{Key, Wire},
};

pub(crate) const TOKEN: &str = "shared-token-of-the-test-0123456789";

/// A gateway with a shared token, and whatever else the configuration says.
pub(crate) fn gateway(more: &str) -> (Home, Gateway) {
    let home = Home::new();
    home.configure(&format!("[gateway.auth]\ntoken = \"{TOKEN}\"\n{more}"));
    let gateway = home.gateway("trace");
    (home, gateway)
}

fn shared() -> Value {
    json!({ "token": TOKEN })
}

pub(crate) const ALL: [&str; 3] = ["operator.admin", "operator.pairing", "operator.read"];

/// A command line on this machine with the shared token.
pub(crate) async fn admin(gateway: &Gateway) -> Wire {
    let mut wire = Wire::open(gateway.port).await;
    wire.connect(Wire::params("operator", &ALL, shared())).await.unwrap();
    wire
}

#[tokio::test]
async fn case_058_the_shared_secret_is_worth_its_scopes_on_this_machine_only() {
    let (_home, gateway) = gateway("");
    let mut near = Wire::open(gateway.port).await;
    let hello = near.connect(Wire::params("operator", &ALL, shared())).await.unwrap();
    assert_eq!(hello["protocol"], 4);
    assert_eq!(hello["auth"]["scopes"], json!(ALL));
    assert_eq!(hello["auth"]["method"], "token");
    assert!(hello["auth"]["deviceToken"].is_null());
    near.call("health", json!({})).await.unwrap();

    let mut far = Wire::open_with(gateway.port, &[("x-forwarded-for", "127.0.0.1")]).await;
    let hello = far.connect(Wire::params("operator", &ALL, shared())).await.unwrap();
    assert_eq!(hello["auth"]["scopes"], json!([]), "case_059 case_061");
    let refused = far.call("health", json!({})).await.unwrap_err();
    assert_eq!(
        (&refused["code"], &refused["message"]),
        (&json!("FORBIDDEN"), &json!("missing scope: operator.read"))
    );
    assert_eq!(refused["details"]["missingScope"], "operator.read");
}

#[tokio::test]
async fn a_wrong_secret_is_told_from_none_and_from_a_node_without_a_device() {
    let (home, gateway) = gateway("");
    let table = [
        (
            "operator",
            json!({ "token": "wrong" }),
            "INVALID_REQUEST",
            "AUTH_TOKEN_MISMATCH",
            "unauthorized: gateway token mismatch",
        ),
        (
            "operator",
            json!({}),
            "NOT_PAIRED",
            "DEVICE_IDENTITY_REQUIRED",
            "device identity required",
        ),
        ("node", shared(), "NOT_PAIRED", "DEVICE_IDENTITY_REQUIRED", "device identity required"),
    ];
    for (role, auth, code, details, message) in table {
        let mut wire = Wire::open(gateway.port).await;
        let refused = wire.connect(Wire::params(role, &[], auth)).await.unwrap_err();
        assert_eq!(
            (&refused["code"], &refused["details"]["code"]),
            (&json!(code), &json!(details))
        );
        assert!(refused["message"].as_str().unwrap().starts_with(message), "{refused}");
        let (close, reason) = wire.closed().await;
        assert!(close == 1008 && reason.starts_with(message), "{close} {reason}");
    }
    assert!(!home.logged().contains(TOKEN) && !home.logged().contains("wrong"), "case_107");
}

#[tokio::test]
async fn case_060_a_fresh_local_operator_is_let_in_and_nothing_more_comes_by_itself() {
    let (home, gateway) = gateway("");
    let key = Key::new(1);
    let mut wire = Wire::open(gateway.port).await;
    let params = wire.signed(&key, Wire::params("operator", &["operator.read"], shared()));
    let hello = wire.connect(params).await.unwrap();
    let token = hello["auth"]["deviceToken"].as_str().unwrap().to_owned();
    assert_eq!(hello["auth"]["scopes"], json!(["operator.read"]));
    let kept = home.read("devices/paired.json");
    assert!(kept.contains(&key.id()) && !kept.contains(&token), "a digest rests, not the token");
    assert!(!home.logged().contains(&token), "case_107");

    for (role, scopes) in [("operator", &["operator.admin"][..]), ("node", &[])] {
        let mut more = Wire::open(gateway.port).await;
        let params = more.signed(&key, Wire::params(role, scopes, shared()));
        let refused = more.connect(params).await.unwrap_err();
        assert_eq!(refused["code"], "NOT_PAIRED", "{refused}");
        assert_eq!(refused["details"]["code"], "PAIRING_REQUIRED");
        assert!(refused["details"]["requestId"].is_string());
    }
}

#[tokio::test]
async fn a_device_token_opens_and_writes_nothing() {
    let (home, gateway) = gateway("");
    let key = Key::new(2);
    let mut wire = Wire::open(gateway.port).await;
    let params = wire.signed(&key, Wire::params("operator", &["operator.read"], shared()));
    let token = wire.connect(params).await.unwrap()["auth"]["deviceToken"].clone();
    let path = home.state().join("devices/paired.json");
    let before = std::fs::metadata(&path).unwrap().modified().unwrap();
    for name in ["token", "deviceToken"] {
        let mut again = Wire::open(gateway.port).await;
        let params = again.signed(&key, Wire::params("operator", &[], json!({ name: token })));
        let hello = again.connect(params).await.unwrap();
        assert_eq!(hello["auth"]["method"], "device-token");
        assert_eq!(hello["auth"]["deviceToken"], token, "it comes back as it was shown");
        assert_eq!(hello["auth"]["scopes"], json!([]), "case_058: nothing asked, nothing given");
    }
    assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), before);
    let mut other = Wire::open(gateway.port).await;
    let params =
        other.signed(&Key::new(3), Wire::params("operator", &[], json!({ "deviceToken": token })));
    let refused = other.connect(params).await.unwrap_err();
    assert_eq!(refused["details"]["code"], "AUTH_DEVICE_TOKEN_MISMATCH", "another key's token");
}

#[tokio::test]
async fn case_067_a_client_that_loses_its_rights_is_closed_at_once_and_stays_out() {
    let (_home, gateway) = gateway("");
    let mut admin = admin(&gateway).await;
    let key = Key::new(4);
    let mut wire = Wire::open(gateway.port).await;
    let params = wire.signed(&key, Wire::params("operator", &["operator.read"], shared()));
    wire.connect(params).await.unwrap();
    let params = json!({ "deviceId": key.id(), "role": "operator" });
    admin.call("device.token.revoke", params).await.unwrap();
    let (code, reason) = wire.closed().await;
    assert!(code == 4001 && reason.starts_with("client invalidated: "), "{code} {reason}");
    let mut again = Wire::open(gateway.port).await;
    let params = again.signed(&key, Wire::params("operator", &["operator.read"], shared()));
    let refused = again.connect(params).await.unwrap_err();
    assert_eq!(refused["details"]["reason"], "role-upgrade", "case_068: {refused}");
    admin.call("device.pair.remove", json!({ "deviceId": key.id() })).await.unwrap();
    let mut removed = Wire::open(gateway.port).await;
    let params = removed.signed(&key, Wire::params("operator", &["operator.read"], shared()));
    let refused = removed.connect(params).await.unwrap_err();
    assert_eq!(refused["details"]["reason"], "not-paired", "removed is not fresh: {refused}");
    let unknown = admin.call("device.pair.remove", json!({ "deviceId": key.id() })).await;
    assert_eq!(unknown.unwrap_err()["message"], "unknown deviceId");
}

#[tokio::test]
async fn a_node_waits_is_approved_as_displayed_and_comes_in() {
    let (home, gateway) = gateway("");
    let mut admin = admin(&gateway).await;
    let key = Key::new(5);
    let offer = |wire: &Wire, commands: &[&str]| {
        let mut params = Wire::params("node", &[], shared());
        params["commands"] = json!(commands);
        wire.signed(&key, params)
    };
    let mut node = Wire::open(gateway.port).await;
    let params = offer(&node, &["system.notify"]);
    let refused = node.connect(params).await.unwrap_err();
    let first = refused["details"]["requestId"].as_str().unwrap().to_owned();
    assert_eq!(refused["message"], "pairing required: device is not approved yet");
    let (code, reason) = node.closed().await;
    assert_eq!(
        (code, reason),
        (1008, format!("pairing required: device is not approved yet (requestId: {first})"))
    );
    let asked = admin.event("device.pair.requested").await;
    assert_eq!(asked["payload"]["requestId"], json!(first));
    assert_eq!(asked["payload"]["commands"], json!(["system.notify"]));

    let mut node = Wire::open(gateway.port).await;
    let params = offer(&node, &["system.notify", "system.run"]);
    let refused = node.connect(params).await.unwrap_err();
    let second = refused["details"]["requestId"].as_str().unwrap().to_owned();
    assert_ne!(first, second, "case_027: what asks for more is another request");
    let over = admin.event("device.pair.resolved").await;
    assert_eq!(
        (&over["payload"]["requestId"], &over["payload"]["decision"]),
        (&json!(first), &json!("rejected"))
    );
    let old = admin.call("device.pair.approve", json!({ "requestId": first })).await.unwrap_err();
    assert_eq!(old["message"], "unknown requestId");
    let done = admin.call("device.pair.approve", json!({ "requestId": second })).await.unwrap();
    assert_eq!(done["device"]["roles"], json!(["node"]));
    assert!(done["device"]["tokens"].is_array() && !done.to_string().contains("Sha256"));

    let mut node = Wire::open(gateway.port).await;
    let params = offer(&node, &["system.notify", "system.run"]);
    let hello = node.connect(params).await.unwrap();
    assert!(hello["auth"]["deviceToken"].is_string());
    let refused = node.call("device.pair.list", json!({})).await.unwrap_err();
    assert_eq!(refused["message"], "unauthorized role: node", "case_064");
    assert!(
        home.read("audit/access.jsonl").contains("device"),
        "case_117: the decision has its line"
    );
}

#[tokio::test]
async fn case_001_a_caller_grants_no_more_than_it_holds() {
    let (_home, gateway) = gateway("[gateway.nodes.pairing]\nauto_approve_local = false\n");
    let mut ids = Vec::new();
    for (seed, role, scopes) in [
        (10, "operator", &["operator.admin"][..]),
        (11, "operator", &["operator.pairing"]),
        (12, "node", &[]),
    ] {
        let mut wire = Wire::open(gateway.port).await;
        let params = wire.signed(&Key::new(seed), Wire::params(role, scopes, shared()));
        let refused = wire.connect(params).await.unwrap_err();
        ids.push(refused["details"]["requestId"].clone());
    }
    let mut caller = Wire::open(gateway.port).await;
    caller.connect(Wire::params("operator", &["operator.pairing"], shared())).await.unwrap();
    let before = caller.call("device.pair.list", json!({})).await.unwrap();
    let admin =
        caller.call("device.pair.approve", json!({ "requestId": ids[0] })).await.unwrap_err();
    assert_eq!(admin["message"], "missing scope: operator.admin");
    let node =
        caller.call("device.pair.approve", json!({ "requestId": ids[2] })).await.unwrap_err();
    assert_eq!(node["message"], "device pairing approval denied", "case_003");
    assert_eq!(
        caller.call("device.pair.list", json!({})).await.unwrap(),
        before,
        "nothing has changed"
    );
    caller.call("device.pair.approve", json!({ "requestId": ids[1] })).await.unwrap();
    let twice =
        caller.call("device.pair.approve", json!({ "requestId": ids[1] })).await.unwrap_err();
    assert_eq!(twice["message"], "unknown requestId", "case_040");
    let wide =
        json!({ "deviceId": Key::new(11).id(), "role": "operator", "scopes": ["operator.admin"] });
    let rotated = caller.call("device.token.rotate", wide).await.unwrap_err();
    assert_eq!(rotated["message"], "missing scope: operator.admin", "case_006");
    let node = json!({ "deviceId": Key::new(11).id(), "role": "node" });
    let rotated = caller.call("device.token.rotate", node).await.unwrap_err();
    assert_eq!(rotated["message"], "unknown deviceId/role", "case_007");
}

#[tokio::test]
async fn case_066_a_page_of_another_site_is_refused_before_its_secret_is_looked_at() {
    let (_home, gateway) = gateway("");
    for origin in ["http://evil.example", "null"] {
        let mut wire = Wire::open_with(gateway.port, &[("origin", origin)]).await;
        let refused = wire.connect(Wire::params("operator", &ALL, shared())).await.unwrap_err();
        assert_eq!(refused["details"]["code"], "CONTROL_UI_ORIGIN_NOT_ALLOWED");
    }
    let own = format!("http://127.0.0.1:{}", gateway.port);
    let mut wire = Wire::open_with(gateway.port, &[("origin", &own)]).await;
    let hello = wire.connect(Wire::params("operator", &ALL, shared())).await.unwrap();
    assert_eq!(hello["auth"]["scopes"], json!([]), "a page is never as good as a command line");
}

#[tokio::test]
async fn case_063_a_nonce_is_answered_once_and_by_its_own_socket() {
    let (_home, gateway) = gateway("");
    let first = Wire::open(gateway.port).await;
    let replayed = first.signed(&Key::new(6), Wire::params("operator", &[], shared()));
    let mut second = Wire::open(gateway.port).await;
    let refused = second.connect(replayed).await.unwrap_err();
    assert_eq!(refused["details"]["code"], "DEVICE_AUTH_NONCE_MISMATCH");
    assert_eq!(second.closed().await.1, "device nonce mismatch");
}

#[tokio::test]
async fn a_stop_is_told_and_closes_with_1012() {
    let (_home, gateway) = gateway("");
    let mut wire = admin(&gateway).await;
    assert!(gateway.stop().success());
    let event = wire.event("shutdown").await;
    assert_eq!(event["payload"], json!({ "reason": "gateway stopping" }));
    assert_eq!(event["seq"], 1);
    assert_eq!(wire.closed().await, (1012, "service restart".to_owned()));
}

#[tokio::test]
async fn a_decision_of_another_process_is_told_and_counts() {
    use openclaw::{
        rules::{
            approver::Approver,
            device::approver::{DeviceApprover, Listed},
        },
        store::{Store, paths::StateDir},
    };
    let (home, gateway) = gateway("");
    let mut admin = admin(&gateway).await;
    let key = Key::new(7);
    let mut node = Wire::open(gateway.port).await;
    let params = node.signed(&key, Wire::params("node", &[], shared()));
    let refused = node.connect(params).await.unwrap_err();
    admin.event("device.pair.requested").await;
    let store =
        Store::new(StateDir::at(home.state()), |_, id| openclaw_plugin_sdk::SenderId::new(id));
    let by = DeviceApprover::of(&Approver::on_host(0), Listed::Commands);
    let now = openclaw::world::now();
    let request = store.device_requests(now).unwrap().remove(0);
    assert_eq!(refused["details"]["requestId"], request.id.as_str());
    store.approve_device(&by, &request.id, request.revision(), now).unwrap().unwrap();
    let told = admin.event("device.pair.resolved").await;
    assert_eq!(told["payload"]["decision"], "approved");
    let mut node = Wire::open(gateway.port).await;
    let params = node.signed(&key, Wire::params("node", &[], shared()));
    node.connect(params).await.unwrap();
    let id = key.public().id();
    store.remove_device(&by, &id, now).unwrap().unwrap();
    assert_eq!(node.closed().await.0, 4001, "case_067, from another process");
}

#[tokio::test]
async fn every_method_that_is_offered_is_there() {
    let (_home, gateway) = gateway("");
    let key = Key::new(8);
    let mut operator = admin(&gateway).await;
    let mut node = Wire::open(gateway.port).await;
    let params = node.signed(&key, Wire::params("node", &[], shared()));
    let refused = node.connect(params).await.unwrap_err();
    let request = json!({ "requestId": refused["details"]["requestId"] });
    operator.call("device.pair.approve", request).await.unwrap();
    let mut node = Wire::open(gateway.port).await;
    let params = node.signed(&key, Wire::params("node", &[], shared()));
    let hello = node.connect(params).await.unwrap();
    let methods = hello["features"]["methods"].as_array().unwrap().clone();
    assert!(methods.len() > 40, "{methods:?}");
    let mut everything = Wire::open(gateway.port).await;
    let all: Vec<_> = openclaw::rules::device::role::Scope::ALL
        .map(openclaw::rules::device::role::Scope::word)
        .to_vec();
    everything.connect(Wire::params("operator", &all, shared())).await.unwrap();
    for method in methods.iter().map(|method| method.as_str().unwrap()) {
        let answer = everything.call(method, json!({})).await;
        let answer = match answer {
            Err(refused) if refused["message"] == "unauthorized role: operator" => {
                let mut node = Wire::open(gateway.port).await;
                let params = node.signed(&key, Wire::params("node", &[], shared()));
                node.connect(params).await.unwrap();
                node.call(method, json!({})).await
            }
            answer => answer,
        };
        let said = answer.unwrap_or_else(|refused| refused["message"].clone()).to_string();
        assert!(!said.contains("unknown method"), "{method}: {said}");
        if method.starts_with("node.") || method == "skills.bins" {
            // A client that calls too many of the other role's is closed.
            everything = Wire::open(gateway.port).await;
            everything.connect(Wire::params("operator", &all, shared())).await.unwrap();
        }
    }
}

/// A client may miss what comes with the answer to its call, and wait for ever.
#[tokio::test]
async fn no_event_of_a_run_comes_with_the_answer_to_its_call() {
    let (_home, gateway) = gateway("");
    let mut ann = admin(&gateway).await;
    for (run, text) in [("1", "hello"), ("2", "/reset"), ("3", "/pair")] {
        let asked = std::time::Instant::now();
        let message = json!({ "sessionKey": "main", "message": text, "idempotencyKey": run });
        ann.call("chat.send", message).await.unwrap();
        let first = ann.event("chat").await["payload"].clone();
        assert_eq!(first["runId"], run);
        assert!(asked.elapsed() >= std::time::Duration::from_millis(50), "{text}: {first}");
        let mut state = first["state"].clone();
        while state != "final" {
            state = ann.event("chat").await["payload"]["state"].clone();
        }
    }
}
