//! Copies of the state folder: made while nothing is decided, verified, and restored into an empty folder.
//!
//! A copy is a tar archive, compressed and, unless that is not wanted, encrypted by `age`. Its first entry is a
//! manifest, and the entries after it are exactly the files that the manifest names, in its order. What an archive says
//! of paths, links, owners and modes is never done: names are compared with the manifest and with what a state folder
//! holds, and files are made new, 0600.

mod contents;
mod create;
mod manifest;
mod read;
mod restore;
mod seal;

use openclaw_rules as rules;
use openclaw_store as store;

use std::{
    io,
    path::{Path, PathBuf},
};

pub use self::{
    create::{Made, Source, create, place},
    manifest::{FileEntry, Manifest},
    restore::{Restore, verify},
    seal::{Key, Protection, wants_passphrase},
};

/// Why a copy is not made, or not taken. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The passphrase or the identity is another one.
    #[error("{at} cannot be decrypted: {1}", at = .0.display())]
    Locked(PathBuf, &'static str),
    /// What was given to encrypt with is no use.
    #[error("{0}")]
    Protection(String),
    /// It is no copy at all.
    #[error("{at} is no backup of this program: {1}", at = .0.display())]
    Foreign(PathBuf, String),
    /// It ends early, or bytes of it are others.
    #[error("{at} is torn or was changed: {1}", at = .0.display())]
    Torn(PathBuf, String),
    /// A file in it is not as the manifest says.
    #[error("{at}: `{1}` is not the file that was backed up", at = .0.display())]
    Changed(PathBuf, String),
    /// A file that the manifest does not name.
    #[error("{at}: `{1}` is in it, and its manifest does not name it there", at = .0.display())]
    Extra(PathBuf, String),
    /// A file that the manifest names.
    #[error("{at}: `{1}` is missing in it", at = .0.display())]
    Missing(PathBuf, String),
    /// Something that no copy of ours holds.
    #[error("{at}: `{1}` is refused: {2}", at = .0.display())]
    Refused(PathBuf, String, &'static str),
    /// The access log in it is not whole.
    #[error("{at}: the access log in it is not whole: {1}", at = .0.display())]
    Log(PathBuf, String),
    /// The place for it cannot be used.
    #[error("{at}: {1}", at = .0.display())]
    Place(PathBuf, String),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// The operating system refused.
    #[error("cannot {doing} {at}: {source}", at = .path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::Io { doing, path, source }
}

#[cfg(test)]
mod tests;
