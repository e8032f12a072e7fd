//! What somebody decides about devices.

use std::sync::Arc;

use openclaw_plugin_sdk::UnixMs;

use super::Untouched;
use crate::{
    rules::device::{
        approver::DeviceApprover,
        identity::DeviceId,
        record::{ApprovedVia, Device},
        request::{DeviceRequest, DeviceRequestId, Revision, Undecided},
        role::{Role, Scopes},
        token::{DeviceToken, Token},
    },
    store::{
        Store, StoreError,
        audit::{Line, action},
        devices::transaction::Transaction,
    },
};

/// What was displayed, and to whom.
pub(super) struct Decision<'a> {
    pub(super) by: &'a DeviceApprover,
    pub(super) id: &'a DeviceRequestId,
    pub(super) displayed: Revision,
}

impl Decision<'_> {
    /// Whoever looks at a replaced request learns of its successor.
    fn undecided(&self, tx: &Transaction<'_>, why: Undecided) -> Result<Undecided, StoreError> {
        let pending = tx.store.pending()?.0;
        Ok(match (&why, pending.successor(self.id, tx.now)) {
            (Undecided::Unknown, Some(successor)) => Undecided::Superseded(successor.clone()),
            _ => why,
        })
    }

    fn line(&self, action: &str, device: &DeviceId, now: UnixMs) -> Line {
        let line = Line::by_device_approver(self.by, action, now);
        line.about(device.as_str()).named(self.id.as_str())
    }
}

pub(super) fn approve(
    store: &Store,
    decision: &Decision<'_>,
    now: UnixMs,
) -> Result<Result<Arc<Device>, Undecided>, StoreError> {
    let mut tx = Transaction::open(store, Some(decision.by.authority()), now)?;
    let now = tx.now;
    let mut requests = store.devices.requests(&store.pending()?.0);
    let decided = requests.approve(decision.by, decision.id, decision.displayed, now);
    let request = match decided {
        Ok(request) => request,
        Err(why) => return decision.undecided(&tx, why).map(Err),
    };
    let known = tx.device(&request.device)?;
    let Ok(device) = Device::approve(known, &request, ApprovedVia::Owner, now) else {
        return Ok(Err(Undecided::Unknown));
    };
    tx.put_device(&device)?;
    tx.put_removed(&request.device, false)?;
    tx.change_codes_of(&request.key, |code| code.approve(&request.key, now))?;
    tx.put_requests(&requests, None)?;
    tx.commit(decision.line(action::DEVICE_APPROVE, &request.device, now))?;
    Ok(Ok(Arc::new(device)))
}

pub(super) fn reject(
    store: &Store,
    decision: &Decision<'_>,
    now: UnixMs,
) -> Result<Result<DeviceRequest, Undecided>, StoreError> {
    let mut tx = Transaction::open(store, Some(decision.by.authority()), now)?;
    let now = tx.now;
    let mut requests = store.devices.requests(&store.pending()?.0);
    let decided = requests.reject(decision.by, decision.id, decision.displayed, now);
    let request = match decided {
        Ok(request) => request,
        Err(why) => return decision.undecided(&tx, why).map(Err),
    };
    tx.cancel_bound_code_of(&request.key)?;
    tx.put_requests(&requests, None)?;
    tx.commit(decision.line(action::DEVICE_REJECT, &request.device, now))?;
    Ok(Ok(request))
}

pub(super) fn remove(
    store: &Store,
    by: &DeviceApprover,
    id: &DeviceId,
    now: UnixMs,
) -> Result<Result<(), Untouched>, StoreError> {
    let mut tx = Transaction::open(store, Some(by.authority()), now)?;
    let device = match managed(&tx, by, id)? {
        Ok(device) => device,
        Err(why) => return Ok(Err(why)),
    };
    // Whoever reads between the renames finds the device gone rather than new.
    tx.put_removed(id, true)?;
    tx.drop_device(id)?;
    tx.cancel_codes_of(&device.key)?;
    tx.drop_requests(id)?;
    let line = Line::by_device_approver(by, action::DEVICE_REMOVE, tx.now).about(id.as_str());
    tx.commit(line).map(Ok)
}

