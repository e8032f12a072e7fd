//! The recorded first frames of the field's clients, and what must not pass for one.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// What the command line of 2026.2 sends, as recorded.
fn cli_of_february() -> Value {
    json!({
        "minProtocol": 3, "maxProtocol": 3,
        "client": {
            "id": "cli", "version": "dev", "platform": "linux", "mode": "cli",
            "instanceId": "63cccd87-ee98-4a16-84c5-3a14c454452c"
        },
        "caps": [], "auth": { "token": "tok" }, "role": "operator",
        "scopes": ["operator.admin", "operator.approvals", "operator.pairing"],
        "device": {
            "id": "d22d", "publicKey": "iVMu", "signature": "XWZ6",
            "signedAt": 1_795_166_817_678_u64, "nonce": "4844ccfa"
        }
    })
}

/// What the node host of 2026.9 sends, as recorded.
fn node_of_september() -> Value {
    json!({
        "minProtocol": 4, "maxProtocol": 4,
        "client": {
            "id": "node-host", "displayName": "peer-node", "version": "2026.9.6",
            "platform": "linux", "deviceFamily": "Linux", "mode": "node", "instanceId": "a443",
            "buildId": "b", "timeZone": "UTC"
        },
        "caps": ["browser", "system"], "commands": ["system.run", "system.which"],
        "pathEnv": "/usr/bin:/bin", "auth": { "deviceToken": "dev" }, "role": "node", "scopes": [],
        "device": { "id": "a95d", "publicKey": "tLRH", "signature": "p_pJ", "signedAt": 5, "nonce": "n" },
        "workerRuns": { "supported": true }, "modelCatalog": {}
    })
}

fn with(mut params: Value, key: &str, value: Value) -> Value {
    let parent = key.rsplit_once('/').map_or("", |(parent, _)| parent);
    let name = key.rsplit('/').next().unwrap_or_default();
    params.pointer_mut(parent).unwrap()[name] = value;
    params
}

fn parsed(params: Value) -> ConnectParams {
    ConnectParams::parse(params).unwrap_or_else(|why| panic!("{why}"))
}

#[test]
fn the_recorded_clients_are_read() {
    let cli = parsed(cli_of_february());
    assert_eq!((cli.client.id.as_str(), cli.client.mode.word()), ("cli", "cli"));
    assert_eq!((cli.role(), cli.protocol()), (Some(Role::Operator), Some(3)));
    assert_eq!(cli.scopes()[2], "operator.pairing");
    assert_eq!(cli.auth.unwrap().signed_token(), "tok");
    assert_eq!(cli.device.unwrap().signed_at, 1_795_166_817_678);
    let node = parsed(node_of_september());
    assert_eq!((node.role(), node.protocol()), (Some(Role::Node), Some(4)));
    assert_eq!(node.commands.unwrap(), ["system.run", "system.which"]);
    assert_eq!(node.client.device_family.as_deref(), Some("Linux"));
    assert_eq!(node.auth.unwrap().signed_token(), "dev");
}

#[test]
fn what_may_be_absent_may_be_absent() {
    let client = json!({ "id": "test", "version": "1", "platform": "x", "mode": "test" });
    let bare = parsed(json!({ "minProtocol": 1, "maxProtocol": 9, "client": client }));
    assert_eq!((bare.role(), bare.protocol()), (Some(Role::Operator), Some(4)));
    assert!(bare.scopes().is_empty() && bare.auth.is_none() && bare.device.is_none());
}

#[test]
fn a_field_of_the_wrong_type_is_refused() {
    let table = [
        ("/minProtocol", json!(0)),
        ("/minProtocol", json!("3")),
        ("/maxProtocol", json!(3.5)),
        ("/maxProtocol", json!(-1)),
        ("/client", json!("cli")),
        ("/client/id", json!("unknown")),
        ("/client/id", json!("moltbot-")),
        ("/client/id", json!("moltbot-cli")),
        ("/client/mode", json!("god")),
        ("/client/version", json!(null)),
        ("/scopes", json!([1, 2])),
        ("/scopes", json!("operator.admin")),
        ("/scopes", json!({ "0": "operator.admin" })),
        ("/role", json!(["node"])),
        ("/caps", json!([null])),
        ("/permissions", json!({ "camera": "yes" })),
        ("/device", json!([])),
        ("/device/signedAt", json!("5")),
        ("/device/signedAt", json!(-5)),
        ("/device/signedAt", json!(5.5)),
        ("/auth", json!("tok")),
        ("/auth/token", json!({ "a": 1 })),
    ];
    for (key, value) in table {
        let params = with(cli_of_february(), key, value.clone());
        assert!(ConnectParams::parse(params).is_err(), "{key} {value}");
    }
    for params in [json!(null), json!([]), json!("connect"), json!({})] {
        assert!(ConnectParams::parse(params).is_err());
    }
}

