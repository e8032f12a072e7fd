//! What the gateway counts while it runs, for `/metrics`. A label is one of our own words or a configured account,
//! never an id that a stranger chose: counters take nothing but `'static` text.

mod page;
mod text;

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

pub(crate) use self::page::answer;
use crate::{control::decided::Decided, store::audit::DECISIONS};

/// Where the page is.
pub(crate) const PATH: &str = "/metrics";

/// The upper bounds of a duration's buckets, in microseconds; and their labels, in seconds.
const BOUNDS: [(u64, &str); 12] = [
    (100, "0.0001"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (5_000_000, "5"),
    (30_000_000, "30"),
    (120_000_000, "120"),
];

const SURFACES: [&str; 4] = ["channel", "chat", "cli", "socket"];

/// How often something was the case, by one word for each label.
#[derive(Debug, Default)]
pub(crate) struct Tally<const N: usize>(Mutex<BTreeMap<[&'static str; N], u64>>);

impl<const N: usize> Tally<N> {
    /// Once more.
    pub(crate) fn count(&self, words: [&'static str; N]) {
        *self.0.lock().entry(words).or_default() += 1;
    }

    fn all(&self) -> BTreeMap<[&'static str; N], u64> {
        self.0.lock().clone()
    }
}

/// How long something took.
#[derive(Debug, Default)]
pub(crate) struct Durations {
    buckets: [AtomicU64; BOUNDS.len()],
    count: AtomicU64,
    micros: AtomicU64,
}

impl Durations {
    /// Measures until what is returned is dropped.
    pub(crate) fn time(&self) -> Timed<'_> {
        Timed { durations: self, since: Instant::now() }
    }

    fn note(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(at) = BOUNDS.iter().position(|(bound, _)| micros <= *bound) {
            self.buckets[at].fetch_add(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }
}

/// Something that is being measured.
#[derive(Debug)]
pub(crate) struct Timed<'a> {
    durations: &'a Durations,
    since: Instant,
}

impl Drop for Timed<'_> {
    fn drop(&mut self) {
        self.durations.note(self.since.elapsed());
    }
}

/// Everything that is counted. What can be looked up when it is asked for is not kept here.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// Channel and outcome.
    pub(crate) verdicts: Tally<2>,
    pub(crate) handshakes: Tally<1>,
    pub(crate) verdict: Durations,
    pub(crate) decision: Durations,
    pub(crate) handshake: Durations,
    pub(crate) responder: Durations,
    /// Whether trying again may help.
    pub(crate) assistant_failures: Tally<1>,
    /// Surface and decision, made by any process.
    decisions: Tally<2>,
}

impl Metrics {
    /// Counts a decision.
    pub(crate) fn count(&self, decided: &Decided) {
        if DECISIONS.contains(&decided.word) {
            let surface = SURFACES.iter().find(|surface| **surface == decided.surface);
            self.decisions.count([surface.copied().unwrap_or("other"), decided.word]);
        }
    }
}
