//! Setup codes: making, showing and cancelling them.

use openclaw_plugin_sdk::UnixMs;

use super::ask::{by_device, random_id};
use crate::{
    Store, StoreError,
    audit::{Line, action},
    rules::device::{
        approver::DeviceApprover,
        handshake::Setup,
        identity::DeviceKey,
        role::Profile,
        setup_code::{LIFETIME_MS, SetupCode, SetupId, Spent, Standing, State},
        token::{Token, TokenDigest},
    },
    transaction::Transaction,
};

/// How a code would be taken: as it is, and as it would be then.
struct Judged {
    shown: Result<Standing, Spent>,
    before: SetupCode,
    after: SetupCode,
}

impl Store {
    /// How many codes may still bring a device.
    pub(super) fn unused_codes(&self, now: UnixMs) -> Result<usize, StoreError> {
        let codes = self.codes()?.0;
        let unused = codes.unused();
        Ok(unused.filter(|code| code.is_unused(now) && !self.is_code_over(code)).count())
    }

    /// True if its ten minutes are over by the monotonic clock.
    fn is_code_over(&self, code: &SetupCode) -> bool {
        let what = match code.state {
            State::Unused => format!("setup {}", code.id.as_str()),
            State::Approved { fetched_at: None, .. } => format!("fetch {}", code.id.as_str()),
            _ => return false,
        };
        self.ages.is_over(what.as_bytes(), LIFETIME_MS)
    }

    /// Makes a setup code; only the digest of its token is kept.
    pub fn mint_code(
        &self,
        by: &DeviceApprover,
        profile: Profile,
        token: &Token,
        now: UnixMs,
    ) -> Result<SetupCode, StoreError> {
        let id = random_id(self)?;
        let mut tx = Transaction::open_devices(self, Some(by.approver().authority()), now)?;
        let code = SetupCode::mint(SetupId::from_text(&id), token, profile, tx.now);
        tx.put_codes(std::slice::from_ref(&code))?;
        let line = Line::by(by.approver(), action::CODE_MINT, tx.now);
        tx.commit(vec![line.named(code.id.as_str())])?;
        let _fresh = self.is_code_over(&code);
        Ok(code)
    }

    fn judge_code(
        &self,
        token: &TokenDigest,
        key: &DeviceKey,
        now: UnixMs,
    ) -> Result<Option<Judged>, StoreError> {
        let codes = self.codes()?.0;
        let Some(before) = codes.with(token).map(|code| self.devices.code(code)) else {
            return Ok(None);
        };
        let mut after = before.clone();
        let mut shown = after.show(key, now);
        if shown.is_ok() && self.is_code_over(&before) {
            (shown, after) = (Err(Spent::Expired), before.clone());
        }
        Ok(Some(Judged { shown, before, after }))
    }

    /// How a code would be taken, without taking it; [`Setup::Unknown`] if there is none with this token.
    pub fn code_shown(
        &self,
        token: &TokenDigest,
        key: &DeviceKey,
        now: UnixMs,
    ) -> Result<Setup, StoreError> {
        let judged = self.judge_code(token, key, now)?;
        Ok(judged.map_or(Setup::Unknown, |it| Setup::Known(it.shown, it.after.profile)))
    }

    /// A device that has proven its key shows a code: it belongs to the first one. Durable on return.
    pub fn redeem_code(
        &self,
        token: &TokenDigest,
        key: &DeviceKey,
        now: UnixMs,
    ) -> Result<Setup, StoreError> {
        // A code that is bound to nobody by this needs no lock.
        let Some(Judged { shown, before, after }) = self.judge_code(token, key, now)? else {
            return Ok(Setup::Unknown);
        };
        if !is_written(&before, &after) {
            if matches!(shown, Ok(Standing::Waiting)) {
                self.devices.note_code(&before.id, now);
            }
            return Ok(Setup::Known(shown, after.profile));
        }
        let mut tx = Transaction::open_devices(self, None, now)?;
        let Some(Judged { shown, before, after }) = self.judge_code(token, key, tx.now)? else {
            return Ok(Setup::Unknown);
        };
        if is_written(&before, &after) {
            tx.put_codes(std::slice::from_ref(&after))?;
            let is_new = before.state == State::Unused;
            let action = if is_new { action::CODE_BIND } else { action::CODE_FETCH };
            let line = by_device(action, &key.id(), tx.now).named(after.id.as_str());
            tx.commit(vec![line])?;
        }
        Ok(Setup::Known(shown, after.profile))
    }

    /// Every code that is kept, the newest first.
    pub fn setup_codes(&self) -> Result<Vec<SetupCode>, StoreError> {
        let codes = self.codes()?.0;
        let mut all: Vec<_> = codes.all.iter().map(|code| self.devices.code(code)).collect();
        all.sort_by(|a, b| b.minted_at.cmp(&a.minted_at).then_with(|| a.id.cmp(&b.id)));
        Ok(all)
    }

    /// Cancels codes: these, or all unused ones.
    pub fn cancel_codes(
        &self,
        by: &DeviceApprover,
        these: Option<&[SetupId]>,
        now: UnixMs,
    ) -> Result<Vec<SetupId>, StoreError> {
        let mut tx = Transaction::open_devices(self, Some(by.approver().authority()), now)?;
        let codes = self.codes()?.0;
        let is_meant = |code: &&SetupCode| match (these, &code.state) {
            (_, State::Cancelled) => false,
            (_, State::Unused) if !code.is_unused(tx.now) || self.is_code_over(code) => false,
            (None, state) => *state == State::Unused,
            (Some(these), _) => these.contains(&code.id),
        };
        let mut meant: Vec<_> = codes.all.iter().filter(is_meant).cloned().collect();
        if meant.is_empty() {
            return Ok(Vec::new());
        }
        meant.iter_mut().for_each(SetupCode::cancel);
        tx.put_codes(&meant)?;
        let ids: Vec<_> = meant.into_iter().map(|code| code.id).collect();
        let names: Vec<_> = ids.iter().map(SetupId::as_str).collect();
        let line = Line::by(by.approver(), action::CODE_CANCEL, tx.now);
        tx.commit(vec![line.named(&names.join(" "))])?;
        Ok(ids)
    }
}

/// A later visit is only remembered, and written with the others.
fn is_written(before: &SetupCode, after: &SetupCode) -> bool {
    match (&before.state, &after.state) {
        (State::Bound { .. }, State::Bound { .. }) => false,
        (before, after) => before != after,
    }
}
