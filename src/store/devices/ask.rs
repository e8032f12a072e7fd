//! Devices that wait, and those that are let in without waiting. An unchanged retry, and a request for which
//! there is no place, write nothing and wait for no lock.

use std::sync::Arc;

use openclaw_plugin_sdk::UnixMs;

use super::memory::Live;
use crate::{
    Store, StoreError,
    audit::{Line, action},
    io,
    rules::{
        authority::Authority,
        device::{
            identity::{DeviceId, Nonce},
            record::{ApprovedVia, Device},
            request::{Ask, DeviceRequest, DeviceRequestId, NewDeviceRequest},
            role::Role,
            setup_code::State,
            token::Token,
        },
    },
    transaction::Transaction,
    world,
};

impl Store {
    /// The devices that wait, the newest first, none of them expired.
    pub fn device_requests(&self, now: UnixMs) -> Result<Vec<DeviceRequest>, StoreError> {
        let requests = self.devices.requests(&self.pending()?.0);
        Ok(requests.open(now).into_iter().cloned().collect())
    }

    /// The ids that waiting requests have replaced, each with its successor.
    pub fn replaced_requests(
        &self,
        now: UnixMs,
    ) -> Result<Vec<(DeviceRequestId, DeviceRequestId)>, StoreError> {
        Ok(self.pending()?.0.replaced(now))
    }

    /// A device asks, or asks again. A place is kept for each unused setup code.
    pub fn ask_device(&self, wish: &NewDeviceRequest, now: UnixMs) -> Result<Ask, StoreError> {
        if let Some(asked) = self.ask_in_memory(wish, now)? {
            return Ok(asked);
        }
        let mut tx = Transaction::open_devices(self, None, now)?;
        let now = tx.now;
        let mut requests = self.devices.requests(&self.pending()?.0);
        let unused = self.unused_codes(now)?;
        let asked = requests.ask(wish.clone(), fresh_id(self)?, unused, now);
        match &asked {
            Ask::Full { .. } => {}
            Ask::Refreshed(id) => self.devices.refresh(id, now),
            Ask::Opened { id, .. } => {
                tx.put_requests(&requests, None)?;
                let line = by_device(action::DEVICE_REQUEST, &wish.key.id(), now);
                tx.commit(vec![line.named(id.as_str())])?;
                self.devices.refresh(id, now);
            }
        }
        Ok(asked)
    }

    /// The answer, if nothing has to be written.
    fn ask_in_memory(
        &self,
        wish: &NewDeviceRequest,
        now: UnixMs,
    ) -> Result<Option<Ask>, StoreError> {
        let pending = self.pending()?.0;
        let unused = self.unused_codes(now)?;
        let mut live = self.devices.live();
        let is_current = live.as_ref().is_some_and(|live| {
            let mut open = live.requests.open(now).into_iter();
            Arc::ptr_eq(&live.of, &pending)
                && open.all(|row| self.devices.last_refresh(row).is_some())
        });
        if !is_current {
            *live = None;
        }
        let fresh = || Live { requests: self.devices.requests(&pending), of: Arc::clone(&pending) };
        let requests = &mut live.get_or_insert_with(fresh).requests;
        let Some(unwritten) = DeviceRequestId::parse("new") else { return Ok(None) };
        let asked = requests.ask(wish.clone(), unwritten, unused, now);
        match &asked {
            Ask::Full { .. } => Ok(Some(asked)),
            Ask::Refreshed(id) => {
                self.devices.refresh(id, now);
                Ok(Some(asked))
            }
            // It is in no file yet.
            Ask::Opened { .. } => {
                *live = None;
                Ok(None)
            }
        }
    }

    /// Lets a device in without a request, as the configuration says (`via`), and gives it these tokens, in one
    /// change; `by` is what it has shown. Never a removed device, and never more for a known one: `None` then.
    pub fn admit_device(
        &self,
        by: &Authority,
        (wish, via): (&NewDeviceRequest, ApprovedVia),
        fresh: &[(Role, Token)],
        now: UnixMs,
    ) -> Result<Option<Arc<Device>>, StoreError> {
        let (id, mut tx) = (wish.key.id(), Transaction::open_devices(self, Some(by), now)?);
        let now = tx.now;
        let is_removed = self.removed()?.0.row(id.as_str()).is_some();
        if is_removed || self.paired()?.0.table.row(id.as_str()).is_some() {
            return Ok(None);
        }
        if via == ApprovedVia::Code {
            // It may have been cancelled since it was shown.
            let codes = self.codes()?.0;
            let mut bound = codes.all.iter().filter(|code| code.key() == Some(&wish.key));
            if !bound.any(|code| matches!(code.state, State::Bound { .. })) {
                return Ok(None);
            }
        }
        let request = DeviceRequest::new(fresh_id(self)?, wish.clone(), now);
        let Some(mut device) = Device::approve(None, &request, via, now) else { return Ok(None) };
        if !fresh.iter().all(|(role, token)| device.issue(token, *role, now)) {
            return Ok(None);
        }
        tx.put_device(&device)?;
        if via == ApprovedVia::Code {
            tx.change_codes_of(&wish.key, |code| code.approve(&wish.key, now))?;
        }
        tx.drop_requests(&id)?;
        tx.commit(vec![by_device(action::DEVICE_ADMIT, &id, now)])?;
        Ok(Some(Arc::new(device)))
    }

    /// Puts fresh tokens in the places of their roles; `by` is what the device has shown. `None` if it has lost one
    /// of the roles meanwhile: nothing was changed.
    pub fn issue_tokens(
        &self,
        by: &Authority,
        id: &DeviceId,
        fresh: &[(Role, Token)],
        now: UnixMs,
    ) -> Result<Option<Arc<Device>>, StoreError> {
        let mut tx = Transaction::open_devices(self, Some(by), now)?;
        let Some(mut device) = tx.device(id)? else { return Ok(None) };
        if !fresh.iter().all(|(role, token)| device.issue(token, *role, tx.now)) {
            return Ok(None);
        }
        tx.put_device(&device)?;
        let roles: Vec<_> = fresh.iter().map(|(role, _)| role.word()).collect();
        let line = by_device(action::TOKEN_ISSUE, id, tx.now).with_role(&roles.join(" "));
        tx.commit(vec![line])?;
        Ok(Some(Arc::new(device)))
    }
}

/// A line by a device itself, which decides nothing.
pub(super) fn by_device(action: &str, id: &DeviceId, now: UnixMs) -> Line {
    Line::new("socket", &format!("device:{id}"), action, now).about(id.as_str())
}

/// Random text for an opaque id.
pub(super) fn random_id(store: &Store) -> Result<String, StoreError> {
    let drawn = world::random().map(Nonce::from_random);
    let id = drawn.map_err(|error| io("draw an id for", &store.state.devices(), error))?;
    Ok(id.as_str().to_owned())
}

fn fresh_id(store: &Store) -> Result<DeviceRequestId, StoreError> {
    let id = DeviceRequestId::parse(&random_id(store)?);
    let missing = || std::io::Error::other("no id was drawn");
    id.ok_or_else(|| io("draw an id for", &store.state.devices(), missing()))
}
