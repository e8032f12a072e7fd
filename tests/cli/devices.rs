//! `devices` on the files of a machine whose gateway does not run, and against one that does.

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::{
    running::{Running, json as asked, patiently, port, token},
    support::Folder,
};

const DEVICE: &str = "56475aa75463474c0285df5dbf2bcab73da651358839e9b77481b2eab107708c";
const REQUEST: &str = "0b1f7f3c-6a0e-4f53-9a68-6f1d2f0a7f11";

/// A folder in which a phone waits, as a gateway of February has written it.
fn waiting() -> Folder {
    let folder = Folder::empty();
    let now = jiff::Timestamp::now().as_millisecond();
    let row = json!({
        "requestId": REQUEST, "deviceId": DEVICE, "publicKey": "A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg",
        "displayName": "Ann's iPhone", "platform": "iOS 18.0.0", "clientId": "openclaw-ios",
        "clientMode": "ui", "role": "operator", "roles": ["operator"],
        "scopes": ["operator.read", "operator.write"], "remoteIp": "192.168.1.20",
        "silent": false, "isRepair": false, "ts": now - 1_000,
    });
    folder.put("devices/pending.json", &json!({ (REQUEST): row }).to_string());
    folder
}

#[test]
fn without_a_gateway_the_files_are_worked_on_and_it_says_so() {
    let folder = waiting();
    let ran = folder.run("devices list");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("Pending (1)") && ran.out.contains(REQUEST), "{ran:?}");
    assert!(ran.err.starts_with("No gateway runs; working on the files in "), "{ran:?}");
    let listed = asked(&folder, "devices list --json");
    assert_eq!(listed["pending"][0]["deviceId"], json!(DEVICE));
    assert_eq!(listed["paired"], json!([]));
    let approved = asked(&folder, &format!("devices approve {REQUEST} --json"));
    assert_eq!(approved["requestId"], json!(REQUEST));
    assert_eq!(approved["device"]["roles"], json!(["operator"]));
    let short = &DEVICE[..8];
    let renamed = asked(&folder, &format!("devices rename --device {short} --name desk --json"));
    assert_eq!(renamed, json!({ "deviceId": DEVICE, "label": "desk" }));
    let rotated =
        asked(&folder, &format!("devices rotate --device {short} --role operator --json"));
    assert_eq!(rotated["tokenDelivery"], json!("withheld-cross-device"));
    assert!(rotated.get("token").is_none() && rotated["rotatedAtMs"].is_u64(), "{rotated}");
    let ran = folder.run("devices list");
    assert!(ran.out.contains("Paired (1)") && ran.out.contains("desk"), "{ran:?}");
    let revoked =
        asked(&folder, &format!("devices revoke --device {short} --role operator --json"));
    assert!(revoked["revokedAtMs"].is_u64(), "{revoked}");
    assert!(folder.run("devices list").out.contains("operator (revoked)"));
    let ran = folder.run(&format!("devices remove {short}"));
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), format!("Removed {DEVICE}\n").as_str()));
    let ran = folder.run("devices list");
    assert_eq!(ran.out, "No device pairing entries.\n");
}

#[test]
fn case_028_nothing_is_approved_that_was_not_named() {
    let folder = waiting();
    let before = folder.files();
    for line in ["devices approve", "devices approve --latest"] {
        let ran = folder.run(line);
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{ran:?}");
        let command =
            format!("Approve this exact request with: openclaw devices approve {REQUEST}");
        assert!(ran.err.contains(&command) && ran.err.contains("Ann's iPhone"), "{ran:?}");
    }
    let ran = folder.run("devices approve --json");
    let shown: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""));
    assert_eq!(shown["selected"]["requestId"], json!(REQUEST));
    assert_eq!(shown["approvalState"]["kind"], json!("new-pairing"));
    assert_eq!(shown["approveCommand"], json!(format!("openclaw devices approve {REQUEST}")));
    assert_eq!(shown["requiresAuthFlags"], json!({ "token": false, "password": false }));
    assert_eq!(folder.files(), before);
    let said = folder.run("devices approve other --json");
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.err.starts_with("No pending device request matches other\n"), "{said:?}");
    assert_eq!(Folder::empty().run("devices approve --json").code, Some(3));
}

