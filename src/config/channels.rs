//! Which accounts there are.

use openclaw_plugin_sdk::{AccountId, ChannelPlugin, Ingress};

use super::{
    Account,
    document::{Table, Value},
    names,
    opening::{Opening, set},
    policy::Layers,
    problem::{Problems, Stand},
    section::Section,
};
use crate::rules::AccountKey;

/// Every account of every channel.
pub(super) fn read(
    root: &Section<'_>,
    plugins: &[&'static ChannelPlugin],
    env: &dyn Fn(&str) -> Option<String>,
) -> Vec<Account> {
    let mut plugins = plugins.to_vec();
    plugins.sort_by_key(|plugin| plugin.id);
    let channels = root.section("channels");
    if let Some(channels) = &channels {
        let ids: Vec<&str> = plugins.iter().map(|plugin| plugin.id).collect();
        channels.check_keys(&ids, |_| None);
    }
    let mut accounts: Vec<Read> = Vec::new();
    for plugin in plugins {
        let table = channels.as_ref().and_then(|channels| channels.section(plugin.id));
        // A table that is broken or no table was reported; its channel is not guessed.
        if table.is_none() && channels.as_ref().is_some_and(|channels| channels.has(plugin.id)) {
            continue;
        }
        let of_channel = Channel { plugin, table, env, problems: root.problems }.read();
        accounts.extend(of_channel);
    }
    one_account_a_path(&accounts, root.problems);
    accounts.into_iter().map(|read| read.account).collect()
}

/// True for a channel that needs no account anywhere: it is there without being configured.
fn is_built_in(plugin: &ChannelPlugin) -> bool {
    let served = matches!(plugin.ingress, Ingress::Serve { .. });
    plugin.abilities.console || (served && plugin.secret_keys.is_empty())
}

struct Channel<'a> {
    plugin: &'static ChannelPlugin,
    table: Option<Section<'a>>,
    env: &'a dyn Fn(&str) -> Option<String>,
    problems: &'a Problems,
}

impl<'a> Channel<'a> {
    /// The channel's accounts, ordered.
    fn read(&self) -> Vec<Read> {
        let (named, mut accounts) = (self.named(), Vec::new());
        if let Some(table) = &self.table {
            let own_keys = self.own_keys(&["accounts"]);
            table.check_keys(&own_keys, |key| excuse(self.plugin, key));
        }
        let default = AccountId::default_account();
        if self.has_default(&named) && !named.iter().any(|(id, _)| *id == default) {
            accounts.extend(self.account(&default, None));
        }
        for (id, table) in named {
            table.check_keys(&self.own_keys(&[]), |key| excuse(self.plugin, key));
            accounts.extend(self.account(&id, Some(&table)));
        }
        one_account_a_token(&accounts, self.problems);
        accounts.sort_by(|a, b| a.account.key.cmp(&b.account.key));
        accounts
    }

