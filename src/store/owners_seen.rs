//! When each owner last wrote: who has been silent for long may have lost their number to another person. It grants
//! nothing.

use std::{collections::BTreeMap, path::Path};

use openclaw_plugin_sdk::UnixMs;

use crate::{StoreError, private, rules::owner::Owner};

const DAY_MS: u64 = 86_400_000;

/// The time of each owner's last message, in milliseconds, by `channel:id`. It is right to the day.
#[derive(Debug, Default)]
pub struct OwnersSeen {
    seen: BTreeMap<String, u64>,
    changed: bool,
}

impl OwnersSeen {
    /// What the last run has left. Owners that nothing is known of count from now on, and who is no owner is forgotten.
    pub fn open(path: &Path, owners: impl IntoIterator<Item = Owner>, now: UnixMs) -> Self {
        let known = read(path).unwrap_or_default();
        let of = |owner: Owner| {
            let name = name(&owner);
            let at = known.get(&name).copied().unwrap_or(now.0);
            (name, at)
        };
        let seen: BTreeMap<_, _> = owners.into_iter().map(of).collect();
        Self { changed: seen != known, seen }
    }

    /// An owner has written.
    pub fn saw(&mut self, owner: &Owner, now: UnixMs) {
        let last = self.seen.entry(name(owner)).or_default();
        if *last / DAY_MS < now.0 / DAY_MS {
            *last = now.0;
            self.changed = true;
        }
    }

    /// What is to be written, where something has changed since the last time.
    pub fn page(&mut self) -> Option<BTreeMap<String, u64>> {
        std::mem::take(&mut self.changed).then(|| self.seen.clone())
    }
}

/// An owner's name in the file.
pub fn name(owner: &Owner) -> String {
    format!("{}:{}", owner.channel, owner.sender)
}

/// Writes them, 0600; blocks on disk.
pub fn write(path: &Path, seen: &BTreeMap<String, u64>) -> Result<(), StoreError> {
    private::replace_json(path, seen)
}

/// Reads them; nothing where there is no file. What cannot be read says nothing, for nothing depends on it.
pub fn read(path: &Path) -> Result<BTreeMap<String, u64>, StoreError> {
    let bytes = private::read(path)?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::SenderId;

    use super::*;

    fn owner(id: &str) -> Owner {
        Owner { channel: "telegram".to_owned(), sender: SenderId::new(id).unwrap() }
    }

    #[test]
    fn an_owner_counts_from_the_first_start_and_from_each_day_on_which_they_write() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("owners-seen.json");
        let day = |number: u64| UnixMs(number * DAY_MS);
        let mut seen = OwnersSeen::open(&path, [owner("1"), owner("2")], day(10));
        write(&path, &seen.page().unwrap()).unwrap();
        assert!(seen.page().is_none());
        seen.saw(&owner("1"), UnixMs(day(10).0 + 5));
        assert!(seen.page().is_none(), "the same day");
        seen.saw(&owner("1"), day(12));
        write(&path, &seen.page().unwrap()).unwrap();
        let mut later = OwnersSeen::open(&path, [owner("1"), owner("3")], day(20));
        let of = |id: &str, at: UnixMs| (format!("telegram:{id}"), at.0);
        assert_eq!(later.page().unwrap(), [of("1", day(12)), of("3", day(20))].into());
        private::replace(&path, b"[").unwrap();
        assert!(read(&path).unwrap().is_empty());
    }
}
