//! Secrets that others can read, and rights that the gateway does not need.

use std::{
    fs,
    path::{Path, PathBuf},
};

use openclaw_plugin_sdk::{own_file::Rights, toml};

use crate::{Context, Finding, Severity, finding::Place, machine, network, repair::Repair, text};

/// A shorter value is no secret, and stands in every log.
const SHORTEST: usize = 8;

pub(super) fn in_unit(context: &Context) -> Vec<Finding> {
    let Some(unit) = &context.unit else { return Vec::new() };
    let secret = |(_, name, value): &(usize, String, String)| {
        let last = name.rsplit('_').next().unwrap_or(name);
        let words = ["KEY", "PASSPHRASE", "PASSWORD", "SECRET", "TOKEN"];
        words.contains(&last) && !value.is_empty()
    };
    let finding = |(line, name, _): (usize, String, String)| {
        let found = Finding::new(Severity::Warn, name.clone(), text::in_unit(&name));
        let place = Place { file: unit.path.clone(), line: Some(line), key: None };
        found.at(Some(place)).by_hand(text::EDIT_ENV)
    };
    unit.set().into_iter().filter(secret).map(finding).collect()
}

/// Every file that the configuration names for a secret.
fn named(context: &Context) -> Vec<(String, PathBuf)> {
    let Some(config) = &context.config else { return Vec::new() };
    let mut found = Vec::new();
    for account in &config.accounts {
        let table = format!("channels.{}", account.key.channel);
        found.extend(files(&table, &account.settings));
    }
    for (id, settings) in &config.assistant.tables {
        found.extend(files(&format!("assistant.{id}"), settings));
    }
    let key = config.gateway.tls.key_path.clone();
    found.extend(key.map(|path| ("gateway.tls.key_path".to_owned(), path)));
    found
}

fn files(table: &str, settings: &toml::Table) -> Vec<(String, PathBuf)> {
    let named = settings.iter().filter(|(key, _)| key.ends_with("_file"));
    let path = |(key, value): (&String, &toml::Value)| {
        Some((format!("{table}.{key}"), PathBuf::from(value.as_str()?)))
    };
    named.filter_map(path).collect()
}

fn is_open(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && Rights::of(&meta).unreadable().is_err())
}

pub(super) fn file_mode(context: &Context) -> Vec<Finding> {
    let open = named(context).into_iter().filter(|(_, path)| is_open(path));
    let finding = |(key, path): (String, PathBuf)| {
        let found = Finding::new(Severity::Critical, key.clone(), text::secret_file(&path));
        let place = Place { file: path.clone(), line: None, key: Some(key) };
        narrowed(found.at(Some(place)), &path)
    };
    open.map(finding).collect()
}

pub(super) fn env_dump(context: &Context) -> Vec<Finding> {
    let names = [".env", "env"].map(|name| context.state.path().join(name));
    let open = names.into_iter().filter(|path| is_open(path));
    let finding = |path: PathBuf| {
        let found = Finding::new(Severity::Info, context.short(&path), text::secret_file(&path));
        narrowed(found.in_file(&path), &path)
    };
    open.map(finding).collect()
}

fn narrowed(found: Finding, path: &Path) -> Finding {
    let command = text::chmod(0o600, path);
    // What a link leads to is not for us to change.
    if path.is_symlink() {
        return found.by_hand(command);
    }
    found.by_itself(command, Repair::mode(path, 0o600))
}

pub(super) fn in_log(context: &Context) -> Vec<Finding> {
    let secrets = secrets(context);
    let mut found = Vec::new();
    for path in logs(context) {
        let Ok(bytes) = fs::read(&path) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        for (name, secret) in &secrets {
            let Some(at) = text.find(secret.as_str()) else { continue };
            let line = Some(1 + text[..at].matches('\n').count());
            let one = Finding::new(Severity::Critical, name.clone(), text::in_log(name));
            let place = Place { file: path.clone(), line, key: None };
            found.push(one.at(Some(place)).by_hand(text::CHANGE_SECRET));
        }
    }
    found
}

