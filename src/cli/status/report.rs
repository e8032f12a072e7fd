//! `openclaw status --all`: how this set-up is, fit to paste into an issue. Nothing in it names a person, an account, a
//! device or a folder, and each part that cannot be read is said to be unknown.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use openclaw_plugin_sdk::{AccessEntry, AccessState, neutral};
use serde::Serialize;

use crate::{
    Ended, Exit, Failure, Host, Output,
    checks::{self, Context, Found, Seen, Standing},
    config::Config,
    control::{access, owners, pairing},
    import_room,
    local_client::status::{AccountStatus, ChannelsStatus},
    registry,
    rules::device::role::Role,
    services,
    store::{Store, paths::StateDir},
    text,
};

/// The names that a state folder has by itself.
const USUAL: [&str; 4] = [".openclaw", ".clawdbot", ".moltbot", ".moldbot"];

/// All of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    pub(crate) schema: u32,
    pub(crate) version: &'static str,
    pub(crate) build: &'static str,
    pub(crate) features: Vec<&'static str>,
    pub(crate) os: String,
    pub(crate) architecture: &'static str,
    pub(crate) state: String,
    pub(crate) configuration: &'static str,
    pub(crate) assistant: Option<String>,
    pub(crate) gateway: Gateway,
    pub(crate) services: Vec<Installed>,
    /// `None` where neither a gateway nor the configuration says.
    pub(crate) channels: Option<Vec<Accounts>>,
    pub(crate) counts: Counts,
    pub(crate) findings: Vec<Id>,
}

/// The gateway of this state folder.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Gateway {
    pub(crate) state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) uptime_seconds: Option<u64>,
}

/// A service of this machine.
#[derive(Debug, Serialize)]
pub(crate) struct Installed {
    pub(crate) kind: &'static str,
    pub(crate) state: String,
    pub(crate) restarts: u32,
}

/// Accounts of a channel that fare alike.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Accounts {
    pub(crate) channel: &'static str,
    pub(crate) state: String,
    pub(crate) dm_policy: String,
    pub(crate) count: usize,
}

/// How many there are; `None` where that cannot be read.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Counts {
    pub(crate) people: Option<usize>,
    pub(crate) blocked: Option<usize>,
    pub(crate) requests: Option<usize>,
    pub(crate) owners: Option<usize>,
    pub(crate) groups: Option<usize>,
    pub(crate) devices: Option<usize>,
    pub(crate) device_requests: Option<usize>,
    pub(crate) nodes: Option<usize>,
}

/// Something that a check has found.
#[derive(Debug, Serialize)]
pub(crate) struct Id {
    pub(crate) id: String,
    pub(crate) severity: &'static str,
}

/// Shows it.
pub(super) fn show(host: &Host, json: bool, output: &mut Output) -> Ended {
    let report = read(host)?;
    if json {
        return output.json(&report);
    }
    for line in text::whole_report(&report) {
        output.line(line);
    }
    Ok(Exit::Done)
}

fn read(host: &Host) -> Result<Report, Failure> {
    let Found { state, store, config, .. } = host.found(None)?;
    let context = Context::read(host.found(None)?);
    let config = config.ok();
    let configuration = match &config {
        Some(config) if config.file.is_some() => "loads",
        Some(_) => "does not exist",
        None => "does not load",
    };
    let seen = context.standing().seen();
    let from_config = || Some(ChannelsStatus::configured(config.as_ref()?, Host::now()));
    let channels = seen.map(|seen| seen.channels.clone()).or_else(from_config);
    let findings = checks::ids(&context).into_iter();
    let findings = findings.map(|(severity, id)| Id { id, severity: severity.word() });
    Ok(Report {
        schema: 1,
        version: env!("CARGO_PKG_VERSION"),
        build: if cfg!(debug_assertions) { "debug" } else { "release" },
        features: import_room::READS_SQLITE.then_some("import-sqlite").into_iter().collect(),
        os: system(),
        architecture: std::env::consts::ARCH,
        state: place(state.path(), Host::env("HOME").map(PathBuf::from).as_deref()).to_owned(),
        configuration,
        assistant: config.as_ref().map(|config| config.assistant.responder.clone()),
        gateway: gateway(context.standing(), &state),
        services: services(),
        channels: channels.as_ref().map(accounts),
        counts: counts(&store, config.as_ref()),
        findings: findings.collect(),
    })
}

/// What this machine runs.
fn system() -> String {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let name = name.map(|name| neutral(name.trim_matches('"'), 64)).unwrap_or_default();
    if name.is_empty() { std::env::consts::OS.to_owned() } else { name }
}

