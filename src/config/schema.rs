//! Every key that there may be, as a tree and as a JSON Schema. The keys are the parser's own lists and words; what each
//! is for, and what kind of value it has, stands in `config.example.toml`, which has every key.

use std::collections::BTreeMap;

use openclaw_plugin_sdk::{ChannelPlugin, toml};
use serde_json::{Value, json};

use super::{
    Plugins, assistant,
    device_pair::{APPROVALS, MDNS},
    document::join,
    gateway::{AUTH_MODES, BINDS, TAILSCALE},
    names, pairing,
    policy::{DM_POLICIES, GROUP_POLICIES},
};

const EXAMPLE: &str = include_str!("../../config.example.toml");

/// What may stand in the configuration, or below one key of it.
#[derive(Clone, Debug)]
pub struct Key {
    about: String,
    /// What kind of value it has.
    pub kind: Kind,
}

/// What kind of value a key has.
#[derive(Clone, Debug)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A list of texts; of numbers too, where they are ids.
    List {
        /// Whether the entries are ids.
        ids: bool,
    },
    /// A whole number.
    Number,
    /// Keys with a name of their own each, and what stands below every other name.
    Table(BTreeMap<String, Key>, Option<Box<Key>>),
    /// A list of tables with these keys.
    Tables(BTreeMap<String, Key>),
    /// A text.
    Text,
    /// One of these words.
    Words(Vec<&'static str>),
}

impl Key {
    /// The whole configuration.
    pub fn root(plugins: Plugins<'_>) -> Self {
        let docs = Docs::read();
        let table = |path: &str, keys: &[&str]| docs.table(path, keys);
        let mut root = table("", names::TOP);
        root.put("owner", table("owner", names::OWNER));
        root.put("pairing", table("pairing", names::PAIRING));
        let mut assistant = table("assistant", assistant::KEYS);
        for plugin in plugins.responders {
            let path = join("assistant", plugin.id);
            assistant.put(plugin.id, docs.table(&path, plugin.keys));
        }
        if let Some(responder) = assistant.get_mut("responder") {
            responder.kind = Kind::Words(plugins.responders.iter().map(|it| it.id).collect());
        }
        root.put("assistant", assistant);
        let mut channels = table("channels", &[]);
        for plugin in plugins.channels {
            channels.put(plugin.id, docs.channel(plugin));
        }
        root.put("channels", channels);
        root
    }

    /// The key at a dotted path; an error says which part there is none of, and which ones there are.
    pub fn find(&self, path: &str) -> Result<&Self, String> {
        let (mut key, mut above) = (self, String::new());
        for part in path.split('.') {
            let Kind::Table(keys, other) = &key.kind else {
                return Err(format!("`{above}` has no keys below it"));
            };
            let Some(next) = keys.get(part).or(other.as_deref().filter(|_| !part.is_empty()))
            else {
                let known: Vec<&str> = keys.keys().map(String::as_str).collect();
                let place = if above.is_empty() {
                    "at the top level".to_owned()
                } else {
                    format!("in `{above}`")
                };
                let (part, hint) = (names::shown(part), names::hint(part, &known));
                return Err(format!("unknown key {part} {place}{hint}"));
            };
            above = join(&above, part);
            key = next;
        }
        Ok(key)
    }

    /// Every key with a value, by its dotted path; `*` stands for any name.
    pub fn leaves(&self) -> Vec<(String, &Self)> {
        let Kind::Table(keys, other) = &self.kind else { return vec![(String::new(), self)] };
        let named = keys.iter().map(|(name, key)| (name.as_str(), key));
        let mut leaves = Vec::new();
        for (name, key) in named.chain(other.iter().map(|key| ("*", &**key))) {
            for (path, leaf) in key.leaves() {
                let path = if path.is_empty() { name.to_owned() } else { join(name, &path) };
                leaves.push((path, leaf));
            }
        }
        leaves
    }

    /// What it is for; empty where nobody says so.
    pub fn about(&self) -> &str {
        &self.about
    }

    fn put(&mut self, name: &str, key: Self) {
        if let Kind::Table(keys, _) = &mut self.kind {
            keys.insert(name.to_owned(), key);
        }
    }

    fn get_mut(&mut self, name: &str) -> Option<&mut Self> {
        let Kind::Table(keys, _) = &mut self.kind else { return None };
        keys.get_mut(name)
    }

