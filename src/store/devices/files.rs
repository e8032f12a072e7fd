//! The store of devices, in files.

use std::sync::Arc;

use openclaw_plugin_sdk::UnixMs;

use super::{
    Known, LegacyNode, NodeRequest, Page, Untouched, ask,
    decide::{self, Decision},
    nodes, page, paired, row, setup,
    table::Edits,
};
use crate::{
    rules::{
        authority::Authority,
        device::{
            approver::DeviceApprover,
            handshake::Setup,
            identity::{DeviceId, DeviceKey},
            record::{ApprovedVia, Device},
            request::{Ask, DeviceRequest, DeviceRequestId, Revision, Undecided, Wish},
            role::{Profile, Role, Scopes},
            setup_code::{SetupCode, SetupId},
            token::{DeviceToken, Token, TokenDigest},
        },
    },
    store::{Store, StoreError, audit::action, devices::transaction::Transaction},
    world,
};

impl Store {
    /// One device.
    pub fn device(&self, id: &DeviceId) -> Result<Known, StoreError> {
        let paired = self.paired()?.0;
        // A row of a removed device, whoever wrote it back, is worth nothing.
        if self.removed()?.0.row(id.as_str()).is_some() || self.is_losing(id, None)? {
            return Ok(Known::Removed);
        }
        let device = paired.device(id, |device| self.devices.freshen(device))?;
        Ok(device.map_or(Known::Stranger, Known::Device))
    }

    /// All devices, the last approved first.
    pub fn devices(&self) -> Result<Vec<Arc<Device>>, StoreError> {
        let (paired, removed) = (self.paired()?.0, self.removed()?.0);
        let mut all = paired.all()?;
        if !removed.is_empty() {
            all.retain(|device| removed.row(device.id().as_str()).is_none());
        }
        for device in &mut all {
            self.devices.freshen(device);
        }
        all.sort_by(|a, b| b.approved_at.cmp(&a.approved_at).then_with(|| a.key.cmp(&b.key)));
        Ok(all.into_iter().map(Arc::new).collect())
    }

    /// A page of at most so many devices behind this one. The order is that of [`Self::devices`] where there is one
    /// page, and by id where there are more.
    pub fn device_page(&self, after: Option<&DeviceId>, most: usize) -> Result<Page, StoreError> {
        page::page(self, after, most)
    }

    /// The devices that wait, the newest first, none of them expired.
    pub fn device_requests(&self, now: UnixMs) -> Result<Vec<DeviceRequest>, StoreError> {
        ask::waiting(self, now)
    }

    /// The ids that waiting requests have replaced, each with its successor.
    pub fn replaced_requests(
        &self,
        now: UnixMs,
    ) -> Result<Vec<(DeviceRequestId, DeviceRequestId)>, StoreError> {
        Ok(self.pending()?.0.replaced(now))
    }

    /// A device asks, or asks again. A place is kept for each unused setup code.
    pub fn ask_device(&self, wish: &Wish, now: UnixMs) -> Result<Ask, StoreError> {
        ask::ask(self, wish, now)
    }

    /// Lets a device in without a request, as the configuration says (`via`), and gives it these tokens, in one
    /// change; `by` is what it has shown. Never one that was removed, and never more to one that is known: `None` then.
    pub fn admit_device(
        &self,
        by: &Authority,
        wish: (&Wish, ApprovedVia),
        fresh: &[(Role, Token)],
        now: UnixMs,
    ) -> Result<Option<Arc<Device>>, StoreError> {
        ask::admit(self, by, wish, fresh, now)
    }

    /// Approves a waiting device as it was displayed; the setup code it came with is its own from here.
    pub fn approve_device(
        &self,
        by: &DeviceApprover,
        id: &DeviceRequestId,
        displayed: Revision,
        now: UnixMs,
    ) -> Result<Result<Arc<Device>, Undecided>, StoreError> {
        decide::approve(self, &Decision { by, id, displayed }, now)
    }

    /// Turns a waiting device away; the setup code it came with is over.
    pub fn reject_device(
        &self,
        by: &DeviceApprover,
        id: &DeviceRequestId,
        displayed: Revision,
        now: UnixMs,
    ) -> Result<Result<DeviceRequest, Undecided>, StoreError> {
        decide::reject(self, &Decision { by, id, displayed }, now)
    }

    /// Puts fresh tokens in their roles' places, for the roles that the device still has; `by` is what it has shown. `None` where it has
    /// lost one meanwhile: nothing was changed.
    pub fn issue_tokens(
        &self,
        by: &Authority,
        id: &DeviceId,
        fresh: &[(Role, Token)],
        now: UnixMs,
    ) -> Result<Option<Arc<Device>>, StoreError> {
        ask::issue(self, by, id, fresh, now)
    }

    /// The device has shown this token, or come without one (`None`). Kept in memory, and written with the others
    /// at the next [`Self::flush_devices`].
    pub fn device_seen(&self, id: &DeviceId, token: Option<(Role, TokenDigest)>, now: UnixMs) {
        self.devices.note_seen(id, token, now);
        // What was never read here will be fresh when it is.
        if let Ok((paired, _)) = self.paired() {
            paired.touch(id, |device| self.devices.freshen(device));
        }
    }

