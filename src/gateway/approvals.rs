//! Cards: what every owner sees of a request in their chat, from the knock to the outcome. Kept durably in the outbox;
//! the reconciler brings what stands in the chats in line with what the store says.

pub(crate) mod decide;
pub(crate) mod held;
mod next_action;
pub(crate) mod notice;
mod outage;
mod outbox;
mod outcome;
mod pending;
mod post;
mod press;
mod recipients;
mod reconciler;
mod said;
mod view;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use openclaw_plugin_sdk::{ChatId, SendFailed, SenderId, SentRef, UnixMs};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tracing::warn;

pub(crate) use self::press::{pressed, reaction_decides, refuse, reply_decides};
use self::{
    outbox::{About, CardCopy},
    outcome::Outcome,
    recipients::seats,
};
use super::{Gateway, blocking};
pub(crate) use crate::approvals::{
    outbox::{Choice, Outbox},
    reconciler::keep,
};
use crate::{
    accounts::{account::AccountRuntime, owners_chat::OwnersChat},
    control::decided::Decided,
    rules::{
        AccountKey,
        device::{request::DeviceRequest, setup_code::SetupId},
        owner::Owner,
    },
    world,
};

/// A card has become a message within this, or a press on it is one on no card.
const SENT_WITHIN: Duration = Duration::from_secs(5);
/// Of refused presses the access log has one line a person in this time.
const NOTED_EVERY_MS: u64 = 3_600_000;
/// So many people of an account are counted who were turned away.
const TURNED_AWAY: usize = 1024;
/// So many people are remembered whose presses were refused; of further ones nothing is noted until there is room.
const NOTED: usize = 1024;

/// The outbox, and who is to look at it.
#[derive(Default)]
pub(crate) struct Cards {
    /// Never held across a wait.
    outbox: Mutex<Outbox>,
    /// One writes the outbox at a time.
    turn: tokio::sync::Mutex<()>,
    /// Something may have changed.
    wake: Notify,
    /// The chats that something is being sent to.
    busy: Mutex<Vec<OwnersChat>>,
    arrived: Notify,
    noted: Mutex<HashMap<String, UnixMs>>,
    /// Of each account whose queue is full: the people who got no code.
    turned_away: Mutex<BTreeMap<AccountKey, BTreeSet<SenderId>>>,
}

impl Cards {
    /// With what an earlier run has left.
    pub(crate) fn new(outbox: Outbox) -> Self {
        Self { outbox: Mutex::new(outbox), ..Self::default() }
    }

    /// Something may have become of a request.
    pub(crate) fn look(&self) {
        self.wake.notify_one();
    }

    /// These chats, too, are shown a device that asks.
    fn show(&self, request: &DeviceRequest, chats: Vec<OwnersChat>) {
        let about = About::Device {
            request: request.id.as_str().to_owned(),
            device: request.device.as_str().to_owned(),
        };
        {
            let mut outbox = self.outbox.lock();
            for to in chats {
                if !outbox.cards().iter().any(|card| card.about == about && card.to == to) {
                    outbox.add(about.clone(), to, false, world::now());
                }
            }
        }
        self.look();
    }

    /// The open cards about what was decided show that from now on.
    pub(crate) fn conclude(&self, decided: &Decided) {
        let Some(outcome) = Outcome::of(decided) else { return };
        let mut outbox = self.outbox.lock();
        let open = outbox.cards().iter().filter(|card| card.outcome.is_none());
        let open = open.filter(|card| card.is_decided_by(decided)).map(|card| card.n);
        for n in open.collect::<Vec<_>>() {
            outbox.conclude(n, &outcome);
        }
    }

    /// The chats on this account have forgotten what they showed: open cards are shown again, in their messages.
    pub(crate) fn show_again(&self, key: &AccountKey) {
        let mut outbox = self.outbox.lock();
        let open =
            |card: &&CardCopy| card.to.is_on(key) && card.outcome.is_none() && card.sent.is_some();
        let shown: Vec<u64> = outbox.cards().iter().filter(open).map(|card| card.n).collect();
        for n in shown {
            outbox.change(n, |card| card.look = None);
        }
        self.look();
    }

    /// A person has written: what their chat takes only then is tried now.
    pub(crate) fn spoken(&self, key: &AccountKey, chat: &ChatId) {
        let mut outbox = self.outbox.lock();
        let waits = |card: &&CardCopy| {
            card.next == outbox::UNTIL_THEY_WRITE
                && card.to.is_on(key)
                && card.to.conversation().id == *chat
        };
        let waiting: Vec<u64> = outbox.cards().iter().filter(waits).map(|card| card.n).collect();
        for n in waiting {
            outbox.change(n, |card| card.next = 0);
            self.look();
        }
    }

    /// How many cards do not stand in their chats as they should, and since when the oldest of them waits that is not
    /// held back.
    pub(crate) fn backlog(&self) -> (usize, Option<UnixMs>) {
        let outbox = self.outbox.lock();
        let owed: Vec<&CardCopy> = outbox.cards().iter().filter(|card| card.is_owed()).collect();
        let since = owed.iter().filter(|card| !card.held).map(|card| card.owed_since());
        (owed.len(), since.min())
    }

