//! An account tried on its plugin, without a connection: one that does not open is written, and switched off.

use openclaw_plugin_sdk::{AccountId, ChannelPlugin, Settings, toml};
use toml_edit::DocumentMut;

use super::job::{Job, child};

/// The key of an account's table that the plugin does not take as it is.
pub(super) fn refused(
    job: &mut Job<'_>,
    plugin: &ChannelPlugin,
    (ours, id): (&[String], &str),
) -> Option<String> {
    let account = AccountId::parse(id)?;
    let written = job.table(ours).map(|table| DocumentMut::from(table.clone()).to_string())?;
    let mut table: toml::Table = toml::from_str(&written).ok()?;
    table.retain(|key, _| plugin.keys.contains(&key));
    for (_, value) in &mut table {
        if let toml::Value::String(text) = value {
            *text = filled(job, plugin.id, text);
        }
    }
    for (key, name) in plugin.env_keys.iter().filter(|_| account.is_default()) {
        if !job.wrote(&child(ours, key))
            && job.unset.iter().any(|(unset, _)| unset == name) | (job.env)(name).is_some()
        {
            let value = value(job, plugin.id, key, name);
            table.insert((*key).to_owned(), toml::Value::String(value));
        }
    }
    let settings = Settings { account, table, key: [0; 32], commands: Vec::new() };
    (plugin.open)(settings).err().map(|error| error.key)
}

/// A text with the names in it filled in.
fn filled(job: &Job<'_>, channel: &str, text: &str) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, after) = (&rest[..at], &rest[at + 2..]);
        match (before.strip_suffix('$'), after.split_once('}')) {
            (Some(before), _) => {
                filled.push_str(before);
                filled.push_str("${");
                rest = after;
            }
            (None, Some((name, behind))) => {
                filled.push_str(before);
                let key =
                    job.unset.iter().find(|(unset, _)| unset == name).map(|(_, key)| key.clone());
                let key = key.unwrap_or_default();
                let key = key.split_once('.').map_or(&*key, |(_, key)| key);
                filled.push_str(&value(job, channel, key, name));
                rest = behind;
            }
            (None, None) => break,
        }
    }
    filled.push_str(rest);
    filled
}

fn value(job: &Job<'_>, channel: &str, key: &str, name: &str) -> String {
    let set = (job.env)(name).filter(|value| !value.trim().is_empty());
    set.unwrap_or_else(|| stand_in(&format!("{channel}.{key}"), name))
}

/// A value of the right form for a name that is not set, different for each name.
pub(super) fn stand_in(key: &str, name: &str) -> String {
    let name = name.to_ascii_lowercase();
    match key {
        "base_url"
        | "bluebubbles.server_url"
        | "googlechat.audience"
        | "msteams.service_url"
        | "signal.url"
        | "telegram.api_root"
        | "public_url" => "https://not-set.invalid".to_owned(),
        "feishu.app_id" => "cli_0123456789abcdef".to_owned(),
        "msteams.app_id" | "msteams.tenant_id" => "00000000-0000-4000-8000-000000000001".to_owned(),
        "signal.account" => "+15550000001".to_owned(),
        "slack.app_token" => format!("xapp-{name}"),
        "slack.bot_token" => format!("xoxb-{name}"),
        "telegram.bot_token" => format!("1:{name}"),
        _ => format!("not-set-{name}-0123456789"),
    }
}