    /// Writes what has gathered: last-used times, and retries of requests.
    pub fn flush_devices(&self) -> Result<(), StoreError> {
        let seen = self.devices.all_seen();
        let retries = self.devices.retries_are_due(&self.pending()?.0);
        let codes = self.devices.codes_to_write(&self.codes()?.0);
        if seen.is_empty() && !retries && codes.is_empty() {
            return Ok(());
        }
        let mut tx = Transaction::open(self, None, world::now())?;
        let (paired, identity) = self.paired()?;
        let mut edits = Edits::new();
        for (id, seen) in &seen {
            let (Some(before), Some(mut device)) = (paired.table.row(id.as_str()), tx.device(id)?)
            else {
                continue;
            };
            seen.apply(&mut device);
            let row = paired::seen(before, &device, seen.at);
            if row != before {
                edits.insert(id.as_str().to_owned(), Some(row));
            }
        }
        if !edits.is_empty() {
            tx.put_paired(&paired, identity, &edits, None)?;
        }
        if retries {
            let requests = self.devices.requests(&self.pending()?.0);
            tx.put_requests(&requests, None)?;
        }
        let codes = self.devices.codes_to_write(&self.codes()?.0);
        if !codes.is_empty() {
            tx.put_codes(&codes)?;
        }
        tx.commit_silently()?;
        self.devices.written(&seen);
        self.devices.codes_were_written(&self.codes()?.0);
        if retries {
            self.devices.retries_were_written();
        }
        Ok(())
    }

    /// Forgets a device for good, with its requests; its setup code is over.
    pub fn remove_device(
        &self,
        by: &DeviceApprover,
        id: &DeviceId,
        now: UnixMs,
    ) -> Result<Result<(), Untouched>, StoreError> {
        decide::remove(self, by, id, now)
    }

    /// Gives a device the name that owners see.
    pub fn rename_device(
        &self,
        by: &DeviceApprover,
        id: &DeviceId,
        label: &str,
        now: UnixMs,
    ) -> Result<Result<(), Untouched>, StoreError> {
        decide::rename(self, by, id, label, now)
    }

    /// Replaces a token; without `scopes` it keeps those it has. Its setup code is over.
    pub fn rotate_token(
        &self,
        by: &DeviceApprover,
        id: &DeviceId,
        change: (Role, Option<Scopes>, &Token),
        now: UnixMs,
    ) -> Result<Result<DeviceToken, Untouched>, StoreError> {
        decide::rotate(self, by, id, change, now)
    }

    /// Takes a role away until somebody approves it again; its setup code is over.
    pub fn revoke_token(
        &self,
        by: &DeviceApprover,
        id: &DeviceId,
        role: Role,
        now: UnixMs,
    ) -> Result<Result<UnixMs, Untouched>, StoreError> {
        decide::revoke(self, by, id, role, now)
    }

    /// Makes a setup code; only the digest of its token is kept.
    pub fn mint_code(
        &self,
        by: &DeviceApprover,
        profile: Profile,
        token: &Token,
        now: UnixMs,
    ) -> Result<SetupCode, StoreError> {
        setup::mint(self, by, profile, token, now)
    }

    /// Every code that is kept, the newest first.
    pub fn setup_codes(&self) -> Result<Vec<SetupCode>, StoreError> {
        setup::all(self)
    }

    /// How a code would be taken, without taking it; [`Setup::Unknown`] where there is none with this token.
    pub fn code_shown(
        &self,
        token: &TokenDigest,
        key: &DeviceKey,
        now: UnixMs,
    ) -> Result<Setup, StoreError> {
        setup::shown(self, token, key, now)
    }

    /// A device that has proven its key shows a code: the first has it for good. Durable before it returns.
    pub fn redeem_code(
        &self,
        token: &TokenDigest,
        key: &DeviceKey,
        now: UnixMs,
    ) -> Result<Setup, StoreError> {
        setup::redeem(self, token, key, now)
    }

    /// Takes codes back: these, or all that nobody has used.
    pub fn cancel_codes(
        &self,
        by: &DeviceApprover,
        these: Option<&[SetupId]>,
        now: UnixMs,
    ) -> Result<Vec<SetupId>, StoreError> {
        setup::cancel(self, by, these, now)
    }

    /// The legacy nodes that wait, and those that were let in; the newest first.
    pub fn nodes(&self, now: UnixMs) -> Result<(Vec<NodeRequest>, Vec<LegacyNode>), StoreError> {
        nodes::all(self, now)
    }

    /// A legacy node asks; true where the request is new. At most 64 wait; `None` beyond.
    pub fn ask_node(
        &self,
        request: &NodeRequest,
        now: UnixMs,
    ) -> Result<Option<(NodeRequest, bool)>, StoreError> {
        nodes::ask(self, request, now)
    }

    /// Approves a waiting legacy node with a fresh token. `None` where it does not wait.
    pub fn approve_node(
        &self,
        by: &DeviceApprover,
        request: &str,
        fresh: &Token,
        now: UnixMs,
    ) -> Result<Option<LegacyNode>, StoreError> {
        nodes::approve(self, by, request, fresh, now)
    }

    /// Turns a waiting legacy node away. `None` where it does not wait.
    pub fn reject_node(
        &self,
        by: &DeviceApprover,
        request: &str,
        now: UnixMs,
    ) -> Result<Option<NodeRequest>, StoreError> {
        nodes::reject(self, by, request, now)
    }

    /// Forgets a legacy node. False where there is none.
    pub fn remove_node(
        &self,
        by: &DeviceApprover,
        node: &str,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        nodes::change(self, by, (action::NODE_REMOVE, node), now, |_| None)
    }

    /// Gives a legacy node another name. False where there is none.
    pub fn rename_node(
        &self,
        by: &DeviceApprover,
        node: &str,
        name: &str,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        nodes::change(self, by, (action::NODE_RENAME, node), now, |mut row| {
            row::put(&mut row, "displayName", Some(name));
            Some(row)
        })
    }
}
