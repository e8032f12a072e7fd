//! The messages that show setup codes: taken away, or overwritten, as soon as the code is worth nothing, and its
//! owner told once why.

pub(crate) mod joins;
pub(crate) mod shown_codes;

use std::{sync::Arc, time::Duration};

use openclaw_plugin_sdk::{ChannelError, Conversation, OutboundMessage, SentRef, Text};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tracing::{debug, warn};

use self::{
    joins::Joins,
    shown_codes::{ShownCodes, Standing},
};
use super::{Gateway, blocking};
use crate::{
    accounts::{
        account::AccountRuntime,
        outbound,
        owners_chat::{OwnersChat, is_owners},
    },
    network::{
        setup_code::{self, Minted, OfferError, Way},
        url::{self, UrlOptions},
    },
    rules::device::{
        approver::DeviceApprover,
        role::Profile,
        setup_code::{LIFETIME_MS, SetupCode, SetupId, Spent},
    },
    store::Store,
    text, world,
};

/// While a message cannot be taken away.
const TRY_AGAIN: Duration = Duration::from_mins(1);
/// While there is none.
const IDLE: Duration = Duration::from_hours(1);

/// The codes that stand in messages, and who is to look at them.
#[derive(Debug, Default)]
pub(crate) struct SetupMessages {
    pub(crate) joins: Joins,
    /// Never held across a wait.
    pub(crate) shown: Mutex<ShownCodes>,
    /// One writes the file at a time.
    turn: tokio::sync::Mutex<()>,
    changed: Notify,
    /// One takes messages away at a time, so that nothing is told twice.
    settling: tokio::sync::Mutex<()>,
}

impl SetupMessages {
    /// With what an earlier run has left.
    pub(crate) fn new(shown: ShownCodes) -> Self {
        Self { shown: Mutex::new(shown), ..Self::default() }
    }

    /// Something may have become of a code.
    pub(crate) fn look(&self) {
        self.changed.notify_one();
    }

    /// Writes what has changed.
    pub(crate) async fn save(&self) {
        let _turn = self.turn.lock().await;
        let Some(writing) = self.shown.lock().writing() else { return };
        if let Err(error) = blocking(writing).await {
            warn!(%error, "a message with a setup code may stay after a restart");
        }
    }

    /// The message of a code has arrived.
    pub(crate) async fn stands(&self, code: &SetupId, sent: &SentRef) {
        self.shown.lock().stands(code, sent);
        self.look();
        self.save().await;
    }

    /// The message of a code did not arrive: nobody has the code, so it is over.
    pub(crate) async fn lost(&self, store: &Arc<Store>, code: &SetupId, by: &DeviceApprover) {
        self.shown.lock().over(code);
        let (store, by, code) = (Arc::clone(store), by.clone(), code.clone());
        let cancel = move || store.cancel_codes(&by, Some(&[code]), world::now());
        if let Err(error) = blocking(cancel).await {
            warn!(%error, "a setup code that did not arrive is good until it expires");
        }
        self.save().await;
    }
}

/// The way that a setup code carries, or why there is none.
pub(crate) async fn way(gateway: &Gateway, wish: &UrlOptions) -> Result<Way, String> {
    let pin = gateway.tls_fingerprint;
    let found = url::find_url(&gateway.config(), gateway.port, pin, &gateway.identity, wish).await;
    found.map_err(|none| none.why())
}

/// Makes a code.
pub(crate) async fn make(
    gateway: &Gateway,
    by: DeviceApprover,
    wished: Profile,
    way: Way,
) -> Result<Minted, OfferError> {
    let make = move |store: &Store| Ok(setup_code::make(store, &by, wished, &way, world::now()));
    gateway.read(make).await?
}

/// Looks after the messages until the gateway stops: whenever something was decided, and when the next code expires.
pub(crate) async fn keep(gateway: Arc<Gateway>) {
    loop {
        let wait = remove_spent(&gateway).await;
        tokio::select! {
            () = gateway.setup.changed.notified() => {}
            () = tokio::time::sleep(wait) => {}
            () = gateway.stop.cancelled() => return,
        }
    }
}

