//! What a verdict about a sender depends on, read from the configuration and the store. The gate, `access explain` and
//! `access simulate` read it here and nowhere else.

use openclaw_plugin_sdk::{ChatKind, Conversation, Link, SenderId, UnixMs};

use crate::{
    config::Account,
    rules::{
        admission::{Chat, Direct, Facts},
        device::{
            identity::DeviceId,
            role::{Role, Scope},
        },
        owner::{OwnerProof, Owners, Writer, recognise},
        records::Standing,
    },
    store::{Store, StoreError, devices::Known},
};

/// The rules that an event of one account is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The account, with the ids that its groups have now.
    pub account: &'a Account,
    /// The owners that the configuration names.
    pub owners: &'a Owners,
    /// The store.
    pub store: &'a Store,
}

/// Who wrote where, or is written to.
#[derive(Clone, Copy, Debug)]
pub struct Person<'a> {
    /// The conversation.
    pub conversation: &'a Conversation,
    /// The person's id on the channel.
    pub sender: &'a SenderId,
    /// Further ids of theirs that the platform vouches for: a block of one is a block of the person.
    pub also: &'a [SenderId],
    /// Who can read along.
    pub link: Link,
}

impl Rules<'_> {
    /// The proof that this person is an owner.
    pub fn owner_proof(&self, person: Person<'_>) -> Result<Option<OwnerProof>, StoreError> {
        Ok(self.proof_among(&*self.store.owners()?, person))
    }

    fn proof_among(&self, claimed: &Owners, person: Person<'_>) -> Option<OwnerProof> {
        let writer = Writer {
            channel: self.account.plugin.id,
            account: &self.account.key.account,
            sender: person.sender,
            link: person.link,
            console: self.account.plugin.abilities.console,
        };
        recognise(self.owners, claimed, writer, person.conversation.kind)
    }

    /// All that the verdict about this person depends on, and the proof where they are an owner.
    pub fn facts(
        &self,
        person: Person<'_>,
        now: UnixMs,
    ) -> Result<(Facts, Option<OwnerProof>), StoreError> {
        let Person { conversation, sender, .. } = person;
        let account = self.account;
        let (claimed, records) = self.store.owners_and_records()?;
        let proof = self.proof_among(&claimed, person);
        let standing = |id| self.store.standing_in(&records, &account.key, id, now);
        let own = standing(sender);
        let chat = match conversation.kind {
            ChatKind::Direct => {
                let approved = self.store.approved(&account.key)?;
                Chat::Direct(Direct {
                    policy: account.dm_policy,
                    listed: account.allow_from.names(sender),
                    everyone: account.allow_from.everyone(),
                    approved: own == Standing::Granted || approved.names(sender),
                })
            }
            ChatKind::Group => {
                let thread = conversation.thread.as_ref();
                Chat::Group(account.groups.facts(&conversation.id, thread, sender))
            }
            ChatKind::Unknown => Chat::Unknown,
        };
        let blocked = own == Standing::Blocked
            || person.also.iter().any(|alias| standing(alias) == Standing::Blocked);
        Ok((Facts { enabled: account.enabled, owner: proof.is_some(), blocked, chat }, proof))
    }
}

/// All that the verdict about a message in the chat of a device depends on. A client without a device showed the shared
/// secret.
pub fn of_device(store: &Store, device: Option<&DeviceId>) -> Result<Facts, StoreError> {
    let may_write = match device.map(|id| store.device(id)).transpose()? {
        None => true,
        Some(Known::Device(device)) => {
            device.scopes_as(Role::Operator).is_some_and(|scopes| scopes.allow(Scope::Write))
        }
        Some(Known::Removed | Known::Stranger) => false,
    };
    Ok(Facts { enabled: true, owner: false, blocked: false, chat: Chat::Device { may_write } })
}
