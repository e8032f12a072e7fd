//! Whose the state folder is. As `sshd` does with its files, a folder that another user owns or may write is refused.

use std::{
    fs::Metadata,
    io::{Error, ErrorKind},
    os::unix::fs::MetadataExt,
    path::{Component, Path, PathBuf},
};

use nix::unistd::{Gid, Uid, User, geteuid, setgid, setuid};
use openclaw_plugin_sdk::own_file::Rights;

use super::{StoreError, io, paths::StateDir};

/// So many links the system follows too.
const MOST_LINKS: usize = 40;

/// The owner of what the real root owns, as a process in a namespace without that root sees it. Elsewhere it is a
/// user like any other.
const NOBODY: u32 = 65_534;

/// So many users there are: where a namespace has them all, none is seen as [`NOBODY`].
const USERS: u64 = 4_294_967_295;

/// Refuses a state folder whose content others can change: the folder itself, those of ours in it, and those above.
pub fn check(state: &StateDir) -> Result<(), StoreError> {
    check_folder(state.path())?;
    state.folders().iter().try_for_each(|folder| check_one(folder))
}

/// Refuses a folder whose content others can change. One that is missing must have a place where only this user
/// can make it.
pub fn check_folder(folder: &Path) -> Result<(), StoreError> {
    check_one(folder)?;
    check_way(folder)
}

/// Refuses a file or folder that others can replace: in a folder on the way to it, or by a link of theirs.
pub fn check_way(path: &Path) -> Result<(), StoreError> {
    let failed = |error| io("use", path, error);
    for step in way(path).map_err(failed)? {
        let meta = step.symlink_metadata().map_err(failed)?;
        leads(&meta)
            .map_err(|why| failed(refused(format!("{} leads to it, and {why}", step.display()))))?;
    }
    Ok(())
}

/// Lets a command that root has started act as the owner of the state folder: what it writes is theirs, and where
/// they may not write, it fails before it has written anything.
pub fn act_as_owner(state: &StateDir) -> Result<(), StoreError> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let failed = |error| io("use", state.path(), error);
    let real = nearest(state.path())?;
    let meta = std::fs::metadata(&real).map_err(failed)?;
    let owner = Uid::from_raw(meta.uid());
    if owner.is_root() {
        return Ok(());
    }
    let user = User::from_uid(owner).ok().flatten();
    let group = user.map_or_else(|| Gid::from_raw(meta.gid()), |user| user.gid);
    become_user(owner, group).map_err(|error| {
        failed(refused(format!(
            "user {owner} owns it, and this command cannot act as that user ({error}); run it as user {owner}"
        )))
    })
}

fn become_user(owner: Uid, group: Gid) -> nix::Result<()> {
    #[cfg(not(target_vendor = "apple"))]
    nix::unistd::setgroups(&[group])?;
    // For good: a program that is started from here must not find the way back to root.
    setgid(group)?;
    setuid(owner)
}

fn check_one(folder: &Path) -> Result<(), StoreError> {
    let meta = match std::fs::metadata(folder) {
        Ok(meta) => meta,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io("use", folder, error)),
    };
    if !meta.is_dir() {
        return Err(io("use", folder, refused("it is no folder; move it away".to_owned())));
    }
    let rights = Rights::of(&meta);
    let trusted = if rights.is_sticky() { rights.owned() } else { rights.trusted() };
    trusted.map_err(|why| io("use", folder, refused(why)))
}

/// Whether a folder or a link may lead to what decides: nobody else can put another one in its place.
fn leads(meta: &Metadata) -> Result<(), String> {
    let rights = Rights::of(meta);
    if rights.owner() != NOBODY || sees_every_user() {
        rights.owned()?;
    }
    // The mode of a link says nothing; the folder in which it stands does.
    if meta.is_symlink() {
        return Ok(());
    }
    // A group that root has given a folder is of root's choice.
    let by_group = rights.owner() == 0 && meta.mode() & 0o002 == 0;
    if rights.is_sticky() || by_group { Ok(()) } else { rights.unwritable() }
}

/// True where this process sees each user by their own number.
fn sees_every_user() -> bool {
    // Where there is no such file, there are no namespaces.
    std::fs::read_to_string("/proc/self/uid_map").map_or(true, |map| has_every_user(&map))
}

/// Each line of such a map names a first user, who that is outside, and how many follow.
fn has_every_user(map: &str) -> bool {
    let counts = map.lines().filter_map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok());
    counts.sum::<u64>() >= USERS
}

/// Every folder in which a name of this path is looked up, and every link on the way, as the system follows it. It ends
/// at the first name that is missing.
fn way(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let path = std::path::absolute(path)?;
    let (mut at, mut passed, mut links) = (PathBuf::from("/"), Vec::new(), 0);
    let mut left: Vec<PathBuf> = parts(&path);
    while let Some(part) = left.pop() {
        if part == Path::new("..") {
            at.pop();
            continue;
        }
        passed.push(at.clone());
        let next = at.join(&part);
        let meta = match next.symlink_metadata() {
            Ok(meta) => meta,
            Err(error) if error.kind() == ErrorKind::NotFound => break,
            Err(error) => return Err(error),
        };
        if !meta.is_symlink() {
            at = next;
            continue;
        }
        links += 1;
        if links > MOST_LINKS {
            return Err(ErrorKind::TooManyLinks.into());
        }
        let target = next.read_link()?;
        passed.push(next);
        if target.is_absolute() {
            at = PathBuf::from("/");
        }
        left.extend(parts(&target));
    }
    Ok(passed)
}

