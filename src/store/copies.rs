//! What copies of the state folder need of the store: that nothing is decided while one is made, and that nothing
//! opens on a restored one before an owner at the host has confirmed it.

use openclaw_plugin_sdk::UnixMs;
use serde::{Deserialize, Serialize};

use super::{
    Store, StoreError,
    audit::{Line, action},
    file::{existing, gone, sync_dir},
    io,
    paths::StateDir,
    private,
    transaction::Transaction,
};
use crate::rules::approver::Approver;

/// How far the access log goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LogEnd {
    /// How many lines it has.
    pub lines: u64,
    /// The hash of the last one; blank where there is none.
    pub hash: String,
}

/// A copy that was restored and that nobody has confirmed yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Restored {
    /// When the copy was made, in milliseconds since the epoch; 0 where that is not known.
    pub made: u64,
    /// When it was restored.
    pub at: u64,
}

impl Store {
    /// Finishes the last decision, and does something while nothing is decided.
    pub fn held_still<T>(
        &self,
        now: UnixMs,
        act: impl FnOnce(LogEnd) -> T,
    ) -> Result<T, StoreError> {
        let tx = Transaction::open(self, None, now)?;
        let head = tx.log().said();
        Ok(act(LogEnd { lines: head.count, hash: head.hash.clone() }))
    }

    /// The restored copy that waits for a confirmation. A mark that cannot be read waits too.
    pub fn unconfirmed(&self) -> Result<Option<Restored>, StoreError> {
        unconfirmed(&self.state)
    }

    /// An owner at the host has looked at the restored copy: accounts open, and devices connect. `None` where nothing
    /// waits for that.
    pub fn confirm_restored(
        &self,
        by: &Approver,
        now: UnixMs,
    ) -> Result<Option<Restored>, StoreError> {
        let tx = Transaction::open(self, Some(by.authority()), now)?;
        let Some(restored) = self.unconfirmed()? else { return Ok(None) };
        let line = Line::by(by, action::RESTORE_CONFIRM, tx.now);
        // First the line: where the mark stays, it is confirmed once more.
        tx.commit(vec![line])?;
        let path = self.state.unconfirmed();
        gone(std::fs::remove_file(&path)).map_err(|error| io("remove", &path, error))?;
        sync_dir(&self.state.access())?;
        Ok(Some(restored))
    }
}

/// The same without a store.
pub fn unconfirmed(state: &StateDir) -> Result<Option<Restored>, StoreError> {
    let path = state.unconfirmed();
    if existing(&path, path.symlink_metadata())?.is_none() {
        return Ok(None);
    }
    let bytes = private::read(&path)?.unwrap_or_default();
    Ok(Some(serde_json::from_slice(&bytes).unwrap_or_default()))
}

/// Marks a folder that is being restored, durably.
pub fn mark_unconfirmed(state: &StateDir, restored: &Restored) -> Result<(), StoreError> {
    private::replace_json(&state.unconfirmed(), restored)?;
    sync_dir(&state.access())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restored_copy_waits_for_one_confirmation_whatever_its_mark_says() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::at(dir.path());
        let store = Store::new(state.clone(), |_, id| openclaw_plugin_sdk::SenderId::new(id));
        let (by, now) = (Approver::on_host(1000), UnixMs(1_000));
        assert_eq!(store.confirm_restored(&by, now).unwrap(), None);
        let restored = Restored { made: 1, at: 2 };
        mark_unconfirmed(&state, &restored).unwrap();
        assert_eq!(store.unconfirmed().unwrap(), Some(restored));
        private::replace(&state.unconfirmed(), b"{").unwrap();
        assert_eq!(store.unconfirmed().unwrap(), Some(Restored::default()));
        assert!(store.confirm_restored(&by, now).unwrap().is_some());
        assert_eq!(store.unconfirmed().unwrap(), None);
        let end = store.held_still(now, |end| end).unwrap();
        assert_eq!(end.lines, 1, "the confirmation has a line");
        assert!(store.verify(now).unwrap().is_whole());
    }
}
