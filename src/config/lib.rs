//! The configuration as types, and how it is found and read. Nothing of it comes from the working directory.

mod accept;
mod assistant;
mod channels;
pub mod device_pair;
mod document;
pub mod edit;
mod expand;
mod foreign;
pub mod gateway;
mod machine;
mod malformed;
mod memory;
mod names;
mod opening;
mod owner;
pub mod pairing;
pub mod place;
mod policy;
pub mod problem;
pub mod schema;
mod secret_files;
mod section;
pub mod show;

#[cfg(test)]
use openclaw_registry as registry;
use openclaw_rules as rules;
use openclaw_store as store;
use openclaw_world as world;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, io,
    path::{Path, PathBuf},
};

use jiff::tz::TimeZone;
use openclaw_plugin_sdk::{ChannelPlugin, ResponderPlugin, SenderId, UnixMs, own_file, toml};

pub use self::accept::Accepted;
pub use self::names::nearest;
pub use self::secret_files::SecretFile;
use self::{
    device_pair::{DevicePair, Mdns},
    document::Table,
    gateway::{AuthMode, GatewayConfig},
    memory::Memory,
    problem::{ConfigError, Problems, Stand},
    section::Section,
};
use crate::{
    rules::{
        AccountKey, DmPolicy,
        allowlist::Allowlist,
        group::GroupRules,
        notify::{CardRate, QuietHours},
        owner::{Owner, Owners},
        pairing::Places,
    },
    store::{StoreError, ownership, paths::StateDir},
};

/// The port where neither the file nor the environment names one.
pub const PORT: u16 = 18_789;

/// Where the configuration may come from.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "the environment holds secrets")]
pub struct Source<'a> {
    /// `--config`.
    pub flag: Option<&'a Path>,
    /// The environment.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// The state folder.
    pub state: &'a StateDir,
}

/// The plugins whose tables there may be.
#[derive(Clone, Copy, Debug)]
pub struct Plugins<'a> {
    /// The channels.
    pub channels: &'a [&'static ChannelPlugin],
    /// The responders.
    pub responders: &'a [&'static ResponderPlugin],
}

/// The file that is read, whether it is there or not: `--config`, else `OPENCLAW_CONFIG_PATH`, else `config.toml` in the state folder.
pub fn path(from: &Source<'_>) -> PathBuf {
    from.named().map_or_else(|| from.state.config(), |(_, path)| path)
}

/// Reads and checks everything, and opens each enabled account and the chosen responder once, without a connection.
pub fn load(from: &Source<'_>, plugins: Plugins<'_>) -> Result<Config, ConfigError> {
    let (path, bytes) = from.read()?;
    let memory = bytes.as_ref().map(|bytes| Memory::of(from.state, &path, bytes));
    memory::check(from.state, &path, memory.as_ref())?;
    checked(from, plugins, &path, bytes)
}

/// Checks a text that is to become this file, as a start does.
pub fn check(
    from: &Source<'_>,
    plugins: Plugins<'_>,
    path: &Path,
    text: &str,
) -> Result<Config, ConfigError> {
    checked(from, plugins, path, Some(text.as_bytes().to_vec()))
}

/// Forgets a file that is gone on purpose: no later start misses it.
pub fn forget(state: &StateDir, file: &Path) -> Result<(), StoreError> {
    memory::forget(state, file)
}

/// The files beside the usual one that a gateway on this state folder has run with, the last one first.
pub fn used_beside(state: &StateDir) -> Result<Vec<PathBuf>, StoreError> {
    memory::others(state)
}

