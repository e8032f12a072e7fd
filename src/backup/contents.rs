//! Which files a copy holds.

use std::{
    fs::Metadata,
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use openclaw_plugin_sdk::own_file;

use crate::{BackupError, io_error, store::paths::StateDir};

/// The configuration, wherever it lay.
pub(crate) const CONFIG: &str = "config.toml";

/// The gateway that this machine is a node of.
const NODE: &str = "node.json";

/// The folders that are kept. What runs (`run`), what strangers wrote first (`held`) and what was on its way (`inbox`,
/// `outbox`) is not: it would be told again.
const FOLDERS: [&str; 10] = [
    "access",
    "audit",
    "conversations",
    "credentials",
    "devices",
    "gateway",
    "identity",
    "keys",
    "nodes",
    "settings",
];

/// A restored folder says itself that it waits for a confirmation.
const MARK: &str = "access/unconfirmed";

/// Folders in folders.
const DEEPEST: usize = 8;
/// Bytes of a name.
const LONGEST: usize = 240;

/// A file, read.
pub(crate) struct Kept {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) mode: u32,
}

/// Whether a copy may hold a file of this name.
pub(crate) fn check(name: &str) -> Result<(), &'static str> {
    let parts: Vec<&str> = name.split('/').collect();
    let is_plain = |part: &&str| {
        !matches!(*part, "" | "." | "..")
            && !part.contains('\\')
            && !part.contains(char::is_control)
    };
    if name.starts_with('/') {
        return Err("its path is absolute");
    }
    if parts.len() > DEEPEST || name.len() > LONGEST || !parts.iter().all(is_plain) {
        return Err("its path is not that of a file in a state folder");
    }
    let known = [CONFIG, NODE].contains(&name) || (parts.len() > 1 && FOLDERS.contains(&parts[0]));
    if !known || name == MARK {
        return Err("no backup holds it");
    }
    if parts.last().is_none_or(|last| is_passing(last)) {
        return Err("it is a lock or a temporary file");
    }
    Ok(())
}

/// Locks, temporary files, and what another program's file was before.
fn is_passing(name: &str) -> bool {
    let ends = [".oc-lock", ".oc-wait", ".lock", ".tmp", ".orig"];
    ends.iter().any(|end| name.ends_with(end)) || name.contains(".oc-")
}

/// Reads every file of a state folder that a copy holds, in the order of their names.
pub(crate) fn read(state: &StateDir, config: &Path) -> Result<Vec<Kept>, BackupError> {
    let mut kept = Vec::new();
    // It may lie elsewhere, or be a link to where it lies.
    match own_file::read(config) {
        Ok(bytes) => {
            let mode = std::fs::metadata(config).map_err(io_error("read", config))?.mode();
            kept.push(Kept { name: CONFIG.to_owned(), bytes, mode: mode & 0o777 });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io_error("read", config)(error)),
    }
    for folder in FOLDERS.into_iter().chain([NODE]) {
        walk(&state.path().join(folder), folder, &mut kept)?;
    }
    kept.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(kept)
}

fn walk(path: &Path, name: &str, kept: &mut Vec<Kept>) -> Result<(), BackupError> {
    let Some(meta) = looked_at(path)? else { return Ok(()) };
    if meta.is_symlink() {
        let why = "it is a link; put in its place what it leads to, then again";
        return Err(BackupError::Place(path.to_owned(), why.to_owned()));
    }
    if meta.is_dir() {
        let entries = std::fs::read_dir(path).map_err(io_error("read", path))?;
        let mut entries: Vec<PathBuf> = entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<_>>()
            .map_err(io_error("read", path))?;
        entries.sort();
        for entry in entries {
            let Some(last) = entry.file_name().and_then(|last| last.to_str()) else { continue };
            walk(&entry, &format!("{name}/{last}"), kept)?;
        }
        return Ok(());
    }
    let last = name.rsplit('/').next().unwrap_or(name);
    // Sockets and pipes hold nothing.
    if !meta.is_file() || is_passing(last) || name == MARK {
        return Ok(());
    }
    check(name).map_err(|why| BackupError::Place(path.to_owned(), why.to_owned()))?;
    match own_file::read(path) {
        Ok(bytes) => kept.push(Kept { name: name.to_owned(), bytes, mode: meta.mode() & 0o777 }),
        // What runs beside has removed it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io_error("read", path)(error)),
    }
    Ok(())
}

fn looked_at(path: &Path) -> Result<Option<Metadata>, BackupError> {
    match path.symlink_metadata() {
        Ok(meta) => Ok(Some(meta)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error("read", path)(error)),
    }
}
