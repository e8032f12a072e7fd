//! People that only a meaning of before let in.

use openclaw_plugin_sdk::{AccountId, ChannelPlugin, own_file};
use serde_json::Value;

use super::{job::Job, senders::Senders};
use crate::{
    report::Generation, rules::AccountKey, store::paths::StateDir, text::settings as text,
};

/// Names those who were approved beside `dmPolicy: "allowlist"`, which let them in before and does so no more.
pub(super) fn name(
    job: &mut Job<'_>,
    plugin: &ChannelPlugin,
    (account, listed): (&str, &Senders),
    theirs: &[String],
) {
    let Some(account) = AccountId::parse(account) else { return };
    if job.generation != Generation::Files {
        return;
    }
    let key = AccountKey { channel: plugin.id.to_owned(), account };
    let mut lost: Vec<String> = Vec::new();
    for file in StateDir::at(job.folder).allowlists(&key) {
        let Ok(bytes) = own_file::read(&file) else { continue };
        let stored: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        for entry in stored.get("allowFrom").and_then(Value::as_array).into_iter().flatten() {
            let entry = entry.as_str().map_or_else(|| entry.to_string(), str::to_owned);
            let Ok(id) = (plugin.parse_sender)(&entry) else { continue };
            let id = id.as_str().to_owned();
            if !listed.everyone && !listed.ids.contains(&id) && !lost.contains(&id) {
                lost.push(id);
            }
        }
    }
    if !lost.is_empty() {
        let all: toml_edit::Array = listed.ids.iter().chain(&lost).map(String::as_str).collect();
        job.alarm(theirs, text::lost(&lost, &all.to_string()));
    }
}
