//! What was taken away while a call, a connect or a message waited for the store's lock decides nothing any more.

use std::{
    fs::File,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{OWNED, reload::changed, sockets};
use crate::{
    process::{Home, texts},
    wire::{Key, Wire},
    world::{World, number},
};

const OWNER: i64 = 1001;

/// The writer's lock of a state folder, until it is dropped.
fn hold(home: &Home) -> File {
    let path = home.state().join("audit/access.jsonl.oc-lock");
    let lock = File::options().create(true).append(true).open(path).unwrap();
    lock.lock().unwrap();
    lock
}

fn lines(home: &Home) -> Vec<Value> {
    let log = home.read("audit/access.jsonl");
    log.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Until calls that were sent wait for the lock.
async fn a_while() {
    tokio::time::sleep(Duration::from_millis(400)).await;
}

/// A local device with all rights, by its own token.
async fn device(port: u16, key: &Key) -> Wire {
    let mut wire = Wire::open(port).await;
    let shared = json!({ "token": sockets::TOKEN });
    let params = wire.signed(key, Wire::params("operator", &sockets::ALL, shared));
    let hello = wire.connect(params).await.unwrap();
    let own = json!({ "deviceToken": hello["auth"]["deviceToken"] });
    let mut wire = Wire::open(port).await;
    let params = wire.signed(key, Wire::params("operator", &sockets::ALL, own));
    wire.connect(params).await.unwrap();
    wire
}

#[tokio::test]
async fn case_123_calls_in_flight_of_a_device_that_has_lost_its_rights_change_nothing() {
    let (home, gateway) = sockets::gateway("");
    let other = Key::new(2);
    let _other = device(gateway.port, &other).await;
    let losses = [
        ("device.pair.remove", "device-remove"),
        ("device.token.rotate", "token-rotate"),
        ("device.token.revoke", "token-revoke"),
    ];
    let mut seeds = 10..;
    for (method, action) in losses {
        let key = Key::new(seeds.next().unwrap());
        let mut wire = device(gateway.port, &key).await;
        let lock = hold(&home);
        wire.ask(method, json!({ "deviceId": key.id(), "role": "operator" })).await;
        a_while().await;
        for call in 0..60 {
            let label = format!("{action} {call}");
            wire.ask("device.pair.rename", json!({ "deviceId": other.id(), "label": label })).await;
        }
        wire.ask("voicewake.set", json!({ "triggers": [action] })).await;
        a_while().await;
        drop(lock);
        assert_eq!(wire.closed().await.0, 4001, "{method}");
        a_while().await;
        let (lines, actor) = (lines(&home), format!("device:{}", key.id()));
        let gone = lines.iter().rposition(|line| line["action"] == action).unwrap();
        let late = lines[gone + 1..].iter().filter(|line| line["actor"] == actor);
        assert_eq!(late.count(), 0, "{lines:#?}");
        assert!(!home.read("settings/voicewake.json").contains(action));
    }
    assert!(gateway.stop().success());
}

#[tokio::test]
async fn case_124_a_connect_that_waits_while_the_shared_token_changes_is_not_paired() {
    let (home, gateway) = sockets::gateway("");
    let mut admin = sockets::admin(&gateway).await;
    let (fresh, known) = (Key::new(1), Key::new(2));
    let mut paired = Wire::open(gateway.port).await;
    let shared = json!({ "token": sockets::TOKEN });
    let params = paired.signed(&known, Wire::params("operator", &sockets::ALL, shared));
    // It has never shown its token, so it is given another one when it comes again.
    paired.connect(params).await.unwrap();
    let first = home.read("config.toml");
    let other = first.replace(sockets::TOKEN, "another-token-of-the-same-gateway");
    let mut connecting = Vec::new();
    let lock = hold(&home);
    for key in [&fresh, &known] {
        let mut wire = Wire::open(gateway.port).await;
        let shared = json!({ "token": sockets::TOKEN });
        let params = wire.signed(key, Wire::params("operator", &sockets::ALL, shared));
        let id = wire.ask("connect", params).await;
        connecting.push((wire, id));
    }
    let label = json!({ "deviceId": known.id(), "label": "by the old token" });
    admin.ask("device.pair.rename", label).await;
    a_while().await;
    let before = home.read("devices/paired.json");
    changed(&home, &other, "configuration reloaded").await;
    drop(lock);
    for (wire, id) in &mut connecting {
        let refused = wire.answer(id).await.unwrap_err();
        assert_eq!(refused["code"], "UNAVAILABLE", "{refused}");
    }
    assert_eq!(admin.closed().await.0, 4001);
    assert!(!home.read("devices/paired.json").contains(&fresh.id()));
    assert_eq!(home.read("devices/paired.json"), before, "nobody got a token, or a name");
    assert!(gateway.stop().success());
}

#[tokio::test]
async fn case_123_an_owner_who_was_removed_while_their_decision_waited_decides_nothing() {
    let mut world = World::start(OWNED).await;
    let ann = number("ann");
    world.say("ann", "hello").await;
    let told = world.next(ann).await;
    let code = told.split_whitespace().find(|word| word.len() == 8 && *word == word.to_uppercase());
    let code = code.unwrap().to_owned();
    world.next(OWNER).await;
    let first = world.home.read("config.toml");
    let other = first.replace("telegram:1001", "telegram:1002");
    assert_ne!(first, other);
    let lock = hold(&world.home);
    world.say("owner", &format!("/pairing approve {code}")).await;
    a_while().await;
    changed(&world.home, &other, "configuration reloaded").await;
    drop(lock);
    a_while().await;
    let told = world.unread(OWNER).join(" ");
    assert!(!told.contains("Approved"), "{told}");
    assert!(!world.home.read("credentials/telegram-default-allowFrom.json").contains("ann"));
    assert!(lines(&world.home).iter().all(|line| line["action"] != "approve"));
    world.stop();
}

/// The words of an answer that does not end, before and after the flag is set.
const WORDS: [&str; 2] = ["soon", "late"];

/// Says one word after the other, until nobody listens.
async fn speak(mut stream: TcpStream, is_late: Arc<AtomicBool>) -> std::io::Result<()> {
    let _asked = stream.read(&mut [0; 8 * 1024]).await?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n").await?;
    loop {
        let word = WORDS[usize::from(is_late.load(Ordering::SeqCst))];
        let piece = json!({ "choices": [{ "delta": { "content": format!("{word} ") } }] });
        stream.write_all(format!("data: {piece}\n\n").as_bytes()).await?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// An assistant that speaks like this while the set is there, and its configuration.
async fn endless(is_late: &Arc<AtomicBool>) -> (JoinSet<()>, String) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let at = listener.local_addr().unwrap();
    let is_late = Arc::clone(is_late);
    let mut assistant = JoinSet::new();
    assistant.spawn(async move {
        let mut answers = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            answers.spawn(speak(stream, Arc::clone(&is_late)));
        }
    });
    let config = format!(
        "[assistant]\nresponder = \"openai\"\n[assistant.openai]\nbase_url = \"http://{at}/v1\"\nmodel = \"m\"\n"
    );
    (assistant, config)
}

/// Asks, and waits until the answer flows.
async fn answered(wire: &mut Wire) {
    let params = json!({ "sessionKey": "main", "message": "go on", "idempotencyKey": "r" });
    wire.call("chat.send", params).await.unwrap();
    while !wire.event("chat").await.to_string().contains(WORDS[0]) {}
}

/// Nothing comes any more but what was said before, and the end.
async fn cut(wire: &mut Wire, what: &str) {
    let closed = loop {
        match wire.frame().await {
            Ok(frame) => assert!(!frame.to_string().contains(WORDS[1]), "{what}: {frame}"),
            Err(closed) => break closed,
        }
    };
    assert_eq!(closed.0, 4001, "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_133_a_streaming_answer_to_a_device_ends_with_its_removal() {
    let is_late = Arc::new(AtomicBool::new(false));
    let (_assistant, config) = endless(&is_late).await;
    let (home, gateway) = sockets::gateway(&config);
    let mut seeds = 20..;
    let (door, away) = (home.state().join("run/gateway.sock"), home.state().join("run/away"));
    for loss in ["remove", "revoke", "rotate"] {
        let key = Key::new(seeds.next().unwrap());
        let id = key.id();
        let mut wire = device(gateway.port, &key).await;
        is_late.store(false, Ordering::SeqCst);
        answered(&mut wire).await;
        // A command line that does not find the gateway changes the files itself.
        std::fs::rename(&door, &away).unwrap();
        let done = home.cli(&match loss {
            "remove" => vec!["devices", loss, &id],
            _ => vec!["devices", loss, "--device", &id, "--role", "operator"],
        });
        is_late.store(true, Ordering::SeqCst);
        let (out, said) = texts(&done);
        assert!(done.status.success() && said.contains("working on the files"), "{out}{said}");
        cut(&mut wire, loss).await;
        std::fs::rename(&away, &door).unwrap();
    }
    let mut admin = sockets::admin(&gateway).await;
    for loss in ["device.pair.remove", "device.token.revoke", "device.token.rotate"] {
        let key = Key::new(seeds.next().unwrap());
        let mut wire = device(gateway.port, &key).await;
        is_late.store(false, Ordering::SeqCst);
        answered(&mut wire).await;
        let params = json!({ "deviceId": key.id(), "role": "operator" });
        admin.call(loss, params).await.unwrap();
        is_late.store(true, Ordering::SeqCst);
        cut(&mut wire, loss).await;
    }
    is_late.store(false, Ordering::SeqCst);
    let mut wire = sockets::admin(&gateway).await;
    answered(&mut wire).await;
    let other = home.read("config.toml").replace(sockets::TOKEN, "another-token-of-the-gateway-01");
    changed(&home, &other, "configuration reloaded").await;
    is_late.store(true, Ordering::SeqCst);
    cut(&mut wire, "another shared secret").await;
    assert!(gateway.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn case_133_what_waits_for_a_slow_device_is_dropped_with_its_rights() {
    let is_late = Arc::new(AtomicBool::new(false));
    let (_assistant, config) = endless(&is_late).await;
    let (home, gateway) = sockets::gateway(&config);
    let mut admin = sockets::admin(&gateway).await;
    for (seed, surface) in [(30, "rpc"), (31, "files")] {
        let key = Key::new(seed);
        let mut wire = device(gateway.port, &key).await;
        is_late.store(false, Ordering::SeqCst);
        for n in 0..12 {
            let run = format!("r{n}");
            let message = "x".repeat(15_000);
            let params =
                json!({ "sessionKey": "main", "message": message, "idempotencyKey": &run });
            wire.call("chat.send", params).await.unwrap();
            while wire.event("chat").await["payload"]["runId"] != run {}
            wire.call("chat.abort", json!({ "sessionKey": "main" })).await.unwrap();
        }
        answered(&mut wire).await;
        // Nothing is read from here: what is sent fills the socket, and then waits for it.
        for _ in 0..80 {
            wire.ask("chat.history", json!({ "sessionKey": "main" })).await;
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        is_late.store(true, Ordering::SeqCst);
        a_while().await;
        a_while().await;
        if surface == "rpc" {
            let params = json!({ "deviceId": key.id() });
            admin.call("device.pair.remove", params).await.unwrap();
        } else {
            let door = home.state().join("run/gateway.sock");
            std::fs::rename(&door, home.state().join("run/away")).unwrap();
            let done = home.cli(&["devices", "remove", &key.id()]);
            assert!(done.status.success(), "{:?}", texts(&done));
        }
        cut(&mut wire, surface).await;
    }
    assert!(gateway.stop().success());
}
