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

use openclaw_plugin_sdk::{File, own_file};
use serde::Serialize;
use tokio::runtime::Handle;

/// An answer has so many files, of so many bytes together.
const MOST: usize = 4;
const BYTES: u64 = 10 * 1024 * 1024;
/// Of a folder with more entries none is looked at.
const ENTRIES: usize = 256;
const ANSWER: &str = "answer";

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
pub(crate) struct Folder {
    /// Empty when it is erased.
    all: PathBuf,
    /// What the folder for the answer is, by device and number: the program may have put something else there.
    answer: (u64, u64),
}

impl Drop for Folder {
    fn drop(&mut self) {
        let all = std::mem::take(&mut self.all);
        if all.as_os_str().is_empty() {
            return;
        }
        // A program may have left much in it: nothing else waits for that.
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || erase(&all))),
            Err(_) => erase(&all),
        }
    }
}

fn erase(all: &Path) {
    if let Err(error) = own_file::remove_folder(all) {
        tracing::warn!(%error, folder = ?all, "the files of a question could not be erased");
    }
}

/// Which folder is at a path; `None` for a link or anything else.
fn folder_at(path: &Path) -> io::Result<Option<(u64, u64)>> {
    let meta = fs::symlink_metadata(path)?;
    Ok(meta.is_dir().then(|| (meta.dev(), meta.ino())))
}

impl Folder {
    /// An empty one in this folder. Blocks on disk.
    pub(crate) fn make(parent: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        let mode = Permissions::from_mode(0o700);
        let all = tempfile::Builder::new().permissions(mode).tempdir_in(parent)?;
        let path = all.path().join(ANSWER);
        DirBuilder::new().mode(0o700).create(&path)?;
        let answer = folder_at(&path)?.ok_or(io::ErrorKind::NotADirectory)?;
        Ok(Self { all: all.keep(), answer })
    }

    /// Where the program leaves files for the answer.
    pub(crate) fn for_answer(&self) -> PathBuf {
        self.all.join(ANSWER)
    }

    /// Erases it now. Blocks on disk.
    pub(crate) fn erase(mut self) {
        erase(&std::mem::take(&mut self.all));
    }

    /// What the program has left for the answer, in the order of the names; whether there was more than an answer may
    /// have. Nothing but regular files of that folder: no link is followed, and no other folder is looked into. Blocks
    /// on disk.
    pub(crate) fn left(&self) -> io::Result<(Vec<File>, bool)> {
        // A program that took the folder away left no files.
        if !folder_at(&self.for_answer()).is_ok_and(|now| now == Some(self.answer)) {
            return Ok((Vec::new(), false));
        }
        let entries = fs::read_dir(self.for_answer())?.take(ENTRIES + 1);
        let entries: io::Result<Vec<_>> = entries.map(|entry| Ok(entry?.file_name())).collect();
        let mut names: Vec<OsString> = entries?;
        let (mut files, mut more, mut room) = (Vec::new(), names.len() > ENTRIES, BYTES);
        names.truncate(if more { 0 } else { ENTRIES });
        names.sort();
        for name in names {
            if files.len() == MOST {
                more = true;
                break;
            }
            let Some((file, size)) = regular(&self.for_answer().join(&name))? else { continue };
            let mut bytes = Vec::new();
            if size <= room {
                file.take(room + 1).read_to_end(&mut bytes)?;
            }
            if size.max(bytes.len() as u64) > room {
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
            let path = self.all.join(format!("{number}.{}", file.kind.ending()));
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

/// A regular file and its length; `None` for anything else, and for what has another name elsewhere.
fn regular(path: &Path) -> io::Result<Option<(fs::File, u64)>> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    // A link is one that cannot be opened so; what cannot be read is none either.
    let Ok(file) = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path) else {
        return Ok(None);
    };
    let meta = file.metadata()?;
    let is_one = meta.is_file() && meta.nlink() == 1;
    Ok(is_one.then_some((file, meta.len())))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    fn write(path: PathBuf, text: &str) {
        fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn parent() -> TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn case_094_only_the_folder_that_was_made_is_read() {
        let (parent, elsewhere) = (parent(), parent());
        write(elsewhere.path().join("secret"), "x");
        let folder = Folder::make(parent.path()).unwrap();
        write(folder.for_answer().join("a"), "mine");
        assert_eq!(folder.left().unwrap().0.len(), 1);
        fs::remove_dir_all(folder.for_answer()).unwrap();
        symlink(elsewhere.path(), folder.for_answer()).unwrap();
        assert_eq!(folder.left().unwrap().0.len(), 0, "a link in its place");
        fs::remove_file(folder.for_answer()).unwrap();
        assert_eq!(folder.left().unwrap().0.len(), 0, "nothing in its place");
        fs::rename(elsewhere.path(), folder.for_answer()).unwrap();
        assert_eq!(folder.left().unwrap().0.len(), 0, "another folder in its place");
    }

    #[test]
    fn a_folder_that_was_made_unwritable_is_erased_with_the_others() {
        // Root could erase it anyhow.
        if nix::unistd::geteuid().is_root() {
            nix::unistd::setfsuid(nix::unistd::Uid::from_raw(33));
        }
        let parent = parent();
        let folder = Folder::make(parent.path()).unwrap();
        let inner = folder.for_answer().join("inner");
        fs::create_dir(&inner).unwrap();
        write(inner.join("f"), "x");
        for path in [inner, folder.for_answer(), folder.all.clone()] {
            fs::set_permissions(path, Permissions::from_mode(0o000)).unwrap();
        }
        drop(folder);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_too_much_is_left_out_unread() {
        let parent = parent();
        let folder = Folder::make(parent.path()).unwrap();
        let huge = fs::File::create(folder.for_answer().join("a-huge")).unwrap();
        huge.set_len(900 << 30).unwrap();
        write(folder.for_answer().join("b"), "x");
        let (files, more) = folder.left().unwrap();
        assert_eq!((files.len(), more), (1, true));
        for n in 0..=ENTRIES {
            write(folder.for_answer().join(n.to_string()), "x");
        }
        let (files, more) = folder.left().unwrap();
        assert_eq!((files.len(), more), (0, true), "too many to look at");
    }
}
