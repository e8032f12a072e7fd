//! The clock and randomness: the only calls to either. Everything else is told the time.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use jiff::tz::TimeZone;
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

/// The time of day, for people in this zone.
pub fn clock(at: UnixMs, zone: &TimeZone) -> String {
    zoned(at, zone).strftime("%H:%M %Z").to_string()
}

/// Day and time, for people in this zone.
pub fn date(at: UnixMs, zone: &TimeZone) -> String {
    zoned(at, zone).strftime("%Y-%m-%d %H:%M %Z").to_string()
}

/// The minute of the day there.
pub fn minute_of_day(at: UnixMs, zone: &TimeZone) -> u16 {
    let at = zoned(at, zone);
    u16::from(at.hour().unsigned_abs()) * 60 + u16::from(at.minute().unsigned_abs())
}

fn zoned(at: UnixMs, zone: &TimeZone) -> jiff::Zoned {
    let at = jiff::Timestamp::from_millisecond(i64::try_from(at.0).unwrap_or(i64::MAX));
    at.unwrap_or(jiff::Timestamp::MAX).to_zoned(zone.clone())
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
    fn a_zone_has_its_own_clock_in_winter_and_in_summer() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        for (at, clock, minute) in [
            ("2026-01-15T21:30:00.000Z", "22:30 CET", 1350),
            ("2026-07-15T21:30:00.000Z", "23:30 CEST", 1410),
        ] {
            let at = from_iso(at).unwrap();
            assert_eq!(super::clock(at, &berlin), clock);
            assert_eq!(minute_of_day(at, &berlin), minute);
        }
        let at = from_iso("2026-07-15T21:30:00.000Z").unwrap();
        assert_eq!(date(at, &TimeZone::UTC), "2026-07-15 21:30 UTC");
    }

    #[test]
    fn two_draws_differ() {
        assert_ne!(random::<16>().unwrap(), random::<16>().unwrap());
    }
}
