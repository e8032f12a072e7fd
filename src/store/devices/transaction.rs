//! One change of the devices' files, under the writer's lock.

use std::{path::PathBuf, sync::Arc};

use openclaw_plugin_sdk::UnixMs;

use super::{
    paired::{self, Paired},
    pending::Pending,
    row::{self, Row},
    table::{self, Edits, Table},
};
use crate::{
    rules::{
        authority::Authority,
        device::{
            identity::{DeviceId, DeviceKey},
            record::Device,
            request::DeviceRequests,
            setup_code::{SetupCode, State},
        },
    },
    store::{Store, StoreError, audit::Line, change::Change, file::Identity},
};

/// The files as they are now, and what they are to become.
pub(super) struct Transaction<'a> {
    pub(super) store: &'a Store,
    pub(super) now: UnixMs,
    change: Change<'a>,
}

impl<'a> Transaction<'a> {
    /// Waits for the lock. Every file of the folder is held, always in one order.
    pub(super) fn open(
        store: &'a Store,
        by: Option<&Authority>,
        now: UnixMs,
    ) -> Result<Self, StoreError> {
        Self::holding(
            (store, by),
            now,
            ["pending", "paired", "bootstrap", "removed"]
                .map(|name| store.state.devices().join(format!("{name}.json"))),
        )
    }

    /// The same for the legacy nodes.
    pub(super) fn of_nodes(
        store: &'a Store,
        by: Option<&Authority>,
        now: UnixMs,
    ) -> Result<Self, StoreError> {
        Self::holding(
            (store, by),
            now,
            ["pending", "paired"].map(|name| store.state.nodes().join(format!("{name}.json"))),
        )
    }

