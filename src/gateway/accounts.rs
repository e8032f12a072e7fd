//! The accounts of the running gateway: which there are may change, and none is ever there twice.

pub(crate) mod account;
pub(crate) mod notes;
pub(crate) mod outbound;
pub(crate) mod overview;
pub(crate) mod owners_chat;
pub(crate) mod pages;
pub(crate) mod patience;
pub(crate) mod status;

use std::sync::Arc;

use parking_lot::RwLock;

use self::{account::AccountRuntime, owners_chat::OwnersChat};
use crate::rules::AccountKey;

/// Every account that was switched on since the start.
#[derive(Default)]
pub(crate) struct Accounts(RwLock<Vec<Arc<AccountRuntime>>>);

impl Accounts {
    pub(crate) fn new(all: Vec<Arc<AccountRuntime>>) -> Self {
        Self(RwLock::new(all))
    }

    /// Those that are switched on now.
    pub(crate) fn on(&self) -> Vec<Arc<AccountRuntime>> {
        self.all(|account| account.rules().enabled)
    }

    /// The account with this key, if it is switched on now.
    pub(crate) fn of(&self, key: &AccountKey) -> Option<Arc<AccountRuntime>> {
        self.known(key).filter(|account| account.rules().enabled)
    }

    /// The account that writes in an owner's chat, if it is switched on now.
    pub(crate) fn of_chat(&self, chat: &OwnersChat) -> Option<Arc<AccountRuntime>> {
        self.on().into_iter().find(|account| chat.is_on(&account.config.key))
    }

    /// The account with this key, if it ever was: it has its journal.
    pub(crate) fn known(&self, key: &AccountKey) -> Option<Arc<AccountRuntime>> {
        self.all(|account| account.config.key == *key).pop()
    }

    /// All that were ever switched on.
    pub(crate) fn ever(&self) -> Vec<Arc<AccountRuntime>> {
        self.all(|_| true)
    }

    /// One more.
    pub(crate) fn add(&self, account: Arc<AccountRuntime>) {
        let mut all = self.0.write();
        all.push(account);
        all.sort_by(|one, other| one.config.key.cmp(&other.config.key));
    }

    fn all(&self, fits: impl Fn(&AccountRuntime) -> bool) -> Vec<Arc<AccountRuntime>> {
        let all = self.0.read();
        all.iter().filter(|account| fits(account)).cloned().collect()
    }
}
