//! Who has access: the rules. No clock, no randomness, no disk; time and codes are passed in.

pub mod admission;
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

/// The SHA-256 of these parts, one behind the other.
fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
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

    #[test]
    fn case_088_an_unknown_kind_of_chat_is_no_direct_chat() {
        assert!(is_direct(ChatKind::Direct));
        assert!(!is_direct(ChatKind::Group) && !is_direct(ChatKind::Unknown));
    }
}
