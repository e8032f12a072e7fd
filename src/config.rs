//! The configuration as types.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use openclaw_plugin_sdk::{ChannelPlugin, SenderId, toml};

use crate::access::{
    AccountKey, DmPolicy, allowlist::Allowlist, group::GroupRules, owner::Owners, pairing::Places,
};

/// The whole configuration, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it was read from; `None` for the built-in defaults.
    pub file: Option<PathBuf>,
    /// The port of pages, phones and command lines. On loopback.
    pub port: u16,
    /// The owners that the file names.
    pub owners: Owners,
    /// What strangers get.
    pub pairing: Pairing,
    /// Every account of every channel, ordered by channel and account.
    pub accounts: Vec<Account>,
    /// Who answers the admitted.
    pub assistant: Assistant,
    /// What `config check` and the start warn of, a sentence each.
    pub warnings: Vec<String>,
}

/// The `[pairing]` table.
#[derive(Clone, Debug)]
pub struct Pairing {
    /// How many may wait.
    pub places: Places,
    /// The challenge.
    pub message: Template,
    /// Whether a stranger is answered.
    pub reply: Reply,
    /// Whether somebody approved in a chat is told.
    pub notify_on_approval: bool,
}

/// Whether a stranger is answered (`pairing.reply`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reply {
    /// With his code.
    #[default]
    Code,
    /// Not at all; the owner is told.
    Silent,
}

/// The text of the challenge, with `{channel}`, `{id_label}`, `{id}` and the obligatory `{code}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(pub String);

/// One account of one channel.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its channel.
    pub plugin: &'static ChannelPlugin,
    /// Channel and account.
    pub key: AccountKey,
    /// False: it answers nothing and mints nothing.
    pub enabled: bool,
    /// What happens to a direct message from someone new.
    pub dm_policy: DmPolicy,
    /// The configured `allow_from`.
    pub allow_from: Allowlist,
    /// Each entry of it with its place.
    pub listed: Vec<Listed>,
    /// What happens in groups.
    pub groups: GroupRules,
    /// The channel's own keys.
    pub settings: toml::Table,
}

/// An entry of a configured list, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The sender; `None` for `*`.
    pub sender: Option<SenderId>,
    /// Its line in the file, from 1.
    pub line: usize,
}

/// The `[assistant]` table.
#[derive(Clone, Debug)]
pub struct Assistant {
    /// The responder's id.
    pub responder: String,
    /// The tables `[assistant.<id>]`, checked for the chosen one.
    pub tables: BTreeMap<String, toml::Table>,
}

/// A place in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The file.
    pub file: &'a Path,
    /// The line, from 1.
    pub line: usize,
}

impl Config {
    /// The configured account.
    pub fn account(&self, key: &AccountKey) -> Option<&Account> {
        self.accounts.iter().find(|account| account.key == *key)
    }

    /// Where the configuration itself admits a sender in direct chats, whatever the store says.
    pub fn admits(&self, key: &AccountKey, sender: &SenderId) -> Option<Place<'_>> {
        let listed = &self.account(key)?.listed;
        let admits = |entry: &&Listed| entry.sender.as_ref().is_none_or(|id| id == sender);
        let entry = listed.iter().find(admits)?;
        Some(Place { file: self.file.as_deref()?, line: entry.line })
    }
}
