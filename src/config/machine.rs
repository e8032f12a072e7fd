//! What the configuration names, and what this machine has of it: files, programs, a way in for platforms that call.

use std::{os::unix::fs::PermissionsExt, path::Path};

use openclaw_plugin_sdk::{Ingress, http_client::is_local, own_file, reqwest::Url};

use super::{Account, Config, gateway::Tailscale};

/// What accounts that are on need, and is not there or cannot be used.
pub(super) fn lacking(config: &Config, env: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let on = || config.accounts.iter().filter(|account| account.enabled);
    let programs = on().filter_map(|account| missing_program(account, env));
    on().flat_map(unusable_files).chain(programs).collect()
}

/// Why the files that an account names cannot be used.
fn unusable_files(account: &Account) -> impl Iterator<Item = String> {
    let named = account.settings.iter().filter(|(key, _)| key.ends_with("_file"));
    named.filter_map(|(key, value)| {
        let path = Path::new(value.as_str()?);
        let why = own_file::read(path).err()?;
        Some(format!("channels.{}: `{key}` {}: {why}", account.key.channel, path.display()))
    })
}

/// The program that an account starts, where it is not there.
fn missing_program(account: &Account, env: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let program = account.settings.get("cli_path")?.as_str()?;
    let is_program = |path: &Path| {
        let meta = path.metadata();
        meta.is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    let found = if program.contains('/') {
        is_program(Path::new(program))
    } else {
        let folders = env("PATH").unwrap_or_default();
        std::env::split_paths(&folders).any(|folder| is_program(&folder.join(program)))
    };
    let channel = &account.key.channel;
    (!found).then(|| {
        format!(
            "channels.{channel}: `cli_path` {program}: there is no such program that can be run"
        )
    })
}

/// The accounts that a platform calls, where nothing of this configuration leads from outside to the port.
pub(super) fn out_of_reach(config: &Config) -> Vec<String> {
    let gateway = &config.gateway;
    if !gateway.bind.is_loopback()
        || gateway.tailscale != Tailscale::Off
        || !gateway.trusted_proxies.is_empty()
    {
        return Vec::new();
    }
    let called = |account: &&Account| {
        let called_at = account.settings.get("callback_url").and_then(|url| url.as_str());
        let is_local =
            called_at.and_then(|url| Url::parse(url).ok()).is_some_and(|url| is_local(&url));
        account.enabled && matches!(account.plugin.ingress, Ingress::Chosen { .. }) && !is_local
    };
    let accounts = config.accounts.iter().filter(called);
    let warned = accounts.filter_map(|Account { key, path, .. }| {
        let path = path.as_deref()?;
        Some(format!(
            "channels.{}: its platform calls `{path}`, and `gateway.bind` lets only this machine in: put a proxy or a \
             tunnel before the port, and name it in `gateway.trusted_proxies`",
            key.channel
        ))
    });
    warned.collect()
}

/// What the file says is for this user alone.
pub(super) fn read_by_others(file: &Path) -> Option<String> {
    let meta = file.metadata().ok()?;
    let why = own_file::Rights::of(&meta).unreadable().err()?;
    Some(format!("{}: {why}", file.display()))
}
