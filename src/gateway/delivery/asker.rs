//! What a responder is told of the person who asks, beside their id and name.

use openclaw_plugin_sdk::{PersonRole, neutral};

use crate::{
    gate::{Admitted, NAME_LIMIT},
    rules::{
        AccountKey, Contact,
        admission::Ground,
        device::{
            identity::DeviceId,
            role::{Role, Scope},
        },
    },
    store::{Store, StoreError, devices::Known},
    world,
};

/// As the gateway knows them when their turn comes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asker {
    pub(crate) channel: String,
    /// In the owner's words, neutralised.
    pub(crate) note: Option<String>,
    pub(crate) role: PersonRole,
    /// When their access ends, as state files write it.
    pub(crate) access_ends: Option<String>,
}

impl Asker {
    /// A person on an account.
    pub(crate) fn on_account(
        store: &Store,
        key: &AccountKey,
        admitted: &Admitted,
    ) -> Result<Self, StoreError> {
        let who = admitted.who();
        let index = store.records()?;
        let records = index.records();
        let note = records.note(&key.channel, &who.sender);
        // What the configuration or a list of the field gives does not end.
        let is_granted = who.ground == Ground::Approved && !store.approved(key)?.names(&who.sender);
        let contact = Contact { key: key.clone(), sender: who.sender.clone() };
        let grant = records.grant(&contact).filter(|_| is_granted);
        let role =
            if admitted.owner_proof().is_some() { PersonRole::Owner } else { PersonRole::Guest };
        Ok(Self {
            channel: key.channel.clone(),
            note: note.map(|note| neutral(note, NAME_LIMIT)),
            role,
            access_ends: grant.and_then(|grant| grant.ends(world::now())).map(world::iso),
        })
    }

    /// A device: one that may do all that an owner may is an owner's. A client without a device is a guest.
    pub(crate) fn on_device(store: &Store, device: Option<&DeviceId>) -> Result<Self, StoreError> {
        let channel = "device".to_owned();
        let known = device.map(|id| store.device(id)).transpose()?;
        let Some(Known::Device(device)) = known else {
            return Ok(Self { channel, ..Self::default() });
        };
        let scopes = device.scopes_as(Role::Operator);
        let is_owner = scopes.is_some_and(|scopes| scopes.allow(Scope::Admin));
        let role = if is_owner { PersonRole::Owner } else { PersonRole::Guest };
        let note = device.label.as_deref().map(|label| neutral(label, NAME_LIMIT));
        Ok(Self { channel, note, role, access_ends: None })
    }
}
