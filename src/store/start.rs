//! What a start finds and puts right.

use std::{
    fs::Permissions,
    io::ErrorKind,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use openclaw_plugin_sdk::{UnixMs, own_file::Rights};

use super::{
    Store, StoreError,
    audit::seal,
    file::{self, gone},
    io,
    lock::{is_old, remove_if_stale},
    originals, ownership,
    transaction::Transaction,
};

impl Store {
    /// The first thing at every start: an unfinished decision is finished, and locks and temporary files that were
    /// left behind are removed.
    pub fn start(&self, now: UnixMs) -> Result<(), StoreError> {
        let state = &self.state;
        ownership::check(state)?;
        file::ensure_dirs(&[
            state.audit(),
            state.credentials(),
            state.keys(),
            state.path().join("inbox"),
        ])?;
        let _tx = Transaction::open(self, None, now)?;
        seal::seal_or_warn(state, now);
        let shared = [state.credentials(), state.devices(), state.nodes()];
        let own = [state.access(), state.audit(), state.keys(), state.outbox(), state.held()];
        narrow(state.path());
        for dir in shared.iter().chain(&own) {
            narrow(dir);
        }
        shared.iter().try_for_each(|dir| each_file(dir, clear_lock))?;
        shared.iter().chain(&own).try_for_each(|dir| each_file(dir, clear_temporary))?;
        // What another program left readable is not; ours are 0600 from the first byte.
        shared[1..].iter().try_for_each(|dir| each_file(dir, narrow_file))?;
        shared.iter().try_for_each(|dir| each_file(dir, originals::scrub))
    }
}

fn clear_lock(path: &Path, name: &str) -> Result<(), StoreError> {
    if name.ends_with(".json.lock") {
        remove_if_stale(path).map_err(|error| io("remove", path, error))?;
    }
    Ok(())
}

/// A temporary file of ours is left over; one of another program, only if it is old.
fn clear_temporary(path: &Path, name: &str) -> Result<(), StoreError> {
    let is_temporary = path.extension().is_some_and(|extension| extension == "tmp");
    let is_over = || path.symlink_metadata().is_ok_and(|meta| is_old(&meta));
    if is_temporary && (name.contains(".oc-") || is_over()) {
        gone(std::fs::remove_file(path)).map_err(|error| io("remove", path, error))?;
    }
    Ok(())
}

fn each_file(
    dir: &Path,
    act: impl Fn(&Path, &str) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    file::entries(dir)?.iter().try_for_each(|(name, path)| act(path, name))
}

fn narrow_file(path: &Path, _name: &str) -> Result<(), StoreError> {
    let is_ours = path.extension().is_some_and(|extension| extension == "json");
    let Ok(meta) = path.symlink_metadata() else { return Ok(()) };
    // A file that others may write is reported, and not made to look as if they never could.
    let is_trusted = Rights::of(&meta).trusted().is_ok();
    if !is_ours || !meta.is_file() || matches!(meta.mode() & 0o077, 0) || !is_trusted {
        return Ok(());
    }
    std::fs::set_permissions(path, Permissions::from_mode(0o600))
        .map_err(|error| io("write", path, error))
}

/// Closes a folder of ours to other users, if it is open.
fn narrow(dir: &Path) {
    let narrowed = std::fs::metadata(dir).and_then(|meta| match meta.mode() & 0o077 {
        0 => Ok(()),
        _ => std::fs::set_permissions(dir, Permissions::from_mode(0o700)),
    });
    if let Err(error) = narrowed
        && error.kind() != ErrorKind::NotFound
    {
        tracing::warn!(folder = ?dir, %error, "a folder of secrets stays open to others");
    }
}
