//! One transaction: lock, read, write aside, one line in the access log, rename.
//!
//! All that can fail comes first. The line commits: it names the files that were written aside, and the renames follow.
//! Then the head says that the line is finished. The next transaction, or the next start, finishes a line that is not.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Component, Path, PathBuf},
    sync::{Arc, atomic::Ordering},
};

use openclaw_plugin_sdk::{UnixMs, own_file};
use parking_lot::RwLockReadGuard;
use serde::Serialize;

use super::{
    Store, StoreError,
    audit::{Line, Log, seal},
    cached_table::CachedTable,
    doc::to_text,
    file::{self, Found, Identity, StagedFile, damaged, sync_dir, with_suffix},
    io,
    lock::{FieldLock, OcLock},
    own::{self, Mismatch},
    replay,
};
use crate::rules::{authority::Authority, pairing::MEANWHILE_MS};

/// The only change of the store that is being made, in all our processes.
#[derive(Debug)]
pub(super) struct Transaction<'a> {
    pub(super) store: &'a Store,
    /// The time of the change.
    pub(super) now: UnixMs,
    log: Log,
    updates: Vec<CacheUpdate>,
    /// The digests of what is written of the files that only this program writes.
    digests: BTreeMap<String, String>,
    // Dropped in this order: what was written aside, the field's locks, ours.
    staged: Vec<StagedFile>,
    locked: Vec<LockedFile>,
    _grounds: RwLockReadGuard<'a, ()>,
    _lock: OcLock,
}

/// What is cached of a file once it is in place.
struct CacheUpdate {
    path: PathBuf,
    apply: Box<Apply>,
}

type Apply = dyn FnOnce(&Store, Identity);

impl fmt::Debug for CacheUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheUpdate").field("path", &self.path).finish_non_exhaustive()
    }
}

/// A file of the field, locked against other programs.
#[derive(Debug)]
struct LockedFile {
    path: PathBuf,
    field: FieldLock,
    _ours: OcLock,
}

impl<'a> Transaction<'a> {
    /// Waits for the lock, finishes the access log's last line, and then checks the right to the change (`by`).
    /// A change that decides nothing has no `by`, and neither has one that its subject makes.
    ///
    /// The last writer may have written a later time than `now`: then it is that time.
    pub(super) fn open(
        store: &'a Store,
        by: Option<&Authority>,
        now: UnixMs,
    ) -> Result<Self, StoreError> {
        let tx = Self::open_unchecked(store, now)?;
        if let Some(doubt) = tx.log.doubt() {
            return Err(doubt);
        }
        // Only now do the files say what was decided last.
        match by {
            Some(by) if !store.holds(by)? => Err(StoreError::Withdrawn),
            _ => Ok(tx),
        }
    }

    /// The same where log and head may be damaged: then no line is finished, and only [`Self::accept`] may write.
    pub(super) fn open_unchecked(store: &'a Store, now: UnixMs) -> Result<Self, StoreError> {
        let path = store.state.access_log();
        path.parent().map_or(Ok(()), file::ensure_dir)?;
        file::ensure_dir(&store.state.credentials())?;
        let lock = OcLock::take(&path, store.patience)?;
        let grounds = store.grounds.lock_order();
        let log = Log::open(&store.state, store.rotate_at)?;
        let meanwhile = log.written_at().filter(|at| at.0.saturating_sub(now.0) <= MEANWHILE_MS);
        let mut tx = Self {
            store,
            now: meanwhile.map_or(now, |at| at.max(now)),
            log,
            updates: Vec::new(),
            digests: BTreeMap::new(),
            staged: Vec::new(),
            locked: Vec::new(),
            _grounds: grounds,
            _lock: lock,
        };
        if let Some(line) = tx.log.unfinished().cloned() {
            tx.digests.clone_from(&line.made);
            if line.staged.is_empty() {
                replay::stage(&mut tx, &line)?;
            } else {
                tx.adopt(&line.staged)?;
            }
            tx.finish()?;
            tx.locked.clear();
            if tx.log.unfinished().is_some() {
                let path = store.state.access_head();
                return Err(io("write", &path, std::io::Error::other("it stays as it was")));
            }
        }
        store.unfinished.store(false, Ordering::Relaxed);
        Ok(tx)
    }

    /// Takes log, head and files as they are, with a line that says so.
    pub(super) fn accept(mut self, line: Line) -> Result<(), StoreError> {
        self.log.accept(&self.store.state)?;
        self.digests = self.log.said().own.clone().unwrap_or_default();
        self.commit(vec![line])
    }

    /// The access log.
    pub(super) fn log(&self) -> &Log {
        &self.log
    }

    /// Locks a file of the field against other programs until the transaction ends.
    ///
    /// Other programs take the lock of a grant inside that of a request: lock a channel's requests first.
    pub(super) fn lock(&mut self, path: &Path) -> Result<(), StoreError> {
        if self.locked.iter().any(|locked| locked.path == *path) {
            return Ok(());
        }
        path.parent().map_or(Ok(()), file::ensure_dir)?;
        let ours = OcLock::take(path, self.store.patience)?;
        let field = FieldLock::take(path, self.store.patience)?;
        self.locked.push(LockedFile { path: path.to_owned(), field, _ours: ours });
        Ok(())
    }

    /// True where we wrote this content of the file, or where there is none.
    pub(super) fn is_ours(&self, path: &Path, before: Option<Identity>) -> bool {
        before.is_none_or(|before| self.log.wrote(path, before))
    }

