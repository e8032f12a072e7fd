//! Which of our messages is the notice of which request. Kept across restarts; no code stands in it.

use std::path::PathBuf;

use openclaw_plugin_sdk::SentRef;
use serde::{Deserialize, Serialize};

use crate::{
    access::AccountKey,
    store::{StoreError, private},
};

/// So many notices are remembered; older ones are ordinary messages again.
const REMEMBERED: usize = 512;

/// What a notice is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Noticed {
    /// The channel of the request.
    pub(crate) channel: String,
    /// Its opaque name.
    pub(crate) request: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    shown_on: String,
    account: String,
    chat: String,
    message: String,
    about: Noticed,
}

/// The notices, oldest first.
#[derive(Debug, Default)]
pub(crate) struct NoticeBook {
    path: PathBuf,
    entries: Vec<Entry>,
    changed: bool,
}

/// What is to be written of the book.
pub(crate) struct Page {
    path: PathBuf,
    entries: Vec<Entry>,
}

impl Page {
    /// Writes it; blocks on disk.
    pub(crate) fn write(&self) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(&self.entries).map_err(|error| StoreError::Io {
            doing: "write",
            path: self.path.clone(),
            source: error.into(),
        })?;
        private::replace(&self.path, &bytes)
    }
}

impl NoticeBook {
    /// Reads what is there; what cannot be read is forgotten, for a notice decides nothing by itself.
    pub(crate) fn open(path: PathBuf) -> Self {
        let bytes = std::fs::read(&path).unwrap_or_default();
        let entries = serde_json::from_slice(&bytes).unwrap_or_default();
        Self { path, entries, changed: false }
    }

    /// Adds a notice that was sent.
    pub(crate) fn add(&mut self, shown_on: &AccountKey, sent: &SentRef, about: Noticed) {
        let extra = (self.entries.len() + 1).saturating_sub(REMEMBERED);
        self.entries.drain(..extra);
        self.entries.push(Entry {
            shown_on: shown_on.channel.clone(),
            account: shown_on.account.as_str().to_owned(),
            chat: sent.chat.as_str().to_owned(),
            message: sent.id.as_str().to_owned(),
            about,
        });
        self.changed = true;
    }

    /// What is to be written, once for however much was added since the last time.
    pub(crate) fn page(&mut self) -> Option<Page> {
        let changed = std::mem::take(&mut self.changed);
        changed.then(|| Page { path: self.path.clone(), entries: self.entries.clone() })
    }

    /// What the message with this reference is about.
    pub(crate) fn find(&self, shown_on: &AccountKey, sent: &SentRef) -> Option<&Noticed> {
        let same = |entry: &&Entry| {
            entry.shown_on == shown_on.channel
                && entry.account == shown_on.account.as_str()
                && entry.chat == sent.chat.as_str()
                && entry.message == sent.id.as_str()
        };
        self.entries.iter().rev().find(same).map(|entry| &entry.about)
    }
}
