//! The locks: `File::lock` on `<file>.oc-lock` among ourselves, where `<file>.oc-wait` keeps the order of those who
//! wait, and inside it the field's `<file>.lock`, which other programs of the field respect and we of theirs.
//! Readers need neither.

use std::{
    fs::{File, Metadata, OpenOptions, TryLockError},
    io::{ErrorKind, Write},
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::{errno::Errno, sys::signal::kill, unistd::Pid};
use openclaw_plugin_sdk::own_file;
use serde_json::{Value, json};

use super::{
    StoreError,
    file::{gone, with_suffix},
    io,
};
use crate::world;

/// So long a caller waits for a lock before the error that names its holder.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// A lock of the field that is older than this was left behind.
const STALE_MS: u64 = 30_000;

/// In the field's locks that we have made; other programs pass it over.
const OURS: &str = "insideOcLock";

/// So long a caller waits for those before it at our own lock; then it tries beside them.
const POLITE: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(2);

/// Our own lock on a file, released on drop, and by the system when the process ends.
#[derive(Debug)]
pub(super) struct OcLock {
    _file: File,
}

impl OcLock {
    /// Waits for it. The holder's pid is written in it, for those who wait in vain.
    ///
    /// Of those who wait only the first tries the lock itself, and later ones queue behind it: a holder that takes the
    /// lock again is behind all of them.
    pub(super) fn take(path: &Path, patience: Duration) -> Result<Self, StoreError> {
        let lock = with_suffix(path, ".oc-lock");
        let queue = with_suffix(path, ".oc-wait");
        let start = Instant::now();
        let file = open(&lock).map_err(|error| io("lock", path, error))?;
        let try_it = |file: &File| match file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(io("lock", path, error)),
        };
        // Where nobody had to wait yet, there is no queue.
        if queue.exists() || !try_it(&file)? {
            let turnstile = open(&queue).map_err(|error| io("lock", path, error))?;
            let mut is_first = false;
            wait(patience, || {
                is_first = is_first || try_it(&turnstile)?;
                // The first one may be suspended, or be as late as the rest.
                let may = is_first || start.elapsed() >= POLITE;
                Ok((may && try_it(&file)?).then_some(()))
            })?
            .ok_or_else(|| {
                let text = own_file::read_to_string(&lock).unwrap_or_default();
                busy(path, text.trim().parse().ok())
            })?;
        }
        let pid = format!("{:<10}\n", std::process::id());
        file.write_all_at(pid.as_bytes(), 0).map_err(|error| io("lock", path, error))?;
        Ok(Self { _file: file })
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    let mut how = OpenOptions::new();
    how.read(true).write(true).create(true).truncate(false).mode(0o600);
    own_file::open_with(&mut how, path)
}

/// The field's lock on a file: an exclusively made file with pid and time, removed on drop.
/// It is taken inside our own lock only, so one that any process of ours has made was left behind.
#[derive(Debug)]
pub(super) struct FieldLock {
    path: PathBuf,
    made: (u64, u64),
}

impl FieldLock {
    /// Waits for it; removes one that was left behind.
    pub(super) fn take(path: &Path, patience: Duration) -> Result<Self, StoreError> {
        let lock = with_suffix(path, ".lock");
        let failed = |error| io("lock", path, error);
        let made = wait(patience, || match make(path, &lock) {
            Ok(meta) => Ok(Some(meta)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                remove_if_stale(&lock).map_err(failed)?;
                Ok(None)
            }
            Err(error) => Err(failed(error)),
        })?;
        let meta = made.ok_or_else(|| busy(path, content(&lock).and_then(|lock| pid_in(&lock))))?;
        Ok(Self { path: lock, made: (meta.dev(), meta.ino()) })
    }

    /// False where another program took it for left behind, as after a long sleep of the machine.
    pub(super) fn is_ours(&self) -> bool {
        std::fs::symlink_metadata(&self.path)
            .is_ok_and(|meta| (meta.dev(), meta.ino()) == self.made)
    }

    /// The lock itself.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for FieldLock {
    fn drop(&mut self) {
        if self.is_ours()
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::warn!(lock = ?self.path, %error, "a lock stays behind");
        }
    }
}

