//! People who ask for access: who waits, which request is meant, and the decision about it.

use std::time::Duration;

use openclaw_plugin_sdk::{AccountId, Decision, UnixMs};

use crate::{
    config::Config,
    registry,
    rules::{
        DmPolicy,
        approver::Approver,
        pairing::{PairingCode, PairingRequest, RequestId},
    },
    store::{Decide, Outcome, Store, StoreError},
};

/// What an owner chose.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Approve, deny or block.
    pub decision: Decision,
    /// How long an approval lasts; permanently where nothing stands there.
    pub lasting: Option<Duration>,
    /// An approval has the held first message answered.
    pub deliver: bool,
    /// The revision of the request that was shown; nothing where a code or a name is all that was given.
    pub shown: Option<String>,
}

impl From<Decision> for Choice {
    fn from(decision: Decision) -> Self {
        Self { decision, lasting: None, deliver: false, shown: None }
    }
}

impl Choice {
    /// True where the held first message is to be answered.
    pub fn delivers(&self) -> bool {
        self.deliver && self.decision == Decision::Approve
    }

    fn until(&self, now: UnixMs) -> Option<UnixMs> {
        let lasting = self.lasting.filter(|_| self.decision == Decision::Approve)?;
        let lasting = u64::try_from(lasting.as_millis()).unwrap_or(u64::MAX);
        Some(UnixMs(now.0.saturating_add(lasting)))
    }
}

/// The channels with pairing that are meant: one, or all.
pub fn channels(one: Option<&str>) -> impl Iterator<Item = &'static str> {
    registry::pairing_channels()
        .map(|plugin| plugin.id)
        .filter(move |id| one.is_none_or(|one| one == *id))
}

/// Everyone who waits, on one channel or on all.
pub fn waiting(
    store: &Store,
    channel: Option<&str>,
    now: UnixMs,
) -> Result<Vec<PairingRequest>, StoreError> {
    let mut all = Vec::new();
    for channel in channels(channel) {
        all.extend(store.waiting(channel, now)?);
    }
    Ok(all)
}

/// Closes the open requests of people that the configuration lets in by now.
pub fn close_admitted(store: &Store, config: &Config, now: UnixMs) -> Result<(), StoreError> {
    for request in waiting(store, None, now)? {
        let Some(account) = config.account(&request.key) else { continue };
        let sender = &request.sender;
        let is_open = account.allow_from.everyone() && account.dm_policy == DmPolicy::Open;
        let is_owner = config.owners.names(&request.key.channel, sender);
        if is_owner || is_open || account.allow_from.names(sender) {
            store.close_request(&request, now)?;
        }
    }
    Ok(())
}

/// The requests with this code, on one channel or on all, of one account or of all. A text that is no code is the code
/// of none.
pub fn by_code(
    store: &Store,
    channel: Option<&str>,
    account: Option<&AccountId>,
    code: &str,
    now: UnixMs,
) -> Result<Vec<PairingRequest>, StoreError> {
    let Some(code) = PairingCode::parse(code) else { return Ok(Vec::new()) };
    let mut found = waiting(store, channel, now)?;
    found.retain(|request| {
        request.code.matches(&code) && account.is_none_or(|one| *one == request.key.account)
    });
    Ok(found)
}

/// The request of this name, the store's own or the one that was displayed.
pub fn by_id(
    store: &Store,
    channel: &str,
    id: &RequestId,
    now: UnixMs,
) -> Result<Option<PairingRequest>, StoreError> {
    let mut waiting = store.waiting(channel, now)?.into_iter();
    Ok(waiting.find(|request| request.id == *id || request.displayed().id == *id))
}

/// Decides one request. The store compares right and revision under its lock.
pub fn decide(
    store: &Store,
    by: &Approver,
    (channel, request): (&str, &RequestId),
    choice: &Choice,
    now: UnixMs,
) -> Result<Outcome, StoreError> {
    let (decision, until) = (choice.decision, choice.until(now));
    let decide = Decide { channel, request, decision, until, shown: choice.shown.as_deref() };
    store.decide(by, &decide, now)
}
