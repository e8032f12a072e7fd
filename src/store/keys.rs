//! Random keys, one for each purpose, made once.

use std::io::ErrorKind;

use super::{Store, StoreError, file::damaged, io, private};
use crate::world;

impl Store {
    /// A random key that the first process that asks makes, such as for `webchat-default`: `[a-z0-9_-]` only.
    pub fn key(&self, purpose: &str) -> Result<[u8; 32], StoreError> {
        let path = self.state.key(purpose);
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if purpose.is_empty() || !purpose.chars().all(fits) {
            let error = std::io::Error::new(ErrorKind::InvalidInput, "the purpose is no file name");
            return Err(io("make", &path, error));
        }
        let make = || world::random().map(|key: [u8; 32]| key.to_vec());
        let key = private::once(&self.state, &path, make)?.try_into();
        key.map_err(|_| damaged(&path, None, "a key has 32 bytes"))
    }
}
