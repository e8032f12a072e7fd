//! The access log: one line a decision, each with the hash of the line before.
//!
//! A line that is whole on disk is a fact: the next holder of the lock finishes what it says. The head
//! beside it says how many lines are finished and what the last one's hash is; it is written after the effects,
//! and a log that ends before its head was cut.
//!
//! A log and a head that are put back together, both from an earlier copy, are found where one of the lines that they
//! lack changed a file that only we write. A plain approval stands in a file of the field alone, which other programs
//! write too: of that one `verify` can only say that no line explains it.

mod chain;
mod fate;
mod head;
mod index;
pub mod inspect;
mod log;
mod read;
mod replay;
pub(super) mod seal;
pub mod tail;
pub mod verify;

use std::{collections::BTreeMap, path::PathBuf};

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use openclaw_plugin_sdk::{AccountId, SenderId, UnixMs};
use serde::{Deserialize, Serialize};

pub(super) use self::{
    fate::Fates,
    head::{Head, HeadRead, read_head},
    index::Index,
    log::{Log, ROTATE_AT, last, name, underway},
};
use super::{Note, StoreError, file, paths::StateDir, reset::Scope};
use crate::{
    rules::{AccountKey, Contact, approver::Approver},
    world,
};

/// What the first line has before it.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// A longer text in a line is cut. Ids are shorter.
const LONGEST: usize = 600;

/// The words of the log for what a line does beside being there. Each is finished again if need be.
pub(super) mod action {
    /// The files were taken as they are.
    pub(crate) const AUDIT_ACCEPT: &str = "audit-accept";
    pub(crate) const ACCEPT: &str = "accept";
    pub(crate) const APPROVE: &str = "approve";
    pub(crate) const BLOCK: &str = "block";
    pub(crate) const CLAIM: &str = "claim";
    pub(crate) const CLAIM_OPEN: &str = "claim-open";
    pub(crate) const CLAIM_SPENT: &str = "claim-spent";
    pub(crate) const DENY: &str = "deny";
    pub(crate) const EVICT: &str = "evict";
    pub(crate) const EXTEND: &str = "extend";
    pub(crate) const INVITE: &str = "invite";
    pub(crate) const JOIN: &str = "join";
    pub(crate) const LINK_OPEN: &str = "link-open";
    pub(crate) const LINK_SPENT: &str = "link-spent";
    pub(crate) const NOTE: &str = "note";
    pub(crate) const OWNER_ADD: &str = "owner-add";
    pub(crate) const OWNER_REMOVE: &str = "owner-remove";
    pub(crate) const REQUEST: &str = "request";
    /// People, devices or the configuration were set back; the subject says which.
    pub(crate) const RESET: &str = "reset";
    pub(crate) const RESTORE_CONFIRM: &str = "restore-confirm";
    pub(crate) const REVOKE: &str = "revoke";
    pub(crate) const UNBLOCK: &str = "unblock";
    pub(crate) const UNINVITE: &str = "uninvite";

    // About devices. What they do is in the files that the line names.
    pub(crate) const CODE_BIND: &str = "code-bind";
    pub(crate) const CODE_CANCEL: &str = "code-cancel";
    pub(crate) const CODE_FETCH: &str = "code-fetch";
    pub(crate) const CODE_MINT: &str = "code-mint";
    pub(crate) const DEVICE_ADMIT: &str = "device-admit";
    pub(crate) const DEVICE_APPROVE: &str = "device-approve";
    pub(crate) const DEVICE_REJECT: &str = "device-reject";
    pub(crate) const DEVICE_REMOVE: &str = "device-remove";
    pub(crate) const DEVICE_RENAME: &str = "device-rename";
    pub(crate) const DEVICE_REQUEST: &str = "device-request";
    pub(crate) const NODE_APPROVE: &str = "node-approve";
    pub(crate) const NODE_REJECT: &str = "node-reject";
    pub(crate) const NODE_REMOVE: &str = "node-remove";
    pub(crate) const NODE_RENAME: &str = "node-rename";
    pub(crate) const NODE_REQUEST: &str = "node-request";
    pub(crate) const TOKEN_ISSUE: &str = "token-issue";
    pub(crate) const TOKEN_REVOKE: &str = "token-revoke";
    pub(crate) const TOKEN_ROTATE: &str = "token-rotate";

    /// All of them.
    const ALL: &str = "accept approve audit-accept block claim claim-open claim-spent code-bind code-cancel code-fetch \
        code-mint deny device-admit device-approve device-reject device-remove device-rename device-request evict \
        extend invite join link-open link-spent node-approve node-reject node-remove node-rename node-request note \
        owner-add owner-remove request reset restore-confirm revoke token-issue token-revoke token-rotate unblock uninvite";

    /// True for a word that a note may not take.
    pub(crate) fn is_known(word: &str) -> bool {
        ALL.split(' ').any(|known| known == word)
    }
}

/// The surface and the actor of a line whose reason is the configuration.
pub const CONFIG: &str = "config";

/// The surface of a line that joins an id which a platform vouches for.
pub(crate) const PLATFORM: &str = "platform";

