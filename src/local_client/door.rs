//! Where the gateway's socket is. The system takes only short paths for one: where the state folder's is too long, the
//! socket is in a short folder of this user alone, and a link stands in its place.

use std::{
    fs, io,
    os::unix::{
        fs::{DirBuilderExt, MetadataExt, PermissionsExt, symlink},
        net::{SocketAddr, UnixStream},
    },
    path::{Path, PathBuf},
};

use ring::digest;

use super::LocalError;
use crate::{store::paths::StateDir, world};

/// The folder of a socket that is not this user's alone.
#[derive(Debug, thiserror::Error)]
#[error("{folder} {why}; the gateway's socket is not used there", folder = folder.display())]
pub struct Unsafe {
    /// Which.
    pub folder: PathBuf,
    /// What is wrong with it.
    pub why: &'static str,
}

/// Where a gateway of this state folder makes its socket. Makes the short folder where it needs one.
pub fn place(state: &StateDir) -> io::Result<PathBuf> {
    let plain = state.socket();
    if fits(&plain) {
        return Ok(plain);
    }
    let name = short_name(state);
    let folders = short_folders().into_iter().filter(|folder| fits(&folder.join(&name)));
    let mut last = io::Error::new(io::ErrorKind::InvalidInput, "no folder has a path short enough");
    for folder in folders {
        match make(&folder) {
            Ok(()) => return Ok(folder.join(&name)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Leaves word in the state folder of where the socket is, if it is elsewhere.
pub fn point(state: &StateDir, socket: &Path) -> io::Result<()> {
    let plain = state.socket();
    if socket == plain {
        return Ok(());
    }
    remove(&plain)?;
    symlink(socket, plain)
}

/// Takes the socket away, and the word of it.
pub fn clear(state: &StateDir, socket: &Path) -> io::Result<()> {
    remove(socket)?;
    remove(&state.socket())
}

/// Where a command finds the socket. A short folder is believed only if it is this user's alone.
pub fn find(state: &StateDir) -> Result<PathBuf, LocalError> {
    let plain = state.socket();
    if fits(&plain) {
        return Ok(plain);
    }
    let unreachable = |source| LocalError::Unreachable { socket: plain.clone(), source };
    let socket = fs::read_link(&plain).map_err(unreachable)?;
    let folder = socket.parent().unwrap_or(Path::new("/"));
    check(folder, state.path()).map_err(|why| Unsafe { folder: folder.to_owned(), why })?;
    Ok(socket)
}

fn fits(path: &Path) -> bool {
    SocketAddr::from_pathname(path).is_ok()
}

/// One name for each state folder: several have their sockets side by side.
fn short_name(state: &StateDir) -> String {
    use std::os::unix::ffi::OsStrExt;
    let hash = digest::digest(&digest::SHA256, state.path().as_os_str().as_bytes());
    let hex = hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}"));
    format!("{}.sock", hex.collect::<String>())
}

fn short_folders() -> Vec<PathBuf> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|path| !path.is_empty());
    let own = format!("openclaw-{}", world::user());
    let temporary = [std::env::temp_dir(), PathBuf::from("/tmp")].map(|folder| folder.join(&own));
    runtime.map(|folder| Path::new(&folder).join("openclaw")).into_iter().chain(temporary).collect()
}

/// Made by this call, or found as it would have made it.
fn make(folder: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let unsafe_folder = |why| Unsafe { folder: folder.to_owned(), why };
    check(folder, folder).map_err(|why| io::Error::other(unsafe_folder(why)))
}

/// Root may also use a folder of the user who owns `of`.
fn check(folder: &Path, of: &Path) -> Result<(), &'static str> {
    let Ok(found) = fs::symlink_metadata(folder) else { return Err("cannot be read") };
    let own = world::user();
    let theirs = || fs::metadata(of).is_ok_and(|of| of.uid() == found.uid());
    if found.is_symlink() {
        return Err("is a link");
    }
    if !found.is_dir() {
        return Err("is no folder");
    }
    if found.uid() != own && !(own == 0 && theirs()) {
        return Err("belongs to another user");
    }
    if found.permissions().mode() & 0o7777 != 0o700 {
        return Err("is open to others: its mode is not 0700");
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The user at the other end, as the kernel says.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn peer(stream: &UnixStream) -> io::Result<u32> {
    use nix::sys::socket::{getsockopt, sockopt};
    Ok(getsockopt(stream, sockopt::PeerCredentials)?.uid())
}

/// The user at the other end, as the kernel says.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn peer(stream: &UnixStream) -> io::Result<u32> {
    Ok(nix::unistd::getpeereid(stream)?.0.as_raw())
}

/// True for this user and for root. Root may also ask the gateway of the user who owns the folder.
pub(super) fn is_ours(uid: u32, socket: &Path) -> bool {
    let own = crate::world::user();
    let owner = || Some(socket.parent()?.metadata().ok()?.uid());
    uid == own || uid == 0 || own == 0 && owner() == Some(uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_folder_is_used_only_if_it_is_this_users_alone() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        make(&at("made")).unwrap();
        make(&at("made")).unwrap();
        assert_eq!(fs::metadata(at("made")).unwrap().permissions().mode() & 0o7777, 0o700);
        symlink(at("made"), at("link")).unwrap();
        for mode in [0o755, 0o770, 0o701, 0o1700] {
            let open = at(&format!("open{mode:o}"));
            make(&open).unwrap();
            fs::set_permissions(&open, fs::Permissions::from_mode(mode)).unwrap();
            assert!(make(&open).unwrap_err().to_string().contains("is open to others"), "{mode:o}");
        }
        assert!(make(&at("link")).unwrap_err().to_string().contains("is a link"));
        fs::File::create(at("file")).unwrap();
        assert!(make(&at("file")).unwrap_err().to_string().contains("is no folder"));
    }
}
