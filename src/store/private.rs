//! Small files of the running gateway that need no lock: for this user alone, from the first byte.

use std::path::Path;

use super::{
    StoreError,
    file::{self, Aside},
};

/// Makes a folder and those above it, 0700, where they are missing.
pub fn ensure_dir(folder: &Path) -> Result<(), StoreError> {
    file::ensure_dir(folder)
}

/// Replaces a file in one step, 0600. Not durable before the next sync of its folder.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    if let Some(folder) = path.parent() {
        ensure_dir(folder)?;
    }
    Aside::write(path, bytes, None)?.put().map(drop)
}
