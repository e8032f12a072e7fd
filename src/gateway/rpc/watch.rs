//! What is connected or waits, compared with what holds now: sessions whose rights are gone are closed, and requests that
//! no longer wait are told.

use std::sync::Arc;

use tracing::warn;

use crate::{
    Gateway,
    protocol::refusal::{CLOSE_INVALIDATED, invalidated},
    rpc::{
        events,
        methods::{chat, node},
    },
    rules::device::role::Role,
    store::devices::Known,
    world,
};

/// An approval without a line in the access log counts as new for so long.
const NEW_MS: u64 = 5_000;

/// Looks at every connected device.
pub(crate) fn recheck(gateway: &Arc<Gateway>) {
    for device in gateway.rpc.sessions.devices() {
        for session in gateway.rpc.sessions.of(&device) {
            if !session.still_may(&gateway.store) {
                session.close(CLOSE_INVALIDATED, &invalidated("rights have changed"));
            } else if session.role == Role::Node
                && let Ok(Known::Device(record)) = gateway.store.device(&device)
            {
                node::refresh_commands(gateway, &session, &record);
            }
        }
    }
    chat::recheck(gateway);
}

/// Tells of the device requests that are over without a line in the access log: by the clock, or by a program of the
/// field.
pub(crate) async fn requests_over(gateway: &Arc<Gateway>) {
    let mut over = gateway.rpc.asking.all();
    if over.is_empty() {
        return;
    }
    match gateway.read(|store| store.device_requests(world::now())).await {
        Ok(waiting) => over.retain(|(id, _)| waiting.iter().all(|row| row.id != *id)),
        Err(error) => return warn!(%error, "the waiting devices cannot be read"),
    }
    if over.is_empty() {
        return;
    }
    // A decision has its line in the access log before its request is gone.
    if !gateway.follow_decisions().await.is_ok_and(|whole| whole) {
        return;
    }
    for (request, device) in over {
        let approved = gateway.store.device(&device).is_ok_and(|known| match known {
            Known::Device(device) => world::now().0.saturating_sub(device.approved_at.0) < NEW_MS,
            Known::Removed | Known::Stranger => false,
        });
        events::over(gateway, request.as_str(), approved);
    }
}
