//! Nodes: what they declared, what of it works, and what they are asked to do.

use std::sync::Arc;

use super::{Answer, Call, unknown};
use crate::{
    device::{record::Device, surface::reconcile},
    gateway::{Gateway, sessions::Session},
};

/// Works out what a connected node may be asked to do.
pub(crate) fn settle(gateway: &Gateway, session: &Session, record: &Device) {
    let Some(mut node) = session.node() else { return };
    let policy = &gateway.config.gateway.nodes.commands;
    let surface = reconcile(&node.declared_commands, &record.approved.commands, policy);
    node.commands = surface.effective;
    node.caps = node.declared_caps.intersection(&record.approved.capabilities).cloned().collect();
}

/// A node has come.
pub(crate) fn joined(_gateway: &Arc<Gateway>, _session: &Arc<Session>, _record: Option<&Device>) {}

/// A session has ended.
pub(crate) fn left(_gateway: &Arc<Gateway>, _session: &Arc<Session>) {}

pub(super) fn at_once(_call: &Call) -> Option<Answer> {
    None
}

pub(super) async fn answer(call: &Call) -> Answer {
    unknown(&call.method)
}
