//! What a line of the access log takes from a device is gone from that line on, also before the files say so.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::{
    Store, StoreError,
    audit::{self, Line, action},
    file::Identity,
    rules::device::{identity::DeviceId, role::Role},
};

/// The log's last line where it takes something from a device, and the log that it was read from.
#[derive(Debug, Default)]
pub(super) struct LastLoss(Mutex<Option<(Identity, Option<Arc<Line>>)>>);

impl Store {
    /// True where the log's last line takes this role from the device, or all of it, and the files of that line are
    /// not in their places yet: they are renamed a moment later, or at the next start where a disk fails.
    pub(crate) fn is_losing(&self, id: &DeviceId, role: Option<Role>) -> Result<bool, StoreError> {
        let Some(line) = self.last_loss()? else { return Ok(false) };
        let is_all = line.action == action::DEVICE_REMOVE;
        let is_role = role.is_some_and(|role| line.role.as_deref() == Some(role.word()));
        let waits = |name: &String| self.state.path().join(name).exists();
        Ok(line.subject.as_deref() == Some(id.as_str())
            && (is_all || is_role)
            && line.staged.iter().any(waits))
    }

    /// One `stat` while the log is the same.
    fn last_loss(&self) -> Result<Option<Arc<Line>>, StoreError> {
        let Some(identity) = Identity::at(&self.state.access_log())? else { return Ok(None) };
        let mut kept = self.devices.last_loss.0.lock();
        if let Some((of, line)) = &*kept
            && *of == identity
        {
            return Ok(line.clone());
        }
        let losses = [action::DEVICE_REMOVE, action::TOKEN_REVOKE, action::TOKEN_ROTATE];
        let last = audit::last(&self.state).filter(|line| losses.contains(&line.action.as_str()));
        let last = last.map(Arc::new);
        *kept = Some((identity, last.clone()));
        Ok(last)
    }
}
