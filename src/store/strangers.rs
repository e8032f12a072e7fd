//! How much strangers can have written into the access log: so many lines an hour, all of them together. What is
//! decided is always written.

use std::time::Duration;

use parking_lot::Mutex;

use crate::world;

const HOUR: Duration = Duration::from_hours(1);
/// Requests, refused commands and presses, wrong claims: all that nobody with rights has caused.
pub(super) const LINES_AN_HOUR: usize = 600;

/// The lines of the present hour, by a clock that nobody can set.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    hour: Mutex<Hour>,
}

#[derive(Debug, Default)]
struct Hour {
    since: Option<Duration>,
    lines: usize,
    withheld: usize,
}

impl Strangers {
    /// Whether so many lines may still be written, which then count as written.
    pub(super) fn may_write(&self, lines: usize) -> bool {
        let now = world::monotonic();
        let mut hour = self.hour.lock();
        if hour.since.is_none_or(|since| now.saturating_sub(since) >= HOUR) {
            if hour.withheld > 0 {
                let lines = hour.withheld;
                tracing::warn!(lines, "lines about strangers were left out of the access log");
            }
            *hour = Hour { since: Some(now), ..Hour::default() };
        }
        if hour.lines + lines > LINES_AN_HOUR {
            if hour.withheld == 0 {
                tracing::warn!("strangers have filled their share of the access log for this hour");
            }
            hour.withheld += lines;
            return false;
        }
        hour.lines += lines;
        true
    }
}