    fn schema(&self) -> Value {
        let mut schema = match &self.kind {
            Kind::Flag => json!({ "type": "boolean" }),
            Kind::List { ids: false } => json!({ "type": "array", "items": { "type": "string" } }),
            Kind::List { ids: true } => {
                json!({ "type": "array", "items": { "type": ["string", "integer"] } })
            }
            Kind::Number => json!({ "type": "integer" }),
            Kind::Table(keys, other) => {
                let keys = keys.iter().map(|(name, key)| (name.clone(), key.schema()));
                let other = other.as_ref().map_or(Value::Bool(false), |other| other.schema());
                json!({
                    "type": "object",
                    "properties": keys.collect::<serde_json::Map<_, _>>(),
                    "additionalProperties": other,
                })
            }
            Kind::Tables(keys) => {
                let keys = keys.iter().map(|(name, key)| (name.clone(), key.schema()));
                json!({
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": keys.collect::<serde_json::Map<_, _>>(),
                        "additionalProperties": false,
                    },
                })
            }
            Kind::Text => json!({ "type": "string" }),
            // The environment may say it.
            Kind::Words(words) => {
                json!({ "anyOf": [{ "enum": words }, { "type": "string", "pattern": r"\$\{" }] })
            }
        };
        if !self.about.is_empty() {
            schema["description"] = self.about.clone().into();
        }
        // A list or a table has none that is written as a value.
        if let Some(default) =
            default(&self.about).and_then(|value| serde_json::to_value(value).ok())
        {
            schema["default"] = default;
        }
        schema
    }
}

/// The value that its explanation names as what holds without the key.
fn default(about: &str) -> Option<toml::Value> {
    let (_, named) = about.rsplit_once("Default: ")?;
    named.split(['.', ';', ',']).next()?.trim().parse().ok()
}

/// What holds for the keys of a table where the file does not have them.
pub(super) fn defaults(table: &str) -> toml::Table {
    let docs = Docs::read();
    let value = |(path, about): (&String, &String)| {
        let key = path.strip_prefix(table)?.strip_prefix('.').filter(|key| !key.contains('.'))?;
        Some((key.to_owned(), default(about)?))
    };
    docs.about.iter().filter_map(value).collect()
}

/// The JSON Schema of the configuration.
pub fn schema(plugins: Plugins<'_>) -> Value {
    let mut schema = Key::root(plugins).schema();
    schema["$schema"] = "http://json-schema.org/draft-07/schema#".into();
    schema["title"] = "The configuration of OpenClaw".into();
    schema
}

