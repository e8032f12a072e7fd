//! An owner's direct chat, as files name it, and whether it still is one.

use openclaw_plugin_sdk::{AccountId, ChatId, ChatKind, Conversation, EventId, SenderId, SentRef};
use serde::{Deserialize, Serialize};

use crate::{Gateway, accounts::account::AccountRuntime, control::owners, rules::AccountKey};

/// An owner's direct chat.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct OwnersChat {
    channel: String,
    account: String,
    chat: String,
    pub(crate) owner: String,
}

impl OwnersChat {
    /// The direct chat in which an owner writes to this account.
    pub(crate) fn new(key: &AccountKey, chat: &ChatId, owner: &SenderId) -> Self {
        Self {
            channel: key.channel.clone(),
            account: key.account.as_str().to_owned(),
            chat: chat.as_str().to_owned(),
            owner: owner.as_str().to_owned(),
        }
    }

    /// True for an account.
    pub(crate) fn is_on(&self, key: &AccountKey) -> bool {
        self.channel == key.channel && self.account == key.account.as_str()
    }

    /// A message of ours in it.
    pub(crate) fn reference(&self, message: &str) -> SentRef {
        SentRef { chat: ChatId::new(&self.chat), id: EventId::new(message) }
    }

    /// The account that the owner writes to.
    pub(crate) fn account(&self) -> AccountKey {
        let account = AccountId::parse(&self.account).unwrap_or_else(AccountId::default_account);
        AccountKey { channel: self.channel.clone(), account }
    }

    /// The channel's id.
    pub(crate) fn channel(&self) -> &str {
        &self.channel
    }

    /// The owner, as the access log names them.
    pub(crate) fn actor(&self) -> String {
        format!("{}:{}", self.channel, self.owner)
    }

    /// Where to write.
    pub(crate) fn conversation(&self) -> Conversation {
        Conversation::new(ChatId::new(&self.chat), ChatKind::Direct)
    }
}

/// True while the person who writes in that chat is an owner.
pub(crate) fn is_owners(gateway: &Gateway, account: &AccountRuntime, chat: &OwnersChat) -> bool {
    let Ok(owner) = SenderId::new(&chat.owner) else { return false };
    let channel = account.config.plugin.id;
    account.config.plugin.abilities.console
        || owners::names(&gateway.store, &gateway.config(), channel, &owner).unwrap_or(false)
}