    /// The card that this message shows. An owner may be faster than the platform's answer to our sending.
    async fn shown_by(&self, key: &AccountKey, sent: &SentRef) -> Option<CardCopy> {
        let wait = async {
            loop {
                let arrived = self.arrived.notified();
                let mut arrived = std::pin::pin!(arrived);
                arrived.as_mut().enable();
                let found = self.outbox.lock().shown_by(key, sent).cloned();
                let under_way = self
                    .busy
                    .lock()
                    .iter()
                    .any(|to| to.is_on(key) && to.conversation().id == sent.chat);
                if found.is_some() || !under_way {
                    return found;
                }
                arrived.await;
            }
        };
        tokio::time::timeout(SENT_WITHIN, wait).await.ok().flatten()
    }

    /// A person asked for access, and there was no place for them. The owners are told how many. False where the
    /// person was counted before, or too many were.
    pub(crate) fn turn_away(&self, key: &AccountKey, sender: &SenderId) -> bool {
        let mut all = self.turned_away.lock();
        let people = all.entry(key.clone()).or_default();
        let is_new = people.len() < TURNED_AWAY && people.insert(sender.clone());
        if is_new {
            self.look();
        }
        is_new
    }

    /// Who was turned away counts as long as the queue stays full: then they may ask again.
    fn forget_turned_away(&self, is_full: impl Fn(&AccountKey) -> bool) {
        self.turned_away.lock().retain(|key, _| is_full(key));
    }

    fn turned_away(&self) -> usize {
        self.turned_away.lock().values().map(BTreeSet::len).sum()
    }

    /// Whether a refused press of this person is worth a line of the access log now.
    fn is_to_be_noted(&self, who: &str, now: UnixMs) -> bool {
        let mut noted = self.noted.lock();
        noted.retain(|_, at| now.0.saturating_sub(at.0) < NOTED_EVERY_MS);
        let worth = !noted.contains_key(who) && noted.len() < NOTED;
        if worth {
            noted.insert(who.to_owned(), now);
        }
        worth
    }
}

/// A device waits, with the code that it came with: the chat that made the code is shown it, else those that asked to be
/// told.
pub(crate) fn device_asks(gateway: &Gateway, request: &DeviceRequest, code: Option<&SetupId>) {
    let chats = {
        let mut outbox = gateway.setup.shown.lock();
        match code.and_then(|code| outbox.chat_of(code)) {
            Some(chat) => vec![chat],
            None => outbox.listeners(),
        }
    };
    // A code that came with it belongs to the device now.
    gateway.setup.look();
    gateway.cards.show(request, chats);
}

/// A message of ours was not delivered after all: the card that it showed is sent again.
pub(crate) async fn not_delivered(
    gateway: &Gateway,
    account: &AccountRuntime,
    SendFailed { sent, error }: &SendFailed,
) {
    let (channel, key) = (account.config.plugin.id, &account.config.key);
    let said = account.without_secrets(error.clone());
    warn!(channel, account = %key.account, error = %said, "the platform has not delivered a message");
    if let Some(card) = gateway.cards.shown_by(key, sent).await {
        let outbox = &mut gateway.cards.outbox.lock();
        reconciler::not_delivered(outbox, card.n, (sent, error), world::now());
        gateway.cards.look();
    }
}

/// Whether a chat gets the cards of devices without being asked.
pub(crate) fn tells(gateway: &Gateway, chat: &OwnersChat) -> bool {
    let mut groups = recipients::groups(gateway, None).into_iter();
    groups.any(|group| group.first() == Some(chat))
}

/// Tells every owner but one a sentence, and does not give up before it was told. It must hold no code.
pub(crate) fn tell(gateway: &Arc<Gateway>, text: &str, but: Option<&Owner>) {
    let Ok(id) = world::random::<16>() else {
        return warn!("no randomness: owners are not told");
    };
    let id = u128::from_be_bytes(id).to_string();
    let about = About::Notice { id, text: text.to_owned() };
    for (account, owner) in seats(gateway, None) {
        if but != Some(&owner) {
            let chat = account.chat_of(&owner.sender);
            let to = OwnersChat::new(&account.config.key, &chat.id, &owner.sender);
            gateway.cards.outbox.lock().add(about.clone(), to, false, world::now());
        }
    }
    gateway.cards.look();
}

/// Writes what has changed in the outbox.
async fn save(gateway: &Arc<Gateway>) {
    // What changes while another writes is written with all that changed meanwhile.
    let _turn = gateway.cards.turn.lock().await;
    let Some(writing) = gateway.cards.outbox.lock().writing() else { return };
    if let Err(error) = blocking(writing).await {
        gateway.cards.outbox.lock().unwritten();
        warn!(%error, "after a restart an owner may be told twice");
    }
}
