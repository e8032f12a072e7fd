//! What this machine is to gateways, in files: JSON for this user alone. A file that cannot be understood is never
//! taken for none.

use std::path::{Path, PathBuf};

use serde::{Serialize, de::DeserializeOwned};

use crate::store::{StoreError, paths::StateDir, private};

/// The folder of keys and tokens.
pub(super) fn folder(state: &StateDir) -> PathBuf {
    state.path().join("identity")
}

/// The value in a file; `None` where there is no file. `why` says what is wrong with one that holds no such value.
pub(super) fn read<T: DeserializeOwned>(path: &Path, why: &str) -> Result<Option<T>, StoreError> {
    let text = private::read(path)?;
    text.map(|text| serde_json::from_slice(&text).map_err(|_| damaged(path, why))).transpose()
}

/// Replaces a file.
pub(super) fn write(path: &Path, value: &impl Serialize) -> Result<(), StoreError> {
    let text = text(value).map_err(|error| damaged(path, &error.to_string()))?;
    private::replace(path, &text)
}

/// As a file holds it: for people to read.
pub(super) fn text(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(text)
}

pub(super) fn damaged(path: &Path, why: &str) -> StoreError {
    StoreError::Damaged { path: path.to_owned(), line: None, why: why.to_owned() }
}
