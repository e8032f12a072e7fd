//! Files that decide who gets in, and files that hold secrets. They are read only if they are regular files, if this
//! user or root owns them, and if nobody else may write them.

use std::{
    fmt,
    fs::{File, FileType, Metadata, OpenOptions, Permissions},
    io::{self, Read},
    os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use nix::{
    fcntl::OFlag,
    unistd::{Gid, Group, Uid, User, getegid, geteuid},
};

/// Whose a file or folder is, and who may write it: what an error names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    owner: u32,
    group: u32,
    mode: u32,
}

/// Opens a file for reading. A link is followed, and what it leads to is checked. A FIFO, a device, a socket or a
/// folder is an error, and never waits.
pub fn open(path: &Path) -> io::Result<File> {
    open_with(OpenOptions::new().read(true), path)
}

/// The same in another way, such as for appending.
pub fn open_with(how: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = match how.custom_flags(OFlag::O_NONBLOCK.bits() | OFlag::O_NOCTTY.bits()).open(path)
    {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
        Err(error) => {
            let meta = std::fs::metadata(path).map_err(|_| error_again(&error))?;
            return Err(regular(&meta).err().unwrap_or(error));
        }
    };
    let meta = file.metadata()?;
    regular(&meta)?;
    Rights::of(&meta).trusted().map_err(refused)?;
    Ok(file)
}

/// Everything in a file.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = open(path)?;
    let length = file.metadata()?.len();
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default() + 1);
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The same as text.
pub fn read_to_string(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}

impl Rights {
    /// Of what `stat` has found.
    pub fn of(meta: &Metadata) -> Self {
        Self { owner: meta.uid(), group: meta.gid(), mode: meta.mode() & 0o7777 }
    }

    /// The owner.
    pub fn owner(self) -> u32 {
        self.owner
    }

    /// The reason why nothing here can be trusted, if another user than this one and root owns it or may write it.
    pub fn trusted(self) -> Result<(), String> {
        self.owned()?;
        self.unwritable()
    }

    /// The reason why it is another user's than this one's and root's, if it is.
    pub fn owned(self) -> Result<(), String> {
        let this = geteuid();
        if self.owner == this.as_raw() || self.owner == 0 {
            return Ok(());
        }
        Err(format!(
            "{self}, and this is {}: run it as the owner, or give it to this user with `chown {this} <path>`",
            Name(this.as_raw())
        ))
    }

    /// The reason why others than its owner may write it, if they may.
    pub fn unwritable(self) -> Result<(), String> {
        if self.mode & 0o002 != 0 {
            return Err(format!("{self}: everybody may write it; `chmod go-w` on it ends this"));
        }
        if self.mode & 0o020 != 0 && !is_own_group(self.group) {
            let group = self.group;
            return Err(format!(
                "{self}: everybody in group {group} may write it; `chmod g-w` on it ends this"
            ));
        }
        Ok(())
    }

    /// The reason why others than its owner may read it, if they may.
    pub fn unreadable(self) -> Result<(), String> {
        let who = if self.mode & 0o004 != 0 {
            "everybody".to_owned()
        } else if self.mode & 0o040 != 0 && !is_own_group(self.group) {
            format!("everybody in group {}", self.group)
        } else {
            return Ok(());
        };
        Err(format!("{self}: {who} may read it; `chmod go-r` on it ends this"))
    }

    /// True for a folder in which everybody can replace only what is their own.
    pub fn is_sticky(self) -> bool {
        self.mode & 0o1000 != 0
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} owns it, with mode {:04o}", Name(self.owner), self.mode)
    }
}

/// A user as people know them.
struct Name(u32);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match User::from_uid(Uid::from_raw(self.0)) {
            Ok(Some(user)) => write!(f, "user {} ({})", self.0, user.name),
            _ => write!(f, "user {}", self.0),
        }
    }
}

fn regular(meta: &Metadata) -> io::Result<()> {
    if meta.is_file() {
        return Ok(());
    }
    let kind = kind(meta.file_type());
    Err(refused(format!("it is {kind}, and only a regular file is read; move it away")))
}

