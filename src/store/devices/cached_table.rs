//! What one file holds, kept together with the file's identity, and read anew when that is another one.

use std::{path::Path, sync::Arc};

use parking_lot::RwLock;

use crate::store::{
    StoreError,
    cache::Damage,
    file::{Found, Identity},
    own,
    paths::StateDir,
};

/// One file's content.
#[derive(Debug)]
pub(super) struct CachedTable<T>(RwLock<Option<Kept<T>>>);

#[derive(Debug)]
struct Kept<T> {
    identity: Option<Identity>,
    /// Of the head, where nothing but it says that there never was such a file.
    head: Option<Identity>,
    value: Result<Arc<T>, Damage>,
}

impl<T> Default for CachedTable<T> {
    fn default() -> Self {
        Self(RwLock::new(None))
    }
}

impl<T> CachedTable<T> {
    /// The content: one `stat` while the file is the same.
    pub(super) fn look(
        &self,
        state: &StateDir,
        path: &Path,
        parse: impl FnOnce(Option<Found>) -> Result<T, StoreError>,
    ) -> Result<(Arc<T>, Option<Identity>), StoreError> {
        let now = || -> Result<_, StoreError> {
            let identity = Identity::at(path)?;
            let is_told = identity.is_none() && own::name(state, path).is_some();
            let head = if is_told { Identity::at(&state.access_head())? } else { None };
            Ok((identity, head))
        };
        let same = |kept: &&Kept<T>, now: (Option<Identity>, Option<Identity>)| {
            (kept.identity, kept.head) == now
        };
        let seen = now()?;
        let kept = self.0.read();
        if let Some(kept) = kept.as_ref().filter(|kept| same(kept, seen)) {
            return kept.seen();
        }
        drop(kept);
        // Whoever waits here finds what the one before him has read.
        let mut kept = self.0.write();
        let seen = now()?;
        if let Some(kept) = kept.as_ref().filter(|kept| same(kept, seen)) {
            return kept.seen();
        }
        let found = own::read(state, path)?;
        let identity = found.as_ref().map(|found| found.identity);
        let head = seen.1.filter(|_| identity.is_none());
        let value = match parse(found) {
            Ok(value) => Ok(Arc::new(value)),
            Err(StoreError::Damaged { path, line, why }) => Err(Damage { path, line, why }),
            Err(error) => return Err(error),
        };
        kept.insert(Kept { identity, head, value }).seen()
    }

    /// The content after a write of our own.
    pub(super) fn keep(&self, identity: Identity, value: Arc<T>) {
        let kept = Kept { identity: Some(identity), head: None, value: Ok(value) };
        *self.0.write() = Some(kept);
    }
}

impl<T> Kept<T> {
    fn seen(&self) -> Result<(Arc<T>, Option<Identity>), StoreError> {
        self.value.clone().map(|value| (value, self.identity)).map_err(StoreError::from)
    }
}
