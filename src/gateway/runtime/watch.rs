//! What other processes have written: cards follow it, sessions whose rights are gone are closed, and decisions made
//! on the command line are told to operators.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use tracing::warn;

use crate::{
    gateway::{
        Gateway, blocking,
        delivery::pages,
        rpc::{
            events::{self, Happened},
            hub::Session,
            methods::{chat, node},
        },
    },
    protocol::refusal::{CLOSE_INVALIDATED, invalidated},
    registry,
    rules::{authority::Authority, device::role::Role},
    store::devices::Known,
    world,
};

/// The files as they were when they were last looked at.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    devices: [Option<Mark>; 3],
    requests: Vec<Option<Mark>>,
}

/// Tells one content of a file from the next.
pub(crate) type Mark = (u64, u64, i64, i64);

const FILES: [&str; 3] = ["paired.json", "pending.json", "bootstrap.json"];

impl Watch {
    /// Looks whether something has changed, whoever changed it.
    pub(crate) async fn look(&mut self, gateway: &Arc<Gateway>) {
        let folder = gateway.state.path().join("devices");
        let marks = FILES.map(|name| mark(&folder.join(name)));
        let files = request_files(gateway);
        let requests: Vec<_> = marks.into_iter().chain(files.iter().map(|at| mark(at))).collect();
        if requests != self.requests {
            self.requests = requests;
            gateway.cards.look();
            pages::look(gateway).await;
            gateway.access_changes.send_replace(());
        }
        if marks != self.devices {
            self.devices = marks;
            recheck(gateway).await;
        } else if !gateway.asking.all().is_empty() {
            settle_requests(gateway).await;
        }
    }
}

/// What tells of people who ask, and of what was decided about anybody.
fn request_files(gateway: &Gateway) -> Vec<PathBuf> {
    let channels = registry::pairing_channels().map(|plugin| gateway.state.pairing(plugin.id));
    channels.chain([gateway.state.access_log()]).collect()
}

/// By one `stat`; `None` where there is no file.
pub(crate) fn mark(path: &Path) -> Option<Mark> {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()))
}

/// Looks at everybody who is connected, and at everything that was asked.
pub(crate) async fn recheck(gateway: &Arc<Gateway>) {
    for device in gateway.sessions.devices() {
        for session in gateway.sessions.of(&device) {
            if !still_may(gateway, &session) {
                session.close(CLOSE_INVALIDATED, &invalidated("rights have changed"));
            } else if session.role == Role::Node
                && let Ok(Known::Device(record)) = gateway.store.device(&device)
            {
                node::settle(gateway, &session, &record);
            }
        }
    }
    chat::recheck(gateway);
    settle_requests(gateway).await;
}

/// True while the rights that a session came with are there.
pub(crate) fn still_may(gateway: &Gateway, session: &Session) -> bool {
    gateway.store.holds(&Authority::Session(session.rights())).unwrap_or(false)
}

async fn settle_requests(gateway: &Arc<Gateway>) {
    let store = Arc::clone(&gateway.store);
    let waiting = match blocking(move || store.device_requests(world::now())).await {
        Ok(waiting) => waiting,
        Err(error) => return warn!(%error, "the waiting devices cannot be read"),
    };
    for (request, device) in gateway.asking.all() {
        if waiting.iter().any(|row| row.id == request) {
            continue;
        }
        let approved = match gateway.store.device(&device) {
            Ok(Known::Device(device)) => {
                world::now().0.saturating_sub(device.approved_at.0) < 5_000
            }
            Ok(Known::Removed | Known::Stranger) | Err(_) => false,
        };
        events::tell(gateway, &Happened::Decided { request: &request, approved });
    }
}
