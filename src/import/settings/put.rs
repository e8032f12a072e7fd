//! The result put in place, never over a file that is there; what was put, remembered; and taken back.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Plan, hex, record_file};
use crate::{
    config,
    store::{StoreError, paths::StateDir, private},
};

/// So many earlier results are remembered.
const MOST_EARLIER: usize = 16;

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
    /// What was written before that, the last one first.
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
    /// Every file that imports have written into this folder, the last one first. Only the names count: the folder may
    /// be a copy of another one, or it was moved.
    fn files(&self, state: &StateDir) -> Vec<Written> {
        let last = self.written.clone().map(|file| Written { file, result: self.result.clone() });
        let all = last.into_iter().chain(self.earlier.iter().cloned());
        let here = |one: Written| {
            let mut places = places(state).into_iter();
            let file = places.find(|place| place.file_name() == one.file.file_name())?;
            Some(Written { file, ..one })
        };
        all.filter_map(here).collect()
    }
}

/// Where a result is put: in its place, else beside what is there.
fn places(state: &StateDir) -> [PathBuf; 2] {
    let main = state.config();
    let beside = main.with_file_name("config.toml.imported");
    [main, beside]
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
        let file = record.files(state).into_iter().next().map(|written| written.file);
        let file = file.filter(|file| is_same && file.exists());
        Ok(file.map(|file| Earlier { record, file }))
    }
}

/// Puts the result in place, and remembers it. Returns the file.
pub fn write(plan: &Plan, state: &StateDir, mut record: Record) -> Result<PathBuf, WriteError> {
    private::alone(state, || {
        let file = place(state)?;
        // A crash may come before the file is written: then what was there before is still known.
        record.earlier = self::record(state)?.unwrap_or_default().files(state);
        record.earlier.retain(|one| one.file != file || one.result != record.result);
        record.earlier.truncate(MOST_EARLIER);
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
    let [main, beside] = places(state);
    if main.symlink_metadata().is_err() {
        return Ok(main);
    }
    if beside.symlink_metadata().is_err() {
        return Ok(beside);
    }
    let written = record(state)?.unwrap_or_default().files(state);
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
        let (written, mut undone) = (record.files(state), Vec::new());
        for file in places(state) {
            let mut all = written.iter().filter(|one| one.file == file).peekable();
            if all.peek().is_none() {
                continue;
            }
            let is_unchanged = all.any(Written::is_unchanged);
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
