//! The configuration in effect, as TOML for `config show`. Secrets are masked, and so is what the environment gave.

use std::collections::BTreeSet;

use openclaw_plugin_sdk::toml::{Table, Value};

mod port;

use super::{
    Account, Config, SecretFile, assistant, names, pairing,
    policy::{DM_POLICIES, GROUP_POLICIES},
    schema::defaults,
};
use crate::rules::owner::Owner;

/// What stands where a secret would.
pub(super) const MASK: &str = "***";

/// The configuration in effect, defaults included.
pub fn show(config: &Config) -> String {
    table_of(config).to_string()
}

/// One value of it, by its dotted path; `None` where it is not set and has no default.
pub fn value(config: &Config, path: &str) -> Option<Value> {
    let shown = Value::Table(table_of(config));
    let at = |path: &str| path.split('.').try_fold(&shown, |value, part| value.get(part)).cloned();
    let in_account = || {
        // Where there are several, the channel's own table is one of them.
        let (channel, key) = path.strip_prefix("channels.")?.split_once('.')?;
        at(&format!("channels.{channel}.accounts.default.{key}"))
    };
    at(path).or_else(in_account)
}

/// True where something stands for a value that is never shown.
pub fn is_masked(value: &Value) -> bool {
    value.as_str() == Some(MASK)
}

/// The configuration in effect, as a table.
pub fn table_of(config: &Config) -> Table {
    let mut root = Table::new();
    root.insert("gateway".to_owned(), port::gateway(config));
    root.insert("discovery".to_owned(), port::discovery(config));
    root.insert("plugins".to_owned(), port::plugins(config));
    root.insert("owner".to_owned(), owner(config));
    root.insert("pairing".to_owned(), of_pairing(config));
    root.insert("channels".to_owned(), channels(config));
    root.insert("assistant".to_owned(), assistant(config));
    for file in &config.secret_files {
        name_file(&mut root, file);
    }
    root
}

/// Shows which file a secret is in, in the place of its mask.
fn name_file(root: &mut Table, file: &SecretFile) {
    let Some((table, key)) = file.key.rsplit_once('.') else { return };
    // Where there are several accounts, the channel's own table is one of them.
    let in_account = format!("{table}.accounts.default");
    for path in [table, &in_account] {
        let table = below(root, path).filter(|table| table.contains_key(key));
        if let Some(table) = table {
            table.remove(key);
            table.insert(format!("{key}_file"), text(&file.path.display().to_string()));
            return;
        }
    }
}

fn below<'a>(table: &'a mut Table, path: &str) -> Option<&'a mut Table> {
    path.split('.').try_fold(table, |table, part| table.get_mut(part)?.as_table_mut())
}

/// A plugin's own keys, fit to be shown.
fn masked(table: &Table, hidden: &BTreeSet<String>) -> Table {
    let mask = |(key, value): (&String, &Value)| {
        let hide = hidden.contains(key) || names::names_a_secret(key);
        (key.clone(), if hide { text(MASK) } else { tame(value) })
    };
    table.iter().map(mask).collect()
}

fn tame(value: &Value) -> Value {
    match value {
        Value::Array(list) => Value::Array(list.iter().map(tame).collect()),
        Value::String(text) => Value::String(without_credentials(text)),
        Value::Table(table) => Value::Table(masked(table, &BTreeSet::new())),
        other => other.clone(),
    }
}

/// An address without the user and the query that may be a secret.
fn without_credentials(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = match authority.rsplit_once('@') {
        Some((_, host)) => format!("{MASK}@{host}"),
        None => authority.to_owned(),
    };
    let path = match path.split_once('?') {
        Some((path, _)) => format!("{path}?{MASK}"),
        None => path.to_owned(),
    };
    format!("{scheme}://{host}{path}")
}

fn owner(config: &Config) -> Value {
    let name = |owner: &Owner| format!("{}:{}", owner.channel, owner.sender);
    let it = &config.telling;
    let number = |number: u32| Value::Integer(number.into());
    let cards = [("burst", number(it.cards.burst)), ("per_minute", number(it.cards.per_minute))];
    let mut shown = vec![
        ("allow_from", list(config.owners.0.iter().map(name))),
        ("cards", table(cards)),
        ("notify", list(it.notify.iter().map(name))),
    ];
    shown.extend(it.quiet.map(|quiet| ("quiet", text(&quiet.spell()))));
    shown.push(("time_zone", text(it.zone.iana_name().unwrap_or("UTC"))));
    table(shown)
}

fn of_pairing(config: &Config) -> Value {
    let it = &config.pairing;
    let max_pending = i64::try_from(it.places.max_pending).unwrap_or(i64::MAX);
    table([
        ("hold_first_message", Value::Boolean(it.hold_first_message)),
        ("max_pending", Value::Integer(max_pending)),
        ("message", text(&it.message.0)),
        ("notify_on_approval", Value::Boolean(it.notify_on_approval)),
        ("reply", word(pairing::REPLIES, it.reply)),
        ("when_full", word(pairing::WHEN_FULL, it.places.when_full)),
    ])
}