/// The names of a path, the last one first.
fn parts(path: &Path) -> Vec<PathBuf> {
    let named = |part: &Component<'_>| matches!(part, Component::Normal(_) | Component::ParentDir);
    path.components().filter(named).map(|part| PathBuf::from(part.as_os_str())).rev().collect()
}

/// The folder without links, or the next one above it that exists.
fn nearest(folder: &Path) -> Result<PathBuf, StoreError> {
    for path in folder.ancestors() {
        match path.canonicalize() {
            Ok(real) => return Ok(real),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(io("use", folder, error)),
        }
    }
    Err(io("use", folder, ErrorKind::NotFound.into()))
}

fn refused(why: String) -> Error {
    Error::new(ErrorKind::PermissionDenied, why)
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, Permissions},
        os::unix::fs::{PermissionsExt, chown, symlink},
    };

    use super::*;

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    fn fits(state: &StateDir) -> bool {
        check(state).is_ok()
    }

    #[test]
    fn case_138_a_folder_that_others_may_write_is_refused_and_a_sticky_one_above_is_not() {
        let root = tempfile::tempdir().unwrap();
        let state = StateDir::at(root.path().join("above/state"));
        assert!(fits(&state), "nothing is there yet");
        fs::create_dir_all(state.credentials()).unwrap();
        for (path, bad) in [
            (state.path().to_owned(), 0o777),
            (state.credentials(), 0o777),
            (root.path().join("above"), 0o777),
        ] {
            assert!(fits(&state));
            mode(&path, bad);
            assert!(!fits(&state), "{}", path.display());
            mode(&path, 0o1777);
            assert!(fits(&state), "sticky: {}", path.display());
            mode(&path, 0o755);
        }
        let link = StateDir::at(root.path().join("link"));
        symlink(state.path(), link.path()).unwrap();
        assert!(fits(&link));
        mode(state.path(), 0o777);
        let why = check(&link).unwrap_err().to_string();
        assert!(why.contains("mode 0777"), "{why}");
    }

    #[test]
    fn case_138_a_link_that_others_may_replace_leads_nowhere() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        let state = StateDir::at(at("own/state"));
        fs::create_dir_all(state.credentials()).unwrap();
        for name in ["shared", "inner"] {
            fs::create_dir(at(name)).unwrap();
        }
        // A link to a link, by a relative path, and a folder of it that is named beyond.
        symlink("../shared/second", at("inner/first")).unwrap();
        symlink(at("own"), at("shared/second")).unwrap();
        let through = StateDir::at(at("inner/first/state"));
        assert!(fits(&through));
        mode(&at("shared"), 0o777);
        let why = check(&through).unwrap_err().to_string();
        assert!(why.contains("shared leads to it") && why.contains("mode 0777"), "{why}");
        assert!(fits(&state), "without the link nothing of it leads there");
        mode(&at("shared"), 0o1777);
        assert!(fits(&through), "a sticky folder keeps a link that is ours");
        if geteuid().is_root() {
            std::os::unix::fs::lchown(at("shared/second"), Some(4711), None).unwrap();
            let why = check(&through).unwrap_err().to_string();
            assert!(why.contains("user 4711"), "{why}");
        }
        symlink("loop", at("loop")).unwrap();
        assert!(check_folder(&at("loop/state")).is_err());
    }

    #[test]
    fn case_138_a_folder_of_another_user_is_refused() {
        if !geteuid().is_root() {
            return;
        }
        let root = tempfile::tempdir().unwrap();
        let state = StateDir::at(root.path().join("above/state"));
        fs::create_dir_all(state.credentials()).unwrap();
        let users: &[u32] = if sees_every_user() { &[4711, NOBODY] } else { &[4711] };
        for path in [state.path().to_owned(), state.credentials(), root.path().join("above")] {
            for user in users {
                assert!(fits(&state));
                chown(&path, Some(*user), None).unwrap();
                let why = check(&state).unwrap_err().to_string();
                let said =
                    why.contains(&format!("user {user}")) && why.contains("owns it, with mode 0");
                assert!(said, "{why}");
                chown(&path, Some(0), None).unwrap();
            }
        }
    }

    #[test]
    fn case_138_nobody_is_root_only_where_a_namespace_lacks_users() {
        assert!(has_every_user("         0          0 4294967295\n"));
        assert!(has_every_user("0 0 1000\n1000 5000 1\n1001 1001 4294966294\n"));
        for map in
            ["", "0 1000 1\n", "1000 1000 1\n", "0 100000 65536\n", "0 1000 1\n1 100000 65536\n"]
        {
            assert!(!has_every_user(map), "{map}");
        }
    }
}
