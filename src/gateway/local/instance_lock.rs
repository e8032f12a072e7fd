//! One gateway a state folder: a lock that names its holder.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use openclaw_plugin_sdk::own_file;

/// Held while a gateway runs on the state folder; let go by the operating system however it ends.
#[derive(Debug)]
pub(crate) struct Single(File);

/// Why it could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum SingleError {
    /// Another gateway runs.
    #[error(
        "a gateway runs on this state folder already: {0}; end it, or set OPENCLAW_STATE_DIR to another folder"
    )]
    Runs(String),
    /// Its folder cannot be made.
    #[error(transparent)]
    Folder(#[from] crate::store::StoreError),
    /// The operating system refused.
    #[error("cannot lock {path}: {source}", path = path.display())]
    Io {
        /// The lock.
        path: std::path::PathBuf,
        /// What it said.
        source: io::Error,
    },
}

impl Single {
    /// Takes the lock.
    pub(crate) fn take(path: &Path) -> Result<Self, SingleError> {
        let io = |source| SingleError::Io { path: path.to_owned(), source };
        if let Some(folder) = path.parent() {
            crate::store::private::ensure_dir(folder)?;
        }
        let mut how = OpenOptions::new();
        how.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = own_file::open_with(&mut how, path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder).map_err(io)?;
                Err(SingleError::Runs(holder.trim().to_owned()))
            }
            Err(TryLockError::Error(source)) => Err(io(source)),
        }
    }

    /// Writes who holds it.
    pub(crate) fn name(&mut self, port: u16) -> io::Result<()> {
        self.0.set_len(0)?;
        self.0.rewind()?;
        writeln!(self.0, "process {}, port {port}", std::process::id())
    }
}
