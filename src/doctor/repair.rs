//! What `--fix` does, and nothing else: file modes, a stale socket, what a crash has left. Never the configuration, never
//! a permission. Each repair is a line of the access log.

use std::{
    ffi::OsString,
    fs::File,
    io,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use nix::{
    fcntl::{AtFlags, OFlag, open, openat},
    sys::stat::{Mode, SFlag, fstatat},
    unistd::{UnlinkatFlags, geteuid, unlinkat},
};

use crate::{
    Context, Report,
    local_client::door,
    report::Fixed,
    rules::approver::Approver,
    store::{Note, Store, StoreError, reset},
    text, world,
};

/// One repair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Repair {
    /// Sets the mode of a file or folder.
    Mode {
        /// The folder it is in.
        folder: PathBuf,
        /// Its name there.
        name: OsString,
        /// The mode from then on.
        mode: u32,
    },
    /// Removes the socket of a gateway that is gone.
    Socket(PathBuf),
    /// Does what a start does first: finishes the last decision, and clears what was left behind.
    Start,
}

/// What went wrong with one.
#[derive(Clone, Debug)]
pub struct Failed {
    /// The finding's id.
    pub id: String,
    /// Why it stays as it is.
    pub why: String,
}

impl Repair {
    pub(crate) fn mode(path: &Path, mode: u32) -> Self {
        let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
        Self::Mode { folder, name: path.file_name().unwrap_or_default().to_owned(), mode }
    }

    fn carry_out(&self, store: &Store) -> Result<String, String> {
        match self {
            Self::Mode { folder, name, mode } => {
                narrow(folder, name, *mode).map_err(|error| error.to_string())?;
                Ok(text::chmod(*mode, &folder.join(name)))
            }
            Self::Socket(path) => {
                // One that starts meanwhile waits for that, or keeps its socket.
                let alone = reset::without_gateway(store.state());
                let Ok(_held) = alone.map_err(|error| error.to_string())? else {
                    return Err(text::CHANGED_MEANWHILE.to_owned());
                };
                remove_socket(path).map_err(|error| error.to_string())?;
                Ok(text::removed(path))
            }
            Self::Start => {
                store.start(world::now()).map_err(|error: StoreError| error.to_string())?;
                Ok(text::STARTED.to_owned())
            }
        }
    }
}

/// Repairs what the report calls automatic, and notes each repair in it and in the access log.
pub fn all(report: &mut Report, context: &Context, by: &Approver) -> Vec<Failed> {
    let mut failed = Vec::new();
    let mut done: Vec<Repair> = Vec::new();
    for (finding, _) in &report.findings {
        let Some(repair) = finding.fix.as_ref().and_then(|fix| fix.repair.clone()) else {
            continue;
        };
        if done.contains(&repair) {
            continue;
        }
        let id = finding.id.to_string();
        match repair.carry_out(&context.store) {
            Ok(did) => {
                if let Err(why) = note(context, by, &format!("{id}: {did}")) {
                    failed.push(Failed { id: id.clone(), why: text::not_noted(&why) });
                }
                report.fixed.push(Fixed { id, did });
            }
            Err(why) => failed.push(Failed { id, why }),
        }
        done.push(repair);
    }
    failed
}

fn note(context: &Context, by: &Approver, subject: &str) -> Result<(), String> {
    let surface = by.surface().word();
    let note = Note { action: "doctor-fix", surface, actor: by.actor(), key: None, subject };
    context.store.note(&note, world::now()).map_err(|error| error.to_string())
}

/// Narrows a mode below an open folder. A link is never followed, and what is looked at is what is changed.
fn narrow(folder: &Path, name: &OsString, mode: u32) -> io::Result<()> {
    let folder = open(folder, OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
    let how = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let file = File::from(openat(&folder, name.as_os_str(), how, Mode::empty())?);
    let meta = file.metadata()?;
    let is_plain = meta.is_dir() || meta.is_file() && meta.nlink() == 1;
    let is_own = meta.uid() == geteuid().as_raw() || geteuid().is_root();
    if !is_plain || !is_own || meta.file_type().is_socket() {
        return Err(io::Error::other(text::CHANGED_MEANWHILE));
    }
    // Never wider than it was.
    let mode = meta.permissions().mode() & mode;
    file.set_permissions(std::fs::Permissions::from_mode(mode))
}

fn remove_socket(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let name = path.file_name().unwrap_or_default();
    let how = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let folder = open(folder, how, Mode::empty())?;
    let found = fstatat(&folder, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
    let kind = SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT;
    if kind != SFlag::S_IFSOCK {
        return Err(io::Error::other(text::CHANGED_MEANWHILE));
    }
    Ok(unlinkat(&folder, name, UnlinkatFlags::NoRemoveDir)?)
}

/// True where the gateway's socket is in the state folder itself.
pub(crate) fn is_plain_socket(context: &Context) -> bool {
    door::find(&context.state).is_ok_and(|socket| socket == context.state.socket())
}