/// The decisions of the access log by their words in it, for metrics and reports.
pub const DECISIONS: [&str; 21] = [
    "accept",
    "approve",
    "block",
    "claim",
    "deny",
    "device-admit",
    "device-approve",
    "device-reject",
    "device-remove",
    "evict",
    "extend",
    "node-approve",
    "node-reject",
    "node-remove",
    "owner-add",
    "owner-remove",
    "restore-confirm",
    "revoke",
    "token-revoke",
    "token-rotate",
    "unblock",
];
/// One line of the access log. It has no place for a code, a token or the text of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Line {
    /// Its number, from 1, never started again.
    pub seq: u64,
    /// When, as state files write it.
    pub at: String,
    /// What was done: `approve`, `deny`, `refused`.
    pub action: String,
    /// Where it came from: `chat`, `cli`, or `channel` for a stranger's knock.
    pub surface: String,
    /// Who did it: `telegram:4711`, `uid:1000`.
    pub actor: String,
    /// The channel it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The account it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The stable id of the person it is about, or what a note is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The opaque name of the request that was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Until when a denial holds, or a grant, or an invitation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// The id that the subject is joined to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<String>,
    /// The role of a device's token that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The files that were written aside for it, in the order in which they take their places; below the state
    /// folder. The line is finished by renaming those that are still there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub staged: Vec<String>,
    /// What the files that nobody else writes are from here on: their digests, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub made: BTreeMap<String, String>,
    /// The hash of the line before: SHA-256 of its bytes without the line break.
    pub prev: String,
}

impl Line {
    pub(super) fn by(approver: &Approver, action: &str, now: UnixMs) -> Self {
        Self::new(approver.surface().word(), approver.actor(), action, now)
    }

    /// A line by a person who decides nothing: a stranger, or the bearer of the claim code.
    pub(super) fn new(surface: &str, actor: &str, action: &str, now: UnixMs) -> Self {
        Self {
            at: world::iso(now),
            action: bounded(action),
            surface: bounded(surface),
            actor: bounded(actor),
            ..Self::default()
        }
    }

    pub(super) fn note(note: &Note<'_>, now: UnixMs) -> Self {
        // A note changes nothing, now or when it is read again.
        match note.action {
            taken if action::is_known(taken) => Self::noting(note, &format!("note-{taken}"), now),
            free => Self::noting(note, free, now),
        }
    }

    /// A line that says what a note does, with another word.
    pub(super) fn noting(note: &Note<'_>, action: &str, now: UnixMs) -> Self {
        let line = Self::new(note.surface, note.actor, action, now).about(note.subject);
        match note.key {
            Some(key) => line.of(key),
            None => line,
        }
    }

    pub(super) fn of(mut self, key: &AccountKey) -> Self {
        self.channel = Some(bounded(&key.channel));
        self.account = Some(key.account.as_str().to_owned());
        self
    }

    pub(super) fn on(mut self, channel: &str) -> Self {
        self.channel = Some(bounded(channel));
        self
    }

    pub(super) fn about(mut self, subject: &str) -> Self {
        self.subject = Some(bounded(subject));
        self
    }

    /// The opaque name of what was decided: a request, or a setup code.
    pub(super) fn named(mut self, name: &str) -> Self {
        self.request = Some(bounded(name));
        self
    }

    /// The id that the subject is joined to.
    pub(super) fn with(mut self, contact: &str) -> Self {
        self.with = Some(bounded(contact));
        self
    }

    /// True where it sets this back.
    pub(super) fn resets(&self, scope: Scope) -> bool {
        self.action == action::RESET && self.subject.as_deref() == Some(scope.word())
    }

    /// The person it is about, if it is about one on an account.
    pub fn contact(&self) -> Option<Contact> {
        let account = AccountId::parse(self.account.as_deref()?)?;
        let key = AccountKey { channel: self.channel.clone()?, account };
        Some(Contact { key, sender: SenderId::new(self.subject.as_deref()?).ok()? })
    }

    pub(super) fn with_role(mut self, role: &str) -> Self {
        self.role = Some(bounded(role));
        self
    }

    pub(super) fn until(mut self, until: impl Into<Option<UnixMs>>) -> Self {
        self.until = until.into().map(world::iso);
        self
    }
}

fn bounded(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    let mut end = LONGEST;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

/// The last `n` lines, oldest first, read from the log's end. Takes no lock; what is no line is left out, and
/// `verify` tells of it.
pub fn show(state: &StateDir, n: usize) -> Result<Vec<Line>, StoreError> {
    let mut lines = Vec::new();
    let current = state.access_log();
    let files = rotated(state)?.into_iter().map(|(_, path)| path).chain([current]);
    for path in files.collect::<Vec<_>>().into_iter().rev() {
        if lines.len() >= n {
            break;
        }
        lines.extend(read::last(&path, n - lines.len())?);
    }
    lines.reverse();
    Ok(lines)
}

/// The logs that were put aside when they were full, oldest first.
fn rotated(state: &StateDir) -> Result<Vec<(u64, PathBuf)>, StoreError> {
    let log = state.access_log();
    let Some(dir) = log.parent() else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for (name, path) in file::entries(dir)? {
        let plain = name.strip_suffix(".gz").unwrap_or(&name);
        let number = plain.strip_prefix("access-").and_then(|rest| rest.strip_suffix(".jsonl"));
        found.extend(number.and_then(|number| number.parse().ok()).map(|number| (number, path)));
    }
    // Of one that is just being sealed there are two: the plain one, which comes first, is whole.
    found.sort();
    found.dedup_by_key(|(number, _): &mut (u64, PathBuf)| *number);
    Ok(found)
}

/// The hash by which the next line names this one.
pub(super) fn hash(line: &[u8]) -> String {
    HEXLOWER.encode(ring::digest::digest(&ring::digest::SHA256, line).as_ref())
}

/// Reads the hexadecimal text of 32 bytes.
pub(super) fn unhex(text: &str) -> Option<[u8; 32]> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?.try_into().ok()
}
