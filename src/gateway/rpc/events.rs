//! What happened, told to the operators who may know it. A request that they were told of is remembered until they are
//! told what became of it.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::{
    Gateway,
    control::decided::{Decided, Outcome, Subject},
    protocol::device::{pending, resolved},
    rpc::{
        hub::{Audience, Event},
        methods::node,
    },
    rules::device::{
        identity::DeviceId,
        request::{DeviceRequest, DeviceRequestId},
        role::{Role, Scope},
    },
    world,
};

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

/// A device waits for a decision.
pub(crate) fn asked(gateway: &Gateway, request: &DeviceRequest) {
    gateway.rpc.asking.add(request);
    say(gateway, "device.pair.requested", &pending(request));
    node::announce(gateway, request);
}

/// A decision about a device.
pub(crate) fn decided(gateway: &Gateway, decided: &Decided) {
    let approved = decided.outcome == Outcome::Approved;
    if let Subject::Device { request: Some(request), .. } = &decided.subject {
        over(gateway, request, approved);
    }
    if decided.outcome != Outcome::Denied {
        say(gateway, "device.pair.changed", &json!({}));
    }
}

/// A request waits no more. It is told once.
pub(crate) fn over(gateway: &Gateway, request: &str, approved: bool) {
    let Some(id) = DeviceRequestId::parse(request) else { return };
    let Some((device, is_node)) = gateway.rpc.asking.take(&id) else { return };
    let decision = if approved { "approved" } else { "rejected" };
    let payload = resolved(request, device.as_str(), decision, world::now().0);
    say(gateway, "device.pair.resolved", &payload);
    if is_node {
        node::decided(gateway, request, &device, decision);
    }
    gateway.shown.lock().forget(&id);
    gateway.cards.look();
}

fn say(gateway: &Gateway, event: &str, payload: &Value) {
    let event = Event::new(event, payload);
    gateway.rpc.sessions.broadcast(Audience::Holding(Scope::Pairing), &event);
}