fn assistant(config: &Config) -> Value {
    let it = &config.assistant;
    let mut shown = Table::new();
    shown.insert("attachments".to_owned(), Value::Boolean(it.attachments));
    shown.insert("responder".to_owned(), text(&it.responder));
    shown.insert("stream".to_owned(), word(assistant::STREAM, it.stream));
    for (id, settings) in &it.tables {
        let hidden = it.hidden.get(id).cloned().unwrap_or_default();
        let mut table = defaults(&format!("assistant.{id}"));
        table.extend(masked(settings, &hidden));
        shown.insert(id.clone(), Value::Table(table));
    }
    Value::Table(shown)
}

/// A single account is its channel's table; several stand below `accounts`, so that none inherits from another.
fn channels(config: &Config) -> Value {
    let mut channels = Table::new();
    for account in &config.accounts {
        let id = account.plugin.id;
        let of_channel = config.accounts.iter().filter(|other| other.plugin.id == id);
        let shown = Value::Table(of_account(account));
        if of_channel.count() == 1 && account.key.account.is_default() {
            channels.insert(id.to_owned(), shown);
            continue;
        }
        let empty = || table([("accounts", Value::Table(Table::new()))]);
        let channel = channels.entry(id).or_insert_with(empty);
        if let Some(Value::Table(accounts)) = channel.get_mut("accounts") {
            accounts.insert(account.key.account.to_string(), shown);
        }
    }
    Value::Table(channels)
}

fn of_account(account: &Account) -> Table {
    let mut shown = defaults(&format!("channels.{}", account.plugin.id));
    shown.retain(|key, _| account.plugin.keys.contains(&key));
    shown.extend(masked(&account.settings, &account.hidden));
    let known = names::common(account.plugin);
    let mut add = |key: &str, value: Value| {
        if known.contains(&key) {
            shown.insert(key.to_owned(), value);
        }
    };
    add("enabled", Value::Boolean(account.enabled));
    add("dm_policy", word(DM_POLICIES, account.dm_policy));
    let listed = account.listed.iter().map(|entry| entry.sender.as_ref());
    add("allow_from", list(listed.map(|id| id.map_or_else(everyone, ToString::to_string))));
    let rules = &account.groups;
    add("group_policy", word(GROUP_POLICIES, rules.policy));
    let mut senders: Vec<String> = rules.senders.senders().map(ToString::to_string).collect();
    senders.extend(rules.senders.everyone().then(everyone));
    senders.sort();
    add("group_allow_from", list(senders));
    add("require_mention", Value::Boolean(rules.require_mention));
    if let Some(groups) = &rules.groups {
        let groups: BTreeSet<String> = groups.iter().map(ToString::to_string).collect();
        add("groups", list(groups));
    }
    shown
}

fn everyone() -> String {
    "*".to_owned()
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn list(entries: impl IntoIterator<Item = String>) -> Value {
    Value::Array(entries.into_iter().map(Value::String).collect())
}

fn table<'a>(entries: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    Value::Table(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn word<T: Copy + PartialEq>(words: &[(&str, T)], meant: T) -> Value {
    let word = words.iter().find(|(_, value)| *value == meant).map(|(word, _)| *word);
    text(word.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opening::scrub;

    #[test]
    fn case_114_a_secret_within_a_table_or_an_address_is_masked() {
        let text = "url = ['wss://ann:s3cret@h:1/p?q=s3cret#f', 'h']\n\
                    [login]\npassword = 's3cret'\nuser = 'ann'\n[[more]]\napi_key = 's3cret'\n";
        let table: Table = text.parse().unwrap();
        let shown = masked(&table, &BTreeSet::new()).to_string();
        assert!(!shown.contains("s3cret") && shown.contains("user = \"ann\""), "{shown}");
        assert!(shown.contains("wss://***@h:1/p?***"), "{shown}");
        let hidden = ["login".to_owned()].into();
        assert_eq!(masked(&table, &hidden)["login"].as_str(), Some(MASK));
    }

    #[test]
    fn case_107_what_a_plugin_says_has_no_secret_of_its_table() {
        let table: Table =
            "[login]\npassword = 's3\"cret'\n[[more]]\npin_secret = 77881\n".parse().unwrap();
        let said = "`s3\"cret` is bad, \"s3\\\"cret\" is bad, 77881 is bad, ann is bad";
        assert_eq!(
            scrub(said, &table, &BTreeSet::new()),
            "`***` is bad, \"***\" is bad, *** is bad, ann is bad"
        );
    }
}
