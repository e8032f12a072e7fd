//! Keeps what an account's channel notes for itself.

use std::{
    io,
    sync::{Arc, Weak},
};

use openclaw_plugin_sdk::async_trait;
use parking_lot::Mutex;

use super::account::AccountRuntime;
use crate::{blocking, store::notes::Notes};

/// The notes of an account that runs.
#[derive(Debug)]
pub(crate) struct Keeper {
    account: Weak<AccountRuntime>,
    notes: Mutex<Notes>,
    /// One at a time is written.
    turn: tokio::sync::Mutex<()>,
}

impl Keeper {
    pub(crate) fn new(account: &Arc<AccountRuntime>, notes: Notes) -> Self {
        let (notes, turn) = (Mutex::new(notes), tokio::sync::Mutex::default());
        Self { account: Arc::downgrade(account), notes, turn }
    }
}

#[async_trait]
impl openclaw_plugin_sdk::Notes for Keeper {
    fn read(&self, key: &str) -> Option<String> {
        let login = self.account.upgrade()?.mark();
        self.notes.lock().get(login, key).map(str::to_owned)
    }

    async fn write(&self, key: String, value: String) -> io::Result<()> {
        let Some(account) = self.account.upgrade() else { return Err(io::ErrorKind::Other.into()) };
        let _turn = self.turn.lock().await;
        let notes = self.notes.lock().with(account.mark(), key, value);
        let written = blocking(move || notes.write().map(|()| notes)).await;
        *self.notes.lock() = written.map_err(io::Error::other)?;
        Ok(())
    }
}
