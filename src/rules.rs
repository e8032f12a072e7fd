//! Who has access: the rules. No clock, no dice, no disk; time and codes are passed in.

pub mod allowlist;
pub mod approver;
pub mod authority;
pub mod claim;
pub mod device;
pub mod group;
pub mod notify;
pub mod owner;
pub mod pairing;
pub mod records;
pub mod ticket;

use std::fmt;

use openclaw_plugin_sdk::{AccountId, ChatKind, SenderId};

use self::{allowlist::Allowlist, records::Standing};

/// One account of one channel: what every grant and every request is keyed by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountKey {
    /// The channel's id.
    pub channel: String,
    /// The account's id.
    pub account: AccountId,
}

impl AccountKey {
    /// The default account of a channel.
    pub fn default_of(channel: &str) -> Self {
        Self { channel: channel.to_owned(), account: AccountId::default_account() }
    }
}

/// One id of a person: an account, and the person's id on it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Contact {
    /// Where.
    pub key: AccountKey,
    /// Who.
    pub sender: SenderId,
}

impl Contact {
    /// Reads an id as it is displayed.
    pub fn parse(text: &str) -> Option<Self> {
        let (place, sender) = text.split_once(':')?;
        let (channel, account) = match place.split_once('/') {
            None => (place, AccountId::default_account()),
            Some((channel, account)) => (channel, AccountId::parse(account)?),
        };
        let key = AccountKey { channel: channel.to_owned(), account };
        (!channel.is_empty()).then_some(Self { key, sender: SenderId::new(sender).ok()? })
    }
}

impl fmt::Display for Contact {
    /// `telegram:4711`, and `telegram/second:4711` on another account than the default.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AccountKey { channel, account } = &self.key;
        if account.is_default() {
            write!(f, "{channel}:{}", self.sender)
        } else {
            write!(f, "{channel}/{account}:{}", self.sender)
        }
    }
}

/// What happens to a direct message from someone new (`dm_policy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DmPolicy {
    /// Only the listed.
    Allowlist,
    /// Nobody.
    Disabled,
    /// Everyone, where the list says `*`; else the listed.
    Open,
    /// The listed and the approved; anyone else may ask.
    #[default]
    Pairing,
}

impl DmPolicy {
    /// The word that the configuration and `channels.status` use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Allowlist => "allowlist",
            Self::Disabled => "disabled",
            Self::Open => "open",
            Self::Pairing => "pairing",
        }
    }
}

/// What is to be done with a direct message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Process it.
    Admit(Ground),
    /// Silence.
    Ignore,
    /// Open a pairing request, or let the open one stand.
    Pair,
}

/// Why a sender has access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// An owner approved the sender.
    Approved,
    /// The configuration's list says `*`.
    Everyone,
    /// The configuration lists the sender.
    Listed,
    /// The sender is an owner.
    Owner,
}

/// The lists that give access to one account.
#[derive(Clone, Copy, Debug)]
pub struct Lists<'a> {
    /// What the configuration lists.
    pub listed: &'a Allowlist,
    /// What the store's lists hold for this very account.
    pub approved: &'a Allowlist,
    /// What the store's records say of this very sender.
    pub standing: Standing,
}

/// The one decision about a direct message. A block beats every grant and list, but not ownership.
pub fn judge(policy: DmPolicy, owner: bool, lists: Lists<'_>, sender: &SenderId) -> Verdict {
    let Lists { listed, approved, standing } = lists;
    if policy == DmPolicy::Disabled {
        return Verdict::Ignore;
    }
    if owner {
        return Verdict::Admit(Ground::Owner);
    }
    if standing == Standing::Blocked {
        return Verdict::Ignore;
    }
    if listed.names(sender) {
        return Verdict::Admit(Ground::Listed);
    }
    if listed.everyone() {
        return Verdict::Admit(Ground::Everyone);
    }
    match policy {
        DmPolicy::Pairing if standing == Standing::Granted || approved.names(sender) => {
            Verdict::Admit(Ground::Approved)
        }
        DmPolicy::Pairing => Verdict::Pair,
        DmPolicy::Allowlist | DmPolicy::Disabled | DmPolicy::Open => Verdict::Ignore,
    }
}