    /// Writes the new text of a file aside. If another program wrote the file, that is kept as `.orig`, once.
    pub(super) fn write(
        &mut self,
        path: &Path,
        before: Option<Identity>,
        text: &str,
    ) -> Result<(), StoreError> {
        if !self.is_ours(path, before) {
            let orig = with_suffix(path, ".orig");
            if !orig.exists() {
                let bytes = own_file::read(path).map_err(|error| io("read", path, error))?;
                StagedFile::write(&orig, &bytes, None)?.put()?;
                path.parent().map_or(Ok(()), sync_dir)?;
            }
        }
        let own = own::name(&self.store.state, path);
        // Nothing is written over what others have put there meanwhile.
        if own.is_some() && before.is_none() && Identity::at(path)?.is_some() {
            return Err(own::damage(path, Mismatch::Unexpected));
        }
        self.staged.push(StagedFile::write_unsynced(path, text.as_bytes(), before)?);
        if let Some(name) = own {
            self.digests.insert(name.to_owned(), own::digest(text.as_bytes()));
        }
        Ok(())
    }

    /// Writes what a file that was read says from now on.
    pub(super) fn put(&mut self, found: &Found, value: &impl Serialize) -> Result<(), StoreError> {
        self.write(&found.path, found.identity, &to_text(value, &found.path)?)
    }

    /// Writes a table, and caches it once it is in place.
    pub(super) fn write_table<T: AsRef<str> + 'static>(
        &mut self,
        path: PathBuf,
        before: Option<Identity>,
        table: T,
        cache: fn(&Store) -> &CachedTable<T>,
    ) -> Result<(), StoreError> {
        self.write(&path, before, table.as_ref())?;
        let file = path.clone();
        self.when_written(path, move |store, identity| {
            cache(store).put((), file, identity, Arc::new(table));
        });
        Ok(())
    }

    /// Changes what is cached once the file at `path` is in place.
    pub(super) fn when_written(
        &mut self,
        path: PathBuf,
        apply: impl FnOnce(&Store, Identity) + 'static,
    ) {
        self.updates.push(CacheUpdate { path, apply: Box::new(apply) });
    }

    /// Takes over what was written aside for a line that was not finished.
    fn adopt(&mut self, staged: &[String]) -> Result<(), StoreError> {
        for name in staged {
            let below = Path::new(name);
            if !below.components().all(|part| matches!(part, Component::Normal(_))) {
                let log = self.store.state.access_log();
                return Err(damaged(&log, None, "its last line names no file of ours"));
            }
            // One that is not there was renamed already.
            let Some(file) = StagedFile::find(self.store.state.path().join(below))? else {
                continue;
            };
            self.lock(file.target())?;
            if let Some(name) = own::name(&self.store.state, file.target()) {
                let bytes = own_file::read(file.temp());
                let bytes = bytes.map_err(|error| io("read", file.temp(), error))?;
                self.digests.insert(name.to_owned(), own::digest(&bytes));
            }
            self.staged.push(file);
        }
        Ok(())
    }

    /// Commits lines: the last one names what was written aside, and then that takes its place. Tokens stand in none.
    /// Once the lines are there the change is a fact: what a failing disk leaves is finished by the next transaction.
    pub(super) fn commit(mut self, mut lines: Vec<Line>) -> Result<(), StoreError> {
        self.staged.iter_mut().try_for_each(StagedFile::sync)?;
        let root = self.store.state.path();
        if let Some(last) = lines.last_mut() {
            let below = |file: &StagedFile| file.temp().strip_prefix(root).map(Path::to_owned).ok();
            let names = self.staged.iter().filter_map(below);
            last.staged = names.map(|name| name.to_string_lossy().into_owned()).collect();
            last.made.clone_from(&self.digests);
            // Their names must be on disk before the line is.
            sync_dirs(self.staged.iter().map(StagedFile::target))?;
        }
        if let Some(lost) = self.locked.iter().find(|locked| !locked.field.is_ours()) {
            let holder =
                format!("another program, which has taken {}", lost.field.path().display());
            return Err(StoreError::Busy { path: lost.path.clone(), holder });
        }
        let decides = !lines.is_empty();
        if decides {
            let appended = self.log.append(lines);
            if appended.is_ok() || self.log.is_in_doubt() {
                self.staged.iter_mut().for_each(StagedFile::keep);
            }
            appended?;
            self.store.committed.fetch_max(self.log.count(), Ordering::Relaxed);
        }
        match self.finish() {
            Err(error) if decides => {
                self.store.unfinished.store(true, Ordering::Relaxed);
                tracing::error!(%error, "a decision counts, and its files are written at the next one, or at the next start");
                Ok(())
            }
            finished => finished,
        }
    }

    /// Renames what was written aside, and writes the head.
    fn finish(&mut self) -> Result<(), StoreError> {
        // Those of a line are synced already.
        self.staged.iter_mut().try_for_each(StagedFile::sync)?;
        let mut wrote = Vec::new();
        for file in self.staged.drain(..) {
            let target = file.target().to_owned();
            wrote.push((target, file.put()?));
        }
        sync_dirs(wrote.iter().map(|(path, _)| path.as_path()))?;
        for CacheUpdate { path, apply } in self.updates.drain(..) {
            if let Some((_, identity)) = wrote.iter().find(|(wrote, _)| *wrote == path) {
                apply(self.store, *identity);
            }
        }
        let digests = std::mem::take(&mut self.digests);
        if let Err(error) = self.log.finish(wrote, digests) {
            // The change is done; the next transaction looks at it once more.
            tracing::warn!(%error, "the access log's head could not be written");
        }
        if self.log.was_full() {
            seal::seal_or_warn(&self.store.state, self.now);
        }
        Ok(())
    }
}

/// Makes what was made or renamed in the folders of these files durable.
fn sync_dirs<'p>(files: impl Iterator<Item = &'p Path>) -> Result<(), StoreError> {
    let folders: BTreeSet<&Path> = files.filter_map(Path::parent).collect();
    folders.into_iter().try_for_each(sync_dir)
}
