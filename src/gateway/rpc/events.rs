//! What happened, told to the operators who may know it. Who was asked about is remembered until he is told what
//! became of it.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::{
    gateway::{
        Gateway,
        approvals::device_notice,
        rpc::{
            hub::{Audience, Event},
            methods::node,
        },
    },
    protocol::device::{pending, resolved},
    rules::device::{
        identity::DeviceId,
        request::{DeviceRequest, DeviceRequestId},
        role::{Role, Scope},
    },
    world,
};

/// What happened.
#[derive(Debug)]
pub(crate) enum Happened<'a> {
    /// A device waits for a decision.
    Asked(&'a DeviceRequest),
    /// Something about the devices that were let in has changed.
    Changed,
    /// A request is over.
    Decided { request: &'a DeviceRequestId, approved: bool },
}

/// The device requests that operators were told of, and whether a node's rights are asked for.
#[derive(Debug, Default)]
pub(crate) struct Asking(Mutex<BTreeMap<DeviceRequestId, (DeviceId, bool)>>);

impl Asking {
    fn add(&self, request: &DeviceRequest) {
        let mut all = self.0.lock();
        let is_node = request.asked.roles.contains(&Role::Node);
        all.insert(request.id.clone(), (request.device.clone(), is_node));
    }

    fn take(&self, request: &DeviceRequestId) -> Option<(DeviceId, bool)> {
        self.0.lock().remove(request)
    }

    /// Those that wait as far as operators know.
    pub(crate) fn all(&self) -> Vec<(DeviceRequestId, DeviceId)> {
        let all = self.0.lock();
        all.iter().map(|(request, (device, _))| (request.clone(), device.clone())).collect()
    }

    /// What a start finds waiting was told of before.
    pub(crate) fn resume<'a>(&self, requests: impl IntoIterator<Item = &'a DeviceRequest>) {
        requests.into_iter().for_each(|request| self.add(request));
    }
}

/// Tells whoever may know.
pub(crate) fn tell(gateway: &Arc<Gateway>, happened: &Happened<'_>) {
    match happened {
        Happened::Asked(request) => {
            gateway.asking.add(request);
            say(gateway, "device.pair.requested", &pending(request));
            node::asks(gateway, request);
        }
        Happened::Changed => say(gateway, "device.pair.changed", &json!({})),
        Happened::Decided { request, approved } => {
            // Told once, whoever hears of it first.
            let Some((device, is_node)) = gateway.asking.take(request) else { return };
            let decision = if *approved { "approved" } else { "rejected" };
            let payload = resolved(request.as_str(), device.as_str(), decision, world::now().0);
            say(gateway, "device.pair.resolved", &payload);
            if is_node {
                node::decided(gateway, request.as_str(), &device, decision);
            }
            device_notice::request_resolved(gateway, request);
        }
    }
}

fn say(gateway: &Gateway, event: &str, payload: &Value) {
    let event = Event::new(event, payload);
    gateway.sessions.broadcast(Audience::Holding(Scope::Pairing), &event);
}