#[test]
fn former_names_are_known() {
    for id in ["moltbot-ios", "clawdbot-macos", "openclaw-android", "gateway-client"] {
        let params = with(cli_of_february(), "/client/id", json!(id));
        assert_eq!(parsed(params).client.id.as_str(), id, "as it was signed");
    }
    assert!(CLIENT_IDS.is_sorted());
}

#[test]
fn the_version_is_the_lesser_of_the_newest_ones() {
    let table = [
        (1, 2, None),
        (3, 3, Some(3)),
        (1, 3, Some(3)),
        (3, 4, Some(4)),
        (4, 4, Some(4)),
        (4, 9, Some(4)),
        (5, 9, None),
        (4, 3, None),
    ];
    for (min, max, expected) in table {
        let params = with(cli_of_february(), "/minProtocol", json!(min));
        let params = with(params, "/maxProtocol", json!(max));
        assert_eq!(parsed(params).protocol(), expected, "{min}..{max}");
    }
}

#[test]
fn the_signed_token_is_the_first_that_was_sent_and_never_the_password() {
    let table = [
        (json!({ "token": "t", "deviceToken": "d", "bootstrapToken": "b" }), "t"),
        (json!({ "deviceToken": "d", "bootstrapToken": "b", "password": "p" }), "d"),
        (json!({ "bootstrapToken": "b" }), "b"),
        (json!({ "password": "p" }), ""),
    ];
    for (auth, token) in table {
        let params = parsed(with(cli_of_february(), "/auth", auth));
        assert_eq!(params.auth.unwrap().signed_token(), token);
    }
}

#[test]
fn an_unknown_role_is_none() {
    for role in ["worker", "admin", "", "Node"] {
        assert_eq!(parsed(with(cli_of_february(), "/role", json!(role))).role(), None);
    }
}

#[test]
fn the_first_frame_is_connect_or_the_last() {
    let connect =
        json!({ "type": "req", "id": "1", "method": "connect", "params": cli_of_february() });
    assert_eq!(first_frame(&connect.to_string()).ok().unwrap().0, "1");
    let table = [
        ("\u{0}\u{1}", None, "invalid request frame"),
        ("[]", None, "invalid request frame"),
        (r#"{"type":"event","event":"connect"}"#, None, "invalid request frame"),
        (r#"{"type":"req","id":"7"}"#, Some("7"), "invalid request frame"),
        (
            r#"{"type":"req","id":"7","method":"health"}"#,
            Some("7"),
            "invalid handshake: first request must be connect",
        ),
        (
            r#"{"type":"req","id":"7","method":"connect"}"#,
            Some("7"),
            "invalid connect params: invalid type: null, expected struct ConnectParams",
        ),
    ];
    for (text, id, reason) in table {
        let farewell = first_frame(text).err().unwrap();
        assert_eq!((farewell.code, farewell.reason.as_str()), (1008, reason), "{text}");
        let answer = farewell.answer;
        assert_eq!(answer.as_ref().map(|answer| answer.id.as_str()), id, "{text}");
        let error = answer.and_then(|answer| answer.error);
        assert!(
            error.is_none_or(|error| error.message == reason && error.code == "INVALID_REQUEST")
        );
    }
}

proptest! {
    #[test]
    fn no_first_frame_breaks_the_reader(text: String, key in "/[a-z]{1,8}", value: String) {
        prop_assert!(first_frame(&text).is_err());
        let params = with(node_of_september(), &key, json!(value));
        drop(ConnectParams::parse(params));
    }
}
