//! The log's head: how far it is finished, and which of our writes each state file is.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::Read,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::store::{StoreError, io};

/// What the head says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Head {
    /// The number of the last finished line, which is the count of lines.
    pub(super) count: u64,
    /// Its hash; blank where there is none.
    pub(super) hash: String,
    /// The state files that we wrote last, by name, and what they were then. A file that is another one now
    /// was written by another program.
    #[serde(default)]
    pub(super) wrote: BTreeMap<String, String>,
}

/// The file that it stands in, rewritten in place: it can be told from the log again.
#[derive(Debug)]
pub(super) struct HeadFile {
    path: PathBuf,
    file: File,
}

impl HeadFile {
    /// Opens it and reads what it says; `None` where it says nothing that can be understood.
    pub(super) fn open(path: &Path) -> Result<(Self, Option<Head>), StoreError> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(|error| io("write", path, error))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(|error| io("read", path, error))?;
        Ok((Self { path: path.to_owned(), file }, read(&text)))
    }

    /// Writes what it says now.
    pub(super) fn write(&self, head: &Head) -> Result<(), StoreError> {
        let failed = |error| io("write", &self.path, error);
        let mut text = serde_json::to_vec(head).map_err(std::io::Error::other).map_err(failed)?;
        text.push(b'\n');
        self.file.write_all_at(&text, 0).map_err(failed)?;
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        self.file.set_len(length).map_err(failed)
    }
}

/// Only the first line counts: behind it may stand the end of a longer one.
fn read(text: &[u8]) -> Option<Head> {
    let end = text.iter().position(|byte| *byte == b'\n')?;
    serde_json::from_slice(&text[..end]).ok()
}