/// Every secret of the configuration, by the key or the file that has it.
fn secrets(context: &Context) -> Vec<(String, String)> {
    let Some(config) = &context.config else { return Vec::new() };
    let mut found = Vec::new();
    let mut add = |name: String, value: &toml::Value| {
        found.extend(value.as_str().map(|text| (name, text.trim().to_owned())));
    };
    for account in &config.accounts {
        for key in &account.hidden {
            let value = account.settings.get(key);
            let name = format!("channels.{}.{key}", account.key.channel);
            if let Some(value) = value {
                add(name, value);
            }
        }
    }
    for (id, keys) in &config.assistant.hidden {
        for key in keys {
            let value = config.assistant.tables.get(id).and_then(|table| table.get(key));
            if let Some(value) = value {
                add(format!("assistant.{id}.{key}"), value);
            }
        }
    }
    if let Ok((Some(secret), _)) = network::secret::read(&config.gateway.auth, &context.state) {
        found.push(("gateway.auth".to_owned(), secret.expose().to_owned()));
    }
    found.retain(|(_, secret)| secret.len() >= SHORTEST);
    found
}

/// The access log, and what looks like a log beside it.
fn logs(context: &Context) -> Vec<PathBuf> {
    let root = context.state.path();
    let folders = [context.state.audit(), root.to_owned(), root.join("logs")];
    let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).into_iter().flatten());
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    found.retain(|path| {
        let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
        ["jsonl", "log"].contains(&kind) && path.symlink_metadata().is_ok_and(|it| it.is_file())
    });
    found.sort();
    found
}

pub(super) fn root(context: &Context) -> Vec<Finding> {
    let Some(seen) = context.gateway.seen() else { return Vec::new() };
    let status = |key| machine::status(&context.machine, seen.health.pid, key);
    let Some(users) = status("Uid") else { return Vec::new() };
    let is_root = users.split_whitespace().nth(1) == Some("0");
    let can = status("CapEff").and_then(|bits| u64::from_str_radix(&bits, 16).ok());
    let says = if is_root {
        text::ROOT
    } else if can.is_some_and(|bits| bits != 0) {
        text::CAPABILITIES
    } else {
        return Vec::new();
    };
    let found = Finding::new(Severity::Warn, format!("pid {}", seen.health.pid), says);
    vec![found.by_hand(text::AS_ITS_OWN_USER)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Seen, Standing,
        local_client::{
            Health,
            status::{ChannelsStatus, Outbox},
        },
        works::tests::context,
    };

    #[test]
    fn a_gateway_with_more_rights_than_it_needs_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut context = context(folder.path());
        let health = Health {
            ok: true,
            pid: 7,
            port: 1,
            version: String::new(),
            unnamed_proxies: None,
            assistant: None,
            restart: Vec::new(),
        };
        let (channels, outbox) = (ChannelsStatus::default(), Outbox::default());
        context.gateway = Standing::Runs(Box::new(Seen { health, channels, outbox }));
        assert_eq!(root(&context), [], "nothing is known of its process");
        let path = context.machine.join("proc/7/status");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        for (status, says) in [
            ("Uid:\t1000\t1000\t1000\t1000\nCapEff:\t0000000000000000\n", None),
            ("Uid:\t1000\t1000\t1000\t1000\nCapEff:\t0000000000000400\n", Some(text::CAPABILITIES)),
            ("Uid:\t1000\t0\t0\t0\nCapEff:\t0000000000000000\n", Some(text::ROOT)),
        ] {
            let mut file = fs::File::create(&path).unwrap();
            std::io::Write::write_all(&mut file, status.as_bytes()).unwrap();
            let found = root(&context).into_iter().map(|one| one.message).next();
            assert_eq!(found.as_deref(), says, "{status}");
        }
    }
}
