//! One change of the store, from the lock to the last rename.
//!
//! Everything that can fail is done first: read, check, write aside, sync. Then the line in the access log
//! commits, then the renames follow, then the head says that it is finished. Whoever takes the lock next and
//! finds a line that is not, does the rest of it.

use std::path::{Path, PathBuf};

use openclaw_plugin_sdk::{SenderId, UnixMs};

use super::{
    StoreError,
    audit::{Line, Log},
    effect,
    file::{self, Aside, Found, Identity, sync_dir, with_suffix},
    files::FileStore,
    lock::{FieldLock, OcLock},
};
use crate::access::AccountKey;

/// What was written so much later than the caller's time was written while he waited; what is further ahead
/// is from before the clock was set back.
const MEANWHILE_MS: u64 = 60_000;

/// A change that is being made; among ourselves, the only one.
#[derive(Debug)]
pub(super) struct Change<'a> {
    /// What is written.
    pub(super) store: &'a FileStore,
    /// The time of the change.
    pub(super) now: UnixMs,
    log: Log,
    granted: Option<Granted>,
    // Dropped in this order: what was written aside, the field's locks, ours.
    asides: Vec<Aside>,
    held: Vec<Held>,
    _lock: OcLock,
}

/// A grant that is about to stand in the first file of its account.
#[derive(Debug)]
struct Granted {
    key: AccountKey,
    sender: SenderId,
    before: Option<Identity>,
}

/// A file of the field, held against other programs.
#[derive(Debug)]
struct Held {
    path: PathBuf,
    field: FieldLock,
    _ours: OcLock,
}

impl<'a> Change<'a> {
    /// Waits for the lock, and finishes what the access log's last line says.
    ///
    /// Whoever had the lock meanwhile may have written a later time than `now`: it is later now.
    pub(super) fn open(store: &'a FileStore, now: UnixMs) -> Result<Self, StoreError> {
        let path = store.state.access_log();
        path.parent().map_or(Ok(()), file::ensure_dir)?;
        file::ensure_dir(&store.state.credentials())?;
        let lock = OcLock::take(&path, store.patience)?;
        let log = Log::open(&store.state, store.rotate_at)?;
        let meanwhile = log.written_at().filter(|at| at.0.saturating_sub(now.0) <= MEANWHILE_MS);
        let now = meanwhile.map_or(now, |at| at.max(now));
        let (asides, held) = (Vec::new(), Vec::new());
        let mut change = Self { store, now, log, granted: None, asides, held, _lock: lock };
        if let Some(line) = change.log.unfinished().cloned() {
            effect::stage(&mut change, &line)?;
            change.put()?;
            change.held.clear();
        }
        Ok(change)
    }

    /// The access log.
    pub(super) fn log(&self) -> &Log {
        &self.log
    }

    /// Holds a file of the field against other programs until the change is done.
    ///
    /// Other programs take the lock of a grant inside that of a request: hold a channel's requests first.
    pub(super) fn hold(&mut self, path: &Path) -> Result<(), StoreError> {
        if self.held.iter().any(|held| held.path == *path) {
            return Ok(());
        }
        let ours = OcLock::take(path, self.store.patience)?;
        let field = FieldLock::take(path, self.store.patience)?;
        self.held.push(Held { path: path.to_owned(), field, _ours: ours });
        Ok(())
    }

    /// Writes the new text of a file aside. If another program wrote the file, that is kept as `.orig`, once.
    pub(super) fn stage(
        &mut self,
        path: &Path,
        before: Option<&Found>,
        text: &str,
    ) -> Result<(), StoreError> {
        if let Some(found) = before.filter(|found| !self.log.wrote(path, found.identity)) {
            let orig = with_suffix(path, ".orig");
            if !orig.exists() {
                Aside::write(&orig, found.text.as_bytes(), None)?.put()?;
                path.parent().map_or(Ok(()), sync_dir)?;
            }
        }
        let before = before.map(|found| found.identity);
        self.asides.push(Aside::write(path, text.as_bytes(), before)?);
        Ok(())
    }

    /// Says that what was staged adds one sender to an account's first file, as it was before:
    /// whoever has parsed that need not do it again.
    pub(super) fn granted(&mut self, key: AccountKey, sender: SenderId, before: Option<Identity>) {
        self.granted = Some(Granted { key, sender, before });
    }

    /// Commits: the lines, then everything that was written aside, then the head.
    /// Once the lines are there the change is a fact, even if this returns an error.
    pub(super) fn commit(mut self, lines: Vec<Line>) -> Result<(), StoreError> {
        if let Some(lost) = self.held.iter().find(|held| !held.field.is_ours()) {
            let holder =
                format!("another program, which has taken {}", lost.field.path().display());
            return Err(StoreError::Busy { path: lost.path.clone(), holder });
        }
        if !lines.is_empty() {
            self.log.append(lines)?;
        }
        self.put()
    }

    fn put(&mut self) -> Result<(), StoreError> {
        let mut wrote = Vec::new();
        for aside in self.asides.drain(..) {
            let target = aside.target().to_owned();
            wrote.push((target, aside.put()?));
        }
        if !wrote.is_empty() {
            sync_dir(&self.store.state.credentials())?;
        }
        if let Some(Granted { key, sender, before }) = self.granted.take() {
            let path = self.store.state.allowlists(&key).swap_remove(0);
            if let Some((_, after)) = wrote.iter().find(|(wrote, _)| *wrote == path) {
                let both = (before, *after);
                self.store.approved.amend(&key, &path, both, |list| list.add(sender));
            }
        }
        if let Err(error) = self.log.finish(wrote) {
            // All is done; it will only be looked at once more.
            tracing::warn!(%error, "the access log's head could not be written");
        }
        Ok(())
    }
}
