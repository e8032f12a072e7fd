//! The log's head: how far it is finished, and which of our writes each state file is.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::ErrorKind,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use openclaw_plugin_sdk::own_file;
use serde::{Deserialize, Serialize};

use crate::store::{
    StoreError,
    file::{Aside, sync_dir},
    io,
};

/// A head of so many bytes is written in place: a loss of power leaves the old one or the new one.
const IN_PLACE: usize = 4_096;

/// What the head says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(in crate::store) struct Head {
    /// The number of the last finished line, which is the count of lines.
    pub(in crate::store) count: u64,
    /// Its hash; blank where there is none.
    pub(in crate::store) hash: String,
    /// The state files that we wrote last, by name, and what they were then. A file that is another one now
    /// was written by another program; one that is gone is damage.
    #[serde(default)]
    pub(in crate::store) wrote: BTreeMap<String, String>,
    /// The digests of the files that nobody else writes. An older version's head has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::store) own: Option<BTreeMap<String, String>>,
}

/// What stands where the head should be.
#[derive(Debug)]
pub(in crate::store) enum Seen {
    /// A head.
    Head(Head),
    /// No file, or one of zero bytes as an older version made it before its first line.
    Nothing,
    /// Something that is no head.
    Unreadable,
}

/// Looks at it, without the lock.
pub(in crate::store) fn peek(path: &Path) -> Result<Seen, StoreError> {
    let text = match own_file::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Seen::Nothing),
        Err(error) => return Err(io("read", path, error)),
    };
    if text.is_empty() {
        return Ok(Seen::Nothing);
    }
    // Only the first line counts: behind it may stand the end of a longer one.
    let end = text.iter().position(|byte| *byte == b'\n');
    let head = end.and_then(|end| serde_json::from_slice(&text[..end]).ok());
    Ok(head.map_or(Seen::Unreadable, Seen::Head))
}

/// The file that it stands in.
#[derive(Debug)]
pub(super) struct HeadFile {
    path: PathBuf,
    file: Option<File>,
}

impl HeadFile {
    /// Of a path. Opens nothing yet.
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path, file: None }
    }

    /// Writes what it says now: in place where it is short, and need not survive a loss of power, from which the
    /// log tells it again; what a new file says (`is_news`) is not told again, and is durable on return.
    pub(super) fn write(&mut self, head: &Head, is_news: bool) -> Result<(), StoreError> {
        let path = &self.path;
        let failed = |error| io("write", path, error);
        let mut text = serde_json::to_vec(head).map_err(std::io::Error::other).map_err(failed)?;
        text.push(b'\n');
        if text.len() <= IN_PLACE && self.file.is_none() {
            let opened = own_file::open_with(OpenOptions::new().read(true).write(true), path);
            self.file = match opened {
                Ok(file) => Some(file),
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                Err(error) => return Err(failed(error)),
            };
        }
        let fits = self.file.as_ref().filter(|_| text.len() <= IN_PLACE);
        let Some(file) = fits else {
            self.file = None;
            Aside::write(path, &text, None)?.put()?;
            return path.parent().map_or(Ok(()), sync_dir);
        };
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        file.write_all_at(&text, 0).and_then(|()| file.set_len(length)).map_err(failed)?;
        if is_news { file.sync_data().map_err(failed) } else { Ok(()) }
    }
}