/// Makes a lock that is whole from the first: it shows whose it is even if we are killed here.
fn make(path: &Path, lock: &Path) -> std::io::Result<Metadata> {
    let write = |path: &Path| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let (pid, now) = (std::process::id(), world::iso(world::now()));
        let text = json!({ "pid": pid, "createdAt": now, OURS: true });
        let written = file.write_all(format!("{text:#}").as_bytes()).and_then(|()| file.metadata());
        if written.is_err() {
            std::fs::remove_file(path)?;
        }
        written
    };
    let aside = with_suffix(path, ".oc-lock.tmp");
    gone(std::fs::remove_file(&aside))?;
    let meta = write(&aside)?;
    let linked = std::fs::hard_link(&aside, lock);
    std::fs::remove_file(&aside)?;
    match linked {
        Ok(()) => Ok(meta),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
        // No links on this kind of disk.
        Err(_) => write(lock),
    }
}

/// Removes a lock of the field whose process is dead or that is older than 30 seconds, or that a process of ours
/// has made: the caller has our own lock. True where it is gone.
pub(super) fn remove_if_stale(lock: &Path) -> std::io::Result<bool> {
    let meta = match std::fs::symlink_metadata(lock) {
        Ok(meta) => meta,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    let old = is_old(&meta);
    // The pid of a process that nobody waits for, or that another has now, is alive.
    let abandoned = content(lock).is_some_and(|lock| {
        lock.get(OURS).is_some()
            || pid_in(&lock).is_some_and(|pid| pid == std::process::id() || !is_alive(pid))
    });
    let same = |now: &Metadata| (now.dev(), now.ino()) == (meta.dev(), meta.ino());
    if !(old || abandoned) || !std::fs::symlink_metadata(lock).is_ok_and(|now| same(&now)) {
        return Ok(false);
    }
    gone(if meta.is_dir() { std::fs::remove_dir(lock) } else { std::fs::remove_file(lock) })
}

/// True for a lock of the field whose process is dead, or that is older than 30 seconds.
pub(super) fn is_left(lock: &Path) -> bool {
    let is_dead = content(lock).and_then(|lock| pid_in(&lock)).is_some_and(|pid| !is_alive(pid));
    is_dead || std::fs::symlink_metadata(lock).is_ok_and(|meta| is_old(&meta))
}

/// True after 30 seconds. A time far in the future is a clock set back: as old as one as far in the past.
pub(super) fn is_old(meta: &Metadata) -> bool {
    let written = meta.mtime().saturating_mul(1000).saturating_add(meta.mtime_nsec() / 1_000_000);
    world::now().0.abs_diff(u64::try_from(written).unwrap_or_default()) > STALE_MS
}

/// What is written in a lock. A directory has no text, and one that is just being made has none yet.
fn content(lock: &Path) -> Option<Value> {
    serde_json::from_str(&own_file::read_to_string(lock).ok()?).ok()
}

fn pid_in(lock: &Value) -> Option<u32> {
    u32::try_from(lock.get("pid")?.as_u64()?).ok()
}

fn is_alive(pid: u32) -> bool {
    i32::try_from(pid)
        .is_ok_and(|pid| pid > 0 && kill(Pid::from_raw(pid), None) != Err(Errno::ESRCH))
}

fn busy(path: &Path, pid: Option<u32>) -> StoreError {
    let holder = pid.map_or_else(|| "another program".to_owned(), |pid| format!("process {pid}"));
    StoreError::Busy { path: path.to_owned(), holder }
}

/// Tries every 2 ms or so; `None` when the patience is over.
fn wait<T>(
    patience: Duration,
    mut attempt: impl FnMut() -> Result<Option<T>, StoreError>,
) -> Result<Option<T>, StoreError> {
    let end = Instant::now() + patience;
    loop {
        if let Some(taken) = attempt()? {
            return Ok(Some(taken));
        }
        if Instant::now() >= end {
            return Ok(None);
        }
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "no lock of another process can be waited for")]
fn pause() {
    // Never in step with another.
    let jitter = Duration::from_nanos(u64::from(world::monotonic().subsec_nanos()) % 2_000_000);
    std::thread::sleep(POLL / 2 + jitter);
}

#[cfg(test)]
mod tests;
