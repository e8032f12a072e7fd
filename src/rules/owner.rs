//! Who is owner: named in the configuration, claimed or added from the host, or at the console. Nothing else makes one.

use std::collections::BTreeSet;

use openclaw_plugin_sdk::{AccountId, ChatKind, Link, SenderId};

use super::authority::Authority;

/// An owner: a person on a channel. Account-independent: the same person on each bot of the channel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    /// The channel's id.
    pub channel: String,
    /// The person's stable id on it.
    pub sender: SenderId,
}

/// A set of owners. There is no wildcard and no way to write one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owners(pub BTreeSet<Owner>);

impl Owners {
    /// True where this very person is in the set.
    pub fn names(&self, channel: &str, sender: &SenderId) -> bool {
        self.0.iter().any(|owner| owner.channel == channel && owner.sender == *sender)
    }

    /// True where there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Who wrote, and over what.
#[derive(Clone, Copy, Debug)]
pub struct Writer<'a> {
    /// The channel's id.
    pub channel: &'a str,
    /// The account's id.
    pub account: &'a AccountId,
    /// Who wrote.
    pub sender: &'a SenderId,
    /// Who can read along.
    pub link: Link,
    /// The channel is the console of this machine.
    pub console: bool,
}

/// Proof that an owner caused one event. Only [`recognise`] gives it out (`case_023`).
///
/// ```
/// use openclaw_rules::owner::{Owner, OwnerProof};
/// fn who(proof: &OwnerProof) -> &Owner {
///     proof.owner()
/// }
/// ```
///
/// ```compile_fail,E0451
/// use openclaw_rules::owner::{Owner, OwnerProof};
/// use openclaw_plugin_sdk::{AccountId, ChatKind};
/// fn sits(owner: Owner) -> OwnerProof {
///     OwnerProof { owner, account: AccountId::default_account(), kind: ChatKind::Direct, console: false }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct OwnerProof {
    owner: Owner,
    account: AccountId,
    kind: ChatKind,
    console: bool,
}

impl OwnerProof {
    /// Who sits in it.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// What it rests on: at the console, on sitting at this machine.
    pub fn authority(&self) -> Authority {
        if self.console { Authority::Host } else { Authority::Owner(self.owner.clone()) }
    }

    /// The account that the owner wrote to.
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// True in a direct chat, where owner commands may run.
    pub fn is_direct(&self) -> bool {
        super::is_direct(self.kind)
    }
}

/// Recognises an owner by channel and stable id. Over an exposed link nobody is one.
pub fn recognise(
    configured: &Owners,
    claimed: &Owners,
    writer: Writer<'_>,
    kind: ChatKind,
) -> Option<OwnerProof> {
    let named = configured.names(writer.channel, writer.sender)
        || claimed.names(writer.channel, writer.sender);
    if !(writer.console || named) || writer.link == Link::Exposed {
        return None;
    }
    let owner = Owner { channel: writer.channel.to_owned(), sender: writer.sender.clone() };
    let console = writer.console;
    Some(OwnerProof { owner, account: writer.account.clone(), kind, console })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owners(ids: &[&str]) -> Owners {
        let owner = |id: &&str| Owner {
            channel: "telegram".to_owned(),
            sender: SenderId::new(id).unwrap(),
        };
        Owners(ids.iter().map(owner).collect())
    }

    fn proof(owners: &Owners, channel: &str, sender: &str, link: Link) -> Option<OwnerProof> {
        let (account, sender) = (AccountId::default_account(), SenderId::new(sender).unwrap());
        let writer = Writer { channel, account: &account, sender: &sender, link, console: false };
        recognise(owners, &Owners::default(), writer, ChatKind::Direct)
    }

    #[test]
    fn case_012_no_owners_means_nobody() {
        assert!(proof(&owners(&[]), "telegram", "7", Link::Private).is_none());
    }

    #[test]
    fn an_owner_is_one_on_the_named_channel_only() {
        assert!(proof(&owners(&["7"]), "telegram", "7", Link::Private).is_some());
        assert!(proof(&owners(&["7"]), "webchat", "7", Link::Private).is_none());
        assert!(proof(&owners(&["7"]), "telegram", "77", Link::Private).is_none());
    }

    #[test]
    fn nobody_is_owner_over_an_exposed_link() {
        assert!(proof(&owners(&["7"]), "telegram", "7", Link::Exposed).is_none());
    }
}
