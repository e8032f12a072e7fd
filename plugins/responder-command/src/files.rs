//! The private folder of one question: the files that came with it, for as long as its answer takes.

use std::{
    fs::{DirBuilder, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use openclaw_plugin_sdk::File;
use serde::Serialize;
use tempfile::TempDir;

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
        tempfile::Builder::new().permissions(mode).tempdir_in(parent).map(Self)
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
