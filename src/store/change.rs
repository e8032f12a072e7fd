//! One change of the store, from the lock to the last rename.
//!
//! Everything that can fail is done first: read, check, write aside, sync. Then the line in the access log
//! commits, then the renames follow, then the head says that it is finished. Whoever takes the lock next and
//! finds a line that is not, does the rest of it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
};

use openclaw_plugin_sdk::{SenderId, UnixMs, own_file};
use parking_lot::RwLockReadGuard;

use super::{
    Store, StoreError,
    audit::{Line, Log, seal},
    authority,
    file::{self, Aside, Found, Identity, sync_dir, with_suffix},
    io,
    lock::{FieldLock, OcLock},
    own,
};
use crate::{
    rules::{AccountKey, authority::Authority, pairing::MEANWHILE_MS},
    store::replay,
};

/// A change that is being made; among ourselves, the only one.
#[derive(Debug)]
pub(super) struct Change<'a> {
    /// What is written.
    pub(super) store: &'a Store,
    /// The time of the change.
    pub(super) now: UnixMs,
    log: Log,
    granted: Option<Granted>,
    renewed: Vec<Renewed>,
    /// The digests of what is written of the files that nobody else writes.
    made: BTreeMap<String, String>,
    // Dropped in this order: what was written aside, the field's locks, ours.
    asides: Vec<Aside>,
    held: Vec<Held>,
    _relied: RwLockReadGuard<'a, ()>,
    _lock: OcLock,
}

/// A grant that is about to stand in the first file of its account.
#[derive(Debug)]
struct Granted {
    key: AccountKey,
    sender: SenderId,
    before: Option<Identity>,
}

/// What a file will hold is known already: nobody need read it again.
struct Renewed {
    path: PathBuf,
    keep: Box<Keep>,
}

type Keep = dyn FnOnce(&Store, Identity);

