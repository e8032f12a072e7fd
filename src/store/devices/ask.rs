//! Devices that wait, and those that are let in without waiting. An unchanged retry, and a request for which
//! there is no place, write nothing and wait for no lock.

use std::sync::Arc;

use openclaw_plugin_sdk::UnixMs;

use super::memory::Live;
use crate::{
    rules::{
        authority::Authority,
        device::{
            identity::{DeviceId, Nonce},
            record::{ApprovedVia, Device},
            request::{Ask, DeviceRequest, DeviceRequestId, Wish},
            role::Role,
            setup_code::State,
            token::Token,
        },
    },
    store::{
        Store, StoreError,
        audit::{Line, action},
        devices::transaction::Transaction,
        io,
    },
    world,
};

pub(super) fn waiting(store: &Store, now: UnixMs) -> Result<Vec<DeviceRequest>, StoreError> {
    let requests = store.devices.requests(&store.pending()?.0);
    Ok(requests.open(now).into_iter().cloned().collect())
}

pub(super) fn ask(store: &Store, wish: &Wish, now: UnixMs) -> Result<Ask, StoreError> {
    if let Some(asked) = ask_in_memory(store, wish, now)? {
        return Ok(asked);
    }
    let mut tx = Transaction::open(store, None, now)?;
    let pending = store.pending()?.0;
    let mut requests = store.devices.requests(&pending);
    let unused = super::setup::unused(store, tx.now)?;
    let asked = requests.ask(wish.clone(), fresh_id(store)?, unused, tx.now);
    match &asked {
        Ask::Full { .. } => {}
        Ask::Refreshed(id) => store.devices.pulse(id, tx.now),
        Ask::Opened { id, .. } => {
            let now = tx.now;
            tx.put_requests(&requests, None)?;
            let line = by_device(action::DEVICE_REQUEST, &wish.key.id(), now);
            tx.commit(line.named(id.as_str()))?;
            store.devices.pulse(id, now);
        }
    }
    Ok(asked)
}

/// The answer, where nothing is to be written.
fn ask_in_memory(store: &Store, wish: &Wish, now: UnixMs) -> Result<Option<Ask>, StoreError> {
    let pending = store.pending()?.0;
    let unused = super::setup::unused(store, now)?;
    let mut kept = store.devices.live();
    let is_current = kept.as_ref().is_some_and(|live| {
        let mut open = live.requests.open(now).into_iter();
        Arc::ptr_eq(&live.of, &pending) && open.all(|row| store.devices.last_refresh(row).is_some())
    });
    if !is_current {
        *kept = None;
    }
    let fresh = || Live { requests: store.devices.requests(&pending), of: Arc::clone(&pending) };
    let live = kept.get_or_insert_with(fresh);
    let Some(nobodys) = DeviceRequestId::parse("new") else { return Ok(None) };
    let asked = live.requests.ask(wish.clone(), nobodys, unused, now);
    match &asked {
        Ask::Full { .. } => Ok(Some(asked)),
        Ask::Refreshed(id) => {
            store.devices.pulse(id, now);
            Ok(Some(asked))
        }
        // It stands nowhere yet.
        Ask::Opened { .. } => {
            *kept = None;
            Ok(None)
        }
    }
}

pub(super) fn admit(
    store: &Store,
    by: &Authority,
    (wish, via): (&Wish, ApprovedVia),
    fresh: &[(Role, Token)],
    now: UnixMs,
) -> Result<Option<Arc<Device>>, StoreError> {
    let (id, mut tx) = (wish.key.id(), Transaction::open(store, Some(by), now)?);
    let now = tx.now;
    let is_removed = store.removed()?.0.row(id.as_str()).is_some();
    if is_removed || store.paired()?.0.table.row(id.as_str()).is_some() {
        return Ok(None);
    }
    if via == ApprovedVia::Code {
        // It may have been taken back since it was shown.
        let codes = store.codes()?.0;
        let mut bound = codes.all.iter().filter(|code| code.key() == Some(&wish.key));
        if !bound.any(|code| matches!(code.state, State::Bound { .. })) {
            return Ok(None);
        }
    }
    let request = DeviceRequest {
        id: fresh_id(store)?,
        device: id.clone(),
        key: wish.key,
        asked: wish.asked.clone(),
        described: wish.described.clone(),
        profile: wish.profile,
        words: wish.words,
        repair: wish.repair,
        asked_at: now,
        refreshed_at: now,
    };
    let Ok(mut device) = Device::approve(None, &request, via, now) else { return Ok(None) };
    if !fresh.iter().all(|(role, token)| device.issue(token, *role, now)) {
        return Ok(None);
    }
    tx.put_device(&device)?;
    if via == ApprovedVia::Code {
        tx.change_codes_of(&wish.key, |code| code.approve(&wish.key, now))?;
    }
    tx.drop_requests(&id)?;
    tx.commit(by_device(action::DEVICE_ADMIT, &id, now))?;
    Ok(Some(Arc::new(device)))
}

pub(super) fn issue(
    store: &Store,
    by: &Authority,
    id: &DeviceId,
    fresh: &[(Role, Token)],
    now: UnixMs,
) -> Result<Option<Arc<Device>>, StoreError> {
    let mut tx = Transaction::open(store, Some(by), now)?;
    let Some(mut device) = tx.device(id)? else { return Ok(None) };
    if !fresh.iter().all(|(role, token)| device.issue(token, *role, tx.now)) {
        return Ok(None);
    }
    tx.put_device(&device)?;
    let roles: Vec<_> = fresh.iter().map(|(role, _)| role.word()).collect();
    let line = by_device(action::TOKEN_ISSUE, id, tx.now).with_role(&roles.join(" "));
    tx.commit(line)?;
    Ok(Some(Arc::new(device)))
}

/// A line by a device itself, which decides nothing.
pub(super) fn by_device(action: &str, id: &DeviceId, now: UnixMs) -> Line {
    Line::new("socket", &format!("device:{id}"), action, now).about(id.as_str())
}

fn fresh_id(store: &Store) -> Result<DeviceRequestId, StoreError> {
    let drawn = world::random().map(|bytes| Nonce::from_random(bytes).as_str().to_owned());
    let id = drawn.and_then(|id| {
        DeviceRequestId::parse(&id).ok_or_else(|| std::io::Error::other("no id was drawn"))
    });
    id.map_err(|error| io("draw an id for", &store.state.devices(), error))
}
