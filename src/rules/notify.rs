//! When owners are told: a burst, then one after the other; not in quiet hours; again after a failure. Pure.

use openclaw_plugin_sdk::UnixMs;

/// `Later` asks again after this.
pub const LATER_MS: u64 = 15 * 60_000;

/// How many cards a chat gets (`owner.cards`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardRate {
    /// So many at once.
    pub burst: u32,
    /// Then so many a minute.
    pub per_minute: u32,
}

impl Default for CardRate {
    fn default() -> Self {
        Self { burst: 5, per_minute: 1 }
    }
}

/// What a chat has got of its rate: the moment at which it will have got nothing. Kept across restarts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent(pub u64);

impl CardRate {
    fn step(self) -> u64 {
        60_000 / u64::from(self.per_minute.max(1))
    }

    fn room(self) -> u64 {
        self.step() * u64::from(self.burst.max(1) - 1)
    }

    /// When the next card may go: at once, or at this moment. A clock that was set back costs no more than the burst.
    pub fn next(self, spent: Spent, now: UnixMs) -> UnixMs {
        let most = now.0.saturating_add(self.room() + self.step());
        UnixMs(spent.0.min(most).saturating_sub(self.room()).max(now.0))
    }

    /// How many may go now.
    pub fn at_once(self, spent: Spent, now: UnixMs) -> u64 {
        let from = spent.0.min(now.0.saturating_add(self.room() + self.step())).max(now.0);
        let left = now.0.saturating_add(self.room()).checked_sub(from);
        left.map_or(0, |left| left / self.step() + 1)
    }

    /// A card goes.
    #[must_use]
    pub fn spend(self, spent: Spent, now: UnixMs) -> Spent {
        let most = now.0.saturating_add(self.room() + self.step());
        Spent(spent.0.max(now.0).saturating_add(self.step()).min(most))
    }
}

/// The hours in which no card comes (`owner.quiet`), as minutes of the day; they may span midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    from: u16,
    to: u16,
}

impl QuietHours {
    /// Reads `22:00-07:00`.
    pub fn parse(text: &str) -> Option<Self> {
        let (from, to) = text.split_once('-')?;
        let (from, to) = (minute(from)?, minute(to)?);
        (from != to).then_some(Self { from, to })
    }

    /// True at this minute of the day, where the owner is.
    pub fn hold(self, minute: u16) -> bool {
        if self.from < self.to {
            (self.from..self.to).contains(&minute)
        } else {
            minute >= self.from || minute < self.to
        }
    }

    /// As it is written in a configuration.
    pub fn spell(self) -> String {
        let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        format!("{}-{}", clock(self.from), clock(self.to))
    }
}

fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let number = |text: &str| -> Option<u16> {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten()
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_cards_come_at_once_and_then_one_a_minute() {
        let (rate, mut spent, start) = (CardRate::default(), Spent::default(), 1_000_000);
        for n in 0..5 {
            let now = UnixMs(start + n);
            assert_eq!(rate.at_once(spent, now), 5 - n);
            assert_eq!(rate.next(spent, now), now, "card {n}");
            spent = rate.spend(spent, now);
        }
        let mut now = UnixMs(start + 4);
        assert_eq!(rate.at_once(spent, now), 0);
        for n in 1..4 {
            let due = rate.next(spent, now);
            assert_eq!(due, UnixMs(start + n * 60_000));
            spent = rate.spend(spent, due);
            now = due;
        }
        let later = UnixMs(start + 3_600_000);
        for _ in 0..5 {
            assert_eq!(rate.next(spent, later), later, "after an hour there is room again");
            spent = rate.spend(spent, later);
        }
        assert!(rate.next(spent, later) > later);
    }

    #[test]
    fn a_clock_that_was_set_back_costs_no_more_than_the_burst() {
        let rate = CardRate::default();
        let spent = rate.spend(Spent(u64::MAX - 1), UnixMs(u64::MAX / 2));
        assert_eq!(rate.next(spent, UnixMs(1_000)), UnixMs(61_000));
    }

    #[test]
    fn quiet_hours_may_span_midnight() {
        let night = QuietHours::parse("22:00-07:00").unwrap();
        for (minute, holds) in
            [(1319, false), (1320, true), (0, true), (419, true), (420, false), (720, false)]
        {
            assert_eq!(night.hold(minute), holds, "{minute}");
        }
        let noon = QuietHours::parse(" 12:30 - 13:00 ").unwrap();
        assert!(noon.hold(750) && !noon.hold(780) && !noon.hold(0));
        assert_eq!(night.spell(), "22:00-07:00");
        for wrong in ["", "22-7", "22:00", "24:00-07:00", "22:60-07:00", "22:00-22:00", "2:0-7:0"] {
            assert_eq!(QuietHours::parse(wrong), None, "{wrong}");
        }
    }
}
