//! Owners who type wrong codes wait.

use std::{collections::HashMap, time::Duration};

use openclaw_plugin_sdk::UnixMs;

use crate::rules::AccountKey;

/// So many wrong codes an owner may type before they have to wait.
const FREE_TRIES: u32 = 10;
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_mins(15);

/// Wrong codes by account and owner; bounded by their number. A right code is never kept waiting: an owner may
/// list them all, so that the wait is there against noise, not against guessing.
#[derive(Debug, Default)]
pub(crate) struct WrongCodes(HashMap<(AccountKey, String), (u32, UnixMs)>);

impl WrongCodes {
    /// How long this owner still has to wait.
    pub(super) fn wait(&self, key: &AccountKey, actor: &str, now: UnixMs) -> Option<Duration> {
        let (tries, last) = self.0.get(&(key.clone(), actor.to_owned()))?;
        let over = tries.checked_sub(FREE_TRIES)?;
        let wait = Duration::from_secs(30 << over.min(6)).min(LONGEST_WAIT);
        let passed = Duration::from_millis(now.0.saturating_sub(last.0));
        wait.checked_sub(passed).filter(|left| !left.is_zero())
    }

    /// One more wrong code.
    pub(super) fn count(&mut self, key: &AccountKey, actor: &str, now: UnixMs) {
        let (tries, last) = self.0.entry((key.clone(), actor.to_owned())).or_insert((0, now));
        (*tries, *last) = (*tries + 1, now);
    }

    /// The code was right.
    pub(super) fn forget(&mut self, key: &AccountKey, actor: &str) {
        self.0.remove(&(key.clone(), actor.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_096_ten_wrong_codes_cost_one_owner_time_and_nobody_else() {
        let (here, there) = (AccountKey::default_of("telegram"), AccountKey::default_of("webchat"));
        let mut wrong = WrongCodes::default();
        for n in 0..FREE_TRIES {
            assert_eq!(wrong.wait(&here, "telegram:7", UnixMs(0)), None, "{n}");
            wrong.count(&here, "telegram:7", UnixMs(0));
        }
        let half = Duration::from_secs(30);
        assert_eq!(wrong.wait(&here, "telegram:7", UnixMs(0)), Some(half));
        assert_eq!(wrong.wait(&there, "telegram:7", UnixMs(0)), None);
        assert_eq!(wrong.wait(&here, "telegram:8", UnixMs(0)), None);
        assert_eq!(wrong.wait(&here, "telegram:7", UnixMs(30_000)), None);
        wrong.count(&here, "telegram:7", UnixMs(30_000));
        assert_eq!(wrong.wait(&here, "telegram:7", UnixMs(30_000)), Some(2 * half));
        wrong.forget(&here, "telegram:7");
        assert_eq!(wrong.wait(&here, "telegram:7", UnixMs(30_000)), None);
    }
}
