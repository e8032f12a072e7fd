//! Devices page by page: of very many rows only those of the page are parsed.

use super::Page;
use crate::{Store, StoreError, rules::device::identity::DeviceId};

impl Store {
    /// A page of at most so many devices behind this one. The order is that of [`Self::devices`] if there is one
    /// page, and by id if there are more.
    pub fn device_page(&self, after: Option<&DeviceId>, most: usize) -> Result<Page, StoreError> {
        let (paired, removed) = (self.paired()?.0, self.removed()?.0);
        let is_there = |key: &&str| removed.row(key).is_none();
        let mut keys: Vec<&str> =
            paired.table.rows().map(|(key, _)| key).filter(is_there).collect();
        let total = keys.len();
        if after.is_none() && total <= most {
            return Ok(Page { devices: self.devices()?, next: None, total });
        }
        keys.retain(|key| after.is_none_or(|after| *key > after.as_str()));
        keys.sort_unstable();
        let is_last = keys.len() <= most;
        keys.truncate(most);
        let mut devices = Vec::with_capacity(keys.len());
        for key in keys {
            let id = DeviceId::parse(key);
            let id = id.ok_or_else(|| paired.table.damage(key, "this key is no device's id"))?;
            devices.extend(paired.device(&id, |device| self.devices.freshen(device))?);
        }
        let next = devices.last().filter(|_| !is_last).map(|device| device.id());
        Ok(Page { devices, next, total })
    }
}
