//! Decisions about devices.

use std::sync::Arc;

use openclaw_plugin_sdk::UnixMs;

use super::Untouched;
use crate::{
    Store, StoreError,
    audit::{Line, action},
    rules::device::{
        approver::DeviceApprover,
        identity::DeviceId,
        record::{ApprovedVia, Device},
        request::{DeviceRequest, DeviceRequestId, Revision, Undecided},
        role::{Role, Scopes},
        token::{DeviceToken, Token},
    },
    transaction::Transaction,
};

impl Store {
    /// Approves a waiting device as it was displayed; from here on the setup code it came with belongs to it.
    pub fn approve_device(
        &self,
        by: &DeviceApprover,
        id: &DeviceRequestId,
        displayed: Revision,
        now: UnixMs,
    ) -> Result<Result<Arc<Device>, Undecided>, StoreError> {
        let mut tx = Transaction::open_devices(self, Some(by.approver().authority()), now)?;
        let now = tx.now;
        let mut requests = self.devices.requests(&self.pending()?.0);
        let request = match requests.approve(by, id, displayed, now) {
            Ok(request) => request,
            Err(why) => return self.undecided(id, why, now).map(Err),
        };
        let known = tx.device(&request.device)?;
        let Some(device) = Device::approve(known, &request, ApprovedVia::Owner, now) else {
            return Ok(Err(Undecided::Unknown));
        };
        tx.put_device(&device)?;
        tx.put_removed(&request.device, false)?;
        tx.change_codes_of(&request.key, |code| code.approve(&request.key, now))?;
        tx.put_requests(&requests, None)?;
        let line = Line::by(by.approver(), action::DEVICE_APPROVE, now);
        tx.commit(vec![line.about(request.device.as_str()).named(id.as_str())])?;
        Ok(Ok(Arc::new(device)))
    }

    /// Rejects a waiting device; the setup code it came with is cancelled.
    pub fn reject_device(
        &self,
        by: &DeviceApprover,
        id: &DeviceRequestId,
        displayed: Revision,
        now: UnixMs,
    ) -> Result<Result<DeviceRequest, Undecided>, StoreError> {
        let mut tx = Transaction::open_devices(self, Some(by.approver().authority()), now)?;
        let now = tx.now;
        let mut requests = self.devices.requests(&self.pending()?.0);
        let request = match requests.reject(by, id, displayed, now) {
            Ok(request) => request,
            Err(why) => return self.undecided(id, why, now).map(Err),
        };
        tx.cancel_bound_code_of(&request.key)?;
        tx.put_requests(&requests, None)?;
        let line = Line::by(by.approver(), action::DEVICE_REJECT, now);
        tx.commit(vec![line.about(request.device.as_str()).named(id.as_str())])?;
        Ok(Ok(request))
    }

    /// A decision about a replaced request names its successor.
    fn undecided(
        &self,
        id: &DeviceRequestId,
        why: Undecided,
        now: UnixMs,
    ) -> Result<Undecided, StoreError> {
        let pending = self.pending()?.0;
        Ok(match (&why, pending.successor(id, now)) {
            (Undecided::Unknown, Some(successor)) => Undecided::Superseded(successor.clone()),
            _ => why,
        })
    }

    /// Forgets a device for good, with its requests; its setup code is cancelled.
    pub fn remove_device(
        &self,
        by: &DeviceApprover,
        id: &DeviceId,
        now: UnixMs,
    ) -> Result<Result<(), Untouched>, StoreError> {
        self.manage(by, id, now, |mut tx, device| {
            // A reader between the renames finds the device removed rather than new.
            tx.put_removed(id, true)?;
            tx.drop_device(id)?;
            tx.cancel_codes_of(&device.key)?;
            tx.drop_requests(id)?;
            let line = Line::by(by.approver(), action::DEVICE_REMOVE, tx.now);
            tx.commit(vec![line.about(id.as_str())]).map(Ok)
        })
    }

    /// Gives a device the name that owners see.
    pub fn rename_device(
        &self,
        by: &DeviceApprover,
        id: &DeviceId,
        label: &str,
        now: UnixMs,
    ) -> Result<Result<(), Untouched>, StoreError> {
        self.manage(by, id, now, |mut tx, mut device| {
            let label = Some(label.trim().to_owned()).filter(|label| !label.is_empty());
            if device.label == label {
                return Ok(Ok(()));
            }
            device.label = label;
            tx.put_device(&device)?;
            let line = Line::by(by.approver(), action::DEVICE_RENAME, tx.now);
            tx.commit(vec![line.about(id.as_str())]).map(Ok)
        })
    }

    /// Replaces a token; without `scopes` it keeps those it has. Its setup code is cancelled.
    pub fn rotate_token(
        &self,
        by: &DeviceApprover,
        id: &DeviceId,
        (role, scopes, fresh): (Role, Option<Scopes>, &Token),
        now: UnixMs,
    ) -> Result<Result<DeviceToken, Untouched>, StoreError> {
        self.manage(by, id, now, |mut tx, mut device| {
            if !device.approved.roles.contains(&role) {
                return Ok(Err(Untouched::Unknown));
            }
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
            let line = Line::by(by.approver(), action::TOKEN_ROTATE, tx.now);
            tx.commit(vec![line.about(id.as_str()).with_role(role.word())])?;
            Ok(Ok(token))
        })
    }

    /// Takes a role away until it is approved again; the device's setup code is cancelled.
    pub fn revoke_token(
        &self,
        by: &DeviceApprover,
        id: &DeviceId,
        role: Role,
        now: UnixMs,
    ) -> Result<Result<UnixMs, Untouched>, StoreError> {
        self.manage(by, id, now, |mut tx, mut device| {
            let now = tx.now;
            if let Some(at) = device.tokens.get(&role).and_then(|token| token.revoked_at) {
                return Ok(Ok(at));
            }
            if !device.revoke(role, now) {
                return Ok(Err(Untouched::Unknown));
            }
            tx.put_device(&device)?;
            tx.cancel_codes_of(&device.key)?;
            let line = Line::by(by.approver(), action::TOKEN_REVOKE, now);
            tx.commit(vec![line.about(id.as_str()).with_role(role.word())])?;
            Ok(Ok(now))
        })
    }

    /// Changes a device that the approver may manage.
    fn manage<T>(
        &self,
        by: &DeviceApprover,
        id: &DeviceId,
        now: UnixMs,
        change: impl FnOnce(Transaction<'_>, Device) -> Result<Result<T, Untouched>, StoreError>,
    ) -> Result<Result<T, Untouched>, StoreError> {
        let tx = Transaction::open_devices(self, Some(by.approver().authority()), now)?;
        let device = tx.device(id)?;
        // Who may not manage a device does not learn whether it is there.
        let held = device.as_ref().map_or(Scopes::NONE, |device| device.approved.scopes);
        match (by.may_manage(id, held), device) {
            (Err(why), _) => Ok(Err(Untouched::Denied(why))),
            (Ok(()), None) => Ok(Err(Untouched::Unknown)),
            (Ok(()), Some(device)) => change(tx, device),
        }
    }
}
