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

use std::path::{Path, PathBuf};

use openclaw_plugin_sdk::{CommandError, UnixMs};

use crate::rules::{
    AccountKey,
    pairing::{PairingRequest, RequestId},
};

pub use self::{
    files::Store,
    own::Wrong,
    owners::{How, KnownOwner},
};

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

#[cfg(test)]
mod tests;
