//! A disk that needs 300 ms for every sync: strangers' writes are made together, and nobody else waits for them.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{OWNED, sockets::TOKEN};
use crate::{
    fake_telegram::{person, private},
    preload::{self, Fault, Rule},
    wire::{Key, Wire},
    world::World,
};

const SYNC: u32 = 300;
const STRANGERS: i64 = 30;
const GUEST: i64 = 4711;
/// A few syncs take a second or two; one after the other, the strangers take 30 s. The rest is for a loaded machine.
const SOON: Duration = Duration::from_secs(10);

/// A gateway on such a disk, and where its calls are written down. Guests are the 4711 and the 30 numbers behind it.
async fn slow() -> (World, PathBuf) {
    let guests: Vec<_> = (GUEST..=GUEST + STRANGERS).map(|id| format!("\"{id}\"")).collect();
    let listed = format!("[channels.telegram]\nallow_from = [{}]", guests.join(", "));
    let config = OWNED.replace("[channels.telegram]", &listed);
    let mut world = World::prepare(&format!("[gateway.auth]\ntoken = \"{TOKEN}\"\n{config}")).await;
    let mut command = world.home.program(&["gateway", "run", "--port", "0"]);
    let (call, path) = ("sync", "/".to_owned());
    let every = Rule { call, path, from: 1, times: 0, fault: Fault::Delay(SYNC) };
    preload::inject(&mut command, &[every]);
    let trace = world.home.state().with_file_name("trace");
    preload::trace(&mut command, &world.home.state(), &trace);
    world.gateway = Some(world.home.started(command, "info"));
    (world, trace)
}

/// All of this is in one answer of Telegram's.
fn at_once(world: &World, messages: impl IntoIterator<Item = (i64, String)>) {
    world.telegram.with(|state| {
        for (id, text) in messages {
            let text = json!({ "text": text });
            let message = state.message(private(id), person(id, "x"), text);
            state.announce(json!({ "message": message }));
        }
    });
}

/// A device connects: how long that took, and the token that it was given.
async fn connected(world: &World, auth: Value) -> (Duration, String) {
    let begun = Instant::now();
    let mut wire = Wire::open(world.gateway.as_ref().unwrap().port).await;
    let params = Wire::params("operator", &["operator.read"], auth);
    let hello = wire.connect(wire.signed(&Key::new(7), params)).await.unwrap();
    let token = hello["auth"]["deviceToken"].as_str().unwrap_or_default().to_owned();
    (begun.elapsed(), token)
}

fn syncs(world: &World, trace: &std::path::Path, path: &str) -> usize {
    let points = preload::points(trace, &world.home.state());
    points.iter().filter(|point| point.call == "sync" && point.path == path).count()
}

/// Thirty strangers write this, and then a guest: the guest's answer comes soon, and a device connects meanwhile.
async fn strangers_write(text: &str) {
    let (mut world, trace) = slow().await;
    let (_, token) = connected(&world, json!({ "token": TOKEN })).await;
    let known = json!({ "deviceToken": token });
    let path = "credentials/telegram-pairing.json.oc-";
    let strangers = (0..STRANGERS).map(|n| (6_000_000 + n, text.to_owned()));
    at_once(&world, strangers.chain([(GUEST, "still there?".to_owned())]));
    let begun = Instant::now();
    let (busy, _) = connected(&world, known).await;
    assert!(world.next(GUEST).await.ends_with("still there?"));
    let waited = begun.elapsed();
    assert!(waited < SOON, "the guest waited {waited:?}");
    assert!(busy < SOON, "a device connected in {busy:?}");
    world.telegram.until("all is acknowledged", |state| state.updates.is_empty()).await;
    let syncs = syncs(&world, &trace, path);
    assert!((1..=3).contains(&syncs), "{syncs}");
    let waiting = world.home.read("credentials/telegram-pairing.json").matches("\"code\"").count();
    assert_eq!(waiting, 3);
    world.stop();
    assert!(world.home.cli(&["audit", "verify"]).status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_waits_for_no_stranger_on_a_slow_disk() {
    strangers_write("let me in").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_waits_for_no_wrong_claim_on_a_slow_disk() {
    strangers_write("/claim ABCD-EFGH-JKLM").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_wait_for_the_disk_together() {
    let (mut world, trace) = slow().await;
    let guests = GUEST + 1..=GUEST + STRANGERS;
    at_once(&world, guests.clone().map(|id| (id, format!("{id} first"))));
    at_once(&world, guests.clone().map(|id| (id, format!("{id} second"))));
    let begun = Instant::now();
    for id in guests {
        assert!(world.next(id).await.ends_with(&format!("{id} first")));
        assert!(world.next(id).await.ends_with(&format!("{id} second")));
    }
    let waited = begun.elapsed();
    world.telegram.until("all is acknowledged", |state| state.updates.is_empty()).await;
    let syncs = syncs(&world, &trace, "inbox/telegram-default.jsonl");
    eprintln!("guests {waited:?}, {syncs} syncs");
    // One for each message taken on, and one for each answer, would be 120.
    assert!(syncs < 60, "{syncs}");
    world.stop();
}
