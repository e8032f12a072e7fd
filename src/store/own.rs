//! What the access log's head says of the state files: one that it names and that is gone is damage, and so is one
//! that only this program writes and that is not as it was written. Files of the field may be changed by others.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use openclaw_plugin_sdk::own_file;

use super::{
    StoreError,
    audit::{self, Head, HeadRead},
    cached_table::HeadSeen,
    file::{self, Found, Identity, StagedFile, damaged},
    paths::StateDir,
};

/// The state files that nobody else writes and that decide something, below the state folder.
///
/// What a running gateway keeps for itself (`outbox`, `inbox`, `held`, `access/verdicts.json`) is not among them: it
/// changes with every message, and a head that names it would cost a sync for each. None of it grants access. A card
/// counts only for the owner who presses it, and the request that it showed is compared with the present one under the
/// lock; only `access simulate` reads verdicts, and it only prints.
pub(super) const OWN: [&str; 3] =
    ["access/grants.json", "credentials/owners.json", "devices/removed.json"];

/// So often a file that changes meanwhile is read again.
const TRIES: usize = 64;

/// What is wrong with a state file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mismatch {
    /// It is not as this program wrote it.
    Changed,
    /// This program wrote it, and it is gone.
    Missing,
    /// Only this program writes it, and it did not.
    Unexpected,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Changed => "it is not as this program wrote it",
            Self::Missing => "it is missing, and this program wrote it",
            Self::Unexpected => "this program did not write it, and nobody else may",
        })
    }
}

/// The name of a file that nobody else writes; `None` for one of the field.
pub(super) fn name(state: &StateDir, path: &Path) -> Option<&'static str> {
    let below = path.strip_prefix(state.path()).ok()?;
    OWN.into_iter().find(|own| below == Path::new(own))
}

/// What tells one content of a file from another, wherever it lies.
pub(super) fn digest(bytes: &[u8]) -> String {
    audit::hash(bytes)
}

/// The files that are there and that nobody else writes, for a head that knows of none yet.
pub(super) fn present(state: &StateDir) -> BTreeMap<String, String> {
    let there = |own: &&str| {
        let bytes = own_file::read(&state.path().join(own)).ok()?;
        (!bytes.is_empty()).then(|| ((*own).to_owned(), digest(&bytes)))
    };
    OWN.iter().filter_map(there).collect()
}

/// Reads a state file as [`file::read`] does, and compares it with what the head says. Needs no lock: the last line of
/// the log tells what is being written just now.
pub(super) fn read(state: &StateDir, path: &Path) -> Result<Found, StoreError> {
    let own = name(state, path);
    for _ in 0..TRIES {
        let found = file::read(path)?;
        if own.is_none() && found.identity.is_some() {
            return Ok(found);
        }
        let Some(head) = head(state)? else { return Ok(found) };
        let Some(wrong) = judge(state, &head, &found) else { return Ok(found) };
        let is_same = Identity::at(path)? == found.identity;
        if is_same && self::head(state)?.as_ref() == Some(&head) {
            return Err(damage(path, wrong));
        }
    }
    Err(StoreError::Busy { path: path.to_owned(), holder: "another process".to_owned() })
}

/// What is wrong with a file, by the head.
pub(super) fn judge(state: &StateDir, head: &Head, found: &Found) -> Option<Mismatch> {
    let own = name(state, &found.path);
    let said = own.zip(head.own.as_ref()).map(|(own, all)| (own, all.get(own)));
    if found.identity.is_none() {
        let named = head.wrote.contains_key(&audit::name(&found.path));
        return (named || matches!(said, Some((_, Some(_))))).then_some(Mismatch::Missing);
    }
    let (own, said) = said?;
    let digest = digest(found.text.as_bytes());
    if said == Some(&digest) {
        return None;
    }
    let underway = audit::underway(state, head.count);
    if underway.is_some_and(|line| line.made.get(own) == Some(&digest)) {
        return None;
    }
    Some(if said.is_some() { Mismatch::Changed } else { Mismatch::Unexpected })
}

/// The error for it, with the way out.
pub(super) fn damage(path: &Path, mismatch: Mismatch) -> StoreError {
    damaged(
        path,
        None,
        &format!("{mismatch}; put the right one there, or see `openclaw audit accept`"),
    )
}

/// What the head says; `None` in a folder without a log.
pub(super) fn head(state: &StateDir) -> Result<Option<Arc<Head>>, StoreError> {
    let path = state.access_head();
    // Looked at before it is read: what is written meanwhile has another identity.
    let identity = Identity::at(&path)?;
    if let Some(seen) = identity.and_then(|identity| state.seen_head(identity)) {
        return Ok(Some(seen));
    }
    match audit::read_head(&path)? {
        HeadRead::Head(head) => {
            let head = Arc::new(head);
            state.saw_log();
            if let Some(identity) = identity {
                state.saw_head(identity, &head);
            }
            Ok(Some(head))
        }
        HeadRead::Nothing if !has_log(state)? && !has_had_log(state) => Ok(None),
        HeadRead::Nothing => Err(damage(&path, Mismatch::Missing)),
        // Another process may be writing it.
        HeadRead::Unreadable => match audit::read_head(&path)? {
            HeadRead::Head(head) => Ok(Some(Arc::new(head))),
            _ => Err(damage(&path, Mismatch::Changed)),
        },
    }
}

/// True where the folder has had an access log: it is no new one, though the log, its head and the limits of access
/// are all gone. This process has seen the head; or the mark is there, beside the lists that go on granting access
/// without them; or a file that this program only writes with a line.
pub(super) fn has_had_log(state: &StateDir) -> bool {
    let is_there = |path: PathBuf| path.symlink_metadata().is_ok();
    state.has_seen_log()
        || is_there(state.log_mark())
        || OWN.iter().any(|own| is_there(state.path().join(own)))
}

/// An error where the head that this process has seen is gone.
pub(super) fn still_has_head(state: &StateDir, seen: &HeadSeen) -> Result<(), StoreError> {
    let path = state.access_head();
    if state.has_seen_log() && seen.at(&path)?.is_none() {
        return Err(damage(&path, Mismatch::Missing));
    }
    Ok(())
}

/// Marks the folder of a log, after the head that it tells of.
pub(super) fn mark(state: &StateDir) -> Result<(), StoreError> {
    let path = state.log_mark();
    if path.symlink_metadata().is_ok() {
        return Ok(());
    }
    let text = "The access log of this folder is audit/access.jsonl. If it is gone, see `openclaw audit accept`.\n";
    file::ensure_dir(&state.credentials())?;
    // That it is there is all that counts: its text needs no sync of its own.
    StagedFile::write_unsynced(&path, text.as_bytes(), None)?.put()?;
    file::sync_dir(&state.credentials())
}

fn has_log(state: &StateDir) -> Result<bool, StoreError> {
    let path = state.access_log();
    let meta = own_file::open(&path).and_then(|file| file.metadata());
    Ok(file::existing(&path, meta)?.is_some_and(|meta| meta.len() > 0))
}
