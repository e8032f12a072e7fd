//! Random keys, one a purpose, made once.

use std::{io::ErrorKind, path::Path, time::Duration};

use openclaw_plugin_sdk::own_file;

use super::{
    StoreError,
    file::{Aside, damaged, ensure_dir, sync_dir},
    io,
    lock::OcLock,
    paths::StateDir,
};
use crate::world;

/// The key for a purpose; made at its first use, by whoever comes first.
pub(super) fn key(
    state: &StateDir,
    purpose: &str,
    patience: Duration,
) -> Result<[u8; 32], StoreError> {
    let path = state.key(purpose);
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if purpose.is_empty() || !purpose.chars().all(fits) {
        let error = std::io::Error::new(ErrorKind::InvalidInput, "the purpose is no file name");
        return Err(io("make", &path, error));
    }
    if let Some(key) = read(&path)? {
        return Ok(key);
    }
    let dir = state.keys();
    ensure_dir(&dir)?;
    ensure_dir(&state.audit())?;
    // The lock of all who write: a start clears this folder of what was left behind.
    let _lock = OcLock::take(&state.access_log(), patience)?;
    if let Some(key) = read(&path)? {
        return Ok(key);
    }
    let key = world::random().map_err(|error| io("make", &path, error))?;
    Aside::write(&path, &key, None)?.put()?;
    sync_dir(&dir)?;
    Ok(key)
}

fn read(path: &Path) -> Result<Option<[u8; 32]>, StoreError> {
    match own_file::read(path) {
        Ok(bytes) => {
            let key = bytes.try_into();
            key.map(Some).map_err(|_| damaged(path, None, "a key has 32 bytes"))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io("read", path, error)),
    }
}
