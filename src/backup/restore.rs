//! Unpacks a copy: into a folder that is gone again, to verify it; or into a new state folder, which takes its name as
//! the last thing.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use openclaw_plugin_sdk::UnixMs;
use tempfile::TempDir;

use crate::{
    BackupError, FileEntry, Key, Manifest, io_error, read,
    rules::approver::Approver,
    store::{
        Note, ParseSender, Store, StoreError,
        copies::{self, Restored},
        ownership,
        paths::StateDir,
    },
};

/// Reads a whole copy, and the access log in it.
pub fn verify(
    file: &Path,
    key: &Key,
    parse: ParseSender,
    now: UnixMs,
) -> Result<Manifest, BackupError> {
    let folder = temp(&std::env::temp_dir())?;
    unpack(file, key, folder.path(), (parse, now)).map(|(manifest, _)| manifest)
}

/// A folder for this user alone, gone when it is dropped.
fn temp(parent: &Path) -> Result<TempDir, BackupError> {
    tempfile::Builder::new()
        .prefix(".openclaw-restore-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(parent)
        .map_err(io_error("make a folder in", parent))
}

/// A copy that is to become a state folder.
#[derive(Debug)]
pub struct Restore<'a> {
    /// The copy.
    pub file: &'a Path,
    /// What opens it.
    pub key: &'a Key,
    /// The folder that it becomes: an empty one, or none yet.
    pub into: &'a Path,
    /// Reads entries of channels' lists.
    pub parse: ParseSender,
    /// Who restores it.
    pub by: &'a Approver,
    /// The time.
    pub now: UnixMs,
}

impl Restore<'_> {
    /// Verifies it, and looks whether its place is free. Changes nothing.
    pub fn check(&self) -> Result<Manifest, BackupError> {
        self.place()?;
        verify(self.file, self.key, self.parse, self.now)
    }

    /// Restores it. Nothing opens on the new folder before an owner at the host has confirmed it.
    pub fn run(&self) -> Result<Manifest, BackupError> {
        let (parent, into) = self.place()?;
        let folder = temp(&parent)?;
        let (manifest, store) = unpack(self.file, self.key, folder.path(), (self.parse, self.now))?;
        let note = Note {
            action: "restored",
            surface: self.by.surface().word(),
            actor: self.by.actor(),
            key: None,
            subject: "",
        };
        store.note(&note, self.now)?;
        sync_all(folder.path())?;
        // An empty folder gives way to it; one in which something was made meanwhile does not.
        fs::rename(folder.path(), &into).map_err(io_error("write", &into))?;
        // It is there no more: nothing is left to remove.
        drop(folder.keep());
        sync(&parent)?;
        Ok(manifest)
    }

    /// The folder above, and the new folder in it.
    fn place(&self) -> Result<(PathBuf, PathBuf), BackupError> {
        let into = std::path::absolute(self.into).map_err(io_error("find", self.into))?;
        let refused = |why: &str| BackupError::Place(into.clone(), why.to_owned());
        match into.symlink_metadata() {
            Ok(meta) if !meta.is_dir() => return Err(refused("it is no folder")),
            Ok(_) => {
                let mut entries = fs::read_dir(&into).map_err(io_error("read", &into))?;
                if entries.next().is_some() {
                    return Err(refused(
                        "it is not empty; name a new folder with --into, or move this one away first",
                    ));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io_error("read", &into)(error)),
        }
        ownership::check_folder(&into)?;
        let (parent, last) =
            into.parent().zip(into.file_name()).ok_or_else(|| refused("it is no folder"))?;
        let parent = parent.canonicalize().map_err(io_error("find", parent))?;
        Ok((parent.clone(), parent.join(last)))
    }
}

/// Puts the files into an empty folder of ours, and verifies the access log in it. The mark comes first.
fn unpack(
    file: &Path,
    key: &Key,
    folder: &Path,
    (parse, now): (ParseSender, UnixMs),
) -> Result<(Manifest, Store), BackupError> {
    let state = StateDir::at(folder);
    let mark = |manifest: &Manifest| {
        let restored = Restored { made: manifest.made_at, at: now.0 };
        copies::mark_unconfirmed(&state, &restored).map_err(BackupError::from)
    };
    let manifest = read::each(file, key, mark, |entry, bytes| write(folder, entry, bytes))?;
    let store = Store::new(state, parse);
    let broken = |why: String| BackupError::Log(file.to_owned(), why);
    let end = store.held_still(now, |end| end).map_err(|error| match error {
        StoreError::Damaged { why, .. } => broken(why),
        other => other.into(),
    })?;
    let report = store.verify(now)?;
    if let Some(problem) = report.problems.first() {
        return Err(broken(problem.to_string()));
    }
    if !report.is_whole() {
        return Err(broken("it does not explain what stands in the files".to_owned()));
    }
    if end != manifest.log || report.lines != manifest.log.lines {
        return Err(broken("it does not end where the manifest says".to_owned()));
    }
    Ok((manifest, store))
}

fn write(folder: &Path, entry: &FileEntry, bytes: &[u8]) -> Result<(), BackupError> {
    let path = folder.join(&entry.name);
    if let Some(parent) = path.parent() {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(parent);
        made.map_err(io_error("make", parent))?;
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let written = file.and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(io_error("write", &path))
}

/// Makes every folder in it durable.
fn sync_all(folder: &Path) -> Result<(), BackupError> {
    let failed = || io_error("read", folder);
    for entry in fs::read_dir(folder).map_err(failed())? {
        let entry = entry.map_err(failed())?;
        if entry.file_type().map_err(failed())?.is_dir() {
            sync_all(&entry.path())?;
        }
    }
    sync(folder)
}

fn sync(folder: &Path) -> Result<(), BackupError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io_error("write", folder))
}
