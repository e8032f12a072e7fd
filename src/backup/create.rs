//! Makes a copy.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use openclaw_plugin_sdk::UnixMs;

use crate::{
    BackupError, Protection,
    contents::{self, Kept},
    io_error,
    manifest::{FileEntry, Manifest, NAME, SCHEMA},
    store::{Store, paths::StateDir},
};

/// What a copy is made of.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The store in the folder.
    pub store: &'a Store,
    /// The folder.
    pub state: &'a StateDir,
    /// The configuration that is in use.
    pub config: &'a Path,
    /// The version of this program.
    pub version: &'a str,
    /// The time.
    pub now: UnixMs,
}

/// A copy that was made.
#[derive(Clone, Debug)]
pub struct Made {
    /// Where it is.
    pub file: PathBuf,
    /// What it holds.
    pub manifest: Manifest,
}

/// Makes a copy in a new file, 0600. One that is there stays, and it may not lie in the folder that is copied.
pub fn create(from: Source<'_>, to: &Path, with: &Protection) -> Result<Made, BackupError> {
    let folder = place(from.state, to)?;
    let report = from.store.verify(from.now)?;
    if let Some(problem) = report.problems.first() {
        return Err(BackupError::Log(from.state.path().to_owned(), problem.to_string()));
    }
    let read = |end| Ok::<_, BackupError>((end, contents::read(from.state, from.config)?));
    let (log, kept) = from.store.held_still(from.now, read)??;
    let entry = |kept: &Kept| FileEntry::of(kept.name.clone(), &kept.bytes, kept.mode);
    let manifest = Manifest {
        schema: SCHEMA,
        version: from.version.to_owned(),
        made_at: from.now.0,
        log,
        files: kept.iter().map(entry).collect(),
    };
    manifest.check().map_err(|(name, why)| BackupError::Refused(to.to_owned(), name, why))?;
    let failed = || io_error("write", to);
    let mut temp = tempfile::Builder::new()
        .prefix(".openclaw-backup-")
        .tempfile_in(&folder)
        .map_err(failed())?;
    let mut file = BufWriter::new(temp.as_file_mut());
    with.through(&mut file, |to| archive(&manifest, &kept, to)).map_err(failed())?;
    file.flush().map_err(failed())?;
    drop(file);
    temp.as_file().sync_all().map_err(failed())?;
    temp.persist_noclobber(to).map_err(|error| failed()(error.error))?;
    File::open(&folder).and_then(|folder| folder.sync_all()).map_err(failed())?;
    Ok(Made { file: to.to_owned(), manifest })
}

/// The folder of a new copy; an error where none can be made there.
pub fn place(state: &StateDir, to: &Path) -> Result<PathBuf, BackupError> {
    let refused = |why: &str| BackupError::Place(to.to_owned(), why.to_owned());
    if to.symlink_metadata().is_ok() {
        return Err(refused("it is there already; give another name"));
    }
    let whole = std::path::absolute(to).map_err(io_error("find", to))?;
    let folder = whole.parent().ok_or_else(|| refused("it is no file"))?;
    let folder = folder.canonicalize().map_err(io_error("find", folder))?;
    let state = state.path().canonicalize().map_err(io_error("find", state.path()))?;
    if folder.starts_with(state) {
        return Err(refused("it lies in the state folder; give a place outside of it"));
    }
    Ok(folder)
}

fn archive(manifest: &Manifest, kept: &[Kept], to: &mut dyn Write) -> std::io::Result<()> {
    let mut archive = tar::Builder::new(GzEncoder::new(to, Compression::default()));
    let seconds = manifest.made_at / 1000;
    append(&mut archive, NAME, &serde_json::to_vec_pretty(manifest)?, seconds)?;
    for kept in kept {
        append(&mut archive, &kept.name, &kept.bytes, seconds)?;
    }
    archive.into_inner()?.finish()?;
    Ok(())
}

fn append(
    archive: &mut tar::Builder<impl Write>,
    name: &str,
    bytes: &[u8],
    seconds: u64,
) -> std::io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_path(name)?;
    header.set_size(bytes.len() as u64);
    header.set_mode(0o600);
    header.set_mtime(seconds);
    header.set_cksum();
    archive.append(&header, bytes)
}