fn kind(kind: FileType) -> &'static str {
    if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_dir() {
        "a folder"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

/// A group in which nobody but this user can be: it bears the user's name or number, or has no name at all.
fn is_own_group(group: u32) -> bool {
    if group != getegid().as_raw() {
        return false;
    }
    let this = geteuid();
    let user = User::from_uid(this).ok().flatten().map(|user| user.name);
    let is_user = |name: &String| Some(name) == user.as_ref();
    match Group::from_gid(Gid::from_raw(group)) {
        Ok(Some(found)) => {
            (is_user(&found.name) || group == this.as_raw()) && found.mem.iter().all(is_user)
        }
        Ok(None) => true,
        Err(_) => false,
    }
}

fn refused(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

fn error_again(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

/// Removes a folder of ours with all that is in it, however deep, also where a folder in it was made unwritable. No
/// link is followed.
pub fn remove_folder(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => {}
        Ok(_) => return std::fs::remove_file(path),
        Err(error) => return gone(Err(error)),
    }
    // Folders are moved up before they are looked into: neither the stack nor what is open grows with the depth.
    let mut folders = empty(path, Ok)?;
    let mut number = 0_u64;
    while let Some(folder) = folders.pop() {
        let inner = empty(&folder, |inner| {
            let up = loop {
                number += 1;
                let up = path.join(format!(".removed-{number}"));
                if std::fs::symlink_metadata(&up).is_err() {
                    break up;
                }
            };
            std::fs::rename(inner, &up)?;
            Ok(up)
        })?;
        folders.extend(inner);
        gone(std::fs::remove_dir(folder))?;
    }
    gone(std::fs::remove_dir(path))
}

/// Removes what is no folder; the folders, each where it was put.
fn empty(
    folder: &Path,
    mut put: impl FnMut(PathBuf) -> io::Result<PathBuf>,
) -> io::Result<Vec<PathBuf>> {
    // A folder can be emptied, and moved, by who may write it.
    let writable = |folder: &Path| std::fs::set_permissions(folder, Permissions::from_mode(0o700));
    writable(folder)?;
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let (entry, path) = entry.map(|entry| (entry.file_type(), entry.path()))?;
        if entry?.is_dir() {
            writable(&path)?;
            folders.push(put(path)?);
        } else {
            gone(std::fs::remove_file(path))?;
        }
    }
    Ok(folders)
}

/// It is what was wanted where something else was faster.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, Permissions},
        io::Write as _,
        os::unix::{fs::PermissionsExt, net::UnixListener},
    };

    use nix::{sys::stat::Mode, unistd::mkfifo};

    use super::*;

    fn write(path: &Path, text: &str) {
        fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn why(path: &Path) -> String {
        open(path).unwrap_err().to_string()
    }

    #[test]
    fn a_folder_is_removed_however_deep_and_wide_it_is() {
        let above = tempfile::tempdir().unwrap();
        let (root, outside) = (above.path().join("root"), above.path().join("outside"));
        write(&outside, "stays");
        // A path of all of them would be longer than any that can be named, so each is put below its parent.
        let mut deep = above.path().join("deep-0");
        fs::create_dir(&deep).unwrap();
        for number in 1..20_000 {
            let next = above.path().join(format!("deep-{number}"));
            fs::create_dir(&next).unwrap();
            std::os::unix::fs::symlink(&outside, next.join("link")).unwrap();
            fs::rename(&deep, next.join("d")).unwrap();
            deep = next;
        }
        fs::create_dir(&root).unwrap();
        for taken in [".removed-1", "wide"] {
            fs::create_dir(root.join(taken)).unwrap();
            write(&root.join(taken).join("file"), "x");
        }
        fs::rename(&deep, root.join("deep")).unwrap();
        remove_folder(&root).unwrap();
        assert!(!root.exists());
        remove_folder(&root).unwrap();
        assert_eq!(fs::read_to_string(outside).unwrap(), "stays");
    }

    #[test]
    fn case_140_only_a_regular_file_is_opened_and_nothing_waits() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        mkfifo(&at("fifo"), Mode::S_IRWXU).unwrap();
        let _listener = UnixListener::bind(at("socket")).unwrap();
        fs::create_dir(at("folder")).unwrap();
        std::os::unix::fs::symlink(at("fifo"), at("link")).unwrap();
        for (name, kind) in
            [("fifo", "a FIFO"), ("socket", "a socket"), ("folder", "a folder"), ("link", "a FIFO")]
        {
            assert!(why(&at(name)).contains(kind), "{name}: {}", why(&at(name)));
            let append = open_with(OpenOptions::new().append(true).create(true), &at(name));
            append.unwrap_err();
        }
        assert!(why(Path::new("/dev/zero")).contains("a device"));
        assert_eq!(open(&at("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn case_138_what_others_may_write_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        File::create(&file).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        for (mode, good) in [(0o600, true), (0o644, true), (0o666, false), (0o602, false)] {
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            assert_eq!(open(&file).is_ok(), good, "{mode:o}");
            assert_eq!(open(&link).is_ok(), good, "{mode:o}");
        }
        assert!(why(&file).contains("mode 0602"), "{}", why(&file));
    }

    #[test]
    fn case_138_what_another_user_owns_is_not_read() {
        if !geteuid().is_root() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        File::create(&file).unwrap();
        std::os::unix::fs::chown(&file, Some(4711), None).unwrap();
        assert!(why(&file).contains("user 4711 owns it, with mode 06"), "{}", why(&file));
    }

    #[test]
    fn case_138_only_a_group_of_this_user_alone_may_write() {
        let rights = |group, mode| Rights { owner: geteuid().as_raw(), group, mode };
        let (own, other) = (getegid().as_raw(), getegid().as_raw() + 4711);
        assert_eq!(rights(own, 0o660).trusted().is_ok(), is_own_group(own));
        assert_eq!(rights(own, 0o640).unreadable().is_ok(), is_own_group(own));
        assert!(rights(other, 0o660).trusted().is_err());
        assert!(rights(other, 0o640).unreadable().unwrap_err().contains(&other.to_string()));
        assert!(rights(other, 0o604).unreadable().unwrap_err().contains("everybody may read it"));
        assert!(rights(other, 0o600).unreadable().is_ok());
        assert!(rights(other, 0o640).trusted().is_ok());
    }
}
