//! What became of a request that waits no more: by the access log, else by the files and the clock.

use std::{collections::BTreeMap, sync::Arc};

use openclaw_plugin_sdk::{AccountId, SenderId, UnixMs};
use serde::{Deserialize, Serialize};

use crate::{
    Gateway,
    accounts::owners_chat::OwnersChat,
    approvals::outbox::{About, CardCopy},
    control::decided::{self as control, Decided, Subject},
    rules::{AccountKey, Contact, records::Standing},
    store::{Store, StoreError, audit},
    world,
};

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum How {
    /// An owner approved the request.
    Approved,
    /// An owner blocked the sender.
    Blocked,
    /// The configuration lets the sender in.
    Configured,
    /// An owner rejected the request.
    Denied,
    /// Another program on the same folder gave access.
    Elsewhere,
    /// A newer one took its place.
    Evicted,
    /// Nobody decided.
    Expired,
    /// An owner gave the access another end.
    Extended,
    /// The sender is an owner now.
    Owner,
    /// What did not work works again.
    Recovered,
    /// It asks for something else now.
    Replaced,
    /// A sentence that was told.
    Told,
    /// The owner who blocked the sender has undone it.
    Unblocked,
    /// It was taken out: by another program on the same folder, or with what it was about.
    Withdrawn,
}

/// What became of a request, and who decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Outcome {
    pub(crate) how: How,
    /// The actor, as the access log names them.
    pub(crate) by: Option<String>,
    /// `chat`, `cli`, `socket`.
    pub(crate) surface: Option<String>,
    pub(crate) at: u64,
    /// When the access ends, as state files write it.
    pub(crate) until: Option<String>,
}

impl Outcome {
    /// What a card looks like that shows it.
    pub(crate) fn look(&self) -> &'static str {
        match self.how {
            How::Approved => "over/approved",
            How::Blocked => "over/blocked",
            How::Configured => "over/configured",
            How::Denied => "over/denied",
            How::Elsewhere => "over/elsewhere",
            How::Owner => "over/owner",
            How::Evicted => "over/evicted",
            How::Expired => "over/expired",
            How::Extended => "over/extended",
            How::Recovered => "over/recovered",
            How::Replaced => "over/replaced",
            How::Told => "over/told",
            How::Unblocked => "over/unblocked",
            How::Withdrawn => "over/withdrawn",
        }
    }

    /// When the access ends, where it does.
    pub(super) fn until(&self) -> Option<UnixMs> {
        self.until.as_deref().and_then(world::from_iso)
    }

    /// True where the owner of this very chat has decided.
    pub(crate) fn is_by(&self, to: &OwnersChat) -> bool {
        self.by.as_deref() == Some(&*to.actor())
    }

    /// An owner has undone a block in a chat.
    pub(super) fn undone(by: &str, now: UnixMs) -> Self {
        let (by, surface) = (Some(by.to_owned()), Some("chat".to_owned()));
        Self { how: How::Unblocked, by, surface, at: now.0, until: None }
    }

    pub(super) fn nobody(how: How, now: UnixMs) -> Self {
        Self { how, by: None, surface: None, at: now.0, until: None }
    }

    /// What a decision means for the cards about it.
    pub(super) fn of(decided: &Decided) -> Option<Self> {
        let how = match decided.outcome {
            control::Outcome::Approved => How::Approved,
            control::Outcome::Blocked => How::Blocked,
            control::Outcome::Denied => How::Denied,
            control::Outcome::Evicted => {
                let is_listed = decided.surface == audit::CONFIG;
                let how = if is_listed { How::Configured } else { How::Evicted };
                return Some(Self::nobody(how, decided.at));
            }
            control::Outcome::Extended => How::Extended,
            _ => return None,
        };
        let lasts = matches!(how, How::Approved | How::Extended);
        Some(Self {
            how,
            by: Some(decided.by.clone()),
            surface: Some(decided.surface.clone()),
            at: decided.at.0,
            until: decided.until.clone().filter(|_| lasts),
        })
    }
}

