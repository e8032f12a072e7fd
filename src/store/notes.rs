//! What an account's channel notes for itself. It counts for one login: another bot has other cursors.

use std::path::PathBuf;

use openclaw_plugin_sdk::MOST_NOTES;
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::{StoreError, paths::StateDir, private};
use crate::rules::AccountKey;

/// The notes of one account.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    path: PathBuf,
    kept: NotesFile,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct NotesFile {
    login: [u8; 16],
    /// Key and value, the newest last.
    notes: Vec<(String, String)>,
}

impl Notes {
    /// What was noted. A file that cannot be read says nothing: a channel without notes begins anew.
    pub fn of(state: &StateDir, key: &AccountKey) -> Result<Self, StoreError> {
        let path = state.inbox(key).with_extension("notes.json");
        let bytes = private::read(&path)?.unwrap_or_else(|| b"null".to_vec());
        let kept = serde_json::from_slice::<Option<NotesFile>>(&bytes).unwrap_or_else(|error| {
            warn!(file = ?path, %error, "what a channel has noted is forgotten");
            None
        });
        Ok(Self { path, kept: kept.unwrap_or_default() })
    }

    /// The note under this key with this login.
    pub fn get(&self, login: [u8; 16], key: &str) -> Option<&str> {
        let mut notes = self.kept.notes.iter().filter(|_| self.kept.login == login);
        notes.find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    /// With one more, in place of the oldest where there are too many.
    #[must_use]
    pub fn with(&self, login: [u8; 16], key: String, value: String) -> Self {
        let mut notes = self.kept.notes.clone();
        notes.retain(|(known, _)| *known != key && self.kept.login == login);
        notes.push((key, value));
        notes.drain(..notes.len().saturating_sub(MOST_NOTES));
        Self { path: self.path.clone(), kept: NotesFile { login, notes } }
    }

    /// Keeps them durably; blocks on disk.
    pub fn write(&self) -> Result<(), StoreError> {
        private::replace_json(&self.path, &self.kept)?;
        self.path.parent().map_or(Ok(()), private::sync)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_last_with_their_login_and_the_oldest_make_room() {
        let dir = tempfile::tempdir().unwrap();
        let (state, key) = (StateDir::at(dir.path()), AccountKey::default_of("telegram"));
        let known = || Notes::of(&state, &key).unwrap();
        let note = |n: usize| (format!("key-{n}"), format!("value-{n}"));
        let mut notes = known();
        for (key, value) in (0..=MOST_NOTES).map(note) {
            notes = notes.with([1; 16], key, value);
        }
        notes.write().unwrap();
        assert_eq!(known().get([1; 16], "key-0"), None);
        assert_eq!(known().get([1; 16], "key-1"), Some("value-1"));
        assert_eq!(known().get([2; 16], "key-1"), None, "another login");
        let other = known().with([2; 16], "cursor".to_owned(), "7".to_owned());
        assert_eq!((other.get([2; 16], "cursor"), other.kept.notes.len()), (Some("7"), 1));
        private::replace(&notes.path, b"{ not json").unwrap();
        assert_eq!(known().get([1; 16], "key-1"), None);
    }
}