    fn holding(
        (store, by): (&'a Store, Option<&Authority>),
        now: UnixMs,
        files: impl IntoIterator<Item = PathBuf>,
    ) -> Result<Self, StoreError> {
        let mut change = Change::open(store, by, now)?;
        for file in files {
            change.hold(&file)?;
        }
        Ok(Self { store, now: change.now, change })
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

    /// Writes a device. Of one that was removed nothing stays but what is written here.
    pub(super) fn put_device(&mut self, device: &Device) -> Result<(), StoreError> {
        let id = device.id();
        let (paired, identity) = self.store.paired()?;
        let is_removed = self.store.removed()?.0.row(id.as_str()).is_some();
        let before = paired.table.row(id.as_str()).filter(|_| !is_removed);
        let edits = [(id.as_str().to_owned(), Some(paired::spell(before, device)))].into();
        self.put_paired(&paired, identity, &edits, Some(device.clone()))
    }

    /// Takes a device out.
    pub(super) fn drop_device(&mut self, id: &DeviceId) -> Result<(), StoreError> {
        let (paired, identity) = self.store.paired()?;
        let edits = [(id.as_str().to_owned(), None)].into();
        self.put_paired(&paired, identity, &edits, None)
    }

    /// Writes several rows of devices.
    pub(super) fn put_paired(
        &mut self,
        paired: &Paired,
        identity: Option<Identity>,
        edits: &Edits,
        device: Option<Device>,
    ) -> Result<(), StoreError> {
        let path = self.store.state.devices().join("paired.json");
        let is_ours = identity.is_none_or(|is| self.change.log().wrote(&path, is));
        let made = Arc::new(paired.edited(edits, is_ours, device)?);
        self.change.stage_over(&path, identity, made.table.text())?;
        self.change.renews(&path, move |store, is| store.devices.paired.keep(is, made));
        Ok(())
    }

    /// Writes who waits, if that has changed.
    pub(super) fn put_requests(
        &mut self,
        requests: &DeviceRequests,
        forgotten: Option<&DeviceId>,
    ) -> Result<(), StoreError> {
        let (pending, identity) = self.store.pending()?;
        let made: Pending = pending.edited(requests, forgotten, self.now)?;
        if made.text() == pending.text() {
            return Ok(());
        }
        let path = self.store.state.devices().join("pending.json");
        let made = Arc::new(made);
        self.change.stage_over(&path, identity, made.text())?;
        self.change.renews(&path, move |store, is| store.devices.pending.keep(is, made));
        Ok(())
    }

    /// Forgets what a device waits for.
    pub(super) fn drop_requests(&mut self, device: &DeviceId) -> Result<(), StoreError> {
        let pending = self.store.pending()?.0;
        if !pending.names(device) {
            return Ok(());
        }
        let requests = self.store.devices.requests_but(&pending, Some(device));
        self.put_requests(&requests, Some(device))
    }

    /// Changes the codes of a device; `change` tells whether it did.
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

    /// The codes of a device die with its rights.
    pub(super) fn cancel_codes_of(&mut self, key: &DeviceKey) -> Result<(), StoreError> {
        self.change_codes_of(key, SetupCode::cancel)
    }

    /// The code of a device that was turned away; one that was approved before is not touched.
    pub(super) fn cancel_bound_code_of(&mut self, key: &DeviceKey) -> Result<(), StoreError> {
        self.change_codes_of(key, |code| {
            if matches!(code.state, State::Bound { .. }) {
                code.cancel();
            }
        })
    }

    /// Writes codes.
    pub(super) fn put_codes(&mut self, changed: &[SetupCode]) -> Result<(), StoreError> {
        let (codes, identity) = self.store.codes()?;
        let (paired, removed) = (self.store.paired()?.0, self.store.removed()?.0);
        let is_paired = |id: &DeviceId| {
            paired.table.row(id.as_str()).is_some() && removed.row(id.as_str()).is_none()
        };
        let path = self.store.state.devices().join("bootstrap.json");
        let made = Arc::new(codes.edited(changed, is_paired, self.now)?);
        self.change.stage_over(&path, identity, made.text())?;
        self.change.renews(&path, move |store, is| store.devices.codes.keep(is, made));
        Ok(())
    }

    /// Says that a device was removed, or that it may be known again.
    pub(super) fn put_removed(&mut self, id: &DeviceId, gone: bool) -> Result<(), StoreError> {
        let (removed, identity) = self.store.removed()?;
        if removed.row(id.as_str()).is_some() == gone {
            return Ok(());
        }
        let mut row = Row::new();
        row::put_time(&mut row, "removedAtMs", Some(self.now));
        let row = gone.then(|| table::spell(&row));
        let edits = [(id.as_str().to_owned(), row)].into();
        let path = self.store.state.devices().join("removed.json");
        let made = Arc::new(removed.edited(&edits, std::borrow::Cow::Borrowed)?);
        self.change.stage_over(&path, identity, made.text())?;
        self.change.renews(&path, move |store, is| store.devices.removed.keep(is, made));
        Ok(())
    }

    /// Writes one of the legacy nodes' files.
    pub(super) fn put_nodes(
        &mut self,
        file: NodeFile,
        before: &(Arc<Table>, Option<Identity>),
        edits: &Edits,
    ) -> Result<(), StoreError> {
        let path = self.store.state.nodes().join(file.name());
        let is_ours = before.1.is_none_or(|is| self.change.log().wrote(&path, is));
        let scrubs = file == NodeFile::Paired && !is_ours;
        let keep = |text| {
            if scrubs { paired::scrubbed(text) } else { std::borrow::Cow::Borrowed(text) }
        };
        let made = Arc::new(before.0.edited(edits, keep)?);
        self.change.stage_over(&path, before.1, made.text())?;
        self.change.renews(&path, move |store, is| match file {
            NodeFile::Pending => store.devices.node_pending.keep(is, made),
            NodeFile::Paired => store.devices.node_paired.keep(is, made),
        });
        Ok(())
    }

    /// Done, with a line in the access log.
    pub(super) fn commit(self, line: Line) -> Result<(), StoreError> {
        self.change.commit_files(Vec::new(), line)
    }

    /// Done, and worth no line.
    pub(super) fn commit_silently(self) -> Result<(), StoreError> {
        self.change.commit(Vec::new())
    }
}

/// A file of the legacy nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeFile {
    Paired,
    Pending,
}

impl NodeFile {
    fn name(self) -> &'static str {
        match self {
            Self::Paired => "paired.json",
            Self::Pending => "pending.json",
        }
    }
}
