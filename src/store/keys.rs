//! Random keys, one for each purpose, made once.

use std::{io::ErrorKind, time::Duration};

use super::{StoreError, file::damaged, io, paths::StateDir, private};
use crate::world;

/// The key for a purpose; the first process that asks makes it.
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
    let make = || world::random().map(|key: [u8; 32]| key.to_vec());
    let key = private::once_within(state, &path, patience, make)?.try_into();
    key.map_err(|_| damaged(&path, None, "a key has 32 bytes"))
}
