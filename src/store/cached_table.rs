//! What was parsed, together with the identity of the files it is from. The files stay the truth.

use std::{
    borrow::Borrow,
    cell::OnceCell,
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
pub(super) struct CachedTable<T, K = ()>(RwLock<HashMap<K, Cached<T>>>);

/// A value, and the identity of the last of its files; none where that file is missing.
pub(super) type Current<T> = (Arc<T>, Option<Identity>);

/// The head of the access log at the first look of one reading, so that several values of it cost one `stat`.
#[derive(Debug, Default)]
pub(super) struct HeadSeen(OnceCell<Option<Identity>>);

#[derive(Debug)]
struct Cached<T> {
    /// The files that have to be as they were.
    files: Vec<(PathBuf, Option<Identity>)>,
    /// Where a file of ours is missing: the head that does not name it.
    head: Option<(PathBuf, Option<Identity>)>,
    /// That of the last file.
    identity: Option<Identity>,
    value: Result<Arc<T>, Damage>,
}

/// What is wrong with a file, as long as it is the same file.
#[derive(Clone, Debug)]
struct Damage {
    path: PathBuf,
    line: Option<usize>,
    why: String,
}

impl<T, K> Default for CachedTable<T, K> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<T, K: Hash + Eq> CachedTable<T, K> {
    /// The value, parsed anew if one of its files was replaced; else one `stat` for each file. Other values may be read
    /// by the same look at the head.
    pub(super) fn get<Q>(
        &self,
        state: &StateDir,
        seen: &HeadSeen,
        key: &Q,
        paths: impl FnOnce() -> Vec<PathBuf>,
        parse: impl FnOnce(Vec<Found>) -> Result<T, StoreError>,
    ) -> Result<Current<T>, StoreError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        if let Some(current) = current(&self.0.read(), key, seen)? {
            return current;
        }
        // A thread that waits here finds what the thread before it has read.
        let mut all = self.0.write();
        if let Some(current) = current(&all, key, seen)? {
            return current;
        }
        let (mut files, mut missing, mut found) = (Vec::new(), None, Vec::new());
        for path in paths() {
            // Only the head says whether a missing file was ever written.
            let (head, is_own) = (state.access_head(), own::name(state, &path).is_some());
            let head_before = if is_own { Identity::at(&head)? } else { None };
            // A file that is damaged as a whole is not cached: its identity is not known.
            let read = own::read(state, &path)?;
            // A missing file of ours stays missing until the head names it: what others put there is not read.
            if is_own && read.identity.is_none() {
                missing = Some((head, head_before));
            } else {
                files.push((path, read.identity));
            }
            found.push(read);
        }
        let identity = found.last().and_then(|last| last.identity);
        let value = match parse(found) {
            Ok(value) => Ok(Arc::new(value)),
            Err(StoreError::Damaged { path, line, why }) => Err(Damage { path, line, why }),
            Err(error) => return Err(error),
        };
        let cached = Cached { files, head: missing, identity, value };
        let current = cached.current();
        all.insert(key.to_owned(), cached);
        current
    }

    /// What is cached and still holds, if anything.
    pub(super) fn peek<Q>(&self, key: &Q) -> Result<Option<Arc<T>>, StoreError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let current = current(&self.0.read(), key, &HeadSeen::default())?;
        Ok(current.and_then(Result::ok).map(|(value, _)| value))
    }

    /// The value of its only file, which we have just written.
    pub(super) fn put(&self, key: K, path: PathBuf, identity: Identity, value: Arc<T>) {
        let (files, identity) = (vec![(path, Some(identity))], Some(identity));
        self.0.write().insert(key, Cached { files, head: None, identity, value: Ok(value) });
    }

    /// Turns a value that was parsed from the `before` of a file into that of its `after`, whose only
    /// difference is known.
    pub(super) fn amend(
        &self,
        key: &K,
        path: &Path,
        before: Option<Identity>,
        after: Identity,
        change: impl FnOnce(&mut T),
    ) where
        T: Clone,
    {
        let mut all = self.0.write();
        let Some(Cached { files, identity: last, value: Ok(value), .. }) = all.get_mut(key) else {
            return;
        };
        let is_last = files.last().is_some_and(|(file, _)| file == path);
        let file = files.iter_mut().find(|(file, identity)| file == path && *identity == before);
        if let Some((_, identity)) = file {
            *identity = Some(after);
            if is_last {
                *last = *identity;
            }
            change(Arc::make_mut(value));
        }
    }
}

/// What is cached, if each of its files is still the one it was parsed from.
fn current<T, K, Q>(
    all: &HashMap<K, Cached<T>>,
    key: &Q,
    seen: &HeadSeen,
) -> Result<Option<Result<Current<T>, StoreError>>, StoreError>
where
    K: Borrow<Q> + Hash + Eq,
    Q: Hash + Eq + ?Sized,
{
    let Some(cached) = all.get(key) else { return Ok(None) };
    if let Some((path, identity)) = &cached.head
        && seen.at(path)? != *identity
    {
        return Ok(None);
    }
    for (path, identity) in &cached.files {
        if Identity::at(path)? != *identity {
            return Ok(None);
        }
    }
    Ok(Some(cached.current()))
}

impl HeadSeen {
    /// The identity of the head, which lies at this path.
    pub(super) fn at(&self, path: &Path) -> Result<Option<Identity>, StoreError> {
        if let Some(seen) = self.0.get() {
            return Ok(*seen);
        }
        let now = Identity::at(path)?;
        Ok(*self.0.get_or_init(|| now))
    }
}

impl<T> Cached<T> {
    fn current(&self) -> Result<Current<T>, StoreError> {
        match &self.value {
            Ok(value) => Ok((Arc::clone(value), self.identity)),
            Err(Damage { path, line, why }) => {
                Err(StoreError::Damaged { path: path.clone(), line: *line, why: why.clone() })
            }
        }
    }
}
