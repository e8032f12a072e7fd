//! Devices: the requests that wait, the decisions about them, and what becomes of paired devices.

use std::sync::Arc;

use openclaw_plugin_sdk::{Decision, UnixMs, pasted};
use serde_json::{Value, json};

use crate::{
    protocol::device::paired,
    rules::device::{
        approver::{Act, DeviceApprover},
        identity::DeviceId,
        record::Device,
        request::{DeviceRequest, DeviceRequestId, Revision, Undecided},
        role::{Role, Scopes},
        token::Token,
    },
    store::{Store, StoreError, devices::Untouched},
};

/// A name of a device has at most so many characters.
pub const LABEL: usize = 64;

/// What was decided about a request.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// The device as it is paired now.
    Approved(Arc<Device>),
    /// The request that was rejected.
    Rejected(Box<DeviceRequest>),
}

impl Verdict {
    /// The answer of `device.pair.approve` and `device.pair.reject`.
    pub fn answer(&self, request: &DeviceRequestId) -> Value {
        match self {
            Self::Approved(device) => {
                json!({ "requestId": request.as_str(), "device": paired(device, None) })
            }
            Self::Rejected(row) => {
                json!({ "requestId": request.as_str(), "deviceId": row.device.as_str() })
            }
        }
    }
}

/// The request of this name, as people paste it: also as a table shows a long one, without its middle, where that
/// names one request alone.
pub fn named<'a>(rows: &'a [DeviceRequest], typed: &str) -> Option<&'a DeviceRequest> {
    let typed = pasted(typed).to_ascii_lowercase();
    let (begin, end) = typed.split_once('…').unwrap_or_default();
    let shortened = begin.len() >= 8 && end.len() >= 8;
    let mut found = rows.iter().filter(|row| {
        let id = row.id.as_str().to_ascii_lowercase();
        id == typed || shortened && id.starts_with(begin) && id.ends_with(end)
    });
    found.next().filter(|_| found.next().is_none())
}

/// The request with this id, while it waits.
pub fn request(
    store: &Store,
    id: &DeviceRequestId,
    now: UnixMs,
) -> Result<Option<DeviceRequest>, StoreError> {
    Ok(store.device_requests(now)?.into_iter().find(|row| row.id == *id))
}

/// Decides a request as it was displayed. A device is approved or rejected; it cannot be blocked.
pub fn decide(
    store: &Store,
    by: &DeviceApprover,
    decision: Decision,
    (id, displayed): (&DeviceRequestId, Revision),
    now: UnixMs,
) -> Result<Result<Verdict, Undecided>, StoreError> {
    Ok(match decision {
        Decision::Approve => store.approve_device(by, id, displayed, now)?.map(Verdict::Approved),
        Decision::Block | Decision::Deny => {
            store.reject_device(by, id, displayed, now)?.map(|row| Verdict::Rejected(Box::new(row)))
        }
    })
}

/// A change of a paired device.
#[expect(missing_debug_implementations, reason = "it may hold a token")]
pub enum Change {
    /// The device is forgotten, and its sessions end.
    Remove,
    /// The name that owners see.
    Rename(String),
    /// Another token; without scopes it keeps those it has.
    Rotate(Role, Option<Scopes>, Token),
    /// The role is gone until it is approved again.
    Revoke(Role),
}

impl Change {
    /// What the approver does.
    pub fn act(&self) -> Act {
        match self {
            Self::Remove => Act::Remove,
            Self::Rename(_) => Act::Rename,
            Self::Rotate(..) => Act::RotateToken,
            Self::Revoke(_) => Act::RevokeToken,
        }
    }

    /// The method of the gateway protocol that does the same.
    pub fn method(&self) -> &'static str {
        match self {
            Self::Remove => "device.pair.remove",
            Self::Rename(_) => "device.pair.rename",
            Self::Rotate(..) => "device.token.rotate",
            Self::Revoke(_) => "device.token.revoke",
        }
    }

    /// Its parameters. The gateway that is asked makes the token itself.
    pub fn params(&self, device: &str) -> Value {
        match self {
            Self::Remove => json!({ "deviceId": device }),
            Self::Rename(label) => json!({ "deviceId": device, "label": label }),
            Self::Rotate(role, None, _) | Self::Revoke(role) => {
                json!({ "deviceId": device, "role": role.word() })
            }
            Self::Rotate(role, Some(scopes), _) => {
                json!({ "deviceId": device, "role": role.word(), "scopes": scopes.words() })
            }
        }
    }
}

/// Changes a device; the answer is that of the method of the gateway protocol.
pub fn change(
    store: &Store,
    by: &DeviceApprover,
    id: &DeviceId,
    change: &Change,
    now: UnixMs,
) -> Result<Result<Value, Untouched>, StoreError> {
    let device = id.as_str();
    Ok(match change {
        Change::Remove => store.remove_device(by, id, now)?.map(|()| json!({ "deviceId": device })),
        Change::Rename(label) => {
            let renamed = store.rename_device(by, id, label, now)?;
            renamed.map(|()| json!({ "deviceId": device, "label": label }))
        }
        Change::Rotate(role, scopes, fresh) => {
            let rotated = store.rotate_token(by, id, (*role, *scopes, fresh), now)?;
            rotated.map(|token| {
                json!({
                    "deviceId": device,
                    "role": role.word(),
                    "scopes": token.scopes.words(),
                    "rotatedAtMs": token.rotated_at.unwrap_or(token.created_at).0,
                    "tokenDelivery": "withheld-cross-device",
                })
            })
        }
        Change::Revoke(role) => store
            .revoke_token(by, id, *role, now)?
            .map(|at| json!({ "deviceId": device, "role": role.word(), "revokedAtMs": at.0 })),
    })
}
