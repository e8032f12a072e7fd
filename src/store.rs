//! What is remembered: requests, grants, owners, the access log. Whole decisions, each atomic and durable on return.
//!
//! The rules do not know which store is there.

pub mod access;
mod allowlist;
mod ask;
pub mod audit;
mod authority;
mod cache;
mod change;
pub mod devices;
mod doc;
mod expiry;
mod file;
pub mod files;
mod keys;
mod lock;
pub mod moved;
mod originals;
mod own;
mod owners;
pub mod ownership;
mod pairing;
pub mod paths;
pub mod private;
mod replay;
mod start;
mod strangers;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use openclaw_plugin_sdk::{CommandError, UnixMs};

use crate::rules::{
    AccountKey,
    allowlist::Allowlist,
    approver::Approver,
    authority::{Authority, Grounds},
    claim::ClaimCode,
    owner::{Owner, Owners},
    pairing::{AccessRequest, Asked, PairingCode, PairingRequest, Places, RequestId},
};

pub use self::{
    own::Wrong,
    owners::{How, KnownOwner},
};

/// The store, as the gateway and the command line use it. Every call blocks on disk: from async code, off the runtime.
pub trait Store: devices::DeviceStore + access::AccessStore {
    /// The approved senders of this very account. One `stat` a file while nothing changed.
    fn approved(&self, key: &AccountKey) -> Result<Arc<Allowlist>, StoreError>;

    /// A random key that is made at its first use, such as for `webchat-default`: `[a-z0-9_-]` only.
    fn key(&self, purpose: &str) -> Result<[u8; 32], StoreError>;

    /// Whether everything that is kept of this account can be read. One `stat` a file while nothing changed.
    fn readable(&self, key: &AccountKey) -> Result<(), StoreError>;

    /// The owners that were added or claimed. One `stat` while nothing changed.
    fn owners(&self) -> Result<Arc<Owners>, StoreError>;

    /// True while the last decision counts, but its files are not all in place, since the disk has failed. Whoever
    /// takes the lock next finishes it.
    fn is_unfinished(&self) -> bool;

    /// From here on the configuration says this about who decides. Waits for the change that is being made.
    fn rely_on(&self, grounds: Grounds);

    /// True while what this right rests on is there. One `stat` a file while nothing changed.
    fn holds(&self, by: &Authority) -> Result<bool, StoreError>;

    /// Does something that is kept beside the store, while nobody can take the right to it away.
    fn while_holding(
        &self,
        by: &Authority,
        act: &mut dyn FnMut() -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;

    /// Who waits on a channel, all accounts, oldest first, none of them expired.
    fn waiting(&self, channel: &str, now: UnixMs) -> Result<Vec<PairingRequest>, StoreError>;

    /// A stranger knocks: opens a request, or lets the open one stand, or nothing.
    fn ask(&self, knock: &AccessRequest, places: Places, now: UnixMs) -> Result<Asked, StoreError>;

    /// Approves or denies one open request: the line in the access log, then the grant, then the forgetting.
    fn decide(
        &self,
        by: &Approver,
        decide: &Decide<'_>,
        now: UnixMs,
    ) -> Result<Outcome, StoreError>;

    /// Adds an owner. False where he is one already.
    fn add_owner(&self, by: &Approver, owner: &Owner, now: UnixMs) -> Result<bool, StoreError>;

    /// Removes an added or claimed owner. False where he is none.
    fn remove_owner(&self, by: &Approver, owner: &Owner, now: UnixMs) -> Result<bool, StoreError>;

    /// Opens a claim, in place of the one that may be open. Only the code's digest is kept.
    fn open_claim(&self, code: &ClaimCode, now: UnixMs) -> Result<(), StoreError>;

    /// Spends the claim code, if it is the open one and fresh, and makes its bearer an owner. False where it is not.
    fn redeem_claim(
        &self,
        code: &ClaimCode,
        owner: &Owner,
        now: UnixMs,
    ) -> Result<bool, StoreError>;

    /// Spends the open claim where its code stands anywhere in this text, with this line. It makes nobody an owner.
    /// False where it does not stand there, or none is open.
    fn spend_claim(&self, text: &str, note: &Note<'_>, now: UnixMs) -> Result<bool, StoreError>;

    /// Writes a line that changes nothing else, such as a refused command.
    fn note(&self, note: &Note<'_>, now: UnixMs) -> Result<(), StoreError>;
}

/// Which request is decided, and how.
#[derive(Clone, Copy, Debug)]
pub struct Decide<'a> {
    /// The channel it waits on.
    pub channel: &'a str,
    /// Its opaque name, as it was displayed.
    pub request: &'a RequestId,
    /// Approve, deny, or block whoever asks.
    pub decision: openclaw_plugin_sdk::Decision,
    /// Until when an approval lets him in; for good where nothing stands there.
    pub until: Option<UnixMs>,
    /// The revision that whoever decides was shown; compared under the lock. Nothing where the code or name is all
    /// that they go by: that stands for the request as it was opened, and for none with a claim.
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
    /// No such request waits any more: expired, or decided by somebody else. Nothing was changed.
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
    /// What the right to this rested on is gone since it was asked for.
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

/// The open requests of a channel that have this code, of one account or of all.
pub fn find_code(
    store: &dyn Store,
    channel: &str,
    code: &PairingCode,
    now: UnixMs,
) -> Result<Vec<PairingRequest>, StoreError> {
    let waiting = store.waiting(channel, now)?;
    Ok(waiting.into_iter().filter(|request| request.code.matches(code)).collect())
}

#[cfg(test)]
mod tests;
