//! Setting parts of the state folder back. What lets people and devices in is emptied by one transaction, so that all of
//! it goes or nothing; a whole folder goes in an order in which what lets in goes before what keeps out.

mod known;

use std::{
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use openclaw_plugin_sdk::{SenderId, UnixMs, own_file};
use serde_json::Value;

use self::known::Kind;
use super::{
    Store, StoreError,
    audit::{Line, action},
    file::{self, Identity, gone, sync_dir},
    imports, io,
    lock::{OcLock, PATIENCE},
    owners::{self, OwnersDoc},
    paths::StateDir,
    private,
    transaction::Transaction,
};
use crate::rules::{approver::Approver, records::Records};

/// What is set back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The configuration file, and what is remembered of it.
    Config,
    /// People, requests, blocks, owners, invitations.
    Access,
    /// Devices, nodes, their requests and tokens.
    Devices,
    /// Everything that this program has written.
    All,
}

impl Scope {
    /// As it is typed, and as the access log has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Access => "access",
            Self::Devices => "devices",
            Self::All => "all",
        }
    }
}

/// A file that loses what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Below the state folder.
    pub file: PathBuf,
    /// How many rows it has; `None` where it has no rows, or cannot be read.
    pub rows: Option<usize>,
}

/// No gateway starts on the folder while this is there.
#[derive(Debug)]
pub struct NoGateway {
    _lock: File,
}

/// Keeps a gateway of this folder from starting; where one runs, what its lock says of it.
pub fn without_gateway(state: &StateDir) -> Result<Result<NoGateway, String>, StoreError> {
    let path = state.gateway_lock();
    file::ensure_dir(&state.run())?;
    let mut how = OpenOptions::new();
    how.read(true).write(true).create(true).truncate(false).mode(0o600);
    let lock = own_file::open_with(&mut how, &path).map_err(|error| io("lock", &path, error))?;
    match lock.try_lock() {
        Ok(()) => Ok(Ok(NoGateway { _lock: lock })),
        Err(TryLockError::WouldBlock) => {
            Ok(Err(own_file::read_to_string(&path).unwrap_or_default().trim().to_owned()))
        }
        Err(TryLockError::Error(error)) => Err(io("lock", &path, error)),
    }
}

/// What a reset would take away now.
pub fn plan(state: &StateDir, scope: Scope) -> Result<Vec<Part>, StoreError> {
    known::refuse_links(state)?;
    let mut found = known::emptied(state, scope)?;
    let rows = |path: &Path| rows(path, scope);
    found.retain(|path| rows(path) != Some(0));
    found.extend(known::removed(state, scope)?.into_iter().flatten());
    let below = |path: &PathBuf| path.strip_prefix(state.path()).unwrap_or(path).to_owned();
    let mut parts: Vec<Part> =
        found.iter().map(|path| Part { file: below(path), rows: rows(path) }).collect();
    parts.sort_by(|one, other| one.file.cmp(&other.file));
    Ok(parts)
}

/// How many rows a state file has, whichever shape it has; blocks that stay do not count.
fn rows(path: &Path, scope: Scope) -> Option<usize> {
    if path.extension().is_none_or(|extension| extension != "json") {
        return None;
    }
    let Value::Object(all) = serde_json::from_slice(&own_file::read(path).ok()?).ok()? else {
        return None;
    };
    let of = |value: &Value| match value {
        Value::Array(rows) => rows.len(),
        Value::Object(_) => 1,
        _ => 0,
    };
    let goes = |(key, _): &(&String, &Value)| *key != "blocks" || scope == Scope::All;
    Some(all.iter().filter(goes).map(|(_, value)| of(value)).sum())
}

impl Store {
    /// Sets a part back. Blocks stay but with `all`: some configuration may let that person in. `may` is asked while
    /// nobody else writes, before all of it goes.
    pub fn reset<E: From<StoreError>>(
        &self,
        scope: Scope,
        by: &Approver,
        now: UnixMs,
        _alone: &NoGateway,
        may: impl FnOnce(&Self) -> Result<(), E>,
    ) -> Result<(), E> {
        known::refuse_links(&self.state)?;
        if scope == Scope::All {
            return private::alone(&self.state, || {
                may(self)?;
                Ok(self.remove(scope)?)
            })?;
        }
        Ok(self.reset_some(scope, by, now)?)
    }

    fn reset_some(&self, scope: Scope, by: &Approver, now: UnixMs) -> Result<(), StoreError> {
        let mut tx = Transaction::open(self, Some(by.authority()), now)?;
        for path in known::emptied(&self.state, scope)? {
            tx.empty_file(&path)?;
        }
        let line = Line::by(by, action::RESET, tx.now).about(scope.word());
        tx.commit(vec![line])?;
        let _lock = OcLock::take(&self.state.access_log(), PATIENCE)?;
        self.remove(scope)
    }

    /// Removes the files of a scope, one stage after the other.
    fn remove(&self, scope: Scope) -> Result<(), StoreError> {
        for stage in known::removed(&self.state, scope)? {
            let mut folders: Vec<&Path> = stage.iter().filter_map(|path| path.parent()).collect();
            for path in &stage {
                if scope == Scope::Config && *path == self.state.config_memory() {
                    known::forget_own_config(path)?;
                    continue;
                }
                gone(std::fs::remove_file(path)).map_err(|error| io("remove", path, error))?;
            }
            folders.sort_unstable();
            folders.dedup();
            // What keeps out goes only once what lets in is gone for good.
            folders.into_iter().filter(|folder| folder.is_dir()).try_for_each(sync_dir)?;
        }
        if scope == Scope::All {
            known::clear_folders(&self.state);
        }
        Ok(())
    }
}

impl Transaction<'_> {
    /// Writes a state file that says nothing any more.
    fn empty_file(&mut self, path: &Path) -> Result<(), StoreError> {
        match known::kind(&self.store.state, path) {
            Kind::Records => {
                let Records { blocks, people, .. } = self.records()?;
                let mut kept = Records { blocks, people, ..Records::default() };
                let is_kept = |channel: &str, sender: &SenderId| {
                    kept.blocks.iter().any(|it| it.channel == channel && it.sender == *sender)
                };
                kept.people.retain(|person| {
                    person.contacts.iter().any(|one| is_kept(&one.key.channel, &one.sender))
                });
                self.put_records(kept)
            }
            Kind::Owners => {
                self.lock(path)?;
                let found = file::read(path)?;
                self.put(&found, &OwnersDoc::empty(owners::OWNERS))
            }
            Kind::List => {
                self.lock(path)?;
                let before = Identity::at(path)?;
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                self.write(path, before, imports::empty(&name))
            }
        }
    }
}

#[cfg(test)]
mod tests;
