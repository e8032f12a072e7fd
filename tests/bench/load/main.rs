//! The gateway under load: handshakes, approvals, idle sockets, round trips, broadcasts, and the floor of them all.
//!
//! `cargo bench --bench load`, or `cargo bench --bench load -- idle` for the rows whose name has that word. It starts
//! the real program on a folder of its own, speaks over loopback only, and ends by itself after some minutes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a bench that fails has nothing to tell"
)]
#![allow(clippy::print_stdout, reason = "its figures are what it is for")]

mod device;
mod floor;
mod handshakes;
mod idle;
mod junk;
mod measure;
#[allow(dead_code, reason = "a bench uses a part of it")]
#[path = "../../e2e/process.rs"]
mod process;
mod wire;

use std::fmt::Write;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use self::{
    device::Device,
    floor::Floor,
    measure::{Process, Rows},
    process::{Gateway, Home},
};

/// The shared secret.
const SECRET: &str = "a-shared-secret-of-the-load-program";
const PAIRED: [u64; 3] = [10, 1_000, 100_000];

fn main() {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let wanted = wanted.unwrap_or_default();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if wanted == floor::WORD {
        return runtime.enable_all().build().unwrap().block_on(floor::serve());
    }
    // The gateway gets the rest of the machine.
    let runtime = runtime.worker_threads(1).enable_all().build().unwrap();
    let rows = Rows { wanted };
    measure::head();
    runtime.block_on(async {
        let floor = Floor::start();
        handshakes::floor(&rows, &floor).await;
        idle::floor(&rows, &floor).await;
        drop(floor);
        for paired in PAIRED {
            if rows.wants(&handshakes::title(paired)) {
                handshakes::all(paired).await;
            }
        }
        idle::all(&rows).await;
    });
}

/// A gateway, and how many devices it knows.
struct Loaded {
    home: Home,
    gateway: Gateway,
}

impl Loaded {
    fn start(paired: u64) -> Self {
        let home = Home::new();
        home.configure(&format!("[gateway]\nauth = {{ token = \"{SECRET}\" }}\n"));
        let mut rows = String::from("{");
        for number in 0..paired {
            let joint = if number == 0 { "" } else { "," };
            write!(rows, "{joint}\n{}", Device::number(number).row()).unwrap();
        }
        rows += "\n}\n";
        home.put("devices/paired.json", &rows);
        let gateway = home.gateway("warn");
        Self { home, gateway }
    }

    fn process(&self) -> Process {
        Process(self.gateway.pid().as_raw())
    }

    fn port(&self) -> u16 {
        self.gateway.port
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        let logged = self.home.logged();
        let lines: Vec<&str> = logged.lines().filter(|line| !line.contains("refused")).collect();
        if !lines.is_empty() {
            println!("the gateway has logged:\n{}", lines[..lines.len().min(5)].join("\n"));
        }
    }
}