#[test]
fn case_028_the_id_of_a_device_shows_its_request_and_approves_nothing() {
    let folder = waiting();
    let before = folder.files();
    for id in [DEVICE, &DEVICE[..8], &DEVICE.to_uppercase()] {
        let ran = folder.run(&format!("devices approve {id}"));
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{ran:?}");
        let command =
            format!("Approve this exact request with: openclaw devices approve {REQUEST}");
        assert!(ran.err.contains(&command) && ran.err.contains("Nothing was approved."), "{ran:?}");
    }
    let ran = folder.run(&format!("devices approve {DEVICE} --json"));
    let shown: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &shown["selected"]["requestId"]), (Some(1), &json!(REQUEST)));
    assert_eq!(folder.files(), before);
    assert_eq!(folder.run("devices approve 56475").code, Some(3), "too short for a device");
}

#[test]
fn a_request_that_was_replaced_names_its_successor() {
    const OLD: &str = "11111111-2222-4333-8444-555555555555";
    let folder = waiting();
    let mut requests = folder.json("devices/pending.json");
    requests[REQUEST]["replaces"] = json!([OLD]);
    folder.put("devices/pending.json", &requests.to_string());
    let replaced = format!("request {OLD} was replaced by {REQUEST} meanwhile");
    let said = |line: &str| {
        let ran = folder.run(line);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.err.contains(&replaced), "{ran:?}");
    };
    said(&format!("devices approve {OLD}"));
    let mut gateway = Running::gateway(&folder);
    for act in ["approve", "reject"] {
        said(&format!("devices {act} {OLD}"));
    }
    let params = format!("{{\"requestId\":\"{OLD}\"}}");
    let ran = folder.run(&format!("gateway call device.pair.approve --params {params}"));
    assert!(ran.err.contains("unknown requestId"), "{ran:?}");
    assert_eq!(asked(&folder, "devices list --json")["paired"], json!([]));
    gateway.stop(Signal::SIGTERM);
}

#[test]
fn a_refused_token_names_the_variable_that_it_came_from() {
    let folder = Folder::empty();
    let mut gateway = Running::gateway(&folder);
    for line in ["devices list", "nodes status", "gateway status"] {
        let mut command = folder.command(line);
        let ran = command.env("OPENCLAW_GATEWAY_TOKEN", "wr0ng-token").output().unwrap();
        let said = String::from_utf8(ran.stderr).unwrap();
        assert_eq!(ran.status.code(), Some(1), "{said}");
        let named = said.contains("`OPENCLAW_GATEWAY_TOKEN`") && said.contains("unset it");
        assert!(named && !said.contains("wr0ng"), "{said}");
    }
    let port = port(&folder);
    let mut node = folder.command(&format!("node run --host 127.0.0.1 --port {port}"));
    let ran = node.env("OPENCLAW_GATEWAY_TOKEN", "wr0ng-token").output().unwrap();
    let said = String::from_utf8(ran.stderr).unwrap();
    assert!(said.contains("`OPENCLAW_GATEWAY_TOKEN`") && !said.contains("wr0ng"), "{said}");
    let mut shown = folder.command("gateway auth-token --show");
    let ran = shown.env("OPENCLAW_GATEWAY_TOKEN", "wr0ng-token").output().unwrap();
    let said = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.stdout, b"wr0ng-token\n");
    assert!(said.contains("`OPENCLAW_GATEWAY_TOKEN`") && said.contains("gateway-token"), "{said}");
    assert_eq!(folder.done("gateway auth-token --show").trim(), token(&folder));
    gateway.stop(Signal::SIGTERM);
}

#[test]
fn a_list_is_cleared_by_word_only() {
    let folder = waiting();
    let said = folder.fails(1, "devices clear");
    assert_eq!(said, "Refusing to clear pairing table without --yes\n");
    let cleared = asked(&folder, "devices clear --yes --json");
    assert_eq!(cleared, json!({ "removedDevices": [], "rejectedPending": [] }));
    let cleared = asked(&folder, "devices clear --yes --pending --json");
    assert_eq!(cleared, json!({ "removedDevices": [], "rejectedPending": [REQUEST] }));
    assert_eq!(asked(&folder, "devices list --json")["pending"], json!([]));
    for line in ["devices remove abcdef --json", "devices rename --device abcdef --name x --json"] {
        folder.fails(3, line);
    }
    folder.fails(2, "devices revoke --device abcdef --role guest");
}

