//! What was parsed, kept together with the identity of the files it is from. The file stays the truth.

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::Hash,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::RwLock;

use super::{
    StoreError,
    file::{Found, Identity},
    own,
    paths::StateDir,
};

/// Parsed values by key, each from one file or several.
#[derive(Debug)]
pub(super) struct Cache<K, T>(RwLock<HashMap<K, Kept<T>>>);

#[derive(Debug)]
struct Kept<T> {
    files: Vec<(PathBuf, Option<Identity>)>,
    value: Result<Arc<T>, Damage>,
}

/// What was wrong with a file, as long as it is the same file.
#[derive(Clone, Debug)]
pub(super) struct Damage {
    pub(super) path: PathBuf,
    pub(super) line: Option<usize>,
    pub(super) why: String,
}

impl<K, T> Default for Cache<K, T> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<K: Hash + Eq, T> Cache<K, T> {
    /// The value, parsed anew if any of its files is another one than before; else one `stat` a file.
    pub(super) fn get<Q>(
        &self,
        state: &StateDir,
        key: &Q,
        paths: impl FnOnce() -> Vec<PathBuf>,
        parse: impl FnOnce(&[Found]) -> Result<T, StoreError>,
    ) -> Result<Arc<T>, StoreError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        if let Some(value) = self.current(key)? {
            return value.map_err(Damage::into);
        }
        let mut files = Vec::new();
        let mut found = Vec::new();
        for path in paths() {
            // Whether one that is not there was there is for the head to say.
            let (head, is_own) = (state.access_head(), own::name(state, &path).is_some());
            let said = if is_own { Identity::at(&head)? } else { None };
            // A file that is damaged as a whole is not kept: its identity is not known.
            let read = own::read(state, &path)?;
            if is_own && read.is_none() {
                files.push((head, said));
            }
            files.push((path, read.as_ref().map(|read| read.identity)));
            found.extend(read);
        }
        let value = match parse(&found) {
            Ok(value) => Ok(Arc::new(value)),
            Err(StoreError::Damaged { path, line, why }) => Err(Damage { path, line, why }),
            Err(error) => return Err(error),
        };
        self.put(key.to_owned(), Kept { files, value: value.clone() });
        value.map_err(Damage::into)
    }

    /// What is kept and still holds, if anything.
    pub(super) fn peek<Q>(&self, key: &Q) -> Result<Option<Arc<T>>, StoreError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        Ok(self.current(key)?.and_then(Result::ok))
    }

    /// Makes a value that was parsed from the `before` of a file into that of its `after`, whose only
    /// difference is known.
    pub(super) fn amend(
        &self,
        key: &K,
        path: &Path,
        (before, after): (Option<Identity>, Identity),
        change: impl FnOnce(&mut T),
    ) where
        T: Clone,
    {
        let mut all = self.0.write();
        let Some(Kept { files, value: Ok(value) }) = all.get_mut(key) else { return };
        let file = files.iter_mut().find(|(file, identity)| file == path && *identity == before);
        if let Some((_, identity)) = file {
            *identity = Some(after);
            change(Arc::make_mut(value));
        }
    }

    /// What is kept, if each of its files is still the one it was parsed from.
    fn current<Q>(&self, key: &Q) -> Result<Option<Result<Arc<T>, Damage>>, StoreError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let kept = self.0.read();
        let Some(kept) = kept.get(key) else { return Ok(None) };
        for (path, identity) in &kept.files {
            if Identity::at(path)? != *identity {
                return Ok(None);
            }
        }
        Ok(Some(kept.value.clone()))
    }

    fn put(&self, key: K, kept: Kept<T>) {
        self.0.write().insert(key, kept);
    }
}

impl From<Damage> for StoreError {
    fn from(Damage { path, line, why }: Damage) -> Self {
        Self::Damaged { path, line, why }
    }
}
