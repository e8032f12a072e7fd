//! Whether the grounds of a right are still there. Asked under the lock, so that no right counts that was taken away
//! while its change waited.

use std::sync::Arc;

use parking_lot::{Mutex, RwLock, RwLockReadGuard};

use super::{Store, StoreError, devices::Known};
use crate::{
    rules::{
        authority::{Authority, Grounds, Rights, SecretMark, Shown},
        device::{handshake::Setup, record::Device, setup_code::Standing, token::DeviceToken},
    },
    world,
};

/// What the configuration says, and the order of its changes and ours.
#[derive(Debug, Default)]
pub(super) struct CurrentGrounds {
    order: RwLock<()>,
    grounds: Mutex<Arc<Grounds>>,
}

impl CurrentGrounds {
    /// From here on this holds; a change that has begun ends before.
    pub(super) fn set(&self, grounds: Grounds) {
        let _order = self.order.write();
        *self.grounds.lock() = Arc::new(grounds);
    }

    /// Nothing else holds until this is dropped.
    pub(super) fn lock_order(&self) -> RwLockReadGuard<'_, ()> {
        self.order.read()
    }

    fn now(&self) -> Arc<Grounds> {
        Arc::clone(&self.grounds.lock())
    }

    fn is_present(&self, mark: &SecretMark) -> bool {
        self.now().secret.as_ref().is_some_and(|present| present.is(mark))
    }
}

impl Store {
    /// True while the grounds of this right are there. One `stat` a file while nothing changed.
    pub fn holds(&self, by: &Authority) -> Result<bool, StoreError> {
        match by {
            // The caller that lets a device in by its code checks that the code is bound to it.
            Authority::Host | Authority::Newcomer(Shown::SetupCode(_)) => Ok(true),
            Authority::Owner(owner) => {
                Ok(self.grounds.now().owners.0.contains(owner) || self.owners()?.0.contains(owner))
            }
            Authority::Newcomer(Shown::Secret(mark)) => Ok(self.grounds.is_present(mark)),
            Authority::Newcomer(Shown::DeviceToken(_)) => Ok(false),
            Authority::Session(rights) => session(self, rights),
        }
    }
}

fn session(store: &Store, rights: &Rights) -> Result<bool, StoreError> {
    if let Shown::Secret(mark) = &rights.shown
        && !store.grounds.is_present(mark)
    {
        return Ok(false);
    }
    let Some(id) = &rights.device else { return Ok(matches!(rights.shown, Shown::Secret(_))) };
    match store.device(id)? {
        Known::Device(_) if store.is_losing(id, Some(rights.role))? => Ok(false),
        Known::Device(device) => of_device(store, rights, &device),
        Known::Removed | Known::Stranger => Ok(false),
    }
}

fn of_device(store: &Store, rights: &Rights, device: &Device) -> Result<bool, StoreError> {
    let Some(approved) = device.scopes_as(rights.role) else { return Ok(false) };
    if approved.lacks(rights.scopes).is_some() {
        return Ok(false);
    }
    match &rights.shown {
        Shown::Secret(_) => Ok(true),
        Shown::DeviceToken(shown) => {
            let same = |token: &&DeviceToken| token.is_good() && token.digest.matches(shown);
            Ok(device.tokens.get(&rights.role).as_ref().is_some_and(same))
        }
        Shown::SetupCode(shown) => {
            let code = store.code_shown(shown, &device.key, world::now())?;
            Ok(matches!(code, Setup::Known(Ok(Standing::Approved { .. }), _)))
        }
    }
}