#[test]
fn a_gateway_that_is_named_gets_a_secret_of_its_own_or_nothing() {
    let folder = Folder::empty();
    let mut gateway = Running::gateway(&folder);
    let url = format!("ws://127.0.0.1:{}", port(&folder));
    let token = token(&folder);
    let list = asked(&folder, &format!("devices list --json --url {url} --token {token}"));
    assert_eq!(list, json!({ "pending": [], "paired": [] }));
    assert_eq!(asked(&folder, "devices list --json"), list);
    let said = folder.fails(2, &format!("devices list --url {url}"));
    assert!(said.contains("`--token`"), "{said}");
    let mut with_env = folder.command(&format!("devices list --url {url}"));
    let ran = with_env.env("OPENCLAW_GATEWAY_TOKEN", &token).output().unwrap();
    assert_eq!(ran.status.code(), Some(2), "the secret of the environment is another gateway's");
    let mut with_env = folder.command("devices list --json");
    let with_env = with_env.env("OPENCLAW_GATEWAY_TOKEN", &token);
    let ran = with_env.env("OPENCLAW_GATEWAY_URL", &url).output().unwrap();
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    let said = folder.fails(1, &format!("devices list --url {url} --token wr0ng"));
    assert!(said.contains("token mismatch") && !said.contains("wr0ng"), "{said}");
    let said = folder.fails(2, "devices list --url ws://gw.example.com --token wr0ng");
    assert!(said.contains("wss://") && !said.contains("wr0ng"), "{said}");
    folder.fails(4, "devices list --url ws://127.0.0.1:1 --token wr0ng");
    assert_eq!(gateway.stop(Signal::SIGTERM).code, Some(0));
    folder.fails(4, &format!("devices list --url {url} --token {token}"));
}

#[test]
fn a_running_gateway_decides_and_tells_what_it_is() {
    let folder = waiting();
    let mut gateway = Running::gateway(&folder);
    let status = asked(&folder, "gateway status --json");
    assert_eq!((&status["ok"], &status["protocol"]), (&json!(true), &json!(4)));
    assert!(folder.done("gateway status").contains(", reachable\n"));
    assert_eq!(asked(&folder, "gateway call health")["ok"], json!(true));
    let said = folder.fails(1, "gateway call no.such.method");
    assert!(said.contains("unknown method: no.such.method"), "{said}");
    let said = folder.done(&format!("devices approve {REQUEST}"));
    assert!(said.contains("Requested: roles: operator; scopes: operator.read"), "{said}");
    assert!(said.ends_with(&format!("Approved {DEVICE} ({REQUEST})\n")), "{said}");
    folder.fails(3, &format!("devices approve {REQUEST} --json"));
    let renamed = folder.done(&format!("devices rename --device {DEVICE} --name desk"));
    assert_eq!(renamed, format!("Renamed {DEVICE} → desk\n"));
    let rotated = asked(&folder, &format!("devices rotate --device {DEVICE} --role operator"));
    assert_eq!(rotated["tokenDelivery"], json!("withheld-cross-device"));
    let revoked = asked(&folder, &format!("devices revoke --device {DEVICE} --role operator"));
    assert_eq!(revoked["role"], json!("operator"));
    assert_eq!(folder.done("devices clear --yes"), "Cleared 1 paired device(s)\n");
    assert_eq!(folder.done("devices list"), "No device pairing entries.\n");
    assert_eq!(gateway.stop(Signal::SIGTERM).code, Some(0));
    let status = folder.run("gateway status --json");
    assert_eq!(status.code, Some(4), "{status:?}");
    assert_eq!(serde_json::from_str::<Value>(&status.out).unwrap()["ok"], json!(false));
}

#[test]
fn a_device_that_waits_is_rejected_by_its_request() {
    let folder = waiting();
    let mut gateway = Running::gateway(&folder);
    let said = folder.done(&format!("devices reject {REQUEST}"));
    assert_eq!(said, format!("Rejected {DEVICE}\n"));
    let gone = patiently(|| {
        let listed = asked(&folder, "devices list --json");
        (listed["pending"] == json!([])).then_some(())
    });
    assert!(gone.is_some());
    gateway.stop(Signal::SIGTERM);
}