/// Takes away what shows a spent code. How long there is nothing to do by the clock.
pub(crate) async fn remove_spent(gateway: &Arc<Gateway>) -> Duration {
    let _settling = gateway.setup.settling.lock().await;
    let standing = gateway.setup.shown.lock().standing();
    if standing.is_empty() {
        return IDLE;
    }
    let codes = match gateway.read(Store::setup_codes).await {
        Ok(codes) => codes,
        Err(error) => {
            debug!(%error, "what became of the setup codes is not known now");
            return TRY_AGAIN;
        }
    };
    let mut wait = IDLE;
    for one in standing {
        let code = codes.iter().find(|code| code.id == one.code);
        wait = wait.min(match spent(code) {
            None => left(code),
            Some(spent) if take_away(gateway, &one, spent).await => IDLE,
            Some(_) => TRY_AGAIN,
        });
    }
    gateway.setup.save().await;
    wait
}

/// How long a code can still be used.
fn left(code: Option<&SetupCode>) -> Duration {
    let ends = code.map_or(0, |code| code.minted_at.0.saturating_add(LIFETIME_MS));
    Duration::from_millis(ends.saturating_sub(world::now().0)) + Duration::from_millis(50)
}

/// A code that is not even kept any more has expired long ago.
fn spent(code: Option<&SetupCode>) -> Option<Spent> {
    code.map_or(Some(Spent::Expired), |code| code.spent(world::now()))
}

async fn take_away(gateway: &Arc<Gateway>, one: &Standing, spent: Spent) -> bool {
    let Some(account) = gateway.accounts.of_chat(&one.chat) else {
        gateway.setup.shown.lock().over(&one.code);
        return true;
    };
    let prefix = account.config.plugin.abilities.command_prefix;
    let told = match remove(gateway, &account, one, text::spent(spent, prefix)).await {
        Ok(told) => told,
        Err(error) => {
            debug!(channel = one.chat.channel(), %error, "a message with a spent setup code stays for now");
            return false;
        }
    };
    gateway.setup.shown.lock().over(&one.code);
    // An owner who took it back knows.
    if !told && spent != Spent::Cancelled && is_owners(gateway, &account, &one.chat) {
        let told = OutboundMessage::new(place(&account, one), text::spent(spent, prefix));
        if let Err(error) = post(gateway, &account, &one.chat, told).await {
            debug!(channel = one.chat.channel(), %error, "an owner is not told of a setup code");
        }
    }
    true
}

/// The topic in which its owner last wrote, or the chat itself.
fn place(account: &AccountRuntime, one: &Standing) -> Conversation {
    account.last_place(&one.chat).unwrap_or_else(|| one.chat.conversation())
}

/// Deletes a message, or else overwrites it, or else leaves it; true where the overwriting has told.
async fn remove(
    gateway: &Arc<Gateway>,
    account: &AccountRuntime,
    one: &Standing,
    text: Text,
) -> Result<bool, ChannelError> {
    let abilities = account.config.plugin.abilities;
    let to = place(account, one);
    if abilities.deletes {
        let removal = OutboundMessage::removal(to.clone(), one.sent.clone());
        match outbound::send(account, removal, || true).await {
            Err(ChannelError::Undeliverable(_)) => {}
            sent => return sent.map(|_| false),
        }
    }
    if abilities.edits {
        let edit =
            OutboundMessage { replaces: Some(one.sent.clone()), ..OutboundMessage::new(to, text) };
        match post(gateway, account, &one.chat, edit).await {
            Err(ChannelError::Undeliverable(_)) => {}
            sent => return sent.map(|_| true),
        }
    }
    Ok(false)
}

/// Sends something to an owner, while they are one.
async fn post(
    gateway: &Arc<Gateway>,
    account: &AccountRuntime,
    chat: &OwnersChat,
    message: OutboundMessage,
) -> Result<SentRef, ChannelError> {
    outbound::send(account, message, || is_owners(gateway, account, chat)).await
}
