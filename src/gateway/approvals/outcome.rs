//! What became of a request that waits no more: by the access log, else by the clock.

use std::collections::BTreeMap;

use openclaw_plugin_sdk::{AccountId, SenderId, UnixMs};
use serde::{Deserialize, Serialize};

use crate::{
    gateway::{approvals::outbox::About, setup_codes::book::OwnersChat},
    rules::{AccountKey, Contact, records::Standing},
    store::{
        Store, StoreError,
        audit::{Decisions, Line},
        paths::StateDir,
    },
};

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum How {
    /// Let in by an owner.
    Approved,
    /// Turned away for good.
    Blocked,
    /// Turned away.
    Denied,
    /// Let in by another program on the same folder.
    Elsewhere,
    /// A newer one took its place.
    Evicted,
    /// Nobody decided.
    Expired,
    /// Let in again.
    Extended,
    /// Whoever asked has the owner's seat now.
    Owner,
    /// It asks for something else now.
    Replaced,
    /// A sentence that was told.
    Told,
    /// It was taken out: by another program on the same folder, or with what it was about.
    Withdrawn,
}

/// What became of a request, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Outcome {
    pub(crate) how: How,
    /// As the access log names him.
    #[serde(default)]
    pub(crate) by: Option<String>,
    /// `chat`, `cli`, `socket`.
    #[serde(default)]
    pub(crate) surface: Option<String>,
    pub(crate) at: u64,
    /// Until when he is let in, as state files write it.
    #[serde(default)]
    pub(crate) until: Option<String>,
}

impl Outcome {
    /// What a card looks like that shows it.
    pub(crate) fn look(&self) -> &'static str {
        match self.how {
            How::Approved => "over/approved",
            How::Blocked => "over/blocked",
            How::Denied => "over/denied",
            How::Elsewhere => "over/elsewhere",
            How::Owner => "over/owner",
            How::Evicted => "over/evicted",
            How::Expired => "over/expired",
            How::Extended => "over/extended",
            How::Replaced => "over/replaced",
            How::Told => "over/told",
            How::Withdrawn => "over/withdrawn",
        }
    }

    /// True where the owner of this very chat has decided.
    pub(crate) fn is_by(&self, to: &OwnersChat) -> bool {
        self.by.as_deref() == Some(&*to.actor())
    }

    pub(super) fn nobody(how: How, now: UnixMs) -> Self {
        Self { how, by: None, surface: None, at: now.0, until: None }
    }

    fn of(line: &Line, now: UnixMs) -> Option<Self> {
        let how = match line.action.as_str() {
            "approve" | "device-approve" | "device-admit" | "node-approve" => How::Approved,
            "block" => How::Blocked,
            "deny" | "device-reject" | "node-reject" => How::Denied,
            "evict" => How::Evicted,
            _ => return None,
        };
        let until = line.until.clone().filter(|_| how == How::Approved);
        let (by, surface) = match how {
            How::Evicted => (None, None),
            _ => (Some(line.actor.clone()), Some(line.surface.clone())),
        };
        let at = crate::world::from_iso(&line.at).unwrap_or(now).0;
        Some(Self { how, by, surface, at, until })
    }
}

/// What became of requests that wait no more, each with when its time was over. Blocks on disk.
pub(crate) fn find(
    (state, decisions): (&StateDir, &Decisions),
    store: &Store,
    gone: &[(About, UnixMs)],
    now: UnixMs,
) -> Result<BTreeMap<About, Outcome>, StoreError> {
    let names = gone.iter().map(|(about, _)| about.request()).collect();
    let lines = decisions.about(state, &names)?;
    let mut found = BTreeMap::new();
    for (about, ends) in gone {
        if waits(store, about, now)? {
            continue;
        }
        let written = lines.get(about.request()).and_then(|line| Outcome::of(line, now));
        let outcome = match written {
            Some(outcome) => outcome,
            None => Outcome::nobody(unwritten(store, about, *ends, now)?, now),
        };
        found.insert(about.clone(), outcome);
    }
    Ok(found)
}

/// True while the request waits, though no account that runs shows it.
fn waits(store: &Store, about: &About, now: UnixMs) -> Result<bool, StoreError> {
    let About::Sender { channel, request, .. } = about else { return Ok(false) };
    Ok(store.waiting(channel, now)?.iter().any(|one| one.id.as_str() == request))
}

fn unwritten(store: &Store, about: &About, ends: UnixMs, now: UnixMs) -> Result<How, StoreError> {
    match about {
        About::Device { device, .. } => {
            let waits = store.device_requests(now)?;
            let again = waits.iter().any(|row| row.device.as_str() == device);
            Ok(if again { How::Replaced } else { How::Expired })
        }
        About::Lapse { who, .. } => {
            let Some(who) = Contact::parse(who) else { return Ok(How::Withdrawn) };
            let approved = store.approved(&who.key)?.names(&who.sender);
            Ok(match store.standing(&who.key, &who.sender, now)? {
                Standing::Blocked => How::Blocked,
                Standing::Granted => How::Extended,
                Standing::Unknown if approved => How::Extended,
                Standing::Unknown if now < ends => How::Withdrawn,
                Standing::Unknown => How::Expired,
            })
        }
        About::Notice { .. } => Ok(How::Expired),
        About::Sender { channel, account, sender, .. } => {
            let account = AccountId::parse(account);
            let key = account.map(|account| AccountKey { channel: channel.clone(), account });
            let (Some(key), Ok(sender)) = (key, SenderId::new(sender)) else {
                return Ok(How::Withdrawn);
            };
            if store.standing(&key, &sender, now)? == Standing::Blocked {
                return Ok(How::Blocked);
            }
            if store.approved(&key)?.names(&sender) {
                return Ok(How::Elsewhere);
            }
            if store.owners()?.names(channel, &sender) {
                return Ok(How::Owner);
            }
            let waits = store.waiting(channel, now)?;
            let again = waits.iter().any(|one| one.key == key && one.sender == sender);
            Ok(match now < ends {
                _ if again => How::Replaced,
                true => How::Withdrawn,
                false => How::Expired,
            })
        }
    }
}
