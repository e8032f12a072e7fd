//! What is remembered: requests, grants, owners, devices, the access log. Whole decisions, each atomic and durable on
//! return.
//!
//! All of it rests on four operations: reading the rows of a file (`cached_table`, and `file` under the lock), committing
//! rows and a line against the head of the log (`transaction`), following what anyone commits ([`audit::tail`]), and
//! checking everything at the start ([`Store::start`], [`Store::check`], [`Store::verify`]).

pub mod access;
mod allowlist;
mod ask;
pub mod audit;
mod authority;
mod cached_table;
pub mod copies;
pub mod devices;
mod doc;
mod expiry;
mod file;
pub mod imports;
mod keys;
pub mod leftovers;
mod lock;
pub mod moved;
pub mod notes;
mod originals;
mod own;
mod owners;
pub mod owners_seen;
pub mod ownership;
mod pairing;
pub mod paths;
pub mod private;
mod replay;
mod requests;
pub mod reset;
mod start;
mod strangers;
mod transaction;

use openclaw_rules as rules;
use openclaw_world as world;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use openclaw_plugin_sdk::{CommandError, InvalidSenderId, SenderId, UnixMs};
use parking_lot::Mutex;

use self::{
    ask::AskQueue,
    audit::{Line, action},
    authority::CurrentGrounds,
    cached_table::{CachedTable, HeadSeen},
    devices::DeviceFiles,
    expiry::Ages,
    lock::PATIENCE,
    owners::OwnersState,
    paths::StateDir,
    strangers::Strangers,
    transaction::Transaction,
};
pub use self::{
    own::Mismatch,
    owners::{How, KnownOwner},
};
use crate::rules::{
    AccountKey,
    allowlist::Allowlist,
    approver::Approver,
    authority::{Authority, Grounds},
    pairing::{PairingRequest, PairingRequests, RequestId},
    records::Index,
};

/// Reads an entry of a channel's list, as that channel does.
pub type ParseSender = fn(channel: &str, entry: &str) -> Result<SenderId, InvalidSenderId>;

/// The store, in files: those of the field, and some of our own beside them. Any number of processes may have one on
/// the same folder. Calls block on disk: from async code, off the runtime.
pub struct Store {
    state: StateDir,
    parse: ParseSender,
    patience: Duration,
    rotate_at: u64,
    ages: Ages,
    approved: CachedTable<Allowlist, AccountKey>,
    owners: CachedTable<OwnersState>,
    records: CachedTable<Index>,
    waiting: CachedTable<PairingRequests, String>,
    index: Mutex<Option<audit::Index>>,
    strangers: Strangers,
    devices: DeviceFiles,
    grounds: CurrentGrounds,
    asks: AskQueue,
    /// The last decision of this store is not in all its files yet.
    unfinished: Arc<AtomicBool>,
    /// The number of the last line that this store has committed.
    committed: AtomicU64,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Store {
    /// A store on a state folder. Changes nothing yet.
    pub fn new(state: StateDir, parse: ParseSender) -> Self {
        Self {
            state,
            parse,
            patience: PATIENCE,
            rotate_at: audit::ROTATE_AT,
            ages: Ages::default(),
            approved: CachedTable::default(),
            owners: CachedTable::default(),
            records: CachedTable::default(),
            waiting: CachedTable::default(),
            index: Mutex::default(),
            strangers: Strangers::default(),
            devices: DeviceFiles::default(),
            grounds: CurrentGrounds::default(),
            asks: AskQueue::default(),
            unfinished: Arc::default(),
            committed: AtomicU64::default(),
        }
    }

    /// Shares with others whether its last decision is finished.
    #[must_use]
    pub fn telling(self, unfinished: Arc<AtomicBool>) -> Self {
        Self { unfinished, ..self }
    }

    /// Reads everything that is kept of these accounts. An error names the file that cannot be read.
    pub fn check(&self, accounts: &[AccountKey]) -> Result<(), StoreError> {
        accounts.iter().try_for_each(|key| self.readable(key))?;
        self.owners()?;
        self.check_devices()
    }

    /// Takes the access log and the files as they are, whatever is wrong with them, with a line that says what it
    /// was. False if nothing is wrong.
    pub fn accept_as_is(&self, by: &Approver, now: UnixMs) -> Result<bool, StoreError> {
        let report = self.verify(now)?;
        if report.is_whole() {
            return Ok(false);
        }
        let tx = Transaction::open_unchecked(self, now)?;
        let wrong: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
        let line = Line::by(by, action::AUDIT_ACCEPT, tx.now).about(&wrong.join("; "));
        tx.accept(line).map(|()| true)
    }

    /// The approved senders of exactly this account. One `stat` a file while nothing changed.
    pub fn approved(&self, key: &AccountKey) -> Result<Arc<Allowlist>, StoreError> {
        let paths = || self.state.allowlists(key);
        let current = self.approved.get(&self.state, &HeadSeen::default(), key, paths, |found| {
            allowlist::approved(&found, &key.channel, self.parse)
        });
        Ok(current?.0)
    }

    /// The entries of this account's lists that are no sender's id: they admit nobody.
    pub fn strays(&self, key: &AccountKey) -> Result<Vec<String>, StoreError> {
        let files = self.state.allowlists(key);
        let found = files.iter().map(|path| file::read(path)).collect::<Result<Vec<_>, _>>()?;
        allowlist::strays(&found, &key.channel, self.parse)
    }

    /// Whether everything that is kept of this account can be read. One `stat` a file while nothing changed.
    pub fn readable(&self, key: &AccountKey) -> Result<(), StoreError> {
        let seen = &HeadSeen::default();
        own::still_has_head(&self.state, seen)?;
        self.approved(key)?;
        self.records_file(seen)?;
        self.requests(&key.channel)?;
        self.owners_with(seen).map(drop)
    }

    /// True while the last decision counts, but its files are not all in place, since the disk has failed. The next
    /// change finishes it.
    pub fn is_unfinished(&self) -> bool {
        self.unfinished.load(Ordering::Relaxed)
    }

    /// The number of the last line of the access log that is known to count: this store has written it, or the head
    /// names it.
    pub fn committed(&self) -> Result<u64, StoreError> {
        let named = match audit::read_head(&self.state.access_head())? {
            audit::HeadRead::Head(head) => head.count,
            audit::HeadRead::Nothing | audit::HeadRead::Unreadable => 0,
        };
        Ok(named.max(self.committed.load(Ordering::Relaxed)))
    }

    /// From here on the configuration says this about who decides. Waits for a change that has begun.
    pub fn rely_on(&self, grounds: Grounds) {
        self.grounds.set(grounds);
    }

    /// Changes something that is kept beside the store, while no other change can take the right to it away.
    pub fn while_holding(
        &self,
        by: &Authority,
        act: &mut dyn FnMut() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let _tx = Transaction::open(self, Some(by), world::now())?;
        act()
    }

    /// Takes the writer's lock, as every change does, and lets it go.
    pub fn reach_lock(&self) -> Result<(), StoreError> {
        Transaction::open(self, None, world::now()).map(drop)
    }

    /// Writes a line that changes nothing else, such as a refused command.
    pub fn note(&self, note: &Note<'_>, now: UnixMs) -> Result<(), StoreError> {
        if !self.strangers.may_write(1) {
            return Ok(());
        }
        Transaction::open(self, None, now)?.commit(vec![Line::note(note, now)])
    }
}

/// Which request is decided, and how.
#[derive(Clone, Copy, Debug)]
pub struct Decide<'a> {
    /// The channel it waits on.
    pub channel: &'a str,
    /// Its opaque name, as it was displayed.
    pub request: &'a RequestId,
    /// Approve, deny, or block.
    pub decision: openclaw_plugin_sdk::Decision,
    /// Until when an approval holds; permanent if `None`.
    pub until: Option<UnixMs>,
    /// The revision that the owner was shown; compared under the lock. `None` if they only named a code or an id: that
    /// stands for the request as it was opened, and for none with a claim.
    pub shown: Option<&'a str>,
}

