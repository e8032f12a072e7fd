//! Who approved each id, by the log, without reading it again: an index that grows with the log. It can be told from the
//! log at any time, so a missing, older or foreign one costs one reading and nothing else.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Line, action, read::Reading};
use crate::{StoreError, paths::StateDir, private, reset::Scope, rules::Contact};

const VERSION: u64 = 1;
/// What was read beyond the file is written there when it is more than so many bytes.
const BEHIND: u64 = 256 * 1024;

/// How a person got access.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Admission {
    /// When, as the log writes it.
    pub(crate) at: String,
    /// Who did it.
    pub(crate) by: String,
    /// The word of the log for how.
    pub(crate) how: String,
}

/// The last line that gave each id access, for those that lost it in no later line.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Index {
    version: u64,
    place: LogPosition,
    who: BTreeMap<String, Admission>,
    /// So much was read since it was written.
    #[serde(skip)]
    behind: u64,
}

/// How far a log was read: full logs, bytes of the next one, and the hash of the last line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct LogPosition {
    pub(super) number: u64,
    pub(super) at: u64,
    pub(super) hash: String,
}

impl Index {
    /// The index in the state folder, or one that knows nothing yet.
    pub(crate) fn open(state: &StateDir) -> Self {
        let found = private::read(&path(state)).ok().flatten();
        let index: Option<Self> = found.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        index.filter(|index| index.version == VERSION).unwrap_or_default()
    }

    /// From where it came to. Where that is no place in the log any more, as after it was sealed, another process may
    /// know more; else it begins anew.
    fn reading(&mut self, state: &StateDir) -> Result<Reading, StoreError> {
        if let Some(reading) = Reading::resume(state, &self.place)? {
            return Ok(reading);
        }
        *self = Self::open(state);
        if let Some(reading) = Reading::resume(state, &self.place)? {
            return Ok(reading);
        }
        *self = Self::default();
        Ok(Reading::new(state))
    }

    /// Reads what is new, and says how many bytes that was.
    pub(crate) fn follow(&mut self, state: &StateDir) -> Result<u64, StoreError> {
        let mut reading = self.reading(state)?;
        self.version = VERSION;
        let who = &mut self.who;
        let mut bytes = 0;
        reading.go(&mut |_, _, line| {
            bytes += u64::try_from(line.len()).unwrap_or_default() + 1;
            note(who, line);
            true
        })?;
        self.place = reading.place()?;
        self.behind += bytes;
        if self.behind > BEHIND {
            self.write(state);
        }
        Ok(bytes)
    }

    /// Writes it, so that the next process need not read again what this one has read.
    fn write(&mut self, state: &StateDir) {
        match private::replace_json(&path(state), self) {
            Ok(()) => self.behind = 0,
            // It is read again.
            Err(error) => tracing::debug!(%error, "the access log's index was not written"),
        }
    }

    /// Reads and writes what is new before a full log is sealed.
    pub(super) fn keep(state: &StateDir) -> Result<(), StoreError> {
        let mut index = Self::open(state);
        if index.follow(state)? > 0 {
            index.write(state);
        }
        Ok(())
    }

    /// How this id was let in.
    pub(crate) fn admission(&self, contact: &Contact) -> Option<&Admission> {
        self.who.get(&contact.to_string())
    }
}

fn path(state: &StateDir) -> std::path::PathBuf {
    state.audit().join("index.json")
}

fn note(who: &mut BTreeMap<String, Admission>, bytes: &[u8]) {
    // Most lines are of strangers, and need no understanding.
    const WORDS: [&str; 5] = [
        "\"action\":\"accept\"",
        "\"action\":\"approve\"",
        "\"action\":\"block\"",
        "\"action\":\"reset\"",
        "\"action\":\"revoke\"",
    ];
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    if !WORDS.iter().any(|word| text.contains(word)) {
        return;
    }
    let Ok(line) = serde_json::from_slice::<Line>(bytes) else { return };
    if line.resets(Scope::Access) {
        who.clear();
    }
    let Some(contact) = line.contact() else { return };
    match line.action.as_str() {
        action::ACCEPT | action::APPROVE => {
            let Line { at, actor: by, action: how, .. } = line;
            who.insert(contact.to_string(), Admission { at, by, how });
        }
        action::BLOCK | action::REVOKE => drop(who.remove(&contact.to_string())),
        _ => {}
    }
}
