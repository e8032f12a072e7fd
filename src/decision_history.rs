//! The last verdicts, without texts: a ring of fixed size that another configuration can be tried against.

use std::{collections::VecDeque, path::Path};

use openclaw_plugin_sdk::{AccountId, ChatId, SenderId, UnixMs, own_file};
use serde::{Deserialize, Serialize};

use crate::{
    config::Config,
    rules::{AccountKey, Lists, Verdict, group::GroupMessage, judge, records::Standing},
    store::{Store, StoreError, moved::Moved, paths::StateDir, private},
};

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
    /// In a group: the account was mentioned.
    #[serde(default)]
    pub mentioned: bool,
    /// What was said to it, in a word of [`Judged`].
    pub verdict: String,
}

/// What a configuration says to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    let failed = |source| StoreError::Io { doing: "read", path: path.to_owned(), source };
    let bytes = match own_file::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    serde_json::from_slice(&bytes).map_err(|error| failed(error.into()))
}

/// What a configuration says to such a message now, with the store as it is.
pub fn judged(
    store: &Store,
    (config, state): (&Config, &StateDir),
    seen: &Record,
    now: UnixMs,
) -> Result<Judged, StoreError> {
    let key = AccountId::parse(&seen.account)
        .map(|account| AccountKey { channel: seen.channel.clone(), account });
    let sender = SenderId::new(&seen.sender);
    let (Some(key), Ok(sender)) = (key, sender) else { return Ok(Judged::Ignored) };
    let Some(account) = config.account(&key).filter(|account| account.enabled) else {
        return Ok(Judged::Ignored);
    };
    let owner = config.owners.names(&key.channel, &sender)
        || store.owners()?.names(&key.channel, &sender)
        || account.plugin.abilities.console;
    let standing = store.standing(&key, &sender, now)?;
    if let Some(group) = &seen.group {
        let moved = Moved::of(state, &key)?;
        let (rules, chat) = moved.judged(&account.groups, &ChatId::new(group));
        let message = GroupMessage {
            chat: &chat,
            thread: None,
            sender: &sender,
            mentions_us: seen.mentioned,
        };
        let heard = rules.admit(message) && (owner || standing != Standing::Blocked);
        return Ok(if heard { Judged::Admitted } else { Judged::Ignored });
    }
    let approved = store.approved(&key)?;
    let lists = Lists { listed: &account.allow_from, approved: &approved, standing };
    Ok(match judge(account.dm_policy, owner, lists, &sender) {
        Verdict::Admit(_) => Judged::Admitted,
        Verdict::Ignore => Judged::Ignored,
        Verdict::Pair => Judged::Asks,
    })
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
            mentioned: false,
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
