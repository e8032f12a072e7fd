//! A connected node that declares more than it was approved for: the rest waits as a request of its device, for as
//! long as the node is there.

use std::sync::Arc;

use tracing::warn;

use crate::{
    Gateway,
    rpc::{admission, hub::Session},
    rules::device::{
        record::Device,
        request::{Ask, NewDeviceRequest, RequestedRights},
        role::{Role, Scopes},
        surface::{CommandPolicy, reconcile},
    },
    store::devices::Known,
    world,
};

/// What the node would have to be approved for; `None` where it has all that it declares.
pub(super) fn wish(
    session: &Session,
    record: &Device,
    policy: &CommandPolicy,
) -> Option<NewDeviceRequest> {
    let node = session.node()?;
    let approved = &record.approved;
    let surface = reconcile(&node.declared_commands, &approved.commands, policy);
    if surface.beyond.is_empty() && node.declared_caps.is_subset(&approved.capabilities) {
        return None;
    }
    let asked = RequestedRights {
        roles: [Role::Node].into(),
        scopes: Scopes::NONE,
        commands: surface.effective.union(&surface.beyond).cloned().collect(),
        capabilities: node.declared_caps.clone(),
    };
    let described = session.client.described(session.address);
    Some(NewDeviceRequest {
        key: record.key,
        asked,
        described,
        profile: None,
        words: None,
        repair: true,
    })
}

/// Opens the node's request, or finds the one that waits.
pub(super) async fn ask(gateway: &Arc<Gateway>, session: &Arc<Session>) {
    let Some(device) = &session.device else { return };
    let record = match gateway.store.device(device) {
        Ok(Known::Device(record)) => record,
        Ok(Known::Removed | Known::Stranger) => return,
        Err(error) => return warn!(%error, "what a node may do cannot be read"),
    };
    let policy = &gateway.config().gateway.nodes.commands;
    let Some(wish) = wish(session, &record, policy) else {
        gateway.rpc.nodes.asking.lock().remove(&session.number);
        return;
    };
    let waits = match admission::ask(gateway, wish, None).await {
        Ok(Ask::Opened { id, .. } | Ask::Refreshed(id)) => Some(id),
        Ok(Ask::Full { .. }) => {
            warn!(node = %device, "a node declares more, and no place is free to ask for it");
            None
        }
        Err(error) => return warn!(%error, node = %device, "a node's request was not written"),
    };
    if session.closing().is_none() {
        gateway.rpc.nodes.asking.lock().insert(session.number, waits);
    }
}

/// Asks again for the nodes that are there and whose request still waits: a connected node does not come by
/// itself. One that was turned away asks no more until it comes again.
pub(crate) async fn refresh(gateway: &Arc<Gateway>) {
    let asking = gateway.rpc.nodes.asking.lock().clone();
    if asking.is_empty() {
        return;
    }
    let waiting = match gateway.read(|store| store.device_requests(world::now())).await {
        Ok(waiting) => waiting,
        Err(error) => return warn!(%error, "the waiting devices cannot be read"),
    };
    let there = gateway.rpc.sessions.all();
    for (number, request) in asking {
        let session = there.iter().find(|session| session.number == number);
        let waits = request.is_none_or(|request| waiting.iter().any(|row| row.id == request));
        match session.filter(|_| waits) {
            Some(session) => ask(gateway, session).await,
            None => drop(gateway.rpc.nodes.asking.lock().remove(&number)),
        }
    }
}
