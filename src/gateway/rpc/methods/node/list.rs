//! `node.list` and `node.describe`: every node that was let in, connected or not, with what it may do now.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{super::invalid, Answer, Call};
use crate::{
    protocol::node::filled,
    rpc::hub::Session,
    rules::device::{
        identity::DeviceId,
        record::Device,
        request::DeviceRequest,
        role::{Role, Scope},
        surface::reconcile,
    },
    store::devices::{Known, LegacyNode},
    world,
};

/// `node.list`.
pub(crate) async fn list(call: &Call) -> Answer {
    let now = world::now();
    let (devices, requests, legacy) = call
        .read(move |store| Ok((store.devices()?, store.device_requests(now)?, store.nodes(now)?.1)))
        .await?;
    let nodes = devices.iter().filter(|device| device.may_be(Role::Node));
    let mut rows: Vec<Value> = nodes.map(|device| row(call, device, &requests)).collect();
    let is_device =
        |node: &LegacyNode| devices.iter().any(|device| device.id().as_str() == node.request.node);
    rows.extend(legacy.iter().filter(|node| !is_device(node)).map(legacy_row));
    rows.sort_by_cached_key(|row| {
        let text = |key: &str| row[key].as_str().unwrap_or_default().to_lowercase();
        (row["connected"] != true, text("displayName"), text("nodeId"))
    });
    Ok(json!({ "ts": now.0, "nodes": rows }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Describe {
    node_id: String,
}

/// `node.describe`.
pub(crate) async fn describe(call: &Call) -> Answer {
    let Describe { node_id } = call.params()?;
    let (now, wanted) = (world::now(), node_id.trim().to_owned());
    let read = call.read(move |store| {
        let device = DeviceId::parse(&wanted).map(|id| store.device(&id)).transpose()?;
        let legacy = store.nodes(now)?.1.into_iter().find(|node| node.request.node == wanted);
        Ok((device, store.device_requests(now)?, legacy))
    });
    let (device, requests, legacy) = read.await?;
    let mut found = match (device, legacy) {
        (Some(Known::Device(device)), _) if device.may_be(Role::Node) => {
            row(call, &device, &requests)
        }
        (_, Some(legacy)) => legacy_row(&legacy),
        (_, None) => return Err(invalid(NO_NODE)),
    };
    found["ts"] = now.0.into();
    Ok(found)
}

/// There is no such node, or the caller does not see it.
pub(super) const NO_NODE: &str = "unknown nodeId";

fn row(call: &Call, device: &Device, requests: &[DeviceRequest]) -> Value {
    let id = device.id();
    let session = call.gateway.rpc.sessions.node(&id).filter(|session| session.closing().is_none());
    let described = &device.described;
    let own_name = session.as_ref().and_then(|session| session.client.display_name.as_ref());
    let seen = call.gateway.rpc.nodes.seen.lock().get(&id).cloned();
    let shown = device.tokens.get(&Role::Node).and_then(|token| token.last_used_at);
    let since = session.as_ref().map(|session| session.since);
    let last = since.into_iter().chain(shown).chain(seen.as_ref().map(|seen| seen.at)).max();
    let mut row = json!({
        "nodeId": id.as_str(),
        "displayName": device.label.as_ref().or(own_name).or(described.name.as_ref()),
        "platform": described.platform,
        "deviceFamily": described.family,
        "clientId": described.client_id,
        "clientMode": described.client_mode,
        "remoteIp": described.address,
        "paired": true,
        "connected": session.is_some(),
        "connectedAtMs": since.map(|at| at.0),
        "lastConnectedAtMs": since.into_iter().chain(shown).max().map(|at| at.0),
        "lastSeenAtMs": last.map(|at| at.0),
        "lastSeenReason": seen.as_ref().map(|seen| seen.reason.clone()),
        "hostStats": seen.and_then(|seen| seen.stats),
        "approvedAtMs": device.approved_at.0,
    });
    match &session {
        Some(session) => live(call, &mut row, session),
        None => at_rest(call, &mut row, device),
    }
    let its = |request: &&DeviceRequest| {
        request.device == id && request.asked.roles.contains(&Role::Node)
    };
    let request = requests.iter().find(its);
    row["approvalState"] = approval_state(device, request, session.as_deref()).into();
    if let Some(request) = request {
        row["pendingRequestId"] = request.id.as_str().into();
        if call.session.scopes.allow(Scope::Pairing) {
            row["pendingDeclaredCaps"] = json!(request.asked.capabilities);
            row["pendingDeclaredCommands"] = json!(request.asked.commands);
        }
    }
    filled(row)
}

/// What a connected node says of itself, and what of it works.
fn live(call: &Call, row: &mut Value, session: &Session) {
    let client = &session.client;
    row["platform"] = json!(client.platform);
    row["version"] = json!(client.version);
    row["deviceFamily"] = json!(client.device_family);
    row["modelIdentifier"] = json!(client.model_identifier);
    row["clientId"] = json!(client.id.as_str());
    row["clientMode"] = json!(client.mode.word());
    row["remoteIp"] = json!(session.address.to_string());
    if let Some(side) = session.node() {
        row["caps"] = json!(side.caps);
        row["commands"] = json!(side.commands);
        // Folders of that machine: for it and for admins.
        if call.session.scopes.allow(Scope::Admin) || call.session.device == session.device {
            row["pathEnv"] = json!(side.path_env);
        }
        row["permissions"] = json!(side.permissions);
    }
}

fn at_rest(call: &Call, row: &mut Value, device: &Device) {
    let (approved, policy) = (&device.approved, &call.gateway.config().gateway.nodes.commands);
    row["caps"] = json!(approved.capabilities);
    row["commands"] = json!(reconcile(&approved.commands, &approved.commands, policy).effective);
}

/// In the field's words. What is approved stays so while more waits.
fn approval_state(
    device: &Device,
    request: Option<&DeviceRequest>,
    session: Option<&Session>,
) -> &'static str {
    let approved = &device.approved;
    let has_none = approved.commands.is_empty() && approved.capabilities.is_empty();
    let offers = session
        .and_then(Session::node)
        .is_some_and(|side| !(side.declared_commands.is_empty() && side.declared_caps.is_empty()));
    match (request, has_none) {
        (Some(_), true) => "pending-approval",
        (Some(_), false) => "pending-reapproval",
        (None, true) if offers => "unapproved",
        (None, _) => "approved",
    }
}

fn legacy_row(node: &LegacyNode) -> Value {
    let mut row = super::legacy::paired(node);
    row["paired"] = true.into();
    row["connected"] = false.into();
    row["approvalState"] = "approved".into();
    row
}
