//! `node.pair.*` and `node.rename`: one list and one table for the requests of devices as nodes and for those of
//! the legacy store.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    super::{
        device::{self, NO_REQUEST, OfRequest},
        invalid, token,
    },
    Answer, Call, legacy,
    list::NO_NODE,
    say,
};
use crate::{
    control::devices::{self, Change, LABEL, Verdict},
    protocol::{
        frame::Refused,
        node::{paired, pending, resolved},
    },
    rpc::hub::Event,
    rules::device::{
        approver::Act,
        identity::DeviceId,
        record::Device,
        request::{DeviceRequest, DeviceRequestId},
        role::Role,
    },
    store::{
        Store,
        devices::{Known, LegacyNode, NodeRequest},
    },
    world,
};

/// `node.pair.list`.
pub(crate) async fn list(call: &Call) -> Answer {
    let own = device::own_only(call);
    let sees = |device: &DeviceId| own.as_ref().is_none_or(|own| own == device);
    let now = world::now();
    let (requests, devices, (waiting, known)) = call
        .read(move |store| Ok((store.device_requests(now)?, store.devices()?, store.nodes(now)?)))
        .await?;
    let asks = |row: &&DeviceRequest| row.asked.roles.contains(&Role::Node) && sees(&row.device);
    let is_node = |device: &&Arc<Device>| device.may_be(Role::Node) && sees(&device.id());
    let mut pending: Vec<Value> = requests.iter().filter(asks).map(pending).collect();
    let mut paired: Vec<Value> =
        devices.iter().filter(is_node).map(|device| paired(device)).collect();
    if own.is_none() {
        pending.extend(waiting.iter().map(legacy::pending));
        paired.extend(known.iter().map(legacy::paired));
    }
    pending.sort_by_key(|row| std::cmp::Reverse(row["ts"].as_u64()));
    paired.sort_by_key(|row| std::cmp::Reverse(row["approvedAtMs"].as_u64()));
    Ok(json!({ "pending": pending, "paired": paired }))
}

/// Which of the two a request is.
enum NodePairRequest {
    Device(Box<DeviceRequest>),
    Legacy(NodeRequest),
}

/// A name stands for one unchanging request, so a caller who knows it has seen what it is.
async fn find(call: &Call, act: Act) -> Result<NodePairRequest, Box<Refused>> {
    let OfRequest { request_id } = call.params()?;
    let now = world::now();
    let find = move |store: &Store| {
        let id = DeviceRequestId::parse(&request_id);
        let device = id.map(|id| devices::request(store, &id, now)).transpose()?.flatten();
        let device = device.filter(|row| row.asked.roles.contains(&Role::Node));
        let legacy = store.nodes(now)?.0.into_iter().find(|row| row.id == request_id);
        let device = device.map(Box::new).map(NodePairRequest::Device);
        Ok(device.or_else(|| legacy.map(NodePairRequest::Legacy)))
    };
    call.read(find).await?.ok_or_else(|| device::not_found(call, act, NO_REQUEST))
}

fn unknown_request() -> Box<Refused> {
    invalid(NO_REQUEST)
}

/// `node.pair.approve`.
pub(crate) async fn approve(call: &Call) -> Answer {
    let by = device::approver(call, Act::Approve)?;
    match find(call, Act::Approve).await? {
        NodePairRequest::Device(request) => {
            let decided = device::decide(call, by, &request, Act::Approve).await?;
            let Verdict::Approved(device) = decided else { return Err(unknown_request()) };
            Ok(json!({ "requestId": request.id.as_str(), "node": paired(&device) }))
        }
        NodePairRequest::Legacy(request) => {
            by.may_approve_legacy(&request.commands)
                .map_err(|why| device::refused(why, Act::Approve))?;
            let fresh = token()?;
            let token = fresh.spell();
            let id = request.id.clone();
            let approve = move |store: &Store| store.approve_node(&by, &id, &fresh, world::now());
            let node = call.change(approve).await?.ok_or_else(unknown_request)?;
            tell_legacy(call, &request.id, &request.node, "approved");
            let mut row = legacy::paired(&node);
            // It is shown here, and never again.
            row["token"] = token.into();
            Ok(json!({ "requestId": request.id, "node": row }))
        }
    }
}