    /// The tables `accounts.<id>`.
    fn named(&self) -> Vec<(AccountId, Section<'a>)> {
        let table = self.table.as_ref().filter(|_| self.plugin.abilities.accounts);
        let Some(accounts) = table.and_then(|table| table.section("accounts")) else {
            return Vec::new();
        };
        let mut named: Vec<(AccountId, Section<'a>)> = Vec::new();
        for (name, node) in &accounts.table.entries {
            let Some(id) = AccountId::parse(name) else {
                let what = "is not an account id; use at most 64 of `a-z`, `0-9`, `_` and `-`";
                accounts.wrong(name, node.at, what);
                continue;
            };
            if named.iter().any(|(other, _)| *other == id) {
                accounts.wrong(name, node.at, &format!("names the account `{id}` a second time"));
                continue;
            }
            named.extend(accounts.section(name).map(|table| (id, table)));
        }
        named
    }

    /// The channel's own table is the default account, unless all it has is what other accounts inherit.
    fn has_default(&self, named: &[(AccountId, Section<'a>)]) -> bool {
        if is_built_in(self.plugin) {
            return true;
        }
        let Some(table) = &self.table else {
            return self.plugin.env_keys.iter().any(|(_, name)| set(self.env, name).is_some());
        };
        let accounts = table.table.get("accounts").map(|node| &node.value);
        let none_named = named.is_empty()
            && !matches!(accounts, Some(Value::Table(table)) if !table.entries.is_empty());
        none_named || self.plugin.keys.iter().any(|key| table.has(key))
    }

    fn account(&self, id: &AccountId, own: Option<&Section<'a>>) -> Option<Read> {
        let tables: Vec<Section<'a>> = own.into_iter().chain(&self.table).cloned().collect();
        let nothing = Table::empty(Stand::Environment);
        let channel = format!("channels.{}", self.plugin.id);
        let empty = || Section { path: channel, table: &nothing, problems: self.problems };
        let layers = Layers(if tables.is_empty() { vec![empty()] } else { tables.clone() });
        let is_off = |table: &&Section<'_>| table.flag("enabled") == Some(false);
        let enabled = layers.0.iter().filter(is_off).count() == 0;
        let rules = layers.rules(self.plugin);
        let mine = if id.is_default() { layers.0.len() } else { 1 };
        let opening = Opening {
            plugin: self.plugin,
            id,
            tables: &layers.0[..mine],
            env: self.env,
            problems: self.problems,
        };
        let opened = opening.settings(enabled)?;
        let account = Account {
            plugin: self.plugin,
            key: AccountKey { channel: self.plugin.id.to_owned(), account: id.clone() },
            enabled,
            dm_policy: rules.dm_policy,
            allow_from: rules.allow_from,
            listed: rules.listed,
            groups: rules.groups,
            path: if enabled { self.plugin.ingress.path(&opened.settings) } else { None },
            settings: opened.settings,
            hidden: opened.hidden,
        };
        Some(Read { account, at: layers.0[0].table.at })
    }

    fn own_keys(&self, more: &[&'static str]) -> Vec<&'static str> {
        let mut keys = names::common(self.plugin);
        keys.extend_from_slice(self.plugin.keys);
        keys.extend(more.iter().filter(|_| self.plugin.abilities.accounts));
        keys
    }
}

/// An account, and where its table stands.
struct Read {
    account: Account,
    at: Stand,
}

/// Why a key that channels have is not one of this channel's.
fn excuse(plugin: &ChannelPlugin, key: &str) -> Option<String> {
    let key = names::snake(key);
    let key = key.as_str();
    if plugin.keys.contains(&key) {
        return None;
    }
    let strangers = names::DIRECT.contains(&key) && plugin.abilities.console;
    let groups = names::GROUP.contains(&key) && !plugin.abilities.groups;
    let accounts = key == "accounts" && !plugin.abilities.accounts;
    let why = match (strangers, groups, accounts) {
        (true, _, _) => "everyone who writes there sits at this machine and is its owner",
        (_, true, _) => "it has no groups",
        (_, _, true) => "it has one account only",
        _ => return None,
    };
    Some(format!(": {why}"))
}

/// Paths of our own: what is served there is no channel's.
const OURS: &[&str] = &[
    "/",
    "/.well-known",
    "/health",
    "/healthz",
    "/metrics",
    "/ready",
    "/readyz",
    "/startup",
    "/startupz",
];

/// `case_077`: a request belongs to one account, by its path.
fn one_account_a_path(accounts: &[Read], problems: &Problems) {
    let below = |path: &str, head: &str| {
        path.strip_prefix(head).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    for (count, Read { account, at }) in accounts.iter().enumerate() {
        let Some(path) = &account.path else { continue };
        let wrong = |whose: String| {
            let AccountKey { channel, account } = &account.key;
            let text = format!(
                "account `{account}` of `channels.{channel}` is to be served at `{path}`, which is {whose}: \
                 give each a path of its own"
            );
            problems.add(*at, text);
        };
        if OURS.iter().any(|ours| path == ours || (ours.len() > 1 && below(path, ours))) {
            wrong("the gateway's own".to_owned());
        }
        let taken = |other: &&Read| {
            let other = other.account.path.as_deref();
            other.is_some_and(|other| below(path, other) || below(other, path))
        };
        if let Some(Read { account: other, .. }) = accounts[..count].iter().find(taken) {
            wrong(format!("where `{}` of `channels.{}` is", other.key.account, other.key.channel));
        }
    }
}

/// One login serves one account: two would take each other's messages, for ever.
fn one_account_a_token(accounts: &[Read], problems: &Problems) {
    for (count, Read { account, at }) in accounts.iter().enumerate() {
        let connects = !matches!(account.plugin.ingress, Ingress::Serve { .. });
        let is_token = |key: &&&str| connects && key.split('_').any(|part| part == "token");
        for key in account.plugin.keys.iter().filter(is_token) {
            let Some(token) = account.settings.get(*key) else { continue };
            let same = |other: &&Read| {
                let other = &other.account;
                other.enabled && account.enabled && other.settings.get(*key) == Some(token)
            };
            let Some(other) = accounts[..count].iter().find(same) else { continue };
            let text = format!(
                "accounts `{}` and `{}` of `channels.{}` have the same `{key}`: \
                 each would take the other's messages",
                other.account.key.account, account.key.account, account.plugin.id
            );
            problems.add(*at, text);
        }
    }
}