/// What became of a decision.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "a request holds its code")]
#[expect(clippy::large_enum_variant, reason = "one at a time, and never kept")]
pub enum Outcome {
    /// It is not what was shown any more, or its claim was not shown. Nothing was changed.
    Changed,
    /// The person the sender claims to be no longer has access. Nothing was changed.
    ClaimIsOver,
    /// Done and durable; the request as it was.
    Done(PairingRequest),
    /// The request is not open any more: expired, or decided elsewhere. Nothing was changed.
    Gone,
}

/// A line of the access log that decides nothing.
#[derive(Clone, Copy, Debug)]
pub struct Note<'a> {
    /// What happened, one word of the log: `refused`, `claim-refused`.
    pub action: &'a str,
    /// Where it came from: `chat`, `cli`.
    pub surface: &'a str,
    /// Who did it: `telegram:4711`.
    pub actor: &'a str,
    /// The account it happened on.
    pub key: Option<&'a AccountKey>,
    /// What it was about, such as the name of the command. Never what was typed after it.
    pub subject: &'a str,
}

/// Why the store could not do it: nothing was changed. Only after [`Self::InDoubt`] is that not known. No code stands
/// in the text. Where a disk fails after the line in the access log, the change is done and no error: see
/// [`Store::is_unfinished`].
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another program holds the file and does not let go.
    #[error("{path} is locked by {holder}", path = path.display())]
    Busy {
        /// The file.
        path: PathBuf,
        /// Who holds it, as its lock says: `process 4711`.
        holder: String,
    },
    /// The file is there and cannot be understood.
    #[error("{path}{place}: {why}", path = path.display(), place = line.map(|line| format!(":{line}")).unwrap_or_default())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, where one is known.
        line: Option<usize>,
        /// What is wrong with it.
        why: String,
    },
    /// The line in the access log could be neither written whole nor taken back.
    #[error("{IN_DOUBT}: cannot write {path}: {source}", path = path.display())]
    InDoubt {
        /// The access log.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The grounds of the right to do this are gone since it was asked for.
    #[error("the right to do this was taken away meanwhile")]
    Withdrawn,
    /// The operating system refused.
    #[error("cannot {doing} {path}: {source}", path = path.display())]
    Io {
        /// `read`, `write`, `lock`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
}

const IN_DOUBT: &str = "it is not known whether this was done; the next start decides it, and the access log then says";

/// What is told where a decision counts, and its files are not all in place.
pub const UNFINISHED: &str = "The last decision counts, but not all of its files could be written: that is finished at \
     the next decision or start. Look at the disk.";

impl StoreError {
    /// The error, and what it means for what was to be done.
    pub fn told(&self) -> String {
        match self {
            Self::InDoubt { .. } => self.to_string(),
            _ => format!("nothing was changed: {self}"),
        }
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::InDoubt { .. } => Self::InDoubt(error.to_string()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

fn io(doing: &'static str, path: &Path, source: std::io::Error) -> StoreError {
    StoreError::Io { doing, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
