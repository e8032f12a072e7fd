//! Wrong secrets, by address and kind: after so many in a minute the address waits. Counted before the secret is
//! looked at, so that nobody tries a thousand at once. Its own size is bounded.

use std::collections::HashMap;

use openclaw_plugin_sdk::{ClientAddress, UnixMs};

/// So many failures in `WINDOW_MS` are free.
pub const FREE: u32 = 10;
/// Failures are counted for so long.
const WINDOW_MS: u64 = 60_000;
/// Then the address waits for so long.
const LOCKED_MS: u64 = 300_000;
/// So many addresses are remembered, a kind.
const REMEMBERED: usize = 10_000;

/// What was shown. One kind does not use up another's budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A device's own token.
    DeviceToken,
    /// The name of a join URL.
    JoinUrl,
    /// A setup code.
    SetupCode,
    /// The shared secret.
    Shared,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    failures: u32,
    since: UnixMs,
    locked_at: Option<UnixMs>,
}

/// The failures of every address.
#[derive(Debug, Default)]
pub struct Attempts(HashMap<(Kind, ClientAddress), Count>);

impl Attempts {
    /// Counts an attempt as a failure beforehand; [`Self::succeeded`] takes it back. The error is the time that
    /// the address has to wait, in ms: nothing was counted then.
    pub fn begin(
        &mut self,
        kinds: &[Kind],
        address: ClientAddress,
        now: UnixMs,
    ) -> Result<(), u64> {
        let waits = kinds.iter().filter_map(|kind| self.wait(*kind, address, now)).max();
        if let Some(wait) = waits {
            return Err(wait);
        }
        for kind in kinds {
            self.make_room(now);
            let fresh = Count { failures: 0, since: now, locked_at: None };
            let count = self.0.entry((*kind, address)).or_insert(fresh);
            if now.0.saturating_sub(count.since.0) >= WINDOW_MS || count.locked_at.is_some() {
                *count = fresh;
            }
            count.failures += 1;
            if count.failures >= FREE {
                count.locked_at = Some(now);
            }
        }
        Ok(())
    }

    /// Takes one attempt back: a recognised client has made no mistake. The mistakes of others at its address
    /// count as before, or one known device would buy endless guesses.
    pub fn succeeded(&mut self, kinds: &[Kind], address: ClientAddress) {
        for kind in kinds {
            let Some(count) = self.0.get_mut(&(*kind, address)) else { continue };
            count.failures = count.failures.saturating_sub(1);
            if count.failures < FREE {
                count.locked_at = None;
            }
            if count.failures == 0 {
                self.0.remove(&(*kind, address));
            }
        }
    }

    fn wait(&self, kind: Kind, address: ClientAddress, now: UnixMs) -> Option<u64> {
        let locked_at = self.0.get(&(kind, address))?.locked_at?;
        let passed = now.0.saturating_sub(locked_at.0);
        LOCKED_MS.checked_sub(passed).filter(|left| *left > 0)
    }

    /// What is over goes first; a flood of addresses then pushes out the oldest that is not locked.
    fn make_room(&mut self, now: UnixMs) {
        if self.0.len() < REMEMBERED {
            return;
        }
        let over = |count: &Count| match count.locked_at {
            Some(at) => now.0.saturating_sub(at.0) >= LOCKED_MS,
            None => now.0.saturating_sub(count.since.0) >= WINDOW_MS,
        };
        self.0.retain(|_, count| !over(count));
        while self.0.len() >= REMEMBERED {
            let oldest =
                self.0.iter().min_by_key(|(_, count)| (count.locked_at.is_some(), count.since));
            let Some(key) = oldest.map(|(key, _)| *key) else { return };
            self.0.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv6Addr};

    use super::*;

    fn ip(last: u8) -> ClientAddress {
        ClientAddress::of(IpAddr::from([203, 0, 113, last]))
    }

    #[test]
    fn case_129_a_network_of_ipv6_has_the_budget_of_one() {
        let mut attempts = Attempts::default();
        let tried = (0..1_000u128).filter(|number| {
            let own = Ipv6Addr::from_bits((0x2001_0db8_0001_0002 << 64) + number);
            attempts.begin(&[Kind::Shared], ClientAddress::of(own.into()), UnixMs(5)).is_ok()
        });
        assert_eq!(tried.count(), 10);
    }

    #[test]
    fn case_097_a_hundred_attempts_at_once_get_ten_tries() {
        let mut attempts = Attempts::default();
        let all = [Kind::Shared, Kind::DeviceToken, Kind::JoinUrl, Kind::SetupCode];
        for kind in all {
            let tried = (0..100).filter(|_| attempts.begin(&[kind], ip(1), UnixMs(5)).is_ok());
            assert_eq!(tried.count(), 10, "{kind:?}");
        }
        assert!(attempts.begin(&[Kind::Shared], ip(1), UnixMs(5 + LOCKED_MS - 1)).is_err());
        assert!(attempts.begin(&[Kind::Shared], ip(1), UnixMs(5 + LOCKED_MS)).is_ok());
    }

    #[test]
    fn case_098_one_kind_and_one_address_lock_no_other() {
        let mut attempts = Attempts::default();
        while attempts.begin(&[Kind::SetupCode], ip(1), UnixMs(5)).is_ok() {}
        assert!(attempts.begin(&[Kind::Shared], ip(1), UnixMs(5)).is_ok());
        assert!(attempts.begin(&[Kind::SetupCode], ip(2), UnixMs(5)).is_ok());
        assert!(attempts.begin(&[Kind::Shared, Kind::SetupCode], ip(1), UnixMs(5)).is_err());
        assert!(attempts.begin(&[], ip(1), UnixMs(5)).is_ok(), "nothing shown, nothing counted");
    }

    #[test]
    fn a_success_takes_itself_back_and_a_minute_forgives() {
        let mut attempts = Attempts::default();
        let nine = |attempts: &mut Attempts, at| {
            for _ in 1..FREE {
                attempts.begin(&[Kind::Shared], ip(1), UnixMs(at)).unwrap();
            }
        };
        nine(&mut attempts, 5);
        for _ in 0..20 {
            attempts.begin(&[Kind::Shared], ip(1), UnixMs(6)).unwrap();
            attempts.succeeded(&[Kind::Shared], ip(1));
        }
        nine(&mut attempts, 6 + WINDOW_MS);
        attempts.begin(&[Kind::Shared], ip(1), UnixMs(6 + WINDOW_MS)).unwrap();
        assert!(attempts.begin(&[Kind::Shared], ip(1), UnixMs(6 + WINDOW_MS)).is_err());
    }

    #[test]
    fn many_addresses_use_bounded_memory_and_free_no_locked_one() {
        let mut attempts = Attempts::default();
        while attempts.begin(&[Kind::Shared], ip(1), UnixMs(5)).is_ok() {}
        for bits in 0..12_000u32 {
            let address = ClientAddress::of(IpAddr::V4(bits.into()));
            attempts.begin(&[Kind::Shared], address, UnixMs(6)).unwrap();
        }
        assert!(attempts.0.len() <= REMEMBERED);
        assert!(attempts.begin(&[Kind::Shared], ip(1), UnixMs(7)).is_err());
    }
}
