//! What a paired device with limited rights reaches: its own node, what is shared, and no folder of the gateway.

use serde_json::{Value, json};

use super::{
    OWNED,
    node_calls::{asked, invoke},
    node_pairing::{device, paired},
    sockets::{TOKEN, admin, gateway},
};
use crate::{
    process::{Home, texts},
    wire::{Key, Wire},
    world::{World, number},
};

const WRITES: [&str; 2] = ["operator.read", "operator.write"];

#[tokio::test]
async fn case_136_a_phone_with_limited_rights_asks_its_own_node_and_no_other() {
    let allow = "[gateway.nodes.commands]\nallow = [\"location.get\"]\n";
    let (_home, gateway) = gateway(allow);
    let (mut admin, ann, bob) = (admin(&gateway).await, Key::new(1), Key::new(2));
    let mut phone = device(&gateway, &WRITES, &ann).await;
    let offers = ["device.info", "location.get", "system.run"];
    let (mut anns, _) = paired(&gateway, &mut admin, &ann, &offers).await;
    let (mut bobs, _) = paired(&gateway, &mut admin, &bob, &offers).await;
    for command in ["device.info", "location.get"] {
        asked(&mut phone, &mut anns, &ann, command).await;
    }
    for (key, command) in [(&bob, "device.info"), (&bob, "location.get"), (&ann, "system.run")] {
        let refused = phone.call("node.invoke", invoke(key, command, command)).await.unwrap_err();
        assert_eq!(refused["details"]["missingScope"], "operator.admin", "{command}: {refused}");
    }
    let unknown = json!({ "nodeId": "0", "command": "device.info", "idempotencyKey": "k" });
    let refused = phone.call("node.invoke", unknown).await.unwrap_err();
    assert_eq!(refused["details"]["missingScope"], "operator.admin", "it learns of no node");
    asked(&mut admin, &mut bobs, &bob, "location.get").await;
    assert!(!bobs.has_heard("node.invoke.request"), "nothing else went there");
}

#[tokio::test]
async fn case_136_a_node_that_is_shared_serves_every_phone_and_runs_nothing_for_it() {
    let bob = Key::new(2);
    let (_home, gateway) = gateway(&format!("[gateway.nodes]\nshared = [\"{}\"]\n", bob.id()));
    let mut admin = admin(&gateway).await;
    let mut phone = device(&gateway, &WRITES, &Key::new(1)).await;
    let offers = ["device.info", "system.run"];
    let (mut bobs, _) = paired(&gateway, &mut admin, &bob, &offers).await;
    asked(&mut phone, &mut bobs, &bob, "device.info").await;
    let run = invoke(&bob, "system.run", "run");
    let refused = phone.call("node.invoke", run).await.unwrap_err();
    assert_eq!(refused["details"]["missingScope"], "operator.admin", "{refused}");
}

#[tokio::test]
async fn case_136_what_hears_or_reads_is_not_offered_before_the_configuration_says_so() {
    let (_home, gateway) = gateway("");
    let (mut admin, ann) = (admin(&gateway).await, Key::new(1));
    let offers = ["contacts.search", "device.info", "location.get", "photos.latest"];
    let _anns = paired(&gateway, &mut admin, &ann, &offers).await;
    let list = admin.call("node.list", json!({})).await.unwrap();
    assert_eq!(list["nodes"][0]["commands"], json!(["device.info"]), "{list}");
    for command in ["contacts.search", "location.get", "photos.latest"] {
        let refused = admin.call("node.invoke", invoke(&ann, command, command)).await.unwrap_err();
        let reason = "the configuration does not permit it";
        assert_eq!(refused["details"]["reason"], reason, "{command}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_142_a_device_with_limited_rights_sees_no_folder_of_the_gateway() {
    let config = format!("[gateway.auth]\ntoken = \"{TOKEN}\"\n{OWNED}");
    let mut world = World::start(&config).await;
    world.home.put("credentials/telegram-allowFrom.json", "[]");
    world.telegram.direct(number("ann"), "ann", "hello");
    assert!(world.next(1001).await.contains("is paused"));
    let gateway = world.gateway.as_ref().unwrap();
    let mut phone = device(gateway, &WRITES, &Key::new(1)).await;
    let state = world.home.state().display().to_string();
    for method in ["channels.status", "config.get", "health", "node.list", "status"] {
        let said = phone.call(method, json!({})).await.unwrap().to_string();
        assert!(!said.contains(&state) && !said.contains("allowFrom.json"), "{method}: {said}");
    }
    let account = |status: &Value| status["channelAccounts"]["telegram"][0].clone();
    let seen = account(&phone.call("channels.status", json!({})).await.unwrap());
    assert_eq!(seen["state"], "store unreadable", "what ails it is told: {seen}");
    let full = account(&admin(gateway).await.call("channels.status", json!({})).await.unwrap());
    assert!(full["lastError"].as_str().unwrap().contains(&state), "{full}");
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_142_json_of_a_gateway_cannot_steer_the_terminal() {
    let home = Home::new();
    let gateway = home.gateway("info");
    let port = gateway.port;
    let named = |name: &str| {
        let auth = json!({ "token": home.read("credentials/gateway-token").trim() });
        let mut params = Wire::params("operator", &["operator.read"], auth);
        params["client"]["displayName"] = name.into();
        params
    };
    let name = "Ann\u{9b}2J\u{202e}\u{2066}\u{200b}\u{e0041}\u{7f}";
    let mut wire = Wire::open(port).await;
    let key = Key::new(1);
    let params = wire.signed(&key, named(name));
    wire.connect(params).await.unwrap();
    for arguments in [&["gateway", "call", "device.pair.list"][..], &["devices", "list", "--json"]]
    {
        let (said, error) = texts(&home.cli(arguments));
        assert!(said.contains("Ann"), "{said} {error}");
        let steers = |c: char| {
            c.is_control() && c != '\n' || "\u{202e}\u{2066}\u{200b}\u{e0041}".contains(c)
        };
        assert!(!said.contains(steers), "{said:?}");
        serde_json::from_str::<Value>(&said).unwrap();
    }
    gateway.stop();
}
