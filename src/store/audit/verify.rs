//! Is the log whole, and does it explain every grant?

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    path::{Path, PathBuf},
};

use openclaw_plugin_sdk::{AccountId, SenderId, UnixMs};

use super::{Line, NOTHING, action, hash, raw_lines, rotated};
use crate::{
    access::{AccountKey, Contact, owner::Owner},
    device::identity::DeviceId,
    store::{
        Store, StoreError, access::AccessStore, allowlist, change::Change, file, files::FileStore,
        io,
    },
};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many lines were read.
    pub lines: u64,
    /// A torn last line was cut off. It had decided nothing.
    pub repaired: bool,
    /// What is wrong with the log itself.
    pub problems: Vec<Problem>,
    /// Grants that no line explains: imported ones, or what was written past us.
    pub unexplained: Vec<Unexplained>,
}

impl Report {
    /// True where the log is whole. Grants that it does not explain are another question.
    pub fn is_whole(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Something wrong with the log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Problem {
    /// A line is not the one that the next line, or the head, names.
    Changed(u64),
    /// The log ends before its head: these lines were cut off.
    Cut {
        /// The first.
        from: u64,
        /// The last.
        to: u64,
    },
    /// Lines are not there.
    Missing {
        /// The first.
        from: u64,
        /// The last.
        to: u64,
    },
    /// A line stands behind a later one, or twice.
    Reordered(u64),
    /// A line is no line.
    Unreadable {
        /// The log.
        file: PathBuf,
        /// Its line in that file, from 1.
        line: usize,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(seq) => write!(f, "line {seq} was changed"),
            Self::Cut { from, to } => write!(f, "lines {from} to {to} were cut off"),
            Self::Missing { from, to } if from == to => write!(f, "line {from} is missing"),
            Self::Missing { from, to } => write!(f, "lines {from} to {to} are missing"),
            Self::Reordered(seq) => write!(f, "line {seq} is not in its place"),
            Self::Unreadable { file, line } => {
                write!(f, "{}:{line} cannot be read", file.display())
            }
        }
    }
}

/// A grant without a line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unexplained {
    /// A device with rights.
    Device(DeviceId),
    /// An entry of an allowlist.
    Entry {
        /// The file.
        file: PathBuf,
        /// Who.
        sender: SenderId,
    },
    /// Leave in our own records: a grant that ends, or of a person with several ids.
    Grant(Contact),
    /// An owner.
    Owner(Owner),
}

/// Who should be there, by the lines alone.
#[derive(Debug, Default)]
struct Explained {
    entries: BTreeMap<AccountKey, BTreeSet<SenderId>>,
    grants: BTreeSet<Contact>,
    owners: BTreeSet<Owner>,
    devices: BTreeSet<String>,
}

/// The chain, as far as it was read.
#[derive(Debug, Default)]
struct Chain {
    last: u64,
    /// Of each line: its own hash, and the one it has of the line before.
    hashes: HashMap<u64, (String, String)>,
    report: Report,
}

/// Reads everything, under the lock of those who write: nobody decides meanwhile.
pub(in crate::store) fn verify(store: &FileStore, now: UnixMs) -> Result<Report, StoreError> {
    let change = Change::open(store, now)?;
    let mut chain = Chain::default();
    let mut explained = Explained::default();
    let files = rotated(&store.state)?.into_iter().map(|(_, path)| path);
    for path in files.chain([store.state.access_log()]) {
        for (at, bytes) in raw_lines(&path)?.enumerate() {
            let bytes = bytes?;
            if let Ok(line) = serde_json::from_slice::<Line>(&bytes) {
                explained.read(&line);
                chain.read(&line, &bytes);
            } else {
                let line = at + 1;
                chain.report.problems.push(Problem::Unreadable { file: path.clone(), line });
            }
        }
    }
    let mut report = chain.end(change.log().head());
    report.repaired = change.log().was_repaired();
    report.unexplained = unexplained(store, &explained)?;
    Ok(report)
}

impl Chain {
    fn read(&mut self, line: &Line, bytes: &[u8]) {
        self.report.lines += 1;
        if line.seq <= self.last {
            self.report.problems.push(Problem::Reordered(line.seq));
        }
        self.last = self.last.max(line.seq);
        self.hashes.entry(line.seq).or_insert_with(|| (hash(bytes), line.prev.clone()));
    }

