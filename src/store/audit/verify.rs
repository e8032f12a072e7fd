//! Is the log whole, does the state agree with it, and does it explain every grant?

use std::{
    fmt,
    path::{Path, PathBuf},
};

use openclaw_plugin_sdk::{SenderId, UnixMs};

use super::{
    Head, Line, action,
    chain::Chain,
    read::Reading,
    replay::State,
    seal::{self, Mark, Sealed},
};
use crate::{
    Store, StoreError, file, own,
    rules::{Contact, device::identity::DeviceId, owner::Owner},
    transaction::Transaction,
};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many lines were read.
    pub lines: u64,
    /// A torn last line was cut off. It had decided nothing.
    pub repaired: bool,
    /// What is wrong with the log, or with what only this program writes.
    pub problems: Vec<Problem>,
    /// The line in which the owner took the files as they were, and what was wrong before it.
    pub accepted: Option<(u64, Vec<Problem>)>,
    /// Grants that no line explains: imported ones, or written by another program.
    pub unexplained: Vec<Unexplained>,
}

impl Report {
    /// True where the log is whole, and explains what only this program writes. What stands in files of the field
    /// may be from another program.
    pub fn is_whole(&self) -> bool {
        let lacks = self.accepted.is_none() && self.unexplained.iter().any(Unexplained::is_ours);
        self.problems.is_empty() && !lacks
    }
}

/// Something wrong with the log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Problem {
    /// A line is not the one that the next line, or the head, names.
    Changed(u64),
    /// A state file, by its name below the state folder, and what is wrong with it.
    File(PathBuf, String),
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
    /// What a line says does not stand in the file that only this program writes.
    Undone {
        /// The line.
        seq: u64,
        /// What it says: `blocks telegram:4711`.
        says: String,
        /// The file, below the state folder.
        file: &'static str,
    },
    /// A line is no line.
    Unreadable {
        /// The log.
        file: PathBuf,
        /// Its line in that file, from 1.
        line: usize,
        /// The number of the last line before it that could be read.
        after: u64,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(seq) => write!(f, "line {seq} was changed"),
            Self::File(name, why) => write!(f, "{}: {why}", name.display()),
            Self::Cut { from, to } if from == to => write!(f, "line {from} was cut off"),
            Self::Cut { from, to } => write!(f, "lines {from} to {to} were cut off"),
            Self::Missing { from, to } if from == to => write!(f, "line {from} is missing"),
            Self::Missing { from, to } => write!(f, "lines {from} to {to} are missing"),
            Self::Reordered(seq) => write!(f, "line {seq} is not in its place"),
            Self::Undone { seq, says, file } => {
                write!(f, "line {seq} {says}, and {file} does not say so")
            }
            Self::Unreadable { file, line, .. } => {
                write!(f, "{}:{line} cannot be read", file.display())
            }
        }
    }
}

impl Problem {
    /// True where it was there when the owner took the files as they were.
    pub(super) fn is_before(&self, accepted: Option<u64>) -> bool {
        self.seq().is_some() && self.seq() < accepted
    }

    /// The last line that it is about; `None` where it is about something else.
    fn seq(&self) -> Option<u64> {
        match self {
            Self::Changed(seq) | Self::Reordered(seq) | Self::Undone { seq, .. } => Some(*seq),
            Self::Cut { to, .. } | Self::Missing { to, .. } => Some(*to),
            Self::Unreadable { after, .. } => Some(*after),
            Self::File(..) => None,
        }
    }
}

/// Something in the state that no line explains.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unexplained {
    /// A block: the channel and the id.
    Block(String, SenderId),
    /// A device with rights.
    Device(DeviceId),
    /// An entry of an allowlist.
    Entry {
        /// The file.
        file: PathBuf,
        /// Who.
        sender: SenderId,
    },
    /// A grant in our own records: one that ends, or of a person with several ids.
    Grant(Contact),
    /// An owner.
    Owner(Owner),
    /// A device that counts as removed.
    Removed(DeviceId),
}

