//! The gateway of this state folder, and of no other: its lock and its socket in `run/` say whether it runs, never a port.

use std::{fs::TryLockError, os::unix::fs::FileTypeExt, path::PathBuf};

use openclaw_plugin_sdk::own_file;

use crate::{
    local_client::{
        Client, Health, LocalError, door,
        status::{ChannelsStatus, Outbox},
    },
    store::paths::StateDir,
};

/// What a running gateway says of itself.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its process, port, version and assistant.
    pub health: Health,
    /// How its accounts fare.
    pub channels: ChannelsStatus,
    /// What owners are still to be told.
    pub outbox: Outbox,
}

/// Whether it runs.
#[derive(Clone, Debug)]
pub enum Standing {
    /// It answers.
    Runs(Box<Seen>),
    /// Its process holds the lock, and nothing answers.
    Silent {
        /// What the lock names: `process 4711, port 18789`.
        holder: String,
        /// What went wrong.
        why: String,
    },
    /// It is gone, and its socket is still there.
    Stale(PathBuf),
    /// It does not run.
    Off,
}

impl Standing {
    /// What it says, where it runs.
    pub fn seen(&self) -> Option<&Seen> {
        match self {
            Self::Runs(seen) => Some(seen),
            _ => None,
        }
    }
}

/// Asks it.
pub(crate) fn standing(state: &StateDir) -> Standing {
    let asked = ask(state);
    if let Ok(seen) = asked {
        return Standing::Runs(Box::new(seen));
    }
    let why = asked.err().map(|error| error.to_string()).unwrap_or_default();
    if let Some(holder) = holder(state) {
        return Standing::Silent { holder, why };
    }
    let socket = state.socket();
    let is_socket = socket.symlink_metadata().is_ok_and(|meta| meta.file_type().is_socket());
    if is_socket { Standing::Stale(socket) } else { Standing::Off }
}

fn ask(state: &StateDir) -> Result<Seen, LocalError> {
    let mut client = Client::connect(&door::find(state)?)?;
    let health = client.health()?;
    let (channels, outbox) = (client.channels_status()?, client.outbox()?);
    Ok(Seen { health, channels, outbox })
}

/// What the gateway's lock names, while a process holds it.
fn holder(state: &StateDir) -> Option<String> {
    let path = state.gateway_lock();
    let lock = own_file::open(&path).ok()?;
    let is_held = matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock));
    is_held.then(|| own_file::read_to_string(&path).unwrap_or_default().trim().to_owned())
}
