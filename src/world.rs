//! The clock and the dice: the only calls to either. Everything else is told the time.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use openclaw_plugin_sdk::UnixMs;
use rand::{TryRng, rngs::SysRng};

/// The wall clock.
#[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
pub fn now() -> UnixMs {
    let since =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    UnixMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// A clock that nobody can set: it only goes on, from wherever it began.
pub fn monotonic() -> Duration {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    BEGAN.elapsed()
}

/// Bytes from the operating system's randomness.
pub fn random<const N: usize>() -> Result<[u8; N], std::io::Error> {
    let mut bytes = [0; N];
    SysRng.try_fill_bytes(&mut bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
    Ok(bytes)
}

/// The user this process runs as.
pub fn user() -> u32 {
    nix::unistd::Uid::effective().as_raw()
}

/// A moment as state files write it: `2026-02-13T10:00:00.000Z`.
pub fn iso(at: UnixMs) -> String {
    let at = jiff::Timestamp::from_millisecond(i64::try_from(at.0).unwrap_or(i64::MAX))
        .unwrap_or(jiff::Timestamp::MAX);
    format!("{at:.3}")
}

/// The time of day, for people.
pub fn clock(at: UnixMs) -> String {
    zoned(at, "%H:%M %Z")
}

/// Day and time, for people.
pub fn date(at: UnixMs) -> String {
    zoned(at, "%Y-%m-%d %H:%M %Z")
}

fn zoned(at: UnixMs, format: &str) -> String {
    let at = jiff::Timestamp::from_millisecond(i64::try_from(at.0).unwrap_or(i64::MAX));
    let at = at.unwrap_or(jiff::Timestamp::MAX).to_zoned(jiff::tz::TimeZone::UTC);
    at.strftime(format).to_string()
}

/// Reads a moment back.
pub fn from_iso(text: &str) -> Option<UnixMs> {
    let at: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(at.as_millisecond()).ok().map(UnixMs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_as_the_field_writes_it() {
        let at = from_iso("2026-02-13T10:00:00.000Z").unwrap();
        assert_eq!(iso(at), "2026-02-13T10:00:00.000Z");
        assert_eq!(iso(UnixMs(at.0 + 7)), "2026-02-13T10:00:00.007Z");
    }

    #[test]
    fn two_draws_differ() {
        assert_ne!(random::<16>().unwrap(), random::<16>().unwrap());
    }
}
