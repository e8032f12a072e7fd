//! A platform's own clock, as far as its answers tell it: ours may be wrong, and what was written before the start
//! is told by theirs.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

use crate::UnixMs;

/// What an account's channel knows of its platform's time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PlatformClock {
    /// The first and the last thing that the platform said, and when by clocks that nobody can set: the second one goes
    /// on while the machine sleeps.
    first: Option<(UnixMs, Instant)>,
    last: Option<(UnixMs, Instant, Duration)>,
    /// Nothing that waited at the platform is left.
    pub(crate) caught_up: bool,
}

impl PlatformClock {
    pub(crate) fn learn(&mut self, now: UnixMs) {
        let at = Instant::now();
        self.first.get_or_insert((now, at));
        self.last = Some((now, at, since_boot()));
    }

    /// The platform's time now; ours where it is not known.
    pub(crate) fn now(&self) -> UnixMs {
        self.theirs(since_boot()).unwrap_or_else(now)
    }

    fn theirs(&self, since_boot: Duration) -> Option<UnixMs> {
        let (said, at, booted) = self.last?;
        let awake = Instant::now().saturating_duration_since(at);
        let passed = millis(awake.max(since_boot.saturating_sub(booted)));
        Some(UnixMs(said.0.saturating_add(passed)))
    }

    /// What it showed at a moment. By the first answer alone: a clock that stands still while the machine sleeps must
    /// not make the moment a later one.
    pub(crate) fn at(&self, moment: Instant) -> Option<UnixMs> {
        self.first.map(|said| shifted(said, moment))
    }

    /// By how many milliseconds our clock is ahead of it.
    pub(crate) fn ahead_by(&self) -> Option<i64> {
        let theirs = i64::try_from(self.theirs(since_boot())?.0).ok()?;
        Some(i64::try_from(now().0).ok()?.saturating_sub(theirs))
    }
}

fn shifted((said, at): (UnixMs, Instant), to: Instant) -> UnixMs {
    match to.checked_duration_since(at) {
        Some(since) => UnixMs(said.0.saturating_add(millis(since))),
        None => UnixMs(said.0.saturating_sub(millis(at.duration_since(to)))),
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// How long the machine runs, with the time that it slept.
fn since_boot() -> Duration {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const CLOCK: ClockId = ClockId::CLOCK_BOOTTIME;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const CLOCK: ClockId = ClockId::CLOCK_MONOTONIC;
    // A kernel without that clock: what is awake counts.
    clock_gettime(CLOCK).map_or(Duration::ZERO, Duration::from)
}

/// The time by this machine's clock: for a channel without a platform that has one.
#[expect(clippy::disallowed_methods, reason = "where no platform says the time, ours stands in")]
pub fn now() -> UnixMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_start_is_told_by_the_platforms_clock_and_stays_where_it_was() {
        let started = Instant::now();
        let mut clock = PlatformClock::default();
        assert_eq!((clock.at(started), clock.ahead_by()), (None, None));
        tokio::time::advance(Duration::from_secs(7)).await;
        clock.learn(UnixMs(1_000_000));
        assert_eq!(clock.at(started), Some(UnixMs(993_000)));
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(clock.now(), UnixMs(1_003_000));
        // The machine slept for an hour, which its clock did not see.
        clock.learn(UnixMs(4_600_000));
        assert_eq!((clock.at(started), clock.now()), (Some(UnixMs(993_000)), UnixMs(4_600_000)));
        assert!(clock.ahead_by() > Some(1_000_000_000), "it is 1970 there");
        // It sleeps again, and the platform has not said anything since.
        let woken = since_boot() + Duration::from_mins(10);
        assert!(clock.theirs(woken) >= Some(UnixMs(4_600_000 + 600_000)));
    }
}
