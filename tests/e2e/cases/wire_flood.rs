//! Too many at the port: keys that nobody knows, sockets that say nothing, bodies that trickle, and readers that
//! do not read. What they take is bounded, and clients that belong here still come in.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::Message;

use super::{
    locality::page,
    sockets::{TOKEN, admin, gateway},
    wire_bad_input::contents,
};
use crate::{
    process::{Gateway, Home, PATIENCE, look_again},
    wire::{Key, PROXY, Wire, connect},
};

const MIB: u64 = 1024 * 1024;

/// What the gateway holds in memory.
fn resident(gateway: &Gateway) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", gateway.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
}

fn key(number: u32) -> Key {
    let mut seed = [3; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    Key::of(seed)
}

/// A device that is known: its key, its token, and its row.
fn known(number: u32) -> (Key, String, String) {
    let key = key(number);
    let token = format!("token-of-{number}");
    let row = json!({
        "deviceId": key.id(), "publicKey": key.public().spell(), "displayName": "x".repeat(if number == 0 { 8 } else { 60_000 }),
        "role": "operator", "roles": ["operator"], "scopes": ["operator.read"],
        "approvedScopes": ["operator.read"], "createdAtMs": 1, "approvedAtMs": 1,
        "tokens": { "operator": {
            "token": token, "role": "operator", "scopes": ["operator.read"], "createdAtMs": 1,
        } },
    });
    let row = format!("\"{}\":{row}", key.id());
    (key, token, row)
}

/// A gateway that believes its proxy, and knows so many devices.
fn crowded(devices: u32) -> (Home, Gateway) {
    let home = Home::new();
    home.configure(&format!(
        "[gateway]\ntrusted_proxies = [\"127.0.0.2\"]\nauth = {{ token = \"{TOKEN}\" }}\n"
    ));
    let mut rows = String::new();
    for number in 0..devices {
        let joint = if number == 0 { "" } else { ",\n" };
        write!(rows, "{joint}{}", known(number).2).unwrap();
    }
    home.put("devices/paired.json", &format!("{{{rows}}}"));
    let gateway = home.gateway("debug");
    (home, gateway)
}

/// A known device comes in from this address, and is answered.
async fn comes_in(gateway: &Gateway, from: &str) {
    let (key, token, _) = known(0);
    let mut wire = Wire::open_with(gateway.port, &[("x-forwarded-for", from)]).await;
    let params = Wire::params("operator", &["operator.read"], json!({ "deviceToken": token }));
    wire.connect(wire.signed(&key, params)).await.unwrap();
    wire.call("health", json!({})).await.unwrap();
}

/// The same in a crowd at its own address: pushed out before its proof was there, it comes back, as every client does.
async fn comes_in_at_last(gateway: &Gateway, from: &str) {
    let (key, token, _) = known(0);
    for _ in 0..20 {
        look_again().await;
        let from = [("x-forwarded-for", from)];
        let Some(mut wire) = Wire::try_open(gateway.port, &from).await else { continue };
        let auth = json!({ "deviceToken": token });
        let params = Wire::params("operator", &["operator.read"], auth);
        let connect = wire.signed(&key, params);
        let request = json!({ "type": "req", "id": "1", "method": "connect", "params": connect });
        if wire.send(Message::text(request.to_string())).await.is_err() {
            continue;
        }
        let Ok(answer) = wire.frame().await else { continue };
        assert_eq!(answer["ok"], true, "{answer}");
        return drop(wire.call("health", json!({})).await.unwrap());
    }
    panic!("kept out");
}

/// So many devices ask, each with a key of its own, fifty of each address.
async fn asked_by(keys: u32) {
    let (home, gateway) = crowded(1);
    comes_in(&gateway, "203.0.113.1").await;
    let before = resident(&gateway);
    let (mut waiting, mut refused) = (0, 0);
    for number in 0..keys {
        let place = number / 50;
        let from = format!("198.51.{}.{}", place / 250, 1 + place % 250);
        let mut wire = Wire::open_with(gateway.port, &[("x-forwarded-for", &from)]).await;
        let params = Wire::params("node", &[], json!({ "token": TOKEN }));
        let params = wire.signed(&key(1_000 + number), params);
        let told = wire.connect(params).await.unwrap_err();
        match told["code"].as_str().unwrap() {
            "NOT_PAIRED" => waiting += 1,
            "UNAVAILABLE" => {
                assert!(told["retryAfterMs"].as_u64().unwrap() > 0, "{told}");
                assert_eq!(wire.closed().await.0, 1008);
                refused += 1;
            }
            _ => panic!("{told}"),
        }
    }
    assert_eq!((waiting, refused), (64, keys - 64));
    comes_in(&gateway, "198.51.0.1").await;
    let grown = resident(&gateway).saturating_sub(before);
    assert!(grown < 24 * MIB, "{} KiB more", grown / 1024);
    let rows: Value = serde_json::from_str(&home.read("devices/pending.json")).unwrap();
    assert_eq!(rows.as_object().unwrap().len(), 64);
    let addresses = |row: &Value| row["remoteIp"].as_str().unwrap().to_owned();
    let mut by_address = BTreeMap::<_, u32>::new();
    for row in rows.as_object().unwrap().values() {
        *by_address.entry(addresses(row)).or_default() += 1;
    }
    assert!(by_address.values().all(|count| *count == 8), "{by_address:?}");
    let known: Value = serde_json::from_str(&home.read("devices/paired.json")).unwrap();
    assert_eq!(known.as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn case_103_fifteen_hundred_keys_ask_and_sixty_four_wait() {
    asked_by(1_500).await;
}

#[tokio::test]
#[ignore = "long: 10000 handshakes"]
async fn long_case_103_ten_thousand_keys_ask_and_sixty_four_wait() {
    asked_by(10_000).await;
}

/// Every file of the state folder, without what tells when a device was last there: its times, and in the log's
/// head which file that write has made.
async fn but_last_used(home: &Home) -> BTreeMap<String, String> {
    let home_path = home.state();
    let devices = home_path.join("devices/paired.json").display().to_string();
    let mut all = quiet(home).await;
    for (path, text) in &mut all {
        let Ok(mut json) = serde_json::from_str::<Value>(text) else { continue };
        if *path == devices {
            for row in json.as_object_mut().unwrap().values_mut() {
                row.as_object_mut().unwrap().remove("lastSeenAtMs");
                for token in row["tokens"].as_object_mut().unwrap().values_mut() {
                    token.as_object_mut().unwrap().remove("lastUsedAtMs");
                }
            }
        } else if path.ends_with("audit/head") {
            json["wrote"].as_object_mut().unwrap().remove("devices/paired.json");
        }
        *text = json.to_string();
    }
    // Made for that write, and held for it.
    for name in ["bootstrap", "paired", "pending"] {
        let lock = home_path.join(format!("devices/{name}.json.oc-lock"));
        all.remove(&lock.display().to_string());
    }
    all
}

/// Every file of the state folder at a moment when nothing is just being written.
async fn quiet(home: &Home) -> BTreeMap<String, String> {
    let until = Instant::now() + PATIENCE;
    loop {
        let all = contents(&home.state());
        let underway = |path: &String| {
            let name = path.rsplit('/').next().unwrap_or_default();
            name.contains(".json.") && !name.contains(".oc-lock") && !name.contains(".orig")
        };
        if !all.keys().any(underway) && all == contents(&home.state()) {
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
            return all.into_iter().map(|(path, bytes)| (path, text(bytes))).collect();
        }
        assert!(Instant::now() < until, "it writes without an end");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Sockets of one address that say nothing, half of them without even a head; a known device of that address is let
/// in among them.
async fn besieged(sockets: usize) {
    let (home, gateway) = crowded(1);
    comes_in(&gateway, "203.0.113.1").await;
    if sockets > 1_000 {
        // It lasts longer than a flush: the first one, which makes the imported file ours, is waited for.
        let flushed = async {
            while home.read("audit/head").is_empty() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), flushed).await.expect("a flush");
    }
    let (before, before_it) = (resident(&gateway), but_last_used(&home).await);
    let mut idle = Vec::new();
    for number in 0..sockets {
        let mut stream = connect((number % 2 == 1).then_some(PROXY), gateway.port).await;
        if number % 2 == 1 {
            let head = "GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                        sec-websocket-version: 13\r\nsec-websocket-key: \
                        dGhlIHNhbXBsZSBub25jZQ==\r\nx-forwarded-for: 203.0.113.1\r\n\r\n";
            stream.write_all(head.as_bytes()).await.unwrap();
        }
        idle.push(stream);
        if number % (sockets / 8) == 0 {
            comes_in_at_last(&gateway, "203.0.113.1").await;
        }
    }
    comes_in_at_last(&gateway, "203.0.113.1").await;
    let grown = resident(&gateway).saturating_sub(before);
    assert!(grown < 24 * MIB, "{} KiB more", grown / 1024);
    // The first one of that address has made room for the last.
    let mut first = idle.swap_remove(1);
    let mut unread = Vec::new();
    let ended = first.read_to_end(&mut unread);
    let ended = tokio::time::timeout(Duration::from_secs(5), ended).await.expect("an end");
    drop(ended);
    // When the known device was last there is written now and then, and nothing else.
    let after = but_last_used(&home).await;
    let other = |path: &&String| before_it.get(*path) != after.get(*path);
    let changed: Vec<_> = before_it.keys().chain(after.keys()).filter(other).collect();
    let both = |path: &String| (path.clone(), before_it.get(path), after.get(path));
    assert!(changed.is_empty(), "{:#?}", changed.into_iter().map(both).collect::<Vec<_>>());
}

#[tokio::test]
async fn case_103_three_hundred_silent_sockets_keep_nobody_out() {
    besieged(300).await;
}

#[tokio::test]
#[ignore = "long: 10000 sockets"]
async fn long_case_103_ten_thousand_silent_sockets_keep_nobody_out() {
    besieged(10_000).await;
}

#[tokio::test]
async fn case_103_a_crowd_behind_a_proxy_pushes_out_nobody_else_who_comes_through_it() {
    let (_home, gateway) = crowded(1);
    let (key, token, _) = known(0);
    let mut early = Wire::open_with(gateway.port, &[("x-forwarded-for", "203.0.113.1")]).await;
    let mut crowd = Vec::new();
    for _ in 0..100 {
        let from = [("x-forwarded-for", "198.51.100.1")];
        crowd.push(Wire::open_with(gateway.port, &from).await);
    }
    assert_eq!(crowd[0].closed().await.0, 1005, "it made room for its own");
    let params = Wire::params("operator", &["operator.read"], json!({ "deviceToken": token }));
    early.connect(early.signed(&key, params)).await.unwrap();
    early.call("health", json!({})).await.unwrap();
}

#[tokio::test]
async fn case_103_bodies_that_trickle_keep_nobody_out_and_one_for_nobody_is_not_read() {
    let (_home, gateway) = crowded(1);
    let head = |length: u64| {
        format!("POST /chat/send HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {length}\r\n\r\n")
    };
    let mut slow = Vec::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(("127.0.0.1", gateway.port)).await.unwrap();
        stream.write_all(head(1_000).as_bytes()).await.unwrap();
        stream.write_all(b"x").await.unwrap();
        slow.push(stream);
    }
    comes_in(&gateway, "203.0.113.1").await;
    let mut long = TcpStream::connect(("127.0.0.1", gateway.port)).await.unwrap();
    long.write_all(head(2 * MIB).as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    long.read_exact(&mut answer).await.unwrap();
    assert_eq!(String::from_utf8(answer).unwrap(), "HTTP/1.1 404", "without its body");
}

#[tokio::test]
async fn case_103_a_client_that_does_not_read_is_closed_and_holds_no_more_than_the_limit() {
    let (home, gateway) = crowded(25);
    let before = resident(&gateway);
    let mut slow = admin(&gateway).await;
    for _ in 0..200 {
        slow.ask("device.pair.list", json!({})).await;
    }
    home.logs("code=1008").await;
    let held = resident(&gateway).saturating_sub(before);
    assert!(held < 400 * MIB, "{} MiB", held / MIB);
    comes_in(&gateway, "203.0.113.1").await;
}

/// The head of a text frame that announces so much, and has a mask of zeros.
fn head(length: u64) -> Vec<u8> {
    [&[0x81, 0xff][..], &length.to_be_bytes(), &[0; 4]].concat()
}

#[tokio::test]
async fn case_137_the_unfinished_bodies_of_one_client_are_bounded_and_a_get_has_none() {
    let (_home, gateway) = gateway("");
    let before = resident(&gateway);
    let body = vec![b'x'; usize::try_from(MIB).unwrap() - 64];
    let mut open = Vec::new();
    for method in ["GET", "POST"] {
        for _ in 0..64 {
            let mut stream = TcpStream::connect(("127.0.0.1", gateway.port)).await.unwrap();
            let head = format!(
                "{method} /chat HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {}\r\n\r\n",
                body.len() + 1
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            // The gateway may have refused it meanwhile.
            drop(stream.write_all(&body).await);
            open.push(stream);
        }
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let grown = resident(&gateway).saturating_sub(before);
    assert!(grown < 56 * MIB, "{} KiB more", grown / 1024);
    drop(open);
}

#[tokio::test]
async fn case_137_the_unfinished_frames_of_one_client_are_bounded() {
    let (_home, gateway) = gateway("");
    let before = resident(&gateway);
    let mut unfinished = Vec::new();
    for number in 0..16 {
        let mut wire = admin(&gateway).await;
        wire.raw(&head(25 * MIB)).await.unwrap();
        let gone = async {
            for _ in 0..24 {
                wire.raw(&vec![b'x'; usize::try_from(MIB).unwrap()]).await?;
            }
            std::io::Result::Ok(())
        };
        let _gone = gone.await;
        if number > 1 {
            assert_eq!(wire.closed().await, (1013, "too many unfinished messages".to_owned()));
        }
        unfinished.push(wire);
    }
    let grown = resident(&gateway).saturating_sub(before);
    assert!(grown < 200 * MIB, "{} KiB more", grown / 1024);
    drop(unfinished);
    // What has gone holds nothing any more.
    let mut owner = admin(&gateway).await;
    let long = "x".repeat(usize::try_from(20 * MIB).unwrap());
    let refused = owner.call("no.such.method", json!({ "long": long })).await.unwrap_err();
    assert_eq!(refused["code"], "INVALID_REQUEST", "{refused}");
}

#[tokio::test]
#[ignore = "long: half a minute"]
async fn long_case_137_a_frame_that_does_not_end_in_half_a_minute_closes_its_socket() {
    let (_home, gateway) = gateway("");
    let mut wire = admin(&gateway).await;
    wire.raw(&head(1_000)).await.unwrap();
    let begun = Instant::now();
    let dribbling = async {
        loop {
            let _gone = wire.raw(b"x").await;
            if let Ok(frame) = tokio::time::timeout(Duration::from_secs(1), wire.frame()).await {
                match frame {
                    Ok(_) => {}
                    Err(closed) => return closed,
                }
            }
        }
    };
    let closed = tokio::time::timeout(Duration::from_mins(1), dribbling).await.expect("an end");
    assert_eq!(closed, (1008, "message took too long".to_owned()));
    assert!((25..40).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[tokio::test]
#[ignore = "long: half a minute"]
async fn long_case_137_nor_does_it_on_the_page() {
    use futures_util::StreamExt;
    let (_home, gateway) = gateway("[channels.webchat]\n");
    let (mut socket, _) = page(gateway.port, "203.0.113.1").await;
    let begun = Instant::now();
    socket.get_mut().write_all(&head(1_000)).await.unwrap();
    let closed = async {
        loop {
            if let Some(Ok(Message::Close(Some(frame)))) = socket.next().await {
                return (u16::from(frame.code), frame.reason.to_string());
            }
        }
    };
    let closed = tokio::time::timeout(Duration::from_mins(1), closed).await.expect("an end");
    assert_eq!(closed, (1008, "that took too long".to_owned()));
    assert!((25..40).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn case_103_the_open_port_needs_no_proxy_to_be_bounded() {
    let (_home, gateway) = gateway("");
    let mut idle = Vec::new();
    for _ in 0..200 {
        idle.push(TcpStream::connect(("127.0.0.1", gateway.port)).await.unwrap());
    }
    let mut owner = admin(&gateway).await;
    owner.call("health", json!({})).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn more_devices_than_one_answer_holds_end_no_socket_and_come_page_by_page() {
    let (home, gateway) = crowded(480);
    let mut owner = admin(&gateway).await;
    let refused = owner.call("device.pair.list", json!({})).await.unwrap_err();
    assert_eq!(refused["code"], "UNAVAILABLE", "{refused}");
    assert_eq!(refused["details"]["code"], "ANSWER_TOO_LONG", "{refused}");
    let (mut read, mut after) = (std::collections::BTreeSet::new(), json!(null));
    loop {
        let mut params = json!({ "limit": 100 });
        if after.is_string() {
            params["cursor"] = after;
        }
        let page = owner.call("device.pair.list", params).await.unwrap();
        let rows = page["paired"].as_array().unwrap();
        assert!(rows.len() <= 100);
        read.extend(rows.iter().map(|row| row["deviceId"].as_str().unwrap().to_owned()));
        after = page["nextCursor"].clone();
        if after.is_null() {
            break;
        }
        assert_eq!(page["total"], 480);
    }
    assert_eq!(read.len(), 480);
    for wrong in
        [json!({ "limit": 0 }), json!({ "limit": 1001 }), json!({ "limit": 5, "cursor": "x" })]
    {
        let refused = owner.call("device.pair.list", wrong).await.unwrap_err();
        assert_eq!(refused["code"], "INVALID_REQUEST", "{refused}");
    }
    let listed = home.cli(&["devices", "list", "--json"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed["paired"].as_array().unwrap().len(), 480);
}
