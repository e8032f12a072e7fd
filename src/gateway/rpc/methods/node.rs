//! Nodes: what they declared, what of it works, and what they are asked to do. What a node says of itself is a
//! claim; what it sends unasked is noted and starts nothing.

pub(super) mod events;
pub(super) mod invoke;
pub(super) mod legacy;
pub(super) mod list;
pub(super) mod pair;
mod repeats;
pub(crate) mod surface;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use parking_lot::Mutex;

use self::{events::Seen, invoke::Outstanding, repeats::Repeats};
use super::{Answer, Call};
use crate::{
    Gateway,
    protocol::node::{pending, resolved},
    rpc::hub::{Audience, Event, Session},
    rules::device::{
        identity::DeviceId,
        record::Device,
        request::{DeviceRequest, DeviceRequestId},
        role::{Role, Scope},
        surface::reconcile,
    },
    world,
};

/// What is going on with the nodes.
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    /// What nodes were asked to do and have not answered.
    outstanding: Mutex<Outstanding>,
    repeats: Mutex<Repeats>,
    /// What nodes have said of themselves since they were let in.
    seen: Mutex<BTreeMap<DeviceId, Seen>>,
    /// The requests that connected nodes have open, by session; `None` where there was no place for one.
    asking: Mutex<HashMap<u64, Option<DeviceRequestId>>>,
}

/// Works out what a connected node may be asked to do.
pub(crate) fn refresh_commands(gateway: &Gateway, session: &Session, record: &Device) {
    let Some(mut node) = session.node() else { return };
    let policy = &gateway.config().gateway.nodes.commands;
    let surface = reconcile(&node.declared_commands, &record.approved.commands, policy);
    node.caps = node.declared_caps.intersection(&record.approved.capabilities).cloned().collect();
    node.commands.clone_from(&surface.effective);
    drop(node);
    invoke::recall(gateway, session, &surface.effective);
}

/// A node has come. What it declares beyond its approval waits for a decision; the rest works.
pub(crate) fn joined(gateway: &Arc<Gateway>, session: &Arc<Session>, record: Option<&Device>) {
    if session.role != Role::Node {
        return;
    }
    let policy = &gateway.config().gateway.nodes.commands;
    let wants_more = record.is_some_and(|record| surface::wish(session, record, policy).is_some());
    let greeted = events::greet_at_once(gateway, session);
    if greeted && !wants_more {
        return;
    }
    let (gateway_of_task, session) = (Arc::clone(gateway), Arc::clone(session));
    gateway.beside(async move {
        if !greeted {
            events::greet(&gateway_of_task, &session).await;
        }
        if wants_more {
            surface::ask(&gateway_of_task, &session).await;
        }
    });
}

/// A session has ended.
pub(crate) fn left(gateway: &Arc<Gateway>, session: &Arc<Session>) {
    if session.role == Role::Node {
        gateway.rpc.nodes.asking.lock().remove(&session.number);
        invoke::left(gateway, session);
    }
}

/// A device waits; the node itself hears of it too.
pub(crate) fn announce(gateway: &Gateway, request: &DeviceRequest) {
    if request.asked.roles.contains(&Role::Node) {
        say(gateway, &Event::new("node.pair.requested", &pending(request)), Some(&request.device));
    }
}

/// A device's request as a node is over.
pub(crate) fn decided(gateway: &Gateway, request: &str, device: &DeviceId, decision: &str) {
    let payload = resolved(request, device.as_str(), decision, world::now().0);
    say(gateway, &Event::new("node.pair.resolved", &payload), Some(device));
}

/// Operators who may decide hear it, and the node that it is about.
fn say(gateway: &Gateway, event: &Event, device: Option<&DeviceId>) {
    gateway.rpc.sessions.broadcast(Audience::Holding(Scope::Pairing), event);
    let its = device.map(|device| gateway.rpc.sessions.of(device)).unwrap_or_default();
    for session in its.iter().filter(|session| session.role == Role::Node) {
        session.event_to_it(event);
    }
}
