//! What a transaction can change in the files of devices and of legacy nodes.

use std::{borrow::Cow, path::Path, sync::Arc};

use openclaw_plugin_sdk::UnixMs;

use super::{
    paired::{self, Paired},
    row::{self, Row},
    table::{self, Edits, Table},
};
use crate::{
    Store, StoreError,
    cached_table::Current,
    rules::{
        authority::Authority,
        device::{
            identity::{DeviceId, DeviceKey},
            record::Device,
            request::DeviceRequests,
            setup_code::{SetupCode, State},
        },
    },
    transaction::Transaction,
};

impl<'a> Transaction<'a> {
    /// A transaction that locks every file of devices, always in one order.
    pub(super) fn open_devices(
        store: &'a Store,
        by: Option<&Authority>,
        now: UnixMs,
    ) -> Result<Self, StoreError> {
        let files = ["pending.json", "paired.json", "bootstrap.json", "removed.json"];
        Self::open(store, by, now)?.locking(&store.state.devices(), &files)
    }

    /// The same for the legacy nodes.
    pub(super) fn open_nodes(
        store: &'a Store,
        by: Option<&Authority>,
        now: UnixMs,
    ) -> Result<Self, StoreError> {
        let files = ["pending.json", "paired.json"];
        Self::open(store, by, now)?.locking(&store.state.nodes(), &files)
    }

    fn locking(mut self, folder: &Path, files: &[&str]) -> Result<Self, StoreError> {
        files.iter().try_for_each(|name| self.lock(&folder.join(name)))?;
        Ok(self)
    }

    /// A device that has rights.
    pub(super) fn device(&self, id: &DeviceId) -> Result<Option<Device>, StoreError> {
        if self.store.removed()?.0.row(id.as_str()).is_some() {
            return Ok(None);
        }
        let paired = self.store.paired()?.0;
        let device = paired.device(id, |device| self.store.devices.freshen(device))?;
        Ok(device.map(Arc::unwrap_or_clone))
    }

    /// Writes a device. Of a removed one nothing stays but what is written here.
    pub(super) fn put_device(&mut self, device: &Device) -> Result<(), StoreError> {
        let id = device.id();
        let paired = self.store.paired()?;
        let is_removed = self.store.removed()?.0.row(id.as_str()).is_some();
        let before = paired.0.table.row(id.as_str()).filter(|_| !is_removed);
        let edits = [(id.as_str().to_owned(), Some(paired::render(before, device)))].into();
        self.put_paired(&paired, &edits, Some(device.clone()))
    }

    /// Takes a device out.
    pub(super) fn drop_device(&mut self, id: &DeviceId) -> Result<(), StoreError> {
        let paired = self.store.paired()?;
        self.put_paired(&paired, &[(id.as_str().to_owned(), None)].into(), None)
    }

    /// Writes several rows of devices.
    pub(super) fn put_paired(
        &mut self,
        (paired, before): &Current<Paired>,
        edits: &Edits,
        device: Option<Device>,
    ) -> Result<(), StoreError> {
        let path = self.store.state.devices().join("paired.json");
        let made = paired.edited(edits, self.is_ours(&path, *before), device)?;
        self.write_table(path, *before, made, |store| &store.devices.paired)
    }

    /// Writes the waiting requests, if they have changed.
    pub(super) fn put_requests(
        &mut self,
        requests: &DeviceRequests,
        forgotten: Option<&DeviceId>,
    ) -> Result<(), StoreError> {
        let (pending, before) = self.store.pending()?;
        let made = pending.edited(requests, forgotten, self.now)?;
        if made.as_ref() == pending.as_ref().as_ref() {
            return Ok(());
        }
        let path = self.store.state.devices().join("pending.json");
        self.write_table(path, before, made, |store| &store.devices.pending)
    }

    /// Forgets the requests of a device.
    pub(super) fn drop_requests(&mut self, device: &DeviceId) -> Result<(), StoreError> {
        let pending = self.store.pending()?.0;
        if !pending.names(device) {
            return Ok(());
        }
        let requests = self.store.devices.requests_but(&pending, Some(device));
        self.put_requests(&requests, Some(device))
    }

    /// Changes the setup codes of a device.
    pub(super) fn change_codes_of(
        &mut self,
        key: &DeviceKey,
        change: impl Fn(&mut SetupCode),
    ) -> Result<(), StoreError> {
        let codes = self.store.codes()?.0;
        let mut changed = Vec::new();
        for code in codes.all.iter().filter(|code| code.key() == Some(key)) {
            let mut new = self.store.devices.code(code);
            change(&mut new);
            if new.state != code.state {
                changed.push(new);
            }
        }
        if changed.is_empty() { Ok(()) } else { self.put_codes(&changed) }
    }

    /// The setup codes of a device end with its rights.
    pub(super) fn cancel_codes_of(&mut self, key: &DeviceKey) -> Result<(), StoreError> {
        self.change_codes_of(key, SetupCode::cancel)
    }

    /// Cancels the code of a rejected device; one that was approved before is not changed.
    pub(super) fn cancel_bound_code_of(&mut self, key: &DeviceKey) -> Result<(), StoreError> {
        self.change_codes_of(key, |code| {
            if matches!(code.state, State::Bound { .. }) {
                code.cancel();
            }
        })
    }

    /// Writes setup codes.
    pub(super) fn put_codes(&mut self, changed: &[SetupCode]) -> Result<(), StoreError> {
        let (codes, before) = self.store.codes()?;
        let (paired, removed) = (self.store.paired()?.0, self.store.removed()?.0);
        let is_paired = |id: &DeviceId| {
            paired.table.row(id.as_str()).is_some() && removed.row(id.as_str()).is_none()
        };
        let made = codes.edited(changed, is_paired, self.now)?;
        let path = self.store.state.devices().join("bootstrap.json");
        self.write_table(path, before, made, |store| &store.devices.codes)
    }

    /// Marks a device as removed, or takes the mark away.
    pub(super) fn put_removed(&mut self, id: &DeviceId, gone: bool) -> Result<(), StoreError> {
        let (removed, before) = self.store.removed()?;
        if removed.row(id.as_str()).is_some() == gone {
            return Ok(());
        }
        let mut row = Row::new();
        row::put_time(&mut row, "removedAtMs", Some(self.now));
        let edits = [(id.as_str().to_owned(), gone.then(|| table::render(&row)))].into();
        let made = removed.edited(&edits, Cow::Borrowed)?;
        let path = self.store.state.devices().join("removed.json");
        self.write_table(path, before, made, |store| &store.devices.removed)
    }

    /// Writes the waiting legacy nodes.
    pub(super) fn put_waiting_nodes(
        &mut self,
        (nodes, before): &Current<Table>,
        edits: &Edits,
    ) -> Result<(), StoreError> {
        let made = nodes.edited(edits, Cow::Borrowed)?;
        let path = self.store.state.nodes().join("pending.json");
        self.write_table(path, *before, made, |store| &store.devices.node_pending)
    }

    /// Writes the approved legacy nodes.
    pub(super) fn put_nodes(
        &mut self,
        (nodes, before): &Current<Table>,
        edits: &Edits,
    ) -> Result<(), StoreError> {
        let path = self.store.state.nodes().join("paired.json");
        let is_ours = self.is_ours(&path, *before);
        let made = nodes.edited(edits, |text| {
            if is_ours { Cow::Borrowed(text) } else { paired::scrubbed(text) }
        })?;
        self.write_table(path, *before, made, |store| &store.devices.node_paired)
    }
}
