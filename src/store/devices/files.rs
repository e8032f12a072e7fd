//! The store of devices, in files.

use std::sync::Arc;

use openclaw_plugin_sdk::UnixMs;

use super::{
    DeviceStore, Known, LegacyNode, NodeRequest, Page, Untouched, ask,
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
    store::{StoreError, audit::action, devices::transaction::Transaction, files::FileStore},
    world,
};

impl DeviceStore for FileStore {
    fn device(&self, id: &DeviceId) -> Result<Known, StoreError> {
        let paired = self.paired()?.0;
        // A row of a removed device, whoever wrote it back, is worth nothing.
        if self.removed()?.0.row(id.as_str()).is_some() || self.is_losing(id, None)? {
            return Ok(Known::Removed);
        }
        let device = paired.device(id, |device| self.devices.freshen(device))?;
        Ok(device.map_or(Known::Stranger, Known::Device))
    }

    fn devices(&self) -> Result<Vec<Arc<Device>>, StoreError> {
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

    fn device_page(&self, after: Option<&DeviceId>, most: usize) -> Result<Page, StoreError> {
        page::page(self, after, most)
    }

    fn device_requests(&self, now: UnixMs) -> Result<Vec<DeviceRequest>, StoreError> {
        ask::waiting(self, now)
    }

    fn replaced_requests(
        &self,
        now: UnixMs,
    ) -> Result<Vec<(DeviceRequestId, DeviceRequestId)>, StoreError> {
        Ok(self.pending()?.0.replaced(now))
    }

    fn ask_device(&self, wish: &Wish, now: UnixMs) -> Result<Ask, StoreError> {
        ask::ask(self, wish, now)
    }

    fn admit_device(
        &self,
        by: &Authority,
        wish: (&Wish, ApprovedVia),
        fresh: &[(Role, Token)],
        now: UnixMs,
    ) -> Result<Option<Arc<Device>>, StoreError> {
        ask::admit(self, by, wish, fresh, now)
    }

    fn approve_device(
        &self,
        by: &DeviceApprover,
        id: &DeviceRequestId,
        displayed: Revision,
        now: UnixMs,
    ) -> Result<Result<Arc<Device>, Undecided>, StoreError> {
        decide::approve(self, &Decision { by, id, displayed }, now)
    }

    fn reject_device(
        &self,
        by: &DeviceApprover,
        id: &DeviceRequestId,
        displayed: Revision,
        now: UnixMs,
    ) -> Result<Result<DeviceRequest, Undecided>, StoreError> {
        decide::reject(self, &Decision { by, id, displayed }, now)
    }

    fn issue_tokens(
        &self,
        by: &Authority,
        id: &DeviceId,
        fresh: &[(Role, Token)],
        now: UnixMs,
    ) -> Result<Option<Arc<Device>>, StoreError> {
        ask::issue(self, by, id, fresh, now)
    }

    fn device_seen(&self, id: &DeviceId, token: Option<(Role, TokenDigest)>, now: UnixMs) {
        self.devices.note_seen(id, token, now);
        // What was never read here will be fresh when it is.
        if let Ok((paired, _)) = self.paired() {
            paired.touch(id, |device| self.devices.freshen(device));
        }
    }

    fn flush_devices(&self) -> Result<(), StoreError> {
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

    fn remove_device(
        &self,
        by: &DeviceApprover,
        id: &DeviceId,
        now: UnixMs,
    ) -> Result<Result<(), Untouched>, StoreError> {
        decide::remove(self, by, id, now)
    }

    fn rename_device(
        &self,
        by: &DeviceApprover,
        id: &DeviceId,
        label: &str,
        now: UnixMs,
    ) -> Result<Result<(), Untouched>, StoreError> {
        decide::rename(self, by, id, label, now)
    }

    fn rotate_token(
        &self,
        by: &DeviceApprover,
        id: &DeviceId,
        change: (Role, Option<Scopes>, &Token),
        now: UnixMs,
    ) -> Result<Result<DeviceToken, Untouched>, StoreError> {
        decide::rotate(self, by, id, change, now)
    }

    fn revoke_token(
        &self,
        by: &DeviceApprover,
        id: &DeviceId,
        role: Role,
        now: UnixMs,
    ) -> Result<Result<UnixMs, Untouched>, StoreError> {
        decide::revoke(self, by, id, role, now)
    }

    fn mint_code(
        &self,
        by: &DeviceApprover,
        profile: Profile,
        token: &Token,
        now: UnixMs,
    ) -> Result<SetupCode, StoreError> {
        setup::mint(self, by, profile, token, now)
    }

    fn setup_codes(&self) -> Result<Vec<SetupCode>, StoreError> {
        setup::all(self)
    }

    fn code_shown(
        &self,
        token: &TokenDigest,
        key: &DeviceKey,
        now: UnixMs,
    ) -> Result<Setup, StoreError> {
        setup::shown(self, token, key, now)
    }

    fn redeem_code(
        &self,
        token: &TokenDigest,
        key: &DeviceKey,
        now: UnixMs,
    ) -> Result<Setup, StoreError> {
        setup::redeem(self, token, key, now)
    }

    fn cancel_codes(
        &self,
        by: &DeviceApprover,
        these: Option<&[SetupId]>,
        now: UnixMs,
    ) -> Result<Vec<SetupId>, StoreError> {
        setup::cancel(self, by, these, now)
    }

    fn nodes(&self, now: UnixMs) -> Result<(Vec<NodeRequest>, Vec<LegacyNode>), StoreError> {
        nodes::all(self, now)
    }

    fn ask_node(
        &self,
        request: &NodeRequest,
        now: UnixMs,
    ) -> Result<Option<(NodeRequest, bool)>, StoreError> {
        nodes::ask(self, request, now)
    }

    fn approve_node(
        &self,
        by: &DeviceApprover,
        request: &str,
        fresh: &Token,
        now: UnixMs,
    ) -> Result<Option<LegacyNode>, StoreError> {
        nodes::approve(self, by, request, fresh, now)
    }

    fn reject_node(
        &self,
        by: &DeviceApprover,
        request: &str,
        now: UnixMs,
    ) -> Result<Option<NodeRequest>, StoreError> {
        nodes::reject(self, by, request, now)
    }

    fn remove_node(
        &self,
        by: &DeviceApprover,
        node: &str,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        nodes::change(self, by, (action::NODE_REMOVE, node), now, |_| None)
    }

    fn rename_node(
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