/// `node.pair.reject`.
pub(crate) async fn reject(call: &Call) -> Answer {
    let by = device::approver(call, Act::Reject)?;
    match find(call, Act::Reject).await? {
        NodePairRequest::Device(request) => {
            device::decide(call, by, &request, Act::Reject).await?;
            Ok(json!({ "requestId": request.id.as_str(), "nodeId": request.device.as_str() }))
        }
        NodePairRequest::Legacy(request) => {
            by.may_manage_legacy().map_err(|why| device::refused(why, Act::Reject))?;
            let id = request.id.clone();
            let reject = move |store: &Store| store.reject_node(&by, &id, world::now());
            call.change(reject).await?.ok_or_else(unknown_request)?;
            tell_legacy(call, &request.id, &request.node, "rejected");
            Ok(json!({ "requestId": request.id, "nodeId": request.node }))
        }
    }
}

fn tell_legacy(call: &Call, request: &str, node: &str, decision: &str) {
    let payload = resolved(request, node, decision, world::now().0);
    say(&call.gateway, &Event::new("node.pair.resolved", &payload), None);
}

/// Which of the two a node is; one name may be both, and then the device is meant.
enum Node {
    Device(Arc<Device>),
    Legacy(LegacyNode),
}

async fn node(call: &Call, id: &str, act: Act) -> Result<Node, Box<Refused>> {
    let id = id.trim().to_owned();
    let find = move |store: &Store| {
        let device = DeviceId::parse(&id).map(|id| store.device(&id)).transpose()?;
        if let Some(Known::Device(device)) = device
            && device.approved.roles.contains(&Role::Node)
        {
            return Ok(Some(Node::Device(device)));
        }
        let known = store.nodes(world::now())?.1;
        Ok(known.into_iter().find(|node| node.request.node == id).map(Node::Legacy))
    };
    call.read(find).await?.ok_or_else(|| device::not_found(call, act, NO_NODE))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfNode {
    node_id: String,
    display_name: Option<String>,
}

/// `node.pair.remove`: the node's rights, and the whole device where it has no others.
pub(crate) async fn remove(call: &Call) -> Answer {
    let by = device::approver(call, Act::Remove)?;
    let params: OfNode = call.params()?;
    let now = world::now();
    match node(call, &params.node_id, Act::Remove).await? {
        Node::Device(known) => {
            let (id, alone) = (known.id(), known.approved.roles.len() == 1);
            let change = if alone { Change::Remove } else { Change::Revoke(Role::Node) };
            device::change(call, by, &id, change, NO_NODE).await?;
            call.gateway.rpc.nodes.seen.lock().remove(&id);
            super::decided(&call.gateway, "", &id, "removed");
            let node = id.clone();
            call.afterwards(move |gateway| {
                gateway.rpc.sessions.invalidate(&node, Some(Role::Node), "node removed");
                drop(gateway.follow_decisions());
            });
            Ok(json!({ "nodeId": id.as_str() }))
        }
        Node::Legacy(known) => {
            by.may_manage_legacy().map_err(|why| device::refused(why, Act::Remove))?;
            let id = known.request.node;
            let gone = id.clone();
            if !call.change(move |store| store.remove_node(&by, &gone, now)).await? {
                return Err(invalid(NO_NODE));
            }
            tell_legacy(call, &known.request.id, &id, "removed");
            Ok(json!({ "nodeId": id }))
        }
    }
}

/// `node.rename`.
pub(crate) async fn rename(call: &Call) -> Answer {
    let by = device::approver(call, Act::Rename)?;
    let params: OfNode = call.params()?;
    let name = params.display_name.as_deref().map(str::trim).unwrap_or_default().to_owned();
    if name.is_empty() {
        return Err(invalid("displayName required"));
    }
    if name.chars().count() > LABEL {
        return Err(call.wrong("`displayName` has at most 64 characters"));
    }
    let (now, to) = (world::now(), name.clone());
    let id = match node(call, &params.node_id, Act::Rename).await? {
        Node::Device(known) => {
            let id = known.id();
            device::change(call, by, &id, Change::Rename(to), NO_NODE).await?;
            id.as_str().to_owned()
        }
        Node::Legacy(known) => {
            by.may_manage_legacy().map_err(|why| device::refused(why, Act::Rename))?;
            let of = known.request.node.clone();
            let rename = move |store: &Store| store.rename_node(&by, &of, &to, now);
            if !call.change(rename).await? {
                return Err(invalid(NO_NODE));
            }
            known.request.node
        }
    };
    Ok(json!({ "nodeId": id, "displayName": name }))
}
