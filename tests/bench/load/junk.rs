//! A known device, with and without a client that only makes noise. The gateway has one processor to itself and this
//! program the other one, so that the figures are the gateway's.

use std::{process::Command, time::Duration};

use tokio::time::{MissedTickBehavior, interval};

use super::{
    device::{COMMAND_LINE, Device},
    handshakes::{At, knock, known},
    idle::trips,
    measure::Process,
};

/// So many strangers a second, each with a key of its own, from two hundred addresses; all are refused, since 64 wait.
const A_SECOND: u32 = 200;

/// The rows of one gateway. Devices from `strangers` on are unknown to it.
pub(crate) async fn beside(paired: u64, at: At, strangers: u64) {
    let own = Process(std::process::id().cast_signed());
    if !(pin(at.1, "0") && pin(own, "1")) {
        println!("junk: `taskset` is missing, or there is one processor: left out");
        return;
    }
    for (noise, when) in [(false, "alone"), (true, "while 200 strangers a second are refused")] {
        let rows = async {
            let title = format!("handshake, {paired} paired, known, {when}");
            known(&title, at, COMMAND_LINE, (paired, 1)).await;
            let title = format!("round trip, {paired} paired, {when}");
            trips(&title, (at.0, at.1.0), &Device::number(0)).await;
        };
        let (begun, before) = (std::time::Instant::now(), at.1.used());
        tokio::select! {
            () = rows => {}
            () = strangers_come(at.0, strangers), if noise => {}
        }
        let part = at.1.used_since(before).as_secs_f64() / begun.elapsed().as_secs_f64();
        println!("the gateway's processor was busy for {:.0} % of that time", part * 100.0);
    }
    pin(at.1, "0-1");
    pin(own, "0-1");
}

/// Until nobody listens any more.
async fn strangers_come(port: u16, first: u64) {
    let mut clock = interval(Duration::from_secs(1) / A_SECOND);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0_u64.. {
        clock.tick().await;
        let from = u8::try_from(2 + number / 8 % 200).unwrap();
        let answer = knock(port, &Device::number(first + number), from).await;
        assert_eq!(answer["error"]["code"], "UNAVAILABLE", "{answer}");
    }
}

/// Binds all threads of a process to some processors.
fn pin(process: Process, to: &str) -> bool {
    let pid = process.0.to_string();
    Command::new("taskset")
        .args(["-acp", to, &pid])
        .output()
        .is_ok_and(|done| done.status.success())
}