/// The same with a file that was read, or that is to be written; whether it was cut off is not looked at.
fn checked(
    from: &Source<'_>,
    plugins: Plugins<'_>,
    path: &Path,
    bytes: Option<Vec<u8>>,
) -> Result<Config, ConfigError> {
    let memory = bytes.as_ref().map(|bytes| Memory::of(from.state, path, bytes));
    let file = bytes.is_some().then(|| path.to_owned());
    let problems = Problems::of(file.as_deref());
    let named = plugins.channels.iter().flat_map(|plugin| plugin.env_keys).map(|(_, name)| name);
    for name in gateway::TOKENS.iter().chain(&gateway::PASSWORDS).chain(named) {
        if let Some(secret) = (from.env)(name) {
            problems.hide(&secret);
        }
    }
    let table = bytes.and_then(|bytes| document::parse(&bytes, from.env, &problems));
    let mut table = table.unwrap_or_else(|| Table::empty(Stand::Environment));
    let secrets = secret_files::expand(&mut table, plugins, &problems);
    let root = Section::root(&table, &problems);
    let excuse = |key: &str| {
        let channel = plugins.channels.iter().find(|plugin| plugin.id == key)?;
        Some(format!("; it is `channels.{}` here", channel.id))
    };
    root.check_keys(names::TOP, excuse);
    let gateway = gateway::read(&root, from.env);
    let asks_nothing = gateway.auth.mode == AuthMode::None;
    let (owners, telling) = owner::read(&root, plugins.channels);
    let mut config = Config {
        port: gateway::port(&root, from.env),
        device_pair: device_pair::read(&root, gateway.tls.enabled, asks_nothing),
        gateway,
        mdns: device_pair::mdns(&root),
        owners,
        telling,
        pairing: pairing::read(&root),
        accounts: channels::read(&root, plugins.channels, from.env),
        assistant: assistant::read(&root, plugins.responders),
        accepted: accept::read(&root),
        warnings: Vec::new(),
        lacking: Vec::new(),
        secret_files: secrets.files,
        file,
        memory,
    };
    owner::unreached(&root, &config);
    (config.warnings, config.lacking) = problems.finish()?;
    config.lacking.extend(machine::lacking(&config, from.env));
    config.warnings.extend(secrets.warnings);
    config.warnings.extend(machine::out_of_reach(&config));
    config.warnings.extend(config.file.as_deref().and_then(machine::read_by_others));
    config.warnings.extend(foreign::notice(from.state.path(), plugins.channels));
    Ok(config)
}

/// The whole configuration, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it was read from; `None` for the built-in defaults.
    pub file: Option<PathBuf>,
    /// The port of pages, phones and command lines.
    pub port: u16,
    /// Who can reach it, and what it asks for.
    pub gateway: GatewayConfig,
    /// How phones join.
    pub device_pair: DevicePair,
    /// Whether the gateway announces itself.
    pub mdns: Mdns,
    /// The owners that the file names.
    pub owners: Owners,
    /// How they are told of those who ask.
    pub telling: Telling,
    /// What strangers get.
    pub pairing: Pairing,
    /// Every account of every channel, ordered by channel and account.
    pub accounts: Vec<Account>,
    /// Who answers the admitted.
    pub assistant: Assistant,
    /// Findings of the security audit that the owner accepts (`[audit] accept`).
    pub accepted: Vec<Accepted>,
    /// What `config check` and the start warn of, a sentence each.
    pub warnings: Vec<String>,
    /// What the file names and this machine does not have, a sentence each: `config check` fails, and the start only
    /// warns, for it may come.
    pub lacking: Vec<String>,
    /// The files that secrets were read from.
    pub secret_files: Vec<SecretFile>,
    memory: Option<Memory>,
}

/// How owners are told of those who ask (`[owner]`).
#[derive(Clone, Debug)]
pub struct Telling {
    /// Where: the first of these that takes it. With none, every owner is told.
    pub notify: Vec<Owner>,
    /// How many cards a chat gets.
    pub cards: CardRate,
    /// When none comes.
    pub quiet: Option<QuietHours>,
    /// Where the owner is.
    pub zone: TimeZone,
}

impl Telling {
    /// True at a moment in which no card comes.
    pub fn is_quiet(&self, now: UnixMs) -> bool {
        let minute = world::minute_of_day(now, &self.zone);
        self.quiet.is_some_and(|quiet| quiet.hold(minute))
    }
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
    /// Whether a person who is approved in a chat is told.
    pub notify_on_approval: bool,
    /// The first message of a stranger is kept until the decision.
    pub hold_first_message: bool,
}

/// Whether a stranger is answered (`pairing.reply`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reply {
    /// With a code.
    #[default]
    Code,
    /// Not at all; the owner is told.
    Silent,
}

/// The text of the challenge, with `{channel}`, `{id_label}`, `{id}` and the obligatory `{code}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(pub String);

