//! Setup codes: making them, showing them, and taking them back.

use openclaw_plugin_sdk::UnixMs;

use super::ask::by_device;
use crate::{
    rules::device::{
        approver::DeviceApprover,
        handshake::Setup,
        identity::{DeviceKey, Nonce},
        role::Profile,
        setup_code::{LIFETIME_MS, SetupCode, SetupId, Spent, Standing, State},
        token::{Token, TokenDigest},
    },
    store::{
        Store, StoreError,
        audit::{Line, action},
        devices::transaction::Transaction,
        io,
    },
    world,
};

/// How many codes may still bring a device.
pub(super) fn unused(store: &Store, now: UnixMs) -> Result<usize, StoreError> {
    let codes = store.codes()?.0;
    Ok(codes.unused().filter(|code| code.is_unused(now) && !is_over(store, code)).count())
}

/// True where its ten minutes are over by the clock that nobody can set.
fn is_over(store: &Store, code: &SetupCode) -> bool {
    let what = match code.state {
        State::Unused => format!("setup {}", code.id.as_str()),
        State::Approved { fetched_at: None, .. } => format!("fetch {}", code.id.as_str()),
        _ => return false,
    };
    store.ages.is_over(what.as_bytes(), LIFETIME_MS)
}

pub(super) fn mint(
    store: &Store,
    by: &DeviceApprover,
    profile: Profile,
    token: &Token,
    now: UnixMs,
) -> Result<SetupCode, StoreError> {
    let drawn = world::random().map(Nonce::from_random);
    let id = drawn.map_err(|error| io("draw an id for", &store.state.devices(), error))?;
    let mut tx = Transaction::open(store, Some(by.authority()), now)?;
    let code = SetupCode::mint(SetupId::from_text(id.as_str()), token, profile, tx.now);
    tx.put_codes(std::slice::from_ref(&code))?;
    let line = Line::by_device_approver(by, action::CODE_MINT, tx.now);
    tx.commit(line.named(code.id.as_str()))?;
    let _fresh = is_over(store, &code);
    Ok(code)
}

/// How a code would be taken, as it is and as it would be then.
struct Judged {
    shown: Result<Standing, Spent>,
    before: SetupCode,
    after: SetupCode,
}

fn judge(
    store: &Store,
    token: &TokenDigest,
    key: &DeviceKey,
    now: UnixMs,
) -> Result<Option<Judged>, StoreError> {
    let codes = store.codes()?.0;
    let Some(before) = codes.with(token).map(|code| store.devices.code(code)) else {
        return Ok(None);
    };
    let mut after = before.clone();
    let shown = after.show(key, now);
    if shown.is_ok() && is_over(store, &before) {
        let shown = Err(Spent::Expired);
        return Ok(Some(Judged { shown, after: before.clone(), before }));
    }
    Ok(Some(Judged { shown, before, after }))
}

pub(super) fn shown(
    store: &Store,
    token: &TokenDigest,
    key: &DeviceKey,
    now: UnixMs,
) -> Result<Setup, StoreError> {
    let judged = judge(store, token, key, now)?;
    Ok(judged.map_or(Setup::Unknown, |it| Setup::Known(it.shown, it.after.profile)))
}

pub(super) fn redeem(
    store: &Store,
    token: &TokenDigest,
    key: &DeviceKey,
    now: UnixMs,
) -> Result<Setup, StoreError> {
    // What binds nothing needs no lock.
    let Some(Judged { shown, before, after }) = judge(store, token, key, now)? else {
        return Ok(Setup::Unknown);
    };
    if !writes(&before, &after) {
        if matches!(shown, Ok(Standing::Waiting)) {
            store.devices.note_code(&before.id, now);
        }
        return Ok(Setup::Known(shown, after.profile));
    }
    let mut tx = Transaction::open(store, None, now)?;
    let Some(Judged { shown, before, after }) = judge(store, token, key, tx.now)? else {
        return Ok(Setup::Unknown);
    };
    if writes(&before, &after) {
        tx.put_codes(std::slice::from_ref(&after))?;
        let bound = before.state == State::Unused;
        let action = if bound { action::CODE_BIND } else { action::CODE_FETCH };
        let line = by_device(action, &key.id(), tx.now).named(after.id.as_str());
        tx.commit(line)?;
    }
    Ok(Setup::Known(shown, after.profile))
}

/// A later visit is remembered, and written with the others.
fn writes(before: &SetupCode, after: &SetupCode) -> bool {
    match (&before.state, &after.state) {
        (State::Bound { .. }, State::Bound { .. }) => false,
        (before, after) => before != after,
    }
}

pub(super) fn all(store: &Store) -> Result<Vec<SetupCode>, StoreError> {
    let codes = store.codes()?.0;
    let mut all: Vec<_> = codes.all.iter().map(|code| store.devices.code(code)).collect();
    all.sort_by(|a, b| b.minted_at.cmp(&a.minted_at).then_with(|| a.id.cmp(&b.id)));
    Ok(all)
}

pub(super) fn cancel(
    store: &Store,
    by: &DeviceApprover,
    these: Option<&[SetupId]>,
    now: UnixMs,
) -> Result<Vec<SetupId>, StoreError> {
    let mut tx = Transaction::open(store, Some(by.authority()), now)?;
    let codes = store.codes()?.0;
    let is_meant = |code: &&SetupCode| match (these, &code.state) {
        (_, State::Cancelled) => false,
        (_, State::Unused) if !code.is_unused(tx.now) || is_over(store, code) => false,
        (None, state) => *state == State::Unused,
        (Some(these), _) => these.contains(&code.id),
    };
    let mut meant: Vec<_> = codes.all.iter().filter(is_meant).cloned().collect();
    if meant.is_empty() {
        return Ok(Vec::new());
    }
    meant.iter_mut().for_each(SetupCode::cancel);
    tx.put_codes(&meant)?;
    let ids: Vec<_> = meant.iter().map(|code| code.id.clone()).collect();
    let names: Vec<_> = ids.iter().map(SetupId::as_str).collect();
    let line = Line::by_device_approver(by, action::CODE_CANCEL, tx.now);
    tx.commit(line.named(&names.join(" ")))?;
    Ok(ids)
}
