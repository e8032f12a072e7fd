//! Devices and legacy nodes that another program let in. Their tokens are digested before anything is written.

use openclaw_plugin_sdk::UnixMs;

use super::{
    LegacyNode, nodes, paired,
    row::{self, Row},
};
use crate::{
    Store, StoreError,
    audit::{Fates, Line, action},
    imports::{IMPORT, Left},
    rules::{
        approver::Approver,
        device::{identity::DeviceId, record::Device},
    },
    transaction::Transaction,
};

impl Store {
    /// Why this device would not be taken over; `was_undone` says whether it was removed only because its import was
    /// taken back.
    pub(crate) fn weigh_device(
        &self,
        id: &DeviceId,
        was_undone: impl FnOnce(&str) -> bool,
    ) -> Result<Option<Left>, StoreError> {
        let is_removed = self.removed()?.0.row(id.as_str()).is_some();
        Ok(if is_removed && !was_undone(id.as_str()) {
            Some(Left::Removed)
        } else if !is_removed && self.paired()?.0.table.row(id.as_str()).is_some() {
            Some(Left::Known)
        } else {
            None
        })
    }

    /// Takes a device over.
    pub(crate) fn import_device(
        &self,
        by: &Approver,
        device: &Device,
        now: UnixMs,
        fates: &mut Fates,
    ) -> Result<Option<Left>, StoreError> {
        let id = device.id();
        let mut tx = Transaction::open_devices(self, Some(by.authority()), now)?;
        fates.follow()?;
        if let Some(left) = self.weigh_device(&id, |id| fates.was_undone(id))? {
            return Ok(Some(left));
        }
        tx.put_device(device)?;
        tx.put_removed(&id, false)?;
        tx.drop_requests(&id)?;
        let line = Line::new("cli", IMPORT, action::DEVICE_ADMIT, tx.now);
        tx.commit(vec![line.about(id.as_str())]).map(|()| None)
    }

    /// Removes a device that is as it was taken over. False where it is not.
    pub(crate) fn undo_imported_device(
        &self,
        by: &Approver,
        id: &str,
        now: UnixMs,
        fates: &mut Fates,
    ) -> Result<bool, StoreError> {
        let Some(id) = DeviceId::parse(id) else { return Ok(false) };
        let mut tx = Transaction::open_devices(self, Some(by.authority()), now)?;
        fates.follow()?;
        let device = tx.device(&id)?.filter(|_| fates.is_as_imported(id.as_str()));
        let Some(device) = device else { return Ok(false) };
        tx.put_removed(&id, true)?;
        tx.drop_device(&id)?;
        tx.cancel_codes_of(&device.key)?;
        tx.drop_requests(&id)?;
        let line = Line::new("cli", IMPORT, action::DEVICE_REMOVE, tx.now);
        tx.commit(vec![line.about(id.as_str())]).map(|()| true)
    }

    /// Why this legacy node would not be taken over.
    pub(crate) fn weigh_node(&self, node: &LegacyNode) -> Result<Option<Left>, StoreError> {
        let known = self.node_paired()?.0;
        Ok(known.row(&node.request.node).is_some().then_some(Left::Known))
    }

    /// Takes a legacy node over.
    pub(crate) fn import_node(
        &self,
        by: &Approver,
        node: &LegacyNode,
        now: UnixMs,
    ) -> Result<Option<Left>, StoreError> {
        let mut tx = Transaction::open_nodes(self, Some(by.authority()), now)?;
        if let Some(left) = self.weigh_node(node)? {
            return Ok(Some(left));
        }
        let name = &node.request.node;
        let edits = [(name.clone(), Some(nodes::render_node(Row::new(), node)))].into();
        tx.put_nodes(&self.node_paired()?, &edits)?;
        let line = Line::new("cli", IMPORT, action::NODE_APPROVE, tx.now);
        tx.commit(vec![line.about(name)]).map(|()| None)
    }

    /// Forgets a legacy node that is as it was taken over. False where it is not.
    pub(crate) fn undo_imported_node(
        &self,
        by: &Approver,
        name: &str,
        now: UnixMs,
        fates: &mut Fates,
    ) -> Result<bool, StoreError> {
        let mut tx = Transaction::open_nodes(self, Some(by.authority()), now)?;
        fates.follow()?;
        let paired = self.node_paired()?;
        if !fates.is_as_imported(name) || paired.0.row(name).is_none() {
            return Ok(false);
        }
        tx.put_nodes(&paired, &[(name.to_owned(), None)].into())?;
        let line = Line::new("cli", IMPORT, action::NODE_REMOVE, tx.now);
        tx.commit(vec![line.about(name)]).map(|()| true)
    }
}

/// Reads the row of another program. `None` where its key does not make its id.
pub(crate) fn read_device(row: &Row) -> Option<Device> {
    paired::device(row::text(row, "deviceId")?, row)
}
