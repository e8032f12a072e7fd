//! What crashes and stopped programs leave behind in the state folder, seen without changing anything.
//! [`Store::start`](super::Store::start) clears it.

use std::{
    fs::TryLockError,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use openclaw_plugin_sdk::{UnixMs, own_file};

use super::{
    file,
    lock::{is_left, is_old},
    paths::StateDir,
};

/// The writers' lock, while a process holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldLock {
    /// The process, where its lock names it.
    pub pid: Option<u32>,
    /// Since when.
    pub since: UnixMs,
}

/// Which process holds the writers' lock now, if one does.
pub fn held_lock(state: &StateDir) -> Option<HeldLock> {
    let path = file::with_suffix(&state.access_log(), ".oc-lock");
    let lock = own_file::open(&path).ok()?;
    if !matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)) {
        return None;
    }
    let seconds = u64::try_from(lock.metadata().ok()?.mtime()).ok()?;
    let text = own_file::read_to_string(&path).unwrap_or_default();
    Some(HeldLock { pid: text.trim().parse().ok(), since: UnixMs(seconds.saturating_mul(1000)) })
}

/// Locks of the field that no living process holds.
pub fn left_locks(state: &StateDir) -> Vec<PathBuf> {
    let folders = [state.credentials(), state.devices(), state.nodes()];
    found(&folders, |path, name| name.ends_with(".json.lock") && is_left(path))
}

/// Files that were written aside and never took their place.
pub fn left_files(state: &StateDir) -> Vec<PathBuf> {
    let shared = [state.credentials(), state.devices(), state.nodes()];
    let own = [state.access(), state.audit(), state.keys(), state.outbox(), state.held()];
    let folders: Vec<PathBuf> = shared.into_iter().chain(own).collect();
    found(&folders, |path, name| {
        let is_temporary = path.extension().is_some_and(|extension| extension == "tmp");
        let is_ours = name.contains(".oc-") && !name.ends_with(".oc-lock.tmp");
        is_temporary && is_ours && path.symlink_metadata().is_ok_and(|meta| is_old(&meta))
    })
}

fn found(folders: &[PathBuf], fits: impl Fn(&Path, &str) -> bool) -> Vec<PathBuf> {
    let entries = folders.iter().flat_map(|folder| file::entries(folder).unwrap_or_default());
    entries.filter(|(name, path)| fits(path, name)).map(|(_, path)| path).collect()
}