pub(super) fn rename(
    store: &Store,
    by: &DeviceApprover,
    id: &DeviceId,
    label: &str,
    now: UnixMs,
) -> Result<Result<(), Untouched>, StoreError> {
    let mut tx = Transaction::open(store, Some(by.authority()), now)?;
    let mut device = match managed(&tx, by, id)? {
        Ok(device) => device,
        Err(why) => return Ok(Err(why)),
    };
    let label = Some(label.trim().to_owned()).filter(|label| !label.is_empty());
    if device.label == label {
        return Ok(Ok(()));
    }
    device.label = label;
    tx.put_device(&device)?;
    let line = Line::by_device_approver(by, action::DEVICE_RENAME, tx.now).about(id.as_str());
    tx.commit(line).map(Ok)
}

pub(super) fn rotate(
    store: &Store,
    by: &DeviceApprover,
    id: &DeviceId,
    (role, scopes, fresh): (Role, Option<Scopes>, &Token),
    now: UnixMs,
) -> Result<Result<DeviceToken, Untouched>, StoreError> {
    let mut tx = Transaction::open(store, Some(by.authority()), now)?;
    let mut device = match managed(&tx, by, id)? {
        Ok(device) if device.approved.roles.contains(&role) => device,
        Ok(_) => return Ok(Err(Untouched::Unknown)),
        Err(why) => return Ok(Err(why)),
    };
    let (approved, old) = (device.scopes_as(role), device.tokens.get(&role).copied());
    let present = old.map(|old| old.scopes).or(approved).unwrap_or(Scopes::NONE);
    let scopes = match by.may_rotate(id, approved, role, scopes.unwrap_or(present)) {
        Ok(scopes) => scopes,
        Err(why) => return Ok(Err(Untouched::Denied(why))),
    };
    let token = match old {
        Some(old) => old.rotate(fresh, scopes, tx.now),
        None => Some(DeviceToken::issue(fresh, role, scopes, tx.now)),
    };
    let Some(token) = token else { return Ok(Err(Untouched::Unknown)) };
    device.tokens.insert(role, token);
    tx.put_device(&device)?;
    tx.cancel_codes_of(&device.key)?;
    let line = Line::by_device_approver(by, action::TOKEN_ROTATE, tx.now);
    tx.commit(line.about(id.as_str()).with_role(role.word()))?;
    Ok(Ok(token))
}

pub(super) fn revoke(
    store: &Store,
    by: &DeviceApprover,
    id: &DeviceId,
    role: Role,
    now: UnixMs,
) -> Result<Result<UnixMs, Untouched>, StoreError> {
    let mut tx = Transaction::open(store, Some(by.authority()), now)?;
    let mut device = match managed(&tx, by, id)? {
        Ok(device) => device,
        Err(why) => return Ok(Err(why)),
    };
    if let Some(at) = device.tokens.get(&role).and_then(|token| token.revoked_at) {
        return Ok(Ok(at));
    }
    if !device.revoke(role, tx.now) {
        return Ok(Err(Untouched::Unknown));
    }
    tx.put_device(&device)?;
    tx.cancel_codes_of(&device.key)?;
    let now = tx.now;
    let line = Line::by_device_approver(by, action::TOKEN_REVOKE, now);
    tx.commit(line.about(id.as_str()).with_role(role.word()))?;
    Ok(Ok(now))
}

/// A device that he may do something about.
fn managed(
    tx: &Transaction<'_>,
    by: &DeviceApprover,
    id: &DeviceId,
) -> Result<Result<Device, Untouched>, StoreError> {
    if let Err(why) = by.may_manage(id) {
        return Ok(Err(Untouched::Denied(why)));
    }
    Ok(tx.device(id)?.ok_or(Untouched::Unknown))
}