impl std::fmt::Debug for Renewed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Renewed").field("path", &self.path).finish_non_exhaustive()
    }
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
    /// `by` is what the change rests on, looked at again now; nothing for what decides nothing, or is somebody's own.
    pub(super) fn open(
        store: &'a Store,
        by: Option<&Authority>,
        now: UnixMs,
    ) -> Result<Self, StoreError> {
        let change = Self::look(store, now)?;
        if let Some(doubt) = change.log.doubt() {
            return Err(doubt);
        }
        // Only now do the files say what was decided last.
        match by {
            Some(by) if !authority::holds(store, by)? => Err(StoreError::Withdrawn),
            _ => Ok(change),
        }
    }

    /// The same where log and head may be damaged: then nothing is finished, and nothing may be written but what
    /// [`Self::accept`] does.
    pub(super) fn look(store: &'a Store, now: UnixMs) -> Result<Self, StoreError> {
        let path = store.state.access_log();
        path.parent().map_or(Ok(()), file::ensure_dir)?;
        file::ensure_dir(&store.state.credentials())?;
        let lock = OcLock::take(&path, store.patience)?;
        let relied = store.relied.order();
        let log = Log::open(&store.state, store.rotate_at)?;
        let meanwhile = log.written_at().filter(|at| at.0.saturating_sub(now.0) <= MEANWHILE_MS);
        let now = meanwhile.map_or(now, |at| at.max(now));
        let (asides, held, made) = (Vec::new(), Vec::new(), BTreeMap::new());
        let (granted, renewed) = (None, Vec::new());
        let mut change = Self {
            store,
            now,
            log,
            granted,
            renewed,
            made,
            asides,
            held,
            _relied: relied,
            _lock: lock,
        };
        if let Some(line) = change.log.unfinished().cloned() {
            change.made.clone_from(&line.made);
            replay::stage(&mut change, &line)?;
            change.put()?;
            change.held.clear();
            if change.log.unfinished().is_some() {
                let path = store.state.access_head();
                return Err(io("write", &path, std::io::Error::other("it stays as it was")));
            }
        }
        store.unfinished.store(false, Ordering::Relaxed);
        Ok(change)
    }

    /// Goes on with log, head and files as they are, and says so in a line.
    pub(super) fn accept(mut self, line: Line) -> Result<(), StoreError> {
        self.log.accept(&self.store.state);
        self.made = self.log.said().own.clone().unwrap_or_default();
        self.commit(vec![line])
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
        path.parent().map_or(Ok(()), file::ensure_dir)?;
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
        self.stage_over(path, before.map(|found| found.identity), text)
    }

    /// As [`Self::stage`], where only the identity of the file before is at hand.
    pub(super) fn stage_over(
        &mut self,
        path: &Path,
        before: Option<Identity>,
        text: &str,
    ) -> Result<(), StoreError> {
        if before.is_some_and(|before| !self.log.wrote(path, before)) {
            let orig = with_suffix(path, ".orig");
            if !orig.exists() {
                let bytes = own_file::read(path).map_err(|error| io("read", path, error))?;
                Aside::write(&orig, &bytes, None)?.put()?;
                path.parent().map_or(Ok(()), sync_dir)?;
            }
        }
        self.asides.push(Aside::write(path, text.as_bytes(), before)?);
        if let Some(name) = own::name(&self.store.state, path) {
            self.made.insert(name.to_owned(), own::digest(text.as_bytes()));
        }
        Ok(())
    }

    /// Says that what was staged adds one sender to an account's first file, as it was before:
    /// whoever has parsed that need not do it again.
    pub(super) fn granted(&mut self, key: AccountKey, sender: SenderId, before: Option<Identity>) {
        self.granted = Some(Granted { key, sender, before });
    }

    /// Says what the file at `path` holds once what was staged for it is there.
    pub(super) fn renews(&mut self, path: &Path, keep: impl FnOnce(&Store, Identity) + 'static) {
        self.renewed.push(Renewed { path: path.to_owned(), keep: Box::new(keep) });
    }

    /// Takes over what was written aside for a line that was not finished.
    pub(super) fn adopt(&mut self, staged: &[String]) -> Result<(), StoreError> {
        for name in staged {
            let below = Path::new(name);
            let plain = |part| matches!(part, std::path::Component::Normal(_));
            if !below.components().all(plain) {
                let log = self.store.state.access_log();
                return Err(file::damaged(&log, None, "its last line names no file of ours"));
            }
            if let Some(aside) = Aside::left(self.store.state.path().join(below))? {
                self.hold(aside.target())?;
                if let Some(name) = own::name(&self.store.state, aside.target()) {
                    let bytes = own_file::read(aside.temp());
                    let bytes = bytes.map_err(|error| io("read", aside.temp(), error))?;
                    self.made.insert(name.to_owned(), own::digest(&bytes));
                }
                self.asides.push(aside);
            }
        }
        Ok(())
    }

    /// Commits lines of which the last is finished by its files: it names what was written aside, and a redo renames what
    /// is left of that. So it need not tell of tokens, which only their digests in those files know, and no
    /// order of renames that a loss of power leaves is a half.
    pub(super) fn commit_files(
        self,
        mut before: Vec<Line>,
        mut line: Line,
    ) -> Result<(), StoreError> {
        let root = self.store.state.path();
        let name = |aside: &Aside| aside.temp().strip_prefix(root).map(Path::to_owned).ok();
        let names = self.asides.iter().filter_map(name);
        line.staged = names.map(|name| name.to_string_lossy().into_owned()).collect();
        // Their names must be there before the line is.
        sync_dirs(self.asides.iter().map(Aside::target))?;
        before.push(line);
        self.commit(before)
    }

    /// Commits: the lines, then everything that was written aside, then the head.
    /// Once the lines are there the change is a fact: what a failing disk leaves is finished by the next change.
    pub(super) fn commit(mut self, mut lines: Vec<Line>) -> Result<(), StoreError> {
        if let Some(last) = lines.last_mut() {
            last.made.clone_from(&self.made);
        }
        if let Some(lost) = self.held.iter().find(|held| !held.field.is_ours()) {
            let holder =
                format!("another program, which has taken {}", lost.field.path().display());
            return Err(StoreError::Busy { path: lost.path.clone(), holder });
        }
        let decides = !lines.is_empty();
        if decides {
            let keeps = lines.iter().any(|line| !line.staged.is_empty());
            let appended = self.log.append(lines);
            if keeps && (appended.is_ok() || self.log.is_in_doubt()) {
                self.asides.iter_mut().for_each(Aside::keep);
            }
            appended?;
            self.store.committed.fetch_max(self.log.count(), Ordering::Relaxed);
        }
        match self.put() {
            Err(error) if decides => {
                self.store.unfinished.store(true, Ordering::Relaxed);
                tracing::error!(%error, "a decision counts, and its files are written at the next one, or at the next start");
                Ok(())
            }
            put => put,
        }
    }

    fn put(&mut self) -> Result<(), StoreError> {
        let mut wrote = Vec::new();
        for aside in self.asides.drain(..) {
            let target = aside.target().to_owned();
            wrote.push((target, aside.put()?));
        }
        sync_dirs(wrote.iter().map(|(path, _)| path.as_path()))?;
        for Renewed { path, keep } in self.renewed.drain(..) {
            if let Some((_, identity)) = wrote.iter().find(|(wrote, _)| *wrote == path) {
                keep(self.store, *identity);
            }
        }
        if let Some(Granted { key, sender, before }) = self.granted.take() {
            let path = self.store.state.allowlists(&key).swap_remove(0);
            if let Some((_, after)) = wrote.iter().find(|(wrote, _)| *wrote == path) {
                let both = (before, *after);
                self.store.approved.amend(&key, &path, both, |list| list.add(sender));
            }
        }
        let made = std::mem::take(&mut self.made);
        if let Err(error) = self.log.finish(wrote, made) {
            // All is done; it will only be looked at once more.
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
    let folders: std::collections::BTreeSet<&Path> = files.filter_map(Path::parent).collect();
    folders.into_iter().try_for_each(sync_dir)
}
