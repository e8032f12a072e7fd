//! A private copy of a database: even reading one leaves files beside it.

use std::{
    fs::{File, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use openclaw_plugin_sdk::own_file;
use ring::digest::{Context, SHA256};

use super::StateError;

/// A larger database is none of a gateway.
const LARGEST: u64 = 1 << 30;
/// So often it is copied again where another program writes meanwhile.
const TRIES: usize = 3;

/// The copy; it is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Copy {
    folder: PathBuf,
    /// Of the database and of its write-ahead log.
    pub(super) digest: String,
    _lock: File,
}

impl Copy {
    /// Copies a database and its write-ahead log into a folder below `scratch`.
    pub(super) fn of(path: &Path, scratch: &Path) -> Result<Self, StateError> {
        let failed = |why: String| StateError::Database { path: path.to_owned(), why };
        let lock =
            lock(scratch).map_err(|error| failed(format!("it cannot be copied: {error}")))?;
        let folder = scratch.join("import");
        let mut copy = Self { folder, digest: String::new(), _lock: lock };
        for _ in 0..TRIES {
            let before = identity(path);
            copy.digest = copy.copy(path).map_err(|error| failed(format!("{error}")))?;
            if identity(path) == before {
                return Ok(copy);
            }
        }
        Err(failed("another program is writing it: stop OpenClaw, then try again".to_owned()))
    }

    /// The copied database.
    pub(super) fn database(&self) -> PathBuf {
        self.folder.join("openclaw.sqlite")
    }

    fn copy(&self, path: &Path) -> io::Result<String> {
        self.clear()?;
        std::fs::DirBuilder::new().mode(0o700).create(&self.folder)?;
        let mut digest = Context::new(&SHA256);
        for end in ["", "-wal"] {
            let from = PathBuf::from(format!("{}{end}", path.display()));
            let mut from = match own_file::open(&from) {
                Ok(from) => from,
                Err(error) if error.kind() == io::ErrorKind::NotFound && !end.is_empty() => break,
                Err(error) => return Err(error),
            };
            if from.metadata()?.len() > LARGEST {
                return Err(io::Error::other(
                    "it is larger than 1 GiB, and no gateway's database is",
                ));
            }
            let to = self.folder.join(format!("openclaw.sqlite{end}"));
            let mut how = File::options();
            how.write(true).create_new(true).mode(0o600);
            let mut to = how.open(to)?;
            let mut buffer = vec![0; 256 * 1024];
            loop {
                let length = io::Read::read(&mut from, &mut buffer)?;
                if length == 0 {
                    break;
                }
                digest.update(&buffer[..length]);
                io::Write::write_all(&mut to, &buffer[..length])?;
            }
        }
        Ok(data_encoding::HEXLOWER.encode(digest.finish().as_ref()))
    }

    fn clear(&self) -> io::Result<()> {
        match std::fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if let Err(error) = self.clear() {
            let folder = self.folder.display();
            tracing::warn!(%folder, %error, "the copy of a database holds tokens: remove it");
        }
        // What was made for the copy alone: only empty folders go.
        let scratch = self.folder.parent().unwrap_or(&self.folder);
        drop(std::fs::remove_file(scratch.join("import.lock")));
        drop(std::fs::remove_dir(scratch));
        drop(scratch.parent().map(std::fs::remove_dir));
    }
}

/// One import at a time.
fn lock(scratch: &Path) -> io::Result<File> {
    openclaw_store::private::ensure_dir(scratch).map_err(io::Error::other)?;
    let mut how = File::options();
    how.write(true).create(true).truncate(false).mode(0o600);
    let file = how.open(scratch.join("import.lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(io::Error::other("another import is running")),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// What changes when a database is written.
fn identity(path: &Path) -> Vec<Option<(u64, u64, i64, i64)>> {
    let of = |end: &str| {
        let meta = std::fs::metadata(format!("{}{end}", path.display())).ok()?;
        Some((meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()))
    };
    vec![of(""), of("-wal")]
}
