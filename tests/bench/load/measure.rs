//! What is measured, and how it is said: times of each round, and what the measured process used.

use std::{fs, process::id, time::Duration};

/// A process that is measured.
#[derive(Clone, Copy)]
pub(crate) struct Process(pub(crate) i32);

impl Process {
    /// What it has used of the processors, in ticks of ten milliseconds.
    pub(crate) fn used(self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).unwrap();
        let rest = stat.rsplit_once(')').unwrap().1;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 10)
    }

    /// What it has used since.
    pub(crate) fn used_since(self, before: Duration) -> Duration {
        self.used().saturating_sub(before)
    }

    /// What it holds in memory, in bytes.
    pub(crate) fn resident(self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
    }
}

/// The rows whose name holds a word.
pub(crate) struct Rows {
    pub(crate) wanted: String,
}

impl Rows {
    pub(crate) fn wants(&self, name: &str) -> bool {
        name.contains(&self.wanted)
    }
}

pub(crate) fn head() {
    let load = fs::read_to_string("/proc/loadavg").unwrap();
    println!("this process: {}; load of this machine: {}", id(), load.trim());
    println!("{:<58} {:>9} {:>9} {:>9} {:>9}", "", "a second", "p50", "p99", "CPU each");
}

/// A row of rounds that took so long each, in `all` together, and what the process used.
pub(crate) fn say(name: &str, mut took: Vec<Duration>, all: Duration, used: Duration) {
    took.sort_unstable();
    let count = u32::try_from(took.len()).unwrap();
    let rate = f64::from(count) / all.as_secs_f64();
    let [p50, p99] = [50, 99].map(|part| ms(took[(took.len() - 1) * part / 100]));
    println!("{name:<58} {rate:>9.0} {p50:>9} {p99:>9} {:>9}", ms(used / count));
}

pub(crate) fn ms(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1000.0)
}
