//! What an account is opened with, tried on its plugin. What the plugin says about it is passed on without secrets.

use std::collections::BTreeSet;

use openclaw_plugin_sdk::{AccountId, ChannelPlugin, Settings, SettingsError, toml};

use super::{
    names,
    problem::{Problems, Stand},
    section::Section,
    show::MASK,
};

/// What an account is opened with.
#[derive(Clone, Default)]
pub(super) struct Opened {
    pub(super) settings: toml::Table,
    pub(super) hidden: BTreeSet<String>,
}

/// The opening of one account; the first table that has a key of the plugin's says it.
pub(super) struct Opening<'a> {
    pub(super) plugin: &'static ChannelPlugin,
    pub(super) id: &'a AccountId,
    pub(super) tables: &'a [Section<'a>],
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
    pub(super) problems: &'a Problems,
}

/// What the environment sets, unless it is blank.
pub(super) fn set(env: &dyn Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    env(name).filter(|value| !value.trim().is_empty())
}

impl Opening<'_> {
    /// The keys, tried on the plugin where the account is enabled. `None` where something was reported.
    pub(super) fn settings(&self, enabled: bool) -> Option<Opened> {
        let plugin = self.plugin;
        let mut opened = Opened::default();
        for key in plugin.keys {
            let node = self.tables.iter().find_map(|table| table.table.get(key));
            let Some(node) = node else { continue };
            opened.settings.insert((*key).to_owned(), node.to_toml()?);
            if node.holds_env() || plugin.secret_keys.contains(key) || names::names_a_secret(key) {
                opened.hidden.insert((*key).to_owned());
            }
        }
        if !enabled {
            return Some(opened);
        }
        let helped = self.helped(&opened);
        let Err(error) = self.try_open(&helped.settings) else { return Some(helped) };
        // Where the file says enough, the environment does not spoil it.
        let Err(alone) = self.try_open(&opened.settings) else { return Some(opened) };
        // What the file says wrongly is told first, but for what the environment says wrongly.
        let says = |table: &toml::Table, error: &SettingsError| {
            table.contains_key(error.key.split('.').next().unwrap_or_default())
        };
        let is_from_env = says(&helped.settings, &error) && !says(&opened.settings, &error);
        let is_said = says(&opened.settings, &alone) && !is_from_env;
        self.report(&helped, if is_said { &alone } else { &error });
        None
    }

    /// With the keys that the environment gives the default account.
    fn helped(&self, opened: &Opened) -> Opened {
        let mut helped = opened.clone();
        for (key, name) in self.plugin.env_keys {
            let lacks = self.id.is_default() && !helped.settings.contains_key(*key);
            let Some(value) = set(self.env, name).filter(|_| lacks) else { continue };
            helped.settings.insert((*key).to_owned(), toml::Value::String(value));
            helped.hidden.insert((*key).to_owned());
        }
        helped
    }

    fn try_open(&self, table: &toml::Table) -> Result<(), SettingsError> {
        let settings = Settings {
            account: self.id.clone(),
            table: table.clone(),
            key: [0; 32],
            commands: Vec::new(),
        };
        (self.plugin.open)(settings).map(drop)
    }

    fn report(&self, opened: &Opened, error: &SettingsError) {
        let top = error.key.split('.').next().unwrap_or_default();
        let said = self.tables.iter().find(|table| !top.is_empty() && table.has(top));
        let section = said.unwrap_or(&self.tables[0]);
        let path =
            if error.key.is_empty() { section.path.clone() } else { section.key(&error.key) };
        let why = scrub(&error.problem, &opened.settings, &opened.hidden);
        let names = self.plugin.env_keys;
        let name = names.iter().find(|(key, _)| *key == top).map(|(_, name)| *name);
        let from_env = said.is_none() && opened.settings.contains_key(top);
        let is_set = names.iter().find(|(_, name)| set(self.env, name).is_some());
        let from = match (name, is_set) {
            (Some(name), _) if from_env => format!(" (from `{name}`)"),
            (_, Some((_, name))) if section.table.at == Stand::Environment => {
                format!(" (the account is there because `{name}` is set)")
            }
            _ => String::new(),
        };
        let at = if from_env { Stand::Environment } else { section.at(top) };
        self.problems.add(at, format!("`{path}`{from}: {why}"));
    }
}

/// A plugin's words about its settings, without any value that is not to be shown.
pub(super) fn scrub(text: &str, settings: &toml::Table, hidden: &BTreeSet<String>) -> String {
    let mut values = Vec::new();
    for (key, value) in settings {
        secrets(value, hidden.contains(key) || names::names_a_secret(key), &mut values);
    }
    values.iter().filter(|value| !value.trim().is_empty()).fold(text.to_owned(), |text, value| {
        // Errors of decoding quote a text with its escapes.
        let quoted = value.escape_debug().to_string();
        text.replace(value, MASK).replace(&quoted, MASK)
    })
}

fn secrets(value: &toml::Value, hide: bool, into: &mut Vec<String>) {
    match value {
        toml::Value::Array(list) => list.iter().for_each(|value| secrets(value, hide, into)),
        toml::Value::Table(table) => {
            for (key, value) in table {
                secrets(value, hide || names::names_a_secret(key), into);
            }
        }
        toml::Value::String(text) if hide => into.push(text.clone()),
        other if hide => into.push(other.to_string()),
        _ => {}
    }
}
