//! Who may talk: the rules. No clock, no dice, no disk; time and codes are passed in.

pub mod allowlist;
pub mod approver;
pub mod claim;
pub mod group;
pub mod notify;
pub mod owner;
pub mod pairing;

use openclaw_plugin_sdk::{AccountId, ChatKind, SenderId};

use self::allowlist::Allowlist;

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

/// Why somebody is admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// An owner approved him.
    Approved,
    /// The configuration's list says `*`.
    Everyone,
    /// The configuration lists him.
    Listed,
    /// He is an owner.
    Owner,
}

/// The one decision about a direct message. `approved` is what the store holds for this very account.
pub fn judge(
    policy: DmPolicy,
    owner: bool,
    listed: &Allowlist,
    approved: &Allowlist,
    sender: &SenderId,
) -> Verdict {
    if policy == DmPolicy::Disabled {
        return Verdict::Ignore;
    }
    if owner {
        return Verdict::Admit(Ground::Owner);
    }
    if listed.names(sender) {
        return Verdict::Admit(Ground::Listed);
    }
    if listed.everyone() {
        return Verdict::Admit(Ground::Everyone);
    }
    match policy {
        DmPolicy::Pairing if approved.names(sender) => Verdict::Admit(Ground::Approved),
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
        assert_eq!(judge(policy, false, &list, &none, &id("ann")), ann, "ann");
        assert_eq!(judge(policy, false, &list, &none, &id("bob")), bob, "bob");
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
        let verdict = |policy| judge(policy, false, &none, &approved, &id("ann"));
        assert_eq!(verdict(DmPolicy::Pairing), Verdict::Admit(Ground::Approved));
        for policy in [DmPolicy::Allowlist, DmPolicy::Open, DmPolicy::Disabled] {
            assert_eq!(verdict(policy), Verdict::Ignore, "{policy:?}");
        }
    }

    #[test]
    fn an_owner_needs_no_entry_but_a_policy_that_listens() {
        let none = Allowlist::default();
        for policy in [DmPolicy::Pairing, DmPolicy::Allowlist, DmPolicy::Open] {
            assert_eq!(
                judge(policy, true, &none, &none, &id("ann")),
                Verdict::Admit(Ground::Owner)
            );
        }
        assert_eq!(judge(DmPolicy::Disabled, true, &none, &none, &id("ann")), Verdict::Ignore);
    }

    #[test]
    fn case_088_an_unknown_kind_of_chat_is_no_direct_chat() {
        assert!(is_direct(ChatKind::Direct));
        assert!(!is_direct(ChatKind::Group) && !is_direct(ChatKind::Unknown));
    }
}
