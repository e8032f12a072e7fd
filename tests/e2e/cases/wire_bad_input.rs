//! What comes in over the gateway's socket and is no request: the error and the close code of each, and that nothing
//! of it is written anywhere.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    Bytes, Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

use super::sockets::{TOKEN, admin, gateway};
use crate::wire::{Closed, Key, Wire};

/// Every file of a state folder.
pub(super) fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.append(&mut contents(&path));
        } else {
            found.insert(path.display().to_string(), fs::read(&path).unwrap_or_default());
        }
    }
    found
}

fn closed(code: u16, reason: &str) -> Closed {
    (code, reason.to_owned())
}

/// Everything until the socket is closed: the answers, and how.
async fn told(wire: &mut Wire) -> (Vec<Value>, Closed) {
    let mut frames = Vec::new();
    loop {
        match wire.frame().await {
            Ok(frame) => frames.push(frame),
            Err(closed) => return (frames, closed),
        }
    }
}

#[tokio::test]
async fn a_first_frame_that_is_no_connect_gets_its_answer_and_is_closed() {
    let (home, gateway) = gateway("");
    let before = contents(&home.state());
    let connect = |params: Value| {
        json!({ "type": "req", "id": "7", "method": "connect", "params": params }).to_string()
    };
    let with = |key: &str, value: Value| {
        let mut params = Wire::params("operator", &[], json!({ "token": TOKEN }));
        params[key] = value;
        connect(params)
    };
    let frame = "invalid request frame";
    let first = "invalid handshake: first request must be connect";
    let params = "invalid connect params: ";
    let mut client = Wire::params("operator", &[], json!({}))["client"].clone();
    client["id"] = json!("unknown-client");
    let table = [
        (String::new(), false, 1008, frame),
        ("hello".to_owned(), false, 1008, frame),
        ("[]".to_owned(), false, 1008, frame),
        ("{".repeat(60_000), false, 1008, frame),
        (r#"{"type":"event","event":"tick"}"#.to_owned(), false, 1008, frame),
        (r#"{"type":"res","id":"7","ok":true}"#.to_owned(), false, 1008, frame),
        (r#"{"type":"hello","id":"7","method":"connect"}"#.to_owned(), false, 1008, frame),
        (r#"{"type":"req","id":"7"}"#.to_owned(), true, 1008, frame),
        (r#"{"type":"req","id":"7","method":7}"#.to_owned(), true, 1008, frame),
        (r#"{"type":"req","id":"7","method":"health"}"#.to_owned(), true, 1008, first),
        (r#"{"type":"req","id":"7","method":"Connect"}"#.to_owned(), true, 1008, first),
        (r#"{"type":"req","id":"7","method":"connect"}"#.to_owned(), true, 1008, params),
        (connect(json!([])), true, 1008, params),
        (connect(json!({})), true, 1008, params),
        (with("scopes", json!([1, 2])), true, 1008, params),
        (with("scopes", json!("operator.admin")), true, 1008, params),
        (with("auth", json!("secret")), true, 1008, params),
        (with("device", json!(7)), true, 1008, params),
        (with("client", client), true, 1008, params),
        (with("minProtocol", json!(0)), true, 1008, params),
        (with("maxProtocol", json!(-1)), true, 1008, params),
        (with("caps", json!(vec!["x"; 513])), true, 1008, params),
        (with("role", json!("admin")), true, 1008, "invalid role"),
        (with("role", json!("Node")), true, 1008, "invalid role"),
        (with("minProtocol", json!(5)), true, 1002, "protocol mismatch"),
        (with("maxProtocol", json!(2)), true, 1002, "protocol mismatch"),
    ];
    for (text, answered, code, reason) in table {
        let mut wire = Wire::open(gateway.port).await;
        wire.say(&text).await;
        let (frames, close) = told(&mut wire).await;
        let short = &text[..text.len().min(200)];
        assert!(close.0 == code && close.1.starts_with(reason), "{short}: {close:?}");
        assert_eq!(frames.len(), usize::from(answered), "{short}: {frames:?}");
        for answer in frames {
            assert_eq!((&answer["id"], &answer["ok"]), (&json!("7"), &json!(false)), "{short}");
            assert_eq!(answer["error"]["code"], "INVALID_REQUEST", "{short}");
            assert!(answer["error"]["message"].as_str().unwrap().starts_with(reason), "{short}");
        }
    }
    assert!(contents(&home.state()) == before, "something was written");
}

#[tokio::test]
async fn what_is_no_text_is_closed_and_so_is_what_is_too_long() {
    let (home, gateway) = gateway("");
    let before = contents(&home.state());
    let large = || closed(1009, "preauth payload too large");
    let garbage = closed(1008, "invalid request frame");
    let huge = Frame::message(vec![b'x'; 65_537], OpCode::Data(Data::Text), true);
    let table = [
        (Message::binary(vec![0xff, 0xfe, 0x00, 0x80]), garbage.clone()),
        (Message::binary(Bytes::new()), garbage),
        (Message::text("x".repeat(65_537)), large()),
        (Message::binary(vec![0xff; 65_537]), large()),
        (Message::Frame(huge), large()),
    ];
    for (message, expected) in table {
        let mut wire = Wire::open(gateway.port).await;
        // It may be refused by its head, before all of it is sent.
        let _ = wire.send(message).await;
        assert_eq!(told(&mut wire).await, (Vec::new(), expected));
    }
    let mut many = Wire::open(gateway.port).await;
    for _ in 0..600 {
        if many.send(Message::Ping(vec![b'x'; 125].into())).await.is_err() {
            break;
        }
    }
    assert_eq!(many.closed().await, large(), "many small ones are one large one");
    assert!(contents(&home.state()) == before, "something was written");
}

#[tokio::test]
async fn case_062_case_063_a_proof_that_is_nearly_one_is_refused_by_name() {
    let (home, gateway) = gateway("");
    let before = contents(&home.state());
    let (key, other) = (Key::new(1), Key::new(2));
    let spoil = |what: &str, params: &mut Value| {
        let device = &mut params["device"];
        match what {
            "another's id" => device["id"] = json!(other.id()),
            "no key" => device["publicKey"] = json!("not a key"),
            "another's key" => device["publicKey"] = json!(other.public().spell()),
            "no nonce" => drop(device.as_object_mut().unwrap().remove("nonce")),
            "a blank nonce" => device["nonce"] = json!(" "),
            "another nonce" => device["nonce"] = json!("11111111-2222-4333-8444-555555555555"),
            "no signature" => device["signature"] = json!(""),
            "another's signature" => device["signature"] = json!(other.sign("x")),
            "another role" => params["role"] = json!("node"),
            "more scopes" => params["scopes"] = json!(["operator.read", "operator.admin"]),
            "another client" => params["client"]["id"] = json!("openclaw-ios"),
            "a later time" => device["signedAt"] = json!(device["signedAt"].as_u64().unwrap() + 1),
            _ => {}
        }
    };
    let table = [
        ("another's id", "device identity mismatch", "DEVICE_AUTH_DEVICE_ID_MISMATCH"),
        ("no key", "device identity mismatch", "DEVICE_AUTH_DEVICE_ID_MISMATCH"),
        ("another's key", "device identity mismatch", "DEVICE_AUTH_DEVICE_ID_MISMATCH"),
        ("stale", "device signature expired", "DEVICE_AUTH_SIGNATURE_EXPIRED"),
        ("future", "device signature expired", "DEVICE_AUTH_SIGNATURE_EXPIRED"),
        ("no nonce", "device nonce required", "DEVICE_AUTH_NONCE_REQUIRED"),
        ("a blank nonce", "device nonce required", "DEVICE_AUTH_NONCE_REQUIRED"),
        ("another nonce", "device nonce mismatch", "DEVICE_AUTH_NONCE_MISMATCH"),
        ("no signature", "device signature invalid", "DEVICE_AUTH_SIGNATURE_INVALID"),
        ("another's signature", "device signature invalid", "DEVICE_AUTH_SIGNATURE_INVALID"),
        ("another role", "device signature invalid", "DEVICE_AUTH_SIGNATURE_INVALID"),
        ("more scopes", "device signature invalid", "DEVICE_AUTH_SIGNATURE_INVALID"),
        ("another client", "device signature invalid", "DEVICE_AUTH_SIGNATURE_INVALID"),
        ("a later time", "device signature invalid", "DEVICE_AUTH_SIGNATURE_INVALID"),
    ];
    for (what, message, code) in table {
        let mut wire = Wire::open(gateway.port).await;
        match what {
            "stale" => wire.ts -= 121_000,
            "future" => wire.ts += 121_000,
            _ => {}
        }
        let params = Wire::params("operator", &["operator.read"], json!({ "token": TOKEN }));
        let mut params = wire.signed(&key, params);
        spoil(what, &mut params);
        let refused = wire.connect(params).await.unwrap_err();
        let said = refused["message"].as_str().unwrap().to_owned();
        assert_eq!(
            (&refused["code"], &refused["details"]["code"]),
            (&json!("INVALID_REQUEST"), &json!(code)),
            "{what}"
        );
        says(what, &said, message);
        assert_eq!(wire.closed().await, closed(1008, &said), "{what}");
    }
    assert!(contents(&home.state()) == before, "something was written");
}

/// The sentence that clients look for; where a clock is off, by how much and which.
fn says(what: &str, said: &str, message: &str) {
    let clock = match what {
        "stale" => " (its clock is 121 s behind the gateway's)",
        "future" if said.contains("s ahead of the gateway's") => &said[message.len()..],
        _ => "",
    };
    assert_eq!(said, format!("{message}{clock}"), "{what}");
    assert!(what != "future" || !clock.is_empty(), "{said}");
}

#[tokio::test]
async fn what_a_known_client_sends_wrongly_is_answered_and_the_socket_stays() {
    let (home, gateway) = gateway("");
    let mut wire = admin(&gateway).await;
    let before = contents(&home.state());
    let table = [
        (Message::text("hello"), "invalid", "invalid request frame: not JSON"),
        (Message::text(""), "invalid", "invalid request frame: not JSON"),
        (Message::binary(vec![0xff, 0x00]), "invalid", "invalid request frame: not JSON"),
        (
            Message::text(r#"{"type":"res","id":"7","ok":true}"#),
            "7",
            "invalid request frame: unknown",
        ),
        (Message::text(r#"{"type":"req","id":"7","method":""}"#), "7", "invalid request frame: "),
        (
            Message::text(r#"{"type":"req","id":"7","method":"config.set"}"#),
            "7",
            "unknown method: config.set",
        ),
        (
            Message::text(r#"{"type":"req","id":"7","method":"connect","params":{}}"#),
            "7",
            "unknown method: connect",
        ),
        (
            Message::text(r#"{"type":"req","id":"7","method":"device.pair.approve","params":[]}"#),
            "7",
            "invalid device.pair.approve params: ",
        ),
        (
            Message::text(
                r#"{"type":"req","id":"7","method":"device.pair.approve","params":{"requestId":7}}"#,
            ),
            "7",
            "invalid device.pair.approve params: ",
        ),
    ];
    for (message, id, text) in table {
        let shown = format!("{message:?}");
        wire.send(message).await.unwrap();
        let refused = wire.answer(id).await.unwrap_err();
        assert_eq!(refused["code"], "INVALID_REQUEST", "{shown}");
        assert!(refused["message"].as_str().unwrap().starts_with(text), "{shown}: {refused}");
    }
    wire.call("health", json!({})).await.unwrap();
    assert!(contents(&home.state()) == before, "something was written");
    let huge = wire.send(Message::text("x".repeat(25 * 1024 * 1024 + 1))).await;
    let (frames, close) = told(&mut wire).await;
    assert!(huge.is_err() || (frames.is_empty() && close.0 == 1009), "{close:?}");
}

#[tokio::test]
async fn a_client_that_keeps_calling_the_other_roles_methods_is_closed() {
    let (_home, gateway) = gateway("");
    let mut wire = admin(&gateway).await;
    for call in 0..11 {
        let refused = wire.call("node.event", json!({ "event": "x" })).await.unwrap_err();
        assert_eq!(refused["message"], "unauthorized role: operator", "{call}");
    }
    assert_eq!(wire.closed().await, closed(1008, "repeated unauthorized calls"));
}

#[tokio::test]
#[ignore = "long: waits for the handshake's whole time"]
async fn long_a_silent_client_is_closed_after_the_handshakes_time() {
    let (_home, gateway) = gateway("");
    let begun = std::time::Instant::now();
    let mut wire = Wire::open(gateway.port).await;
    assert_eq!(wire.closed().await.0, 1005);
    let took = begun.elapsed().as_millis();
    assert!((14_500..17_000).contains(&took), "{took} ms");
}
