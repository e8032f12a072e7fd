//! The last verdicts, without texts: a ring of fixed size that another configuration can be tried against.

use openclaw_store as store;

use std::{collections::VecDeque, path::Path};

use serde::{Deserialize, Serialize};

use crate::store::{StoreError, private};

/// So many are kept.
pub const KEPT: usize = 1_000;

/// A message that was judged: who wrote where, and nothing of what.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Record {
    /// When, in milliseconds.
    pub at: u64,
    /// The channel.
    pub channel: String,
    /// The account.
    pub account: String,
    /// The sender's id.
    pub sender: String,
    /// The group, where it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The thread of the group, where it was in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    /// In a group: the account was mentioned.
    #[serde(default)]
    pub mentioned: bool,
    /// Others could read along on its way. Where this is missing, an older version wrote the record, and it says
    /// nothing of the thread and of the age either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposed: Option<bool>,
    /// It was sent before the gateway's start.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub old: bool,
    /// What was said to it, in a word of [`Judged`].
    pub verdict: String,
}

/// What a configuration says to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Judged {
    /// It is processed.
    Admitted,
    /// Silence.
    Ignored,
    /// Its sender may ask.
    Asks,
}

impl Judged {
    /// The word that people and scripts read.
    pub fn word(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Asks => "asks",
            Self::Ignored => "ignored",
        }
    }
}

/// The last verdicts, oldest first.
#[derive(Debug, Default)]
pub struct RingBuffer {
    seen: VecDeque<Record>,
    changed: bool,
}

impl RingBuffer {
    /// What the last run has left; what cannot be read is left out, for nothing depends on it.
    pub fn open(path: &Path) -> Self {
        let seen = read(path).unwrap_or_default().into();
        Self { seen, changed: false }
    }

    /// Notes one more.
    pub fn add(&mut self, seen: Record) {
        if self.seen.len() >= KEPT {
            self.seen.pop_front();
        }
        self.seen.push_back(seen);
        self.changed = true;
    }

    /// What is to be written, where something came since the last time.
    pub fn page(&mut self) -> Option<Vec<Record>> {
        std::mem::take(&mut self.changed).then(|| self.seen.iter().cloned().collect())
    }
}

/// Writes the verdicts, 0600; blocks on disk.
pub fn write(path: &Path, seen: &[Record]) -> Result<(), StoreError> {
    private::replace_json(path, &seen)
}

/// Reads them; none where there is no file.
pub fn read(path: &Path) -> Result<Vec<Record>, StoreError> {
    let Some(bytes) = private::read(path)? else { return Ok(Vec::new()) };
    let failed = |source| StoreError::Io { doing: "read", path: path.to_owned(), source };
    serde_json::from_slice(&bytes).map_err(|error| failed(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(n: u64) -> Record {
        Record {
            at: n,
            channel: "telegram".to_owned(),
            account: "default".to_owned(),
            sender: n.to_string(),
            group: None,
            thread: None,
            mentioned: false,
            exposed: Some(false),
            old: false,
            verdict: Judged::Asks.word().to_owned(),
        }
    }

    #[test]
    fn the_ring_keeps_the_last_thousand_across_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("verdicts.json");
        let mut ring = RingBuffer::open(&path);
        assert!(ring.page().is_none());
        (0..1_500).for_each(|n| ring.add(seen(n)));
        write(&path, &ring.page().unwrap()).unwrap();
        assert!(ring.page().is_none(), "once");
        let read = read(&path).unwrap();
        assert_eq!((read.len(), read[0].at, read[999].at), (KEPT, 500, 1_499));
        let mut again = RingBuffer::open(&path);
        again.add(seen(7));
        assert_eq!(again.page().unwrap().len(), KEPT);
    }
}