/// One account of one channel.
#[derive(Clone)]
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
    /// Where the gateway's server hands it requests, if it does.
    pub path: Option<String>,
    /// The channel's own keys.
    pub settings: toml::Table,
    /// Those among them whose values are never shown: secrets, and what the environment gave.
    pub hidden: BTreeSet<String>,
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
#[derive(Clone)]
pub struct Assistant {
    /// Files pass between people with access and the responder.
    pub attachments: bool,
    /// The responder's id.
    pub responder: String,
    /// An answer grows before its reader's eyes while it is written, where the platform has edits.
    pub stream: bool,
    /// The tables `[assistant.<id>]`, checked for the chosen one.
    pub tables: BTreeMap<String, toml::Table>,
    /// The keys of each whose values are never shown.
    pub hidden: BTreeMap<String, BTreeSet<String>>,
}

/// A place in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location<'a> {
    /// The file.
    pub file: &'a Path,
    /// The line, from 1.
    pub line: usize,
}

impl Config {
    /// Remembers what holds now, so that a later start notices when it is gone or cut off.
    pub fn remember(&self, state: &StateDir) -> Result<(), StoreError> {
        self.memory.as_ref().map_or(Ok(()), |now| memory::remember(state, now))
    }

    /// True for a file that is empty, or has only comments.
    pub fn says_nothing(&self) -> bool {
        self.memory.as_ref().is_some_and(Memory::says_nothing)
    }

    /// The reason why this cannot be what its writer meant, if the configuration was `before`.
    pub fn follows(&self, before: &Self) -> Result<(), ConfigError> {
        let then = before.memory.as_ref().map_or(Ok(()), |old| old.then(self.memory.as_ref()));
        let file = before.file.as_deref().unwrap_or_else(|| Path::new("the configuration"));
        then.map_err(|why| memory::lost(file, why))
    }

    /// The configured account.
    pub fn account(&self, key: &AccountKey) -> Option<&Account> {
        self.accounts.iter().find(|account| account.key == *key)
    }

    /// Where the configuration itself admits a sender in direct chats, whatever the store says.
    pub fn admits(&self, key: &AccountKey, sender: &SenderId) -> Option<Location<'_>> {
        let listed = &self.account(key)?.listed;
        let admits = |entry: &&Listed| entry.sender.as_ref().is_none_or(|id| id == sender);
        let entry = listed.iter().find(admits)?;
        Some(Location { file: self.file.as_deref()?, line: entry.line })
    }
}

impl Source<'_> {
    /// The file that was named, and by what.
    fn named(&self) -> Option<(&'static str, PathBuf)> {
        if let Some(path) = self.flag {
            return Some(("--config", path.to_owned()));
        }
        let named = (self.env)("OPENCLAW_CONFIG_PATH")?;
        let named = Some(named.trim()).filter(|path| !path.is_empty())?;
        Some(("OPENCLAW_CONFIG_PATH", PathBuf::from(named)))
    }

    /// The file and what is in it; `None` where nobody named one and the default is absent.
    fn read(&self) -> Result<(PathBuf, Option<Vec<u8>>), ConfigError> {
        let path = path(self);
        let real = path.canonicalize().or_else(|_| std::path::absolute(&path));
        let real = real.unwrap_or_else(|_| path.clone());
        let folder = real.parent().map_or(Ok(()), ownership::check_folder);
        let trusted = folder.and_then(|()| ownership::check_way(&path));
        trusted.map_err(|error| ConfigError::Untrusted(error.to_string()))?;
        match own_file::read(&path) {
            Ok(bytes) => Ok((path, Some(bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => match self.named() {
                Some((named_by, path)) => Err(ConfigError::Missing { named_by, path }),
                // A link that leads nowhere means a file that is missing.
                None if path.is_symlink() => Err(ConfigError::Unreadable { path, source: error }),
                None => Ok((path, None)),
            },
            Err(source) => Err(ConfigError::Unreadable { path, source }),
        }
    }
}

/// Names only: a value may be a secret.
impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("key", &self.key)
            .field("enabled", &self.enabled)
            .field("dm_policy", &self.dm_policy)
            .field("allow_from", &self.allow_from)
            .field("groups", &self.groups)
            .field("settings", &self.settings.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// Names only: a value may be a secret.
impl fmt::Debug for Assistant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = |(id, table): (&String, &toml::Table)| {
            (id.clone(), table.keys().cloned().collect::<Vec<_>>())
        };
        f.debug_struct("Assistant")
            .field("responder", &self.responder)
            .field("tables", &self.tables.iter().map(keys).collect::<BTreeMap<_, _>>())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