impl CardCopy {
    /// True for a decision about what this card asks.
    pub(super) fn is_decided_by(&self, decided: &Decided) -> bool {
        // Where no request is named, only what came after the card is about it.
        let is_newer = decided.at.0 >= self.came;
        match (&self.about, &decided.subject) {
            (About::Device { request, .. }, Subject::Device { request: Some(named), .. }) => {
                request == named
            }
            (About::Lapse { who, .. }, Subject::Person { contact: Some(contact), .. }) => {
                let ends = matches!(
                    decided.outcome,
                    control::Outcome::Blocked | control::Outcome::Extended
                );
                ends && is_newer && *who == contact.to_string()
            }
            (About::Sender { request, .. }, Subject::Person { request: Some(named), .. }) => {
                request == named.as_str()
            }
            (
                About::Sender { channel, sender, .. },
                Subject::Person { contact: Some(Contact { key, sender: named }), request: None },
            ) => {
                let blocked = decided.outcome == control::Outcome::Blocked;
                blocked && is_newer && *channel == key.channel && sender == named.as_str()
            }
            _ => false,
        }
    }
}

/// Concludes the open cards about what waits no more: as the access log says, else as the files and the clock do.
pub(super) async fn conclude(
    gateway: &Arc<Gateway>,
    gone: Vec<(About, UnixMs)>,
) -> Result<(), StoreError> {
    // A decision has its line in the access log before its request is gone.
    if gone.is_empty() || !gateway.follow_decisions().await? {
        return Ok(());
    }
    let find = move |store: &Store| {
        let ended = gone.into_iter().filter_map(|(about, ends)| {
            let how = unwritten(store, &about, ends, world::now()).transpose()?;
            Some(how.map(|how| (about, how)))
        });
        ended.collect::<Result<BTreeMap<About, How>, StoreError>>()
    };
    let found = gateway.read(find).await?;
    let mut outbox = gateway.cards.outbox.lock();
    for (n, about) in outbox.open() {
        if let Some(how) = found.get(&about) {
            outbox.conclude(n, &Outcome::nobody(*how, world::now()));
        }
    }
    outbox.shorten();
    Ok(())
}

/// How a request ended that no line of the access log decides; nothing while it waits, though no account that runs
/// shows it.
fn unwritten(
    store: &Store,
    about: &About,
    ends: UnixMs,
    now: UnixMs,
) -> Result<Option<How>, StoreError> {
    let how = match about {
        About::Device { device, .. } => {
            let waits = store.device_requests(now)?;
            let again = waits.iter().any(|row| row.device.as_str() == device);
            if again { How::Replaced } else { How::Expired }
        }
        About::Lapse { who, .. } => {
            let Some(who) = Contact::parse(who) else {
                return Ok(Some(How::Withdrawn));
            };
            let approved = store.approved(&who.key)?.names(&who.sender);
            match store.standing(&who.key, &who.sender, now)? {
                Standing::Blocked => How::Blocked,
                Standing::Granted => How::Extended,
                Standing::Unknown if approved => How::Extended,
                Standing::Unknown if now < ends => How::Withdrawn,
                Standing::Unknown => How::Expired,
            }
        }
        About::Notice { .. } | About::Outage { .. } => How::Expired,
        About::Sender { channel, account, request, sender } => {
            let waits = store.waiting(channel, now)?;
            if waits.iter().any(|one| one.id.as_str() == request) {
                return Ok(None);
            }
            let account = AccountId::parse(account);
            let key = account.map(|account| AccountKey { channel: channel.clone(), account });
            let (Some(key), Ok(sender)) = (key, SenderId::new(sender)) else {
                return Ok(Some(How::Withdrawn));
            };
            if store.standing(&key, &sender, now)? == Standing::Blocked {
                return Ok(Some(How::Blocked));
            }
            if store.approved(&key)?.names(&sender) {
                return Ok(Some(How::Elsewhere));
            }
            if store.owners()?.names(channel, &sender) {
                return Ok(Some(How::Owner));
            }
            let again = waits.iter().any(|one| one.key == key && one.sender == sender);
            match now < ends {
                _ if again => How::Replaced,
                true => How::Withdrawn,
                false => How::Expired,
            }
        }
    };
    Ok(Some(how))
}
