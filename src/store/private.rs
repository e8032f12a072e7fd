//! Small files of the running gateway: for this user alone, from the first byte.

use std::path::Path;

use openclaw_plugin_sdk::own_file;

pub use super::file::{ensure_dir, sync_dir as sync};
use super::{
    StoreError,
    file::{self, StagedFile},
    io,
    lock::{OcLock, PATIENCE},
    paths::StateDir,
};

/// Replaces a file in one step, 0600. Not durable before the next sync of its folder.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    if let Some(folder) = path.parent() {
        ensure_dir(folder)?;
    }
    StagedFile::write(path, bytes, None)?.put().map(drop)
}

/// The same with a value, as JSON on one line.
pub fn replace_json(path: &Path, value: &impl serde::Serialize) -> Result<(), StoreError> {
    let bytes = serde_json::to_vec(value).map_err(|error| io("write", path, error.into()))?;
    replace(path, &bytes)
}

/// What is in a file; `None` where there is none.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    file::existing(path, own_file::read(path))
}

/// Does something while no other process writes in the state folder.
pub fn alone<T>(state: &StateDir, act: impl FnOnce() -> T) -> Result<T, StoreError> {
    ensure_dir(&state.audit())?;
    let _lock = OcLock::take(&state.access_log(), PATIENCE)?;
    Ok(act())
}

/// What is in a file that the first process makes once, durably. It has a folder below the state folder.
pub fn once(
    state: &StateDir,
    path: &Path,
    make: impl FnOnce() -> std::io::Result<Vec<u8>>,
) -> Result<Vec<u8>, StoreError> {
    if let Some(bytes) = read(path)? {
        return Ok(bytes);
    }
    ensure_dir(&state.audit())?;
    // The lock of all writers: a start clears folders of what was left behind.
    let _lock = OcLock::take(&state.access_log(), PATIENCE)?;
    if let Some(bytes) = read(path)? {
        return Ok(bytes);
    }
    let bytes = make().map_err(|error| io("make", path, error))?;
    replace(path, &bytes)?;
    path.parent().map_or(Ok(()), sync)?;
    Ok(bytes)
}
