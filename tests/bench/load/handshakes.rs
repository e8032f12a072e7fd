//! Handshakes: of devices that are known, that are new, and that only make noise; and the owner's approvals.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    Loaded, SECRET,
    device::{COMMAND_LINE, Device, Guise, NODE, PHONE, bare},
    floor::Floor,
    junk,
    measure::{Process, Rows, say},
    wire::{From, HERE, Wire},
};

const ROUNDS: u64 = 2_000;
const NEW: u64 = 100;
const WAITING: u64 = 64;
const REFUSED: u64 = 1_000;
const APPROVALS: u64 = 40;
/// Numbers above belong to devices that nobody knows.
const STRANGERS: u64 = 1 << 32;

pub(crate) fn title(paired: u64) -> String {
    format!("handshake, {paired} paired, ")
}

/// What the same libraries take.
pub(crate) async fn floor(rows: &Rows, floor: &Floor) {
    let (port, process) = (floor.port, floor.process());
    for (name, at_once) in [("one after the other", 1), ("eight at once", 8)] {
        let name = format!("floor, handshake, {name}");
        if rows.wants(&name) {
            known(&name, (port, process), COMMAND_LINE, (10, at_once)).await;
        }
    }
}

/// All rows with so many devices.
pub(crate) async fn all(paired: u64) {
    let loaded = Loaded::start(paired);
    let at = (loaded.port(), loaded.process());
    let title = title(paired);
    let row = |what: &str| format!("{title}{what}");
    known(&row("known, signs v3"), at, COMMAND_LINE, (paired, 1)).await;
    known(&row("known, signs v2"), at, PHONE, (paired, 1)).await;
    known(&row("known, a node"), at, NODE, (paired, 1)).await;
    known(&row("known, eight at once"), at, COMMAND_LINE, (paired, 8)).await;
    let fresh = STRANGERS + paired;
    new(&row("new, let in by the shared secret"), at, fresh..fresh + NEW).await;
    approvals(&format!("approval, {paired} paired"), at).await;
    let waiting = 2 * STRANGERS..2 * STRANGERS + WAITING;
    noise(Some(&row("new, has to wait")), at, waiting, "NOT_PAIRED").await;
    known(&row("known, while 64 wait"), at, COMMAND_LINE, (paired, 1)).await;
    let refused = 3 * STRANGERS..3 * STRANGERS + REFUSED;
    noise(Some(&row("new, refused, while 64 wait")), at, refused, "UNAVAILABLE").await;
    let refused = 4 * STRANGERS..4 * STRANGERS + REFUSED;
    let noisy = row("known, while 64 wait and 1000 are refused");
    tokio::join!(
        noise(None, at, refused, "UNAVAILABLE"),
        known(&noisy, at, COMMAND_LINE, (paired, 1)),
    );
    junk::beside(paired, at, 6 * STRANGERS).await;
}

pub(crate) type At = (u16, Process);

/// One after the other, or some at once, of `count` devices that are known.
pub(crate) async fn known(name: &str, (port, process): At, guise: Guise, count: (u64, u64)) {
    let (devices, at_once) = count;
    let devices = devices.min(ROUNDS);
    let devices: Vec<Device> = (0..devices).map(Device::number).collect();
    for device in devices.iter().take(50) {
        enter(port, device, guise).await;
    }
    let (begun, before) = (Instant::now(), process.used());
    let share = async |first: u64| {
        let mut took = Vec::new();
        for round in (first..ROUNDS).step_by(usize::try_from(at_once).unwrap()) {
            let device = &devices[usize::try_from(round).unwrap() % devices.len()];
            took.push(enter(port, device, guise).await);
        }
        took
    };
    let took = futures_util::future::join_all((0..at_once).map(share)).await.concat();
    let (all, used) = (begun.elapsed(), process.used_since(before));
    say(name, took, all, used);
}

/// From the connection to the hello.
async fn enter(port: u16, device: &Device, guise: Guise) -> Duration {
    let begun = Instant::now();
    let mut wire = Wire::open(port, HERE).await;
    wire.send(device.connect(guise, Some(&device.token), &wire.nonce, wire.at)).await;
    let answer = wire.answer().await;
    let took = begun.elapsed();
    assert!(answer.contains(r#""ok":true"#), "{answer}");
    took
}

async fn new(name: &str, (port, process): At, devices: std::ops::Range<u64>) {
    let (begun, before) = (Instant::now(), process.used());
    let mut took = Vec::new();
    for device in devices.map(Device::number) {
        let begun = Instant::now();
        let mut wire = Wire::open(port, HERE).await;
        wire.send(device.connect(COMMAND_LINE, Some(SECRET), &wire.nonce, wire.at)).await;
        let answer = wire.answer().await;
        took.push(begun.elapsed());
        assert!(answer.contains(r#""deviceToken""#), "{answer}");
    }
    say(name, took, begun.elapsed(), process.used_since(before));
}

/// Devices from elsewhere that know the secret, eight of each address: each gets this error.
async fn noise(
    name: Option<&str>,
    (port, process): At,
    devices: std::ops::Range<u64>,
    error: &str,
) {
    let (begun, before) = (Instant::now(), process.used());
    let mut took = Vec::new();
    for (at, device) in (0_u64..).zip(devices.map(Device::number)) {
        let begun = Instant::now();
        let answer = knock(port, &device, u8::try_from(2 + at / 8 % 200).unwrap()).await;
        took.push(begun.elapsed());
        assert_eq!(answer["error"]["code"], error, "{answer}");
    }
    if let Some(name) = name {
        say(name, took, begun.elapsed(), process.used_since(before));
    }
}

/// A device from elsewhere asks for a node's place.
pub(crate) async fn knock(port: u16, device: &Device, last: u8) -> Value {
    let mut wire = Wire::open(port, From { last, proxied: true }).await;
    wire.send(device.connect(NODE, Some(SECRET), &wire.nonce, wire.at)).await;
    serde_json::from_str(&wire.answer().await).unwrap()
}

/// `device.pair.approve` of one who has just asked, by an operator on this machine.
async fn approvals(name: &str, (port, process): At) {
    const ADMIN: Guise = Guise { scopes: &["operator.admin"], ..COMMAND_LINE };
    let mut owner = Wire::open(port, HERE).await;
    owner.send(bare(ADMIN, SECRET)).await;
    let hello = owner.answer().await;
    assert!(hello.contains(r#""ok":true"#), "{hello}");
    let mut took = Vec::new();
    let mut used = Duration::ZERO;
    for number in 5 * STRANGERS..5 * STRANGERS + APPROVALS {
        let answer = knock(port, &Device::number(number), 250).await;
        let request = &answer["error"]["details"]["requestId"];
        assert!(request.is_string(), "{answer}");
        let params = json!({ "requestId": request });
        let (begun, before) = (Instant::now(), process.used());
        let call =
            json!({ "type": "req", "id": "2", "method": "device.pair.approve", "params": params });
        owner.send(call.to_string()).await;
        let answer = owner.answer().await;
        took.push(begun.elapsed());
        used += process.used_since(before);
        assert!(answer.contains(r#""ok":true"#), "{answer}");
    }
    let all = took.iter().sum();
    say(name, took, all, used);
}