impl Unexplained {
    /// True where it stands in a file that only this program writes, always with a line: then lines are missing.
    pub fn is_ours(&self) -> bool {
        match self {
            Self::Block(..) | Self::Grant(_) | Self::Owner(_) | Self::Removed(_) => true,
            Self::Device(_) | Self::Entry { .. } => false,
        }
    }
}

/// What is read of the log.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) chain: Chain,
    pub(super) replay: State,
    pub(super) accepted: Option<u64>,
}

impl Read {
    pub(super) fn line(&mut self, file: &Path, number: usize, bytes: &[u8]) -> bool {
        if let Ok(line) = serde_json::from_slice::<Line>(bytes) {
            self.chain.read(&line, bytes);
            self.replay.read(&line);
            if line.action == action::AUDIT_ACCEPT {
                self.accepted = Some(line.seq);
            }
        } else if seal::is_sealed(file)
            && let Ok(mark) = serde_json::from_slice(bytes)
        {
            self.mark(&mark);
        } else {
            let (file, after) = (file.to_owned(), self.chain.last());
            self.chain.problem(Problem::Unreadable { file, line: number, after });
        }
        true
    }

    fn mark(&mut self, mark: &Mark) {
        match mark {
            Mark::Aged(aged) => self.chain.aged(aged),
            Mark::Sealed(sealed) => {
                let Sealed { seq, hash, state } = &**sealed;
                let is_told = self.chain.has_gaps() || *state == self.replay;
                if !self.chain.ends_with(*seq, hash) || !is_told {
                    self.chain.problem(Problem::Changed(*seq));
                }
                // Where lines are missing, this says what they said.
                self.replay.clone_from(state);
            }
        }
    }
}

impl Store {
    /// Reads the whole access log, line by line, after repairing a torn last line, and compares the state with it.
    /// Only for the last lines and to compare, it holds the writers' lock: nothing is decided meanwhile.
    pub fn verify(&self, now: UnixMs) -> Result<Report, StoreError> {
        // A torn last line goes first, so that no reader takes it for one that is being written.
        let repaired = Transaction::open_unchecked(self, now)?.log().was_repaired();
        let (mut reading, mut read) = (Reading::new(&self.state), Read::default());
        reading.go(&mut |file, number, bytes| read.line(file, number, bytes))?;
        let tx = Transaction::open_unchecked(self, now)?;
        reading.go(&mut |file, number, bytes| read.line(file, number, bytes))?;
        let Read { chain, replay, accepted } = read;
        let (lines, head) = (chain.lines, tx.log().said());
        let mut problems = chain.end((head.count, &head.hash));
        if let Some((path, why)) = tx.log().doubted() {
            problems.push(Problem::File(below(self, path), why.to_owned()));
        } else {
            problems.extend(files(self, tx.log().said())?);
        }
        let (undone, unexplained) = replay.compare(self, tx.now);
        problems.extend(undone);
        problems.sort();
        problems.dedup();
        let is_old = |problem: &Problem| problem.is_before(accepted);
        let (old, problems): (Vec<_>, _) = problems.into_iter().partition(is_old);
        let accepted = accepted.map(|seq| (seq, old));
        Ok(Report { lines, repaired, problems, accepted, unexplained })
    }
}

/// The state files that are not as the head says.
pub(super) fn files(store: &Store, head: &Head) -> Result<Vec<Problem>, StoreError> {
    let state = &store.state;
    let named = head.wrote.keys().map(|name| state.named(name));
    let own = own::OWN.iter().map(|own| state.path().join(own));
    let mut found = Vec::new();
    for path in named.chain(own) {
        let wrong = match file::read(&path) {
            Ok(read) => own::judge(state, head, &read).map(|wrong| wrong.to_string()),
            Err(StoreError::Damaged { why, .. }) => Some(why),
            Err(error) => return Err(error),
        };
        found.extend(wrong.map(|why| Problem::File(below(store, &path), why)));
    }
    Ok(found)
}

/// A path below the state folder.
pub(super) fn below(store: &Store, path: &Path) -> PathBuf {
    path.strip_prefix(store.state.path()).unwrap_or(path).to_owned()
}