/// True where a message may be treated as one between two: an unknown kind never may.
pub fn is_direct(kind: ChatKind) -> bool {
    match kind {
        ChatKind::Direct => true,
        ChatKind::Group | ChatKind::Unknown => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> SenderId {
        SenderId::new(text).unwrap()
    }

    fn listed(entries: &[&str]) -> Allowlist {
        Allowlist::configured(entries, SenderId::new)
    }

    #[track_caller]
    fn check(policy: DmPolicy, entries: &[&str], ann: Verdict, bob: Verdict) {
        let list = listed(entries);
        let none = Allowlist::default();
        let lists = Lists { listed: &list, approved: &none, standing: Standing::Unknown };
        assert_eq!(judge(policy, false, lists, &id("ann")), ann, "ann");
        assert_eq!(judge(policy, false, lists, &id("bob")), bob, "bob");
    }

    #[test]
    fn case_087_one_table_for_every_channel() {
        use {DmPolicy as P, Verdict as V};
        let (here, all) = (V::Admit(Ground::Listed), V::Admit(Ground::Everyone));
        let table = [
            (P::Pairing, V::Pair, all, (here, V::Pair)),
            (P::Allowlist, V::Ignore, all, (here, V::Ignore)),
            (P::Open, V::Ignore, all, (here, V::Ignore)),
            (P::Disabled, V::Ignore, V::Ignore, (V::Ignore, V::Ignore)),
        ];
        for (policy, none, everyone, (ann, rest)) in table {
            check(policy, &[], none, none);
            check(policy, &[""], none, none);
            check(policy, &["*"], everyone, everyone);
            check(policy, &["ann"], ann, rest);
        }
    }

    #[test]
    fn approved_entries_count_under_pairing_only() {
        let approved = Allowlist::approved(["ann"], SenderId::new);
        let none = Allowlist::default();
        let lists = Lists { listed: &none, approved: &approved, standing: Standing::Unknown };
        let verdict = |policy| judge(policy, false, lists, &id("ann"));
        assert_eq!(verdict(DmPolicy::Pairing), Verdict::Admit(Ground::Approved));
        for policy in [DmPolicy::Allowlist, DmPolicy::Open, DmPolicy::Disabled] {
            assert_eq!(verdict(policy), Verdict::Ignore, "{policy:?}");
        }
    }

    #[test]
    fn an_owner_needs_no_entry_but_a_policy_that_listens() {
        let none = Allowlist::default();
        for standing in [Standing::Unknown, Standing::Blocked] {
            let lists = Lists { listed: &none, approved: &none, standing };
            for policy in [DmPolicy::Pairing, DmPolicy::Allowlist, DmPolicy::Open] {
                assert_eq!(judge(policy, true, lists, &id("ann")), Verdict::Admit(Ground::Owner));
            }
            assert_eq!(judge(DmPolicy::Disabled, true, lists, &id("ann")), Verdict::Ignore);
        }
    }

    #[test]
    fn case_071_a_block_beats_every_list_and_every_policy() {
        let (named, everyone) = (listed(&["ann"]), listed(&["*"]));
        for listed in [&named, &everyone] {
            let lists = Lists { listed, approved: &named, standing: Standing::Blocked };
            for policy in [DmPolicy::Pairing, DmPolicy::Allowlist, DmPolicy::Open] {
                assert_eq!(judge(policy, false, lists, &id("ann")), Verdict::Ignore, "{policy:?}");
            }
        }
    }

    #[test]
    fn a_grant_of_the_records_counts_under_pairing_only() {
        let none = Allowlist::default();
        let lists = Lists { listed: &none, approved: &none, standing: Standing::Granted };
        let verdict = |policy| judge(policy, false, lists, &id("ann"));
        assert_eq!(verdict(DmPolicy::Pairing), Verdict::Admit(Ground::Approved));
        for policy in [DmPolicy::Allowlist, DmPolicy::Open, DmPolicy::Disabled] {
            assert_eq!(verdict(policy), Verdict::Ignore, "{policy:?}");
        }
    }

    #[test]
    fn case_088_an_unknown_kind_of_chat_is_no_direct_chat() {
        assert!(is_direct(ChatKind::Direct));
        assert!(!is_direct(ChatKind::Group) && !is_direct(ChatKind::Unknown));
    }
}
