//! Sockets that are there: what one holds in memory, how fast one is answered, and how soon all have heard something.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::mpsc, task::JoinSet};

use super::{
    Loaded, SECRET,
    device::{COMMAND_LINE, Device, NODE},
    floor::Floor,
    measure::{Process, Rows, ms, say},
    wire::{From, HERE, Wire},
};

const TRIPS: usize = 20_000;
const MANY: u64 = 5_000;
const EVENTS: u64 = 5;

/// Round trips over one socket, answered with next to nothing.
pub(crate) async fn floor(rows: &Rows, floor: &Floor) {
    let name = "floor, round trip";
    if rows.wants(name) {
        trips(name, (floor.port, floor.process().0), &Device::number(0)).await;
    }
}

/// Round trips, then idle sockets, then an event for all of them.
pub(crate) async fn all(rows: &Rows) {
    if rows.wants("round trip, health") {
        let loaded = Loaded::start(10);
        let at = (loaded.port(), loaded.process().0);
        trips("round trip, health", at, &Device::number(0)).await;
    }
    for sockets in [500, MANY] {
        let name = format!("idle, {sockets} sockets");
        if rows.wants(&name) {
            idle(&name, sockets).await;
        }
    }
    let name = format!("broadcast, {MANY} sockets");
    if rows.wants(&name) {
        broadcast(&name).await;
    }
}

async fn entered(port: u16, device: &Device) -> Wire {
    let mut wire = Wire::open(port, HERE).await;
    wire.send(device.connect(COMMAND_LINE, Some(&device.token), &wire.nonce, wire.at)).await;
    let answer = wire.answer().await;
    assert!(answer.contains(r#""ok":true"#), "{answer}");
    wire
}

pub(crate) async fn trips(name: &str, (port, pid): (u16, i32), device: &Device) {
    let mut wire = entered(port, device).await;
    let process = Process(pid);
    let (begun, before) = (Instant::now(), process.used());
    let mut took = Vec::with_capacity(TRIPS);
    for _ in 0..TRIPS {
        let begun = Instant::now();
        wire.send(r#"{"type":"req","id":"7","method":"health"}"#).await;
        let answer = wire.answer().await;
        took.push(begun.elapsed());
        debug_assert!(answer.contains(r#""ok":true"#), "{answer}");
    }
    say(name, took, begun.elapsed(), process.used_since(before));
}

async fn idle(name: &str, sockets: u64) {
    let loaded = Loaded::start(sockets);
    // What a first socket brings along is not the sockets'.
    drop(entered(loaded.port(), &Device::number(0)).await);
    let before = loaded.process().resident();
    let mut wires = Vec::new();
    for number in 0..sockets {
        wires.push(entered(loaded.port(), &Device::number(number)).await);
    }
    let grown = loaded.process().resident() - before;
    let each = grown / sockets;
    println!("{name:<58} {each} bytes each, {} MiB in all", grown / (1024 * 1024));
    drop(wires);
}

/// A device asks, and everybody who may approve it hears of it.
async fn broadcast(name: &str) {
    let loaded = Loaded::start(MANY);
    let (port, process) = (loaded.port(), loaded.process());
    let (heard, mut news) = mpsc::unbounded_channel();
    let mut listeners = JoinSet::new();
    let heard = Arc::new(heard);
    for number in 0..MANY {
        let mut wire = entered(port, &Device::number(number)).await;
        let heard = Arc::clone(&heard);
        listeners.spawn(async move {
            while let Some(text) = wire.text().await {
                if text.contains(r#""device.pair.requested""#) {
                    let _ = heard.send(Instant::now());
                }
            }
        });
    }
    let mut took = Vec::new();
    let (begun, before) = (Instant::now(), process.used());
    for number in 0..EVENTS {
        let device = Device::number(u64::MAX - number);
        let begun = Instant::now();
        let mut wire = Wire::open(port, From { last: 2, proxied: true }).await;
        wire.send(device.connect(NODE, Some(SECRET), &wire.nonce, wire.at)).await;
        let mut last = begun;
        for count in 0..MANY {
            let next = tokio::time::timeout(Duration::from_secs(20), news.recv()).await;
            let next = next.unwrap_or_else(|_| panic!("only {count} of {MANY} have heard it"));
            last = last.max(next.unwrap());
        }
        took.push(last - begun);
    }
    say(name, took.clone(), begun.elapsed(), process.used_since(before));
    let (fastest, slowest) = (took.iter().min().unwrap(), took.iter().max().unwrap());
    println!("{name}: the last has it after {} to {}", ms(*fastest), ms(*slowest));
    listeners.abort_all();
}
