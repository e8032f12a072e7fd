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

use super::hash;
use crate::{
    StoreError,
    file::{Identity, StagedFile, existing, sync_dir},
    io,
};

/// The head has two places in its file, of so many bytes, and is written into them in turn: whatever becomes of one
/// write, the other place has the head before it.
const PLACE: usize = 4_096;
const BOTH: u64 = 2 * 4_096;

/// What the head says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Head {
    /// The number of the last finished line, which is the count of lines.
    pub(crate) count: u64,
    /// Its hash; blank where there is none.
    pub(crate) hash: String,
    /// The state files that we wrote last, by name, and what they were then. A file that is another one now
    /// was written by another program; one that is gone is damage.
    #[serde(default)]
    pub(crate) wrote: BTreeMap<String, String>,
    /// The digests of the files that nobody else writes. An older version's head has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) own: Option<BTreeMap<String, String>>,
}

/// What is in the place of the head.
#[derive(Debug)]
pub(crate) enum HeadRead {
    /// A head.
    Head(Head),
    /// No file, or one of zero bytes as an older version made it before its first line.
    Nothing,
    /// Something that is no head.
    Unreadable,
}

/// Reads it, without the lock.
pub(crate) fn read_head(path: &Path) -> Result<HeadRead, StoreError> {
    let text = existing(path, own_file::read(path))?.unwrap_or_default();
    if text.is_empty() {
        return Ok(HeadRead::Nothing);
    }
    let places = [text.as_slice(), text.get(PLACE..).unwrap_or_default()];
    let newest = places.into_iter().filter_map(read).max_by_key(|head| head.count);
    Ok(newest.map_or(HeadRead::Unreadable, HeadRead::Head))
}

/// The head in one place: a line, and on the next one its hash. Behind the line of an older version nothing is sure.
fn read(text: &[u8]) -> Option<Head> {
    let end = text.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = (&text[..end], &text[end + 1..]);
    let sum = rest.get(..64).filter(|sum| sum.iter().all(u8::is_ascii_hexdigit));
    if sum.is_some_and(|sum| hash(line).as_bytes() != sum) {
        return None;
    }
    serde_json::from_slice(line).ok()
}

/// The file that it stands in.
#[derive(Debug)]
pub(super) struct HeadFile {
    path: PathBuf,
    /// Where it has two places.
    file: Option<File>,
}

impl HeadFile {
    /// Of a path. Opens nothing yet.
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path, file: None }
    }

    /// Writes what it says now. It need not survive a loss of power, from which the log tells it again; what a new
    /// file says (`is_news`) is not told again, and is durable on return.
    pub(super) fn write(&mut self, head: &Head, is_news: bool) -> Result<(), StoreError> {
        let path = &self.path;
        let failed = |error| io("write", path, error);
        let mut text = serde_json::to_vec(head).map_err(std::io::Error::other).map_err(failed)?;
        let sum = hash(&text);
        text.push(b'\n');
        text.extend(sum.as_bytes());
        text.push(b'\n');
        let at = if head.count.is_multiple_of(2) { 0 } else { PLACE };
        let fits = text.len() <= PLACE;
        if fits && self.file.is_none() {
            self.file = with_places(path)?;
        }
        let Some(file) = self.file.as_ref().filter(|_| fits) else {
            self.file = None;
            if fits {
                text.splice(0..0, std::iter::repeat_n(0, at));
                text.resize(2 * PLACE, 0);
            }
            StagedFile::write(path, &text, None)?.put()?;
            return path.parent().map_or(Ok(()), sync_dir);
        };
        let before = Identity::of(&file.metadata().map_err(failed)?);
        file.write_all_at(&text, if at == 0 { 0 } else { BOTH / 2 }).map_err(failed)?;
        before.date_later(file).map_err(failed)?;
        if is_news { file.sync_data().map_err(failed) } else { Ok(()) }
    }
}

fn with_places(path: &Path) -> Result<Option<File>, StoreError> {
    let failed = |error| io("write", path, error);
    match own_file::open_with(OpenOptions::new().read(true).write(true), path) {
        Ok(file) => {
            let length = file.metadata().map_err(failed)?.len();
            Ok((length == BOTH).then_some(file))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_072_case_126_no_two_heads_have_one_identity() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("head");
        let mut file = HeadFile::at(path.clone());
        let mut before = None;
        for count in 0..200 {
            let head = Head { count, hash: "h".repeat(64), ..Head::default() };
            file.write(&head, false).unwrap();
            let identity = Identity::at(&path).unwrap();
            assert_ne!(identity, before, "{count}");
            before = identity;
        }
    }

    fn said(path: &Path) -> Option<u64> {
        match read_head(path).unwrap() {
            HeadRead::Head(head) => Some(head.count),
            HeadRead::Nothing | HeadRead::Unreadable => None,
        }
    }

    #[test]
    fn case_127_a_head_whose_write_was_torn_is_the_one_before_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("head");
        let mut file = HeadFile::at(path.clone());
        for count in 0..5 {
            let wrote = [(format!("{count}.json"), "x".repeat(200))].into();
            let head = Head { count, hash: "h".repeat(64), wrote, own: None };
            let before = std::fs::read(&path).unwrap_or_default();
            file.write(&head, count == 2).unwrap();
            assert_eq!(said(&path), Some(count));
            let after = std::fs::read(&path).unwrap();
            let changed: Vec<usize> =
                (0..before.len()).filter(|at| before[*at] != after[*at]).collect();
            for cut in changed.iter().step_by(17) {
                let mut torn = after[..*cut].to_vec();
                torn.extend(&before[*cut..]);
                StagedFile::write(&path, &torn, None).unwrap().put().unwrap();
                assert!(said(&path).is_some_and(|said| said + 1 >= count), "{count} {cut}");
            }
            StagedFile::write(&path, &after, None).unwrap().put().unwrap();
            file = HeadFile::at(path.clone());
        }
        // One that is too long for its place.
        let wrote = (0..100).map(|n| (format!("{n}.json"), "y".repeat(60))).collect();
        file.write(&Head { count: 5, hash: String::new(), wrote, own: None }, false).unwrap();
        assert_eq!(said(&path), Some(5));
        file.write(&Head { count: 6, ..Head::default() }, false).unwrap();
        assert_eq!(said(&path), Some(6));
        // As an older version writes it.
        let old = b"{\"count\":7,\"hash\":\"\"}\nrest of a longer one\n";
        StagedFile::write(&path, old, None).unwrap().put().unwrap();
        assert_eq!(said(&path), Some(7));
    }
}
