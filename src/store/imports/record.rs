//! `access/imported.json`: what was taken over from where. It grants nothing: a start asks it whether a database was
//! taken over, and an undo what there is to take back.

use std::path::PathBuf;

use openclaw_plugin_sdk::UnixMs;
use serde::{Deserialize, Serialize};

use super::foreign_files;
use crate::{Store, StoreError, file::damaged, paths::StateDir, private, world};

const VERSION: u64 = 1;
/// The database of OpenClaw 2026.7 and newer, below its state folder.
const DATABASE: &str = "state/openclaw.sqlite";

/// Everything that was taken over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Imported {
    version: u64,
    /// The sources, the last one at the end.
    pub sources: Vec<Source>,
    /// The people that an import wrote down as owners, as `telegram:4711`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<String>,
}

/// One state folder that things were taken from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Source {
    /// The folder.
    pub path: PathBuf,
    /// The database below it, once everything in it was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// SHA-256 of what was read.
    pub digest: String,
    /// When, as state files write it.
    pub at: String,
    /// The last import came to its end.
    pub finished: bool,
    /// The people who were let in, as `telegram/default:4711`.
    pub senders: Vec<String>,
    /// The ids of the devices that were let in.
    pub devices: Vec<String>,
    /// The legacy nodes that were let in.
    pub nodes: Vec<String>,
}

impl StateDir {
    /// What was taken over from other programs.
    pub fn imported(&self) -> PathBuf {
        self.access().join("imported.json")
    }
}

impl Imported {
    /// What the state folder remembers; nothing where there is no such file.
    pub fn read(state: &StateDir) -> Result<Self, StoreError> {
        let path = state.imported();
        let Some(bytes) = private::read(&path)? else { return Ok(Self::default()) };
        let read: Option<Self> = serde_json::from_slice(&bytes).ok();
        let why = "this is no list of imports: remove it, and run `openclaw import` again";
        read.filter(|read| read.version == VERSION).ok_or_else(|| damaged(&path, None, why))
    }

    /// The source at this folder.
    pub fn source(&mut self, path: PathBuf) -> &mut Source {
        let place = self.sources.iter().position(|source| source.path == path);
        let place = place.unwrap_or_else(|| {
            self.sources.push(Source { path, ..Source::default() });
            self.sources.len() - 1
        });
        &mut self.sources[place]
    }
}

impl Store {
    /// Changes the record of a source, durably.
    pub fn record_import(
        &self,
        path: PathBuf,
        now: UnixMs,
        change: impl FnOnce(&mut Source),
    ) -> Result<(), StoreError> {
        private::alone(&self.state, || {
            let mut imported = Imported::read(&self.state)?;
            imported.version = VERSION;
            let source = imported.source(path);
            source.at = world::iso(now);
            change(source);
            imported.write(&self.state)
        })?
    }

    /// Records owners that an import is about to write, durably.
    pub fn record_imported_owners(&self, owners: &[String]) -> Result<(), StoreError> {
        if owners.is_empty() {
            return Ok(());
        }
        private::alone(&self.state, || {
            let mut imported = Imported::read(&self.state)?;
            imported.version = VERSION;
            let new = owners.iter().filter(|owner| !imported.owners.contains(owner));
            let new: Vec<String> = new.cloned().collect();
            imported.owners.extend(new);
            imported.write(&self.state)
        })?
    }

    /// Forgets every source: nothing of them is here any more.
    pub(super) fn forget_imports(&self) -> Result<(), StoreError> {
        private::alone(&self.state, || {
            Imported { version: VERSION, ..Imported::default() }.write(&self.state)
        })?
    }
}

impl Imported {
    fn write(&self, state: &StateDir) -> Result<(), StoreError> {
        private::replace_json(&state.imported(), self)?;
        private::sync(&state.access())
    }
}

/// The database in this state folder beside which lists stand that another program wrote, and that no import has looked
/// at: people in them may have lost access since. No database is opened.
pub fn unimported(state: &StateDir) -> Result<Option<PathBuf>, StoreError> {
    let database = state.path().join(DATABASE);
    if database.symlink_metadata().is_err() || is_known(state)? || foreign_files(state)?.is_empty()
    {
        return Ok(None);
    }
    Ok(Some(database))
}

/// The database in this state folder that no import has looked at.
pub fn unread(state: &StateDir) -> Result<Option<PathBuf>, StoreError> {
    let database = state.path().join(DATABASE);
    Ok((database.symlink_metadata().is_ok() && !is_known(state)?).then_some(database))
}

/// The folder from which an import began and did not come to its end.
pub fn unfinished(state: &StateDir) -> Result<Option<PathBuf>, StoreError> {
    let sources = Imported::read(state)?.sources;
    Ok(sources.into_iter().find(|source| !source.finished).map(|source| source.path))
}

fn is_known(state: &StateDir) -> Result<bool, StoreError> {
    let here = state.path().canonicalize().unwrap_or_else(|_| state.path().to_owned());
    let sources = Imported::read(state)?.sources;
    Ok(sources.iter().any(|source| source.database.is_some() && source.path == here))
}