/// Where a folder is, without a word that its user chose.
fn place(folder: &Path, home: Option<&Path>) -> &'static str {
    let below = home.and_then(|home| folder.strip_prefix(home).ok());
    let Some(below) = below else { return "outside the home folder" };
    let usual = ["~/.openclaw", "~/.clawdbot", "~/.moltbot", "~/.moldbot"];
    let found = USUAL.iter().position(|name| below == Path::new(name));
    found.map_or("another folder below ~", |at| usual[at])
}

fn gateway(standing: &Standing, state: &StateDir) -> Gateway {
    let state_word = match standing {
        Standing::Runs(_) => "runs",
        Standing::Silent { .. } => "does not answer",
        Standing::Stale(_) | Standing::Off => "does not run",
    };
    let Some(Seen { health, .. }) = standing.seen() else {
        return Gateway { state: state_word, ..Gateway::default() };
    };
    // It writes its lock once, when it starts.
    let since = fs::metadata(state.gateway_lock()).and_then(|meta| meta.modified()).ok();
    let since = since.and_then(|since| since.duration_since(UNIX_EPOCH).ok());
    let uptime = since.map(|since| (Host::now().0 / 1_000).saturating_sub(since.as_secs()));
    Gateway {
        state: state_word,
        version: Some(neutral(&health.version, 64)),
        uptime_seconds: uptime,
    }
}

fn services() -> Vec<Installed> {
    let installed = services::installed().into_iter();
    let installed = installed.map(|(kind, report)| Installed {
        kind,
        state: if report.state.is_empty() {
            "unknown".to_owned()
        } else {
            neutral(&report.state, 32)
        },
        restarts: report.restarts,
    });
    installed.collect()
}

fn accounts(status: &ChannelsStatus) -> Vec<Accounts> {
    let mut alike: BTreeMap<(&'static str, String, String), usize> = BTreeMap::new();
    for plugin in registry::CHANNELS {
        for account in status.channel_accounts.get(plugin.id).into_iter().flatten() {
            let policy = neutral(&account.dm_policy, 32);
            *alike.entry((plugin.id, word(account), policy)).or_default() += 1;
        }
    }
    let row = |((channel, state, dm_policy), count)| Accounts { channel, state, dm_policy, count };
    alike.into_iter().map(row).collect()
}

fn word(account: &AccountStatus) -> String {
    match (&account.state, account.enabled, account.running) {
        (Some(state), ..) if !state.is_empty() => neutral(state, 32),
        (_, false, _) => "disabled".to_owned(),
        (_, true, Some(true)) => "running".to_owned(),
        (_, true, Some(false)) => "not running".to_owned(),
        (_, true, None) => "enabled".to_owned(),
    }
}

fn counts(store: &Store, config: Option<&Config>) -> Counts {
    let now = Host::now();
    let entries = access::all(store, None, now).ok();
    let count = |wanted: fn(&AccessState) -> bool| {
        let fits = |entry: &&AccessEntry| wanted(&entry.state);
        entries.as_ref().map(|all| all.iter().filter(fits).count())
    };
    let owners = match config {
        Some(config) => owners::all(store, config).map(|all| all.len()).ok(),
        None => None,
    };
    let groups = config.map(|config| {
        let listed = config.accounts.iter().filter_map(|account| account.groups.groups.as_ref());
        listed.map(HashSet::len).sum()
    });
    let devices = store.devices().ok();
    let newer = devices
        .as_ref()
        .map(|all| all.iter().filter(|device| device.approved.roles.contains(&Role::Node)).count());
    let older = store.nodes(now).map(|(_, nodes)| nodes.len()).ok();
    Counts {
        people: count(|state| matches!(state, AccessState::Lasting | AccessState::Until(_))),
        blocked: count(|state| matches!(state, AccessState::Blocked)),
        requests: pairing::waiting(store, None, now).map(|all| all.len()).ok(),
        owners,
        groups,
        devices: devices.map(|all| all.len()),
        device_requests: store.device_requests(now).map(|all| all.len()).ok(),
        nodes: newer.zip(older).map(|(newer, older)| newer + older),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_says_no_word_that_its_user_chose() {
        let home = Some(Path::new("/home/ann"));
        for (folder, expected) in [
            ("/home/ann/.openclaw", "~/.openclaw"),
            ("/home/ann/.moltbot", "~/.moltbot"),
            ("/home/ann/.openclaw-mueller", "another folder below ~"),
            ("/srv/ann", "outside the home folder"),
        ] {
            assert_eq!(place(Path::new(folder), home), expected, "{folder}");
        }
        assert_eq!(place(Path::new("/home/ann/.openclaw"), None), "outside the home folder");
    }
}
