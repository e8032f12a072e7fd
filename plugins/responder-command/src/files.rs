//! The private folder of one question, for as long as its answer takes: the files that came with it, and those that the
//! program leaves for the answer.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{
        DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
    },
    path::{Path, PathBuf},
};

use nix::fcntl::OFlag;

use openclaw_plugin_sdk::File;
use serde::Serialize;
use tempfile::TempDir;

/// An answer has so many files, of so many bytes together.
const MOST: usize = 4;
const BYTES: u64 = 10 * 1024 * 1024;

/// A file as the program is told of it. The README has it.
#[derive(Serialize)]
pub(crate) struct Given {
    path: String,
    name: String,
    #[serde(rename = "type")]
    media_type: &'static str,
    size: usize,
}

/// A folder that nobody else can read, and that is gone with everything in it when this is dropped.
pub(crate) struct Folder(TempDir);

impl Folder {
    /// An empty one in this folder. Blocks on disk.
    pub(crate) fn make(parent: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        let mode = Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().permissions(mode).tempdir_in(parent).map(Self)?;
        DirBuilder::new().mode(0o700).create(folder.for_answer())?;
        Ok(folder)
    }

    /// Where the program leaves files for the answer.
    pub(crate) fn for_answer(&self) -> PathBuf {
        self.0.path().join("answer")
    }

    /// What the program has left for the answer, in the order of the names; whether there was more than an answer may
    /// have. Nothing but regular files of that folder: no link is followed, and no other folder is looked into. Blocks
    /// on disk.
    pub(crate) fn left(&self) -> io::Result<(Vec<File>, bool)> {
        let entries: io::Result<Vec<_>> =
            fs::read_dir(self.for_answer())?.map(|entry| Ok(entry?.file_name())).collect();
        let mut names: Vec<OsString> = entries?;
        names.sort();
        let (mut files, mut more, mut room) = (Vec::new(), false, BYTES);
        for name in names {
            let Some(bytes) = regular(&self.for_answer().join(&name), room)? else { continue };
            if files.len() == MOST || bytes.len() as u64 > room {
                more = true;
                continue;
            }
            room -= bytes.len() as u64;
            files.push(File::new(Some(&name.to_string_lossy()), bytes.into()));
        }
        Ok((files, more))
    }

    /// Writes the files, named by their order and kind alone. Blocks on disk.
    pub(crate) fn hold(&self, files: &[File]) -> io::Result<Vec<Given>> {
        let written = (1..).zip(files).map(|(number, file)| {
            let path = self.0.path().join(format!("{number}.{}", file.kind.ending()));
            let mut new = OpenOptions::new();
            new.write(true).create_new(true).mode(0o600).open(&path)?.write_all(&file.bytes)?;
            let path = path.into_os_string().into_string();
            Ok(Given {
                path: path
                    .map_err(|_| io::Error::other("the path of the state folder is no text"))?,
                name: file.name.clone(),
                media_type: file.kind.media_type(),
                size: file.bytes.len(),
            })
        });
        written.collect()
    }
}

/// What is in a regular file, up to one byte more than this; `None` for anything else, and for what has another name
/// elsewhere.
fn regular(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    // A link is one that cannot be opened so; what cannot be read is none either.
    let Ok(file) = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path) else {
        return Ok(None);
    };
    let meta = file.metadata()?;
    if !meta.is_file() || meta.nlink() != 1 {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}
