//! One file on disk: what it is, reading it, and replacing it in one step.

use std::{
    fs::{DirBuilder, File, FileTimes, Metadata, OpenOptions},
    io::{ErrorKind, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use openclaw_plugin_sdk::own_file;

use super::{StoreError, io};
use crate::world;

/// What tells one content of a file from the next: every replacement has another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl Identity {
    /// Of an open file, or of what a path leads to.
    pub(super) fn of(meta: &Metadata) -> Self {
        Self {
            device: meta.dev(),
            inode: meta.ino(),
            length: meta.len(),
            modified: (meta.mtime(), meta.mtime_nsec()),
        }
    }

    /// Of the file at a path, by one `stat`; `None` where there is none.
    pub(super) fn at(path: &Path) -> Result<Option<Self>, StoreError> {
        Ok(existing(path, std::fs::metadata(path))?.map(|meta| Self::of(&meta)))
    }

    /// As the log's head remembers it. Without the device, whose number may change at a reboot.
    pub(super) fn to_text(self) -> String {
        let (seconds, nanos) = self.modified;
        format!("{}:{}:{seconds}.{nanos:09}", self.inode, self.length)
    }

    /// Dates a file that was this one after it, so that no two contents of it have one identity, however coarse the
    /// clock of the file system is.
    pub(super) fn date_later(self, file: &File) -> std::io::Result<()> {
        if Self::of(&file.metadata()?).modified > self.modified {
            return Ok(());
        }
        let later = self.modified() + Duration::from_nanos(1);
        file.set_times(FileTimes::new().set_modified(later))
    }

    fn modified(self) -> SystemTime {
        let seconds = u64::try_from(self.modified.0).unwrap_or_default();
        let nanos = u32::try_from(self.modified.1).unwrap_or_default();
        UNIX_EPOCH + Duration::new(seconds, nanos)
    }
}

/// A file as it was read.
#[derive(Debug)]
pub(super) struct Found {
    /// Where.
    pub(super) path: PathBuf,
    /// Its content, never of zero bytes; empty where there is no file.
    pub(super) text: String,
    /// Of the very file that the content is from; `None` where there is no file.
    pub(super) identity: Option<Identity>,
}

/// Reads a file, which may be missing. One of zero bytes or of no UTF-8 is damaged.
pub(super) fn read(path: &Path) -> Result<Found, StoreError> {
    let Some(mut file) = existing(path, own_file::open(path))? else {
        return Ok(Found { path: path.to_owned(), text: String::new(), identity: None });
    };
    let meta = file.metadata().map_err(|error| io("read", path, error))?;
    let identity = Some(Identity::of(&meta));
    let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or_default() + 1);
    file.read_to_end(&mut bytes).map_err(|error| io("read", path, error))?;
    if bytes.is_empty() {
        return Err(damaged(path, Some(1), "it is empty (0 bytes)"));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let whole = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = whole.split(|byte| *byte == b'\n').count();
        damaged(path, Some(line), "this is not UTF-8")
    })?;
    Ok(Found { path: path.to_owned(), text, identity })
}

/// What was found at a path; `None` if nothing is there.
pub(super) fn existing<T>(path: &Path, found: std::io::Result<T>) -> Result<Option<T>, StoreError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io("read", path, error)),
    }
}

/// True where something was removed, or was gone before.
pub(super) fn gone(removed: std::io::Result<()>) -> std::io::Result<bool> {
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(true),
    }
}

/// The entries of a folder, with their names; none if it is missing.
pub(super) fn entries(dir: &Path) -> Result<Vec<(String, PathBuf)>, StoreError> {
    let mut found = Vec::new();
    for entry in existing(dir, std::fs::read_dir(dir))?.into_iter().flatten() {
        let path = entry.map_err(|error| io("read", dir, error))?.path();
        if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
            found.push((name.to_owned(), path));
        }
    }
    Ok(found)
}

/// A file that cannot be read.
pub(super) fn damaged(path: &Path, line: Option<usize>, why: &str) -> StoreError {
    StoreError::Damaged { path: path.to_owned(), line, why: why.to_owned() }
}

/// New content, written beside the file it will replace. Dropped, it is gone.
#[derive(Debug)]
pub(super) struct StagedFile {
    temp: PathBuf,
    target: PathBuf,
    identity: Identity,
    put: bool,
    /// Open until it is synced.
    unsynced: Option<File>,
}

impl StagedFile {
    /// Writes and syncs it.
    pub(super) fn write(
        target: &Path,
        bytes: &[u8],
        before: Option<Identity>,
    ) -> Result<Self, StoreError> {
        let mut staged = Self::write_unsynced(target, bytes, before)?;
        staged.sync()?;
        Ok(staged)
    }

