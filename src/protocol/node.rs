//! Nodes as the protocol shows them to operators: those that wait, and the paired ones. No token, not even a
//! digest of one.

use serde_json::{Value, json};

use crate::rules::device::{record::Device, request::DeviceRequest, role::Scope};

/// The scopes that a caller needs to approve a node. Exactly these are checked: only an admin can approve a node.
pub fn required_scopes<'a>(commands: impl IntoIterator<Item = &'a String>) -> Vec<&'static str> {
    let mut scopes = vec![Scope::Pairing.word()];
    if commands.into_iter().next().is_some() {
        scopes.push(Scope::Write.word());
    }
    scopes.push(Scope::Admin.word());
    scopes
}

/// A device's request that asks for a node's rights: its first ones, or more.
pub fn pending(request: &DeviceRequest) -> Value {
    let described = &request.described;
    filled(json!({
        "requestId": request.id.as_str(),
        "nodeId": request.device.as_str(),
        "displayName": described.name,
        "platform": described.platform,
        "deviceFamily": described.family,
        "clientId": described.client_id,
        "clientMode": described.client_mode,
        "remoteIp": described.address,
        "caps": request.asked.capabilities,
        "commands": request.asked.commands,
        "requiredApproveScopes": required_scopes(&request.asked.commands),
        "silent": false,
        "isRepair": request.repair,
        "ts": request.asked_at.0,
    }))
}

/// A device that is paired as a node.
pub fn paired(device: &Device) -> Value {
    let described = &device.described;
    filled(json!({
        "nodeId": device.id().as_str(),
        "displayName": device.label.as_ref().or(described.name.as_ref()),
        "platform": described.platform,
        "deviceFamily": described.family,
        "remoteIp": described.address,
        "caps": device.approved.capabilities,
        "commands": device.approved.commands,
        "createdAtMs": device.created_at.0,
        "approvedAtMs": device.approved_at.0,
    }))
}

/// `node.pair.resolved`.
pub fn resolved(request: &str, node: &str, decision: &str, ts: u64) -> Value {
    json!({ "requestId": request, "nodeId": node, "decision": decision, "ts": ts })
}

/// `node.invoke.request`.
pub fn invoke_request(
    (id, node, command): (&str, &str, &str),
    params: Option<&Value>,
    timeout_ms: u64,
    key: Option<&str>,
) -> Value {
    filled(json!({
        "id": id,
        "nodeId": node,
        "command": command,
        "paramsJSON": params.map(Value::to_string),
        "timeoutMs": timeout_ms,
        "idempotencyKey": key,
    }))
}

/// The same without what there is not: clients take an absent field for unknown, and not all of them a `null`.
#[must_use]
pub fn filled(mut row: Value) -> Value {
    if let Some(row) = row.as_object_mut() {
        row.retain(|_, value| !value.is_null());
    }
    row
}
