//! A platform's own clock, as far as its answers tell it: ours may be wrong, and what was written before the start
//! is told by theirs.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::UnixMs;

/// What an account's channel knows of its platform's time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PlatformClock {
    /// The first and the last thing that the platform said, and when by a clock that nobody can set.
    first: Option<(UnixMs, Instant)>,
    last: Option<(UnixMs, Instant)>,
    /// Nothing that waited at the platform is left.
    pub(crate) caught_up: bool,
}

impl PlatformClock {
    pub(crate) fn learn(&mut self, now: UnixMs) {
        let said = (now, Instant::now());
        self.first.get_or_insert(said);
        self.last = Some(said);
    }

    /// The platform's time now; ours where it is not known.
    pub(crate) fn now(&self) -> UnixMs {
        self.last.map_or_else(now, |said| shifted(said, Instant::now()))
    }

    /// What it showed at a moment. By the first answer alone: a clock that stands still while the machine sleeps must
    /// not make the moment a later one.
    pub(crate) fn at(&self, moment: Instant) -> Option<UnixMs> {
        self.first.map(|said| shifted(said, moment))
    }

    /// By how many milliseconds our clock is ahead of it.
    pub(crate) fn ahead_by(&self) -> Option<i64> {
        let theirs = self.last.map(|said| shifted(said, Instant::now()))?;
        Some(i64::try_from(now().0).ok()?.saturating_sub(i64::try_from(theirs.0).ok()?))
    }
}

fn shifted((said, at): (UnixMs, Instant), to: Instant) -> UnixMs {
    let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    match to.checked_duration_since(at) {
        Some(since) => UnixMs(said.0.saturating_add(millis(since))),
        None => UnixMs(said.0.saturating_sub(millis(at.duration_since(to)))),
    }
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
    }
}
