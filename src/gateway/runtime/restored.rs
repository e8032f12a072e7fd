//! A restored copy of a state folder that nobody has confirmed: until then every account counts as switched off.

use std::sync::atomic::Ordering;

use tracing::warn;

use crate::{Gateway, blocking, config::Config, store::Store, text};

/// Switches every account off where the folder waits for a confirmation, and says whether it does. The console is the
/// host's own. Blocks on disk.
pub(super) fn hold_back(store: &Store, config: &mut Config) -> bool {
    // Where nobody can say, it waits.
    let waits = !matches!(store.unconfirmed(), Ok(None));
    let held = config.accounts.iter_mut().filter(|one| waits && !one.plugin.abilities.console);
    held.for_each(|account| account.enabled = false);
    if waits {
        warn!("{}", text::UNCONFIRMED);
    }
    waits
}

/// True once, after the confirmation.
pub(super) async fn is_confirmed_now(gateway: &Gateway) -> bool {
    if !gateway.is_unconfirmed() {
        return false;
    }
    let store = std::sync::Arc::clone(&gateway.store);
    let confirmed = matches!(blocking(move || store.unconfirmed()).await, Ok(None));
    if confirmed {
        gateway.unconfirmed.store(false, Ordering::Release);
    }
    confirmed
}