/// The words that a key may have, by its path, or by its last part.
fn words(path: &str) -> Option<Vec<&'static str>> {
    fn of<T>(words: &[(&'static str, T)]) -> Vec<&'static str> {
        words.iter().map(|(word, _)| *word).collect()
    }
    Some(match path {
        "assistant.stream" => of(assistant::STREAM),
        "discovery.mdns.mode" => of(MDNS),
        "gateway.auth.mode" => of(AUTH_MODES),
        "gateway.bind" => of(BINDS),
        "gateway.tailscale.mode" => of(TAILSCALE),
        "pairing.reply" => of(pairing::REPLIES),
        "pairing.when_full" => of(pairing::WHEN_FULL),
        "plugins.device-pair.approve" => of(APPROVALS),
        _ if path.starts_with("channels.") => match path.rsplit('.').next()? {
            "dm_policy" => of(DM_POLICIES),
            "group_policy" => of(GROUP_POLICIES),
            _ => return None,
        },
        _ => return None,
    })
}

/// The example with every key switched on, and what it says of each.
struct Docs {
    values: toml::Table,
    about: BTreeMap<String, String>,
}

impl Docs {
    fn read() -> Self {
        let (mut text, mut about) = (String::new(), BTreeMap::new());
        let (mut table, mut said) = (String::new(), String::new());
        for line in EXAMPLE.lines() {
            if let Some(words) = line.strip_prefix("# ") {
                said.push_str(if said.is_empty() { "" } else { " " });
                said.push_str(words.trim());
                continue;
            }
            let line = line.strip_prefix('#').filter(|rest| !rest.starts_with(':')).unwrap_or(line);
            let path = match line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                Some(head) => {
                    head.clone_into(&mut table);
                    Some(table.clone())
                }
                None => line.split_once(" = ").map(|(key, _)| join(&table, key)),
            };
            if let Some(path) = path {
                about.entry(path).or_insert(std::mem::take(&mut said));
            }
            said.clear();
            if !line.starts_with('#') {
                text.push_str(line);
            }
            text.push('\n');
        }
        // A test reads it; without one there would be a schema with texts alone.
        Self { values: text.parse().unwrap_or_default(), about }
    }

    /// A table with these keys; those of the gateway's own tables have theirs.
    fn table(&self, path: &str, keys: &[&str]) -> Key {
        let key = |name: &&str| ((*name).to_owned(), self.key(&join(path, name)));
        let in_file = |name: &&str| {
            let about = format!(
                "A file that holds `{name}` and nothing else, instead of `{name}`; an absolute path."
            );
            Some((names::file_key(name, keys)?, Key { about, kind: Kind::Text }))
        };
        let all = keys.iter().map(key).chain(keys.iter().filter_map(in_file)).collect();
        Key { about: self.about(path), kind: Kind::Table(all, None) }
    }

    fn key(&self, path: &str) -> Key {
        let nested = names::nested(path);
        if !nested.is_empty() {
            return self.table(path, nested);
        }
        let kind = words(path).map(Kind::Words);
        let kind = kind.unwrap_or_else(|| kind_of(path, self.value(path)));
        Key { about: self.about(path), kind }
    }

    /// A channel's table, with accounts where it may have several. A key that the example has in an account alone is
    /// the channel's too.
    fn channel(&self, plugin: &ChannelPlugin) -> Key {
        let path = join("channels", plugin.id);
        let keys: Vec<&str> = names::common(plugin).iter().chain(plugin.keys).copied().collect();
        let account = || self.table(&path, &keys);
        let mut channel = account();
        if plugin.abilities.accounts {
            let about = "More accounts, by their ids.".to_owned();
            let other = Some(Box::new(Key { about: String::new(), ..account() }));
            channel.put("accounts", Key { about, kind: Kind::Table(BTreeMap::new(), other) });
        }
        channel
    }

    fn value(&self, path: &str) -> Option<&toml::Value> {
        let found = self.at(path.split('.'));
        found.or_else(|| self.in_accounts(path).find_map(|path| self.at(path.split('.'))))
    }

    fn at<'a>(&self, mut parts: impl Iterator<Item = &'a str>) -> Option<&toml::Value> {
        let first = self.values.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    }

    fn about(&self, path: &str) -> String {
        let mut all = [path.to_owned()].into_iter().chain(self.in_accounts(path));
        all.find_map(|path| self.about.get(&path)).cloned().unwrap_or_default()
    }

    /// Where the example may have the key of a channel: in one of its accounts.
    fn in_accounts(&self, path: &str) -> impl Iterator<Item = String> {
        let (channel, key) = path.rsplit_once('.').unwrap_or_default();
        let accounts = self.at(channel.split('.')).and_then(|table| table.get("accounts"));
        let accounts = accounts.and_then(toml::Value::as_table).into_iter().flatten();
        let path = move |(id, _): (&String, _)| format!("{channel}.accounts.{id}.{key}");
        accounts.map(path).collect::<Vec<_>>().into_iter()
    }
}

fn kind_of(path: &str, example: Option<&toml::Value>) -> Kind {
    match example {
        Some(toml::Value::Array(list)) if list.first().is_some_and(toml::Value::is_table) => {
            let first = list.first().and_then(toml::Value::as_table).into_iter().flatten();
            let key = |(name, value): (&String, &toml::Value)| {
                let kind = kind_of(name, Some(value));
                (name.clone(), Key { about: String::new(), kind })
            };
            Kind::Tables(first.map(key).collect())
        }
        Some(toml::Value::Array(_)) => {
            let name = path.rsplit('.').next().unwrap_or_default();
            let ids = names::DIRECT.contains(&name) || names::GROUP.contains(&name);
            Kind::List { ids: ids && path.starts_with("channels.") }
        }
        Some(toml::Value::Boolean(_)) => Kind::Flag,
        Some(toml::Value::Integer(_)) => Kind::Number,
        // Names that the user chooses; the example has one of them.
        Some(toml::Value::Table(table)) => {
            let one = table.iter().next().map(|(_, value)| Key {
                about: String::new(),
                kind: match value {
                    toml::Value::Table(keys) => Kind::Table(
                        keys.iter()
                            .map(|(name, value)| {
                                let kind = kind_of(name, Some(value));
                                (name.clone(), Key { about: String::new(), kind })
                            })
                            .collect(),
                        None,
                    ),
                    value => kind_of("", Some(value)),
                },
            });
            Kind::Table(BTreeMap::new(), one.map(Box::new))
        }
        _ => Kind::Text,
    }
}