    /// Writes it, 0600 from the first byte. It is dated after `before`, so that no two contents
    /// of a file have one identity, however coarse the clock of the file system is.
    ///
    /// Of several files all are written first: then the first sync takes the most of the others with it.
    pub(super) fn write_unsynced(
        target: &Path,
        bytes: &[u8],
        before: Option<Identity>,
    ) -> Result<Self, StoreError> {
        let failed = |error| io("write", target, error);
        let random = u64::from_ne_bytes(world::random().map_err(failed)?);
        let temp = with_suffix(target, &format!(".oc-{random:016x}.tmp"));
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temp)
            .map_err(failed)?;
        let identity = Identity::of(&file.metadata().map_err(failed)?);
        // From here on the temporary file is removed when anything fails.
        let (target, unsynced) = (target.to_owned(), None);
        let mut staged = Self { temp, target, identity, put: false, unsynced };
        file.write_all(bytes).map_err(failed)?;
        if let Some(before) = before {
            before.date_later(&file).map_err(failed)?;
        }
        staged.identity = Identity::of(&file.metadata().map_err(failed)?);
        staged.unsynced = Some(file);
        Ok(staged)
    }

    /// Makes its content durable. Its name is only with [`sync_dir`].
    pub(super) fn sync(&mut self) -> Result<(), StoreError> {
        let Some(file) = self.unsynced.take() else { return Ok(()) };
        file.sync_all().map_err(|error| io("write", &self.target, error))
    }

    /// One that an earlier process wrote and could not rename: `temp` beside its target. `None` if it is not there.
    pub(super) fn find(temp: PathBuf) -> Result<Option<Self>, StoreError> {
        let name = temp.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some((target, _)) = name.rsplit_once(".oc-") else { return Ok(None) };
        let target = temp.with_file_name(target);
        // Until it is renamed, it is what the line in the log stands for.
        let identity = Identity::at(&temp)?;
        Ok(identity.map(|identity| Self { temp, target, identity, put: true, unsynced: None }))
    }

    /// From here on it stays: a line names it, and it will be renamed.
    pub(super) fn keep(&mut self) {
        self.put = true;
    }

    /// The file itself.
    pub(super) fn temp(&self) -> &Path {
        &self.temp
    }

    /// The file it is for.
    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// Takes the file's place. Durable only after [`sync_dir`].
    pub(super) fn put(mut self) -> Result<Identity, StoreError> {
        std::fs::rename(&self.temp, &self.target)
            .map_err(|error| io("write", &self.target, error))?;
        self.put = true;
        Ok(self.identity)
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        if !self.put
            && let Err(error) = std::fs::remove_file(&self.temp)
        {
            tracing::warn!(file = ?self.temp, %error, "a temporary file stays until the next start");
        }
    }
}

/// `<path><suffix>`, beside it.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Makes what was renamed or made in a folder durable.
pub fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|error| io("write", dir, error))
}

/// Makes a folder and those above it, 0700, where they are missing.
pub fn ensure_dir(dir: &Path) -> Result<(), StoreError> {
    ensure_dirs(std::slice::from_ref(&dir))
}

/// The same for folders beside each other, made durable by one sync.
pub(super) fn ensure_dirs<P: AsRef<Path>>(dirs: &[P]) -> Result<(), StoreError> {
    let missing = dirs.iter().map(AsRef::as_ref).filter(|dir| !dir.is_dir());
    let missing: Vec<&Path> = missing.collect();
    for dir in &missing {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(|error| io("make", dir, error))?;
    }
    missing.last().and_then(|dir| dir.parent()).map_or(Ok(()), sync_dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_072_no_two_contents_of_a_file_have_one_identity() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        let mut before: Option<Identity> = None;
        for round in 0..50 {
            let text = format!("{:02}", round % 2);
            let staged = StagedFile::write(&path, text.as_bytes(), before).unwrap();
            let identity = staged.put().unwrap();
            assert_eq!(Identity::at(&path).unwrap(), Some(identity));
            assert!(before.is_none_or(|before| before.modified < identity.modified), "{round}");
            before = Some(identity);
        }
    }

    #[test]
    fn what_is_not_put_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        drop(StagedFile::write(&dir.path().join("a.json"), b"x", None).unwrap());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn case_044_a_damaged_file_is_named_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        let write = |bytes: &[u8]| File::create(&path).unwrap().write_all(bytes).unwrap();
        assert!(read(&path).unwrap().identity.is_none());
        write(b"");
        assert!(matches!(read(&path), Err(StoreError::Damaged { line: Some(1), .. })));
        write(b"{\n\n\xff");
        assert!(matches!(read(&path), Err(StoreError::Damaged { line: Some(3), .. })));
    }
}
