//! The result put in place, never over a file that is there; what was put, remembered; and taken back.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Plan, hex, record_file};
use crate::{
    config,
    store::{StoreError, paths::StateDir, private},
};

/// What an import has written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Record {
    /// The file that was read.
    pub source: PathBuf,
    /// SHA-256 of everything that was read.
    pub digest: String,
    /// When.
    pub at: String,
    /// SHA-256 of the configuration that it came to.
    pub result: String,
    /// The file that was written; `None` where none was.
    pub written: Option<PathBuf>,
    /// What imports before it have written, the last one first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Written>,
    /// The people that were blocked, by this import and those before it, as `channel:id`.
    pub blocks: Vec<String>,
}

/// A file that an import has written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Written {
    /// Where it is.
    pub file: PathBuf,
    /// SHA-256 of what was written.
    pub result: String,
}

impl Record {
    /// Every file that imports have written, the last one first.
    fn files(&self) -> Vec<Written> {
        let last = self.written.clone().map(|file| Written { file, result: self.result.clone() });
        last.into_iter().chain(self.earlier.iter().cloned()).collect()
    }
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A file stands in the way that no import has written, or that was changed since.
    #[error("{} is there already and is not overwritten: move it away", .0.display())]
    Taken(PathBuf),
    /// The state folder cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What an earlier import of the same has left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// Its record.
    pub record: Record,
    /// The file that it wrote.
    pub file: PathBuf,
}

/// What the last import has written, if there was one.
pub fn record(state: &StateDir) -> Result<Option<Record>, StoreError> {
    let path = record_file(state);
    let Some(bytes) = private::read(&path)? else { return Ok(None) };
    let why = "this is no record of an import: remove it, and run `openclaw import` again";
    let damaged = |_| StoreError::Damaged { path, line: None, why: why.to_owned() };
    serde_json::from_slice(&bytes).map(Some).map_err(damaged)
}

impl Plan {
    /// The earlier import of the same file that came to the same, if its result is still there.
    pub fn earlier(&self, state: &StateDir) -> Result<Option<Earlier>, StoreError> {
        let Some(record) = record(state)? else { return Ok(None) };
        let is_same = record.digest == self.digest && record.result == hex(self.text.as_bytes());
        let file = record.written.clone().filter(|file| is_same && file.exists());
        Ok(file.map(|file| Earlier { record, file }))
    }
}

/// Puts the result in place, and remembers it. Returns the file.
pub fn write(plan: &Plan, state: &StateDir, mut record: Record) -> Result<PathBuf, WriteError> {
    private::alone(state, || {
        let file = place(state)?;
        record.earlier = self::record(state)?.unwrap_or_default().files();
        record.earlier.retain(|earlier| earlier.file != file);
        record.written = Some(file.clone());
        // First what takes it back: a crash between the two leaves nothing that no undo knows.
        remember(state, &record)?;
        private::replace(&file, plan.text.as_bytes())?;
        private::sync(state.path())?;
        Ok(file)
    })?
}

/// Where the result goes: beside a configuration that is there.
fn place(state: &StateDir) -> Result<PathBuf, WriteError> {
    let main = state.config();
    if main.symlink_metadata().is_err() {
        return Ok(main);
    }
    let beside = main.with_file_name("config.toml.imported");
    if beside.symlink_metadata().is_err() {
        return Ok(beside);
    }
    let written = record(state)?.unwrap_or_default().files();
    let is_ours = written.iter().any(|one| one.file == beside && one.is_unchanged());
    if is_ours { Ok(beside) } else { Err(WriteError::Taken(beside)) }
}

impl Written {
    fn is_unchanged(&self) -> bool {
        let bytes = private::read(&self.file).ok().flatten();
        bytes.is_some_and(|bytes| hex(&bytes) == self.result)
    }
}

/// Remembers what was written.
pub fn remember(state: &StateDir, record: &Record) -> Result<(), StoreError> {
    let path = record_file(state);
    private::replace_json(&path, record)?;
    path.parent().map_or(Ok(()), private::sync)
}

/// Forgets what was written.
pub fn forget(state: &StateDir) -> Result<(), StoreError> {
    let path = record_file(state);
    match std::fs::remove_file(&path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::Io { doing: "remove", path, source })
        }
        _ => path.parent().filter(|folder| folder.is_dir()).map_or(Ok(()), private::sync),
    }
}

/// Removes the files of imports where nothing has changed them since: each file, and whether it is gone.
pub fn undo(state: &StateDir, record: &Record) -> Result<Vec<(PathBuf, bool)>, StoreError> {
    private::alone(state, || {
        let mut undone = Vec::new();
        for written in record.files() {
            let is_unchanged = written.is_unchanged();
            let Written { file, .. } = written;
            if is_unchanged {
                let failed =
                    |source| StoreError::Io { doing: "remove", path: file.clone(), source };
                std::fs::remove_file(&file).map_err(failed)?;
                // It is gone on purpose: the next start does not miss it.
                config::forget(state, &file)?;
                private::sync(state.path())?;
            }
            undone.push((file, is_unchanged));
        }
        Ok(undone)
    })?
}
