//! Devices as the protocol shows them to operators: no token, not even a digest of one.

use serde_json::{Map, Value, json};

use crate::rules::device::{
    record::Device,
    request::{Described, DeviceRequest, DeviceRequestId},
    role::Role,
};

/// The word, in an error's details, for more devices than one answer can hold.
pub const TOO_LONG: &str = "ANSWER_TOO_LONG";

/// A waiting device. Its words are ours; `openclaw devices list` shows them.
pub fn pending(request: &DeviceRequest) -> Value {
    let mut row = Map::new();
    row.insert("requestId".to_owned(), json!(request.id.as_str()));
    row.insert("deviceId".to_owned(), json!(request.device.as_str()));
    row.insert("publicKey".to_owned(), json!(request.key.spell()));
    describe(&mut row, &request.described);
    let roles: Vec<_> = request.asked.roles.iter().map(|role| role.word()).collect();
    row.insert("role".to_owned(), json!(roles.first()));
    row.insert("roles".to_owned(), json!(roles));
    row.insert("scopes".to_owned(), json!(request.asked.scopes.words()));
    if request.asked.roles.contains(&Role::Node) {
        row.insert("commands".to_owned(), json!(request.asked.commands));
        row.insert("caps".to_owned(), json!(request.asked.capabilities));
    }
    if let Some(profile) = request.profile {
        row.insert("access".to_owned(), json!(profile.word()));
    }
    if let Some(words) = request.words {
        row.insert("words".to_owned(), json!(words.to_string()));
    }
    row.insert("silent".to_owned(), json!(false));
    row.insert("isRepair".to_owned(), json!(request.repair));
    row.insert("ts".to_owned(), json!(request.asked_at.0));
    row.retain(|_, value| !value.is_null());
    Value::Object(row)
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
    let mut row = Map::new();
    row.insert("deviceId".to_owned(), json!(device.id().as_str()));
    row.insert("publicKey".to_owned(), json!(device.key.spell()));
    describe(&mut row, &device.described);
    let roles: Vec<_> = device.approved.roles.iter().map(|role| role.word()).collect();
    row.insert("role".to_owned(), json!(roles.first()));
    row.insert("roles".to_owned(), json!(roles));
    row.insert("scopes".to_owned(), json!(device.approved.scopes.words()));
    row.insert("approvedVia".to_owned(), json!(device.via.word()));
    row.insert("operatorLabel".to_owned(), json!(device.label));
    let tokens = device.tokens.values().map(|token| {
        let mut summary = json!({
            "role": token.role.word(),
            "scopes": token.scopes.words(),
            "createdAtMs": token.created_at.0,
        });
        let times = [
            ("rotatedAtMs", token.rotated_at),
            ("revokedAtMs", token.revoked_at),
            ("lastUsedAtMs", token.last_used_at),
        ];
        for (name, at) in times {
            if let Some(at) = at {
                summary[name] = json!(at.0);
            }
        }
        summary
    });
    row.insert("tokens".to_owned(), json!(tokens.collect::<Vec<_>>()));
    row.insert("createdAtMs".to_owned(), json!(device.created_at.0));
    row.insert("approvedAtMs".to_owned(), json!(device.approved_at.0));
    row.insert("connected".to_owned(), json!(connected));
    row.retain(|_, value| !value.is_null());
    Value::Object(row)
}

fn describe(row: &mut Map<String, Value>, described: &Described) {
    let fields = [
        ("displayName", &described.name),
        ("platform", &described.platform),
        ("deviceFamily", &described.family),
        ("clientId", &described.client_id),
        ("clientMode", &described.client_mode),
        ("remoteIp", &described.address),
    ];
    for (name, value) in fields {
        row.insert(name.to_owned(), json!(value));
    }
}

/// `device.pair.resolved`.
pub fn resolved(request: &str, device: &str, decision: &str, ts: u64) -> Value {
    json!({ "requestId": request, "deviceId": device, "decision": decision, "ts": ts })
}
