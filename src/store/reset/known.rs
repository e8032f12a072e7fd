//! Which files of a state folder are this program's: all others stay, whatever is reset.

use std::path::{Path, PathBuf};

use openclaw_plugin_sdk::own_file;
use serde_json::Value;

use super::Scope;
use crate::{StoreError, file, paths::StateDir, private};

/// How a file is emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A list in the field's shape.
    List,
    /// The owners.
    Owners,
    /// Our records of people.
    Records,
}

pub(super) fn kind(state: &StateDir, path: &Path) -> Kind {
    if path == state.access_records() {
        Kind::Records
    } else if path == state.owners() {
        Kind::Owners
    } else {
        Kind::List
    }
}

/// A folder of ours that is a link leads to files that are not: nothing is set back then.
pub(super) fn refuse_links(state: &StateDir) -> Result<(), StoreError> {
    for folder in state.folders() {
        if folder.is_symlink() {
            let why = "it is a link; put the folder itself in its place, then reset";
            return Err(crate::io("reset", &folder, std::io::Error::other(why)));
        }
    }
    Ok(())
}

/// The files that are emptied by one transaction, in the order of their locks.
pub(super) fn emptied(state: &StateDir, scope: Scope) -> Result<Vec<PathBuf>, StoreError> {
    let all: Vec<PathBuf> = match scope {
        Scope::Config | Scope::All => Vec::new(),
        Scope::Access => {
            let lists = file::entries(&state.credentials())?.into_iter();
            let of = |end: &str| {
                let fits = lists.clone().filter(|(name, _)| name.ends_with(end));
                let mut all: Vec<PathBuf> = fits.map(|(_, path)| path).collect();
                all.sort();
                all
            };
            let own = vec![state.owners(), state.access_records()];
            [of("-pairing.json"), of("-allowFrom.json"), own].concat()
        }
        Scope::Devices => {
            let devices = ["pending.json", "paired.json", "bootstrap.json"];
            let nodes = ["pending.json", "paired.json"];
            let devices = devices.iter().map(|name| state.devices().join(name));
            devices.chain(nodes.iter().map(|name| state.nodes().join(name))).collect()
        }
    };
    Ok(all.into_iter().filter(|path| path.exists()).collect())
}

/// The files that are removed, in stages: each is durable before the next.
pub(super) fn removed(state: &StateDir, scope: Scope) -> Result<Vec<Vec<PathBuf>>, StoreError> {
    let settings = state.path().join("settings");
    let stages = match scope {
        Scope::Config => vec![
            vec![state.config(), settings.join("imported.json")],
            // As long as it names the file, a start takes the missing file for lost.
            remembers_own_config(&state.config_memory())
                .then(|| state.config_memory())
                .into_iter()
                .collect(),
        ],
        Scope::Access => {
            let mut all = in_folder(&state.held(), |name| is(name, "json"))?;
            let moved = |name: &str| name.ends_with(".groups.json");
            all.extend(in_folder(&state.path().join("inbox"), moved)?);
            vec![all]
        }
        Scope::Devices => vec![vec![state.gateway_token()]],
        Scope::All => everything(state)?,
    };
    let there = |path: &PathBuf| path.symlink_metadata().is_ok_and(|meta| !meta.is_dir());
    Ok(stages.into_iter().map(|stage| stage.into_iter().filter(there).collect()).collect())
}

/// What is remembered of configurations, but of the usual one. `None` where it cannot be read.
fn of_other_configs(memory: &Path) -> Option<(Vec<Value>, usize)> {
    let all: Vec<Value> = serde_json::from_slice(&own_file::read(memory).ok()?).ok()?;
    let count = all.len();
    let is_other = |one: &Value| one["file"].as_str().is_some_and(|file| file != "config.toml");
    Some((all.into_iter().filter(is_other).collect(), count))
}

fn remembers_own_config(memory: &Path) -> bool {
    of_other_configs(memory).is_none_or(|(others, count)| others.len() < count)
}

/// Forgets the usual configuration. Others are still known: a later reset has to ask who is let in by them.
pub(super) fn forget_own_config(memory: &Path) -> Result<(), StoreError> {
    match of_other_configs(memory) {
        Some((others, _)) if !others.is_empty() => private::replace_json(memory, &others),
        _ => file::gone(std::fs::remove_file(memory))
            .map(drop)
            .map_err(|error| crate::io("remove", memory, error)),
    }
}