    fn end(mut self, (count, last_hash): (u64, &str)) -> Report {
        let problems = &mut self.report.problems;
        let mut gap: Option<u64> = None;
        for seq in 1..=self.last {
            let Some((own, prev)) = self.hashes.get(&seq) else {
                gap.get_or_insert(seq);
                continue;
            };
            if let Some(from) = gap.take() {
                problems.push(Problem::Missing { from, to: seq - 1 });
            }
            let next = self.hashes.get(&(seq + 1)).map(|(_, prev)| prev.as_str());
            let said = if seq == count { Some(last_hash) } else { next };
            let first_is_first = seq > 1 || prev == NOTHING;
            if said.is_some_and(|said| said != own) || !first_is_first {
                problems.push(Problem::Changed(seq));
            }
        }
        if count > self.last {
            problems.push(Problem::Cut { from: self.last + 1, to: count });
        }
        problems.sort();
        problems.dedup();
        self.report
    }
}

impl Explained {
    fn read(&mut self, line: &Line) {
        match (line.action.as_str(), &line.subject) {
            (action::DEVICE_ADMIT | action::DEVICE_APPROVE, Some(device)) => {
                self.devices.insert(device.clone());
            }
            (action::DEVICE_REMOVE, Some(device)) => drop(self.devices.remove(device)),
            _ => {}
        }
        let sender = line.subject.as_deref().and_then(|subject| SenderId::new(subject).ok());
        let (Some(channel), Some(sender)) = (line.channel.clone(), sender) else { return };
        let account = line.account.as_deref().and_then(AccountId::parse);
        match (line.action.as_str(), account) {
            (action::ACCEPT | action::APPROVE | action::EXTEND, Some(account)) => {
                let key = AccountKey { channel, account };
                self.grants.extend(line.with.as_deref().and_then(Contact::parse));
                self.grants.insert(Contact { key: key.clone(), sender: sender.clone() });
                // Leave that ends, or that is joined to other leave, stands in no list of the field.
                if line.action == action::APPROVE && line.until.is_none() && line.with.is_none() {
                    self.entries.entry(key).or_default().insert(sender);
                }
            }
            (action::BLOCK, _) => {
                let here =
                    |contact: &Contact| contact.key.channel == channel && contact.sender == sender;
                self.grants.retain(|contact| !here(contact));
                for (key, entries) in &mut self.entries {
                    if key.channel == channel {
                        entries.remove(&sender);
                    }
                }
            }
            (action::REVOKE, Some(account)) => {
                let key = AccountKey { channel, account };
                self.entries.entry(key.clone()).or_default().remove(&sender);
                self.grants.remove(&Contact { key, sender });
            }
            (action::CLAIM | action::OWNER_ADD, _) => {
                self.owners.insert(Owner { channel, sender });
            }
            (action::OWNER_REMOVE, _) => {
                self.owners.remove(&Owner { channel, sender });
            }
            _ => {}
        }
    }
}

fn unexplained(store: &FileStore, explained: &Explained) -> Result<Vec<Unexplained>, StoreError> {
    let mut missing = BTreeSet::new();
    for owner in &store.owners()?.0 {
        if !explained.owners.contains(owner) {
            missing.insert(Unexplained::Owner(owner.clone()));
        }
    }
    for grant in &store.records()?.records().grants {
        if !explained.grants.contains(&grant.contact) {
            missing.insert(Unexplained::Grant(grant.contact.clone()));
        }
    }
    for device in store.device_names()? {
        if !explained.devices.contains(device.as_str()) {
            missing.insert(Unexplained::Device(device));
        }
    }
    let none = BTreeSet::new();
    for path in allowlists(&store.state.credentials())? {
        let key = explained.entries.keys().find(|key| store.state.allowlists(key).contains(&path));
        let known = key.and_then(|key| explained.entries.get(key)).unwrap_or(&none);
        // A file of an account without a line has no explained entry, whichever channel it is of.
        let channel = key.map_or("", |key| key.channel.as_str());
        let found = file::read(&path)?;
        let list = allowlist::approved(found.as_slice(), channel, store.parse)?;
        for sender in list.senders().filter(|sender| !known.contains(sender)) {
            missing.insert(Unexplained::Entry { file: path.clone(), sender: sender.clone() });
        }
    }
    Ok(missing.into_iter().collect())
}

fn allowlists(dir: &Path) -> Result<BTreeSet<PathBuf>, StoreError> {
    let failed = |error| io("read", dir, error);
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.to_str().is_some_and(|path| path.ends_with("-allowFrom.json")) {
            found.insert(path);
        }
    }
    Ok(found)
}
