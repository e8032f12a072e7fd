//! The settings of another OpenClaw: read from its file, and written as a configuration of ours.

mod assistant;
mod channels;
mod groups;
mod job;
mod lost;
mod opening;
mod put;
mod root;
mod rows;
mod scan;
mod secrets;
mod senders;
mod source;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use openclaw_plugin_sdk::UnixMs;
use ring::digest::{SHA256, digest};
use serde_json::Value;

use self::job::Job;
pub use self::{
    put::{Earlier, Record, WriteError, forget, record, remember, undo, write},
    source::{Unreadable, find, folders},
};
use crate::{
    config::{self, Config, Plugins, problem::ConfigError},
    report::{Generation, Item, Kind, Report},
    rules::AccountKey,
    text::settings as text,
};

/// What the user allows.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Keys that may be left out although more people get in.
    pub accept: BTreeSet<String>,
    /// Everyone may get in where the file says so.
    pub accept_open: bool,
    /// The owners of the file become owners.
    pub owners: bool,
    /// The people of a channel's one list have access to each of its accounts.
    pub all_accounts: bool,
}

/// A person who is closed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The channel.
    pub channel: String,
    /// The account.
    pub account: String,
    /// The person.
    pub id: String,
}

/// What an import would do.
#[expect(missing_debug_implementations, reason = "the text may hold secrets")]
pub struct Plan {
    /// What becomes of each key.
    pub report: Report,
    /// The configuration.
    pub text: String,
    /// The people to block.
    pub blocks: Vec<Block>,
    /// The owners that the file names, taken or not.
    pub owners: Vec<String>,
    /// The accounts that it has.
    pub accounts: Vec<AccountKey>,
    /// Every account of a channel may have had the people of the list that names no account: before 2026.2.26, and
    /// where the version is not known.
    pub shares_lists: bool,
    /// SHA-256 of everything that was read, as hexadecimal text.
    pub digest: String,
    /// The names of the environment that are not set, with the key that takes each.
    unset: BTreeMap<String, String>,
}

/// Reads the file, and works out what becomes of it. Writes nothing.
pub fn plan(
    file: &Path,
    options: &Options,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Plan, Unreadable> {
    let mut read = source::read(file)?;
    let whole = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let folder = whole.parent().unwrap_or(Path::new("/")).to_owned();
    move_old(&mut read.root);
    let version = read.root.pointer("/meta/lastTouchedVersion").and_then(Value::as_str);
    let version = version.map(str::to_owned);
    let generation = generation(version.as_deref(), &folder);
    let mut job = Job::new(&read, (options, env), &folder);
    let numbers = version.as_deref().and_then(numbers);
    let is_older = numbers.as_ref().is_none_or(|it| it.as_slice() < [2026, 2, 26].as_slice());
    job.shares_lists = generation == Generation::Files && is_older;
    root::read(&mut job);
    channels::read(&mut job);
    assistant::read(&mut job);
    job.sweep();
    let unset: BTreeMap<_, _> = job.unset.iter().cloned().collect();
    for name in unset.keys() {
        job.items.push(Item::new(Kind::Changed, format!("${{{name}}}"), text::UNSET));
    }
    Ok(Plan {
        text: format!("{}{}", text::heading(&whole), job.out),
        report: Report {
            source: whole.clone(),
            generation,
            version,
            settings: job.items,
            ..Report::default()
        },
        blocks: job.blocks,
        owners: job.owners,
        accounts: job.accounts,
        shares_lists: job.shares_lists,
        digest: hex(&read.bytes),
        unset,
    })
}

/// SHA-256 as hexadecimal text.
fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(digest(&SHA256, bytes).as_ref())
}

/// `2026.2.12-1` as two or three numbers; `None` where it is no version.
fn numbers(version: &str) -> Option<Vec<u32>> {
    let number = |part: &str| {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        part[..end].parse::<u32>().ok()
    };
    let parts: Vec<u32> =
        version.trim_start_matches('v').split('.').take(3).map(number).collect::<Option<_>>()?;
    (parts.len() >= 2).then_some(parts)
}

/// Keys of older versions, where the newer ones stand.
fn move_old(root: &mut Value) {
    let Some(list) = root.pointer("/routing/allowFrom").cloned() else { return };
    let Some(root) = root.as_object_mut() else { return };
    let channels = root.entry("channels").or_insert_with(|| Value::Object(serde_json::Map::new()));
    let Some(channels) = channels.as_object_mut() else { return };
    let whatsapp =
        channels.entry("whatsapp").or_insert_with(|| Value::Object(serde_json::Map::new()));
    if let Some(whatsapp) = whatsapp.as_object_mut() {
        whatsapp.entry("allowFrom").or_insert(list);
    }
}

/// Since July 2026 the state is a database, and some keys mean something else.
fn generation(version: Option<&str>, folder: &Path) -> Generation {
    let is_database = match version.and_then(numbers) {
        Some(numbers) => numbers[..2] >= [2026, 7][..],
        None => folder.join("state/openclaw.sqlite").exists(),
    };
    if is_database { Generation::Database } else { Generation::Files }
}

impl Plan {
    /// Checks the result as a start does, with stand-ins for the names that are not set.
    pub fn check(
        &self,
        from: &config::Source<'_>,
        plugins: Plugins<'_>,
    ) -> Result<Config, ConfigError> {
        let set = |name: &str| (from.env)(name).filter(|value| !value.trim().is_empty());
        let env = |name: &str| {
            let stand_in = || self.unset.get(name).map(|key| opening::stand_in(key, name));
            set(name).or_else(stand_in)
        };
        let from = config::Source { flag: from.flag, env: &env, state: from.state };
        config::check(&from, plugins, &from.state.config(), &self.text)
    }

    /// True where nothing of the file has a counterpart.
    pub fn is_empty(&self) -> bool {
        self.report.settings.iter().all(|item| item.kind == Kind::Ignored)
    }

    /// A record of it, without what was written.
    pub fn record(&self, now: UnixMs) -> Record {
        Record {
            source: self.report.source.clone(),
            digest: self.digest.clone(),
            at: crate::world::iso(now),
            result: hex(self.text.as_bytes()),
            ..Record::default()
        }
    }
}

/// Where an import remembers what it has written.
fn record_file(state: &crate::store::paths::StateDir) -> PathBuf {
    state.path().join("settings").join("imported.json")
}