/// All of it: what lets in, then the configuration, then what keeps out, then the access log.
fn everything(state: &StateDir) -> Result<Vec<Vec<PathBuf>>, StoreError> {
    let below = |name: &str| state.path().join(name);
    let json = |name: &str| is(name, "json");
    let mut lets_in = in_folder(&state.credentials(), |name| {
        let lists = ["-allowFrom.json", "-pairing.json"];
        lists.iter().any(|end| name.ends_with(end))
            || ["owners.json", "gateway-token"].contains(&name)
    })?;
    let lists = |name: &str| ["bootstrap.json", "paired.json", "pending.json"].contains(&name);
    lets_in.extend(in_folder(&state.devices(), lists)?);
    lets_in.extend(in_folder(&state.nodes(), lists)?);
    lets_in.extend(in_folder(&state.keys(), |name| is(name, "key"))?);
    let own = |name: &str| ["device-auth.json", "device.json", "gateways.json"].contains(&name);
    lets_in.extend(in_folder(&below("identity"), own)?);
    lets_in.extend(in_folder(&below("gateway/tls"), |name| {
        ["gateway-cert.pem", "gateway-key.pem"].contains(&name)
    })?);
    let settings = |name: &str| ["imported.json", "voicewake.json"].contains(&name);
    let mut rest = in_folder(&below("settings"), settings)?;
    rest.push(state.config());
    rest.extend(state.loose_files());
    rest.extend(in_folder(&state.held(), json)?);
    rest.extend(in_folder(&state.outbox(), json)?);
    let journals = |name: &str| is(name, "jsonl") || is(name, "json");
    rest.extend(in_folder(&below("inbox"), journals)?);
    for folder in own_folders(state)? {
        within(&folder, &mut rest)?;
    }
    let mut keeps_out = in_folder(&state.credentials(), |name| name.ends_with("-denied.json"))?;
    keeps_out.extend(in_folder(&state.devices(), |name| name == "removed.json")?);
    keeps_out.extend(in_folder(&state.access(), |name| {
        ["grants.json", "imported.json", "owners-seen.json", "unconfirmed", "verdicts.json"]
            .contains(&name)
    })?);
    let mut log = in_folder(&state.audit(), |name| {
        let is_log = name.starts_with("access") && (name.contains(".jsonl"));
        is_log || ["head", "index.json"].contains(&name)
    })?;
    log.extend(in_folder(&state.credentials(), |name| name == "access-log")?);
    let run = vec![state.socket(), state.gateway_lock()];
    Ok(vec![lets_in, rest, keeps_out, log, vec![state.config_memory()], run])
}

/// Folders that hold nothing but what a channel or the gateway keeps of conversations and files.
fn own_folders(state: &StateDir) -> Result<Vec<PathBuf>, StoreError> {
    let mut folders = vec![state.files()];
    let of_accounts = |name: &str| name.contains('-');
    for (name, path) in file::entries(&state.path().join("conversations"))? {
        folders.extend(of_accounts(&name).then_some(path));
    }
    for (name, path) in file::entries(&state.path().join("inbox"))? {
        folders.extend(name.ends_with("-files").then_some(path));
    }
    folders.retain(|folder| is_folder(folder));
    Ok(folders)
}

/// Every file of a folder and of those below it.
fn within(folder: &Path, all: &mut Vec<PathBuf>) -> Result<(), StoreError> {
    for (_, path) in file::entries(folder)? {
        if is_folder(&path) {
            within(&path, all)?;
        } else {
            all.push(path);
        }
    }
    Ok(())
}

/// The files of a folder that fit, with their locks, and what was written aside or kept of them. A folder that is a link
/// is none of ours.
fn in_folder(folder: &Path, fits: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, StoreError> {
    if !is_folder(folder) {
        return Ok(Vec::new());
    }
    let entries = file::entries(folder)?.into_iter();
    let mut all: Vec<PathBuf> =
        entries.filter(|(name, _)| fits(of(name))).map(|(_, path)| path).collect();
    all.sort();
    Ok(all)
}

/// Whether the name has this ending.
fn is(name: &str, ending: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == ending)
}

/// The name of the file that this one belongs to.
fn of(name: &str) -> &str {
    let name = name.split_once(".oc-").map_or(name, |(name, _)| name);
    name.strip_suffix(".orig").or_else(|| name.strip_suffix(".lock")).unwrap_or(name)
}

fn is_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|meta| meta.is_dir())
}

/// Removes the folders that are empty now. The state folder itself stays: without it, a start would take an older one.
pub(super) fn clear_folders(state: &StateDir) {
    let conversations = own_folders(state).unwrap_or_default();
    for folder in conversations.iter().chain(state.folders().iter().rev()) {
        clear(folder);
    }
}

/// Removes a folder if there is nothing in it but empty folders.
fn clear(folder: &Path) {
    for (_, path) in file::entries(folder).unwrap_or_default() {
        if is_folder(&path) {
            clear(&path);
        }
    }
    // One that holds something stays.
    let _full = std::fs::remove_dir(folder);
}
