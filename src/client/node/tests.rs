//! What a node makes of a setup code, and of what it is asked.

use openclaw_plugin_sdk::UnixMs;

use super::*;

const NOW: UnixMs = UnixMs(1_000);

fn plan(payload: &SetupPayload, pin: Option<Fingerprint>) -> Result<Plan, NoPlan> {
    let state = StateDir::at("/nonexistent");
    Plan::of_code(&payload.encode().unwrap(), pin, false, NOW, state)
}

fn at(plan: &Plan) -> Vec<String> {
    plan.gateways.iter().map(ToString::to_string).collect()
}

fn payload(url: &str, urls: &[&str]) -> SetupPayload {
    let mut payload = SetupPayload::new(url, "s3cret", 2_000, "limited");
    payload.urls = urls.iter().map(|url| (*url).to_owned()).collect();
    payload
}

#[test]
fn a_code_leads_to_its_gateways_in_order() {
    let code = payload(
        "wss://gw.example.com",
        &["ws://192.168.1.2:18789", "ws://public.example.com:1", "wss://gw.example.com:443"],
    );
    let plan = plan(&code, None).unwrap();
    assert_eq!(at(&plan), ["wss://gw.example.com:443", "ws://192.168.1.2:18789"]);
    assert!(!format!("{plan:?}").contains("s3cret"));
    assert!(plan.check().is_ok());
}

#[test]
fn case_052_a_pin_leaves_encrypted_ways_only_and_is_not_overridden() {
    let pin = Fingerprint::parse(&"a".repeat(64)).unwrap();
    let mut code = payload("ws://192.168.1.2:18789", &["wss://192.168.1.2:18790"]);
    assert_eq!(at(&plan(&code, Some(pin)).unwrap()), ["wss://192.168.1.2:18790"]);
    code.tls_fingerprint = Some("a".repeat(64));
    let pinned = plan(&code, Some(pin)).unwrap();
    assert_eq!((at(&pinned).len(), pinned.pin), (1, Some(pin)));
    let other = Fingerprint::parse(&"b".repeat(64));
    assert_eq!(plan(&code, other).unwrap_err(), NoPlan::Pins);
    code.tls_fingerprint = Some("short".to_owned());
    assert_eq!(plan(&code, None).unwrap_err(), NoPlan::Pin);
}

#[test]
fn a_code_that_is_none_over_or_unsafe_says_so() {
    let state = || StateDir::at("/nonexistent");
    let none = Plan::of_code("hello", None, false, NOW, state());
    assert_eq!(none.unwrap_err(), NoPlan::Code);
    let mut code = payload("ws://public.example.com:1", &[]);
    assert_eq!(plan(&code, None).unwrap_err(), NoPlan::Nowhere);
    code.expires_at_ms = Some(NOW.0);
    assert_eq!(plan(&code, None).unwrap_err(), NoPlan::Expired);
    (code.token, code.bootstrap_token) = (None, None);
    assert_eq!(plan(&code, None).unwrap_err(), NoPlan::Code);
}

#[test]
fn a_node_does_what_it_offers_and_nothing_else() {
    let plan = plan(&payload("wss://gw.example.com", &[]), None).unwrap();
    let mut told = Vec::new();
    let mut ask = |request: Value| {
        commands::answer(&request, &plan, &mut |notice| {
            if let Told::Notice { title, body } = notice {
                told.push(format!("{title}|{body}"));
            }
        })
    };
    let info = ask(json!({ "command": "device.info", "paramsJSON": null })).unwrap();
    assert_eq!(info["systemName"], json!(crate::who::family()));
    assert!(ask(json!({ "command": "device.status" })).unwrap()["ts"].is_u64());
    let notify = |params: &str| json!({ "command": "system.notify", "paramsJSON": params });
    assert_eq!(ask(notify(r#"{"title":"Tea","body":"now"}"#)), Ok(json!({ "ok": true })));
    for bad in [notify("{"), notify("{}"), json!({ "command": "system.notify", "paramsJSON": 7 })] {
        assert!(ask(bad).is_err());
    }
    for other in ["system.run", "", "device.info "] {
        assert!(ask(json!({ "command": other })).is_err(), "{other}");
    }
    assert_eq!(told, ["Tea|now"]);
}

#[test]
fn a_node_remembers_its_gateway_and_its_pin() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::at(folder.path());
    assert!(recall(&state).unwrap().is_none());
    let (id, pin) = (Identity::open(&state).unwrap().id(), Fingerprint::parse(&"a".repeat(64)));
    let address = Address::parse("wss://10.0.0.1:7").unwrap();
    memory::remember(&state, &id, &address, pin, Some("box")).unwrap();
    let known = recall(&state).unwrap().unwrap();
    assert_eq!((known.address, known.pin), (address, pin));
    let path = folder.path().join("node.json");
    let text = std::fs::read_to_string(&path).unwrap().replace(&"a".repeat(64), "x");
    crate::store::private::replace(&path, text.as_bytes()).unwrap();
    assert!(recall(&state).is_err(), "case_052");
}
