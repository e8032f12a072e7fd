//! Devices as the protocol shows them to operators: no token, not even a digest of one.

use serde_json::{Value, json};

use super::node::filled;
use crate::rules::device::{
    record::Device,
    request::{DeviceRequest, DeviceRequestId},
    role::{Profile, Role},
};

/// The word, in an error's details, for more devices than one answer can hold.
pub const TOO_LONG: &str = "ANSWER_TOO_LONG";

/// A waiting device. Its words are ours; `openclaw devices list` shows them.
pub fn pending(request: &DeviceRequest) -> Value {
    let DeviceRequest { asked, described, .. } = request;
    let roles: Vec<_> = asked.roles.iter().map(|role| role.word()).collect();
    let is_node = asked.roles.contains(&Role::Node);
    filled(json!({
        "requestId": request.id.as_str(),
        "deviceId": request.device.as_str(),
        "publicKey": request.key.spell(),
        "displayName": described.name,
        "platform": described.platform,
        "deviceFamily": described.family,
        "clientId": described.client_id,
        "clientMode": described.client_mode,
        "remoteIp": described.address,
        "role": roles.first(),
        "roles": roles,
        "scopes": asked.scopes.words(),
        "commands": is_node.then_some(&asked.commands),
        "caps": is_node.then_some(&asked.capabilities),
        "access": request.profile.map(Profile::word),
        "words": request.words.map(|words| words.to_string()),
        "silent": false,
        "isRepair": request.repair,
        "ts": request.asked_at.0,
    }))
}

/// The waiting devices, each with the ids that it has replaced: who still has one of those finds its successor.
pub fn all_pending(
    requests: &[DeviceRequest],
    replaced: &[(DeviceRequestId, DeviceRequestId)],
) -> Vec<Value> {
    let row = |request: &DeviceRequest| {
        let mut row = pending(request);
        let old =
            replaced.iter().filter(|(_, new)| *new == request.id).map(|(old, _)| old.as_str());
        let old: Vec<_> = old.collect();
        if !old.is_empty() {
            row["replaces"] = json!(old);
        }
        row
    };
    requests.iter().map(row).collect()
}

/// A paired device, with what is known of its tokens. `connected` is the gateway's to say.
pub fn paired(device: &Device, connected: Option<bool>) -> Value {
    let Device { approved, described, .. } = device;
    let roles: Vec<_> = approved.roles.iter().map(|role| role.word()).collect();
    let tokens = device.tokens.values().map(|token| {
        filled(json!({
            "role": token.role.word(),
            "scopes": token.scopes.words(),
            "createdAtMs": token.created_at.0,
            "rotatedAtMs": token.rotated_at.map(|at| at.0),
            "revokedAtMs": token.revoked_at.map(|at| at.0),
            "lastUsedAtMs": token.last_used_at.map(|at| at.0),
        }))
    });
    filled(json!({
        "deviceId": device.id().as_str(),
        "publicKey": device.key.spell(),
        "displayName": described.name,
        "platform": described.platform,
        "deviceFamily": described.family,
        "clientId": described.client_id,
        "clientMode": described.client_mode,
        "remoteIp": described.address,
        "role": roles.first(),
        "roles": roles,
        "scopes": approved.scopes.words(),
        "approvedVia": device.via.word(),
        "operatorLabel": device.label,
        "tokens": tokens.collect::<Vec<_>>(),
        "createdAtMs": device.created_at.0,
        "approvedAtMs": device.approved_at.0,
        "connected": connected,
    }))
}

/// `device.pair.resolved`.
pub fn resolved(request: &str, device: &str, decision: &str, ts: u64) -> Value {
    json!({ "requestId": request, "deviceId": device, "decision": decision, "ts": ts })
}
