//! What one file holds, kept together with the file's identity, and read anew when that is another one.

use std::{
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

use crate::store::{
    StoreError,
    cache::Damage,
    file::{self, Found, Identity},
};

/// One file's content.
#[derive(Debug)]
pub(super) struct Shelf<T>(RwLock<Option<Kept<T>>>);

#[derive(Debug)]
struct Kept<T> {
    identity: Option<Identity>,
    value: Result<Arc<T>, Damage>,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(RwLock::new(None))
    }
}

impl<T> Shelf<T> {
    /// The content: one `stat` while the file is the same.
    pub(super) fn look(
        &self,
        path: &Path,
        parse: impl FnOnce(Option<Found>) -> Result<T, StoreError>,
    ) -> Result<(Arc<T>, Option<Identity>), StoreError> {
        let identity = Identity::at(path)?;
        if let Some(kept) = &*self.0.read().unwrap_or_else(PoisonError::into_inner)
            && kept.identity == identity
        {
            return kept.seen();
        }
        // Whoever waits here finds what the one before him has read.
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let identity = Identity::at(path)?;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.identity == identity) {
            return kept.seen();
        }
        let found = file::read(path)?;
        let identity = found.as_ref().map(|found| found.identity);
        let value = match parse(found) {
            Ok(value) => Ok(Arc::new(value)),
            Err(StoreError::Damaged { path, line, why }) => Err(Damage { path, line, why }),
            Err(error) => return Err(error),
        };
        kept.insert(Kept { identity, value }).seen()
    }

    /// The content after a write of our own.
    pub(super) fn keep(&self, identity: Identity, value: Arc<T>) {
        let kept = Kept { identity: Some(identity), value: Ok(value) };
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(kept);
    }
}

impl<T> Kept<T> {
    fn seen(&self) -> Result<(Arc<T>, Option<Identity>), StoreError> {
        self.value.clone().map(|value| (value, self.identity)).map_err(StoreError::from)
    }
}
